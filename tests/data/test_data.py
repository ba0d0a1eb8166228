"""The committed data keeps its promises."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from stance.data.annotations import gold_labels, read_passes
from stance.data.corpus import read_corpus
from stance.data.datacard import SOURCES, describe_corpus
from stance.data.splits import text_hash
from stance.labels import LABELS
from stance.model.predictor import load
from tests.conftest import ROOT

DATA = ROOT / "data"
TARGETS = ["missile_defense", "nato_expansion", "space_weapons"]
# Lines, headlines and plain sentences were labelled by who wrote them.
WRITTEN = {"lines", "headlines", "plain sentences"}
TWICE_LABELLED = [file for source, file in SOURCES.items() if source not in WRITTEN]


def table(name: str) -> pd.DataFrame:
    return pd.read_csv(DATA / name, dtype=str, keep_default_na=False)


@pytest.fixture(scope="module")
def sentences() -> pd.DataFrame:
    return table("sentences.csv").merge(table("articles.csv"), on="article_id", validate="many_to_one")


def test_every_article_is_whole(sentences: pd.DataFrame) -> None:
    for name, rows in sentences.groupby("article_id"):
        assert rows["position"].astype(int).tolist() == list(range(len(rows))), name
        assert 10 <= len(rows) <= 16, name
        assert rows["text"].iloc[0] == rows["title"].iloc[0], name
    assert set(sentences["date"].str.fullmatch(r"\d{4}-\d\d-\d\d")) == {True}
    assert sentences["article_id"].nunique() == len(table("articles.csv"))


def test_every_stance_toward_every_target_occurs_in_every_genre(sentences: pd.DataFrame) -> None:
    for target in TARGETS:
        counts = pd.crosstab(sentences["genre"], sentences[target])
        assert counts[list(LABELS)].to_numpy().min() >= 1, target


def test_many_sentences_take_no_side_and_most_take_none_toward_a_given_target(sentences: pd.DataFrame) -> None:
    assert (sentences[TARGETS] == "none").all(axis=1).mean() > 0.45
    assert (sentences[TARGETS] == "none").mean().min() > 0.75


def test_no_sentence_stands_in_two_articles_in_other_words() -> None:
    overlap = describe_corpus(DATA)["Near-duplicates between articles"].iloc[0]
    share = float(str(overlap["sharing a word 5-gram with another article"]).split("(")[1].rstrip("%)"))
    assert share < 20  # names and set phrases ("an arms race in outer space") are five words long
    assert float(overlap["highest Jaccard index"]) < 0.5


def test_gold_labels_are_those_of_the_passes_and_the_adjudication() -> None:
    notes = DATA / "annotations"
    generated = gold_labels([notes / "pass_a.csv", notes / "pass_b.csv"], notes / "adjudication.csv")
    for name in TWICE_LABELLED:
        rows = table(name).set_index("sentence_id")[TARGETS]
        assert rows.to_dict("index") == generated.loc[list(rows.index), TARGETS].to_dict("index"), name


def test_the_passes_cover_every_sentence_once() -> None:
    ids = [name for file in TWICE_LABELLED for name in table(file)["sentence_id"]]
    assert len(ids) == len(set(ids))
    for labels in read_passes([DATA / "annotations" / f"pass_{name}.csv" for name in "ab"]).values():
        assert set(labels.index) == set(ids)


def test_holders_are_of_sides_and_every_side_of_the_articles_has_one() -> None:
    sides = {
        file: {(row["sentence_id"], target) for row in rows for target in TARGETS if row[target] != "none"}
        for file in SOURCES.values()
        for rows in [table(file).to_dict("records")]
    }
    holders = table("holders.csv")
    held = set(zip(holders["sentence_id"], holders["target"], strict=True))
    assert sides["sentences.csv"] <= held <= set().union(*sides.values())
    assert not holders.duplicated(["sentence_id", "target"]).any()
    assert holders["holder"].str.fullmatch(r"[^;]+(;[^;]+){0,3}").all()


def test_at_least_150_sentences_are_marked_as_hard(sentences: pd.DataFrame) -> None:
    hard = table("hard.csv")
    assert len(hard) == hard["sentence_id"].nunique() >= 150
    sided = sentences.loc[(sentences[TARGETS] != "none").any(axis=1), "sentence_id"]
    assert set(hard["sentence_id"]) <= set(sided)


def test_the_labels_of_real_text_hold_no_text() -> None:
    for name in ("ungd_labels.csv", "whitehouse_labels.csv", "news_labels.csv"):
        rows = table(name)
        about = ["group", "kind", "date", "source"] if name == "news_labels.csv" else []
        assert list(rows) == ["sentence_id", "document_id", *about, "start", "end", "sha256", *TARGETS]
        assert rows["sha256"].str.fullmatch(r"[0-9a-f]{16}").all()


def test_the_splits_name_every_document_and_a_fifth_of_each_source() -> None:
    splits = table("splits.csv")
    documents = set(table("articles.csv")["article_id"])
    for name in ("ungd_labels.csv", "whitehouse_labels.csv"):
        documents |= set(table(name)["document_id"])
    assert set(splits["group"]) == documents | set(table("news_labels.csv")["group"])
    assert not splits["group"].duplicated().any()
    share = (splits["part"] == "test").groupby(splits["source"]).mean()
    assert share.between(0.15, 0.25).all()


@pytest.mark.slow
def test_training_never_reads_the_test_part(default_checkout: Path) -> None:
    run = default_checkout / "experiments" / "runs" / "default"
    test = read_corpus([DATA / "sentences.csv"], splits=DATA / "splits.csv", part="test").examples
    assert test["group"].nunique() > 20
    assert not set(test["text"].map(text_hash)) & load(run).info.training_hashes
    assert not set(test["sentence_id"]) & set(pd.read_csv(run / "predictions.csv")["sentence_id"])


def test_no_article_puts_words_in_quotation_marks_into_a_named_mouth(sentences: pd.DataFrame) -> None:
    """Direct speech belongs to unnamed voices: no quotation beside two capitalised names and `said`."""
    quoted = sentences[sentences["text"].str.contains(r"[\"“].{25,}[\"”]", regex=True)]
    named = re.compile(r"\b(?:President|Mr\.|Minister|Secretary|Chancellor) [A-Z][a-z]+ (?:said|told|added|wrote)")
    assert not [text for text in quoted["text"] if named.search(text)]


def test_the_lines_stand_alone_and_a_blind_reader_agreed_with_their_writers() -> None:
    lines = table("lines.csv").set_index("sentence_id")
    assert not lines.index.duplicated().any()
    assert not lines["text"].str.lower().duplicated().any()
    assert set(lines["kind"]) == {"headline", "lead", "statement", "briefing", "plain"}
    (check,) = read_passes([DATA / "annotations" / "lines_check.csv"]).values()
    assert len(check) == 497
    assert (lines.loc[check.index, TARGETS] == check[TARGETS]).to_numpy().mean() > 0.99


@pytest.mark.slow
def test_lines_that_share_most_of_their_words_are_of_one_group() -> None:
    """Of two groups, no two texts' sets of words have a Jaccard index of 0.6 or more."""
    lines = pd.concat([table(SOURCES[source]) for source in sorted(WRITTEN)], ignore_index=True)
    words = CountVectorizer(binary=True, token_pattern=r"\w+", dtype=np.float32).fit_transform(lines["text"]).tocsr()
    n_words = np.asarray(words.sum(axis=1)).ravel()
    group = lines["group"].to_numpy()
    for start in range(0, len(lines), 1000):
        rows = slice(start, start + 1000)
        shared = (words[rows] @ words.T).toarray()
        alike = 5 * shared >= 3 * (n_words[rows, None] + n_words - shared)
        cut = np.argwhere(alike & (group[rows, None] != group))
        assert not len(cut), lines.loc[[start + cut[0, 0], cut[0, 1]], ["sentence_id", "text"]].to_dict("records")


