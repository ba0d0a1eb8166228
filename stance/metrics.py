"""Metrics as pure functions of arrays: F1s with intervals, paired tests, calibration.

Every resampling is by group (article), since sentences of one article are not independent.
Confusion counts per group are all that the resampling needs, so it costs little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from stance.labels import LABELS

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.object_]

_SIDES = [LABELS.index("against"), LABELS.index("favor")]
_ALL = [*range(len(LABELS))]


@dataclass(frozen=True)
class Score:
    """A value and its 95 % interval, all fractions."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


@dataclass(frozen=True)
class TargetScores:
    """Scores on one target's examples; `confusion` has gold in rows, LABELS order."""

    n: int
    n_groups: int
    f_avg: Score
    macro_f1: Score
    f1: dict[str, Score]
    confusion: list[list[int]]


@dataclass(frozen=True)
class Evaluation:
    """All scores of one system.

    F_avg is (F1_favor + F1_against) / 2, the metric of SemEval-2016 Task 6 (Mohammad et al. 2016). A label without
    gold examples is left out of a mean, and a target without a gold side out of the mean over targets.
    """

    n: int
    n_groups: int
    f_avg: Score  #: pooled over targets
    f_avg_mean: Score  #: the mean over targets of each target's own
    macro_f1: Score  #: mean F1 of the three labels, pooled over targets
    targets: dict[str, TargetScores]


@dataclass(frozen=True)
class Comparison:
    """Difference in F_avg between two systems on the same groups."""

    better: str
    worse: str
    difference: Score
    p: float


@dataclass(frozen=True)
class Calibration:
    """How far probabilities can be believed."""

    ece: float  #: expected calibration error of the predicted label (Naeini et al. 2015), ten bins of equal width
    brier: float  #: mean squared error summed over labels (Brier 1950), 0 to 2
    bins: list[tuple[float, float, int]]  #: (mean confidence, fraction correct, n), empty bins left out


def confusions(gold: Labels, predicted: Labels, target: Labels, group: Labels) -> Array:
    """Count per group and target: shape (n_groups, n_targets, 3, 3), gold before predicted.

    Groups and targets are in sorted order, labels in LABELS order.
    """
    groups, g = np.unique(group.astype(str), return_inverse=True)
    targets, t = np.unique(target.astype(str), return_inverse=True)
    counts = np.zeros((len(groups), len(targets), 3, 3))
    np.add.at(counts, (g, t, _codes(gold), _codes(predicted)), 1)
    return counts


def f1_scores(confusion: Array) -> Array:
    """Return F1 of each label, shape (..., 3), from confusions of shape (..., 3, 3).

    A label that neither occurs nor is predicted has F1 = 0.
    """
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    size = confusion.sum(axis=-1) + confusion.sum(axis=-2)
    return cast("Array", np.divide(2 * hits, size, out=np.zeros_like(hits), where=size > 0))


def f_avg(confusion: Array, whole: Array | None = None, labels: Sequence[int] = _SIDES) -> Array:
    """Return (F1_favor + F1_against) / 2, or another mean of labels' F1, shape (...), from shape (..., 3, 3).

    A label without gold examples in `whole`, which the confusions were resampled from (by default they themselves), is
    left out; of none the mean is 0.
    """
    given = (confusion if whole is None else whole).sum(axis=-1)[..., labels] > 0
    total = (f1_scores(confusion)[..., labels] * given).sum(axis=-1)
    return cast("Array", total / np.maximum(given.sum(axis=-1), 1))


def resampled_sums(totals: Array, *, resamples: int, seed: int) -> Array:
    """Return sums over groups drawn with replacement (Efron 1979), shape (resamples, ...).

    `totals` of shape (n_groups, ...) is what each group adds to a sum. Every interval starts here.
    """
    n = len(totals)
    draws = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    return np.tensordot(draws.astype(float), totals, axes=1)


def with_interval(value: float | np.floating | Array, resampled: Array) -> Score:
    """Return a value with the 95 % percentile interval of its resampled values, shape (resamples,)."""
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Score(float(value), float(low), float(high))


def bootstrap_mean(
    values: npt.ArrayLike, groups: npt.ArrayLike | None = None, *, resamples: int = 1000, seed: int = 0
) -> Score:
    """Return the mean of values of shape (n,) with its interval from resampled groups.

    `groups` of shape (n,) says what each value belongs to, such as its document; by default every
    value is a group.
    """
    values = np.asarray(values, dtype=float)
    _, group = np.unique(np.arange(len(values)) if groups is None else np.asarray(groups), return_inverse=True)
    totals = np.stack([np.bincount(group, weights=values), np.bincount(group).astype(float)], axis=1)
    sums = resampled_sums(totals, resamples=resamples, seed=seed)
    score = with_interval(values.mean(), sums[:, 0] / sums[:, 1])
    # Where all groups are alike, sums may round past the mean.
    return Score(score.value, min(score.low, score.value), max(score.high, score.value))


