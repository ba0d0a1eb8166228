from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stance.reading.holders import RULES, find_holders


def names(*sentences: str, country: str | None = None) -> list[str]:
    return [holder.name for holder in find_holders(sentences, country=country)[-1]]


@pytest.mark.parametrize(
    ("sentence", "holders"),
    [
        ("The Kremlin condemned the interceptors.", ["Russia"]),
        ("Tbilisi wants to join NATO.", ["Georgia"]),
        ("The alliance approved the deployment.", ["NATO"]),
        ("China and Russia condemned the US missile defense plan.", ["China", "Russia"]),
        ("Warsaw, Prague and Budapest want to join NATO.", ["Poland", "Czech Republic", "Hungary"]),
        ("Russia: no weapons in space", ["Russia"]),
        ("According to Ankara, the radar protects nobody.", ["Turkey"]),
        ("The interceptors threaten Russia, a Polish deputy said.", ["deputy (Poland)"]),
        ('"It will not protect Poland", said Ottawa.', ["Canada"]),
        ("In Beijing, the foreign ministry rejected the deployment.", ["China"]),
        ("The Iranian foreign ministry rejected the deployment.", ["Iran"]),
        ("Hungary, by contrast, warned that admitting Ukraine to NATO would bring war.", ["Hungary"]),
        ("Hungary, which joined in 1999, warned that admitting Ukraine would bring war.", ["Hungary"]),
        ("Slovakia, meanwhile, warned Georgia against joining NATO.", ["Slovakia"]),
        ("China and Russia, in a joint statement of May 8, called the project a threat.", ["China", "Russia"]),
        ('"Never," said Ottawa.', ["Canada"]),
        ("Greta Lindqvist of the Swedish Greens said she had always opposed NATO membership.", ["Greens (Sweden)"]),
        ("Greta Lindqvist, of the Swedish Greens, said she had always opposed NATO membership.", ["Greens (Sweden)"]),
        ("The Communist Party of Albania denounced the charter.", ["Communist Party (Albania)"]),
        ("Russians opposed the radar.", ["Russia"]),
        ("The Chinese rejected the radar.", ["China"]),
        ("Trouble with the United States.", ["author"]),
        ("She had always opposed NATO membership.", ["author"]),
        ("I oppose the shield.", ["author"]),
        ("Weapons in orbit make nobody safer.", ["author"]),
    ],
)
def test_the_holder_of_a_sentence(sentence: str, holders: list[str]) -> None:
    assert names(sentence) == holders


@pytest.mark.parametrize(
    ("sentence", "not_there"),
    [
        ("Voters in Georgia and Alabama backed the interceptors, a senator said.", "Georgia"),
        ("Michael Jordan opposed the interceptors.", "Jordan"),
        ("The roast turkey was good, the Kremlin said.", "Turkey"),
        ("George Washington opposed alliances.", "United States"),
        ("The Washington Treaty should stay closed.", "United States"),
        ("The Warsaw Pact opposed the Strategic Defense Initiative.", "Poland"),
        ("Northern Ireland rejected the radar.", "Ireland"),
    ],
)
def test_names_that_only_look_like_an_actor(sentence: str, not_there: str) -> None:
    assert not any(not_there in (holder.name, holder.country) for holder in find_holders([sentence])[0])


@pytest.mark.parametrize("name", ["Georgia", "Jordan", "Turkey", "Washington"])
def test_ambiguous_names_are_found_where_they_act(name: str) -> None:
    state = "United States" if name == "Washington" else name
    assert names(f"{name} opposed the deployment of weapons in space.") == [state]


@pytest.mark.parametrize(
    ("sentence", "rule", "words"),
    [
        ("Russia: no weapons in space", "label", "Russia"),
        ("In Russia's view the radar protects nobody.", "according", "Russia"),
        ("The radar is a threat, the Iranian foreign ministry said.", "attribution", "Iranian foreign ministry"),
        ("The Kremlin condemned the interceptors.", "subject", "The Kremlin"),
        ("We in Poland condemn the radar.", "first person", ""),
        ("Protests in Poland.", "author", ""),
        ("Poland and its radar.", "only", "Poland"),
    ],
)
def test_a_rule_says_why_and_which_words_it_goes_by(sentence: str, rule: str, words: str) -> None:
    holder = find_holders([sentence])[0][0]
    assert (holder.rule, sentence[holder.start : holder.end]) == (rule, words)


def test_a_report_goes_on() -> None:
    (holder,) = find_holders(["Moscow condemned the radar.", "The radar threatens everybody."])[1]
    assert (holder.name, holder.rule) == ("Russia", "goes on")


def test_a_pronoun_goes_back_to_the_sentence_before() -> None:
    (holder,) = find_holders(["Moscow condemned the radar.", "It will answer, it said."])[1]
    assert (holder.name, holder.rule, holder.start, holder.end) == ("Russia", "pronoun", 0, 0)


def test_people_without_a_country_are_of_the_articles() -> None:
    assert names("Finland debates the alliance", "A deputy opposed membership.") == ["deputy (Finland)"]
    assert names("A deputy opposed membership.", country="Norway") == ["deputy (Norway)"]


def test_a_state_named_in_passing_gives_nobody_a_country() -> None:
    for passing in ("Admitting Ukraine is risky.", "Weapons flow to Ukraine.", "American interceptors are dear."):
        assert names("What it costs", passing, "Analysts disagree about the cost of the shield.") == ["analysts"]


def test_a_headline_counts_more_than_two_sentences() -> None:
    sentences = ["Finland debates the alliance", "Norway joined.", "Norway stayed.", "A deputy opposed membership."]
    assert names(*sentences) == ["deputy (Finland)"]


def test_of_states_named_alike_the_first_is_the_articles() -> None:
    assert names("Japan and Romania build radars.", "A deputy opposed the radar.") == ["deputy (Japan)"]


@given(st.lists(st.text(max_size=200), max_size=5))
def test_any_text_has_holders_whose_words_are_there(sentences: list[str]) -> None:
    held = find_holders(sentences)
    assert len(held) == len(sentences)
    for sentence, holders in zip(sentences, held, strict=True):
        assert holders
        for holder in holders:
            assert holder.rule in RULES
            assert 0 <= holder.start <= holder.end <= len(sentence)


@pytest.mark.parametrize("words", ["Russia, ", "Georgia ", "Washington, ", "Russia and "])
def test_a_sentence_of_a_thousand_names_takes_no_longer_than_its_length(words: str) -> None:
    start = time.perf_counter()
    find_holders([(words * 12_500)[:100_000]])
    assert time.perf_counter() - start < 10
