"""Files in, files out: a table's rows predicted, every column and row kept in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from stance.model import Model
from stance.schema import LABELS, DataError, Fault, StanceError, choices
from stance.tables import Table

_NAMES: npt.NDArray[np.object_] = np.asarray(LABELS, dtype=object)


def predict_table(
    model: Model,
    table: Table,
    *,
    text_column: str = "text",
    targets: Sequence[str] = (),
    long: bool = False,
) -> pd.DataFrame:
    """Return the table with the model's predictions beside its own columns.

    Parameters
    ----------
    text_column
        The column to read.
    targets
        Targets to predict; empty means the row's own where the table has a column `target`,
        else all of the model's.
    long
        One row a (text, target), with the probability of each label.

    Returns
    -------
    DataFrame
        Wide: for each target a column of its name and `<target>_proba`; with the table's own
        targets `stance` and `proba`. Long: `target`, `stance` and a column a label. A name the
        table already has is left to it, and the prediction's gets the suffix `_pred`.

    Raises
    ------
    DataError
        If the column is missing, a text is empty of type (null), or a row's target is not one
        of the model's.
    StanceError
        If targets are given for a table that has its own.
    """
    frame = table.frame
    names = [str(column) for column in frame.columns]
    if text_column not in names:
        found = f"columns {', '.join(names)}"
        wanted = f"the column {text_column!r} (or name another: --text-column)"
        raise DataError([Fault(table.source, 1, None, found, wanted)])
    texts = _texts(table, text_column)
    if "target" in names and targets:
        raise StanceError(
            f"{table.source} has a column 'target' of its own, and targets were named too;"
            " wanted one of the two (drop --target, or the column)"
        )
    model.check_targets(targets)
    proba = model.predict_proba(texts)
    if "target" in names:
        own = _own_targets(model, table)
        proba = proba[np.arange(len(own)), own]
        if long:
            return _beside(frame, {"stance": _stances(proba)} | _label_columns(proba))
        return _beside(frame, {"stance": _stances(proba), "proba": proba.max(axis=-1)})
    wanted_targets = list(targets or model.targets)
    places = [model.targets.index(name) for name in wanted_targets]
    if long:
        repeated = frame.loc[frame.index.repeat(len(places))].reset_index(drop=True)
        flat = proba[:, places].reshape(-1, len(LABELS))
        new = {"target": np.tile(np.asarray(wanted_targets, dtype=object), len(frame))}
        return _beside(repeated, new | {"stance": _stances(flat)} | _label_columns(flat))
    columns = {}
    for name, place in zip(wanted_targets, places, strict=True):
        columns[name] = _stances(proba[:, place])
        columns[f"{name}_proba"] = proba[:, place].max(axis=-1)
    return _beside(frame, columns)


def _stances(proba: npt.NDArray[np.float64]) -> npt.NDArray[np.object_]:
    return cast("npt.NDArray[np.object_]", _NAMES[proba.argmax(axis=-1)])


def _label_columns(proba: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[Any]]:
    return {label: proba[:, k] for k, label in enumerate(LABELS)}


def _beside(frame: pd.DataFrame, columns: dict[str, npt.NDArray[Any]]) -> pd.DataFrame:
    result = frame.copy()
    for name, values in columns.items():
        while name in result.columns:
            name += "_pred"
        result[name] = values.round(6) if values.dtype == float else values
    return result


def _texts(table: Table, column: str) -> list[str]:
    cells = table.frame[column]
    if cells.ndim > 1:
        raise DataError([Fault(table.source, 1, column, "the column twice", "each column once")])
    faults = [
        Fault(table.source, line, column, f"{cell!r} ({type(cell).__name__})", "a text")
        for line, cell in zip(table.lines, cells, strict=True)
        if not isinstance(cell, str)
    ]
    if faults:
        raise DataError(faults)
    return list(cells)


def _own_targets(model: Model, table: Table) -> list[int]:
    place = {name: i for i, name in enumerate(model.targets)}
    cells = [str(cell).strip() for cell in table.frame["target"]]
    faults = [
        Fault(table.source, line, "target", repr(cell), choices(model.targets))
        for line, cell in zip(table.lines, cells, strict=True)
        if cell not in place
    ]
    if faults:
        raise DataError(faults)
    return [place[cell] for cell in cells]
