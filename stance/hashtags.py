"""Hashtags to words: ``#StopTheBan`` is followed by ``Stop The Ban``."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping

_HASHTAG = re.compile(r"#(\w+)")
_WORD = re.compile(r"(?<![#@\w])[^\W\d_]+")
_LONGEST = 24


def word_counts(texts: Iterable[str]) -> dict[str, int]:
    """Return the words of texts outside hashtags and names, lower-cased, and how many texts hold each."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(set(_WORD.findall(text.lower())))
    # A letter by itself is a word in English where it is one of these, else a scrap.
    return {word: n for word, n in sorted(counts.items()) if len(word) > 1 or word in "ai"}


def split_hashtags(text: str, words: Mapping[str, int]) -> str:
    """Return the text with the words of every hashtag after it.

    The split is the likeliest one under the words' frequencies, a word that is not there
    counting less the longer it is (Norvig 2009, "Natural language corpus data").

    >>> split_hashtags("No! #stoptheban", {"stop": 3, "the": 9, "ban": 2})
    'No! #stoptheban stop the ban'
    """
    if "#" not in text:
        return text
    total = math.log(sum(words.values()) or 1)
    return _HASHTAG.sub(lambda tag: f"{tag[0]} {' '.join(_likeliest(tag[1].lower(), words, total))}", text)


def _likeliest(run: str, words: Mapping[str, int], total: float) -> list[str]:
    best = [(0.0, 0)]  # of each beginning of the run, its cost and where its last word starts
    for end in range(1, len(run) + 1):
        choices = []
        for start in range(max(0, end - _LONGEST), end):
            word = run[start:end]
            count = words.get(word)
            cost = total - math.log(count) if count else total + 1.5 + 1.5 * len(word)
            choices.append((best[start][0] + cost, start))
        best.append(min(choices))
    found, end = [], len(run)
    while end:
        start = best[end][1]
        found.append(run[start:end])
        end = start
    return found[::-1]
