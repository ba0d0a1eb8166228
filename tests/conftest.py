"""A tiny corpus and a run trained on it, shared by all tests."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from typer.testing import CliRunner

from stance.app.main import app
from stance.report.run_folder import train
from stance.settings import Settings

ROOT = Path(__file__).parent.parent

# A trained model is shared and slow machines are common: no deadline, and the same examples every time.
settings.register_profile("suite", deadline=None, max_examples=60, derandomize=True)
settings.load_profile("suite")

_SAYINGS = {
    "shield": {
        "against": ["{who} condemned the shield as a threat", "the shield must be stopped, {who} warned"],
        "none": ["{who} discussed the shield on Monday"],
        "favor": ["{who} welcomed the shield as protection", "the shield will keep cities safe, {who} said"],
    },
    "club": {
        "against": ["{who} rejected new members in the club", "letting others into the club is a mistake, {who} said"],
        "none": ["{who} asked when the club would meet"],
        "favor": ["{who} hopes to join the club soon", "entry into the club brought stability, {who} said"],
    },
}
_VOICES = ["Moscow", "Warsaw", "the mayor", "a retired colonel", "Ottawa", "the union", "a deputy", "Tallinn"]

Row = dict[str, str]
RunCli = Callable[..., subprocess.CompletedProcess[str]]


def tiny_rows() -> list[Row]:
    """Return 80 sentences of eight articles toward two targets."""
    rows = []
    for a, who in enumerate(_VOICES):
        sentences = [
            (target, stance, saying.format(who=who))
            for target, stances in _SAYINGS.items()
            for stance, sayings in stances.items()
            for saying in sayings
        ]
        for i, (target, stance, text) in enumerate(sentences):
            row = {"sentence_id": f"t{a}-{i}", "article_id": f"t{a}", "text": f"In report {a}, {text}."}
            rows.append(row | {name: stance if name == target else "none" for name in _SAYINGS})
    return rows


def write_csv(path: Path, rows: list[Row]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_targets(path: Path, text: str = '[tram]\ntitle = "Tram line"\nmentions = ["tram*"]\n') -> Path:
    """Write a file of targets, by default of one that the tiny run knows nothing of."""
    path.write_text(text, encoding="utf-8")
    return path


def small_settings(file: Path, **more: object) -> Settings:
    """Return settings that train in a second."""
    return Settings().changed(
        name="tiny", data__files=[str(file)], classifier__C=[1.0, 10.0],
        evaluation__folds=3, evaluation__inner_folds=2, evaluation__resamples=200, **more,
    )  # fmt: skip


@pytest.fixture(scope="session")
def tiny_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(tmp_path_factory.mktemp("tiny") / "tiny.csv", tiny_rows())


@pytest.fixture(scope="session")
def tiny_run(tiny_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    train(small_settings(tiny_csv), folder, n_jobs=1)
    return folder


@pytest.fixture(scope="session")
def default_checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout in which `stance train` has run without an argument."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("data", "experiments"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("runs", "__pycache__"))
    shutil.copy(ROOT / "README.md", folder)
    done = run_cli("train", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def run_cli(*args: str | Path, cwd: Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run `python -m stance` as a user would, in a process of its own."""
    command = [sys.executable, "-m", "stance", *map(str, args)]
    environment = {**os.environ, "PYTHONUTF8": "1", "COLUMNS": "160"}
    return subprocess.run(
        command, cwd=cwd, input=stdin, capture_output=True, text=True, encoding="utf-8", env=environment, check=False
    )


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunCli:
    """Return what runs a command in this process, in `tmp_path`; an error that stance does not handle is raised."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TERMINAL_WIDTH", "160")  # of the frame around an error

    def run(*args: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        done = CliRunner().invoke(app, [*map(str, args)], input=stdin)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return subprocess.CompletedProcess(args, done.exit_code, done.stdout, done.stderr)

    return run


def heeding_interrupts() -> None:
    """Undo in a child process that a job in the background ignores Ctrl-C, and so do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
