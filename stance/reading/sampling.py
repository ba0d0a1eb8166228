"""Which sentences of an archive to label: a probability sample, with more of what the model is unsure of.

Every sentence has a known probability of being drawn (`inclusion`), so that what is counted in the sample can be
weighted back to the archive (Särndal, Swensson & Wretman 1992, "Model assisted survey sampling").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from stance.data.annotations import read_passes
from stance.data.columns import cells, require_columns, row_faults
from stance.data.tables import read_table
from stance.errors import ConfigError, DataError, Fault, StanceError, choices
from stance.labels import LABELS
from stance.reading.predictions import Predictions

Array = npt.NDArray[np.float64]

#: Unequal probabilities may make no figure's variance greater than this times that of as many sentences at random.
DESIGN_EFFECT = 1.05


def draw_sample(
    predictions: Predictions,
    n: int,
    *,
    by: str | None = None,
    sides: float = 0.0,
    seed: int = 0,
    text_column: str = "text",
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Draw `n` sentences to label; return them in random order, and what `read_labels` checks the labels against.

    The table has `sentence_id`, `document_id`, `text`, `inclusion` and an empty column a target. With `by`, a column,
    each of its values has the same share of the sample. A side is predicted of a fraction `sides` at least, as far as
    there are so many, at the price of longer intervals where sides are rare. The draw is systematic in an order by
    group and predicted labels, random within, so that each combination of labels has its share, give or take one.

    Raises a ConfigError if so many sentences, or of such a kind, cannot be drawn, a StanceError without a column named.
    """
    sentences = predictions.sentences
    if not 0 < n <= len(sentences):
        raise ConfigError(f"{n} sentences to draw of {len(sentences)}; wanted 1 to {len(sentences)} (--n)")
    if not 0 <= sides < 1:
        raise ConfigError(f"a fraction {sides} with a side; wanted 0 or more and less than 1 (--sides)")
    for name in filter(None, (by, text_column)):
        if name not in sentences:
            raise StanceError(f"no column {name!r}; found {', '.join(map(str, sentences))}")
    group = np.unique(sentences[by], return_inverse=True)[1] if by else np.zeros(len(sentences), dtype=int)
    shares = _capped(np.ones(group.max() + 1), n, np.bincount(group))
    if shares.min() < min(2, len(sentences)) and by:
        raise ConfigError(
            f"{n} sentences for {len(shares)} values of {by!r}; wanted two at least for each (--n, or another --by)"
        )
    inclusion = np.empty(len(sentences))
    for own, share in enumerate(shares):
        rows = group == own
        inclusion[rows] = inclusion_probabilities(predictions.codes[rows], predictions.sure[rows], share, sides)
    rng = np.random.default_rng(seed)
    order = np.lexsort((rng.random(len(sentences)), *predictions.codes.T, group))
    ends = np.cumsum(inclusion[order])
    drawn = order[np.searchsorted(ends * (n / ends[-1]), rng.random() + np.arange(n), side="right")]
    rows = sentences.iloc[rng.permutation(drawn)]
    table = pd.DataFrame({"sentence_id": rows["sentence_id"], "document_id": rows["document"]})
    table = table.assign(text=rows[text_column], inclusion=inclusion[rows.index].round(9))
    about = {"n": n, "sentences": len(sentences), "fingerprint": predictions.fingerprint(), "by": by, "seed": seed}
    return table.assign(**dict.fromkeys(predictions.targets, "")).reset_index(drop=True), about


def inclusion_probabilities(codes: npt.NDArray[np.intp], sure: Array, n: float, sides: float = 0.0) -> Array:
    """Return each sentence's probability of being among `n` drawn, of shape (n_sentences,).

    `codes` and `sure` are as in `Predictions`. Half of what is not equal goes to rare predicted labels, half to
    sentences of which the model is unsure; there is as much of it as `DESIGN_EFFECT` allows (Kish 1965), or as it takes
    to have a fraction `sides` with a predicted side.
    """
    counts = [np.bincount(column, minlength=3)[column] for column in codes.T]
    rare = 1 / np.min(counts, axis=0)
    variance = sure * (1 - sure)
    unsure = np.sqrt((variance / np.maximum(variance.sum(axis=0), 1e-12)).sum(axis=1))
    uneven = rare / rare.sum() + unsure / max(unsure.sum(), 1e-12)
    sided = (codes != LABELS.index("none")).any(axis=1)
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        probabilities = _mixed(uneven, middle, n)
        effect = (1 / probabilities).sum() * n / len(codes) ** 2
        few = probabilities[sided].sum() < sides * n
        low, high = (middle, high) if effect <= DESIGN_EFFECT or few else (low, middle)
    return _mixed(uneven, low, n)


