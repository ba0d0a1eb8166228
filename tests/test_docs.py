"""What the documents say is what the code does."""

from __future__ import annotations

import doctest
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


PACKAGE = ROOT / "stance"
WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_module_doctests(module: str) -> None:
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted
    assert not result.failed


def test_readme_doctest(default_checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(default_checkout)
    found = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert found.attempted >= 5
    assert found.failed == 0


def test_generated_tables_are_what_the_code_measures(default_checkout: Path) -> None:
    command = [sys.executable, str(ROOT / "experiments" / "readme.py"), "--check"]
    command += ["--run", str(default_checkout / "experiments" / "runs" / "default")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_first_screen_has_exactly_two_commands_that_stand_alone() -> None:
    first = README.split("\n## ", 1)[0]
    lines = [
        line for block in re.findall(r"```bash\n(.*?)```", first, re.DOTALL) for line in block.strip().splitlines()
    ]
    assert len(lines) == 2
    assert all("-m venv .venv" in line and "pip install" in line for line in lines)
    assert lines[0].endswith("stance train")
    assert lines[1].endswith("-m pytest")


def test_links_to_files_lead_somewhere() -> None:
    for name in ("README.md", "data/README.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)#:]+)\)", text):
            assert ((ROOT / name).parent / link).exists(), f"{name}: {link}"


def test_no_text_of_others_is_committed_and_no_path_points_outside() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    if not tracked:
        pytest.skip("not a git checkout")
    for name in tracked:
        raw = (ROOT / name).read_bytes()
        assert b".." + b"/shared" not in raw or name == ".ci/run", name
