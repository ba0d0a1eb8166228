"""A Dask cluster of two worker processes gives what one machine gives, also when a worker dies."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

import stance
from stance.errors import StanceError
from stance.model.predictor import Model, load
from stance.predict.dask import predict_on_cluster
from stance.predict.files import predict_files, sources_of
from tests.conftest import RunCli

distributed = pytest.importorskip("distributed")
frames = pytest.importorskip("dask.dataframe")

# The cluster's own sockets and threads may outlive it by a moment.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as started:
        yield started


@pytest.fixture(scope="module")
def model(tiny_run: Path) -> Model:
    return load(tiny_run)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for i in range(12):
        texts = "".join(f'{n:03},"Report {i}: ""Moscow"" condemned\nthe shield"\n' for n in range(150))
        (tmp_path / "in" / f"{i:02}.csv").write_text(f"n,text\n{texts}")
    return tmp_path / "in"


def test_the_folder_has_the_rows_of_one_machine(cli: RunCli, tiny_run: Path, folder: Path, cluster: Any) -> None:
    command = ["predict", "--model", str(tiny_run), "--input", str(folder), "--long", "--target", "shield", "--output"]
    assert cli(*command, "one.parquet").returncode == 0
    where = ["--engine", "dask", "--scheduler", cluster.scheduler_address]
    done = cli(*command, "many.parquet", *where)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in folder.parent.iterdir()) == ["in", "many.parquet", "one.parquet"]
    one, many = (pq.read_table(folder.parent / name).to_pandas() for name in ("one.parquet", "many.parquet"))
    columns = [name for name in one if name != "shield"]
    pd.testing.assert_frame_equal(many[columns], one[columns])
    again = cli(*command, "many.parquet", *where)
    assert again.returncode == 1
    assert "cannot write many.parquet; wanted the name of a new folder" in again.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_a_worker_killed_in_mid_job_costs_no_row(model: Model, folder: Path, cluster: Any) -> None:
    killed: list[int] = []
    done = threading.Event()

    def kill_one() -> None:
        while not done.wait(0.01):
            if list(folder.parent.glob(".o.parquet.part/*.parquet")):
                killed.append(next(iter(cluster.workers.values())).process.pid)
                os.kill(killed[0], signal.SIGKILL)
                return

    thread = threading.Thread(target=kill_one)
    thread.start()
    try:
        predict_on_cluster(
            model, sorted(folder.iterdir()), folder.parent / "o.parquet", scheduler=cluster.scheduler_address
        )
    finally:
        done.set()
        thread.join()
    assert killed
    predict_files(model, sources_of(str(folder)), folder.parent / "one.parquet")
    one, many = (pq.read_table(folder.parent / name).to_pandas() for name in ("one.parquet", "o.parquet"))
    pd.testing.assert_frame_equal(many, one)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("n,text\n1,a\n2\n", r"in/07\.csv:3: found 1 fields; wanted 2"),
        ("n,words\n1,a\n", r"in/07\.csv: columns file, n, words; wanted file, n, text, as in the first file"),
    ],
    ids=["ragged", "columns"],
)
def test_a_bad_file_stops_the_job_and_leaves_nothing(
    model: Model, folder: Path, cluster: Any, body: str, message: str
) -> None:
    (folder / "07.csv").write_text(body)
    with pytest.raises(StanceError, match=message):
        predict_on_cluster(
            model, sorted(folder.iterdir()), folder.parent / "o.parquet", scheduler=cluster.scheduler_address
        )
    assert list(folder.parent.iterdir()) == [folder]


def test_a_row_without_a_text_is_named(model: Model, tmp_path: Path, cluster: Any) -> None:
    for i in range(3):
        (tmp_path / f"{i}.jsonl").write_text('{"text": "a"}\n' + '{"text": null}\n' * (i == 1))
    with pytest.raises(StanceError, match=r"1\.jsonl: the table:2: column 'text': found None"):
        predict_on_cluster(
            model, sorted(tmp_path.iterdir()), tmp_path / "o.parquet", scheduler=cluster.scheduler_address
        )


def test_a_cluster_that_does_not_answer_is_said(model: Model, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stance.predict.dask.PATIENCE", "1s")
    with pytest.raises(StanceError, match="the Dask cluster failed: Timed out trying to connect"):
        predict_on_cluster(model, [folder / "00.csv"], folder.parent / "o.parquet", scheduler="127.0.0.1:9")


def test_a_dask_frame_is_scored_by_partition(model: Model, cluster: Any) -> None:
    frame = pd.DataFrame({"text": [f"Report {i}: the shield is a threat" for i in range(40)], "n": range(40)})
    whole = stance.score_frame(frame, model)
    parts = frames.from_pandas(frame, npartitions=4)
    meta = stance.score_frame(parts._meta, model)
    with distributed.Client(cluster):
        scored = parts.map_partitions(stance.score_frame, model, meta=meta).compute()
    assert list(meta) == list(whole)
    pd.testing.assert_frame_equal(scored, whole, check_dtype=False)
