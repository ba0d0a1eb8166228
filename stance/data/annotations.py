"""Labels as annotators give them, and the gold labels made from them.

A pass is one annotator's labels, one column a target. Gold labels are what the passes agree on and
what adjudication decided, so they are generated and never edited.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import krippendorff
import numpy as np
import pandas as pd
from sklearn.metrics import f1_score

from stance.data.columns import NO_TARGETS, cells, missing, require_columns, row_faults
from stance.data.tables import read_table, write_table
from stance.errors import DataError, Fault, choices
from stance.labels import LABELS


def read_passes(paths: Sequence[str | Path]) -> dict[str, pd.DataFrame]:
    """Return each annotator's labels, indexed by `sentence_id`, under the name of the file.

    A table with a column `annotator`, as Label Studio exports it, holds a pass of each, and gives it as
    ``file (annotator)``. Columns that are known to be no target's are left out. Raises a DataError if
    `sentence_id` or targets are missing, a sentence is there twice, or a label is neither in LABELS nor empty.
    """
    passes: dict[str, pd.DataFrame] = {}
    for path in paths:
        table = read_table(path)
        require_columns(table, ["sentence_id"])
        targets = [str(name) for name in table.frame if str(name).casefold() not in NO_TARGETS]
        if not targets:
            raise DataError([missing(table, "sentence_id and a column for each target")])
        frame = table.frame.apply(cells)
        _check_pass(frame.assign(source=table.source, line=table.lines), frame[targets])
        by = f"{path} (" + frame["annotator"] + ")" if "annotator" in frame else str(path)
        labels = frame.assign(annotator=by).set_index("sentence_id")
        passes |= {str(name): rows[targets] for name, rows in labels.groupby("annotator", sort=False)}
    return passes


def _check_pass(rows: pd.DataFrame, labels: pd.DataFrame) -> None:
    key = [name for name in ("annotator", "sentence_id") if name in rows]
    faults = row_faults(rows[rows.duplicated(key)], "sentence_id", "{sentence_id!r} again", "each id once")
    for target in map(str, labels):
        wrong = rows.assign(target=target, label=labels[target])[~labels[target].isin([*LABELS, ""])]
        faults += row_faults(wrong, "{target}", "{label!r}", f"{choices(LABELS)}, or empty")
    if faults:
        raise DataError(faults)


def gold_labels(paths: Sequence[str | Path], adjudication: str | Path | None = None) -> pd.DataFrame:
    """Return gold labels, one row a sentence: agreed on by all passes, or adjudicated.

    `adjudication` has `sentence_id`, `target`, `label` and `reason`; the last row for a
    sentence and target stands, and decides even where the passes agree. Raises a DataError if the
    passes differ in their sentences or targets, a disagreement is undecided, or a decision has no reason.
    """
    (name, first), *others = read_passes(paths).items()
    gold = first
    for other, labels in others:
        if odd := sorted({*labels.index} ^ {*first.index} or {*labels} ^ {*first}):
            problem = f"others, such as {', '.join(odd[:3])}"
            raise DataError([Fault(other, None, None, problem, f"the sentences and targets of {name}")])
        gold = gold.where(labels.reindex_like(first) == first, None)
    if adjudication is not None:
        gold = _adjudicated(gold, adjudication)
    faults = [
        Fault(str(paths[-1]), None, str(target), f"no decision on {sentence!r}", "agreement, or an adjudication of it")
        for target in gold
        for sentence in gold.index[gold[target].isna()]
    ]
    if faults:
        raise DataError(faults)
    return gold


def _adjudicated(gold: pd.DataFrame, path: str | Path) -> pd.DataFrame:
    """Return gold labels with the decisions of a table put in."""
    table = read_table(path)
    require_columns(table, ["sentence_id", "target", "label", "reason"])
    rows = table.frame.apply(cells).assign(source=table.source, line=table.lines)
    faults = row_faults(rows[rows["reason"] == ""], "reason", "an empty cell", "a reason")
    for column, allowed, expected in (
        ("sentence_id", gold.index, "a sentence of the passes"),
        ("target", gold.columns, choices([*gold.columns])),
        ("label", LABELS, choices(LABELS)),
    ):
        faults += row_faults(rows[~rows[column].isin(allowed)], column, f"{{{column}!r}}", expected)
    if faults:
        raise DataError(faults)
    gold = gold.copy()
    for row in rows.itertuples():
        gold.loc[str(row.sentence_id), str(row.target)] = str(row.label)
    return gold


def fill(path: str | Path, gold: pd.DataFrame) -> bool:
    """Write gold labels into a table, which needs one for each sentence; return whether that changed it."""
    table = read_table(path)
    require_columns(table, ["sentence_id"])
    ids = cells(table.frame["sentence_id"])
    if lacking := [name for name in ids if name not in gold.index]:
        raise DataError([Fault(table.source, None, None, f"no gold label for {lacking[0]!r}", "every sentence")])
    filled = table.frame.assign(**gold.loc[ids].set_axis(table.frame.index))
    if filled.equals(table.frame):
        return False
    write_table(filled, path)
    return True


def agreement(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Return how far two passes agree, one row a target, over the sentences that both labelled.

    Columns are `target`, `n` (sentences), `disagreed` (how many of them), `alpha` (Krippendorff's, nominal;
    Krippendorff 2018, "Content analysis"; NaN where only one label was ever given) and, for each
    label, the F1 between the passes (Hripcsak & Rothschild 2005).
    """
    both = first.index.intersection(second.index)
    rows = []
    for target in map(str, first):
        pair = np.array([labels.loc[both, target] for labels in (first, second)], dtype=np.str_)
        pair = pair[:, (pair != "").all(axis=0)]
        varied = len(np.unique(pair)) > 1
        alpha = krippendorff.alpha(pair, level_of_measurement="nominal") if varied else np.nan
        f1 = f1_score(*pair, labels=LABELS, average=None, zero_division=0)
        rows.append((target, pair.shape[1], int((pair[0] != pair[1]).sum()), alpha, *f1))
    return pd.DataFrame(rows, columns=["target", "n", "disagreed", "alpha", *(f"F1 {label}" for label in LABELS)])
