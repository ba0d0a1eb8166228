"""Where a text names a target."""

from __future__ import annotations

import pytest

from stance.text.mentions import find_mentions, words_of
from stance.text.tokens import tokenize

TERMS = ["missile defen*", "missile", "ballistic missile defence system*", "David's Sling", "join* NATO", "S-500", "x*"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MISSILE Defence, missile defenders", ["MISSILE Defence", "missile defenders"]),
        ("the ballistic missile defence systems", ["ballistic missile defence systems"]),
        ("ballistic missile defence", ["missile defence"]),
        ("missiles, a missile; defence", ["missile"]),
        ("missile, defence of missile but defence", ["missile", "missile"]),
        ("we do not join NATO, never joining nato's club", ["join NATO", "joining nato"]),
        ("David’s sling and the S-500", ["David’s sling", "S-500"]),
        ("missile missile defence", ["missile", "missile defence"]),
        ("x, xy and ax", ["x", "xy"]),
        ("", []),
    ],
    ids=["case", "longest", "part", "whole-word", "clauses", "negated", "signs", "in-a-row", "open", "empty"],
)
def test_the_longest_term_is_a_mention_within_a_clause(text: str, expected: list[str]) -> None:
    tokens = tokenize(text)
    spans = find_mentions(tokens, TERMS)
    assert [text[tokens[start].start : tokens[end - 1].end] for start, end in spans] == expected


@pytest.mark.parametrize("terms", [[], [""], ["*", "..."]])
def test_terms_without_a_word_name_nothing(terms: list[str]) -> None:
    assert find_mentions(tokenize("a plain text *"), terms) == []


def test_no_word_of_a_term_is_negated() -> None:
    assert words_of("No first use*") == ("no", "first", "use*")
