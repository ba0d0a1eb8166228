"""Which texts belong together, and splits that keep them together."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import StratifiedGroupKFold

from stance.data.columns import require_columns, row_faults
from stance.data.tables import read_table
from stance.errors import DataError, StanceError

Integers = npt.NDArray[np.int64]

#: Texts whose sets of word 5-grams have a Jaccard index of this or more are near-duplicates.
NEAR_DUPLICATE = 0.5
#: A sentence in so many articles may be boilerplate.
MANY = 5


def text_hash(text: str) -> str:
    """Return 16 hex digits of the SHA-256 of a text, case and white space folded: a copy is known again.

    >>> text_hash("A  shield\\n") == text_hash("a shield")
    True
    """
    return hashlib.sha256(" ".join(text.casefold().split()).encode()).hexdigest()[:16]


def near_duplicates(texts: Sequence[str]) -> Integers:
    """Return cluster numbers of shape (n_texts,): equal for near-duplicates, and for theirs in turn.

    Two texts are near-duplicates if the Jaccard index of their sets of word 5-grams is at
    least `NEAR_DUPLICATE` (Broder 1997, "On the resemblance and containment of documents");
    texts of fewer than five words only if equal but for case, white space and the stop at the end.
    """
    alike = resemblance(texts).tocsr() >= NEAR_DUPLICATE
    return cast("Integers", connected_components(alike, directed=False)[1])


def resemblance(texts: Sequence[str]) -> coo_matrix:
    """Return the Jaccard index of every pair of texts that share a word 5-gram: (n_texts, n_texts)."""
    matrix = CountVectorizer(binary=True, analyzer=_shingles, dtype=np.int32).fit_transform(texts).tocsr()
    sizes = np.asarray(matrix.sum(axis=1)).ravel()
    shared = (matrix @ matrix.T).tocoo()
    shared.data = shared.data / (sizes[shared.row] + sizes[shared.col] - shared.data)
    return cast("coo_matrix", shared)


def _shingles(text: str) -> list[str]:
    """Return a text's word 5-grams, case folded; of a shorter text, all its words as one. How it ends is left out."""
    words = text.casefold().rstrip(" .!?").split()
    return [" ".join(words[i : i + 5]) for i in range(max(1, len(words) - 4))]


def join_groups(examples: pd.DataFrame) -> tuple[pd.Series, list[str]]:
    """Return each example's group, and a line on each sentence that counts as boilerplate and on what joined how many.

    Groups with near-duplicates of each other are one, named as the first by name. Boilerplate joins none: its examples
    are a group of their own.
    """
    if examples.empty:
        return examples["group"], []
    texts = sorted(examples["text"].unique())
    first: dict[int, str] = {}
    clusters = zip(texts, near_duplicates(texts).tolist(), strict=True)
    sentence = examples["text"].map({text: first.setdefault(number, text) for text, number in clusters})
    stands = pd.DataFrame({"group": examples["group"], "sentence": sentence}).drop_duplicates()
    boilerplate = _boilerplate(stands)
    notes = [f"{str(text)[:80]!r} stands in {n} articles or groups and joins none" for text, n in boilerplate.items()]
    own = examples["group"].mask(sentence.isin(boilerplate.index), "text-" + sentence.map(text_hash))
    names, group = np.unique(own.to_numpy(dtype=str), return_inverse=True)
    # A graph of groups and, numbered after them, sentences; an edge where a group has a sentence.
    number = np.unique(sentence.to_numpy(dtype=str), return_inverse=True)[1]
    n_nodes = len(names) + len(texts)
    edges = coo_matrix((np.ones(len(group)), (group, len(names) + number)), shape=(n_nodes, n_nodes))
    component = pd.Series(connected_components(edges, directed=False)[1][: len(names)])
    sizes = component.value_counts()
    if n_joined := sizes[sizes > 1].sum():
        joining = stands["sentence"].value_counts().drop(boilerplate.index)
        notes.append(
            f"{n_joined} articles or groups are joined into {(sizes > 1).sum()}, since sentences of theirs are nearly"
            f" the same; most ({joining.iloc[0]}) by {joining.index[0][:80]!r}"
        )
    joined = pd.Series(names, dtype=object).groupby(component).transform("first").to_numpy()
    return pd.Series(joined[group], index=examples.index, dtype=object), notes


def _boilerplate(stands: pd.DataFrame) -> pd.Series:
    """Return in how many groups each sentence stands that is in `MANY` which share little else, as a newsletter's is.

    Where more than half the sentences of a group are in others too, it is a copy of them, or has hardly another one.
    """
    n_groups = stands.groupby("sentence")["group"].transform("size")
    shared = (n_groups > 1).groupby(stands["group"]).transform("mean")
    usual = shared.groupby(stands["sentence"]).transform("median")
    return stands["sentence"][(n_groups >= MANY) & (usual <= 0.5)].value_counts()


def group_folds(examples: pd.DataFrame, n_folds: int, *, seed: int) -> list[tuple[Integers, Integers]]:
    """Return the rows to train and to test on for each fold: no group is cut, and stances have alike shares.

    Raises a StanceError if there are fewer groups than folds, for all examples or for one target.
    """
    groups = examples.groupby("target")["group"].nunique()
    if not groups.empty and groups.min() < n_folds:
        raise StanceError(
            f"target {groups.idxmin()!r} has {groups.min()} articles or groups to split; wanted at least one for each"
            f" of {n_folds} folds. Add articles, or lower evaluation.folds (--folds)"
        )
    strata = examples["target"] + "\0" + examples["stance"]
    counts = strata.value_counts()
    if counts.max() < n_folds:
        raise StanceError(f"{len(examples)} examples are too few for {n_folds} folds")
    # A stratum with fewer examples than folds cannot be spread; it goes along with the largest.
    strata = strata.where(strata.map(counts) >= n_folds, counts.index[0])
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    return list(splitter.split(examples, strata, examples["group"]))


def most_folds(examples: pd.DataFrame, n_folds: int, n_inner: int, *, seed: int) -> int:
    """Return the most folds, from two to `n_folds`, whose training parts can be split into `n_inner` again."""
    fewest = int(examples.groupby("target")["group"].nunique().min())
    if fewest >= 4 * max(n_folds, n_inner):  # enough, and to try takes seconds
        return n_folds
    for n in range(min(n_folds, fewest), 2, -1):
        with suppress(StanceError):
            for train, _ in group_folds(examples, n, seed=seed):
                group_folds(examples.iloc[train], n_inner, seed=seed)
            return n
    return 2


def test_groups(path: str | Path) -> set[str]:
    """Return the groups that a table of `group` and `part` (``train`` or ``test``) keeps for the test."""
    table = read_table(path)
    require_columns(table, ["group", "part"])
    rows = table.frame.assign(source=table.source, line=table.lines)
    if faults := row_faults(rows[~rows["part"].isin(["train", "test"])], "part", "{part!r}", "'train' or 'test'"):
        raise DataError(faults)
    return set(rows.loc[rows["part"] == "test", "group"])
