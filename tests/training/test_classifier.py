"""The classifier is scikit-learn's logistic regression, along a path of C and from another model's scores."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix, random
from sklearn.linear_model import LogisticRegression

from stance import LABELS, StanceClassifier

N = 90


@pytest.fixture(scope="module")
def matrix() -> csr_matrix:
    return csr_matrix(random(N, 12, density=0.4, rng=np.random.default_rng(0)))


@pytest.fixture(scope="module", params=[2, 3], ids=["two-classes", "three"])
def y(request: pytest.FixtureRequest, matrix: csr_matrix) -> np.ndarray:
    scores = matrix @ np.random.default_rng(1).normal(size=(12, request.param)) * 3
    scores[:, 0] += 1
    return np.asarray([["against", "favor", "none"][k] for k in scores.argmax(axis=1)], dtype=object)


@pytest.mark.parametrize("weight", ["none", "balanced"])
@pytest.mark.parametrize("C", [0.1, 10.0])
def test_it_is_scikit_learns_logistic_regression(matrix: csr_matrix, y: np.ndarray, C: float, weight: str) -> None:
    ours = StanceClassifier(C=C, class_weight=weight, tol=1e-7).fit(matrix, y)
    # Two classes have weights of a row each here, which are half as long as scikit-learn's one and so cost half.
    theirs = LogisticRegression(
        C=C * (2 if len(ours.classes_) == 2 else 1), class_weight=None if weight == "none" else weight,
        solver="newton-cg", tol=1e-8,
    ).fit(matrix, y)  # fmt: skip
    assert ours.classes_.tolist() == theirs.classes_.tolist()
    np.testing.assert_allclose(ours.predict_proba(matrix), theirs.predict_proba(matrix), atol=2e-3)
    np.testing.assert_allclose(ours.decision_function(matrix), theirs.decision_function(matrix), atol=0.05)
    np.testing.assert_array_equal(ours.predict(matrix), ours.classes_[ours.predict_proba(matrix).argmax(axis=1)])


def test_a_path_gives_what_single_fits_give(matrix: csr_matrix, y: np.ndarray) -> None:
    grid = [0.1, 1.0, 10.0]
    path = StanceClassifier(tol=1e-7).fit_path(matrix, y, grid)
    assert [fitted.C for fitted in path] == grid
    for fitted in path:
        alone = StanceClassifier(C=fitted.C, tol=1e-7).fit(matrix, y)
        np.testing.assert_allclose(fitted.predict_proba(matrix), alone.predict_proba(matrix), atol=2e-3)


def test_an_example_of_weight_two_is_the_example_twice(matrix: csr_matrix, y: np.ndarray) -> None:
    weight = np.where(np.arange(N) < 30, 2.0, 1.0)
    twice = np.concatenate([np.arange(N), np.arange(30)])
    weighted = StanceClassifier(tol=1e-7).fit(matrix, y, sample_weight=weight)
    doubled = StanceClassifier(tol=1e-7).fit(matrix[twice], y[twice])
    np.testing.assert_allclose(weighted.predict_proba(matrix), doubled.predict_proba(matrix), atol=2e-3)
    assert (
        np.abs(weighted.predict_proba(matrix) - StanceClassifier(tol=1e-7).fit(matrix, y).predict_proba(matrix)).max()
        > 0.02
    )


def test_the_penalty_holds_weights_near_those_of_the_model_started_from(matrix: csr_matrix, y: np.ndarray) -> None:
    base = StanceClassifier(C=3.0, tol=1e-7).fit(matrix, y)
    start = base.weights_of(LABELS)
    again, far = (StanceClassifier(tol=1e-7).fit_path(matrix, y, [C], start=start)[0] for C in (1e-4, 1000.0))
    # A strong penalty leaves the weights as they were, a weak one hardly holds them.
    assert np.abs(again.coef_ - start[0]).max() < 1e-3
    alone = StanceClassifier(C=1000.0, tol=1e-7).fit(matrix, y)
    together = far.predict_proba(matrix)[:, [LABELS.index(label) for label in alone.classes_]]
    assert (
        np.abs(together - alone.predict_proba(matrix)).max()
        < np.abs(base.predict_proba(matrix) - alone.predict_proba(matrix)).max()
    )


def test_a_label_never_seen_scores_minus_infinity_and_one_class_is_refused(matrix: csr_matrix) -> None:
    two = np.where(np.arange(N) % 2, "favor", "against")
    scores = StanceClassifier().fit(matrix, two).scores(matrix, ["none", "favor", "against"])
    assert (scores[:, 0] == -np.inf).all()
    assert np.isfinite(scores[:, 1:]).all()
    with pytest.raises(ValueError, match="only the class 'none' in y; wanted two or more"):
        StanceClassifier().fit(matrix, ["none"] * N)
