"""Where a text names a target.

A term is one word or several ("missile shield"); ``*`` leaves a word's end open ("missile defen*").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from itertools import accumulate

from stance.text.tokens import MARK, Token, tokenize

Span = tuple[int, int]


def words_of(term: str) -> tuple[str, ...]:
    """Return the words of a term as `tokenize` has them, each with its ``*``.

    >>> words_of("Anti-missile*")
    ('anti', 'missile*')
    """
    words: list[str] = []
    for chunk in term.split():
        words += [token.word.removeprefix(MARK) for token in tokenize(chunk)]
        if chunk.endswith("*") and words:
            words[-1] += "*"
    return tuple(words)


def find_mentions(tokens: Sequence[Token], terms: Sequence[str]) -> list[Span]:
    """Return where terms stand, as (first token, end); the longest at each token, without overlap, within a clause."""
    words: list[str] = []
    for i, token in enumerate(tokens):
        if i and token.clause != tokens[i - 1].clause:
            words.append("|")
        words.append(token.word.removeprefix(MARK))
    # The token that stands at each word of the line.
    numbers = list(accumulate((word != "|" for word in words), initial=0))
    line, spans = " ".join(words), []
    first = start = 0
    for match in _pattern(tuple(terms)).finditer(line):
        first, start = first + line.count(" ", start, match.start()), match.start()
        spans.append((numbers[first], numbers[first] + match[0].count(" ") + 1))
    return spans


@cache
def _pattern(terms: tuple[str, ...]) -> re.Pattern[str]:
    """Return what finds terms in words that blanks part, the longest first."""
    sequences = sorted({words_of(term) for term in terms} - {()}, key=lambda words: (-len(words), words))
    patterns = [
        " ".join(re.escape(word.removesuffix("*")) + (r"[^ |]*" if word.endswith("*") else "") for word in words)
        for words in sequences
    ]
    return re.compile(rf"(?<![^ ])(?:{'|'.join(patterns)})(?![^ ])" if patterns else r"(?!)")
