"""The notebooks run anew, are committed with what they show, and show no text that is not this project's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.conftest import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
DATA = Path(os.environ.get("STANCE_DATA", "/nowhere"))
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path: Path) -> list[dict[str, Any]]:
    tree = json.loads(path.read_text(encoding="utf-8"))
    return [cell for cell in tree["cells"] if cell["cell_type"] == "code"]


@each
def test_notebook_runs_anew(path: Path) -> None:
    command = [sys.executable, str(ROOT / "experiments" / "notebooks.py"), "--check", path.stem]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    speeches = DATA / "ungd" / "TXT"
    if speeches.is_dir():
        environment["STANCE_UNGD"] = str(speeches)
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@each
def test_notebook_is_committed_as_it_ran_from_top_to_bottom_and_is_small(path: Path) -> None:
    cells = code_cells(path)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert path.stat().st_size < 1_000_000


@each
def test_notebook_names_no_folder_of_the_machine_that_ran_it(path: Path) -> None:
    assert str(ROOT) not in path.read_text(encoding="utf-8")


@pytest.mark.skipif(not DATA.is_dir(), reason="STANCE_DATA names no folder")
@each
def test_notebook_holds_no_sentence_of_the_real_texts(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    shown = "\n".join(
        "".join(text)
        for cell in cells
        for output in cell.get("outputs", [])
        for text in (output.get("text", ""), *output.get("data", {}).values())
        if isinstance(text, str | list)
    )
    shown = " ".join(shown.split())
    for source in ("ungd", "whitehouse"):
        sentences = pd.read_csv(DATA / source / "sentences.csv")["text"]
        assert not [text for text in sentences if len(text) > 40 and " ".join(text.split())[:40] in shown]
