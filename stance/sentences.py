"""Article text to sentences."""

from __future__ import annotations

import sentencex


def split(text: str, *, language: str = "en") -> list[str]:
    """Split a text into its sentences, in order; a line break always ends one.

    Abbreviations ("U.S.", "Gen.", "5 p.m.") do not.

    >>> split("Gen. Smith paid US$ 1 billion. The U.S. declined.")
    ['Gen. Smith paid US$ 1 billion.', 'The U.S. declined.']
    """
    lines = (" ".join(line.split()) for line in text.splitlines())
    return [sentence.strip() for line in lines if line for sentence in sentencex.segment(language, line)]
