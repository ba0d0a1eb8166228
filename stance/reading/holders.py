"""Whose stance a sentence is: actors found by name, and one of them picked by rules that can be read.

Names of states come from ISO 3166 (pycountry); `actors.csv` adds demonyms, capitals, seats, offices, organisations,
roles, and names that only look like actors. States that others succeeded go by the successor's name (the Soviet Union
by Russia's), so that one name spans the years.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from itertools import islice

#: Actor and year in a document's name: ``RUS_63_2008.txt``.
PATTERN = r"^(?P<actor>[A-Z]{2,3})_\d+_(?P<year>\d{4})$"

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

_TOKEN = re.compile(r"(?:[A-Z]\.){2,}|\w+(?:-\w+)*|['\u2019]s\b|[^\w\s]")
_LONGEST = 6

# How far an adjective stands from its noun ("Russian deputy foreign minister"), and a noun from its "of Georgia".
_REACH = 4

# Two actors of one phrase are at most so many actors apart; a list of a thousand states stays cheap.
_NEAR = 10

# How much a name tells of an article's own state: "American interceptors" little, a capital much. The states whose
# weapons every article is about tell half, as does a name behind a preposition or as an object; the headline counts
# three times. An article whose states all tell less than `_FEWEST` names them in passing. Chosen on the even articles.
_HOME = {"state": 1.0, "capital": 2.0, "seat": 1.0, "office": 1.0, "demonym": 0.3}
_FEWEST = 1.0
_EVERYWHERE = ("United States", "Russia")

_SPEECH = (
    "said|says|say|told|tells|tell|argue[sd]?|warn(?:s|ed)?|declare[sd]?|announce[sd]?|insist(?:s|ed)?|add(?:s|ed)|"
    "repl(?:ies|ied)|answer(?:s|ed)|call(?:s|ed)?|claim(?:s|ed)?|complain(?:s|ed)?|conclude[sd]?|contend(?:s|ed)?|"
    "assert(?:s|ed)?|assure[sd]?|state[sd]|stress(?:es|ed)?|note[sd]|remark(?:s|ed)?|observe[sd]?|recall(?:s|ed)?|"
    "explain(?:s|ed)?|report(?:s|ed)|wr(?:ites?|ote|itten)|maintain(?:s|ed)?|promise[sd]?|pledge[sd]?|admit(?:s|ted)?|"
    "acknowledge[sd]?|concede[sd]?|suggest(?:s|ed)?|propose[sd]?|predict(?:s|ed)?|protest(?:s|ed)?|object(?:s|ed)?|"
    "emphasi[sz]e[sd]?|reiterate[sd]?|reaffirm(?:s|ed)?|recommend(?:s|ed)?|demand(?:s|ed)?|ask(?:s|ed)?|"
    "urge[sd]?|appeal(?:s|ed)?|describe[sd]?|denounce[sd]?|confirm(?:s|ed)?|quipped|joked|held|holds?|"
    "grumble[sd]?|dissent(?:s|ed)?|confide[sd]?|thank(?:s|ed)?|mention(?:s|ed)|vow(?:s|ed)?|"
    "counter(?:s|ed)|rul(?:es|ed) out|wonder(?:s|ed)?|affirm(?:s|ed)?|testif(?:ies|ied)|caution(?:s|ed)?"
)
_POSITION = (
    "condemn(?:s|ed|ing)?|criticis(?:es?|ed|ing)|criticiz(?:es?|ed|ing)|oppos(?:es?|ed|ing)|support(?:s|ed|ing)?|"
    "back(?:s|ed|ing)?|welcom(?:es?|ed|ing)|reject(?:s|ed|ing)?|refus(?:es?|ed|ing)|endors(?:es?|ed|ing)|"
    "favou?r(?:s|ed|ing)?|prais(?:es?|ed|ing)|hail(?:s|ed)?|applaud(?:s|ed)?|deplor(?:es?|ed)|regret(?:s|ted)?|"
    "attack(?:s|ed)|dismiss(?:es|ed)?|approv(?:es?|ed)|ratif(?:ies|ied|y)|vot(?:es?|ed|ing)|agree[sd]?|disagree[sd]?|"
    "want(?:s|ed)?|wish(?:es|ed)?|hop(?:es?|ed)|seek(?:s|ing)?|sought|aspir(?:es?|ed)|prefer(?:s|red)?|"
    "believ(?:es?|ed)|think(?:s|ing)?|thought|consider(?:s|ed)?|regard(?:s|ed)?|see[sn]?|saw|view(?:s|ed)|fear(?:s|ed)?|"
    "doubt(?:s|ed)?|find(?:s)?|found|expect(?:s|ed)?|need(?:s|ed)?|"
    "block(?:s|ed)?|veto(?:es|ed)?|deploy(?:s|ed)?|test(?:s|ed)?|launch(?:es|ed)?|sign(?:s|ed)?|invit(?:es?|ed)|"
    "join(?:s|ed)?|appl(?:ies|ied|y)|offer(?:s|ed)?|decid(?:es?|ed)|plan(?:s|ned)?|intend(?:s|ed)?|press(?:es|ed)|"
    "threaten(?:s|ed)?|tabled|submit(?:s|ted)|attach(?:es|ed)|shar(?:es?|ed)|voic(?:es?|ed)|express(?:es|ed)?|"
    "greet(?:s|ed)?|mock(?:s|ed)|defend(?:s|ed)?|champion(?:s|ed)?|push(?:es|ed)?|reckon(?:s|ed)?"
)
_WEAK = "would|must|should|will|cannot|could|may|might|is|are|was|were|has|have|had|does|do|did"
_SPEECH_VERB = re.compile(f"(?:{_SPEECH})$")
_STRONG_VERB = re.compile(f"(?:{_SPEECH}|{_POSITION})$")
_VERB = re.compile(f"(?:{_SPEECH}|{_POSITION}|{_WEAK})$")
_OBLIQUE = re.compile(
    "(?:in|at|to|from|near|over|around|for|with|against|by|of|between|into|towards?|on|about|like|than|under|off|"
    "through|across|behind|beside|outside|inside|within|without|after|before|onto|upon)$"
)
_ARTICLES = ("the", "a", "an", "its", "their", "his", "her", "former", "retired", "some", "many", "most")
_OBJECT = re.compile(f"(?:{_POSITION}|admitting)$")
_FIRST = re.compile("(?:I|[Mm]e|[Mm]y|[Mm]ine|[Ww]e|[Uu]s|[Oo]urs?)$")
_PRONOUN = re.compile("(?:he|she|they|it)$", re.IGNORECASE)
_POSSESSIVE = ("'s", "\u2019s")
_OPEN, _CLOSE = "\u201c\u2018\u00ab", "\u201d\u2019\u00bb"


@dataclass(frozen=True)
class Holder:
    """Whoever holds a stance.

    Attributes
    ----------
    name
        ``Russia``, ``NATO``, ``deputy (Finland)`` or the author.
    kind
        ``state``, ``organisation``, ``person`` (a person, party or group of a state) or ``author``.
    country
        The state, or a person's; None for others, and where it is not known.
    rule
        Key of `RULES`: why it was picked.
    start, end
        The words that name it, as offsets in the sentence; both 0 where the sentence does not.
    """

    name: str
    kind: str
    country: str | None
    rule: str = ""
    start: int = 0
    end: int = 0


@dataclass(frozen=True)
class _Name:
    actor: str
    kind: str
    unless: re.Pattern[str] | None = None


@dataclass(frozen=True)
class _Mention:
    """A name in a sentence, by its tokens [first, last)."""

    first: int
    last: int
    name: _Name


@dataclass(frozen=True)
class _Actor:
    """A phrase that names an actor, by its tokens [first, last)."""

    first: int
    last: int
    holder: Holder


@cache
def _gazetteer() -> tuple[dict[str, _Name], dict[str, str]]:
    """Return names by their tokens, and states by their three-letter code."""
    import pycountry

    names: dict[str, _Name] = {}
    table = files("stance.reading").joinpath("actors.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(table.splitlines()))
    codes = {row["name"]: row["actor"] for row in rows if row["kind"] == "code"}
    for country in pycountry.countries:
        common = getattr(country, "common_name", country.name)
        state = codes.setdefault(country.alpha_3, common)
        for name in {common, country.name, getattr(country, "official_name", common), state}:
            names[_key(_tokens(name))] = _Name(state, "state")
    for row in rows:
        if row["kind"] != "code":
            unless = re.compile(row["unless"]) if row["unless"] else None
            names[_key(_tokens(row["name"]))] = _Name(row["actor"], row["kind"], unless)
    return names, codes


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
    found = _gazetteer()[0].get(_key(_tokens(name)))
    return found.actor if found and found.actor else name


def find_holders(
    sentences: Sequence[str], *, author: str = AUTHOR, country: str | None = None
) -> list[tuple[Holder, ...]]:
    """Say of each sentence of one article whose stance it is, if it takes one.

    Parameters
    ----------
    sentences
        In order, the headline first if there is one.
    author
        The name of whoever speaks where nobody is named.
    country
        Of people named without one; by default the state the article names most, none if all are named in passing.

    Returns
    -------
    One or more holders a sentence; its `rule` says why.
    """
    read = [_read(sentence) for sentence in sentences]
    country = country or _home(read)
    own = _speaks_for_itself([tokens for tokens, _ in read])
    writer = Holder(author, "author", state_by_name(author))
    result: list[tuple[Holder, ...]] = []
    before: tuple[Holder, ...] = ()
    for tokens, mentions in read:
        actors = _actors(tokens, mentions, country)
        rule, found = _pick(tokens, actors, own=own, reported=bool(before))
        if rule in ("pronoun", "goes on"):
            holders = tuple(replace(holder, rule=rule, start=0, end=0) for holder in before) or (
                replace(writer, rule="author"),
            )
        elif found:
            holders = tuple(
                replace(a.holder, rule=rule, start=tokens[a.first].start(), end=tokens[a.last - 1].end()) for a in found
            )
        else:
            holders = (replace(writer, rule=rule),)
        before = holders if holders[0].kind != "author" else () if rule == "first person" else before
        result.append(holders)
    return result


def state_by_name(name: str) -> str | None:
    """Return the state of that name, demonym or capital, or None."""
    found = _gazetteer()[0].get(_key(_tokens(name)))
    return found.actor if found and found.kind not in ("organisation", "role", "state noun", "none") else None


def _tokens(text: str) -> list[re.Match[str]]:
    return list(_TOKEN.finditer(text))


def _key(tokens: Sequence[re.Match[str]]) -> str:
    return " ".join(token[0] for token in tokens)


def _read(sentence: str) -> tuple[list[re.Match[str]], list[_Mention]]:
    """Return a sentence's tokens and the names in it: the longest at each place, ambiguous ones by their context."""
    names = _gazetteer()[0]
    tokens = _tokens(sentence)
    mentions, i = [], 0
    while i < len(tokens):
        for n in range(min(_LONGEST, len(tokens) - i), 0, -1):
            key = _key(tokens[i : i + n])
            found = names.get(key) or names.get(key[0].lower() + key[1:])
            if found is None and (lowered := names.get(key.lower())) and lowered.kind in ("role", "state noun"):
                found = lowered
            if found and not (found.unless and found.unless.search(sentence)):
                mentions.append(_Mention(i, i + n, found))
                i += n
                break
        else:
            i += 1
    return tokens, [mention for mention in mentions if mention.name.kind != "none"]


