"""Features as seen from a mention: the same for every target, and another for each target of a sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stance.text.features import FRAMES, NOT_NAMED, OTHER, STEM, TARGET, features, readable
from stance.text.tokens import MARK
from tests.text.test_tokens import odd_text

SHIELD, CLUB = ("shield", "missile defen*", "star wars"), ("club", "missile club")
FILLERS = ["Moscow", "condemns", "never", "not", "the", "welcome", ",", "but", "?", "protective", "club", "of"]
fillers = st.lists(st.sampled_from(FILLERS), max_size=8)


def seen(text: str, target: int = 0) -> list[str]:
    """Return the anchored features of a text: 0 is the shield, 1 the club."""
    return sorted(name for name, _ in features(text, [SHIELD, CLUB])[2][target])


@given(odd_text | st.lists(st.sampled_from([*FILLERS, "shield", "missile", "defence"]), max_size=12).map(" ".join))
def test_a_feature_is_made_of_the_tokens_it_names(text: str) -> None:
    tokens, own, anchored = features(text, [SHIELD, CLUB])
    words = [token.word.removeprefix(MARK) for token in tokens]
    for name, where in [*own, *anchored[0], *anchored[1]]:
        frame, *named = name.split(" ")
        assert frame in FRAMES
        assert set(where) <= set(range(len(tokens)))
        for word in named if where else []:
            plain = word.removeprefix(MARK)
            assert plain in {TARGET, OTHER} or any(words[i] == plain or words[i][:STEM] == plain for i in where)


@given(st.lists(fillers, min_size=2, max_size=4))
def test_features_do_not_say_which_term_of_the_target_they_are_seen_from(slots: list[list[str]]) -> None:
    def text(term: str) -> str:
        return f" {term} ".join(map(" ".join, slots))

    assert seen(text("missile defence")) == seen(text("Star Wars"))
    # A longer term uses up more of a negation's reach.
    if not {"never", "not"} & {word for slot in slots for word in slot}:
        assert seen(text("shield")) == seen(text("Star Wars"))


def test_two_targets_in_a_sentence_are_seen_apart() -> None:
    text = "Moscow condemned the shield, but welcomed the missile club"
    shield, club = set(seen(text, 0)), set(seen(text, 1))
    assert {"<3 condemned", "<= condemned", ">~ welcomed", "<> conde OTHER", "> OTHER", "# 1", "# OTHER"} <= shield
    assert {"<3 welcomed", "<= welcomed", "<~ condemned", "<< conde OTHER", "< OTHER", "# 1", "# OTHER"} <= club
    assert not {"<= welcomed", "<3 welcomed", "> condemned"} & shield


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Moscow waits", [NOT_NAMED]),
        ("shield", ["# 1"]),
        ("shield, shield", ["# 1"]),
        ("shield a shield a shield a shield", [*["* a"] * 3, "# 3", *["> a"] * 3, *[">3 a"] * 3, *[">= a"] * 3]),
        ("not shield", ["# 1", "* !TARGET", "* not", "< not", "<3 not", "<= not"]),
        ("hopes? shield", ["# 1", *[f"{frame} {word}" for word in ("hopes", "?") for frame in ("*", "<", "<3")],
                           "<= ?", "<~ hopes", "<< hopes ?"]),
        ("wins star wars wins", ["# 1", *["* wins"] * 2, "< wins", "<3 wins", "<= wins", "<> wins wins", "> wins",
                                 ">3 wins", ">= wins"]),
        ("wins a b c shield", ["# 1", *[f"{frame} {word}" for word in "abc" for frame in ("*", "<", "<3", "<=")],
                               *["* wins", "< wins", "<= wins", "<< wins b", "<< wins c", "<< b c"]]),
        ("shield wins shield", ["# 2", "* wins", "> wins", ">3 wins", ">= wins"]),
    ],
    ids=["unnamed", "alone", "joined", "often", "negated", "question", "across", "far", "between"],
)  # fmt: skip
def test_what_is_seen_from_a_mention(text: str, expected: list[str]) -> None:
    assert seen(text) == sorted(expected)


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("one two shield", ["<< one two"]),
        ("shield one two", [">> one two"]),
        ("one shield two", ["<> one two"]),
        ("shield one x y two shield", [">< one two"]),
        ("shield one x y shield two", ["<> one two"]),
        ("one shield x y two shield", ["<> one two"]),
        ("one of the of the of the of two shield", ["<< one two"]),
        ("one of the of the of the of the two shield", []),
    ],
)
def test_a_pair_says_on_which_sides_of_mentions_its_words_stand(text: str, pairs: list[str]) -> None:
    assert [name for name in seen(text) if name.endswith(" one two")] == pairs


@pytest.mark.parametrize(
    ("feature", "phrase"),
    [
        ("w !plan", "!plan"),
        ("ww oppos plan", "oppos plan"),
        ("p !oppos plan", "!oppos- … plan"),
        ("< condemned", "condemned … TARGET"),
        (">< threa TARGET", "TARGET … threa- … TARGET … TARGET"),
        ("# 2", "2"),
    ],
)
def test_a_feature_as_people_read_it(feature: str, phrase: str) -> None:
    assert readable(feature) == phrase
