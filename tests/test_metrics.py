from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from stance.labels import LABELS
from stance.metrics import (
    bootstrap_mean,
    calibration,
    compare,
    confusions,
    evaluate,
    f1_scores,
    f_avg,
    fit_temperature,
    risk_coverage,
)

PAIRS = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1, max_size=40)


def arrays(pairs: list[tuple[str, str]], groups: int = 5) -> tuple[np.ndarray, ...]:
    gold, predicted = (np.asarray(column, dtype=object) for column in zip(*pairs, strict=True))
    target = np.asarray(["a" if i % 2 else "b" for i in range(len(pairs))], dtype=object)
    group = np.asarray([f"g{i % groups}" for i in range(len(pairs))], dtype=object)
    return gold, predicted, target, group


@given(PAIRS)
def test_f1_is_scikit_learns(pairs: list[tuple[str, str]]) -> None:
    gold, predicted, target, group = arrays(pairs)
    counts = confusions(gold, predicted, target, group).sum(axis=(0, 1))
    expected = f1_score(gold, predicted, labels=list(LABELS), average=None, zero_division=0)
    np.testing.assert_allclose(f1_scores(counts), expected)
    given = [expected[k] for k in (0, 2) if LABELS[k] in gold]
    assert f_avg(counts) == pytest.approx(np.mean(given) if given else 0)


@given(PAIRS)
def test_intervals_are_ordered_fractions_and_rows_may_come_in_any_order(pairs: list[tuple[str, str]]) -> None:
    columns = arrays(pairs)
    scores = evaluate(*columns, resamples=100, seed=1)
    assert 0 <= scores.f_avg.low <= scores.f_avg.high <= 1
    shuffled = np.random.default_rng(0).permutation(len(pairs))
    assert evaluate(*(column[shuffled] for column in columns), resamples=100, seed=1) == scores


def test_f_avg_by_hand() -> None:
    # favor: 2 hits of 3 predicted and 2 gold, F1 = 4/5; against: 1 hit of 1 predicted and 2 gold, F1 = 2/3
    pairs = [("favor", "favor"), ("favor", "favor"), ("against", "favor"), ("against", "against"), ("none", "none")]
    scores = evaluate(*arrays(pairs), resamples=100, seed=0)
    assert scores.f_avg.value == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert scores.n == 5
    assert scores.macro_f1.value == pytest.approx((4 / 5 + 2 / 3 + 1) / 3)


def test_a_label_without_examples_is_left_out_of_every_mean() -> None:
    # Target a has favor and none, always right but for one false against; target b has none alone.
    gold, predicted = (np.array(column, dtype=object) for column in (["favor", "none"] * 20, ["favor", "none"] * 20))
    predicted[1] = "against"
    group = np.arange(40).astype(str).astype(object)
    target = np.where(np.arange(40) < 30, "a", "b").astype(object)
    gold[30:] = predicted[30:] = "none"
    scores = evaluate(gold, predicted, target, group, resamples=200, seed=0)
    assert scores.targets["a"].f_avg.value == scores.f_avg.value == scores.f_avg_mean.value == 1
    assert scores.targets["a"].f_avg.low == scores.f_avg_mean.low == 1
    assert scores.targets["a"].macro_f1.value == pytest.approx((1 + 2 * 14 / 29) / 2)
    assert (
        compare(
            ("x", "y"), (predicted, np.full(40, "none", object)), gold, target, group, resamples=200, seed=0
        ).difference.value
        == 1
    )


def test_a_side_that_a_resample_misses_counts_in_it_as_nothing() -> None:
    gold = np.array(["favor", *["against"] * 9], dtype=object)  # all predicted right, each in a group of its own
    target, group = np.full(10, "t", dtype=object), np.arange(10).astype(str).astype(object)
    scores = evaluate(gold, gold, target, group, resamples=200, seed=0)
    assert scores.f_avg.low == scores.targets["t"].f_avg.low == scores.f_avg_mean.low == 0.5


def test_perfect_predictions_have_no_spread() -> None:
    scores = evaluate(*arrays([(label, label) for label in LABELS * 10]), resamples=200, seed=0)
    assert (scores.f_avg.value, scores.f_avg.low, scores.f_avg.high) == (1, 1, 1)


