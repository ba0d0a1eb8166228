"""What is true of an archive although the model errs: its predictions corrected by a labelled sample.

For each side the sentences are parted by whether the model predicts it, and in either part the fraction that truly
takes it is a line in the prediction's probability, fitted to the labels with the sample's weights. This is the
generalised regression estimator of survey statistics (Särndal, Swensson & Wretman 1992), or prediction-powered
inference tuned so that a useless model costs next to nothing (PPI++: Angelopoulos, Duchi & Zrnic 2023).

Intervals are from the Bayesian bootstrap (Rubin 1981) of documents, their predictions and labels jointly. A part in
which few labels, or none, take a side says little of how often one does; each draw holds one more label there, of
either kind at even odds, as in the mid-P interval of a binomial (Lancaster 1961). So none has zero width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm, t

from stance.labels import LABELS
from stance.reading.article import FEWEST
from stance.reading.predictions import Predictions
from stance.reading.sampling import LabelledSample

#: Of shape (1 + resamples,) unless it is said otherwise: what is estimated, then its resampled values.
Array = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

SIDES = ("against", "favor")
#: What is estimated of each target: shares of all sentences; favor less against, of all and of those with a side.
FIGURES = ("against", "none", "favor", "net", "net of sides")
#: A part of a group is corrected by the group's own labels from so many on, else by those of all groups.
FEWEST_LABELS = 10
#: With so many labels of the rarer kind a line has half the slope that fits best.
SLOPE_LABELS = 5


@dataclass(frozen=True)
class Estimates:
    """Corrected figures and the model's accuracy, each with its 95 % interval; NaN where there is none."""

    #: A row for each group, target and figure of `FIGURES`: `naive` (predictions counted as if they were true) and
    #: `value` (corrected) with their intervals; the numbers of sentences, documents and labels; what was `resampled`,
    #: documents or sentences; and `pooled`, the parts that the labels of all groups correct.
    shares: pd.DataFrame
    #: A row for each target, then all targets, and score.
    accuracy: pd.DataFrame
    notes: tuple[str, ...]  #: what a reader must know of them


@dataclass(frozen=True)
class _Part:
    """The sentences that a side is predicted for, or the others."""

    name: str
    share: Array  #: fraction of all sentences; of shape (1,), as is the mean, if documents are not resampled
    mean: Array  #: mean probability that the side is taken, as far as the prediction's says it
    intercept: Array
    slope: Array
    n: int  #: labels that the line was fitted to
    pooled: bool = False  #: fitted to the labels of all groups

    @property
    def truly(self) -> Array:
        """The fraction of all sentences that are in it and truly take the side."""
        return self.share * np.clip(self.intercept + self.slope * self.mean, 0, 1)


@dataclass(frozen=True)
class _Group:
    """Some of the sentences, with random weights of their documents and labels, the first all 1."""

    predictions: Predictions
    sample: LabelledSample
    rows: Rows  #: its sentences
    document: Rows  #: of each of them
    drawn: Rows  #: its labels in the sample
    weights: Array  #: of shape (1 + resamples, n_documents), or (1, n_documents) if these are not resampled
    label_weights: Array  #: of shape (1 + resamples, n_labels)
    resampled: str
    rng: np.random.Generator

    def parts(self, target: int, side: str, pool: Sequence[_Part] = ()) -> list[_Part]:
        """Return the part for which a side is predicted, and the other; where labels are few with the pool's line."""
        own = [self._part(target, side, predicted=predicted) for predicted in (True, False)]
        for i, other in enumerate(pool):
            if own[i].n < FEWEST_LABELS:
                own[i] = replace(own[i], intercept=other.intercept, slope=other.slope, pooled=True)
        return own

    def _part(self, target: int, side: str, *, predicted: bool) -> _Part:
        label = LABELS.index(side)
        inside = (self.predictions.codes[:, target] == label) == predicted
        sure = self.predictions.sure[:, target]
        x = sure if predicted else 1 - sure
        own = inside[self.rows]
        totals = [np.bincount(self.document, sizes) for sizes in (np.ones(len(own)), own, own * x[self.rows])]
        whole, size, sums = (self.weights @ np.array(totals, dtype=float).T).T
        at, gold = self.sample.rows[self.drawn], self.sample.gold[self.drawn, target]
        used = inside[at] & (gold >= 0)
        weights = used / self.sample.inclusion[self.drawn]
        intercept, slope = self._line(weights, x[at], (gold == label).astype(float))
        name = f"predicted {side}" if predicted else f"not predicted {side}"
        return _Part(name, size / whole, sums / np.maximum(size, 1e-12), intercept, slope, int(used.sum()))

    def _line(self, weights: Array, x: Array, y: Array) -> tuple[Array, Array]:
        """Return intercepts and slopes of y, 0 or 1, on x, resampled with one more label of either kind."""
        n = len(self.label_weights)
        if not weights.any():
            return np.concatenate([[0.5], self.rng.integers(0, 2, n - 1)]), np.zeros(n)
        total = weights.sum()
        middle = weights @ x / total
        x = x - middle
        size, sx, sy, sxx, sxy = (self.label_weights @ (weights * np.array([np.ones(len(x)), x, y, x * x, x * y])).T).T
        more = np.concatenate([[0], self.rng.exponential(weights @ weights / total, n - 1)])
        size, sy = size + more, sy + more * self.rng.integers(0, 2, n)
        rarer = min((weights[y == kind] > 0).sum() for kind in (0, 1))
        spread = size * sxx - sx * sx
        slope = np.divide(size * sxy - sx * sy, spread, out=np.zeros(n), where=spread > 1e-9 * size * size)
        slope *= rarer / (rarer + SLOPE_LABELS)
        return (sy - slope * sx) / size - slope * middle, slope


