"""The linear classifier: weights for every target are shared weights plus its own.

With a text's features x and target t the score of class c is ``(u_c + g v_tc) . x + b_tc``,
so a fitted classifier is one table of weights per target. Adding a common and a specific part
is Daumé III (2007), "Frustratingly easy domain adaptation".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self, cast

import numpy as np
import numpy.typing as npt
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.validation import check_is_fitted

Array = npt.NDArray[np.float64]

#: With at most so many different texts the fit works on a factor of their Gram matrix, which
#: is exact and far smaller than the vocabulary; beyond, on the sparse features themselves.
GRAM_LIMIT = 6000


class JointClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """L2-regularised softmax regression or linear SVM, joint over targets.

    It takes what `StanceFeatures` gives: TF-IDF columns and, last, the target's number.

    Parameters
    ----------
    kind
        ``"logistic"`` (multinomial) or ``"svm"`` (one-vs-rest, squared hinge).
    C
        Inverse strength of the regularisation, as in scikit-learn.
    class_weight
        ``"balanced"``, as in scikit-learn, or ``"none"``.
    target_weight
        Strength g of the target's own weights; with 0 only the intercepts are its own.
    temperature
        What scores are divided by before the softmax (Guo et al. 2017, "On calibration of
        modern neural networks").

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted, as in scikit-learn.
    coef_ : ndarray of shape (n_targets, n_classes, n_ngrams)
        Folded weights, shared + target's own.
    intercept_ : ndarray of shape (n_targets, n_classes)
    """

    classes_: npt.NDArray[np.object_]
    coef_: Array
    intercept_: Array

    def __init__(
        self,
        *,
        kind: str = "logistic",
        C: float = 10.0,
        class_weight: str = "balanced",
        target_weight: float = 1.0,
        temperature: float = 1.0,
    ) -> None:
        self.kind = kind
        self.C = C
        self.class_weight = class_weight
        self.target_weight = target_weight
        self.temperature = temperature

    def fit(self, X: csr_matrix, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Fit to a matrix of shape (n_examples, n_ngrams + 1) and as many classes.

        `sample_weight` says what each example's loss counts, 1 by default.

        Raises
        ------
        ValueError
            If there is only one class, or a parameter has an impossible value.
        """
        self.__dict__.update(self.fit_path(X, y, [self.C], sample_weight)[0].__dict__)
        return self

    def fit_path(
        self, X: csr_matrix, y: npt.ArrayLike, grid: Sequence[float], sample_weight: npt.ArrayLike | None = None
    ) -> list[Self]:
        """Return a classifier fitted for each C, each starting from the one before.

        The features are factored once and every solution starts close to its own optimum, so
        that a whole grid costs little more than its hardest value alone.
        """
        if self.kind not in _LOSSES:
            raise ValueError(f"kind={self.kind!r}; wanted one of {', '.join(_LOSSES)}")
        classes, label = np.unique(np.asarray(y), return_inverse=True)
        if len(classes) < 2:
            raise ValueError(f"only the class {classes[0]!r} in y; wanted two or more")
        features, target = _split(X)
        n_targets = int(target.max()) + 1
        features, text = _unique_rows(features)
        weight = np.ones(len(label)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
        if self.class_weight == "balanced":
            counts = np.bincount(label, weights=weight)
            weight = weight * (weight.sum() / (len(classes) * counts))[label]
        basis, back = _factor(features)
        problem = _Problem(
            basis,
            text,
            target,
            label,
            weight / weight.sum(),
            (n_targets, len(classes)),
            self.target_weight,
            self.kind,
        )
        start = np.zeros(problem.size)
        path = []
        for C in grid:
            start = problem.solve(start, penalty=1.0 / (C * weight.sum()))
            folded, intercept = problem.unfold(start)
            fitted = clone(self).set_params(C=C)
            fitted.classes_ = classes
            fitted.coef_ = np.ascontiguousarray(back(folded).T).reshape(n_targets, len(classes), features.shape[1])
            fitted.intercept_ = intercept
            fitted.n_features_in_ = X.shape[1]
            path.append(fitted)
        return path

    def scores(self, X: csr_matrix) -> Array:
        """Return scores of shape (n_examples, n_classes), columns in `classes_` order."""
        check_is_fitted(self)
        features, target = _split(X)
        every = self.text_scores(features)
        return every[np.arange(len(target)), target]

    def text_scores(self, features: csr_matrix) -> Array:
        """Return scores of texts toward every target: (n_texts, n_targets, n_classes)."""
        n_targets, n_classes, n_ngrams = self.coef_.shape
        flat = features @ self.coef_.reshape(-1, n_ngrams).T
        return cast("Array", flat.reshape(-1, n_targets, n_classes) + self.intercept_)

    def decision_function(self, X: csr_matrix) -> Array:
        """Return scores; for two classes one column, as in scikit-learn."""
        scores = self.scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X: csr_matrix) -> Array:
        """Return probabilities of shape (n_examples, n_classes), in `classes_` order."""
        return softmax(self.scores(X) / self.temperature, axis=1)

    def predict(self, X: csr_matrix) -> npt.NDArray[np.object_]:
        """Return the class of the highest score for each example."""
        return cast("npt.NDArray[np.object_]", self.classes_[self.scores(X).argmax(axis=1)])


class _Problem:
    """The training objective in a basis of the features, and its minimiser."""

    def __init__(
        self,
        basis: Array | csr_matrix,
        text: npt.NDArray[np.intp],
        target: npt.NDArray[np.intp],
        label: npt.NDArray[np.intp],
        weight: Array,
        shape: tuple[int, int],
        target_weight: float,
        kind: str,
    ) -> None:
        self.basis = basis
        self.weight = weight[:, np.newaxis]
        self.n_targets, self.n_classes = shape
        self.g = target_weight
        self.loss = _LOSSES[kind]
        self.onehot = np.eye(self.n_classes)[label]
        self.cell = text * self.n_targets + target
        # Sums the examples' gradients into their (text, target) cell.
        self.gather = csr_matrix(
            (np.ones(len(label)), (self.cell, np.arange(len(label)))),
            shape=(basis.shape[0] * self.n_targets, len(label)),
        )
        self.parts = 1 + self.n_targets
        self.n_weights = self.parts * basis.shape[1] * self.n_classes
        self.size = self.n_weights + self.n_targets * self.n_classes

    def unfold(self, flat: Array) -> tuple[Array, Array]:
        """Return folded weights (n_basis, n_targets * n_classes) and intercepts."""
        weights = flat[: self.n_weights].reshape(self.parts, -1, self.n_classes)
        folded = weights[0] + self.g * weights[1:]
        intercept = flat[self.n_weights :].reshape(self.n_targets, self.n_classes)
        return folded.transpose(1, 0, 2).reshape(folded.shape[1], -1), intercept

    def solve(self, start: Array, *, penalty: float) -> Array:
        found = minimize(
            self._objective,
            start,
            (penalty,),
            method="L-BFGS-B",
            jac=True,
            options={"maxiter": 1000, "gtol": 1e-6, "ftol": 1e-8, "maxcor": 20},
        )
        return cast("Array", found.x)

    def _objective(self, flat: Array, penalty: float) -> tuple[float, Array]:
        folded, intercept = self.unfold(flat)
        scores = np.asarray(self.basis @ folded).reshape(-1, self.n_classes)[self.cell]
        scores += intercept[self.cell % self.n_targets]
        losses, slope = self.loss(scores, self.onehot)
        slope *= self.weight
        cells = np.asarray(self.gather @ slope)
        outer = np.asarray(self.basis.T @ cells.reshape(-1, self.n_targets * self.n_classes))
        outer = outer.reshape(-1, self.n_targets, self.n_classes).transpose(1, 0, 2)
        gradient = np.empty_like(flat)
        parts = gradient[: self.n_weights].reshape(self.parts, -1, self.n_classes)
        parts[0] = outer.sum(axis=0)
        parts[1:] = self.g * outer
        gradient[: self.n_weights] += penalty * flat[: self.n_weights]
        gradient[self.n_weights :] = cells.reshape(-1, self.n_targets * self.n_classes).sum(axis=0)
        norm = float(flat[: self.n_weights] @ flat[: self.n_weights])
        return float((losses * self.weight).sum()) + 0.5 * penalty * norm, gradient


def _logistic(scores: Array, onehot: Array) -> tuple[Array, Array]:
    log_proba = log_softmax(scores, axis=1)
    return -(onehot * log_proba), np.exp(log_proba) - onehot


def _squared_hinge(scores: Array, onehot: Array) -> tuple[Array, Array]:
    sign = 2 * onehot - 1
    short = np.maximum(0.0, 1.0 - sign * scores)
    return short**2, -2.0 * sign * short


_LOSSES = {"logistic": _logistic, "svm": _squared_hinge}


def _split(X: csr_matrix) -> tuple[csr_matrix, npt.NDArray[np.intp]]:
    X = csr_matrix(X)
    return X[:, :-1], X[:, -1].toarray().ravel().astype(np.intp)


def _unique_rows(X: csr_matrix) -> tuple[csr_matrix, npt.NDArray[np.intp]]:
    """Return the different rows, and for each row of X its place among them."""
    X.sort_indices()
    place: dict[tuple[bytes, bytes], int] = {}
    first: list[int] = []
    inverse = np.empty(X.shape[0], dtype=np.intp)
    for i, (start, stop) in enumerate(zip(X.indptr, X.indptr[1:], strict=False)):
        key = (X.indices[start:stop].tobytes(), X.data[start:stop].tobytes())
        if key not in place:
            place[key] = len(first)
            first.append(i)
        inverse[i] = place[key]
    return X[first], inverse


def _factor(X: csr_matrix) -> tuple[Array | csr_matrix, Callable[[Array], Array]]:
    """Return a basis with the same Gram matrix as X, and the way back to X's columns.

    An L2-regularised linear model depends on X through X X' alone (representer theorem:
    Schölkopf et al. 2001), so that with X X' = L L' it may be fitted on L instead and its
    weights w are X' L'^-1 w in the columns of X.
    """
    if X.shape[0] > min(GRAM_LIMIT, X.shape[1]):
        return X, lambda weights: weights
    gram = (X @ X.T).toarray()
    # Texts with the same or no n-grams make it singular; this much noise changes nothing.
    gram[np.diag_indices_from(gram)] += 1e-9
    lower = cholesky(gram, lower=True, overwrite_a=True, check_finite=False)

    def back(weights: Array) -> Array:
        dual = solve_triangular(lower, weights, lower=True, trans="T", check_finite=False)
        return cast("Array", X.T @ dual)

    return lower, back
