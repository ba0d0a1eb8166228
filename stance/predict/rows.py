"""Rows in, rows out: a table's texts predicted, every column kept, every bad row told apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from stance.data.records import Column, cells_of
from stance.errors import DataError, Fault, StanceError, choices
from stance.labels import LABELS

if TYPE_CHECKING:
    import pandas as pd

    from stance.model.predictor import Model

_NAMES: npt.NDArray[np.object_] = np.asarray(LABELS, dtype=object)


@dataclass(frozen=True)
class Plan:
    """Which predictions stand beside a table's own columns, and under which names.

    Attributes
    ----------
    text_column
        The column to read.
    columns
        The table's own columns, in order.
    targets
        The targets to predict, or empty for each row's own, which the column `target` names.
    long
        One row a (text, target), with the probability of each label.
    new
        The predictions' columns: name, and whether it holds numbers or else strings.
    """

    text_column: str
    columns: tuple[str, ...]
    targets: tuple[str, ...]
    long: bool
    new: dict[str, bool]


def plan(
    model: Model,
    columns: Iterable[str],
    *,
    source: str,
    text_column: str = "text",
    targets: Sequence[str] = (),
    long: bool = False,
) -> Plan:
    """Return what is to be predicted for a table of these columns.

    Parameters
    ----------
    columns
        The table's.
    source
        The table's name, for messages.
    targets
        Targets to predict; empty means the row's own where the table has a column `target`,
        else all of the model's.

    Returns
    -------
    Plan
        Its new columns, wide: for each target its name and `<target>_proba`; with the table's own
        targets `stance` and `proba`. Long: `target`, `stance` and a column a label. A name the
        table already has is left to it, and the prediction's gets the suffix `_pred`.

    Raises
    ------
    DataError
        If the text column is missing.
    ModelError
        If the model does not know a target.
    StanceError
        If targets are given for a table that has its own.
    """
    names = tuple(columns)
    if text_column not in names:
        raise DataError([missing_column(names, text_column, source)])
    own = "target" in names
    if own and targets:
        raise StanceError(
            f"{source} has a column 'target' of its own, and targets were named too;"
            " wanted one of the two (drop --target, or the column)"
        )
    model.check_targets(targets)
    wanted = () if own else tuple(targets or model.targets)
    if long:
        fresh = [*([] if own else [("target", False)]), ("stance", False), *((label, True) for label in LABELS)]
    elif own:
        fresh = [("stance", False), ("proba", True)]
    else:
        fresh = [pair for target in wanted for pair in ((target, False), (f"{target}_proba", True))]
    new: dict[str, bool] = {}
    for name, number in fresh:
        while name in names or name in new:
            name += "_pred"
        new[name] = number
    return Plan(text_column, names, wanted, long, new)


def missing_column(names: Sequence[str], text_column: str, source: str) -> Fault:
    """Return the fault of a table without its text column, with the name that may have been meant."""
    close = [name for name in names if name.strip().casefold() == text_column.strip().casefold()]
    if close:
        hint = f"; for this table --text-column {close[0]!r} (in Python text_column)"
    else:
        hint = " (or name another: --text-column, in Python text_column)"
    found = f"columns {', '.join(names[:20])}{' ...' if len(names) > 20 else ''}"
    return Fault(source, 1, None, found, f"the column {text_column!r}{hint}")


def predict_rows(
    model: Model, columns: Mapping[str, Column], lines: Sequence[int], source: str, wanted: Plan
) -> tuple[dict[str, Column], list[Fault]]:
    """Return the rows with their predictions, and the faults of those that have no text or target.

    Parameters
    ----------
    columns
        Cells of each of some rows; a column of the plan that is not among them is empty.
    lines
        Line in the file of each row.
    """
    n = len(lines)
    texts: list[Any] = cells_of(columns[wanted.text_column]) if wanted.text_column in columns else [None] * n
    faults = {
        row: Fault(source, lines[row], wanted.text_column, f"{text!r} ({type(text).__name__})"[:200], "a text")
        for row, text in enumerate(texts)
        if not isinstance(text, str)
    }
    own: list[int] = []
    if not wanted.targets:
        place = {name: i for i, name in enumerate(model.targets)}
        for row, cell in enumerate(cells_of(columns.get("target", [None] * n))):
            own.append(place.get(str(cell).strip(), -1))
            if own[-1] < 0 and row not in faults:
                faults[row] = Fault(source, lines[row], "target", repr(cell)[:200], choices(model.targets))
    kept = {name: columns[name] if name in columns else [None] * n for name in wanted.columns}
    if faults:
        rows = [row for row in range(n) if row not in faults]
        kept = {name: _taken(column, rows) for name, column in kept.items()}
        texts = [texts[row] for row in rows]
        own = [own[row] for row in rows] if own else own
    new = dict(zip(wanted.new, _predictions(model, texts, own, wanted), strict=True))
    if wanted.long and wanted.targets:
        rows = [row for row in range(len(texts)) for _ in wanted.targets]
        kept = {name: _taken(column, rows) for name, column in kept.items()}
    return kept | new, [faults[row] for row in sorted(faults)]


def score_frame(
    frame: pd.DataFrame,
    model: Model,
    *,
    text_column: str = "text",
    targets: Sequence[str] = (),
    long: bool = False,
) -> pd.DataFrame:
    """Return a table with the model's predictions beside its own columns; its index is kept.

    The columns are those of `plan`. For Dask, name what comes back: a table without rows gives it.

        meta = stance.score_frame(frame._meta, model)
        frame.map_partitions(stance.score_frame, model, meta=meta)

    Raises
    ------
    DataError
        If the text column is missing, a text is null, or a row's target is not one of the model's.
        The line of a fault is the row's place in the table, from 1.
    ModelError
        If the model does not know a target.
    StanceError
        If what is given is not a table and a model.
    """
    import pandas as pd

    from stance.model.predictor import Model

    if not isinstance(frame, pd.DataFrame) or not isinstance(model, Model):
        found = f"{type(frame).__name__} and {type(model).__name__}"
        raise StanceError(f"found {found}; wanted a pandas table and a model: score_frame(frame, model)")
    names = [str(name) for name in frame.columns]
    wanted = plan(model, names, source="the table", text_column=text_column, targets=targets, long=long)
    read = {wanted.text_column, *([] if wanted.targets else ["target"])}
    cells = {name: list(frame[name]) for name in read}
    found, faults = predict_rows(model, cells, range(1, len(frame) + 1), "the table", wanted)
    if faults:
        raise DataError(faults)
    times = len(wanted.targets) if long and wanted.targets else 1
    result = frame.iloc[np.repeat(np.arange(len(frame)), times)].copy()
    for name, number in wanted.new.items():
        result[name] = pd.Series(list(found[name]), index=result.index, dtype="float64" if number else object)
    return result


def _predictions(model: Model, texts: list[str], own: list[int], wanted: Plan) -> list[Any]:
    """Return the cells of each of the plan's new columns."""
    proba = model.predict_proba(texts) if texts else np.zeros((0, len(model.targets), len(LABELS)))
    if not wanted.targets:
        proba = proba[np.arange(len(own)), own]
        columns = _label_columns(proba) if wanted.long else [proba.max(axis=-1)]
        return [_stances(proba), *(column.round(6) for column in columns)]
    proba = proba[:, [model.targets.index(name) for name in wanted.targets]]
    if wanted.long:
        flat = proba.reshape(-1, len(LABELS))
        return [
            list(wanted.targets) * len(texts),
            _stances(flat),
            *(column.round(6) for column in _label_columns(flat)),
        ]
    return [
        column
        for i in range(len(wanted.targets))
        for column in (_stances(proba[:, i]), proba[:, i].max(axis=-1).round(6))
    ]


def _stances(proba: npt.NDArray[np.float64]) -> npt.NDArray[np.object_]:
    return cast("npt.NDArray[np.object_]", _NAMES[proba.argmax(axis=-1)])


def _label_columns(proba: npt.NDArray[np.float64]) -> list[npt.NDArray[np.float64]]:
    return [proba[:, k] for k in range(len(LABELS))]


def _taken(column: Column, rows: list[int]) -> Column:
    return column.take(rows) if hasattr(column, "to_pylist") else [column[row] for row in rows]
