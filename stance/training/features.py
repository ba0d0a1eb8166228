"""(text, target) to sparse TF-IDF, with the number of the target as the last column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_matrix, hstack
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.preprocessing import normalize
from sklearn.utils.validation import check_is_fitted

from stance.model.scorer import Block, ngrams
from stance.text.hashtags import split_hashtags, word_counts
from stance.text.negation import mark_negated
from stance.training.classifier import JointClassifier, label_mass

Array = npt.NDArray[np.float64]

#: Each block and its (shortest, longest), or for pairs (letters, apart), among the parameters.
BLOCKS = {"word": "word_ngrams", "char": "char_ngrams", "pair": "word_pairs"}

# Which n-grams tell is best seen where few are held back, whatever C the classifier then takes.
_FIRST_C = 10.0


@dataclass(frozen=True)
class Counts:
    """How often each n-gram of each block occurs in each of a list of texts.

    `blocks` maps a block to (csr_matrix of shape (n_texts, n_ngrams), n-grams); `words` is
    the dictionary that hashtags are split with, empty when they are not.
    """

    blocks: dict[str, tuple[csr_matrix, npt.NDArray[np.object_]]]
    words: dict[str, int]


class StanceFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Word and character TF-IDF of the text, and which target is meant.

    Each block has rows of Euclidean norm 1 before its weight. Each different text counts
    once in the document frequencies, however many targets it is paired with.

    Parameters
    ----------
    word_ngrams, char_ngrams
        (shortest, longest) n-gram, characters within words; empty switches a block off.
    word_pairs
        (letters, apart): two words at most so far apart, whichever comes first, cut to so many letters
        (`stance.model.scorer.pairs`); empty switches them off.
    min_df
        An n-gram must occur in so many texts.
    sublinear_tf, lowercase
        As in scikit-learn's TfidfVectorizer.
    word_weight, char_weight, pair_weight
        What each block is multiplied by.
    nb_power
        The IDF of an n-gram is multiplied by this power of how much it tells: its largest
        absolute log-count ratio (Wang & Manning 2012, "Baselines and bigrams", smoothed by 1)
        over targets and over `favor` and `against`, each against the rest. 0 is plain TF-IDF.
    max_ngrams
        Keep so many n-grams of all blocks together, those that weigh most in a first fit to all; 0 keeps all.
    hashtags
        ``"keep"``, or ``"split"`` to add the words of a hashtag after it.
    negation
        How many words after a negation are marked (`stance.text.negation`); 0 marks none.

    Attributes
    ----------
    targets_ : ndarray of shape (n_targets,)
        Targets seen in fit, sorted; a target's position is its number in the output.
    vectorizers_ : dict
        The fitted TfidfVectorizer of each block; its `idf_` has the n-grams' tell in it.
    words_ : dict
        Words of the training texts and how many texts hold them, to split hashtags with.
    """

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
        hashtags: str = "keep",
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
        self.hashtags = hashtags
        self.negation = negation

    def fit(self, X: pd.DataFrame, y: npt.ArrayLike | None = None) -> Self:
        """Learn vocabulary, IDF and targets from a frame with `text` and `target`.

        `y`, the stances of shape (n_examples,), is needed unless `nb_power` and `max_ngrams` are 0.

        Raises
        ------
        ValueError
            If a column or `y` is missing, both blocks are off, or no n-gram is left.
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

        N-grams in fewer than `min_df` of the texts are left out: no part of them has more.
        """
        words = word_counts(texts) if self.hashtags == "split" else {}
        texts = self._prepared(texts, words)
        blocks = {}
        for block, name in BLOCKS.items():
            if not len(getattr(self, name)) or not getattr(self, f"{block}_weight"):
                continue
            counter = CountVectorizer(**self.tokenisation(block), min_df=min(self.min_df, len(texts)))
            blocks[block] = (counter.fit_transform(texts), counter.get_feature_names_out())
        if not blocks:
            raise ValueError("every block of features is off; wanted word_ngrams, char_ngrams or word_pairs")
        return Counts(blocks, words)

    def fit_counts(
        self, counts: Counts, rows: npt.NDArray[np.intp], targets: npt.NDArray[Any], mass: Array | None
    ) -> csr_matrix:
        """Fit as `fit` does on the texts of these rows alone; return their TF-IDF columns.

        `mass` is what `label_mass` gives for the texts of `rows` and the sorted `targets`. The
        dictionary of the hashtags is that of all the counted texts (it knows no labels).
        """
        self.targets_ = targets
        self.words_ = counts.words
        self.vectorizers_: dict[str, TfidfVectorizer] = {}
        self.columns_: dict[str, npt.NDArray[np.intp]] = {}
        for block, (matrix, names) in counts.blocks.items():
            part = matrix[rows]
            df = np.bincount(part.indices, minlength=part.shape[1])
            kept = np.flatnonzero(df >= min(self.min_df, len(rows)))
            if not len(kept):
                raise ValueError(f"no {block} n-gram occurs in {self.min_df} texts; wanted a smaller features.min_df")
            idf = np.log((1 + len(rows)) / (1 + df[kept])) + 1.0
            if mass is not None and self.nb_power:
                idf *= _tell(part[:, kept], mass) ** self.nb_power
            self._keep(block, names, kept, idf)
        self.n_features_in_ = 2
        X = self.transform_counts(counts, rows)
        if mass is None or not 0 < self.max_ngrams < X.shape[1]:
            return X
        chosen = _heaviest(X, mass, self.max_ngrams)
        start = 0
        for block, columns in list(self.columns_.items()):
            own = chosen[start : start + len(columns)]
            start += len(columns)
            self._keep(block, counts.blocks[block][1], columns[own], self.vectorizers_[block].idf_[own])
        return self.transform_counts(counts, rows)

    def _keep(self, block: str, names: npt.NDArray[np.object_], columns: npt.NDArray[np.intp], idf: Array) -> None:
        """Let a block be these columns of its counts; without any it is off."""
        if not len(columns):
            del self.vectorizers_[block], self.columns_[block]
            return
        fitted = TfidfVectorizer(
            **self.tokenisation(block),
            vocabulary={name: i for i, name in enumerate(names[columns])},
            sublinear_tf=self.sublinear_tf,
        )
        fitted.idf_ = idf
        self.vectorizers_[block], self.columns_[block] = fitted, columns

    def transform_counts(self, counts: Counts, rows: npt.NDArray[np.intp]) -> csr_matrix:
        """Return the TF-IDF columns of the texts of these rows, of the `counts` fitted on."""
        blocks = []
        for block, columns in self.columns_.items():
            part = counts.blocks[block][0][rows][:, columns].astype(np.float64)
            if self.sublinear_tf:
                part.data = np.log(part.data) + 1.0
            part.data *= self.vectorizers_[block].idf_[part.indices]
            blocks.append(normalize(part, copy=False) * getattr(self, f"{block}_weight"))
        return cast("csr_matrix", hstack(blocks, format="csr"))

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
            known = ", ".join(self.targets_)
            raise ValueError(f"unknown target {unknown[0]!r}; this was fitted on {known}")
        unique, row = np.unique(texts, return_inverse=True)
        number = csr_matrix(column.astype(float)[:, np.newaxis])
        return cast("csr_matrix", hstack([self.transform_texts(list(unique))[row], number], format="csr"))

    def transform_texts(self, texts: Sequence[str]) -> csr_matrix:
        """Return the TF-IDF columns alone, of shape (n_texts, n_ngrams)."""
        texts = self._prepared(texts, self.words_)
        blocks = [
            vectorizer.transform(texts) * getattr(self, f"{block}_weight")
            for block, vectorizer in self.vectorizers_.items()
        ]
        return cast("csr_matrix", hstack(blocks, format="csr"))

    def _prepared(self, texts: Sequence[str], words: dict[str, int]) -> list[str]:
        texts = [split_hashtags(text, words) for text in texts] if words else texts
        texts = [text.lower() for text in texts] if self.lowercase else texts
        return [mark_negated(text, self.negation) for text in texts]

    def get_feature_names_out(self, input_features: object = None) -> npt.NDArray[np.object_]:
        """Return names of shape (n_ngrams + 1,), such as ``word:no``, ``char: no`` and ``target``."""
        check_is_fitted(self)
        names = [
            f"{block}:{name}"
            for block, vectorizer in self.vectorizers_.items()
            for name in vectorizer.get_feature_names_out()
        ]
        return np.asarray([*names, "target"], dtype=object)

    @property
    def idf_(self) -> Array:
        """What each n-gram's frequency is multiplied by, of shape (n_ngrams,)."""
        return np.concatenate([vectorizer.idf_ for vectorizer in self.vectorizers_.values()])

    def ngram_range(self, block: str) -> tuple[int, int]:
        """Return a block's two numbers, as `stance.model.scorer.Block.ngrams` has them."""
        low, high = getattr(self, BLOCKS[block])
        return int(low), int(high)

    def tokenisation(self, block: str) -> dict[str, Any]:
        """Return how scikit-learn is to cut texts into a block's n-grams."""
        shortest, longest = self.ngram_range(block)
        if block == "pair":
            one = Block("pair", (shortest, longest), self.sublinear_tf, self.pair_weight, 0)
            return {"analyzer": partial(_analysed, block=one, lowercase=self.lowercase)}
        return {
            "analyzer": "word" if block == "word" else "char_wb",
            "ngram_range": (shortest, longest),
            "lowercase": self.lowercase,
            # Every word counts, one-letter ones too; scikit-learn's own pattern drops them.
            "token_pattern": r"(?u)\b\w+\b" if block == "word" else None,
        }


def _analysed(text: str, *, block: Block, lowercase: bool) -> list[str]:
    """Cut a text as the scorer does: what scikit-learn has no analyzer for."""
    return list(ngrams(text.lower() if lowercase else text, block))


def _tell(counts: csr_matrix, mass: Array) -> Array:
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
    first = JointClassifier(tol=1e-3).fit_path(X, mass, np.arange(mass.shape[2]), [_FIRST_C])[0]
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