def _group(
    predictions: Predictions, sample: LabelledSample, rows: Rows, *, whole: bool, resamples: int, seed: Sequence[int]
) -> _Group:
    rng = np.random.default_rng(seed)
    document_of = predictions.sentences["document"].to_numpy()
    names, document = np.unique(document_of[rows], return_inverse=True)
    drawn = np.flatnonzero(np.isin(sample.rows, rows))
    if whole or len(names) < FEWEST:
        inclusion = sample.inclusion[drawn]
        label_weights = _random_weights(1 - inclusion, 1 / inclusion, resamples, rng)
        weights, resampled = np.ones((1, len(names))), "sentences"
    else:
        weights = _random_weights(np.ones(len(names)), np.bincount(document), resamples, rng)
        label_weights = weights[:, np.searchsorted(names, document_of[sample.rows[drawn]])]
        resampled = "documents"
    return _Group(predictions, sample, rows, document, drawn, weights, label_weights, resampled, rng)


def _random_weights(variance: Array, sizes: npt.NDArray[Any], resamples: int, rng: np.random.Generator) -> Array:
    """Return weights of mean 1 and of these variances, for units of these sizes: arrays of shape (n_units,).

    Variances are larger where units are few, or few large ones (Kish 1965) among many, as Student's t asks.
    """
    df = max(sizes.sum() ** 2 / max((sizes**2).sum(), 1) - 1, 1)
    wider = np.maximum(variance, 1e-6) * (df + 1) / df * (t.ppf(0.975, df) / norm.ppf(0.975)) ** 2
    drawn = rng.standard_gamma(1 / wider, (resamples, len(wider)), dtype=np.float32) * wider
    return np.vstack([np.ones(len(wider)), drawn])


def estimate_shares(
    predictions: Predictions,
    sample: LabelledSample,
    *,
    by: Sequence[str] = (),
    whole: bool = False,
    resamples: int = 2000,
    seed: int = 0,
) -> Estimates:
    """Correct the shares of each label in an archive by its labelled sample, and score the model on the archive.

    With `by`, columns of the predictions, there are figures for each group. The documents stand for others like them,
    and intervals hold that; if `whole` they are all there are, and so they are taken where there are fewer than
    `stance.reading.article.FEWEST` of them. Raises a StanceError if a column of `by` is not there.
    """
    drawn: dict[str, Any] = {"whole": whole, "resamples": resamples}
    groups = predictions.groups(by)
    everything = _group(predictions, sample, np.arange(len(predictions.sentences)), seed=[seed], **drawn)
    targets = {i: name for i, name in enumerate(predictions.targets) if (sample.gold[:, i] >= 0).any()}
    parts = {(target, side): everything.parts(target, side) for target in targets for side in SIDES}
    rows = []
    for i, (key, members) in enumerate(groups):
        group = _group(predictions, sample, members, seed=[seed, i], **drawn) if by else everything
        for target, name in targets.items():
            own = {
                side: group.parts(target, side, parts[target, side]) if by else parts[target, side] for side in SIDES
            }
            pooled = "; ".join(part.name for side in SIDES for part in own[side] if part.pooled)
            n_labels = int((sample.gold[group.drawn, target] >= 0).sum())
            about = (len(members), len(np.unique(group.document)), n_labels, group.resampled, pooled)
            naive = figures(*(own[side][0].share for side in SIDES))
            for figure, value in figures(*(_truly(own[side]) for side in SIDES)).items():
                counted = _interval(naive[figure])
                rows.append((*key, name, figure, *counted, *_interval(value), *about))
    columns = [*by, "target", "figure", "naive", "naive_low", "naive_high", "value", "low", "high"]
    shares = pd.DataFrame(rows, columns=[*columns, "sentences", "documents", "labels", "resampled", "pooled"])
    notes = [*sample.notes, *_notes(targets, parts, shares, everything)]
    return Estimates(shares, _accuracy(targets, parts), tuple(notes))


