"""Shares add up to scores, on any text, and stand on the words they come from."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given

from stance.explanation import _placed, _prepared, explain
from stance.model import Model
from stance.schema import LABELS, ModelError, RunInfo
from stance.scorer import Floats, ngrams, reference_scores
from tests.test_scorer import CONFIGURATIONS, any_text, fitted, long_text, odd_text


def model_of(name: str) -> Model:
    return Model(fitted(name)[1], RunInfo("odd", 0, ("shield", "club"), ("Shield", "Club"), "", 0, 0, {}, {}))


@pytest.mark.parametrize("name", CONFIGURATIONS)
@given(any_text | odd_text | long_text)
@example("")
@example("İ İstanbul's ΣΊΣΥΦΟΣ #StopTheClub,now a\x00b \ud800 e\u0301te\u0301")
def test_shares_and_intercept_are_the_score(name: str, text: str) -> None:
    scorer = fitted(name)[1]
    names, shares, spans, word_shares = explain(scorer, text)
    wanted = reference_scores(scorer, [text])[0]
    np.testing.assert_allclose(scorer.intercepts + shares.sum(axis=0), wanted, rtol=0, atol=1e-9)
    np.testing.assert_allclose(scorer.intercepts + word_shares.sum(axis=0), wanted, rtol=0, atol=1e-9)
    assert "".join(text[start:end] for start, end in spans) == text
    assert len(set(names)) == len(names) == len(shares)
    prepared, span_of = _prepared(scorer, text, spans)
    assert [prepared] == list(scorer.prepared([text]))
    for block in scorer.blocks:
        placed = Counter(found for found, _ in _placed(prepared, block, span_of, [True] * len(spans)))
        assert placed == Counter(ngrams(prepared, block))


@given(odd_text)
def test_the_model_says_what_it_predicts(text: str) -> None:
    model = model_of("default")
    for i, found in enumerate(model.explanations(text)):
        assert found.target == model.targets[i]
        np.testing.assert_allclose(found.proba, model.predict_proba([text])[0, i], atol=1e-12)
        assert found.label == LABELS[found.proba.argmax()]
        assert "".join(piece for piece, *_ in found.marks()) == text


def shares_by_word(model: Model, text: str) -> dict[str, Floats]:
    found = model.explain(text, "shield")
    return {text[word.start : word.end]: word.share for word in found.words}


@pytest.mark.parametrize(
    ("name", "text", "bearers"),
    [
        ("words", "The SHIELD, the straße!", {"The", "SHIELD", "the", "straße"}),
        ("default", "İstanbul shield", {"İstanbul", "shield"}),
        ("characters", "shield -- club", {"shield", "club", " -- "}),
        ("hashtags", "#StopTheClub", {"#", "StopTheClub"}),
    ],
)
def test_shares_stand_on_words_and_not_on_the_space_between(name: str, text: str, bearers: set[str]) -> None:
    found = shares_by_word(model_of(name), text)
    assert {word for word, share in found.items() if np.abs(share).max() > 0} <= bearers
    assert any(np.abs(share).max() > 0 for share in found.values())


def test_an_ngram_is_divided_over_its_places_and_words() -> None:
    model = model_of("words")
    scorer = model.scorer
    text = next(n for n in scorer.rows[0] if n.count(" ") == 1 and len(set(n.split())) == 2)
    found = model.explain(f"{text}", "shield")
    first, second = text.split()
    words = {text[word.start : word.end]: word.share for word in found.words}
    shares = {each.ngram: each.share for each in found.ngrams}
    none = np.zeros(3)
    np.testing.assert_allclose(words[first], shares.get(first, none) + shares[text] / 2, atol=1e-12)
    np.testing.assert_allclose(words[second], shares.get(second, none) + shares[text] / 2, atol=1e-12)


def test_pushes_leave_out_what_all_labels_share() -> None:
    found = model_of("default").explain("shield", "club")
    assert found.push(np.array([1.0, 1.0, 1.0]))[1] == 0
    assert found.push(np.array([0.0, 1.0, 5.0])) == ("favor", 3.0)
    for label in LABELS:
        pushes = [push for _, push in found.strongest(label)]
        assert pushes == sorted(pushes, reverse=True)
        assert all(push > 0 for push in pushes)


def test_what_cannot_be_explained_is_said() -> None:
    model = model_of("default")
    with pytest.raises(ModelError, match="target 'bridge' is not in model"):
        model.explain("x", "bridge")
    with pytest.raises(ModelError, match=r"text 0 is None \(NoneType\); wanted a string"):
        model.explain(None, "shield")  # type: ignore[arg-type]
