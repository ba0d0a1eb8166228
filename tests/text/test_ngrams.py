"""The n-grams are scikit-learn's own, and their spans are where they stand."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from stance.text.ngrams import GENERATORS

texts = st.text(st.characters(exclude_categories=()), max_size=40) | st.text(
    st.sampled_from("ab é\u0301-\n "), max_size=40
)


@pytest.mark.parametrize("low", [1, 2, 4])
@pytest.mark.parametrize(("kind", "analyzer"), [("word", "word"), ("char", "char_wb")])
@given(texts, st.integers(0, 3))
def test_words_and_characters_are_scikit_learns(kind: str, analyzer: str, low: int, text: str, more: int) -> None:
    pattern = r"\w+" if kind == "word" else None
    theirs = CountVectorizer(
        analyzer=analyzer, ngram_range=(low, low + more), token_pattern=pattern, lowercase=False
    ).build_analyzer()
    assert Counter(ngram for ngram, _ in GENERATORS[kind](text, low, low + more)) == Counter(theirs(text))


@given(st.lists(st.text("abc", min_size=1, max_size=3), max_size=12), st.integers(1, 3), st.integers(1, 12))
def test_pairs_are_all_stems_of_two_words_near_each_other(words: list[str], letters: int, apart: int) -> None:
    near = [(a, b) for (i, a), (j, b) in combinations(enumerate(words), 2) if j - i <= apart]
    stems = [" ".join(sorted((a[:letters], b[:letters]))) for a, b in near]
    assert Counter(ngram for ngram, _ in GENERATORS["pair"](", ".join(words), letters, apart)) == Counter(stems)


@given(texts, st.integers(1, 3), st.integers(0, 4))
@example("a", 1, 0)
def test_an_ngram_is_what_stands_at_its_spans(text: str, low: int, more: int) -> None:
    for ngram, spans in GENERATORS["word"](text, low, low + more):
        assert ngram == " ".join(text[start:stop] for start, stop in spans)
    for ngram, ((start, stop),) in GENERATORS["char"](text, low, low + more):
        assert stop > start
        assert ngram.strip(" ") in ("", text[start:stop])
    for ngram, spans in GENERATORS["pair"](text, low, 1 + more):
        assert ngram == " ".join(sorted(text[start:stop][:low] for start, stop in spans))