def _home(read: Sequence[tuple[list[re.Match[str]], list[_Mention]]]) -> str | None:
    """Return the state an article is most about, of which people named without one then are."""
    weights: defaultdict[str, float] = defaultdict(float)
    for i, (tokens, mentions) in enumerate(read):
        words = [token[0] for token in tokens]
        found: dict[str, float] = {}
        for k, mention in enumerate(mentions):
            kind, name = mention.name.kind, mention.name.actor
            if kind not in _HOME:
                continue
            after = mentions[k + 1] if k + 1 < len(mentions) else None
            of_people = after is not None and after.name.kind in ("role", "state noun")
            weight = 1.0 if of_people and kind == "demonym" else _HOME[kind]
            weight *= (0.5 if name in _EVERYWHERE else 1.0) * (0.5 if _oblique(words, mention) else 1.0)
            found[name] = max(found.get(name, 0.0), weight)
        for name, weight in found.items():
            weights[name] += weight * (3 if i == 0 else 1)
    first = max(weights, key=lambda name: weights[name], default=None)
    return first if first is not None and weights[first] >= _FEWEST else None


def _speaks_for_itself(article: Sequence[Sequence[re.Match[str]]]) -> bool:
    """Tell whether an article argues in the first person, outside quotation marks."""
    own = sum(bool(_first_person(tokens)) for tokens in article)
    return own >= max(2, 0.15 * len(article))