def _mixed(uneven: Array, fraction: float, n: float) -> Array:
    equal = np.full(len(uneven), (1 - fraction) / len(uneven))
    return _capped(equal + fraction * uneven / uneven.sum(), n, np.ones(len(uneven)))


def _capped(sizes: Array, total: float, most: npt.NDArray[Any]) -> Array:
    """Return numbers in proportion to sizes that add up to the total, none above its `most`."""
    full = np.zeros(len(sizes), dtype=bool)
    while True:
        rest = (total - most[full].sum()) / max(sizes[~full].sum(), 1e-300)
        shares = np.where(full, most, sizes * rest)
        over = ~full & (shares > most)
        if not over.any():
            return shares
        full |= over


@dataclass(frozen=True)
class LabelledSample:
    """Labels of sentences that were drawn with known probabilities."""

    rows: npt.NDArray[np.intp]  #: of the sentences in `Predictions`
    gold: npt.NDArray[np.intp]  #: of shape (n_labelled, n_targets), indices into LABELS; -1 where there is no label
    inclusion: Array  #: each sentence's probability of being drawn
    notes: tuple[str, ...] = ()  #: what is doubtful in them


def read_labels(path: str | Path, predictions: Predictions, about: Mapping[str, Any] | None = None) -> LabelledSample:
    """Read a sample of `draw_sample` that has been labelled, and check that it is one of these sentences.

    `about` is what `draw_sample` said of it. A cell may be empty; that it is must not depend on its label. Raises a
    DataError if a column is missing, a cell is none of LABELS or no probability, a sentence or target is not among the
    predictions, or nothing is labelled, and a StanceError if the probabilities are not of such a sample.
    """
    passes = read_passes([path])
    if len(passes) > 1:
        raise StanceError(f"{path} has labels of {len(passes)} annotators; wanted one (`stance corpus gold` makes it)")
    (labels,) = passes.values()
    table = read_table(path)
    require_columns(table, ["inclusion"])
    rows = pd.DataFrame({name: cells(table.frame[name]) for name in ("sentence_id", "inclusion")})
    rows = rows.assign(source=table.source, line=table.lines)
    at = predictions.ids().get_indexer(pd.Index(rows["sentence_id"]))
    inclusion = pd.to_numeric(rows["inclusion"], errors="coerce")
    faults = row_faults(rows[at < 0], "sentence_id", "{sentence_id!r}", "a sentence of the predictions")
    faults += row_faults(
        rows[~((inclusion > 0) & (inclusion <= 1))], "inclusion", "{inclusion!r}", "a probability, over 0, at most 1"
    )
    for name in labels:
        if name not in predictions.targets:
            faults.append(
                Fault(str(path), None, str(name), "a target without predictions", choices(predictions.targets))
            )
    gold = labels.reindex(columns=[*predictions.targets], fill_value="").to_numpy()
    gold = np.stack([pd.Index(LABELS).get_indexer(pd.Index(column)) for column in gold.T], axis=1)
    if not faults and (gold < 0).all():
        faults.append(Fault(str(path), None, None, "no label", f"{choices(LABELS)} in the columns of the targets"))
    if faults:
        raise DataError(faults)
    sample = LabelledSample(at, gold, inclusion.to_numpy(dtype=float))
    return replace(sample, notes=_doubts(str(path), predictions, sample, about))


def _doubts(
    path: str, predictions: Predictions, sample: LabelledSample, about: Mapping[str, Any] | None
) -> tuple[str, ...]:
    """Return what is doubtful in a labelled sample; StanceError if it cannot be one of these sentences."""
    n, stands_for = len(predictions.sentences), (1 / sample.inclusion).sum()
    if not n / 2 <= stands_for <= 2 * n:
        raise StanceError(
            f"{path}: the sample stands for {stands_for:,.0f} sentences by its column inclusion, and the predictions"
            f" are of {n:,}; wanted the probability with which each was drawn (of n at random: n / {n})"
        )
    doubts = []
    if about is None:
        doubts.append(
            "nothing says what the labels were drawn from; wanted the .sample.json that was written with them"
        )
    else:
        if about["fingerprint"] != predictions.fingerprint():
            raise StanceError(
                f"{path} was drawn from {about['sentences']:,} other sentences; wanted predictions of those"
            )
        if missing := about["n"] - len(sample.rows):
            doubts.append(
                f"{missing} sentences that were drawn are not in {path}; they are taken for missing at random"
            )
    for i, target in enumerate(predictions.targets):
        if gaps := int((sample.gold[:, i] < 0).sum()):
            what = "is not estimated" if gaps == len(sample.gold) else "they are taken for missing at random"
            doubts.append(f"{target}: {gaps} of {len(sample.gold)} sentences without a label; {what}")
    return tuple(doubts)
