"""Words in lower case, negated or not, each in its clause and where it stands in the text."""

from __future__ import annotations

from itertools import groupby, pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stance.text.tokens import MARK, origins, tokenize

SIGNS = ["not", "No", "don't", "x", "U", "ß", "İ", "Σ", "'", "’", "'s", "s", ".", ",", "?", "!", "-", " ", "\n"]
odd_text = st.text(st.characters(exclude_categories=()), max_size=60) | st.lists(st.sampled_from(SIGNS)).map("".join)


def clauses(text: str) -> str:
    """Return the words of a text with a bar between its clauses."""
    groups = groupby(tokenize(text), key=lambda token: token.clause)
    return " | ".join(" ".join(token.word for token in group) for _, group in groups)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Russia's MPs, the allies' plan", "russia mps | the allies plan"),
        ("they didn’t; O'Neill’s won't", "they didn't | o'neill won't"),
        ("We do NOT support the old plan", "we do not !support !the !old plan"),
        ("they don’t want it, he said", "they don't !want !it | he said"),
        ("no! we agree", "no | we agree"),
        ("never not a plan we like here", "never !not !a !plan !we like here"),
        ("a note on nothing, a knot, without end", "a note on nothing | a knot | without !end"),
        ("The U.S. plan. It costs 1,000.50 more", "the u s plan | it costs 1 000 50 more"),
        ("missile-armed - or not", "missile armed | or not"),
        ('"Safe" (so he said): yes', "safe | so he said | yes"),
        ("we agree but they differ although unsure", "we agree | but they differ | although unsure"),
        ("Is it safe? Not now", "is it safe | ? not !now"),
        ("", ""),
    ],
)
def test_words_negation_and_clauses(text: str, expected: str) -> None:
    assert clauses(text) == expected


@given(odd_text)
@example("İİ'İ don’t ΣΊΣΥΦΟΣ's?\ud800")
def test_a_word_is_what_stands_at_its_span(text: str) -> None:
    tokens, lower, position = tokenize(text), text.lower(), origins(text)
    assert len(position) == len(lower)
    for token in tokens:
        assert token.word.removeprefix(MARK) == lower[token.start : token.end].replace("’", "'")
        # The first and last characters of the text that it comes from; one Σ is another letter at a word's end.
        first, last = text[position[token.start]].lower(), text[position[token.end - 1]].lower()
        assert lower[token.start] in (*first, "ς")
        assert lower[token.end - 1] in (*last, "ς")
    assert all(a.end <= b.start and a.clause <= b.clause for a, b in pairwise(tokens))
