"""Run folders: written whole or not at all."""

from __future__ import annotations

import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import joblib

from stance.data.corpus import Corpus, read_data
from stance.data.tables import write_table
from stance.errors import ConfigError, RunError
from stance.labels import LABELS
from stance.report import plots, run_files, tables
from stance.settings import Settings, with_whole_paths
from stance.training.fitting import MODEL, Training, fit, versions
from stance.training.search import Progress

#: A folder with these is a run, and may be replaced by another.
_MARKS = ("config.toml", "metrics.json")


def train(
    settings: Settings,
    out: str | Path | None = None,
    *,
    corpus: Corpus | None = None,
    strict: bool = False,
    n_jobs: int = -1,
    progress: Progress | None = None,
) -> tuple[Training, Path]:
    """Read the data, train, and write a run.

    Parameters
    ----------
    settings
        With the data files in `settings.data.files`.
    out
        The run's folder; by default `runs_folder() / settings.name`.
    corpus
        The data, where they are read already.
    strict
        Make data warnings errors.
    n_jobs, progress
        As in `stance.training.fitting.fit`.

    Returns
    -------
    (training, folder)

    Raises
    ------
    ConfigError
        If the settings are not `Settings`.
    DataError
        If the data cannot be used.
    RunError
        If the folder is there and not a run, or cannot be written; nothing is trained then.
    """
    if not isinstance(settings, Settings):
        raise ConfigError(
            f"found {settings!r}; wanted Settings: stance.read_settings(EXPERIMENT), or for a table of your own"
            " stance.Settings().changed(data__files=[FILE])"
        )
    folder = Path(out) if out is not None else runs_folder() / settings.name
    check_replaceable(folder)
    corpus = corpus or read_data(settings.data, strict=strict)
    training = fit(settings, corpus, n_jobs=n_jobs, progress=progress)
    write_run(training, folder)
    return training, folder


def write_run(training: Training, folder: str | Path) -> None:
    """Write all of a training; an older run of that name is replaced at the end.

    Raises
    ------
    RunError
        If the folder is there and not a run, or cannot be written.
    """
    folder = Path(folder)
    check_replaceable(folder)
    pictures = _pictures(training)
    with _replacing(folder) as new:
        training.model.save(new / "model.safetensors")
        joblib.dump(training.pipeline, new / "model.joblib", compress=3)
        # Whole paths, since what a file names is taken relative to it.
        data = with_whole_paths(training.settings.data.model_dump(), Path.cwd())
        _write(new / "config.toml", training.settings.changed(data=data).to_toml())
        _write(new / "metrics.json", run_files.metrics_json(training))
        _write(new / "environment.json", _environment(training))
        _write(new / "report.html", run_files.html_report(training, pictures))
        _write(new / "MODEL_CARD.md", run_files.model_card(training))
        write_table(training.predictions.round(dict.fromkeys(LABELS, 6)), new / "predictions.csv")
        (new / "plots").mkdir()
        for name, raw in pictures.items():
            safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in name)
            (new / "plots" / f"{safe}.png").write_bytes(raw)


def is_run(folder: Path) -> bool:
    """Tell whether a folder holds a run."""
    return all((folder / mark).is_file() for mark in _MARKS)


def check_replaceable(folder: Path) -> None:
    """Raise RunError if a run written to `folder` would destroy something else, or cannot be written."""
    if folder.is_file():
        raise RunError(f"{folder} is a file; wanted a folder for the run (`--out DIR`)")
    if folder.is_dir() and not is_run(folder) and any(folder.iterdir()):
        raise RunError(
            f"{folder} exists and is not a run; wanted a new folder, an empty one, or an older run"
            " to replace (`--out DIR`)"
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder.parent).close()
    except OSError as error:
        raise RunError(f"cannot write {folder}: {error.strerror}") from None


def checkout() -> Path | None:
    """Return the nearest folder, from here upward, that holds experiments/default.toml."""
    here = Path.cwd()
    return next((p for p in (here, *here.parents) if (p / "experiments/default.toml").is_file()), None)


def runs_folder() -> Path:
    """Return where runs go: experiments/runs in a checkout, else runs here."""
    root = checkout()
    return root / "experiments" / "runs" if root else Path("runs")


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """Yield a new folder beside `folder` that takes its name once all is written."""
    new = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=".part"))
    old = new.with_suffix(".old")
    try:
        yield new
        new.chmod(0o755)
        if folder.exists():
            os.replace(folder, old)
        try:
            os.replace(new, folder)
        except OSError:
            if old.exists():
                os.replace(old, folder)
            raise
    except OSError as error:
        raise RunError(f"cannot write {folder}: {error.strerror}") from None
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _environment(training: Training) -> str:
    facts = {
        "trained": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(training.seconds, 1),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "versions": versions(),
    }
    return json.dumps(facts, indent=1) + "\n"


def _pictures(training: Training) -> dict[str, bytes]:
    titles = tables.titles_of(training)
    figures = {
        "baselines": plots.against_baselines(
            {tables.SYSTEMS[name]: evaluation for name, evaluation in training.evaluations.items()}, titles
        ),
        "confusion": plots.confusion(training.evaluations[MODEL], titles),
        "reliability": plots.reliability(training.calibration),
        "risk_coverage": plots.risk_coverage(training.risk_coverage),
    }
    for name, title in titles.items():
        rows = [row for row in training.phrases if row["target"] == name]
        phrases = {
            label: [(row["phrase"], row["push"]) for row in rows if row["label"] == label]
            for label in ("against", "favor")
        }
        figures[f"phrases-{name}"] = plots.top_phrases(title, phrases)
    return {name: plots.png(figure) for name, figure in figures.items()}
