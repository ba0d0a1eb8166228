"""The predictions of an archive's sentences, as `stance predict`, `read` and `map` write them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from stance.data.columns import IDS, cells, missing, row_faults, target_columns
from stance.data.tables import read_table
from stance.errors import DataError, Fault, StanceError, choices
from stance.labels import LABELS

#: The columns that name a sentence's document, the first that is there.
DOCUMENTS = ("document_id", "document", "article_id", "file", "group")


@dataclass(frozen=True)
class Predictions:
    """What a model says of every sentence of an archive, whether it takes a side or not."""

    #: A row a sentence: `sentence_id`, `document` (each sentence its own where a table names none) and what else the
    #: table says of it, as strings.
    sentences: pd.DataFrame
    targets: tuple[str, ...]
    codes: npt.NDArray[np.intp]  #: predicted labels of shape (n_sentences, n_targets), indices into LABELS
    sure: npt.NDArray[np.float64]  #: their probabilities, of that shape; all 1 where a table has none
    #: All probabilities, of shape (n_sentences, n_targets, 3), columns in LABELS order; None where a table has not all.
    proba: npt.NDArray[np.float64] | None = None

    def ids(self) -> pd.Index[str]:
        """Return the sentences' ids; StanceError if one stands for several."""
        ids: pd.Index[str] = pd.Index(self.sentences["sentence_id"])
        if repeated := sorted(set(ids[ids.duplicated()])):
            raise StanceError(
                f"{len(repeated)} sentence ids stand for several sentences, such as {repeated[0]!r};"
                " wanted each id once (a column sentence_id, and documents of different names)"
            )
        return ids

    def fingerprint(self) -> str:
        """Return a SHA-256 of the sentences' ids, the same whatever their order."""
        return hashlib.sha256("\n".join(sorted(self.ids().tolist())).encode()).hexdigest()

    def table(self) -> pd.DataFrame:
        """Return the sentences with a label and its probability for each target, as `read_predictions` takes them."""
        columns: dict[str, npt.NDArray[Any]] = {}
        for i, target in enumerate(self.targets):
            columns |= {target: np.array(LABELS)[self.codes[:, i]], f"{target}_proba": self.sure[:, i].round(6)}
        return self.sentences.assign(**columns)

    def groups(self, by: Sequence[str]) -> list[tuple[tuple[str, ...], npt.NDArray[np.intp]]]:
        """Return the sentences of each group: its values of the columns `by`, and row numbers; without `by` one group.

        A cell with several values, joined by ``;``, is in the group of each. StanceError if there is no such column.
        """
        for name in by:
            if name not in self.sentences:
                raise StanceError(f"no column {name!r} to group by; wanted {choices([*self.sentences])}")
        if not by:
            return [((), np.arange(len(self.sentences)))]
        rows = self.sentences[[*by]].reset_index(drop=True)
        for name in by:
            rows = rows.assign(**{name: rows[name].str.split(";")}).explode(name)
        return [(tuple(map(str, key)), own.index.to_numpy()) for key, own in rows.groupby([*by], sort=True)]


def read_predictions(paths: Sequence[str | Path]) -> Predictions:
    """Read tables of predictions: of all sentences, a row each, or a row for each sentence and target.

    A sentence's id is its `sentence_id` or `id`, else its document and `position`, else the file's name and the line.
    Raises a DataError if columns are missing, a cell is no label or probability, or a sentence lacks a target, and a
    StanceError if two sentences have one id or the tables differ in their targets.
    """
    tables = [_read(path) for path in paths]
    for path, table in zip(paths, tables, strict=True):
        if table.targets != tables[0].targets:
            raise StanceError(
                f"{path} has predictions of {', '.join(table.targets)}; wanted {', '.join(tables[0].targets)},"
                f" those of {paths[0]}"
            )
    whole = [table.proba for table in tables if table.proba is not None]
    predictions = Predictions(
        pd.concat([table.sentences for table in tables], ignore_index=True).fillna(""),
        tables[0].targets,
        np.concatenate([table.codes for table in tables]),
        np.concatenate([table.sure for table in tables]),
        np.concatenate(whole) if len(whole) == len(tables) else None,
    )
    predictions.ids()
    return predictions