def _first_person(tokens: Sequence[re.Match[str]]) -> bool:
    quoted = False
    for token in tokens:
        if token[0] == '"':
            quoted = not quoted
        elif token[0] in _OPEN:
            quoted = True
        elif token[0] in _CLOSE:
            quoted = False
        elif _FIRST.match(token[0]) and not quoted:
            return True
    return False


def _actors(tokens: Sequence[re.Match[str]], mentions: Sequence[_Mention], country: str | None) -> list[_Actor]:
    """Return the phrases that name actors; adjectives and places give their nouns a country."""
    actors: list[_Actor] = []
    adjectives: list[_Mention] = []
    place: str | None = None
    for i, mention in enumerate(mentions):
        kind, name = mention.name.kind, mention.name.actor
        if kind in ("role", "state noun"):
            near = [a for a in adjectives if mention.first - a.last <= _REACH]
            after = mentions[i + 1] if i + 1 < len(mentions) else None
            homes: list[str | None] = [a.name.actor for a in near]
            first, last = near[0].first if near else mention.first, mention.last
            if not homes and after is not None and _belongs(tokens, mention, after):
                homes = [after.name.actor]
                last = last if after.name.kind == "demonym" else after.last
            actors += [
                _Actor(first, last, _noun(tokens, mention, home)) for home in dict.fromkeys(homes or [place or country])
            ]
            adjectives = []
        elif kind == "demonym" and not _stands_alone(tokens, mention):
            adjectives.append(mention)
        elif kind == "organisation":
            actors.append(_Actor(mention.first, mention.last, Holder(name, "organisation", None)))
        elif kind == "capital" and _word(tokens, mention.first - 1).lower() in ("in", "at"):
            place = name
        elif _word(tokens, mention.last) in _POSSESSIVE:
            adjectives.append(mention)
            actors.append(_Actor(mention.first, mention.last, Holder(name, "state", name)))
        else:
            actors.append(_Actor(mention.first, mention.last, Holder(name, "state", name)))
    kept = []
    for i, actor in enumerate(actors):  # "Russia's foreign ministry" is one actor, not two
        around = actors[max(0, i - _NEAR) : i + _NEAR + 1]
        inside = any(o is not actor and o.first <= actor.first and actor.last <= o.last
                     and o.last - o.first > actor.last - actor.first for o in around)  # fmt: skip
        if not inside:
            kept.append(actor)
    return kept


