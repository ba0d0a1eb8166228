"""Actors named in a sentence: states, organisations and people, each by one name.

Names of states come from ISO 3166 (pycountry); `actors.csv` adds demonyms, capitals, seats, offices, organisations,
roles, and names that only look like actors. States that others succeeded go by the successor's name (the Soviet Union
by Russia's), so that one name spans the years. `words.csv` has the verbs and function words that the rules go by.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import zip_longest
from typing import NamedTuple

#: Actor and year in a document's name: ``RUS_63_2008.txt``.
PATTERN = r"^(?P<actor>[A-Z]{2,3})_\d+_(?P<year>\d{4})$"

#: At most so many words stand between an adjective and its noun ("Russian deputy foreign minister") or a noun and its
#: state ("parliament of Georgia").
REACH = 4

#: Kinds of names for people and bodies of a state, such as "deputy" and "foreign ministry", and of its own names.
NOUNS = ("role", "state noun")
STATES = ("state", "capital", "seat", "office", "demonym")

_TOKEN = re.compile(r"(?:[A-Z]\.){2,}|\w+(?:-\w+)*|['\u2019]s\b|[^\w\s]")
_LONGEST_NAME = 6

# A phrase is sought only within others that are at most so many away: a list of a thousand states stays cheap.
_NEAR = 10


@dataclass(frozen=True)
class Phrase:
    """Words [first, last) of a sentence that name an actor."""

    first: int
    last: int
    name: str
    kind: str  #: that of `actors.csv` of a name, that of `stance.reading.holders.Holder` of an actor
    country: str | None = None  #: of an actor


@dataclass(frozen=True)
class Tokens:
    """A sentence's words and punctuation marks, the (start, end) of each, and the names among them."""

    words: list[str]
    spans: list[tuple[int, int]]
    names: list[Phrase]


class _Entry(NamedTuple):
    actor: str
    kind: str
    unless: re.Pattern[str] | None = None


@cache
def _gazetteer() -> tuple[dict[str, _Entry], dict[str, str]]:
    """Return entries by their names, words joined by spaces, and states by their three-letter codes."""
    import pycountry

    entries: dict[str, _Entry] = {}
    rows = _table("actors.csv")
    codes = {row["name"]: row["actor"] for row in rows if row["kind"] == "code"}
    for country in pycountry.countries:
        common = getattr(country, "common_name", country.name)
        state = codes.setdefault(country.alpha_3, common)
        for name in {common, country.name, getattr(country, "official_name", common), state}:
            entries[_key(name)] = _Entry(state, "state")
    for row in rows:
        if row["kind"] != "code":
            unless = re.compile(row["unless"]) if row["unless"] else None
            entries[_key(row["name"])] = _Entry(row["actor"], row["kind"], unless)
    return entries, codes


@cache
def forms(*kinds: str) -> frozenset[str]:
    """Return every form of the words of these kinds in `words.csv`; ``verb`` is a verb of any kind."""
    rows = [row for row in _table("words.csv") if row["kind"].endswith(kinds)]
    return frozenset(form for row in rows for form in row["forms"].split())


