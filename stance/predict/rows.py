"""Texts in, predictions out: the columns that stand beside a table's own, and every bad row told apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from stance.data.tables import cells_of
from stance.errors import DataError, Fault, StanceError, choices
from stance.labels import LABELS, UNSURE

if TYPE_CHECKING:
    import pandas as pd

    from stance.model.predictor import Model

Columns = dict[str, npt.NDArray[Any]]
#: By the position of a row: the column of a bad cell, what was found and what was wanted.
BadCells = dict[int, tuple[str, str, str]]


@dataclass(frozen=True)
class Predicted:
    """What `score_frame` gives of some rows."""

    columns: dict[str, Any]  #: names with types, as `table_writer` takes them
    rows: list[list[Any]]
    bad: BadCells  #: for which rows are left out
    counts: Counter[tuple[str, str]]  #: of texts by target and stance


def predict_rows(
    model: Model, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Any], *, text_column: str, **options: Any
) -> Predicted:
    """Predict rows; `columns` are theirs with their types, as in `Predicted`."""
    texts = [row.get(text_column) for row in rows]
    own = [row.get("target") for row in rows] if "target" in columns else None
    positions, new, bad, counts = _predictions(model, texts, own, columns, text_column, **options)
    old = [[row.get(name) for name in columns] for row in rows]
    cells = zip(*(column.tolist() for column in new.values()), strict=True)
    predicted = [[*old[i], *row] for i, row in zip(positions.tolist(), cells, strict=True)]
    types = {name: "double" if column.dtype == float else None for name, column in new.items()}
    return Predicted({**columns, **types}, predicted, bad, counts)


def _predictions(
    model: Model,
    texts: Sequence[Any],
    own: Sequence[Any] | None,
    taken: Collection[str],
    text_column: str,
    *,
    targets: Sequence[str] = (),
    long: bool = False,
    min_proba: float = 0.0,
) -> tuple[npt.NDArray[np.intp], Columns, BadCells, Counter[tuple[str, str]]]:
    """Return the position of each new row's text, the new columns, the bad cells, and counts as in `Predicted`.

    With `own`, targets as a table names them, each text is predicted for that one.
    """
    if own is not None and targets:
        raise StanceError(
            "the table has a column 'target' of its own, and targets were named too;"
            " wanted one of the two (drop --target, or the column)"
        )
    model.check_targets(targets)
    names = None if own is None else [str(name).strip() for name in own]
    bad: BadCells = {}
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            bad[i] = (text_column, f"{text!r} ({type(text).__name__})"[:200], "a text")
        elif names is not None and names[i] not in model.targets:
            bad[i] = ("target", repr(names[i])[:200], choices(model.targets))
    good = [i for i in range(len(texts)) if i not in bad]
    proba = model.predict_proba([texts[i] for i in good])
    if names is None:
        targets = targets or model.targets
        proba = proba[:, [model.targets.index(name) for name in targets]]
        about = [*targets] * len(good)
    else:
        about = [names[i] for i in good]
        proba = proba[np.arange(len(good)), [model.targets.index(name) for name in about], np.newaxis]
    stances = stances_of(proba, min_proba)
    columns: Columns = {}
    headings = [model.info.column(name) for name in targets]
    for name, cells in _columns(proba, stances, headings, long=long).items():
        while name in taken or name in columns:
            name += "_pred"
        columns[name] = cells
    positions = np.repeat(np.array(good, dtype=np.intp), proba.shape[1] if long else 1)
    return positions, columns, bad, Counter(zip(about, stances.ravel().tolist(), strict=True))


def stances_of(proba: npt.NDArray[np.float64], min_proba: float) -> npt.NDArray[np.object_]:
    """Return the stances of probabilities of shape (..., 3), ``"unsure"`` where none is `min_proba` or more."""
    stances = np.array(LABELS, dtype=object)[proba.argmax(axis=-1)]
    return np.where(proba.max(axis=-1) < min_proba, UNSURE, stances)


def _columns(
    proba: npt.NDArray[np.float64], stances: npt.NDArray[np.object_], targets: Sequence[str], *, long: bool
) -> Columns:
    """Return the columns of probabilities of shape (n_texts, n_targets, n_labels); no targets are each text's own."""
    columns: Columns = {}
    if long:
        if targets:
            columns["target"] = np.tile(np.array(targets, dtype=object), len(proba))
        shares = zip(LABELS, proba.reshape(-1, len(LABELS)).T.round(6), strict=True)
        return {**columns, "stance": stances.ravel(), **dict(shares)}
    for i, target in enumerate(targets or ("stance",)):
        columns[target] = stances[:, i]
        columns[f"{target}_proba" if targets else "proba"] = proba[:, i].max(axis=1).round(6)
    return columns


