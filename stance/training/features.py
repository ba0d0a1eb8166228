"""(text, target) to sparse TF-IDF, with the number of the target as the last column.

>>> examples = pd.DataFrame({"text": ["We want it", "We do not want it"], "target": "bridge"})
>>> StanceFeatures(min_df=1, char_ngrams=(), word_pairs=()).fit_transform(examples, ["favor", "against"]).shape
(2, 14)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_matrix, hstack
from sklearn.base import TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import normalize
from sklearn.utils.validation import check_is_fitted

from stance.model.scorer import Block
from stance.text.ngrams import GENERATORS
from stance.text.preparation import prepare
from stance.training.classifier import JointClassifier, label_mass
from stance.training.estimator import VersionedEstimator

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

#: How often each n-gram occurs in each of a list of texts: for each kind of n-grams the counts, of shape
#: (n_texts, n_ngrams), and the n-grams.
Counts = dict[str, tuple[csr_matrix, npt.NDArray[np.object_]]]

#: The parameter that has the two numbers of each kind of n-grams (`stance.text.ngrams.GENERATORS`).
PARAMETERS = {"word": "word_ngrams", "char": "char_ngrams", "pair": "word_pairs"}

# The C of the first fit, which `max_ngrams` chooses by: where weights are little held back they tell n-grams apart.
_FIRST_C = 10.0


class StanceFeatures(TransformerMixin, VersionedEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """TF-IDF of the text's n-grams, and which target is meant.

    Each block has rows of Euclidean norm 1 before its weight. Each different text counts
    once in the document frequencies, however many targets it is paired with.

    Parameters
    ----------
    word_ngrams, char_ngrams
        (shortest, longest) n-gram, characters within words; empty switches a block off.
    word_pairs
        (letters, apart): two words at most so far apart, cut to so many letters; empty switches them off.
    min_df
        An n-gram must occur in so many texts.
    sublinear_tf, lowercase
        As in scikit-learn's TfidfVectorizer.
    word_weight, char_weight, pair_weight
        What each block is multiplied by.
    nb_power
        The IDF of an n-gram is multiplied by this power of its largest absolute log-count ratio (Wang & Manning
        2012, "Baselines and bigrams", smoothed by 1) over targets and over `favor` and `against`, each
        against the rest. 0 is plain TF-IDF.
    max_ngrams
        Keep so many n-grams of all blocks together, those that weigh most in a first fit to all; 0 keeps all.
    negation
        How many words after a negation are marked (`stance.text.preparation`); 0 marks none.

    Attributes
    ----------
    targets_ : ndarray of shape (n_targets,)
        Targets seen in fit, sorted; a target's position is its number in the output.
    blocks_ : tuple of Block
        The kinds of n-grams that are on; their sizes add up to n_ngrams.
    ngrams_ : ndarray of shape (n_ngrams,)
        The vocabulary, block by block.
    idf_ : ndarray of shape (n_ngrams,)
        What each n-gram's frequency is multiplied by.
    """

    __module__ = "stance"

    def __init__(
        self,
        *,
        word_ngrams: Sequence[int] = (1, 2),
        char_ngrams: Sequence[int] = (3, 4),
        word_pairs: Sequence[int] = (5, 8),
        min_df: int = 3,
        sublinear_tf: bool = True,
        lowercase: bool = True,
        word_weight: float = 1.0,
        char_weight: float = 1.0,
        pair_weight: float = 1.0,
        nb_power: float = 0.5,
        max_ngrams: int = 0,
        negation: int = 3,
    ) -> None:
        self.word_ngrams = word_ngrams
        self.char_ngrams = char_ngrams
        self.word_pairs = word_pairs
        self.min_df = min_df
        self.sublinear_tf = sublinear_tf
        self.lowercase = lowercase
        self.word_weight = word_weight
        self.char_weight = char_weight
        self.pair_weight = pair_weight
        self.nb_power = nb_power
        self.max_ngrams = max_ngrams
        self.negation = negation

    def fit(self, X: pd.DataFrame, y: npt.ArrayLike | None = None) -> Self:
        """Learn vocabulary, IDF and targets from a frame with `text` and `target`.

        `y`, the stances of shape (n_examples,), is needed unless `nb_power` and `max_ngrams` are 0.

        Raises
        ------
        ValueError
            If a column or `y` is missing, every block is off, or no n-gram is left.
        """
        texts, targets = _columns(X)
        self.targets_, target = np.unique(targets, return_inverse=True)
        unique, text = np.unique(texts, return_inverse=True)
        counts = self.count(list(unique))
        mass = None
        if self.nb_power or self.max_ngrams:
            if y is None:
                raise ValueError("no y; wanted the stances (nb_power = 0 and max_ngrams = 0 do without)")
            mass = label_mass(text, target, np.asarray(y), (len(unique), len(self.targets_)))[0]
        self.fit_counts(counts, np.arange(len(unique)), self.targets_, mass)
        return self

    def count(self, texts: Sequence[str]) -> Counts:
        """Count the n-grams of texts, once for all the folds that are fitted on some of them.

        N-grams in fewer than `min_df` of the texts are left out: they are in no more texts of a fold.
        """
        counts = {}
        for kind, parameter in PARAMETERS.items():
            if len(getattr(self, parameter)) and getattr(self, f"{kind}_weight"):
                counter = self._counter(kind, min_df=min(self.min_df, len(texts)))
                counts[kind] = (counter.fit_transform(texts), counter.get_feature_names_out())
        if not counts:
            raise ValueError("every block of features is off; wanted word_ngrams, char_ngrams or word_pairs")
        return counts

    def fit_counts(self, counts: Counts, rows: Indices, targets: npt.NDArray[Any], mass: Array | None) -> csr_matrix:
        """Fit as `fit` does on the texts of these rows alone; return their TF-IDF columns.

        `mass` is what `label_mass` gives for the texts of `rows` and the sorted `targets`.
        """
        self.targets_, self.n_features_in_ = targets, 2
        columns: dict[str, Indices] = {}
        idf: list[Array] = []
        for kind, (matrix, _) in counts.items():
            here = matrix[rows]
            df = np.bincount(here.indices, minlength=here.shape[1])
            columns[kind] = np.flatnonzero(df >= min(self.min_df, len(rows)))
            if not len(columns[kind]):
                raise ValueError(f"no {kind} n-gram occurs in {self.min_df} texts; wanted a smaller features.min_df")
            idf.append(np.log((1 + len(rows)) / (1 + df[columns[kind]])) + 1.0)
            if mass is not None and self.nb_power:
                idf[-1] *= _log_count_ratio(here[:, columns[kind]], mass) ** self.nb_power
        self._keep(counts, columns, np.concatenate(idf))
        X = self.transform_counts(counts, rows)
        if mass is None or not 0 < self.max_ngrams < X.shape[1]:
            return X
        heaviest = _heaviest(X, mass, self.max_ngrams)
        chosen = zip(columns.items(), self._by_block(heaviest), strict=True)
        self._keep(counts, {kind: kept[own] for (kind, kept), own in chosen}, self.idf_[heaviest])
        return self.transform_counts(counts, rows)

    def _keep(self, counts: Counts, columns: dict[str, Indices], idf: Array) -> None:
        """Let the vocabulary be these columns of the counts; a block without any is off."""
        self.columns_ = {kind: kept for kind, kept in columns.items() if len(kept)}
        self.ngrams_ = np.concatenate([counts[kind][1][kept] for kind, kept in self.columns_.items()])
        self.idf_ = idf

    @property
    def blocks_(self) -> tuple[Block, ...]:
        """The kinds of n-grams that are on; not kept, so that a pickle names no class of another module."""
        return tuple(
            Block(kind, self._numbers(kind), bool(self.sublinear_tf), float(getattr(self, f"{kind}_weight")), len(kept))
            for kind, kept in self.columns_.items()
        )

    def transform_counts(self, counts: Counts, rows: Indices) -> csr_matrix:
        """Return the TF-IDF columns of the texts of these rows, of the `counts` fitted on."""
        return self._tfidf([counts[kind][0][rows][:, kept] for kind, kept in self.columns_.items()])

    def transform(self, X: pd.DataFrame) -> csr_matrix:
        """Return a matrix of shape (n_examples, n_ngrams + 1), the target's number last.

        Raises
        ------
        ValueError
            If a column is missing or a target was not there in fit.
        """
        check_is_fitted(self)
        texts, targets = _columns(X)
        column = np.searchsorted(self.targets_, targets).clip(max=len(self.targets_) - 1)
        if len(unknown := np.unique(targets[self.targets_[column] != targets])):
            raise ValueError(f"unknown target {unknown[0]!r}; this was fitted on {', '.join(self.targets_)}")
        unique, row = np.unique(texts, return_inverse=True)
        number = csr_matrix(column.astype(float)[:, np.newaxis])
        return cast("csr_matrix", hstack([self.transform_texts(list(unique))[row], number], format="csr"))

    def transform_texts(self, texts: Sequence[str]) -> csr_matrix:
        """Return the TF-IDF columns alone, of shape (n_texts, n_ngrams)."""
        own = zip(self.blocks_, self._by_block(self.ngrams_), strict=True)
        return self._tfidf([self._counter(block.kind, vocabulary=ngrams).transform(texts) for block, ngrams in own])

    def _tfidf(self, counts: list[csr_matrix]) -> csr_matrix:
        """Return TF-IDF columns; `counts` has those of each block."""
        columns = []
        for block, matrix, idf in zip(self.blocks_, counts, self._by_block(self.idf_), strict=True):
            values = matrix.astype(np.float64)
            if block.sublinear:
                values.data = np.log(values.data) + 1.0
            values.data *= idf[values.indices]
            columns.append(normalize(values, copy=False) * block.weight)
        return cast("csr_matrix", hstack(columns, format="csr"))

    def _by_block(self, values: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """Split an array that has a value for each n-gram."""
        return np.split(values, np.cumsum([block.size for block in self.blocks_])[:-1])

    def _counter(self, kind: str, **options: Any) -> CountVectorizer:
        """Return what counts the n-grams of a kind in texts."""

        def ngrams(text: str) -> list[str]:
            prepared = prepare(text, lowercase=self.lowercase, negation=self.negation)
            return [ngram for ngram, _ in GENERATORS[kind](prepared, *self._numbers(kind))]

        return CountVectorizer(analyzer=ngrams, **options)

    def _numbers(self, kind: str) -> tuple[int, int]:
        low, high = getattr(self, PARAMETERS[kind])
        return int(low), int(high)

    def get_feature_names_out(self, input_features: object = None) -> npt.NDArray[np.object_]:
        """Return names of shape (n_ngrams + 1,), such as ``word:no``, ``char: no`` and ``target``."""
        check_is_fitted(self)
        kinds = [block.kind for block in self.blocks_ for _ in range(block.size)]
        names = [f"{kind}:{ngram}" for kind, ngram in zip(kinds, self.ngrams_, strict=True)]
        return np.asarray([*names, "target"], dtype=object)


def _log_count_ratio(counts: csr_matrix, mass: Array) -> Array:
    """Return the largest absolute log-count ratio of each n-gram, shape (n_ngrams,), above 0."""
    present = csr_matrix((np.ones(counts.nnz), counts.indices, counts.indptr), counts.shape)
    inside = np.asarray(present.T @ mass.reshape(len(mass), -1)).reshape(-1, *mass.shape[1:])
    # With every class's texts set against the other texts of the same target.
    outside = inside.sum(axis=2, keepdims=True) - inside
    n_inside, n_all = mass.sum(axis=0), mass.sum(axis=(0, 2))[:, np.newaxis]
    ratio = np.log((inside + 1) / (n_inside + 2)) - np.log((outside + 1) / (n_all - n_inside + 2))
    return cast("Array", np.abs(ratio).max(axis=(1, 2)).clip(min=1e-3))


def _heaviest(X: csr_matrix, mass: Array, n: int) -> npt.NDArray[np.bool_]:
    """Return which n columns move scores most in a first fit: the weights apart from their mean over the classes."""
    first = JointClassifier(tol=0.03).fit_path(X, mass, np.arange(mass.shape[2]), [_FIRST_C])[0]
    apart = first.coef_ - first.coef_.mean(axis=1, keepdims=True)
    moved = (apart**2).sum(axis=(0, 1)) * np.asarray(X.multiply(X).sum(axis=0)).ravel()
    chosen = np.zeros(X.shape[1], dtype=bool)
    chosen[np.argsort(-moved, kind="stable")[:n]] = True
    return chosen


def _columns(X: pd.DataFrame) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_]]:
    missing = [name for name in ("text", "target") if name not in getattr(X, "columns", ())]
    if missing:
        raise ValueError(f"no column {missing[0]!r}; wanted a DataFrame with text and target")
    texts = X["text"].to_numpy(dtype=object)
    return texts, cast("npt.NDArray[np.object_]", X["target"].to_numpy(dtype=object))
