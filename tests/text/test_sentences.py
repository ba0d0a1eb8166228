"""Texts split into sentences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stance.text.sentences import split_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("He went to Washington, D.C. on Monday. It rained.", ["He went to Washington, D.C. on Monday.", "It rained."]),
        ("It cost US$ 1.5 billion. Why?", ["It cost US$ 1.5 billion.", "Why?"]),
        ("Dr. Lee met Gen. Smith. They left.", ["Dr. Lee met Gen. Smith.", "They left."]),
        ("Headline without a stop\n\nFirst line.", ["Headline without a stop", "First line."]),
        ("", []),
    ],
    ids=["capital", "money", "titles", "headline", "empty"],
)
def test_sentences_keep_abbreviations_whole(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


@given(st.text())
def test_splitting_loses_no_character_but_white_space(text: str) -> None:
    assert "".join("".join(split_sentences(text)).split()) == "".join(text.split())