def test_interval_of_independent_groups_covers_the_truth() -> None:
    """Of 60 samples with true accuracy known, about 95 % of intervals hold it."""
    rng, covered = np.random.default_rng(0), 0
    truth = 0.8  # against and favor each right with 0.8, wrong as each other: F1 = 0.8
    for seed in range(60):
        gold = rng.choice(np.asarray(["against", "favor"], dtype=object), 200)
        other = np.where(gold == "favor", "against", "favor").astype(object)
        predicted = np.where(rng.random(200) < 0.8, gold, other)
        group = np.arange(200).astype(str).astype(object)
        score = evaluate(gold, predicted, np.full(200, "t", dtype=object), group, resamples=300, seed=seed).f_avg
        covered += score.low <= truth <= score.high
    assert 51 <= covered <= 60


def test_equal_systems_do_not_differ_and_a_better_one_does() -> None:
    pairs = [(LABELS[i % 3], LABELS[i % 3]) for i in range(90)]
    gold, right, target, group = arrays(pairs, groups=30)
    wrong = np.full(90, "none", dtype=object)
    same = compare(("a", "b"), (right, right), gold, target, group, resamples=300, seed=0)
    assert (same.difference.value, same.p) == (0, 1)
    better = compare(("a", "b"), (right, wrong), gold, target, group, resamples=300, seed=0)
    assert better.difference.low > 0.9
    assert better.p < 0.01


def test_calibration_by_hand() -> None:
    gold = np.asarray(["favor", "none"], dtype=object)
    proba = np.asarray([[0.1, 0.1, 0.8], [0.1, 0.1, 0.8]])
    measured = calibration(gold, proba)
    assert measured.ece == pytest.approx(0.3)
    assert measured.brier == pytest.approx((0.06 + (0.01 + 0.81 + 0.64)) / 2)
    np.testing.assert_allclose(measured.bins, [(0.8, 0.5, 2)])


def test_risk_grows_with_coverage_when_confidence_is_right() -> None:
    gold = np.asarray(["favor"] * 50 + ["none"] * 50, dtype=object)
    proba = np.tile([0.0, 0.4, 0.6], (100, 1))
    proba[:50] = [0.0, 0.1, 0.9]
    points = risk_coverage(gold, proba)
    assert points[0] == (0.01, 0.0)
    assert points[-1] == (1.0, 0.5)


def test_temperature_undoes_overconfidence() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(4000, 3))
    proba = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    gold = (rng.random((4000, 1)) > proba.cumsum(axis=1)).sum(axis=1)
    assert fit_temperature(5 * scores, gold) == pytest.approx(5, rel=0.1)


def test_a_label_outside_the_three_is_refused() -> None:
    with pytest.raises(ValueError, match="label 'pro'; wanted one of against, none, favor"):
        evaluate(*arrays([("pro", "none")]), resamples=100, seed=0)


@pytest.mark.parametrize(("scores", "most"), [(np.zeros((50, 3)), 1.1), (np.eye(3)[np.arange(60) % 3] * 5, 1.0)])
def test_scores_that_say_nothing_or_are_always_right_have_a_moderate_temperature(
    scores: NDArray[np.float64], most: float
) -> None:
    assert 0.1 < fit_temperature(scores, np.arange(len(scores)) % 3) < most


def test_scores_worse_than_chance_have_a_high_but_finite_temperature() -> None:
    gold = np.arange(100) % 2
    scores = np.where(gold[:, np.newaxis] == [1, 0], 0.3, -0.3)
    assert 2 < fit_temperature(scores, gold) < 20


def test_a_mean_has_its_interval_from_resampled_groups() -> None:
    values = np.repeat([-1.0, -1.0, 1.0, 1.0, 1.0, 1.0], 50)
    whole = bootstrap_mean(values, np.repeat(np.arange(6), 50))
    assert whole.value == pytest.approx(1 / 3)
    # Six groups of 50 tell no more than six values; 300 single values would tell more.
    assert (whole.low, whole.high) == pytest.approx((-2 / 3, 1.0), abs=0.35)
    alone = bootstrap_mean(values)
    assert alone.high - alone.low < (whole.high - whole.low) / 3
    alike = bootstrap_mean([0.1] * 8)
    assert alike.low <= alike.value <= alike.high == pytest.approx(alike.low)