def _truly(parts: Sequence[_Part]) -> Array:
    """Return the fraction of sentences that take a side."""
    return parts[0].truly + parts[1].truly


def figures(against: Array, favor: Array) -> dict[str, Array]:
    """Return each of FIGURES from the shares of the sides; NaN where nothing takes a side."""
    net, sided = favor - against, favor + against
    of_sides = np.divide(net, sided, out=np.full(len(net), np.nan), where=sided > 0)
    return dict(zip(FIGURES, (against, np.clip(1 - sided, 0, 1), favor, net, of_sides), strict=True))


def _interval(drawn: Array) -> tuple[float, float, float]:
    """Return the value and its 95 % interval, which holds it; NaN for what is not there, or never differs."""
    value, draws = float(drawn[0]), drawn[1:][np.isfinite(drawn[1:])]
    if not draws.size or np.ptp(draws) == 0:
        return value, np.nan, np.nan
    low, high = np.percentile(draws, [2.5, 97.5])
    return value, float(np.fmin(low, value)), float(np.fmax(high, value))


def _accuracy(targets: Mapping[int, str], parts: Mapping[tuple[int, str], Sequence[_Part]]) -> pd.DataFrame:
    """Return precision, recall and F1 of each side and F_avg: a side without a gold label is left out of a mean."""
    rows = []
    for name, own in [*((name, [i]) for i, name in targets.items()), ("all", [*targets])]:
        f1s = []
        for side in SIDES:
            hits, predicted, gold = (
                sum((number(parts[target, side]) for target in own), np.zeros(1))
                for number in (lambda p: p[0].truly, lambda p: p[0].share, _truly)
            )
            scores = {"precision": (hits, predicted), "recall": (hits, gold), "F1": (2 * hits, predicted + gold)}
            for score, (over, under) in scores.items():
                ratio = np.divide(over, under, out=np.full(len(over), np.nan), where=under > 0)
                rows.append((name, f"{score} {side}", *_interval(ratio)))
            f1s += [ratio] if gold[0] > 0 else []
        rows.append((name, "F_avg", *_interval(np.mean(f1s, axis=0) if f1s else np.full(1, np.nan))))
    return pd.DataFrame(rows, columns=["target", "score", "value", "low", "high"])


def _notes(
    targets: Mapping[int, str],
    parts: Mapping[tuple[int, str], Sequence[_Part]],
    shares: pd.DataFrame,
    everything: _Group,
) -> list[str]:
    if everything.resampled == "documents":
        notes = ["intervals hold the sampling of documents and the model's errors"]
    else:
        notes = ["intervals hold the model's errors; they are of these documents alone, not of others like them"]
    if (shares["pooled"] != "").any():
        notes.append(
            f"where a group has fewer than {FEWEST_LABELS} labels in a part (column pooled), the labels of all groups"
            " correct it, as if the model erred alike in all; label more of it for figures of its own"
        )
    for (target, side), own in parts.items():
        for part in own:
            if part.n == 0 and part.share[0] > 0:
                n = round(part.share[0] * len(everything.rows))
                notes.append(f"{targets[target]}: no label among {n} sentences {part.name}; anything is held possible")
        if _truly(own)[0] == 0:
            notes.append(f"{targets[target]}: no label {side} in the sample; F_avg is without that side")
    return notes
