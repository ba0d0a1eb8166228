"""The folder of a run: what is in it, and that it is written whole or not at all."""

from __future__ import annotations

import shutil
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import joblib
import pytest

from stance.data.corpus import read_corpus
from stance.errors import ConfigError, RunError
from stance.report import run_files
from stance.report import run_folder as runs
from stance.training import search
from stance.training.fitting import fit
from tests.conftest import small_settings

FILES = {
    "model.joblib", "model.safetensors", "metrics.json", "predictions.csv", "config.toml", "environment.json",
    "report.html", "MODEL_CARD.md", "plots",
}  # fmt: skip


def test_a_run_has_every_file(tiny_run: Path) -> None:
    assert {path.name for path in tiny_run.iterdir()} == FILES
    plots = {path.stem for path in (tiny_run / "plots").iterdir()}
    assert plots == {"baselines", "confusion", "reliability", "risk_coverage", "phrases-shield", "phrases-club"}


@pytest.mark.parametrize(
    "backend", ["threading", *[pytest.param(name, marks=pytest.mark.slow) for name in ("loky", "dask")]]
)
@pytest.mark.filterwarnings("default")  # The sockets of Dask's cluster may outlive it by a moment.
def test_the_same_seed_gives_the_same_bytes_where_joblib_is_told_to_work(
    tiny_run: Path, tiny_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    threads: set[str] = set()  # of this process: another one has a copy of its own
    inner = search._search

    def spy(*args: Any) -> Any:
        threads.add(threading.current_thread().name)
        return inner(*args)

    monkeypatch.setattr(search, "_search", spy)
    with ExitStack() as stack:
        if backend == "dask":
            distributed = pytest.importorskip("distributed")
            cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
            stack.enter_context(distributed.Client(stack.enter_context(cluster)))
        stack.enter_context(joblib.parallel_config(backend))
        runs.train(small_settings(tiny_csv), tmp_path / "again", n_jobs=2)
    assert bool(threads) == (backend == "threading")
    for name in ("metrics.json", "predictions.csv", "MODEL_CARD.md", "model.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (tiny_run / name).read_bytes(), name


def test_a_folder_that_is_no_run_is_left_alone(tiny_csv: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("precious")
    with pytest.raises(RunError, match="exists and is not a run"):
        runs.train(small_settings(tiny_csv), tmp_path / "thesis", n_jobs=1)
    assert (tmp_path / "thesis" / "chapter1.txt").read_text() == "precious"


def test_a_file_for_settings_is_refused_with_what_to_write() -> None:
    with pytest.raises(ConfigError, match=r"found 'mine\.csv'; wanted Settings: .*changed\(data__files=\[FILE\]\)"):
        runs.train("mine.csv")  # type: ignore[arg-type]


def test_a_run_that_is_not_written_to_the_end_leaves_the_older_one_and_one_that_is_replaces_it_whole(
    tiny_csv: Path, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    (folder / "plots" / "stale.png").write_bytes(b"")
    training = fit(small_settings(tiny_csv), read_corpus([tiny_csv]), n_jobs=1)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def stop(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_files, "model_card", stop)
    with pytest.raises(KeyboardInterrupt):
        runs.write_run(training, folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    monkeypatch.undo()
    runs.write_run(training, folder)
    assert not (folder / "plots" / "stale.png").exists()
    assert (folder / "metrics.json").read_bytes() == (tiny_run / "metrics.json").read_bytes()
