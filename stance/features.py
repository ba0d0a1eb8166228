"""(text, target) to sparse TF-IDF, with the number of the target as the last column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_matrix, hstack
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils.validation import check_is_fitted

_BLOCKS = ("word", "char")


class StanceFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Word and character TF-IDF of the text, and which target is meant.

    Each block has rows of Euclidean norm 1 before its weight. Each different text counts
    once in the document frequencies, however many targets it is paired with.

    Parameters
    ----------
    word_ngrams, char_ngrams
        (shortest, longest) n-gram, characters within words; empty switches a block off.
    min_df
        An n-gram must occur in so many texts.
    sublinear_tf, lowercase
        As in scikit-learn's TfidfVectorizer.
    word_weight, char_weight
        What each block is multiplied by.

    Attributes
    ----------
    targets_ : ndarray of shape (n_targets,)
        Targets seen in fit, sorted; a target's position is its number in the output.
    vectorizers_ : dict
        The fitted TfidfVectorizer of each block.
    """

    def __init__(
        self,
        *,
        word_ngrams: Sequence[int] = (1, 2),
        char_ngrams: Sequence[int] = (2, 5),
        min_df: int = 2,
        sublinear_tf: bool = True,
        lowercase: bool = True,
        word_weight: float = 1.0,
        char_weight: float = 1.0,
    ) -> None:
        self.word_ngrams = word_ngrams
        self.char_ngrams = char_ngrams
        self.min_df = min_df
        self.sublinear_tf = sublinear_tf
        self.lowercase = lowercase
        self.word_weight = word_weight
        self.char_weight = char_weight

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        """Learn vocabulary, IDF and targets from a frame with `text` and `target`.

        Raises
        ------
        ValueError
            If a column is missing, both blocks are off, or no n-gram is left.
        """
        texts, targets = _columns(X)
        self.targets_ = np.unique(targets)
        self.vectorizers_: dict[str, TfidfVectorizer] = {}
        unique = list(dict.fromkeys(texts))
        for block, analyzer in zip(_BLOCKS, ("word", "char_wb"), strict=True):
            ngrams = getattr(self, f"{block}_ngrams")
            if not len(ngrams) or not getattr(self, f"{block}_weight"):
                continue
            self.vectorizers_[block] = TfidfVectorizer(
                analyzer=analyzer,
                ngram_range=tuple(ngrams),
                min_df=min(self.min_df, len(unique)),
                sublinear_tf=self.sublinear_tf,
                lowercase=self.lowercase,
                # Every word counts, one-letter ones too; scikit-learn's own pattern drops them.
                token_pattern=r"(?u)\b\w+\b" if block == "word" else None,
            ).fit(unique)
        if not self.vectorizers_:
            raise ValueError("both feature blocks are off; wanted word_ngrams or char_ngrams")
        self.n_features_in_ = 2
        return self

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
        blocks = [
            vectorizer.transform(texts) * getattr(self, f"{block}_weight")
            for block, vectorizer in self.vectorizers_.items()
        ]
        return cast("csr_matrix", hstack(blocks, format="csr"))

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
    def idf_(self) -> npt.NDArray[np.float64]:
        """Inverse document frequency of each n-gram, of shape (n_ngrams,)."""
        return np.concatenate([vectorizer.idf_ for vectorizer in self.vectorizers_.values()])


def _columns(X: pd.DataFrame) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_]]:
    missing = [name for name in ("text", "target") if name not in getattr(X, "columns", ())]
    if missing:
        raise ValueError(f"no column {missing[0]!r}; wanted a DataFrame with text and target")
    texts = X["text"].to_numpy(dtype=object)
    return texts, cast("npt.NDArray[np.object_]", X["target"].to_numpy(dtype=object))
