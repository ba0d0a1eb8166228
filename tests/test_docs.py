"""What the documents say is what the code does, and what is public is all that notebooks and experiments use."""

from __future__ import annotations

import ast
import contextlib
import doctest
import importlib
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import stance
from stance.app.main import app
from tests.conftest import ROOT, RunCli

DOCUMENTS = [ROOT / "README.md", ROOT / "data" / "README.md", *sorted(ROOT.glob("docs/*.md"))]
WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "stance").rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)
USERS = sorted([*ROOT.glob("experiments/*.py"), *ROOT.glob("notebooks/*.ipynb")])

each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_module_doctests(module: str) -> None:
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted
    assert not result.failed


def blocks(path: Path) -> list[tuple[str, str]]:
    """Return the language and the text of each fenced block of a document, in order."""
    fenced = re.findall(r"^( *)```(\w+)\n(.*?)^\1```$", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [(language, textwrap.dedent(text)) for _, language, text in fenced]


@each_document
def test_python_blocks_print_the_text_block_below_them(
    path: Path, tiny_csv: Path, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blocks of a document run in turn, in a folder with mine.csv, mine/sentences.csv and a run in runs/mine."""
    (tmp_path / "mine").mkdir()
    shutil.copy(tiny_csv, tmp_path / "mine.csv")
    shutil.copy(tiny_csv, tmp_path / "mine" / "sentences.csv")
    shutil.copytree(tiny_run, tmp_path / "runs" / "mine")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for (language, code), (below, expected) in pairwise([*blocks(path), ("", "")]):
        if language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(code, names)
            if below == "text":
                assert printed.getvalue() == expected


def test_the_first_command_of_the_readme_prints_what_it_says(cli: RunCli) -> None:
    (_, command), (_, printed) = blocks(DOCUMENTS[0])[:2]
    words = shlex.split(command)
    assert words[:2] == ["uvx", "stance-detect"]
    assert cli(*words[2:]).stdout == printed


def test_readme_has_python_that_prints() -> None:
    languages = [language for language, _ in blocks(DOCUMENTS[0])]
    assert ("python", "text") in pairwise(languages)


@each_document
def test_commands_have_the_options_that_they_are_shown_with(path: Path) -> None:
    for language, text in blocks(path):
        for line in text.splitlines() if language == "bash" else []:
            words = shlex.split(line, comments=True)
            if words[:1] != ["stance"]:
                continue
            command: Any = get_command(app)
            for word in words[1:]:
                command = getattr(command, "commands", {}).get(word, command)
            options = {option for parameter in command.params for option in parameter.opts}
            assert not hasattr(command, "commands"), line
            assert {word.split("=")[0] for word in words if word.startswith("-")} <= options, line


def test_the_two_commands_of_the_first_screen_stand_alone() -> None:
    first = DOCUMENTS[0].read_text(encoding="utf-8").split("\n## ", 1)[0]
    train, test = (line for line in first.splitlines() if "-m venv .venv" in line)
    assert "pip install" in train
    assert "pip install" in test
    assert train.endswith("stance train")
    assert "-m pytest" in test


@each_document
def test_links_to_files_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\((?!\w+:)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / link).exists(), link


@pytest.mark.slow
def test_generated_tables_are_what_the_code_measures(default_checkout: Path) -> None:
    command = [sys.executable, str(ROOT / "experiments" / "readme.py"), "--check"]
    command += ["--run", str(default_checkout / "experiments" / "runs" / "default")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_public_names_are_there() -> None:
    assert {"load", "train", "plots", "LABELS"} <= set(stance.__all__)
    for name in stance.__all__:
        assert getattr(stance, name) is not None


@pytest.mark.parametrize("path", USERS, ids=lambda path: path.name)
def test_notebooks_and_experiments_use_public_names_alone(path: Path) -> None:
    code = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = [cell["source"] for cell in json.loads(code)["cells"] if cell["cell_type"] == "code"]
        code = "\n".join("".join(cell).replace("%matplotlib inline", "") for cell in cells)
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            assert not [alias.name for alias in node.names if alias.name.startswith("stance.")]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "stance":
            assert node.module == "stance"
            assert {alias.name for alias in node.names} <= set(stance.__all__)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "stance":
            assert node.attr in stance.__all__
