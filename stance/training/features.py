"""(text, target) to sparse TF-IDF: anchored features, then those of the target's own.

>>> examples = pd.DataFrame({"text": ["We want the bridge", "We do not want it"], "target": "bridge"})
>>> StanceFeatures(min_df=1).fit_transform(examples, ["favor", "against"]).shape
(2, 32)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Self, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_matrix, hstack
from sklearn.base import TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import normalize
from sklearn.utils.validation import check_is_fitted

from stance.labels import LABELS
from stance.model.predictor import Model
from stance.text.features import features, own_features
from stance.text.tokens import tokenize
from stance.training.classifier import StanceClassifier
from stance.training.estimator import VersionedEstimator

Array = npt.NDArray[np.float64]
Names = npt.NDArray[np.object_]
Rows = npt.NDArray[np.intp]

# The C of the first fit, which `max_features` chooses by: where weights are little held back they tell features apart.
_FIRST_C = 10.0
# The intercept, below 0, of a label that another model never gave.
_NEVER = 30.0


class Counts(NamedTuple):
    """How often each feature occurs in each of a list of texts.

    Attributes
    ----------
    anchored
        Shape (n_texts * n_targets, n_anchored): each text as seen from each target, text by text.
    own
        Shape (n_texts, n_own).
    names
        The features of both.
    """

    anchored: csr_matrix
    own: csr_matrix
    names: tuple[Names, Names]


class StanceFeatures(TransformerMixin, VersionedEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """TF-IDF of a text's features (`stance.text.features`) as seen from a target.

    The two kinds, anchored and own, have rows of Euclidean norm 1 each before their weight. Frequencies are damped,
    1 + ln count. Each different text counts once in the document frequencies of own features, each different pair of
    text and target in those of anchored ones.

    Parameters
    ----------
    mentions
        For each target the terms that name it (`stance.text.mentions`); by default, and for a target that is not
        there, its name.
    min_df
        A feature must occur so often among them.
    anchored_weight, own_weight
        What the values of each kind are multiplied by; 0 switches it off.
    nb_power
        The IDF of a feature is multiplied by this power of its largest absolute log-count ratio (Wang & Manning
        2012, "Baselines and bigrams", smoothed by 1) over the classes, each against the rest; of own features also
        over the targets. 0 is plain TF-IDF.
    max_features
        Keep so many features of both kinds together, those that weigh most in a first fit to all; 0 keeps all.
    known
        Features of another model, anchored and own, with their IDF, which are kept as they are beside those found.

    Attributes
    ----------
    targets_ : ndarray of shape (n_targets,)
        Targets seen in fit, sorted.
    names_ : tuple of two ndarrays
        The anchored features and the own ones, sorted.
    idf_ : tuple of two ndarrays
        What the frequency of each is multiplied by.
    """

    __module__ = "stance"

    def __init__(
        self,
        *,
        mentions: Mapping[str, Sequence[str]] | None = None,
        min_df: int = 3,
        anchored_weight: float = 1.0,
        own_weight: float = 1.0,
        nb_power: float = 0.5,
        max_features: int = 0,
        known: tuple[Mapping[str, float], Mapping[str, float]] = ({}, {}),
    ) -> None:
        self.mentions = mentions
        self.min_df = min_df
        self.anchored_weight = anchored_weight
        self.own_weight = own_weight
        self.nb_power = nb_power
        self.max_features = max_features
        self.known = known

    def fit(self, X: pd.DataFrame, y: npt.ArrayLike | None = None) -> Self:
        """Learn features, IDF and targets from a frame with `text` and `target`.

        `y`, the stances of shape (n_examples,), is needed unless `nb_power` and `max_features` are 0.

        Raises
        ------
        ValueError
            If a column or `y` is missing, both kinds are off, or no feature is left.
        """
        texts, targets = _columns(X)
        self.targets_, target = np.unique(targets, return_inverse=True)
        unique, text = np.unique(texts, return_inverse=True)
        if y is None and (self.nb_power or self.max_features):
            raise ValueError("no y; wanted the stances (nb_power = 0 and max_features = 0 do without)")
        self.n_features_in_ = 2
        self.fit_counts(self.count(list(unique), self.targets_), text, target, y)
        return self

    def count(self, texts: Sequence[str], targets: Iterable[str]) -> Counts:
        """Count the features of texts, once for all the folds that are fitted on some of them.

        Those that occur in fewer than `min_df` of them are left out: they are in no more texts of a fold.
        """
        if not self.anchored_weight and not self.own_weight:
            raise ValueError("both kinds of features are off; wanted an anchored_weight or an own_weight above 0")
        targets = list(targets)
        anchored, seen = self._count(self._seen(texts, targets), len(texts) * len(targets), 0)
        own, plain = self._count(map(_own, texts), len(texts), 1)
        return Counts(anchored, own, (seen, plain))

    def _count(self, documents: Iterable[list[str]], n: int, kind: int) -> tuple[csr_matrix, Names]:
        """Return how often each of n documents holds each feature of a kind, and the features."""
        known, counter = self.known[kind], CountVectorizer(analyzer=list)
        if not (self.anchored_weight, self.own_weight)[kind]:
            documents = ([] for _ in range(n))
        try:
            matrix, names = counter.fit_transform(documents), counter.get_feature_names_out()
        except ValueError:  # there are none
            matrix, names = csr_matrix((n, 0)), np.empty(0, dtype=object)
        df = np.bincount(matrix.indices, minlength=matrix.shape[1])
        kept = (df >= min(self.min_df, n)) | _among(names, known)
        # What is known from elsewhere stays, though no document holds it.
        absent = sorted(known.keys() - set(names[kept]))
        matrix = hstack([matrix[:, kept], csr_matrix((n, len(absent)))], format="csr")
        return matrix, np.concatenate([names[kept], np.asarray(absent, dtype=object)])

    def _seen(self, texts: Iterable[str], targets: Iterable[str]) -> Iterator[list[str]]:
        """Yield the anchored features of each text as seen from each target."""
        terms = self.terms(targets)
        for text in texts:
            for each in features(text, terms)[2]:
                yield [name for name, _ in each]

    def terms(self, targets: Iterable[str]) -> list[tuple[str, ...]]:
        """Return the terms that name each target."""
        mentions = self.mentions or {}
        return [tuple(mentions.get(name) or (str(name).replace("_", " "),)) for name in targets]

    def fit_counts(self, counts: Counts, text: Rows, target: Rows, y: npt.ArrayLike | None) -> csr_matrix:
        """Fit as `fit` does to examples given by the rows of their text and the number of their target."""
        n_targets = len(self.targets_)
        label = None if y is None else np.unique(np.asarray(y), return_inverse=True)[1]
        seen, own = np.unique(text * n_targets + target), np.unique(text)
        rows_of = (seen, np.searchsorted(seen, text * n_targets + target)), (own, np.searchsorted(own, text))
        columns, idf = [], []
        for kind, (rows, row) in enumerate(rows_of):
            here, names, known = (counts.own if kind else counts.anchored)[rows], counts.names[kind], self.known[kind]
            df = np.bincount(here.indices, minlength=here.shape[1])
            columns.append(np.flatnonzero((df >= min(self.min_df, len(rows))) | _among(names, known)))
            idf.append(np.log((1 + len(rows)) / (1 + df[columns[-1]])) + 1.0)
            if label is not None and self.nb_power:
                # The weights of anchored features are those of all targets together.
                group = target if kind else np.zeros_like(target)
                mass = np.zeros((len(rows), group.max() + 1, label.max() + 1))
                np.add.at(mass, (row, group, label), 1.0)
                idf[-1] *= _log_count_ratio(here[:, columns[-1]], mass) ** self.nb_power
            if known:
                pairs = zip(names[columns[-1]], idf[-1], strict=True)
                idf[-1] = np.asarray([known.get(*pair) for pair in pairs], dtype=float)
        self._keep(counts, columns, idf)
        if not sum(map(len, columns)):
            raise ValueError(f"no feature occurs in {self.min_df} texts; wanted a smaller features.min_df")
        X = self.transform_counts(counts, text, target)
        if label is None or not 0 < self.max_features < sum(map(len, columns)):
            return X
        kept = self._heaviest(X, label)
        self._keep(
            counts, [c[k] for c, k in zip(columns, kept, strict=True)], [i[k] for i, k in zip(idf, kept, strict=True)]
        )
        return self.transform_counts(counts, text, target)

    def _keep(self, counts: Counts, columns: Sequence[Rows], idf: Sequence[Array]) -> None:
        """Let the features be these columns of the counts."""
        self.columns_ = tuple(columns)
        self.names_ = tuple(names[kept] for names, kept in zip(counts.names, columns, strict=True))
        self.idf_ = tuple(idf)

    def weights_of(self, model: Model) -> tuple[Array, Array]:
        """Return what another model weighs the columns, (3, n_columns), and its intercepts (3,), LABELS order.

        Both are over its temperature, the weights also over that of their kind, which the columns are multiplied by.
        A target that it does not know has the anchored weights, its other features none.
        """
        scorer, targets = model.scorer, model.targets
        rows = [np.asarray([scorer.rows.get(name, -1) for name in names], np.int64) for names in self.names_]
        intercepts = np.maximum(scorer.intercepts, -_NEVER)
        mean = intercepts.mean(axis=0)
        parts = [np.where(rows[0] < 0, 0.0, scorer.anchored[rows[0]].T) / (self.anchored_weight or 1)]
        for target in self.targets_:
            own, intercept = np.zeros((len(LABELS), len(rows[1]))), mean
            if target in targets:
                known = rows[1] >= 0
                own[:, known] = scorer.own[rows[1][known] - len(scorer.anchored), targets.index(target)].T / (
                    self.own_weight or 1
                )
                intercept = intercepts[targets.index(target)]
            parts += [own, (intercept - mean)[:, np.newaxis]]
        return np.concatenate(parts, axis=1) / model.temperature, mean / model.temperature

    def transform_counts(self, counts: Counts, text: Rows, target: Rows) -> csr_matrix:
        """Return what `transform` returns for examples of the `counts` fitted on."""
        anchored, own = self.columns_
        rows = text * len(self.targets_) + target
        return self._joined(counts.anchored[rows][:, anchored], counts.own[:, own], text, target)

    def transform(self, X: pd.DataFrame) -> csr_matrix:
        """Return a matrix of shape (n_examples, n_anchored + n_targets * (n_own + 1)).

        Its columns are the anchored features, then for each target the own ones and a one.

        Raises
        ------
        ValueError
            If a column is missing or a target was not there in fit.
        """
        check_is_fitted(self)
        texts, targets = _columns(X)
        target = np.searchsorted(self.targets_, targets).clip(max=len(self.targets_) - 1)
        if len(unknown := np.unique(targets[self.targets_[target] != targets])):
            raise ValueError(f"unknown target {unknown[0]!r}; this was fitted on {', '.join(self.targets_)}")
        unique, text = np.unique(texts, return_inverse=True)
        n, n_targets = len(unique), len(self.targets_)
        anchored = _occurrences(self._seen(unique, self.targets_), self.names_[0], n * n_targets)
        own = _occurrences(map(_own, unique), self.names_[1], n)
        return self._joined(anchored[text * n_targets + target], own, text, target)

    def _joined(self, anchored: csr_matrix, own: csr_matrix, text: Rows, target: Rows) -> csr_matrix:
        """Return the matrix of examples; `anchored` has a row an example, `own` a row a text."""
        n_targets, n_own = len(self.targets_), own.shape[1] + 1
        one = csr_matrix(np.ones((own.shape[0], 1), np.float32))
        own = hstack([_tfidf(own, self.idf_[1], self.own_weight), one], format="csr")[text]
        own.indices = own.indices + np.repeat(target * n_own, np.diff(own.indptr)).astype(own.indices.dtype)
        own = csr_matrix((own.data, own.indices, own.indptr), shape=(len(text), n_targets * n_own))
        return cast("csr_matrix", hstack([_tfidf(anchored, self.idf_[0], self.anchored_weight), own], format="csr"))

    def _heaviest(self, X: csr_matrix, label: Rows) -> list[npt.NDArray[np.bool_]]:
        """Return which features of each kind move scores most in a first fit, `max_features` together."""
        coef = StanceClassifier(C=_FIRST_C, tol=0.03).fit(X, label).coef_
        moved = ((coef - coef.mean(axis=0)) ** 2).sum(axis=0) * np.asarray(X.multiply(X).sum(axis=0)).ravel()
        n = len(self.names_[0])
        own = moved[n:].reshape(len(self.targets_), -1)[:, :-1].sum(axis=0)
        moved = np.concatenate([moved[:n], own])
        chosen = np.zeros(len(moved), dtype=bool)
        chosen[np.argsort(-moved, kind="stable")[: self.max_features]] = True
        return [chosen[:n], chosen[n:]]

    def get_feature_names_out(self, input_features: object = None) -> Names:
        """Return the names of the columns: a feature's, behind the target's if it is its own."""
        check_is_fitted(self)
        anchored, own = self.names_
        each = [f"{target}: {name}" for target in self.targets_ for name in [*own, "(intercept)"]]
        return np.asarray([*anchored, *each], dtype=object)


def _own(text: str) -> list[str]:
    return [name for name, _ in own_features(tokenize(text))]


def _among(names: Names, known: Mapping[str, float]) -> npt.NDArray[np.bool_]:
    """Return which features are known from another model; without one none is looked up."""
    return np.fromiter((name in known for name in names), bool, len(names)) if known else np.zeros(len(names), bool)


def _occurrences(documents: Iterable[list[str]], names: Names, n: int) -> csr_matrix:
    """Return how often each of n documents holds each feature."""
    if not len(names):  # this kind is off
        return csr_matrix((n, 0))
    return cast("csr_matrix", CountVectorizer(analyzer=list, vocabulary=names).transform(documents))


def _tfidf(counts: csr_matrix, idf: Array, weight: float) -> csr_matrix:
    values = counts.astype(np.float64)
    values.data = (np.log(values.data) + 1.0) * idf[values.indices]
    return cast("csr_matrix", normalize(values, copy=False) * weight) if len(idf) else values


def _log_count_ratio(counts: csr_matrix, mass: Array) -> Array:
    """Return the largest absolute log-count ratio of each feature, shape (n_features,), above 0.

    `mass`, of shape (n_rows, n_targets, n_classes), counts the examples of each row of `counts`.
    """
    present = csr_matrix((np.ones(counts.nnz), counts.indices, counts.indptr), counts.shape)
    inside = np.asarray(present.T @ mass.reshape(len(mass), -1)).reshape(-1, *mass.shape[1:])
    # With every class's texts set against the other texts of the same target.
    outside = inside.sum(axis=2, keepdims=True) - inside
    n_inside, n_all = mass.sum(axis=0), mass.sum(axis=(0, 2))[:, np.newaxis]
    ratio = np.log((inside + 1) / (n_inside + 2)) - np.log((outside + 1) / (n_all - n_inside + 2))
    return cast("Array", np.abs(ratio).max(axis=(1, 2)).clip(min=1e-3))


def _columns(X: pd.DataFrame) -> tuple[Names, Names]:
    missing = [name for name in ("text", "target") if name not in getattr(X, "columns", ())]
    if missing:
        raise ValueError(f"no column {missing[0]!r}; wanted a DataFrame with text and target")
    return X["text"].to_numpy(dtype=object), X["target"].to_numpy(dtype=object)
