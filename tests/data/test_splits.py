"""Texts that belong together, and splits that keep them together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stance.data.corpus import read_corpus
from stance.data.splits import group_folds, join_groups, near_duplicates, text_hash
from stance.errors import DataError, StanceError


def test_near_duplicates_follow_chains_and_leave_others_alone() -> None:
    words = [f"word{i}" for i in range(14)]
    first, second, third = (" ".join(words[i : i + 10]) for i in (0, 2, 4))  # each shares half with the next only
    clusters = near_duplicates([first, second, third, " ".join(words[8:]), "short", "Short", "shorter"])
    assert clusters[0] == clusters[1] == clusters[2]
    assert clusters[4] == clusters[5]
    assert len(set(clusters)) == 4
    assert near_duplicates([first, third]).tolist() == [0, 1]


@given(seed=st.integers(0, 2**32 - 1), n_folds=st.integers(2, 8))
def test_no_fold_cuts_a_group_and_every_row_is_tested_once(seed: int, n_folds: int) -> None:
    rows = [(f"g{g}", t, ("against", "none", "favor")[(g + i) % 3]) for g in range(8) for i in range(5) for t in "ab"]
    examples = pd.DataFrame(rows, columns=["group", "target", "stance"])
    folds = group_folds(examples, n_folds, seed=seed)
    for train, test in folds:
        assert not set(examples["group"].iloc[train]) & set(examples["group"].iloc[test])
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(len(examples)))


def test_too_few_articles_for_the_folds_names_the_target(tiny_csv: Path) -> None:
    examples = read_corpus([tiny_csv]).examples
    few = examples[(examples["target"] != "club") | examples["group"].isin(["t0", "t1"])]
    with pytest.raises(StanceError, match=r"target 'club' has 2 articles .* wanted at least one for each of 3 folds"):
        group_folds(few, 3, seed=0)


SUBSCRIBE = "Subscribe to our newsletter and never miss a story again."


def articles(n: int, own: int, shared: list[str]) -> pd.DataFrame:
    """Return articles with sentences of their own, and some that all share."""
    rows = [
        (f"a{a}", text)
        for a in range(n)
        for text in [*(f"Article {a} tells in sentence {i} of matter {a}-{i}." for i in range(own)), *shared]
    ]
    return pd.DataFrame(rows, columns=["group", "text"])


def test_boilerplate_joins_no_articles_and_is_a_group_of_its_own() -> None:
    table = articles(24, 3, [SUBSCRIBE])
    groups, notes = join_groups(table)
    own = table["text"] != SUBSCRIBE
    assert groups[own].tolist() == table["group"][own].tolist()
    assert groups[~own].nunique() == 1
    assert not set(groups[~own]) & set(groups[own])
    assert notes == [f"'{SUBSCRIBE}' stands in 24 articles or groups and joins none"]


@pytest.mark.parametrize(
    ("n", "own", "shared"),
    [(4, 3, [SUBSCRIBE]), (24, 0, [SUBSCRIBE]), (24, 1, [SUBSCRIBE, "The whole report was printed elsewhere before."])],
    ids=["few", "nothing-else", "copies"],
)
def test_what_articles_share_joins_them_and_it_is_said(n: int, own: int, shared: list[str]) -> None:
    groups, notes = join_groups(articles(n, own, shared))
    assert groups.nunique() == 1
    (note,) = notes
    assert note.startswith(f"{n} articles or groups are joined into 1, since")
    assert note.endswith(f"; most ({n}) by {SUBSCRIBE!r}")


@given(st.text())
def test_text_hash_folds_white_space(text: str) -> None:
    assert text_hash(f"\n {text}\t") == text_hash(text)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("group,part\nt0,tset\n", r"splits\.csv:2: column 'part': found 'tset'; wanted 'train' or 'test'"),
        ("group\nt0\n", r"splits\.csv: found columns group; wanted the column 'part'"),
    ],
    ids=["part", "column"],
)
def test_a_broken_table_of_splits_is_refused(tiny_csv: Path, tmp_path: Path, table: str, message: str) -> None:
    (tmp_path / "splits.csv").write_text(table, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_corpus([tiny_csv], splits=tmp_path / "splits.csv")


def test_the_two_parts_of_a_split_are_the_whole(tiny_csv: Path, tmp_path: Path) -> None:
    (tmp_path / "splits.csv").write_text("group,part\nt0,test\nt1,train\n", encoding="utf-8")
    train, test = (
        read_corpus([tiny_csv], splits=tmp_path / "splits.csv", part=part).examples for part in ("train", "test")
    )
    assert set(test["article"]) == {"t0"}
    assert set(train["article"]) == {f"t{i}" for i in range(1, 8)}
