"""Shares add up to scores, on any text, and stand on the words they come from."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import example, given

from stance.labels import LABELS, SIGNS
from stance.model.explanation import Explanation
from stance.model.predictor import Model
from stance.report.html import render, share_rows
from tests.model.odd import CONFIGURATIONS, any_text, fitted, long_text, odd_text

TEXT = "Madrid hasn't condemned the missile shield, but İstanbul’s welcomed it?"


@pytest.fixture(scope="module")
def model() -> Model:
    return fitted("default")[1]


@pytest.mark.parametrize("name", CONFIGURATIONS)
@given(any_text | odd_text | long_text)
@example("")
@example("İ İstanbul's shieldİ ΣΊΣΥΦΟΣ #StopTheClub,now a\x00b \ud800 e\u0301te\u0301")
def test_phrases_and_words_and_the_intercept_are_the_score(name: str, text: str) -> None:
    model = fitted(name)[1]
    scores, proba = model.scores([text])[0], model.predict_proba([text])[0]
    for i, explanation in enumerate(model.explanations(text)):
        assert explanation.target == model.targets[i]
        for shares in (explanation.phrases, explanation.words):
            total = sum((each.share for each in shares), explanation.intercept)
            np.testing.assert_allclose(total, scores[i], rtol=0, atol=1e-9)
        np.testing.assert_allclose(explanation.score, scores[i], rtol=0, atol=1e-9)
        np.testing.assert_allclose(explanation.proba, proba[i], rtol=0, atol=1e-9)
        assert explanation.label == LABELS[explanation.proba.argmax()]
        assert len({each.phrase for each in explanation.phrases}) == len(explanation.phrases)
        assert "".join(text[word.start : word.end] for word in explanation.words) == text
        assert "".join(piece for piece, *_ in explanation.marks()) == text


def bearers(explanation: Explanation) -> set[str]:
    text = explanation.text
    return {text[word.start : word.end] for word in explanation.words if np.abs(word.share).max() > 0}


def test_shares_stand_on_words_and_not_on_the_space_between(model: Model) -> None:
    explanation = model.explain("İ SHIELD, the club -- Welcomed don't zigzag", "shield")
    assert bearers(explanation) == {"İ", "SHIELD", "the", "club", "Welcomed", "don", "'", "t"}


def test_phrases_are_in_the_texts_own_words(model: Model) -> None:
    explanation = model.explain("We never ever condemned the missile defence, but the club welcomed it", "shield")
    phrases = {phrase for phrase, _ in explanation.phrases}
    assert {"!condemned … TARGET", "TARGET … welcomed", "the club", "TARGET … OTHER"} <= phrases
    # What a word anywhere adds is told with what it adds on its side.
    assert not {phrase for phrase in phrases if phrase.endswith(", TARGET")}


def test_it_says_whether_the_target_is_named_and_was_labelled(model: Model) -> None:
    assert [each.named for each in model.explanations("The club")] == [False, True, False]
    assert [each.labelled for each in model.with_target("tram", ["tram*"]).explanations("")] == [True] * 3 + [False]


def test_pushes_leave_out_what_all_labels_share(model: Model) -> None:
    explanation = model.explain(TEXT, "club")
    assert explanation.push(np.array([1.0, 1.0, 1.0]))[1] == 0
    assert explanation.push(np.array([0.0, 1.0, 5.0])) == ("favor", 3.0)
    for label in LABELS:
        strongest = explanation.strongest(label)
        assert [push for _, push in strongest] == sorted((push for _, push in strongest), reverse=True)
        assert all(explanation.push(each.share) == (label, push) and push > 0 for each, push in strongest)


@pytest.mark.parametrize("top", [1, 3])
def test_a_table_of_shares_adds_up_and_shows_more_than_it_hides(model: Model, top: int) -> None:
    rows = share_rows(model.explain(TEXT, "shield"), top=top)
    phrases = [name for label, name, *_ in rows if label]
    assert len(set(phrases)) == len(phrases) >= top
    shares = np.array([row[2:] for row in rows], dtype=float)
    np.testing.assert_allclose(shares[:-1].sum(axis=0), shares[-1], atol=2e-3)
    assert np.ptp(shares[-3]) <= np.ptp(shares[:-3].sum(axis=0)) + 2e-3


def test_the_page_is_one_file_with_nothing_from_outside_and_escapes_the_text(model: Model) -> None:
    text = "the shield <script>alert(1)</script> \" onfocus='x' \u202e \x00 {{ club }}"
    page = render("explain.html.j2", model=model, explanations=model.explanations(text), top=4)
    assert "<script" not in page
    assert "http" not in page
    assert "{{ club }}" in re.sub(r"<sup.*?</sup>|</?mark[^>]*>", "", page)
    assert not re.search(r"<[^>]*onfocus", page)
    assert page.count("<h2>") == len(model.targets)
    # Whoever sees no colour has the sign, whoever has no mouse the focus.
    marks = re.findall(r"<mark tabindex=\"0\".*?</mark>", page)
    assert marks
    assert all(re.search(rf"<sup[^>]*>[{''.join(SIGNS.values())}]</sup></mark>", mark) for mark in marks)
