"""Hashtags are read as words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stance.text.hashtags import split_hashtags, word_counts

TEXTS = ["We are ready for Hillary", "She is not ready", "Why I am not voting for Hillary", "my body, my choice"]


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("#ReadyForHillary", "ready for hillary"),
        ("#whyiamnotvotingforhillary", "why i am not voting for hillary"),
        ("#mybodymychoice", "my body my choice"),
    ],
)
def test_a_hashtag_is_split_into_known_words(tag: str, words: str) -> None:
    assert split_hashtags(f"Yes {tag}!", word_counts(TEXTS)) == f"Yes {tag} {words}!"


def test_words_of_hashtags_and_names_are_no_evidence() -> None:
    assert word_counts(["#foo @bar baz baz", "baz b a"]) == {"a": 1, "baz": 2}


@given(st.text(alphabet=st.characters(), max_size=60))
def test_only_words_are_added(text: str) -> None:
    words = word_counts(TEXTS)
    found = split_hashtags(text, words)
    assert "#" in text or found == text
    assert len(found) >= len(text)
    assert split_hashtags(text, {}).startswith(text.split("#")[0])


def test_a_hashtag_may_be_of_any_length() -> None:
    run = "readyforhillary" * 3000
    assert split_hashtags(f"#{run}", word_counts(TEXTS)) == f"#{run} " + " ".join(["ready for hillary"] * 3000)
