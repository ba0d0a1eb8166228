"""The linear classifier: softmax regression on sparse features, from scratch or from another model's weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, cast

import numpy as np
import numpy.typing as npt
from scipy.linalg import helmert
from scipy.optimize import OptimizeResult, minimize
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import LinearOperator
from scipy.special import log_softmax, softmax
from sklearn.base import ClassifierMixin, clone
from sklearn.utils.validation import check_is_fitted

from stance.labels import LABELS
from stance.training.estimator import VersionedEstimator

Array = npt.NDArray[np.float64]
Single = npt.NDArray[np.float32]


class StanceClassifier(ClassifierMixin, VersionedEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """L2-regularised softmax regression.

    Parameters
    ----------
    C
        Inverse strength of the regularisation, as in scikit-learn.
    class_weight
        ``"balanced"``, as in scikit-learn, or ``"none"``.
    temperature
        What scores are divided by before the softmax (Guo et al. 2017, "On calibration of
        modern neural networks").
    tol
        Newton's method stops once a step lowers the objective by less than this fraction of it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted, as in scikit-learn.
    coef_ : ndarray of shape (n_classes, n_features)
    intercept_ : ndarray of shape (n_classes,)
    """

    __module__ = "stance"

    classes_: npt.NDArray[np.object_]
    coef_: Array
    intercept_: Array

    def __init__(
        self, *, C: float = 10.0, class_weight: str = "balanced", temperature: float = 1.0, tol: float = 0.005
    ) -> None:
        self.C = C
        self.class_weight = class_weight
        self.temperature = temperature
        self.tol = tol

    def fit(self, X: csr_matrix, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Fit to a matrix of shape (n_examples, n_features).

        `sample_weight` says what each example's loss counts, 1 by default.

        Raises
        ------
        ValueError
            If there is only one class.
        """
        fitted = self.fit_path(X, y, [self.C], sample_weight)[0]
        return self._set(fitted.classes_, fitted.coef_, fitted.intercept_)

    def fit_path(
        self, X: csr_matrix, y: npt.ArrayLike, grid: Sequence[float], sample_weight: npt.ArrayLike | None = None,
        start: tuple[Array, Array] | None = None,
    ) -> list[Self]:  # fmt: skip
        """Return a classifier fitted for each C of an ascending grid; together they cost little more than the last.

        `start` has another model's weights for LABELS, of shape (3, n_features), and its intercepts (3,): the penalty
        then holds the weights near these and not near 0.

        Raises
        ------
        ValueError
            If there is only one class, and no start.
        """
        classes, label = np.unique(np.asarray(y), return_inverse=True)
        if start is None and len(classes) < 2:
            raise ValueError(f"only the class {str(classes[0])!r} in y; wanted two or more")
        weight = np.ones(len(label)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
        if self.class_weight == "balanced":
            total = np.bincount(label, weight)
            weight = weight * (total.sum() / (len(classes) * total))[label]
        coef: Array | float = 0.0
        intercept: Array | float = 0.0
        offset = None
        if start is not None:
            label = np.asarray([LABELS.index(stance) for stance in classes])[label]
            classes, (coef, intercept) = np.asarray(LABELS, dtype=object), start
            offset = X @ coef.T + intercept
        path = _Objective(X, label, weight, len(classes), offset).path(grid, tol=self.tol)
        return [
            clone(self).set_params(C=C)._set(classes, coef + more, intercept + constant)
            for C, (more, constant) in zip(grid, path, strict=True)
        ]

    def _set(self, classes: npt.NDArray[Any], coef: Array, intercept: Array) -> Self:
        self.classes_, self.coef_, self.intercept_ = classes, coef, intercept
        self.n_features_in_ = coef.shape[1]
        return self

    def weights_of(self, labels: Sequence[str]) -> tuple[Array, Array]:
        """Return `coef_` and `intercept_` for labels in this order; one never seen has weights 0, intercept -inf."""
        coef, intercept = np.zeros((len(labels), self.coef_.shape[1])), np.full(len(labels), -np.inf)
        rows = [labels.index(label) for label in self.classes_]
        coef[rows], intercept[rows] = self.coef_, self.intercept_
        return coef, intercept

    def scores(self, X: csr_matrix, labels: Sequence[str] | None = None) -> Array:
        """Return scores of shape (n_examples, n_labels), by default in `classes_` order."""
        check_is_fitted(self)
        coef, intercept = self.weights_of(list(self.classes_) if labels is None else labels)
        return cast("Array", X @ coef.T + intercept)

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


class _Objective:
    """Mean loss and penalty of points of shape (n_features + 1, n_classes - 1), flat; the intercepts are the last row.

    The softmax does not see what all classes have in common, so the penalty makes it zero: one column fewer.
    All but the sum of the loss is in single precision, which takes a third less time.
    """

    def __init__(
        self, X: csr_matrix, label: npt.NDArray[np.intp], weight: Array, n_classes: int, offset: Array | None
    ) -> None:
        self.X = csr_matrix(X, dtype=np.float32)
        self.transposed = csr_matrix(self.X.T)
        self.label, self.total = (np.arange(len(label)), label), float(weight.sum())
        self.weight = (weight / self.total).astype(np.float32)[:, np.newaxis]
        self.contrasts = helmert(n_classes).astype(np.float32)
        self.offset = np.float32(0) if offset is None else offset.astype(np.float32)
        self.shape = (self.X.shape[1] + 1, n_classes - 1)
        # The curvature of the loss by each weight, at most: 1/4 of the weighted sum of squares.
        squares = csr_matrix((self.X.data**2, self.X.indices, self.X.indptr), self.X.shape)
        self.curvature = (squares.T @ self.weight / 4).astype(np.float32)

    def path(self, grid: Sequence[float], *, tol: float) -> list[tuple[Array, Array]]:
        """Return weights (n_classes, n_features) and intercepts (n_classes,) for each C."""
        # A rough fit to a smaller C is quick and leads to the first.
        strengths = [grid[0] / 10, *grid]
        points: list[Single] = [np.zeros(self.shape[0] * self.shape[1], dtype=np.float32)]
        for k, C in enumerate(strengths):
            start = points[-1]
            if k > 1:  # The path is nearly straight in log C: go on where the last two points lead.
                ahead = np.log(C / strengths[k - 1]) / np.log(strengths[k - 1] / strengths[k - 2])
                start = start + np.float32(ahead) * (points[-1] - points[-2])
            points.append(self._minimise(C, start, tol=tol if k else max(tol, 0.1)))
        weights = [(point.reshape(self.shape) @ self.contrasts).astype(float) for point in points[2:]]
        return [(np.ascontiguousarray(rows[:-1].T), rows[-1]) for rows in weights]

    def _minimise(self, C: float, start: Single, *, tol: float) -> Single:
        """Return the point of the least loss + penalty, by Newton's method with conjugate gradients."""
        penalty = 1.0 / (C * self.total)
        # In variables of like curvature the conjugate gradients need a fraction of the steps.
        self.scale = np.ones((self.shape[0], 1), np.float32)
        self.scale[:-1] = 1 / np.sqrt(self.curvature + penalty)
        start = (start.reshape(self.shape) / self.scale).ravel()
        value = self._value_and_gradient(start, penalty)[0]

        def stop_when_flat(intermediate_result: OptimizeResult) -> None:
            nonlocal value
            before, value = value, intermediate_result.fun
            if before - value <= tol * value:
                raise StopIteration

        result = minimize(
            self._value_and_gradient, start, (penalty,), method="Newton-CG", jac=True, hess=self._hessian,
            callback=stop_when_flat, options={"xtol": 0.0, "maxiter": 200},
        )  # fmt: skip
        return cast("Single", (result.x.reshape(self.shape) * self.scale).ravel())

    def _value_and_gradient(self, point: Any, penalty: float) -> tuple[float, Single]:
        log_proba = log_softmax(self._scores(point) + self.offset, axis=1)
        slope = np.exp(log_proba)
        slope[self.label] -= 1
        slope *= self.weight
        weights = (point.reshape(self.shape) * self.scale)[:-1].ravel()
        loss = -float((self.weight[:, 0] * log_proba[self.label]).sum(dtype=float))
        return loss + 0.5 * penalty * float(weights @ weights), self._pull_back(slope, point, penalty)

    def _hessian(self, point: Any, penalty: float) -> Any:  # a LinearOperator, which the stubs of minimize lack
        proba = softmax(self._scores(point) + self.offset, axis=1)

        def product(direction: Single) -> Single:
            change = self._scores(direction)
            change -= (proba * change).sum(axis=1, keepdims=True)
            return self._pull_back(self.weight * proba * change, direction, penalty)

        return LinearOperator((point.size, point.size), matvec=product, dtype=point.dtype)

    def _scores(self, point: Single) -> Single:
        """Return scores (n_examples, n_classes), which are linear in the variables."""
        rows = point.reshape(self.shape) * self.scale
        return cast("Single", (self.X @ rows[:-1] + rows[-1]) @ self.contrasts)

    def _pull_back(self, slope: Single, point: Single, penalty: float) -> Single:
        """Return the gradient by the variables, where that by the scores is `slope`, with the penalty's."""
        flat = slope @ self.contrasts.T
        result = penalty * (point.reshape(self.shape) * self.scale)
        result[:-1] += self.transposed @ flat
        result[-1] = flat.sum(axis=0, dtype=float)
        result *= self.scale
        return cast("Single", result.ravel())
