"""The one generator of features with their words, which training, scoring and explaining share.

A feature is a string: the key of its frame in `OWN` or `ANCHORED`, then a blank and the words in it. *Own* features are
a text's words and pairs of words as they stand. *Anchored* ones are seen from the mention of a target, which becomes
one word, TARGET: what comes before and after it, how near, in the same clause or not. They are the same for every
target.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from stance.text.mentions import Span, find_mentions
from stance.text.tokens import MARK, STOP_WORDS, Token, tokenize

#: Letters of a word that are kept in a pair, and how many words apart the two may be.
STEM, APART = 5, 8
#: How many words from a mention are near.
NEAR = 3

#: Frames of own features, as people read them.
OWN = {"w": "{0}", "ww": "{0} {1}", "p": "{0} … {1}"}

#: Frames of anchored features. Those of one word: anywhere; on a side; within three words; in the same clause, in
#: another.
ANCHORED = {
    "*": "{0}, TARGET",
    "<": "{0} … TARGET", "<3": "{0} … TARGET", "<=": "{0} … TARGET", "<~": "{0} … TARGET",
    ">": "TARGET … {0}", ">3": "TARGET … {0}", ">=": "TARGET … {0}", ">~": "TARGET … {0}",
    "<<": "{0} … {1} … TARGET", "<>": "{0} … TARGET … {1}", ">>": "TARGET … {0} … {1}",
    "><": "TARGET … {0} … {1} … TARGET",
    "#": "{0}",
}  # fmt: skip
FRAMES = OWN | ANCHORED

TARGET, OTHER = "TARGET", "OTHER"
#: What the frame "#" says of a text: that it does not name the target, or how often, or that it names another one too.
UNNAMED, ALSO_OTHER = "unnamed", "OTHER"
NOT_NAMED = f"# {UNNAMED}"
_MOST_MENTIONS = 3

#: A feature and the tokens it is made of.
Feature = tuple[str, tuple[int, ...]]


class Item(NamedTuple):
    """A token as seen from a target: a word or a whole mention, its clause, and the tokens it stands for."""

    word: str
    clause: int
    tokens: tuple[int, ...]


def readable(feature: str) -> str:
    """Return a feature as people read it; a stem ends with `-`.

    >>> readable("<> oppos plan")
    'oppos- … TARGET … plan'
    """
    frame, *words = feature.split(" ")
    if len(words) == 2 and frame != "ww":
        words = [f"{word}-" if len(_stem(word + "-")) == len(word) else word for word in words]
    return FRAMES[frame].format(*words)


def own_features(tokens: Sequence[Token]) -> Iterator[Feature]:
    """Yield the words of a text, its pairs of neighbours, and its pairs of stems in either order."""
    items = [Item(token.word, token.clause, (i,)) for i, token in enumerate(tokens)]
    for i, item in enumerate(items):
        yield f"w {item.word}", item.tokens
        if i:
            yield f"ww {items[i - 1].word} {item.word}", (i - 1, i)
    for i, j in _pairs(items):
        first, second = sorted((_stem(items[i].word), _stem(items[j].word)))
        yield f"p {first} {second}", (i, j)


def anchored_features(tokens: Sequence[Token], mentions: Sequence[Span], others: Sequence[Span]) -> Iterator[Feature]:
    """Yield what is seen from a target that the text mentions so; `others` are the mentions of other targets."""
    if not mentions:
        yield NOT_NAMED, ()
        return
    items = _items(tokens, mentions, others)
    at = [i for i, item in enumerate(items) if item.word.removeprefix(MARK) == TARGET]
    yield f"# {min(len(at), _MOST_MENTIONS)}", ()
    if any(item.word.removeprefix(MARK) == OTHER for item in items):
        yield f"# {ALSO_OTHER}", ()
    # Of each item, how many mentions start up to it, and how far it is after the nearest, of equals the one before it.
    ranks = [bisect(at, i) for i in range(len(items))]
    after = [min((i - k for k in at[max(rank - 1, 0) : rank + 1]), key=abs) for i, rank in enumerate(ranks)]
    for item, i, distance in zip(items, range(len(items)), after, strict=True):
        if distance:
            side = "<" if distance < 0 else ">"
            same = item.clause == items[i - distance].clause
            near = [side + "3"] if abs(distance) <= NEAR else []
            for frame in ("*", side, side + ("=" if same else "~"), *near):
                yield f"{frame} {item.word}", item.tokens
        elif item.word.startswith(MARK):
            yield f"* {item.word}", item.tokens
    for i, j in _pairs(items):
        if after[i] and after[j]:
            frame = "<>" if ranks[i] < ranks[j] else (">" if after[i] > 0 else "<") + ("<" if after[j] < 0 else ">")
            yield f"{frame} {_stem(items[i].word)} {_stem(items[j].word)}", items[i].tokens + items[j].tokens


def features(text: str, targets: Sequence[Sequence[str]]) -> tuple[list[Token], list[Feature], list[list[Feature]]]:
    """Return the tokens of a text, its own features, and those anchored in each target, given by its terms."""
    tokens = tokenize(text)
    mentions = [find_mentions(tokens, terms) for terms in targets]
    anchored = []
    for k, spans in enumerate(mentions):
        others = [span for other in mentions[:k] + mentions[k + 1 :] for span in other]
        anchored.append(list(anchored_features(tokens, spans, others)))
    return tokens, list(own_features(tokens)), anchored


def _items(tokens: Sequence[Token], mentions: Sequence[Span], others: Sequence[Span]) -> list[Item]:
    """Return the tokens with each mention as one item, neighbouring ones of a kind joined."""
    names: list[str] = [""] * len(tokens)
    for start, end in others:
        names[start:end] = [OTHER] * (end - start)
    for start, end in mentions:
        names[start:end] = [TARGET] * (end - start)
    items = []
    for name, group in groupby(range(len(tokens)), key=lambda i: names[i] or i):
        first, *more = group
        token = tokens[first]
        word = token.word if isinstance(name, int) else (MARK if token.word.startswith(MARK) else "") + name
        items.append(Item(word, token.clause, (first, *more)))
    return items


def _pairs(items: Sequence[Item]) -> Iterator[tuple[int, int]]:
    """Yield every two items that are no stop words and at most `APART` items apart."""
    content = [i for i, item in enumerate(items) if item.word.removeprefix(MARK) not in STOP_WORDS]
    for k, i in enumerate(content):
        for j in content[k + 1 : k + 1 + APART]:
            if j - i <= APART:
                yield i, j


def _stem(word: str) -> str:
    return word[: STEM + word.startswith(MARK)]
