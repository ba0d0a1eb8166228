"""Article text to sentences."""

from __future__ import annotations

from itertools import pairwise

import sentencex

# Lines that end a sentence end so.
_ENDS = (".", "!", "?", ":", ";", '"', "\N{RIGHT DOUBLE QUOTATION MARK}", "\N{HORIZONTAL ELLIPSIS}")


def split_sentences(text: str, *, language: str = "en") -> list[str]:
    """Split a text into its sentences, in order; a line break always ends one.

    Abbreviations ("U.S.", "Gen.", "5 p.m.") do not.

    >>> split_sentences("Gen. Smith paid US$ 1 billion. The U.S. declined.")
    ['Gen. Smith paid US$ 1 billion.', 'The U.S. declined.']
    """
    lines = (" ".join(line.split()) for line in text.splitlines())
    return [sentence.strip() for line in lines if line for sentence in sentencex.segment(language, line)]


def paragraphs(text: str) -> list[str]:
    """Split a text into its paragraphs, in order, white space folded.

    A line is a paragraph, unless the text is wrapped (most lines that another follows end within a sentence): then
    an empty or an indented line begins one.

    >>> paragraphs("A headline\\nOne sentence.\\nAnother one.")
    ['A headline', 'One sentence.', 'Another one.']
    >>> paragraphs("The shield was\\nwelcomed by all\\nwho were there.\\n Nobody\\nelse was asked.")
    ['The shield was welcomed by all who were there.', 'Nobody else was asked.']
    """
    lines = text.splitlines()
    followed = [line.rstrip() for line, after in pairwise(lines) if line.strip() and after.strip()]
    if len(followed) < 3 or 2 * sum(line.endswith(_ENDS) for line in followed) >= len(followed):
        return [" ".join(line.split()) for line in lines if line.strip()]
    result: list[list[str]] = [[]]
    for line in lines:
        if not line.strip() or line[0].isspace():
            result.append([])
        result[-1] += line.split()
    return [" ".join(words) for words in result if words]
