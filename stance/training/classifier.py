"""The linear classifier: weights for every target are shared weights plus its own.

With a text's features x and target t the score of class c is ``(u_c + g v_tc) . x + b_tc``,
so a fitted classifier is one table of weights per target. Adding a common and a specific part
is Daumé III (2007), "Frustratingly easy domain adaptation".
"""

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

from stance.training.estimator import VersionedEstimator

Array = npt.NDArray[np.float64]
Single = npt.NDArray[np.float32]


class JointClassifier(ClassifierMixin, VersionedEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """L2-regularised softmax regression, joint over targets.

    It takes what `StanceFeatures` gives: TF-IDF columns and, last, the target's number.

    Parameters
    ----------
    C
        Inverse strength of the regularisation, as in scikit-learn.
    class_weight
        ``"balanced"``, as in scikit-learn, or ``"none"``.
    target_weight
        Strength g of the target's own weights; with 0 only the intercepts are its own.
    temperature
        What scores are divided by before the softmax (Guo et al. 2017, "On calibration of
        modern neural networks").
    tol
        Newton's method stops once a step lowers the objective by less than this fraction of it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted, as in scikit-learn.
    coef_ : ndarray of shape (n_targets, n_classes, n_ngrams)
        Folded weights, shared + target's own.
    intercept_ : ndarray of shape (n_targets, n_classes)
    """

    __module__ = "stance"

    classes_: npt.NDArray[np.object_]
    coef_: Array
    intercept_: Array

    def __init__(
        self,
        *,
        C: float = 1.0,
        class_weight: str = "balanced",
        target_weight: float = 1.0,
        temperature: float = 1.0,
        tol: float = 0.005,
    ) -> None:
        self.C = C
        self.class_weight = class_weight
        self.target_weight = target_weight
        self.temperature = temperature
        self.tol = tol

    def fit(self, X: csr_matrix, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Fit to a matrix of shape (n_examples, n_ngrams + 1) and as many classes.

        `sample_weight` says what each example's loss counts, 1 by default.

        Raises
        ------
        ValueError
            If there is only one class.
        """
        rows, target = _split(X)
        # Equal rows, and in practice only these, have equal products with a random vector.
        product = rows @ np.random.default_rng(0).normal(size=rows.shape[1])
        _, first, text = np.unique(product, return_index=True, return_inverse=True)
        weight = None if sample_weight is None else np.asarray(sample_weight, dtype=float)
        mass, classes = label_mass(text, target, np.asarray(y), (len(first), int(target.max()) + 1), weight)
        fitted = self.fit_path(rows[first], mass, classes, [self.C])[0]
        return self._set(fitted.classes_, fitted.coef_, fitted.intercept_)

    def fit_path(self, texts: csr_matrix, mass: Array, classes: npt.ArrayLike, grid: Sequence[float]) -> list[Self]:
        """Return a classifier fitted for each C of an ascending grid; together they cost little more than the last.

        Parameters
        ----------
        texts
            TF-IDF of the different texts, shape (n_texts, n_ngrams).
        mass
            Shape (n_texts, n_targets, n_classes): what each text weighs toward each target
            with each class (`label_mass`). Classes without any are dropped.
        classes
            Names of the classes, sorted, shape (n_classes,).

        Raises
        ------
        ValueError
            If only one class has any mass.
        """
        total = mass.sum(axis=(0, 1))
        names = np.asarray(classes)[total > 0]
        if len(names) < 2:
            raise ValueError(f"only the class {names[0]!r} in y; wanted two or more")
        mass, total = mass[:, :, total > 0], total[total > 0]
        if self.class_weight == "balanced":
            mass = mass * (total.sum() / (len(total) * total))
        path = _Objective(texts, mass, self.target_weight).path(grid, tol=self.tol)
        return [clone(self).set_params(C=C)._set(names, *weights) for C, weights in zip(grid, path, strict=True)]

    def _set(self, classes: npt.NDArray[Any], coef: Array, intercept: Array) -> Self:
        self.classes_, self.coef_, self.intercept_ = classes, coef, intercept
        self.n_features_in_ = coef.shape[2] + 1
        return self

    def scores(self, X: csr_matrix) -> Array:
        """Return scores of shape (n_examples, n_classes), columns in `classes_` order."""
        check_is_fitted(self)
        texts, target = _split(X)
        return self.text_scores(texts)[np.arange(len(target)), target]

    def text_scores(self, texts: csr_matrix, labels: Sequence[str] | None = None) -> Array:
        """Return scores of texts toward every target: (n_texts, n_targets, n_labels), by default of `classes_`."""
        coef, intercept = self.weights_of(list(self.classes_) if labels is None else labels)
        flat = texts @ coef.reshape(-1, coef.shape[2]).T
        return cast("Array", flat.reshape(-1, *intercept.shape) + intercept)

    def weights_of(self, labels: Sequence[str]) -> tuple[Array, Array]:
        """Return `coef_` and `intercept_` for labels in this order; one never seen has weights 0, intercepts -inf."""
        n_targets, _, n_ngrams = self.coef_.shape
        coef, intercept = np.zeros((n_targets, len(labels), n_ngrams)), np.full((n_targets, len(labels)), -np.inf)
        columns = [labels.index(label) for label in self.classes_]
        coef[:, columns], intercept[:, columns] = self.coef_, self.intercept_
        return coef, intercept

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


def label_mass(
    text: npt.NDArray[np.intp],
    target: npt.NDArray[np.intp],
    stances: npt.NDArray[Any],
    shape: tuple[int, int],
    weight: Array | None = None,
) -> tuple[Array, npt.NDArray[Any]]:
    """Return what each text weighs toward each target with each class, and the sorted classes.

    The first has shape (n_texts, n_targets, n_classes), of which `shape` is the beginning; `text` and
    `target` are the indices of each example in it, `stances` its class.
    """
    classes, label = np.unique(stances, return_inverse=True)
    mass = np.zeros((*shape, len(classes)))
    np.add.at(mass, (text, target, label), 1.0 if weight is None else weight)
    return mass, classes


class _Objective:
    """The training objective of plain variables, shape (n_ngrams + 1, n_columns), the intercepts in the last row.

    Weights w_t = u + g v_t under the penalty |u|^2 + sum |v_t|^2 are the same prior as w = A z
    under |z|^2 with A A' = 1 1' + g^2 I, one block of variables fewer. The softmax does not see
    what all classes have in common, so the penalty makes it zero: one column a target fewer.
    All but the loss is in single precision, which takes a third less time.
    """

    def __init__(self, texts: csr_matrix, mass: Array, target_weight: float) -> None:
        self.texts = csr_matrix(texts, dtype=np.float32)
        self.ngrams = csr_matrix(self.texts.T)
        self.total = float(mass.sum())
        self.mass = (mass / self.total).astype(np.float32)
        self.weight = self.mass.sum(axis=2, keepdims=True)
        n_targets, n_classes = mass.shape[1:]
        prior = np.ones((n_targets, n_targets)) + target_weight**2 * np.eye(n_targets)
        # The tiny ridge lets a target_weight of 0 through the factorisation.
        root = np.linalg.cholesky(prior + 1e-9 * np.eye(n_targets))
        contrasts = helmert(n_classes)
        self.mix = np.kron(root.T, contrasts).astype(np.float32)
        self.lift = np.kron(np.eye(n_targets), contrasts).astype(np.float32)
        self.shape = (self.texts.shape[1] + 1, len(self.mix))

    def path(self, grid: Sequence[float], *, tol: float) -> list[tuple[Array, Array]]:
        """Return weights (n_targets, n_classes, n_ngrams) and intercepts (n_targets, n_classes) for each C."""
        # A rough fit to a smaller C is quick and leads to the first.
        strengths = [grid[0] / 10, *grid]
        points: list[Single] = [np.zeros(self.shape[0] * self.shape[1], dtype=np.float32)]
        for k, C in enumerate(strengths):
            start = points[-1]
            if k > 1:  # The path is nearly straight in log C: go on where the last two points lead.
                ahead = np.log(C / strengths[k - 1]) / np.log(strengths[k - 1] / strengths[k - 2])
                start = start + np.float32(ahead) * (points[-1] - points[-2])
            points.append(self._minimise(C, start, tol=tol if k else max(tol, 0.1)))
        return [self._weights(point) for point in points[2:]]

    def _weights(self, point: Single) -> tuple[Array, Array]:
        z = point.reshape(self.shape)
        n_targets, n_classes = self.mass.shape[1:]
        coef = (z[:-1] @ self.mix).T.astype(float, order="C").reshape(n_targets, n_classes, -1)
        return coef, (z[-1] @ self.lift).astype(float).reshape(n_targets, n_classes)

    def _minimise(self, C: float, start: Single, *, tol: float) -> Single:
        """Return the point of the least loss + penalty, by Newton's method with conjugate gradients."""
        penalty = 1.0 / (C * self.total)
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
        return cast("Single", result.x)

    def _value_and_gradient(self, point: Any, penalty: float) -> tuple[float, Single]:
        log_proba = log_softmax(self._scores(point), axis=2)
        slope = self.weight * np.exp(log_proba) - self.mass
        weights = point[: -self.shape[1]]
        loss = -float((self.mass * log_proba).sum(dtype=float))
        return loss + 0.5 * penalty * float(weights @ weights), self._pull_back(slope, point, penalty)

    def _hessian(self, point: Any, penalty: float) -> Any:  # a LinearOperator, which the stubs of minimize lack
        proba = softmax(self._scores(point), axis=2)

        def product(direction: Single) -> Single:
            change = self._scores(direction)
            change -= (proba * change).sum(axis=2, keepdims=True)
            return self._pull_back(self.weight * proba * change, direction, penalty)

        return LinearOperator((point.size, point.size), matvec=product, dtype=point.dtype)

    def _scores(self, point: Single) -> Single:
        """Return scores (n_texts, n_targets, n_classes), which are linear in the variables."""
        z = point.reshape(self.shape)
        return cast("Single", ((self.texts @ z[:-1]) @ self.mix + z[-1] @ self.lift).reshape(self.mass.shape))

    def _pull_back(self, slope: Single, point: Single, penalty: float) -> Single:
        """Return the gradient by the variables, where that by the scores is `slope`, with the penalty's."""
        z, flat = point.reshape(self.shape), slope.reshape(len(slope), -1)
        result = penalty * z
        result[:-1] += self.ngrams @ (flat @ self.mix.T)
        result[-1] = flat.sum(axis=0, dtype=float) @ self.lift.T
        return cast("Single", result.ravel())


def _split(X: csr_matrix) -> tuple[csr_matrix, npt.NDArray[np.intp]]:
    X = csr_matrix(X)
    return X[:, :-1], X[:, -1].toarray().ravel().astype(np.intp)
