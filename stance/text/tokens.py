"""The words of a text as features take them: lower case, negated or not, and in which clause.

``did not support the plan`` has the words ``did not !support !the !plan``. A linear model adds up what words say; a
negated word is a word of its own, so that "support" after a "not" no longer counts as support (Das & Chen 2001,
"Yahoo! for Amazon"; Pang, Lee & Vaithyanathan 2002).
"""

from __future__ import annotations

import re
from typing import NamedTuple

#: What a negated word begins with; no word has it.
MARK = "!"
#: How many words after a negation are negated, in its clause.
REACH = 3

#: Besides every word that ends in n't.
NEGATIONS = frozenset({
    "not", "no", "never", "nor", "neither", "without", "cannot", "nobody", "nothing", "none",
})  # fmt: skip
#: Words that begin a clause.
CONJUNCTIONS = frozenset({
    "but", "yet", "while", "although", "though", "because", "whereas", "however", "despite", "unless", "if",
})  # fmt: skip
#: Words too common to make pairs of.
STOP_WORDS = frozenset({
    "a", "an", "the", "of", "to", "in", "on", "at", "for", "from", "by", "with", "as", "and", "or", "that", "this",
    "these", "those", "it", "its", "is", "are", "was", "were", "be", "been", "being", "has", "have", "had", "do",
    "does", "did", "will", "would", "can", "could", "may", "might", "shall", "should", "he", "she", "they", "we",
    "you", "i", "his", "her", "their", "our", "my", "your", "him", "them", "us", "who", "which", "what", "when",
    "where", "there", "here", "than", "then", "so", "such", "if", "into", "over", "under", "about", "after", "before",
    "between", "during", "also", "just", "more", "most", "very", "s", "t", "re", "ve", "ll", "d",
})  # fmt: skip

# A word without the 's of a possessive; what ends a clause, unless it stands within a number or an abbreviation of
# one letter (U.S.). A question mark is a word too: it says much.
_TOKEN = re.compile(
    r"(?P<word>\w+(?:['’](?!s\b)\w+)*)(?:['’]s\b)?"
    r"|(?P<question>\?)"
    r"|[,;:!-](?!\w)|(?<!\b\w)\.(?!\w)|[–—…()\[\]\"“”]"  # noqa: RUF001
)


class Token(NamedTuple):
    """A word of a text: lower case, with `MARK` before it if it is negated; the number of its clause; its span."""

    word: str
    clause: int
    start: int
    end: int


def tokenize(text: str) -> list[Token]:
    """Return the words of a text, and its question marks; spans are of the text in lower case.

    >>> [token.word for token in tokenize("Russia's MPs don't want it, they say")]
    ['russia', 'mps', "don't", '!want', '!it', 'they', 'say']
    """
    tokens: list[Token] = []
    clause = negated = 0
    for match in _TOKEN.finditer(text.lower()):
        word = (match["word"] or "").replace("’", "'")
        if not word:
            clause, negated = clause + 1, 0
            if match["question"]:
                tokens.append(Token("?", clause, *match.span()))
            continue
        clause += word in CONJUNCTIONS
        tokens.append(Token(MARK + word if negated else word, clause, *match.span("word")))
        negated = REACH if word in NEGATIONS or word.endswith("n't") else max(negated - 1, 0)
    return tokens


def origins(text: str) -> list[int]:
    """Return for each character of the text in lower case its position in the text."""
    # One character may become several, as İ does.
    return [i for i, character in enumerate(text) for _ in character.lower()]