def missing_column(names: Sequence[str], text_column: str, source: str) -> Fault | None:
    """Return the fault of a table that lacks its text column, with the name that may have been meant."""
    if text_column in names:
        return None
    close = [name for name in names if name.strip().casefold() == text_column.strip().casefold()]
    option = f"for this table --text-column {close[0]!r}" if close else "or name another: --text-column"
    found = f"columns {', '.join(names[:20])}{' ...' if len(names) > 20 else ''}"
    return Fault(source, 1, None, found, f"the column {text_column!r}; {option} (in Python text_column)")


def score_frame(
    frame: pd.DataFrame,
    model: Model,
    *,
    text_column: str = "text",
    targets: Sequence[str] = (),
    long: bool = False,
    min_proba: float = 0.0,
) -> pd.DataFrame:
    """Return a table with the model's predictions beside its own columns; its index is kept.

    Without `targets` they are for each row's own where the table has a column `target`, else for all of the model's.
    The columns are, for each target, its name and `<target>_proba`; with targets of the rows' own `stance` and
    `proba`; if `long`, a row for each text and target with `target`, `stance` and a column a label. A target that the
    model has no labels of is `<target>_zero_shot` there. A name that the table already has is left to it, and the
    prediction's gets the suffix `_pred`. A stance is ``"unsure"`` where no label has a probability of `min_proba`, a
    fraction, or more.

    For Dask, name what comes back: a table without rows gives it.

        meta = stance.score_frame(frame._meta, model)
        frame.map_partitions(stance.score_frame, model, meta=meta)

    Raises
    ------
    DataError
        If the text column is missing or there twice, a text is null, or a row's target is not one of the model's; the
        line of a fault is the row's number in the table, from 1.
    StanceError
        If the model does not know a target, targets are named for a table that has its own, or what is given is not
        a table and a model.
    """
    import pandas as pd

    from stance.model.predictor import Model

    if not isinstance(frame, pd.DataFrame) or not isinstance(model, Model):
        found = f"{type(frame).__name__} and {type(model).__name__}"
        raise StanceError(f"found {found}; wanted a pandas table and a model: score_frame(frame, model)")
    names = [str(name) for name in frame.columns]
    if fault := missing_column(names, text_column, "the table"):
        raise DataError([fault])
    for name in (text_column, "target"):
        if names.count(name) > 1:
            raise DataError([Fault("the table", None, None, f"the column {name!r} twice", "each column once")])
    texts = cells_of(frame[text_column])
    own = cells_of(frame["target"]) if "target" in names else None
    positions, columns, bad, _ = _predictions(
        model, texts, own, names, text_column, targets=targets, long=long, min_proba=min_proba
    )
    if bad:
        raise DataError(Fault("the table", i + 1, *cell) for i, cell in bad.items())
    kept = frame.iloc[positions]
    new = {name: pd.Series(cells, kept.index, cells.dtype) for name, cells in columns.items()}
    return pd.concat([kept, pd.DataFrame(new, index=kept.index)], axis=1)
