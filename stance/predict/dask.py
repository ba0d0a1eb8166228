"""The same rows on many machines: a Dask DataFrame, a file a partition, scored where it is read."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stance.data.tables import read_table
from stance.errors import DataError, StanceError
from stance.predict.rows import score_frame

if TYPE_CHECKING:
    import pandas as pd

    from stance.model.predictor import Model

#: How long a scheduler may take to answer.
PATIENCE = "10s"


def predict_on_cluster(
    model: Model, files: Sequence[Path], output: Path, *, scheduler: str | None = None, **options: Any
) -> None:
    """Predict files of the same columns into a folder of Parquet files, one each, with a first column `file`.

    The cluster's machines read the files and write the folder, so each must have both under the same path; the folder
    must be new, and appears whole or not at all. `scheduler` is an address such as ``tcp://host:8786``, None starts
    worker processes on this machine; `options` are those of `score_frame`. StanceError if a row is bad, the folder
    exists, or the cluster is not to be had or fails.
    """
    try:
        dask, dataframe, distributed = map(import_module, ("dask", "dask.dataframe", "distributed"))
    except ImportError:
        raise StanceError("a Dask cluster needs dask: pip install 'stance-detect[dask]'") from None
    if output.exists() or not output.resolve().parent.is_dir():
        raise StanceError(f"cannot write {output}; wanted the name of a new folder, in one that exists")
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # else it tells of every connection
    unfinished = output.resolve().with_name(f".{output.name}.part")
    workers = {"n_workers": os.cpu_count(), "threads_per_worker": 1, "dashboard_address": None}
    cluster = {"address": scheduler, "timeout": PATIENCE} if scheduler else workers
    try:
        with distributed.Client(**cluster), dask.config.set({"dataframe.convert-string": False}):
            first = _read(files[0]).iloc[:0]
            meta = score_frame(first, model, **options)
            frame = dataframe.from_map(_read, [file.resolve() for file in files], names=list(first), meta=first)
            # Delayed, the model is sent once and not with each partition.
            frame = frame.map_partitions(_score, dask.delayed(model), options, meta=meta)
            frame.to_parquet(unfinished, write_index=False, schema=None, name_function="{:08}.parquet".format)
        os.replace(unfinished, output)
    except StanceError:
        raise
    except Exception as error:
        raise StanceError(f"the Dask cluster failed: {error}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _read(file: Path, names: list[str] | None = None) -> pd.DataFrame:
    try:
        frame = read_table(file).frame
    except DataError as error:
        raise StanceError(str(error)) from None  # a DataError does not travel between processes
    frame.insert(0, "file", str(file))
    if names and list(frame) != names:
        raise StanceError(
            f"{file}: columns {', '.join(map(str, frame))}; wanted {', '.join(names)}, as in the first file"
        )
    return frame


def _score(frame: pd.DataFrame, model: Model, options: dict[str, Any]) -> pd.DataFrame:
    try:
        return score_frame(frame, model, **options)
    except DataError as error:
        raise StanceError(f"{frame['file'].iloc[0]}: {error}") from None
