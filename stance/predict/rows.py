"""Rows in, rows out: a table's texts predicted, every column kept, every bad row told apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from stance.data.chunks import cells_of
from stance.errors import DataError, Fault, StanceError, choices
from stance.labels import LABELS

if TYPE_CHECKING:
    import pandas as pd

    from stance.model.predictor import Model


@dataclass(frozen=True)
class Plan:
    """Which predictions stand beside a table's own columns.

    Attributes
    ----------
    text_column
        The column to read.
    targets
        The targets to predict; empty for each row's own, which the column `target` names.
    long
        Whether there is a row for each text and target, with the probability of each label.
    columns
        Names of the predictions' columns, each with its Arrow type: "string" or "double".
    """

    text_column: str
    targets: tuple[str, ...]
    long: bool
    columns: dict[str, str]


def make_plan(
    model: Model,
    columns: Iterable[str],
    *,
    source: str,
    text_column: str = "text",
    targets: Sequence[str] = (),
    long: bool = False,
) -> Plan:
    """Return what is to be predicted for a table of these columns; `source` is its name in messages.

    Without `targets` it is each row's own where the table has a column `target`, else all of the model's. The
    plan's columns are, for each target, its name and `<target>_proba`; with targets of the rows' own `stance` and
    `proba`; if `long`, `target`, `stance` and a column a label. A name that the table already has is left to it,
    and the prediction's gets the suffix `_pred`.

    Raises
    ------
    DataError
        If the text column is missing.
    ModelError
        If the model does not know a target.
    StanceError
        If targets are given for a table that has its own.
    """
    taken = list(columns)
    if text_column not in taken:
        raise DataError([missing_column(taken, text_column, source)])
    own = "target" in taken
    if own and targets:
        raise StanceError(
            f"{source} has a column 'target' of its own, and targets were named too;"
            " wanted one of the two (drop --target, or the column)"
        )
    model.check_targets(targets)
    targets = () if own else tuple(targets or model.targets)
    if long:
        names = {"target": "string"} if targets else {}
        names |= {"stance": "string", **dict.fromkeys(LABELS, "double")}
    else:
        names = {}
        for target in targets or ("stance",):
            names |= {target: "string", f"{target}_proba" if targets else "proba": "double"}
    free: dict[str, str] = {}
    for name, kind in names.items():
        while name in taken or name in free:
            name += "_pred"
        free[name] = kind
    return Plan(text_column, targets, long, free)


def missing_column(names: Sequence[str], text_column: str, source: str) -> Fault:
    """Return the fault of a table without its text column, with the name that may have been meant."""
    close = [name for name in names if name.strip().casefold() == text_column.strip().casefold()]
    if close:
        hint = f"; for this table --text-column {close[0]!r} (in Python text_column)"
    else:
        hint = " (or name another: --text-column, in Python text_column)"
    found = f"columns {', '.join(names[:20])}{' ...' if len(names) > 20 else ''}"
    return Fault(source, 1, None, found, f"the column {text_column!r}{hint}")


def predictions(model: Model, texts: Sequence[str], plan: Plan, own: Sequence[str] = ()) -> dict[str, list[Any]]:
    """Return the cells of the plan's columns; `own` is each text's target where the plan has none."""
    proba = model.predict_proba(texts)
    if plan.targets:
        proba = proba[:, [model.targets.index(name) for name in plan.targets]]
    else:
        proba = proba[np.arange(len(texts)), [model.targets.index(name) for name in own], np.newaxis]
    cells: list[npt.NDArray[Any]] = []
    if plan.long and plan.targets:
        cells.append(np.tile(np.array(plan.targets, dtype=object), len(texts)))
    for block in [proba.reshape(-1, len(LABELS))] if plan.long else np.moveaxis(proba, 1, 0):
        cells.append(np.array(LABELS, dtype=object)[block.argmax(axis=-1)])
        cells += list(block.T.round(6)) if plan.long else [block.max(axis=-1).round(6)]
    return {name: column.tolist() for name, column in zip(plan.columns, cells, strict=True)}


def predict_table(
    model: Model, frame: pd.DataFrame, lines: Sequence[int], source: str, plan: Plan
) -> tuple[pd.DataFrame, list[Fault]]:
    """Return the rows with their predictions, and the faults of those without a text or a known target.

    `lines` and `source` are where the rows stand: their line in a file, and its name.
    """
    import pandas as pd

    texts = cells_of(frame[plan.text_column])
    own = [] if plan.targets else [str(cell).strip() for cell in cells_of(frame["target"])]
    faults: dict[int, Fault] = {}
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            found = f"{text!r} ({type(text).__name__})"
            faults[row] = Fault(source, lines[row], plan.text_column, found[:200], "a text")
        elif own and own[row] not in model.targets:
            faults[row] = Fault(source, lines[row], "target", repr(own[row])[:200], choices(model.targets))
    good = [row for row in range(len(texts)) if row not in faults]
    cells = predictions(model, [texts[row] for row in good], plan, [own[row] for row in good] if own else [])
    times = len(plan.targets) or 1 if plan.long else 1
    kept = frame.iloc[np.repeat(np.array(good, dtype=np.intp), times)]
    types = {"string": object, "double": np.float64}
    new = {name: pd.Series(cells[name], kept.index, types[kind]) for name, kind in plan.columns.items()}
    return pd.concat([kept, pd.DataFrame(new, index=kept.index)], axis=1), list(faults.values())


def score_frame(
    frame: pd.DataFrame,
    model: Model,
    *,
    text_column: str = "text",
    targets: Sequence[str] = (),
    long: bool = False,
) -> pd.DataFrame:
    """Return a table with the model's predictions (see `make_plan`) beside its own columns; its index is kept.

    For Dask, name what comes back: a table without rows gives it.

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
    plan = make_plan(model, names, source="the table", text_column=text_column, targets=targets, long=long)
    result, faults = predict_table(model, frame, range(1, len(frame) + 1), "the table", plan)
    if faults:
        raise DataError(faults)
    return result
