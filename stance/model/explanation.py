"""Why a text gets its scores: the share of every n-gram, and the shares gathered on the text's own words.

Scores are linear in TF-IDF, so a score is its intercept and one share of each n-gram, and nothing else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stance.labels import LABELS
from stance.model.scorer import Block, Floats, Scorer, pairs
from stance.text.hashtags import split_placed
from stance.text.negation import mark_placed

_TOKENS = re.compile(r"\w+")
_SPANS = re.compile(r"\w+|\W+")
_CHUNKS = re.compile(r"\S+")


class NgramShare(NamedTuple):
    """What one n-gram of the vocabulary, met `n` times in the text, adds to the scores.

    `kind` is ``"word"``, ``"char"`` (whose blanks stand for the ends of a word) or ``"pair"``; `share` has
    shape (3,), LABELS order.
    """

    kind: str
    ngram: str
    n: int
    share: Floats


class WordShare(NamedTuple):
    """What ``text[start:end]``, a word or what stands between two, adds to the scores: shape (3,), LABELS order."""

    start: int
    end: int
    share: Floats


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a text has its stance toward one target.

    Arrays have shape (3,), LABELS order.

    Attributes
    ----------
    text, target
        What was asked.
    label, proba
        The answer: the likeliest stance, and the probability of each.
    score, intercept
        The linear scores, and what they are without any n-gram; minus infinity for a label that is never given.
    ngrams
        Every n-gram of the text that the model knows, in the order of its vocabulary. `intercept` and their
        shares add up to `score`.
    words
        Spans that cover the text once, in order. Each n-gram's share is divided evenly over the places
        where it stands, and there over the words it touches (or, touching none, the signs between them); the words of
        a split hashtag count for the hashtag. `intercept` and these shares add up to `score` too.
    """

    text: str
    target: str
    label: str
    proba: Floats
    score: Floats
    intercept: Floats
    ngrams: tuple[NgramShare, ...]
    words: tuple[WordShare, ...]

    def push(self, share: Floats) -> tuple[str, float]:
        """Return the label that a share helps most, and by how much: its share less the mean over the labels.

        What a share gives to every label alike moves no probability.
        """
        given = np.isfinite(self.intercept)
        pushes = np.where(given, share - share[given].mean(), -np.inf)
        best = int(pushes.argmax())
        return LABELS[best], float(pushes[best])

    def strongest(self, label: str, *, n: int = 10) -> list[tuple[NgramShare, float]]:
        """Return the n-grams that push toward a label more than toward any other, and their push, strongest first."""
        pushes = [(found, *self.push(found.share)) for found in self.ngrams]
        toward = [(found, push) for found, best, push in pushes if best == label and push > 0]
        return sorted(toward, key=lambda pair: -pair[1])[:n]

    def marks(self, *, least: float = 0.15) -> list[tuple[str, str, float, float]]:
        """Return the text in pieces that join to it: (piece, label, push, strength).

        Strength is the push as a fraction of the strongest piece's; pieces under `least` are joined, with the
        label "", push 0 and strength 0.
        """
        pushes = [self.push(word.share) for word in self.words]
        top = max((push for _, push in pushes), default=0.0)
        pieces: list[tuple[str, str, float, float]] = []
        for word, (label, push) in zip(self.words, pushes, strict=True):
            piece = self.text[word.start : word.end]
            if top > 0 and push >= least * top:
                pieces.append((piece, label, push, push / top))
            elif pieces and not pieces[-1][1]:
                pieces[-1] = (pieces[-1][0] + piece, "", 0.0, 0.0)
            else:
                pieces.append((piece, "", 0.0, 0.0))
        return pieces

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values for JSON; minus infinity becomes None."""

        def by_label(values: Floats) -> dict[str, float | None]:
            return {
                label: value if math.isfinite(value) else None
                for label, value in zip(LABELS, values.tolist(), strict=True)
            }

        return {
            "text": self.text,
            "target": self.target,
            "label": self.label,
            "proba": by_label(self.proba),
            "score": by_label(self.score),
            "intercept": by_label(self.intercept),
            "ngrams": [
                {"kind": kind, "ngram": ngram, "n": n, "share": by_label(share)}
                for kind, ngram, n, share in self.ngrams
            ],
            "words": [{"start": start, "end": end, "share": by_label(share)} for start, end, share in self.words],
        }


def explain(scorer: Scorer, text: str) -> tuple[list[tuple[str, str, int]], Floats, npt.NDArray[np.int64], Floats]:
    """Return what adds up to a text's scores, toward every target at once.

    Returns
    -------
    ngrams
        (kind, n-gram, how often) of each of the text's n-grams in the vocabulary, in its order.
    shares
        What each adds to the scores: shape (n_ngrams, n_targets, 3), LABELS order.
    spans
        Start and end of each word and of what stands between: shape (n_spans, 2).
    word_shares
        The shares on these spans, as `Explanation.words` says: shape (n_spans, n_targets, 3).
    """
    bounds = [match.span() for match in _SPANS.finditer(text)]
    spans = np.asarray(bounds, np.int64).reshape(-1, 2)
    is_word = [_TOKENS.match(text, start) is not None for start, _ in bounds]
    prepared, span_of = _prepared(scorer, text, spans)
    names: list[tuple[str, str, int]] = []
    parts = [np.zeros((0, *scorer.intercepts.shape))]
    word_shares = np.zeros((len(spans), *scorer.intercepts.shape))
    for block, known in zip(scorer.blocks, scorer.rows, strict=True):
        met: dict[int, dict[tuple[int, ...], int]] = {}
        for ngram, touched in _placed(prepared, block, span_of, is_word):
            if (row := known.get(ngram)) is not None:
                places = met.setdefault(row, {})
                places[touched] = places.get(touched, 0) + 1
        if not met:
            continue
        rows = np.asarray(sorted(met), np.int64)
        every = [met[row] for row in rows.tolist()]
        counts = np.asarray([sum(found.values()) for found in every], np.float64)
        values = (1.0 + np.log(counts) if block.sublinear else counts) * scorer.idf[rows]
        values *= block.weight / math.sqrt(values @ values)
        shares = values[:, np.newaxis, np.newaxis] * scorer.weights[rows]
        names += [
            (block.kind, scorer.ngrams[row], int(count)) for row, count in zip(rows.tolist(), counts, strict=True)
        ]
        parts.append(shares)
        triples = [
            (i, span, times / (count * len(touched)))
            for i, (found, count) in enumerate(zip(every, counts.tolist(), strict=True))
            for touched, times in found.items()
            for span in touched
        ]
        which, where, fractions = (np.asarray(column) for column in zip(*triples, strict=True))
        np.add.at(word_shares, where, fractions[:, np.newaxis, np.newaxis] * shares[which])
    return names, np.concatenate(parts), spans, word_shares


def _prepared(scorer: Scorer, text: str, spans: npt.NDArray[np.int64]) -> tuple[str, list[int]]:
    """Return the text as the n-grams are taken from it, and for each of its characters the span it comes from."""
    origin: npt.NDArray[np.int64] = np.arange(len(text))
    if scorer.hashtag_words:
        text, origin = split_placed(text, scorer.hashtag_words)
    if scorer.lowercase:
        lowered = text.lower()
        if len(lowered) != len(text):  # one character becomes several, as İ does
            origin = np.repeat(origin, [len(character.lower()) for character in text])
        text = lowered
    text, places = mark_placed(text, scorer.negation)
    origin = origin[places]
    return text, (np.searchsorted(spans[:, 0], origin, side="right") - 1).tolist()


def _placed(text: str, block: Block, span_of: list[int], is_word: list[bool]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield what `stance.model.scorer.ngrams` yields, and of each n-gram the different spans it touches."""
    shortest, longest = block.ngrams
    if block.kind == "word":
        words = [(match[0], span_of[match.start()]) for match in _TOKENS.finditer(text)]
        for n in range(shortest, min(longest, len(words)) + 1):
            for i in range(len(words) - n + 1):
                part = words[i : i + n]
                yield " ".join(word for word, _ in part), tuple(span for _, span in part)
        return
    if block.kind == "pair":
        tokens = list(_TOKENS.finditer(text))
        for ngram, i, j in pairs([token[0] for token in tokens], letters=shortest, apart=longest):
            yield ngram, tuple(dict.fromkeys(span_of[tokens[k].start()] for k in (i, j)))
        return
    for chunk in _CHUNKS.finditer(text):
        padded = f" {chunk[0]} "
        spans = span_of[chunk.start() : chunk.end()]
        # The blanks around a word are the word's own ends.
        spans = [spans[0], *spans, spans[-1]]
        alone = (spans[0],) if spans[0] == spans[-1] else ()
        for n in range(shortest, longest + 1):
            if n >= len(padded):
                yield padded, alone or _touched(spans, is_word)
                break
            for i in range(len(padded) - n + 1):
                yield padded[i : i + n], alone or _touched(spans[i : i + n], is_word)


def _touched(spans: list[int], is_word: list[bool]) -> tuple[int, ...]:
    different = tuple(dict.fromkeys(spans))
    return tuple(span for span in different if is_word[span]) or different
