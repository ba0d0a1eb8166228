"""Shares add up to scores, on any text, and stand on the words they come from."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import example, given

from stance.labels import LABELS, SIGNS
from stance.model.explanation import explain
from stance.model.info import RunInfo
from stance.model.predictor import Model
from stance.model.scorer import reference_scores
from stance.report.html import readable, render, share_rows
from tests.model.test_scorer import any_text, fitted, long_text, odd_text, with_vocabulary


def model_of(name: str) -> Model:
    return Model(fitted(name)[1], RunInfo("odd", 0, ("shield", "club"), ("Shield", "Club"), "", 0, 0, {}, {}))


@pytest.mark.parametrize("name", ["default", "case", "characters"])
@given(any_text | odd_text | long_text)
@example("")
@example("İ İstanbul's ΣΊΣΥΦΟΣ #StopTheClub,now a\x00b \ud800 e\u0301te\u0301")
def test_shares_and_intercept_are_the_score(name: str, text: str) -> None:
    scorer = fitted(name)[1]
    names, shares, spans, word_shares = explain(scorer, text)
    expected = reference_scores(scorer, [text])[0]
    np.testing.assert_allclose(scorer.intercepts + shares.sum(axis=0), expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(scorer.intercepts + word_shares.sum(axis=0), expected, rtol=0, atol=1e-9)
    assert "".join(text[start:end] for start, end in spans) == text
    assert len(set(names)) == len(names) == len(shares)


@given(odd_text)
def test_the_model_says_what_it_predicts(text: str) -> None:
    model = model_of("default")
    for i, explanation in enumerate(model.explanations(text)):
        assert explanation.target == model.targets[i]
        np.testing.assert_allclose(explanation.proba, model.predict_proba([text])[0, i], atol=1e-12)
        assert explanation.label == LABELS[explanation.proba.argmax()]
        assert "".join(piece for piece, *_ in explanation.marks()) == text


@pytest.mark.parametrize(
    ("name", "text", "bearers"),
    [
        ("default", "İstanbul shield", {"İstanbul", "shield"}),
        ("default", "The SHIELD, the straße", {"The", "SHIELD", "the", "straße"}),
        ("characters", "shield -- club", {"shield", "club", " -- "}),
    ],
)
def test_shares_stand_on_words_and_not_on_the_space_between(name: str, text: str, bearers: set[str]) -> None:
    words = model_of(name).explain(text, "shield").words
    assert {text[word.start : word.end] for word in words if np.abs(word.share).max() > 0} == bearers


@pytest.mark.parametrize(
    ("kind", "numbers", "ngrams", "text", "fractions"),
    [
        ("word", (1, 2), ["a", "a b"], "a b, A", {"a": [0.5, 0, 0, 0, 0.5], "a b": [0.5, 0, 0.5, 0, 0]}),
        ("word", (1, 1), ["ǃwant"], "not want", {"ǃwant": [0, 0, 1]}),
        ("char", (1, 3), [" a", "a-b", "-"], "a-b", {" a": [1, 0, 0], "a-b": [0.5, 0, 0.5], "-": [0, 1, 0]}),
        ("pair", (1, 2), ["a c"], "a b cd", {"a c": [0.5, 0, 0, 0, 0.5]}),
    ],
    ids=["words", "negated", "characters", "pair"],
)
def test_an_ngram_is_divided_over_its_occurrences_and_their_words(
    kind: str, numbers: tuple[int, int], ngrams: list[str], text: str, fractions: dict[str, list[float]]
) -> None:
    scorer = with_vocabulary(fitted("default")[1], kind, [ngram.encode() for ngram in ngrams], numbers)
    names, shares, _, word_shares = explain(scorer, text)
    assert [ngram for _, ngram, _ in names] == list(fractions)
    assert np.abs(shares).max(axis=(1, 2)).min() > 0
    expected = np.einsum("nw,ntl->wtl", list(fractions.values()), shares)
    np.testing.assert_allclose(word_shares, expected, atol=1e-12)


def test_pushes_leave_out_what_all_labels_share() -> None:
    explanation = model_of("default").explain("shield", "club")
    assert explanation.push(np.array([1.0, 1.0, 1.0]))[1] == 0
    assert explanation.push(np.array([0.0, 1.0, 5.0])) == ("favor", 3.0)
    for label in LABELS:
        strongest = explanation.strongest(label)
        assert [push for _, push in strongest] == sorted((push for _, push in strongest), reverse=True)
        assert all(explanation.push(each.share) == (label, push) and push > 0 for each, push in strongest)


def test_a_table_of_shares_adds_up_to_the_score() -> None:
    explanation = model_of("default").explain("the shield, Shield, the club is nuclear-armed", "club")
    rows = share_rows(explanation, top=3)
    named = [name for label, name, *_ in rows if label]
    assert len(named) > 3
    assert len(set(named)) == len(named)
    shares = np.array([row[3:] for row in rows], dtype=float)
    np.testing.assert_allclose(shares[:-1].sum(axis=0), shares[-1], atol=2e-3)


def test_a_pair_shows_which_of_its_words_were_cut() -> None:
    text = "Not support a plan"
    assert readable("pair", "ǃplan not", text) == "ǃplan + not"
    assert readable("pair", "not ǃsuppo", text) == "not + ǃsuppo-"
    assert (readable("word", "not ǃsupport", text), readable("char", " no", text)) == ("not ǃsupport", "␣no")


def test_the_page_is_one_file_with_nothing_from_outside_and_escapes_the_text() -> None:
    model = model_of("default")
    text = "the shield <script>alert(1)</script> \" onfocus='x' \u202e \x00 {{ club }}"
    page = render("explain.html.j2", model=model, explanations=model.explanations(text), top=4)
    assert "<script" not in page
    assert "http" not in page
    assert "{{ club }}" in re.sub(r"<sup.*?</sup>|</?mark[^>]*>", "", page)
    assert not re.search(r"<[^>]*onfocus", page)
    assert page.count("<h2>") == 2
    # Whoever sees no colour has the sign, whoever has no mouse the focus.
    marks = re.findall(r"<mark tabindex=\"0\".*?</mark>", page)
    assert marks
    assert all(re.search(rf"<sup[^>]*>[{''.join(SIGNS.values())}]</sup></mark>", mark) for mark in marks)