def evaluate(
    gold: Labels, predicted: Labels, target: Labels, group: Labels, *, resamples: int, seed: int
) -> Evaluation:
    """Score predictions; every score has its interval from resampled groups."""
    counts = confusions(gold, predicted, target, group)
    sampled = resampled_sums(counts, resamples=resamples, seed=seed)
    whole = counts.sum(axis=0)
    pooled, pooled_sampled = whole.sum(axis=0), sampled.sum(axis=1)
    n_sided = max(1, np.count_nonzero(whole[:, _SIDES].sum(axis=(1, 2))))
    targets = {}
    for i, name in enumerate(np.unique(target.astype(str))):
        f1, f1_sampled = f1_scores(whole[i]), f1_scores(sampled[:, i])
        targets[str(name)] = TargetScores(
            n=int(whole[i].sum()),
            n_groups=int((counts[:, i].sum(axis=(1, 2)) > 0).sum()),
            f_avg=with_interval(f_avg(whole[i]), f_avg(sampled[:, i], whole[i])),
            macro_f1=with_interval(f_avg(whole[i], labels=_ALL), f_avg(sampled[:, i], whole[i], _ALL)),
            f1={label: with_interval(f1[k], f1_sampled[:, k]) for k, label in enumerate(LABELS)},
            confusion=whole[i].astype(int).tolist(),
        )
    return Evaluation(
        n=int(whole.sum()),
        n_groups=len(counts),
        f_avg=with_interval(f_avg(pooled), f_avg(pooled_sampled, pooled)),
        f_avg_mean=with_interval(f_avg(whole).sum() / n_sided, f_avg(sampled, whole).sum(axis=-1) / n_sided),
        macro_f1=with_interval(f_avg(pooled, labels=_ALL), f_avg(pooled_sampled, pooled, _ALL)),
        targets=targets,
    )


def compare(
    names: tuple[str, str],
    predicted: tuple[Labels, Labels],
    gold: Labels,
    target: Labels,
    group: Labels,
    *,
    resamples: int,
    seed: int,
) -> Comparison:
    """Compare two systems' pooled F_avg, paired by group.

    The interval resamples groups; the two-sided p value is from approximate randomisation,
    swapping the systems group by group (Noreen 1989; Yeh 2000).
    """
    a, b = (confusions(gold, p, target, group).sum(axis=1) for p in predicted)
    observed = float(f_avg(a.sum(axis=0)) - f_avg(b.sum(axis=0)))
    sums = resampled_sums(np.stack([a, b], axis=1), resamples=resamples, seed=seed)
    whole = a.sum(axis=0)
    differences = f_avg(sums[:, 0], whole) - f_avg(sums[:, 1], whole)
    swap = np.random.default_rng([seed, 1]).integers(0, 2, (resamples, len(a))).astype(float)
    moved = np.tensordot(swap, b - a, axes=1)
    extreme = np.abs(f_avg(a.sum(axis=0) + moved) - f_avg(b.sum(axis=0) - moved)) >= abs(observed) - 1e-12
    p = (int(extreme.sum()) + 1) / (resamples + 1)
    return Comparison(*names, with_interval(observed, differences), p)


def calibration(gold: Labels, proba: Array) -> Calibration:
    """Measure calibration of probabilities of shape (n_examples, 3), columns in LABELS order."""
    code = _codes(gold)
    confidence, correct = proba.max(axis=1), proba.argmax(axis=1) == code
    bin_of = np.minimum((confidence * 10).astype(int), 9)
    inside = [bin_of == k for k in np.unique(bin_of)]
    bins = [(float(confidence[rows].mean()), float(correct[rows].mean()), int(rows.sum())) for rows in inside]
    ece = sum(abs(mean - right) * n for mean, right, n in bins) / len(code)
    brier = float(((proba - np.eye(3)[code]) ** 2).sum(axis=1).mean())
    return Calibration(float(ece), brier, bins)


def risk_coverage(gold: Labels, proba: Array) -> list[tuple[float, float]]:
    """Return (coverage, error rate) as ever less confident predictions are kept.

    One point a percent of coverage, from the surest 1 % to all (El-Yaniv & Wiener 2010).
    """
    order = np.argsort(-proba.max(axis=1), kind="stable")
    wrong = (proba.argmax(axis=1) != _codes(gold))[order]
    kept = np.unique(np.ceil(np.linspace(0.01, 1, 100) * len(wrong)).astype(int))
    return [(float(k / len(wrong)), float(wrong[:k].mean())) for k in kept]


def fit_temperature(scores: Array, gold: npt.NDArray[np.intp]) -> float:
    """Return the temperature of least negative log-likelihood (Guo et al. 2017), its log under a normal prior.

    Without the prior (mean 0, standard deviation 1) random scores would have an infinite temperature, and scores
    that are always right one of 0. Beside a thousand examples it weighs nothing. `scores` are held out, of shape
    (n_examples, n_classes); `gold` are the right classes' columns, shape (n_examples,).
    """

    def loss(log_temperature: float) -> float:
        log_proba = log_softmax(scores / np.exp(log_temperature), axis=1)
        return float(-log_proba[np.arange(len(gold)), gold].sum() + log_temperature**2 / 2)

    return float(np.exp(minimize_scalar(loss, bounds=(-8.0, 8.0), method="bounded").x))


def _codes(labels: Labels) -> npt.NDArray[np.intp]:
    codes = np.full(len(labels), -1, dtype=np.intp)
    for code, label in enumerate(LABELS):
        codes[labels == label] = code
    if (codes < 0).any():
        raise ValueError(f"label {labels[codes < 0][0]!r}; wanted one of {', '.join(LABELS)}")
    return codes
