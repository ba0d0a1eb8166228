"""Whose stance a sentence is: one or more of the actors it names, picked by rules that can be read."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from stance.reading.actors import NOUNS, REACH, Phrase, Tokens, find_actors, find_names, forms, state_by_name, word_at

#: The name of whoever wrote the text.
AUTHOR = "author"

#: Why a holder was picked, by the rule's name.
RULES = {
    "label": "named before a colon",
    "according": "the sentence says 'according to' them, or 'in their view'",
    "attribution": "the sentence ends or is broken by their saying so",
    "subject": "the first actor that does something before a verb of position",
    "first person": "the sentence says 'I' or 'we'",
    "pronoun": "'he', 'she', 'it' or 'they' is whoever held the sentence before",
    "only": "no verb of position; the first actor that does something",
    "goes on": "nobody named; the report of the sentence before goes on",
    "author": "nobody named",
}

# How much a name tells of an article's own state: "American interceptors" little, a capital much. The states whose
# weapons every article is about tell half, as does a name behind a preposition or as an object; the headline counts
# three times. An article whose states all tell less than `_LEAST` names them in passing. Chosen on the even articles.
_HOME = {"state": 1.0, "capital": 2.0, "seat": 1.0, "office": 1.0, "demonym": 0.3}
_LEAST = 1.0
_EVERYWHERE = ("United States", "Russia")

# A verb is at most so many words behind its subject.
_VERB_REACH = 15

# Where "@" stands for an actor.
_ACCORDING = re.compile(
    r"(?:according to|in the (?:view|opinion|eyes) of) @"
    r"|(?<!\S)in @ ['\u2019]s (?:view|opinion|eyes|judgement|judgment)"
)

_JOINTS = frozenset([",", "and", "the"])
_OPEN, _CLOSE = "\u201c\u2018\u00ab", "\u201d\u2019\u00bb"
_CLOSING = frozenset(['"', *_CLOSE])


@dataclass(frozen=True)
class Holder:
    """Whoever holds a stance."""

    name: str  #: such as "Russia", "NATO", "deputy (Finland)", or the author's
    kind: str  #: "state", "organisation", "person" (a person, party or group of a state) or "author"
    country: str | None  #: the state, or a person's; None for others, and where it is not known
    rule: str = ""  #: key of `RULES`: why it was picked
    start: int = 0  #: the words that name it are [start, end) of the sentence; both 0 where it does not
    end: int = 0


def find_holders(
    sentences: Sequence[str], *, author: str = AUTHOR, country: str | None = None
) -> list[tuple[Holder, ...]]:
    """Say of each sentence of one article, the headline first, whose stance it is if it takes one: one or more holders.

    `author` is the name of whoever speaks where nobody is named. `country` is that of people named without one; by
    default the state the article names most, none if all are named in passing.
    """
    article = [find_names(sentence) for sentence in sentences]
    country = country or _home(article)
    argues = _argues([tokens.words for tokens in article])
    writer = Holder(author, "author", state_by_name(author))
    holders: list[tuple[Holder, ...]] = []
    reported: tuple[Holder, ...] = ()
    for tokens in article:
        rule, actors = _pick(tokens.words, find_actors(tokens, country), argues=argues, reported=bool(reported))
        spans = tokens.spans
        if actors:
            held = reported = tuple(
                Holder(a.name, a.kind, a.country, rule, spans[a.first][0], spans[a.last - 1][1]) for a in actors
            )
        elif rule in ("pronoun", "goes on"):
            held = tuple(replace(holder, rule=rule, start=0, end=0) for holder in reported)
        else:
            held = (replace(writer, rule=rule),)
            reported = () if rule == "first person" else reported
        holders.append(held)
    return holders


def _home(article: Sequence[Tokens]) -> str | None:
    """Return the state an article is most about, of which people named without one then are."""
    weights: defaultdict[str, float] = defaultdict(float)
    for i, tokens in enumerate(article):
        told: dict[str, float] = {}
        for name, after in zip_longest(tokens.names, tokens.names[1:]):
            if name.kind in _HOME:
                of_people = name.kind == "demonym" and after is not None and after.kind in NOUNS
                weight = 1.0 if of_people else _HOME[name.kind]
                weight *= 0.5 if name.name in _EVERYWHERE else 1.0
                weight *= 0.5 if _oblique(tokens.words, name) else 1.0
                told[name.name] = max(told.get(name.name, 0.0), weight)
        for state, weight in told.items():
            weights[state] += weight * (3 if i == 0 else 1)
    most = max(weights, key=lambda state: weights[state], default=None)
    return most if most is not None and weights[most] >= _LEAST else None


def _argues(article: Sequence[Sequence[str]]) -> bool:
    """Tell whether an article speaks in the first person, outside quotation marks."""
    return sum(map(_first_person, article)) >= max(2, 0.15 * len(article))


def _first_person(words: Sequence[str]) -> bool:
    quoted = False
    for word in words:
        if word == '"':
            quoted = not quoted
        elif word in _OPEN or word in _CLOSE:
            quoted = word in _OPEN
        elif word in forms("first person") and not quoted:
            return True
    return False


def _pick(words: Sequence[str], actors: Sequence[Phrase], *, argues: bool, reported: bool) -> tuple[str, list[Phrase]]:
    """Return the rule that decides and the actors it picks, none where they are not in the sentence.

    `argues` is whether the article speaks in the first person, `reported` whether an earlier sentence has a holder.
    """
    doing = [actor for actor in actors if not _oblique(words, actor)]
    colon = words.index(":") if ":" in words[:8] else -1
    if labelled := [actor for actor in actors if actor.last == colon]:
        return "label", labelled[:1]
    if according := [actor for actor in actors if _ACCORDING.search(_around(words, actor))]:
        return "according", according[:1]
    speaker = _speaker(words, doing)
    if speaker == "pronoun" and reported:
        return "pronoun", []
    if isinstance(speaker, Phrase):
        return "attribution", _joined(words, doing, doing.index(speaker))
    subject = _subject(words, doing, forms("speech verb", "position verb") if argues else forms("verb"))
    if _first_person(words):
        early = subject is not None and forms("first person").isdisjoint(words[: subject.first + 1])
        if not early or (argues and subject is not None and subject.kind != "person"):
            return "first person", []
    if words and words[0].lower() in forms("pronoun") and reported:
        return "pronoun", []
    if subject is not None:
        return "subject", _joined(words, doing, doing.index(subject))
    if doing and not argues:
        return "only", _joined(words, doing, 0)
    return ("goes on" if reported and not argues else "author"), []


def _oblique(words: Sequence[str], name: Phrase) -> bool:
    """Tell whether a preposition, or a verb whose object it is, stands before a name."""
    i = _before(words, name.first)
    if i > 1 and words[i] in ("of", "from"):  # "Anna Lind of the Swedish Greens" does what she does for them
        start = i - 1 if words[i - 1] == "," else i
        while start > 0 and words[start - 1][0].isupper():
            start -= 1
        i = _before(words, start) if start < i else i
    before = word_at(words, i).lower()
    return before in forms("preposition", "position verb") or before == "admitting"


def _before(words: Sequence[str], first: int) -> int:
    """Return the index of the last word before `first` that is no determiner, -1 if there is none."""
    i = first - 1
    while i >= 0 and words[i].lower() in forms("determiner"):
        i -= 1
    return i


def _around(words: Sequence[str], actor: Phrase) -> str:
    """Return the words before and after an actor in small letters, "@" in its place and without its determiner."""
    i = _before(words, actor.first)
    return " ".join([*words[max(0, i - 3) : i + 1], "@", *words[actor.last : actor.last + 2]]).lower()


def _speaker(words: Sequence[str], doing: Sequence[Phrase]) -> Phrase | str | None:
    """Find ", X said" or ", said X" behind a comma or a closing quotation mark: the actor, "pronoun", or None."""
    speech = forms("speech verb")
    statement = _CLOSING | forms("verb")
    stated = next((i for i, word in enumerate(words) if word in statement), len(words))
    starting: defaultdict[int, list[int]] = defaultdict(list)
    for k, actor in enumerate(doing):
        starting[actor.first].append(k)
    for i in range(len(words) - 1, 0, -1):
        if words[i] != "," and words[i] not in _CLOSING:
            continue
        if word_at(words, i + 1).lower() in forms("pronoun") and word_at(words, i + 2) in speech:
            return "pronoun"
        # What is said has a verb or quotation marks; a name and an aside have neither ("Hungary, by contrast, warned").
        inverted = word_at(words, i + 1) in speech and stated <= i
        for k in sorted(k for gap in range(REACH + 1) for k in starting.get(i + 1 + gap, ())):
            actor = doing[k]
            gap = actor.first - i - 1
            if inverted and gap > 0 and "that" not in words[i : actor.first]:
                return actor
            if gap < REACH and not speech.isdisjoint(words[actor.last : actor.last + 4]):
                return actor
    return None


def _subject(words: Sequence[str], doing: Sequence[Phrase], verb: frozenset[str]) -> Phrase | None:
    """Return the first actor with a verb behind it, before an actor that is not joined to it."""
    k = 0
    while k < len(doing):
        group = _joined(words, doing, k)
        subject, behind = doing[k], group[-1].last
        k += len(group)  # what is true of the first of a group is true of the rest
        end = min(doing[k].first if k < len(doing) else len(words), behind + _VERB_REACH)
        aside = words[behind + 1 : behind + _VERB_REACH] if word_at(words, behind) == "," else []
        after_aside = behind + 2 + aside.index(",") if "," in aside else len(words)
        if not verb.isdisjoint(words[behind:end]) or word_at(words, after_aside) in verb:
            return subject
    return None


def _joined(words: Sequence[str], doing: Sequence[Phrase], first: int) -> list[Phrase]:
    """Return the actor and those joined to it: "China and Russia", "Warsaw, Prague and Budapest"."""
    end = first + 1
    while end < len(doing) and _JOINTS.issuperset(words[doing[end - 1].last : doing[end].first]):
        end += 1
    return list(doing[first:end])
