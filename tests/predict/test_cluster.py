"""A Dask cluster of worker processes gives what one machine gives, also when a worker dies."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import stance
from stance.data.streams import sources_of
from stance.errors import StanceError
from stance.model.predictor import Model, load
from stance.predict import archive
from stance.predict.archive import predict_files
from tests.conftest import RunCli, small_settings

dask = pytest.importorskip("distributed")
frames = pytest.importorskip("dask.dataframe")

# The cluster's own sockets and threads may outlive it by a moment.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with dask.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as found:
        yield found


@pytest.fixture(scope="module")
def model(tiny_run: Path) -> Model:
    return load(tiny_run)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "a.txt"
    path.write_text("".join(f"Report {i}: Moscow condemned the shield\n" for i in range(1500)))
    return path


def test_the_output_is_that_of_one_machine(cli: RunCli, tiny_run: Path, source: Path, cluster: Any) -> None:
    command = ["predict", "--model", str(tiny_run), "--input", "a.txt", "--output"]
    assert cli(*command, "one.csv").returncode == 0
    done = cli(*command, "many.csv", "--engine", "dask", "--scheduler", cluster.scheduler_address)
    assert done.returncode == 0, done.stderr
    assert (source.parent / "many.csv").read_bytes() == (source.parent / "one.csv").read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_a_worker_killed_in_mid_job_costs_no_row(
    model: Model, source: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "PART_ROWS", 25)
    one, many = source.parent / "one.csv", source.parent / "many.csv"
    predict_files(model, sources_of(str(source)), one)
    killed: list[int] = []

    def kill_one(rows: int, done: int, total: int) -> None:
        if rows >= 200 and not killed:
            killed.append(next(iter(cluster.workers.values())).process.pid)
            os.kill(killed[0], signal.SIGKILL)

    predict_files(
        model, sources_of(str(source)), many, engine="dask", scheduler=cluster.scheduler_address, progress=kill_one
    )
    assert killed
    assert many.read_bytes() == one.read_bytes()


def test_a_cluster_that_does_not_answer_is_said(model: Model, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stance.predict.cluster.PATIENCE", "1s")
    with pytest.raises(StanceError, match=r"no Dask scheduler answers at 127\.0\.0\.1:9"):
        predict_files(model, sources_of(str(source)), source.parent / "o.csv", engine="dask", scheduler="127.0.0.1:9")


def test_a_dask_frame_is_scored_by_partition(model: Model, cluster: Any) -> None:
    frame = pd.DataFrame({"text": [f"Report {i}: the shield is a threat" for i in range(40)], "n": range(40)})
    whole = stance.score_frame(frame, model)
    parts = frames.from_pandas(frame, npartitions=4)
    meta = stance.score_frame(parts._meta, model)
    with dask.Client(cluster):
        found = parts.map_partitions(stance.score_frame, model, meta=meta).compute()
    assert list(meta) == list(whole)
    pd.testing.assert_frame_equal(found, whole, check_dtype=False)


@pytest.mark.parametrize("backend", ["threading", "dask"])
def test_training_gives_the_same_bytes_wherever_it_runs(
    cli: RunCli, tiny_csv: Path, tiny_run: Path, tmp_path: Path, cluster: Any, backend: str
) -> None:
    (tmp_path / "tiny.toml").write_text(small_settings(tiny_csv).to_toml(), encoding="utf-8")
    where = ["--scheduler", cluster.scheduler_address] if backend == "dask" else ["--jobs", "2"]
    done = cli("train", "tiny.toml", "--out", "run", "--backend", backend, *where)
    assert done.returncode == 0, done.stderr
    for name in ("metrics.json", "predictions.csv", "model.safetensors"):
        assert (tmp_path / "run" / name).read_bytes() == (tiny_run / name).read_bytes(), name


def test_training_says_that_a_scheduler_needs_dask(cli: RunCli, tiny_csv: Path) -> None:
    done = cli("train", "--data", tiny_csv, "--scheduler", "127.0.0.1:9")
    assert done.returncode == 2
    assert "wanted --backend dask with it" in done.stderr
