"""The linear classifier: weights for every target are shared weights plus its own.

With a text's features x and target t the score of class c is ``(u_c + g v_tc) . x + b_tc``,
so a fitted classifier is one table of weights per target. Adding a common and a specific part
is Daumé III (2007), "Frustratingly easy domain adaptation".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self, cast

import numpy as np
import numpy.typing as npt
from scipy.linalg import helmert
from scipy.sparse import csr_matrix
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.validation import check_is_fitted

Array = npt.NDArray[np.float64]
Single = npt.NDArray[np.float32]

_HISTORY = 30


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
    tol
        The minimiser stops once three steps in a row lower the objective by less than this
        fraction of it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted, as in scikit-learn.
    coef_ : ndarray of shape (n_targets, n_classes, n_ngrams)
        Folded weights, shared + target's own.
    intercept_ : ndarray of shape (n_targets, n_classes)
    dual_coef_ : ndarray of shape (n_texts + 1, n_columns)
        The weights as a combination of the different texts' features, and the intercepts: what
        another fit to some of the same texts can start from (`fit_path`).
    """

    classes_: npt.NDArray[np.object_]
    coef_: Array
    intercept_: Array
    dual_coef_: Single

    def __init__(
        self,
        *,
        kind: str = "logistic",
        C: float = 1.0,
        class_weight: str = "balanced",
        target_weight: float = 1.0,
        temperature: float = 1.0,
        tol: float = 1e-4,
    ) -> None:
        self.kind = kind
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
            If there is only one class, or a parameter has an impossible value.
        """
        features, target = _split(X)
        features, text = _unique_rows(features)
        shape = (features.shape[0], int(target.max()) + 1)
        weight = None if sample_weight is None else np.asarray(sample_weight, dtype=float)
        mass, classes = label_mass(text, target, np.asarray(y), shape, weight)
        self.__dict__.update(self.fit_path(features, mass, classes, [self.C])[0].__dict__)
        return self

    def fit_path(
        self,
        features: csr_matrix,
        mass: Array,
        classes: npt.ArrayLike,
        grid: Sequence[float],
        start: Single | None = None,
    ) -> list[Self]:
        """Return a classifier fitted for each C, each starting from where those before lead.

        Parameters
        ----------
        features
            The different texts, shape (n_texts, n_ngrams).
        mass
            Shape (n_texts, n_targets, n_classes): what each text weighs toward each target
            with each class (`label_mass`). Classes without any are dropped.
        classes
            Names of the classes, shape (n_classes,).
        grid
            Values of C, ascending, each once.
        start
            A `dual_coef_` of these texts to start from; one of other shape is not used.
        """
        if self.kind not in _LOSSES:
            raise ValueError(f"kind={self.kind!r}; wanted one of {', '.join(_LOSSES)}")
        names = np.asarray(classes)
        total = mass.sum(axis=(0, 1))
        if (total > 0).sum() < 2:
            raise ValueError(f"only the class {names[total > 0][0]!r} in y; wanted two or more")
        names, mass, total = names[total > 0], mass[:, :, total > 0], total[total > 0]
        if self.class_weight == "balanced":
            mass = mass * (total.sum() / (len(total) * total))
        problem = _Problem(features, mass, self.target_weight, self.kind)
        point = before = problem.point(start)
        path = []
        for k, C in enumerate(grid):
            # The path is nearly straight in log C, so go on from where the last two steps lead.
            ahead = np.log(C / grid[k - 1]) / np.log(grid[k - 1] / grid[k - 2]) if k > 1 else 0.0
            begin = point + np.float32(ahead) * (point - before)
            before = point
            point = _minimise(problem.objective(1.0 / (C * mass.sum())), begin, tol=self.tol)
            fitted = clone(self).set_params(C=C)
            fitted.classes_, fitted.dual_coef_ = names, point[0]
            fitted.coef_, fitted.intercept_ = problem.unfold(point)
            fitted.n_features_in_ = features.shape[1] + 1
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
    """The training objective, and the way from its variables to folded weights.

    Weights w_t = u + g v_t under the penalty |u|^2 + sum |v_t|^2 are the same prior as w = A z
    under |z|^2 with A A' = 1 1' + g^2 I, one block of variables fewer. The softmax does not see
    what all classes have in common, so the penalty makes it zero: one column a target fewer.

    Every gradient, and so every point that L-BFGS visits, is a combination of the texts'
    features: z = X' a. A vector is kept as the pair of a and X z, of shape
    (2, n_texts + 1, columns) with the intercepts as the last row of both, and the product of two
    z is that of the one's first and the other's second half. A step then costs one product with
    the texts and nothing that grows with the number of n-grams.
    """

    def __init__(self, features: csr_matrix, mass: Array, target_weight: float, kind: str) -> None:
        # Single precision: the sums are memory-bound, and the weights' last digits carry nothing.
        self.features = csr_matrix(features, dtype=np.float32)
        n_texts, self.n_targets, self.n_classes = mass.shape
        self.mass = (mass / mass.sum()).astype(np.float32)
        self.loss = _LOSSES[kind]
        prior = np.ones((self.n_targets, self.n_targets)) + target_weight**2 * np.eye(self.n_targets)
        # The tiny ridge lets a target_weight of 0 through the factorisation.
        root = np.linalg.cholesky(prior + 1e-9 * np.eye(self.n_targets))
        contrasts = helmert(self.n_classes) if kind == "logistic" else np.eye(self.n_classes)
        self.mix = np.kron(root.T, contrasts).astype(np.float32)
        self.lift = np.kron(np.eye(self.n_targets), contrasts).astype(np.float32)
        self.shape = (2, n_texts + 1, len(self.mix))

    def point(self, dual: Single | None) -> Single:
        """Return the vector of these combinations of texts; of zeros, when none has the shape."""
        point = np.zeros(self.shape, dtype=np.float32)
        if dual is not None and dual.shape == self.shape[1:]:
            point[:] = dual
            point[1, :-1] = self.features @ (self.features.T @ dual[:-1])
        return point

    def unfold(self, point: Single) -> tuple[Array, Array]:
        """Return weights (n_targets, n_classes, n_ngrams) and intercepts (n_targets, n_classes)."""
        weights = (np.asarray(self.features.T @ point[0, :-1]) @ self.mix).astype(float)
        folded = np.ascontiguousarray(weights.T).reshape(self.n_targets, self.n_classes, -1)
        return folded, (point[0, -1] @ self.lift).astype(float).reshape(self.n_targets, self.n_classes)

    def objective(self, penalty: float) -> Callable[[Single], tuple[float, Single]]:
        def value_and_gradient(point: Single) -> tuple[float, Single]:
            (coefficients, _), (products, intercept) = ((half[:-1], half[-1]) for half in point)
            scores = products @ self.mix + intercept @ self.lift
            loss, slope = self.loss(scores.reshape(self.mass.shape), self.mass)
            slope = slope.reshape(scores.shape)
            own = slope @ self.mix.T
            gradient = np.empty_like(point)
            gradient[0, :-1] = own + np.float32(penalty) * coefficients
            gradient[1, :-1] = self.features @ (self.features.T @ own) + np.float32(penalty) * products
            gradient[:, -1] = slope.sum(axis=0) @ self.lift.T
            return loss + 0.5 * penalty * float(np.vdot(coefficients, products)), gradient

        return value_and_gradient


def _dot(a: Single, b: Single) -> float:
    return float(np.vdot(a[0], b[1]))


def _minimise(
    objective: Callable[[Single], tuple[float, Single]], x: Single, *, tol: float, max_steps: int = 1000
) -> Single:
    """Minimise by L-BFGS with backtracking (Nocedal & Wright 2006, algorithms 7.4 and 3.1).

    SciPy's own knows no other product of vectors than the plain one.
    """
    value, gradient = objective(x)
    steps: list[tuple[Single, Single, float]] = []
    small = 0
    for _ in range(max_steps):
        direction = -_two_loop(gradient, steps)
        slope = _dot(gradient, direction)
        if slope >= 0:
            steps.clear()
            direction, slope = -gradient, -_dot(gradient, gradient)
        if slope > -1e-20:
            break
        size = 1.0 if steps else min(1.0, 1.0 / _dot(gradient, gradient) ** 0.5)
        while True:
            there = x + np.float32(size) * direction
            value_there, gradient_there = objective(there)
            if value_there <= value + 1e-4 * size * slope or size < 1e-6:
                break
            size *= 0.5
        step, change = there - x, gradient_there - gradient
        if (curvature := _dot(step, change)) > 1e-20:
            steps = [*steps[-_HISTORY + 1 :], (step, change, curvature)]
        small = small + 1 if value - value_there <= tol * abs(value) else 0
        x, value, gradient = there, value_there, gradient_there
        if small == 3:
            break
    return x


def _two_loop(gradient: Single, steps: Sequence[tuple[Single, Single, float]]) -> Single:
    """Return the inverse Hessian's product with the gradient, as the last steps suggest it."""
    q = gradient.copy()
    factors = []
    for step, change, curvature in reversed(steps):
        factors.append(_dot(step, q) / curvature)
        q -= np.float32(factors[-1]) * change
    if steps:
        _, change, curvature = steps[-1]
        q *= np.float32(curvature / _dot(change, change))
    for (step, change, curvature), factor in zip(steps, reversed(factors), strict=True):
        q += np.float32(factor - _dot(change, q) / curvature) * step
    return q


