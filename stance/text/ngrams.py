"""The one generator of n-grams with their spans, which training, scoring and explaining share.

Each function yields ``(n-gram, spans)``. Spans are the (start, end) positions in the text that the n-gram is made
of: one for each of its words, or one for a run of characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

Spans = tuple[tuple[int, int], ...]

_WORD = re.compile(r"\w+")
_CHUNK = re.compile(r"\S+")


def word_ngrams(text: str, shortest: int, longest: int) -> Iterator[tuple[str, Spans]]:
    """Yield the n-grams of words (runs of ``\\w``), joined by a blank.

    >>> [ngram for ngram, _ in word_ngrams("No, not now", 1, 2)]
    ['No', 'not', 'now', 'No not', 'not now']
    """
    words, spans = _words(text)
    for n in range(shortest, min(longest, len(words)) + 1):
        for i in range(len(words) - n + 1):
            yield " ".join(words[i : i + n]), spans[i : i + n]


def char_ngrams(text: str, shortest: int, longest: int) -> Iterator[tuple[str, Spans]]:
    """Yield the n-grams of the characters of each chunk between white space, with a blank before and after it.

    A chunk shorter than n with its blanks is an n-gram itself, once. The blanks stand for the chunk's ends, and
    their span is that of its first or last character.

    >>> list(char_ngrams("as I", 3, 4))[:3]
    [(' as', ((0, 2),)), ('as ', ((0, 2),)), (' as ', ((0, 2),))]
    """
    for chunk in _CHUNK.finditer(text):
        padded = f" {chunk[0]} "
        first, last = chunk.start(), chunk.end() - 1
        position = [first, *range(first, last + 1), last]
        for n in range(shortest, longest + 1):
            if n >= len(padded):
                yield padded, (chunk.span(),)
                break
            for i in range(len(padded) - n + 1):
                yield padded[i : i + n], ((position[i], position[i + n - 1] + 1),)


def word_pairs(text: str, letters: int, apart: int) -> Iterator[tuple[str, Spans]]:
    """Yield every two words at most so far apart, cut to their first letters, in alphabetical order.

    "condemn shield" and "shield condemned" are both "conde shiel": sparse bigrams (Siefkes et al. 2004), but of
    stems and without their order and distance.

    >>> list(word_pairs("shield condemned", 5, 8))
    [('conde shiel', ((0, 6), (7, 16)))]
    """
    words, spans = _words(text)
    stems = [word[:letters] for word in words]
    for i, stem in enumerate(stems):
        for j in range(i + 1, min(i + 1 + apart, len(stems))):
            yield f"{stem} {stems[j]}" if stem <= stems[j] else f"{stems[j]} {stem}", (spans[i], spans[j])


#: The generator of each kind of n-grams. Its two numbers are the shortest and the longest n-gram; of pairs, the
#: letters that are kept and how many words apart the two may be.
GENERATORS: dict[str, Callable[[str, int, int], Iterator[tuple[str, Spans]]]] = {
    "word": word_ngrams,
    "char": char_ngrams,
    "pair": word_pairs,
}


def _words(text: str) -> tuple[list[str], Spans]:
    matches = list(_WORD.finditer(text))
    return [match[0] for match in matches], tuple(match.span() for match in matches)
