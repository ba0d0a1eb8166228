"""Hashtags to words: ``#StopTheBan`` is followed by ``Stop The Ban``."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import numpy.typing as npt

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
    return "".join(part for part, _ in _parts(text, words))


def split_placed(text: str, words: Mapping[str, int]) -> tuple[str, npt.NDArray[np.int64]]:
    """Return what `split_hashtags` returns, and where in the text each of its characters comes from.

    Those of the words after a hashtag come from the hashtag's last letter.
    """
    pieces, origins = [""], [np.arange(0)]
    done = 0
    for part, is_new in _parts(text, words):
        pieces.append(part)
        if is_new:
            origins.append(np.full(len(part), done - 1))
        else:
            origins.append(np.arange(done, done + len(part)))
            done += len(part)
    return "".join(pieces), np.concatenate(origins)


def _parts(text: str, words: Mapping[str, int]) -> Iterator[tuple[str, bool]]:
    """Yield the text up to each hashtag's end, and what is put after it; True for the latter."""
    total = math.log(sum(words.values()) or 1) if "#" in text else 0.0
    done = 0
    for tag in _HASHTAG.finditer(text):
        yield text[done : tag.end()], False
        yield f" {' '.join(_likeliest(tag[1].lower(), words, total))}", True
        done = tag.end()
    yield text[done:], False


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