def _table(name: str) -> list[dict[str, str]]:
    with files("stance.reading").joinpath(name).open(encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def _key(name: str) -> str:
    return " ".join(_TOKEN.findall(name))


def state_of(code: str) -> str | None:
    """Return the state of a three-letter code (ISO 3166, and those of states that are no more), or None.

    >>> state_of("RUS"), state_of("DDR"), state_of("XXX")
    ('Russia', 'East Germany', None)
    """
    return _gazetteer()[1].get(code.upper())


def actor_of(name: str) -> str:
    """Return the one name that an actor goes by here, or the name itself where it is not known.

    >>> actor_of("the Kremlin"), actor_of("West Germany"), actor_of("deputy (West Germany)"), actor_of("Komeito")
    ('Russia', 'Germany', 'deputy (Germany)', 'Komeito')
    """
    if match := re.fullmatch(r"(.+) \((.+)\)", name):
        return f"{match[1]} ({actor_of(match[2])})"
    entry = _gazetteer()[0].get(_key(name))
    return entry.actor if entry and entry.actor else name


def state_by_name(name: str) -> str | None:
    """Return the state of that name, demonym, capital, seat or office, or None."""
    entry = _gazetteer()[0].get(_key(name))
    return entry.actor if entry and entry.kind in STATES else None


def find_names(sentence: str) -> Tokens:
    """Split a sentence into words and look names up in it: the longest first, ambiguous ones by their context."""
    matches = list(_TOKEN.finditer(sentence))
    words = [match[0] for match in matches]
    stands = cache(lambda pattern: pattern.search(sentence) is not None)  # a name may come a thousand times
    names, first = [], 0
    while first < len(words):
        for last in range(min(first + _LONGEST_NAME, len(words)), first, -1):
            entry = _look_up(" ".join(words[first:last]))
            if entry and not (entry.unless and stands(entry.unless)):
                names.append(Phrase(first, last, entry.actor, entry.kind))
                first = last
                break
        else:
            first += 1
    return Tokens(words, [match.span() for match in matches], [name for name in names if name.kind != "none"])


def _look_up(key: str) -> _Entry | None:
    entries = _gazetteer()[0]
    lower = entries.get(key.lower())
    noun = lower if lower and lower.kind in NOUNS else None
    return entries.get(key) or entries.get(key[0].lower() + key[1:]) or noun


def find_actors(tokens: Tokens, country: str | None = None) -> list[Phrase]:
    """Return the actors of a sentence; people named without a country are of `country`."""
    words = tokens.words
    actors: list[Phrase] = []
    adjectives: list[Phrase] = []
    location: str | None = None
    for name, after in zip_longest(tokens.names, tokens.names[1:]):
        if name.kind in NOUNS:
            near = [adjective for adjective in adjectives if name.first - adjective.last <= REACH]
            states: list[str | None] = [adjective.name for adjective in near]
            first, last = near[0].first if near else name.first, name.last
            if not near and after is not None and _belongs(words, name, after):
                states, last = [after.name], last if after.kind == "demonym" else after.last
            states = list(dict.fromkeys(states or [location or country]))
            actors += [Phrase(first, last, *_member(words, name, state), state) for state in states]
            adjectives = []
        elif name.kind == "organisation":
            actors.append(name)
        elif name.kind == "demonym" and not _stands_alone(words, name):
            adjectives.append(name)
        elif name.kind == "capital" and word_at(words, name.first - 1).lower() in ("in", "at"):
            location = name.name
        else:
            if word_at(words, name.last) in ("'s", "\u2019s"):
                adjectives.append(name)
            actors.append(Phrase(name.first, name.last, name.name, "state", name.name))
    # "Russia's foreign ministry" is one actor, not two.
    near_ones = ((actor, actors[max(0, i - _NEAR) : i + _NEAR + 1]) for i, actor in enumerate(actors))
    return [actor for actor, others in near_ones if not any(_is_within(actor, other) for other in others)]


def word_at(words: Sequence[str], i: int) -> str:
    """Return the word at an index, an empty string where there is none."""
    return words[i] if 0 <= i < len(words) else ""


def _member(words: Sequence[str], noun: Phrase, state: str | None) -> tuple[str, str]:
    """Return name and kind of whom a role or a state noun means."""
    if noun.kind == "state noun" and state:
        return state, "state"
    role = " ".join(words[noun.first : noun.last])
    role = role.lower() if role.lower() in _gazetteer()[0] else role  # "Analysts" in small letters, not "Greens"
    return f"{role} ({state})" if state else role, "person"


def _belongs(words: Sequence[str], noun: Phrase, after: Phrase) -> bool:
    """Tell whether "of", "from" or "in" ties a noun to the state that follows it."""
    between = words[noun.last : after.first]
    tied = len(between) <= REACH and not {"of", "from", "in"}.isdisjoint(between)
    return tied and after.kind in STATES and after.kind != "office"


def _stands_alone(words: Sequence[str], demonym: Phrase) -> bool:
    """Tell whether a demonym is a noun: "Russians", or "the Chinese" with a verb behind it."""
    word = words[demonym.last - 1]
    acts = word_at(words, demonym.first - 1).lower() == "the" and word_at(words, demonym.last) in forms("verb")
    return acts or (word.endswith("s") and word != "Swiss")


def _is_within(actor: Phrase, other: Phrase) -> bool:
    inside = other.first <= actor.first and actor.last <= other.last
    return inside and (other.first, other.last) != (actor.first, actor.last)
