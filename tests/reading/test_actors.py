from __future__ import annotations

import pytest

from stance.reading.actors import actor_of, find_actors, find_names, state_by_name, state_of


@pytest.mark.parametrize(
    ("name", "actor"),
    [("Soviet Union", "Russia"), ("the Kremlin", "Russia"), ("senator (West Germany)", "senator (Germany)")],
)
def test_an_actor_goes_by_one_name(name: str, actor: str) -> None:
    assert actor_of(name) == actor


def test_codes_are_those_of_states_that_are_and_were() -> None:
    states = ["Russia", "Czechoslovakia", "South Korea", None]
    assert [state_of(code) for code in ("RUS", "CSK", "KOR", "???")] == states


def test_states_and_organisations_are_told_apart() -> None:
    assert [state_by_name(name) for name in ("Warsaw", "Polish", "NATO", "deputy")] == ["Poland", "Poland", None, None]


@pytest.mark.parametrize(
    ("sentence", "actors"),
    [
        ("Russia's foreign ministry met NATO.", [("Russia", "state"), ("NATO", "organisation")]),
        ("Russian and Chinese deputies met.", [("deputies (Russia)", "person"), ("deputies (China)", "person")]),
        ("The parliament of Georgia met.", [("Georgia", "state")]),
        ("In Warsaw, a deputy spoke.", [("deputy (Poland)", "person")]),
        ("A deputy spoke.", [("deputy (Norway)", "person")]),
    ],
)
def test_adjectives_and_places_give_people_a_country(sentence: str, actors: list[tuple[str, str]]) -> None:
    assert [(actor.name, actor.kind) for actor in find_actors(find_names(sentence), "Norway")] == actors