def _noun(tokens: Sequence[re.Match[str]], mention: _Mention, home: str | None) -> Holder:
    if mention.name.kind == "state noun" and home is not None:
        return Holder(home, "state", home)
    what = _key(tokens[mention.first : mention.last])
    what = what.lower() if what.lower() in _gazetteer()[0] else what  # "Analysts" in small letters, not "Greens"
    return Holder(f"{what} ({home})" if home else what, "person", home)


def _belongs(tokens: Sequence[re.Match[str]], noun: _Mention, after: _Mention) -> bool:
    """Tell whether "of", "from" or "in" ties a noun to the state that follows it."""
    between = [token[0] for token in tokens[noun.last : after.first]]
    states = ("state", "capital", "seat", "demonym")
    return len(between) <= _REACH and bool({"of", "from", "in"} & set(between)) and after.name.kind in states


def _stands_alone(tokens: Sequence[re.Match[str]], mention: _Mention) -> bool:
    """Tell whether a demonym is a noun: "Russians", or "the Chinese" with a verb behind it."""
    word, after = tokens[mention.last - 1][0], _word(tokens, mention.last)
    if word.endswith("s") and word not in ("Swiss",):
        return True
    return _word(tokens, mention.first - 1).lower() == "the" and bool(_VERB.match(after))


def _word(tokens: Sequence[re.Match[str]], i: int) -> str:
    return tokens[i][0] if 0 <= i < len(tokens) else ""


def _pick(
    tokens: Sequence[re.Match[str]], actors: Sequence[_Actor], *, own: bool, reported: bool
) -> tuple[str, list[_Actor]]:
    """Return the rule that decides and the actors it picks, none where they are not in the sentence."""
    words = [token[0] for token in tokens]
    doing = [actor for actor in actors if not _oblique(words, actor)]
    if found := _labelled(words, actors):
        return "label", found
    if found := _according(words, actors):
        return "according", found
    ends = _attribution(words, doing)
    if ends == "pronoun" and reported:
        return "pronoun", []
    if isinstance(ends, _Actor):
        return "attribution", _joined(words, doing, doing.index(ends))
    subject = _subject(words, doing, _STRONG_VERB if own else _VERB)
    if _first_person(tokens):
        early = subject is not None and subject.first < next(i for i, word in enumerate(words) if _FIRST.match(word))
        if not early or (own and subject is not None and subject.holder.kind != "person"):
            return "first person", []
    if _PRONOUN.match(_at(words, 0)) and reported:
        return "pronoun", []
    if subject is not None:
        return "subject", _joined(words, doing, doing.index(subject))
    if doing and not own:
        return "only", _joined(words, doing, 0)
    if reported and not own:
        return "goes on", []
    return "author", []


