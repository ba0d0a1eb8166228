from __future__ import annotations

import pytest

from stance.data.language import is_foreign


@pytest.mark.parametrize(
    "text",
    [
        "Der Kanzler lobte das Bündnis, aber die Opposition will neue Raketen nicht.",
        "Le ministre a dit que la France ne veut pas de missiles dans le pays.",
        "La ministra dijo que el escudo es una amenaza para los vecinos.",
        "O ministro disse que não quer mísseis no país.",
        "Minister powiedział, że nie chce rakiet w kraju.",
        "Ministern sade att landet inte vill ha robotar.",
        "Министр осудил щит.",
        "部长谴责了这个计划。",
        "Την Τρίτη καταδίκασε την απόφαση.",
    ],
    ids=["german", "french", "spanish", "portuguese", "polish", "swedish", "russian", "chinese", "greek"],
)
def test_other_languages_are_told(text: str) -> None:
    assert is_foreign(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NATO",
        "1990/1995",
        "Moscow slams plan for radar near Plzeň",
        "Charles de Gaulle and Konrad Adenauer met at Colombey-les-Deux-Églises.",
        "The phrase “el pueblo unido” was heard in the street.",
        "Kanzler lehnt ab",
    ],
    ids=["empty", "name", "years", "headline", "names", "quotation", "short"],
)
def test_english_and_what_is_too_short_to_tell_are_not(text: str) -> None:
    assert not is_foreign(text)
