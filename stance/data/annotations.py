"""Labels as annotators give them: passes, adjudication, agreement, Label Studio.

A pass is a table with `sentence_id` and one column a target. Gold labels are what the passes
agree on and what adjudication decided, so they are generated and never edited.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import krippendorff
import numpy as np
import pandas as pd

from stance.data.tables import read_table, write_table
from stance.errors import DataError, Fault, StanceError, choices
from stance.labels import LABELS
from stance.metrics import Labels, confusions, f1_scores


@dataclass(frozen=True)
class Agreement:
    """How far two passes agree on one target.

    Attributes
    ----------
    alpha
        Krippendorff's alpha, nominal (Krippendorff 2018, "Content analysis"), NaN where
        only one label was ever given.
    f1
        F1 between the passes for each label (Hripcsak & Rothschild 2005).
    n, n_disagreed
        Sentences, and those with two labels.
    """

    alpha: float
    f1: dict[str, float]
    n: int
    n_disagreed: int


def read_pass(path: str | Path) -> pd.DataFrame:
    """Read one annotator's labels, indexed by sentence_id.

    Raises
    ------
    DataError
        If `sentence_id` is missing or given twice, or a label is outside LABELS.
    """
    table = read_table(path)
    frame = table.frame.drop(columns=[name for name in ("text",) if name in table.frame])
    if "sentence_id" not in frame or frame.shape[1] < 2:
        wanted = "sentence_id and a column a target"
        raise DataError([Fault(table.source, 1, None, f"columns {', '.join(map(str, frame))}", wanted)])
    faults = [
        Fault(table.source, line, target, repr(label), f"{choices(LABELS)}, or empty")
        for target in frame.columns.drop("sentence_id")
        for line, label in zip(table.lines, frame[target], strict=True)
        if label not in (*LABELS, "")
    ]
    twice = frame["sentence_id"].duplicated()
    faults += [
        Fault(table.source, line, "sentence_id", f"{name!r} again", "each id once")
        for line, name, again in zip(table.lines, frame["sentence_id"], twice, strict=True)
        if again
    ]
    if faults:
        raise DataError(faults)
    return frame.set_index("sentence_id")


def gold(passes: Sequence[str | Path], adjudication: str | Path | None = None) -> pd.DataFrame:
    """Return gold labels, one row a sentence: agreed on, or adjudicated.

    `adjudication` has `sentence_id`, `target`, `label` and `reason`; the last row for a
    sentence and target stands, and decides even where the passes agree.

    Raises
    ------
    DataError
        If the passes differ in their sentences or targets, a disagreement is undecided, or an
        adjudication lacks its reason.
    """
    frames = [read_pass(path) for path in passes]
    first = frames[0]
    for path, frame in zip(passes[1:], frames[1:], strict=True):
        if set(frame.index) != set(first.index) or set(frame.columns) != set(first.columns):
            odd = sorted(set(frame.index) ^ set(first.index))[:3]
            wanted = f"the sentences and targets of {passes[0]}"
            raise DataError([Fault(str(path), None, None, f"others, such as {', '.join(odd) or 'targets'}", wanted)])
    aligned = [frame.loc[first.index, first.columns].to_numpy(dtype=object) for frame in frames]
    agreed = np.logical_and.reduce([labels == aligned[0] for labels in aligned])
    result = first.astype(object).where(agreed, None)
    if adjudication is not None:
        _adjudicate(result, adjudication)
    undecided = result.isna()
    faults = [
        Fault(str(passes[-1]), None, str(target), f"no decision on {name!r}", "agreement, or a row in the adjudication")
        for target in result
        for name in result.index[undecided[target]]
    ]
    if faults:
        raise DataError(faults)
    return result


def _adjudicate(result: pd.DataFrame, path: str | Path) -> None:
    table = read_table(path)
    faults = []
    for line, row in zip(table.lines, table.frame.to_dict("records"), strict=True):
        name, target, label = row.get("sentence_id"), row.get("target"), row.get("label")
        if name not in result.index:
            faults.append(Fault(table.source, line, "sentence_id", repr(name), "a sentence of the passes"))
        elif target not in result.columns:
            faults.append(Fault(table.source, line, "target", repr(target), choices(list(result.columns))))
        elif label not in LABELS:
            faults.append(Fault(table.source, line, "label", repr(label), choices(LABELS)))
        elif not str(row.get("reason") or "").strip():
            faults.append(Fault(table.source, line, "reason", "an empty cell", "a reason"))
        else:
            result.loc[name, target] = label
    if faults:
        raise DataError(faults)


def fill(path: str | Path, labels: pd.DataFrame) -> bool:
    """Write gold labels into the target columns of a table; return whether that changed it.

    Raises
    ------
    DataError
        If the table has a sentence without a gold label.
    """
    table = read_table(path)
    ids = table.frame["sentence_id"]
    if missing := [name for name in ids if name not in labels.index]:
        raise DataError([Fault(table.source, None, None, f"no gold label for {missing[0]!r}", "every sentence")])
    kept = table.frame.drop(columns=[name for name in labels.columns if name in table.frame])
    filled = pd.concat([kept, labels.loc[ids].reset_index(drop=True)], axis=1)
    if filled.columns.tolist() == table.frame.columns.tolist() and filled.equals(table.frame):
        return False
    write_table(filled, path)
    return True


def agreement(first: pd.DataFrame, second: pd.DataFrame) -> dict[str, Agreement]:
    """Measure agreement of two passes per target, over the sentences both labelled."""
    both = first.index.intersection(second.index)
    result = {}
    for target in first.columns:
        a, b = (frame.loc[both, target].to_numpy(dtype=object) for frame in (first, second))
        labelled = (a != "") & (b != "")
        result[str(target)] = _agreement(a[labelled], b[labelled])
    return result


def _agreement(a: Labels, b: Labels) -> Agreement:
    codes = np.asarray([[LABELS.index(label) for label in labels] for labels in (a, b)], dtype=float)
    varied = len(np.unique(codes)) > 1
    alpha = krippendorff.alpha(codes, level_of_measurement="nominal") if varied else float("nan")
    one = np.full(len(a), "x", dtype=object)
    f1 = f1_scores(confusions(a, b, one, one)[0, 0])
    return Agreement(float(alpha), dict(zip(LABELS, map(float, f1), strict=True)), len(a), int((a != b).sum()))


def label_config(targets: Sequence[str]) -> str:
    """Return the labelling interface for Label Studio: the text and a choice a target."""
    choice = "".join(f'<Choice value="{label}"/>' for label in LABELS)
    blocks = "".join(
        f'<Header value={quoteattr(target)}/><Choices name={quoteattr(target)} toName="text" showInline="true">'
        f"{choice}</Choices>"
        for target in targets
    )
    return f'<View><Text name="text" value="$text"/>{blocks}</View>\n'


def to_label_studio(table: pd.DataFrame, targets: Sequence[str], passes: Mapping[str, pd.DataFrame]) -> str:
    """Return Label Studio tasks as JSON: a task a sentence, an annotation an annotator.

    Parameters
    ----------
    table
        With `sentence_id` and `text`; its other columns travel along.
    passes
        Labels by annotator; an annotator without labels for a sentence has no annotation.
    """
    tasks = []
    for number, row in enumerate(table.to_dict("records"), start=1):
        data = {str(key): value for key, value in row.items() if key not in targets}
        annotations = []
        for k, (annotator, labels) in enumerate(passes.items(), start=1):
            if row["sentence_id"] not in labels.index:
                continue
            given = labels.loc[row["sentence_id"]]
            result = [
                {"from_name": target, "to_name": "text", "type": "choices", "value": {"choices": [given[target]]}}
                for target in targets
                if given[target]
            ]
            annotations.append({"completed_by": {"id": k, "email": annotator}, "result": result})
        tasks.append({"id": number, "data": data, "annotations": annotations})
    return json.dumps(tasks, ensure_ascii=False, indent=1) + "\n"


def from_label_studio(path: str | Path) -> dict[str, pd.DataFrame]:
    """Read a Label Studio JSON export; return labels by annotator, as `read_pass` gives them.

    Raises
    ------
    StanceError
        If the file is not such an export.
    DataError
        If a task has no `sentence_id`, or a choice is not one label of LABELS.
    """
    try:
        tasks = json.loads(Path(path).read_text(encoding="utf-8"))
        if not isinstance(tasks, list):
            raise TypeError(f"{type(tasks).__name__} instead of a list of tasks")
        rows, faults = _results(tasks, str(path))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise StanceError(f"{path}: not a Label Studio export in JSON ({reason})") from None
    if faults:
        raise DataError(faults)
    frame = pd.DataFrame(rows, columns=["annotator", "sentence_id", "target", "label"])
    order = list(dict.fromkeys(frame["sentence_id"]))
    targets = list(dict.fromkeys(frame["target"]))
    return {
        str(annotator): part.pivot(index="sentence_id", columns="target", values="label")
        .reindex(index=[name for name in order if name in set(part["sentence_id"])], columns=targets)
        .astype(object)
        .fillna("")
        .rename_axis(columns=None)
        for annotator, part in frame.groupby("annotator", sort=False)
    }


def _results(tasks: Any, source: str) -> tuple[list[tuple[str, str, str, str]], list[Fault]]:
    rows, faults = [], []
    for number, task in enumerate(tasks, start=1):
        place = f"{source}, task {task.get('id', number)}"
        name = task["data"].get("sentence_id")
        if not name:
            faults.append(Fault(place, None, None, "no sentence_id in its data", "a task of `stance corpus export`"))
            continue
        for annotation in task["annotations"]:
            by = annotation["completed_by"]
            annotator = str(by.get("email") or by["id"]) if isinstance(by, dict) else str(by)
            for result in annotation["result"]:
                given = result["value"].get("choices", [])
                if len(given) == 1 and given[0] in LABELS:
                    rows.append((annotator, str(name), str(result["from_name"]), str(given[0])))
                else:
                    faults.append(Fault(place, None, result["from_name"], repr(given), f"one of {choices(LABELS)}"))
    return rows, faults
