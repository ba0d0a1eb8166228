"""The notebooks run anew, and are committed with what they show."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SPEECHES = Path(os.environ.get("STANCE_DATA", "/nowhere")) / "ungd" / "TXT"
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.mark.slow
@each
def test_notebook_runs_anew(path: Path) -> None:
    command = [sys.executable, str(ROOT / "experiments" / "notebooks.py"), "--check", path.stem]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if SPEECHES.is_dir():
        environment["STANCE_UNGD"] = str(SPEECHES)
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@each
def test_notebook_is_committed_as_it_ran_from_top_to_bottom_and_is_small(path: Path) -> None:
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert path.stat().st_size < 1_000_000