def _oblique(words: Sequence[str], actor: _Actor | _Mention) -> bool:
    """Tell whether a preposition, or a verb whose object it is, stands before an actor."""
    i = _before(words, actor.first)
    start = i
    if words[i] in ("of", "from") and words[i - 1] == ",":
        start -= 1
    while words[i] in ("of", "from") and start > 0 and words[start - 1][0].isupper():
        start -= 1
    if start < i and i > 1:  # "Anna Lind of the Swedish Greens" does what she does for them
        i = _before(words, start)
    return i >= 0 and bool(_OBLIQUE.match(words[i].lower()) or _OBJECT.match(words[i].lower()))


def _before(words: Sequence[str], first: int) -> int:
    """Return the place of the word before a phrase's articles and the like, -1 if there is none."""
    i = first - 1
    while i >= 0 and words[i].lower() in _ARTICLES:
        i -= 1
    return i


def _labelled(words: Sequence[str], actors: Sequence[_Actor]) -> list[_Actor]:
    if ":" not in words[:8]:
        return []
    return [actor for actor in actors if actor.last == words.index(":")][:1]


def _according(words: Sequence[str], actors: Sequence[_Actor]) -> list[_Actor]:
    for actor in actors:
        i = _before(words, actor.first)
        before = " ".join(words[max(0, i - 3) : i + 1]).lower()
        after = " ".join(words[actor.last : actor.last + 2]).lower()
        if before.endswith(("according to", "in the view of", "in the opinion of", "in the eyes of")):
            return [actor]
        if before.split()[-1:] == ["in"] and re.match(r"['\u2019]s (view|opinion|eyes|judgement|judgment)", after):
            return [actor]
    return []


def _attribution(words: Sequence[str], doing: Sequence[_Actor]) -> _Actor | str | None:
    """Find ", X said" or ", said X" behind a comma or a closing quotation mark: the actor, "pronoun", or None."""
    for i in range(len(words) - 1, 0, -1):
        if words[i] != "," and words[i] not in ('"', *_CLOSE):
            continue
        if _PRONOUN.match(_at(words, i + 1)) and _SPEECH_VERB.match(_at(words, i + 2)):
            return "pronoun"
        # What is said has a verb or quotation marks; a name and an aside have neither ("Hungary, by contrast, warned").
        inverted = _SPEECH_VERB.match(_at(words, i + 1)) and any(
            word in ('"', *_CLOSE) or _VERB.match(word) for word in words[: i + 1]
        )
        for actor in doing:
            gap = actor.first - i - 1
            if inverted and 0 < gap <= _REACH and "that" not in words[i : actor.first]:
                return actor
            if 0 <= gap <= _REACH - 1 and any(_SPEECH_VERB.match(word) for word in words[actor.last : actor.last + 4]):
                return actor
    return None


def _at(words: Sequence[str], i: int) -> str:
    return words[i] if i < len(words) else ""


def _subject(words: Sequence[str], doing: Sequence[_Actor], verb: re.Pattern[str]) -> _Actor | None:
    """Return the first actor with a verb behind it, before an actor that is not joined to it."""
    k = 0
    while k < len(doing):
        group = _joined(words, doing, k)
        next_ = k + len(group)
        end = doing[next_].first if next_ < len(doing) else len(words)
        behind = group[-1].last
        aside = words[behind + 1 : behind + 15] if _at(words, behind) == "," else []
        back = behind + 2 + aside.index(",") if "," in aside else len(words)
        if any(verb.match(word) for word in words[behind : min(end, behind + 15)]) or verb.match(_at(words, back)):
            return doing[k]
        k = next_  # what is true of the first of a group is true of the rest
    return None


def _joined(words: Sequence[str], doing: Sequence[_Actor], first: int) -> list[_Actor]:
    """Return the actor and those joined to it: "China and Russia", "Warsaw, Prague and Budapest"."""
    found = [doing[first]]
    for actor in islice(doing, first + 1, None):
        if not {*words[found[-1].last : actor.first]} <= {",", "and", "the"}:
            break
        found.append(actor)
    return found


def first_actor(sentence: str) -> Holder | None:
    """Return the first actor a sentence names, whatever it does there."""
    actors = _actors(*_read(sentence), None)
    return actors[0].holder if actors else None


def is_organisation(name: str) -> bool:
    """Tell whether the table has the name as an organisation's."""
    return name in {found.actor for found in _gazetteer()[0].values() if found.kind == "organisation"}