def _logistic(scores: Single, mass: Single) -> tuple[float, Single]:
    scores = scores - scores.max(axis=2, keepdims=True)
    exponential = np.exp(scores)
    norm = exponential.sum(axis=2, keepdims=True)
    weight = mass.sum(axis=2, keepdims=True)
    loss = (weight * np.log(norm)).sum(dtype=float) - (mass * scores).sum(dtype=float)
    return float(loss), weight * (exponential / norm) - mass


def _squared_hinge(scores: Single, mass: Single) -> tuple[float, Single]:
    rest = mass.sum(axis=2, keepdims=True) - mass
    short, over = np.maximum(0, 1 - scores), np.maximum(0, 1 + scores)
    loss = (mass * short**2).sum(dtype=float) + (rest * over**2).sum(dtype=float)
    return float(loss), 2 * (rest * over - mass * short)


_LOSSES = {"logistic": _logistic, "svm": _squared_hinge}


def label_mass(
    text: npt.NDArray[np.intp],
    target: npt.NDArray[np.intp],
    stances: npt.NDArray[Any],
    shape: tuple[int, int],
    weight: Array | None = None,
) -> tuple[Array, npt.NDArray[Any]]:
    """Return what weight each text has toward each target with each class, and the classes.

    The first has shape (n_texts, n_targets, n_classes); `text` and `target` are the places of
    each example in it, `stances` its class. Classes are sorted, as in scikit-learn.
    """
    classes, label = np.unique(stances, return_inverse=True)
    mass = np.zeros((*shape, len(classes)))
    np.add.at(mass, (text, target, label), 1.0 if weight is None else weight)
    return mass, classes


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