def _read(path: str | Path) -> Predictions:
    table = read_table(path)
    frame = table.frame.apply(cells)
    long = "target" in frame
    document = next((name for name in DOCUMENTS if name in frame), None)
    ids = next((frame[name] for name in IDS if name in frame), None)
    if ids is None and document and "position" in frame:
        ids = frame[document] + "#" + frame["position"]
    if ids is None and long:
        raise DataError([missing(table, "sentence_id, or document and position: they say which rows are one sentence")])
    if ids is None:
        ids = pd.Series([f"{Path(path).name}:{line}" for line in table.lines], dtype=object)
    frame = frame.assign(sentence_id=ids, document=ids if document is None else frame[document])
    checked = frame.assign(source=table.source, line=table.lines)
    if long:
        return _long(checked)
    pairs = {name.removesuffix("_proba"): name for name in map(str, frame) if name.endswith("_proba")}
    targets = tuple(pairs) or tuple(target_columns(table))
    if not targets:
        raise DataError([missing(table, "a target's column and its probability, as `stance predict` writes them")])
    labels = {name: f"{name}_pred" if f"{name}_pred" in frame else name for name in targets}
    columns = [(_codes(checked, labels[name]), _fractions(checked, pairs.get(name))) for name in targets]
    codes, sure = (np.stack(arrays, axis=1) for arrays in zip(*columns, strict=True))
    return Predictions(frame.drop(columns=[*labels.values(), *pairs.values()]), targets, codes, sure)


def _long(frame: pd.DataFrame) -> Predictions:
    """Return the predictions of a table with a row for each sentence and target."""
    targets = list(dict.fromkeys(frame["target"]))
    first = frame.drop_duplicates("sentence_id")
    at = pd.MultiIndex.from_product([first["sentence_id"], targets])
    keys = pd.MultiIndex.from_frame(frame[["sentence_id", "target"]])
    if len(keys) != len(at) or not keys.is_unique:
        found = f"{len(frame)} rows of {len(first)} sentences and {len(targets)} targets"
        raise DataError([Fault(frame["source"].iloc[0], None, None, found, "a row for each sentence and target")])
    stance = "stance_pred" if "stance_pred" in frame else "stance"
    known = [f"{name}_pred" if f"{name}_pred" in frame else name for name in LABELS]
    whole = set(known) <= set(frame)
    columns: Sequence[str | None] = known if whole else ["proba" if "proba" in frame else None]
    order, shape = keys.get_indexer(at), (len(first), len(targets))
    codes = _codes(frame, stance)[order].reshape(shape)
    fractions = np.stack([_fractions(frame, name)[order] for name in columns], axis=1)
    sentences = first.drop(columns=["target", stance, *filter(None, columns), "source", "line"]).reset_index(drop=True)
    proba = fractions.reshape(*shape, -1)
    return Predictions(sentences, tuple(targets), codes, proba.max(axis=2), proba if whole else None)


def _codes(frame: pd.DataFrame, column: str) -> npt.NDArray[np.intp]:
    """Return a column's labels as indices into LABELS."""
    if column not in frame:
        raise DataError([Fault(frame["source"].iloc[0], None, None, f"no column {column!r}", "predicted labels in it")])
    codes = pd.Index(LABELS).get_indexer(pd.Index(frame[column]))
    if faults := row_faults(frame.assign(found=frame[column])[codes < 0], column, "{found!r}", choices(LABELS)):
        raise DataError(faults)
    return codes


def _fractions(frame: pd.DataFrame, column: str | None) -> npt.NDArray[np.float64]:
    """Return a column's probabilities; 1 without a column."""
    if column is None:
        return np.ones(len(frame))
    numbers: Any = pd.to_numeric(frame[column], errors="coerce")
    wrong = frame.assign(found=frame[column])[~numbers.between(0, 1)]
    if faults := row_faults(wrong, column, "{found!r}", "a probability, 0 to 1"):
        raise DataError(faults)
    return np.asarray(numbers, dtype=float)