def test_the_card_names_every_table_and_pandas_reads_each_whole() -> None:
    files = sorted(path.relative_to(DATA).as_posix() for path in DATA.rglob("*.csv"))
    head = (DATA / "README.md").read_text(encoding="utf-8").split("---\n")[1]
    assert sorted(re.findall(r"(?:data_files|path): (\S+)$", head, re.MULTILINE)) == files
    for file in files:
        frame = pd.read_csv(DATA / file)
        assert len(frame) == len(table(file))
        labels = frame[frame.columns.intersection(TARGETS)]
        assert labels.isin(LABELS).all(axis=None), file  # `none` is no missing value


def test_the_card_counts_sentences_without_a_second_reading() -> None:
    rows = describe_corpus(DATA)["Second readings"].set_index("source")
    assert (rows.loc[["articles", "speeches", "briefings", "news"], "share without"] == "0.0%").all()
    assert rows.loc["plain sentences", "share without"] == "100.0%"
    lines = rows.loc["lines"]
    assert lines["read by a second reader"] == len(table("annotations/lines_check.csv"))
    assert lines["share without"] == f"{1 - lines['read by a second reader'] / len(table('lines.csv')):.1%}"
    assert rows.loc["all", "sentences"] == rows.drop("all")["sentences"].sum()


def test_most_near_misses_take_no_side() -> None:
    for name in ("ungd_labels.csv", "whitehouse_labels.csv"):
        rows = table(name)
        near = rows.loc[rows["sentence_id"].str.contains("~"), TARGETS]
        assert (near == "none").all(axis=1).mean() > 0.9
