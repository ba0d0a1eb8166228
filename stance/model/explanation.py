"""Why a text gets its scores: the share of every n-gram, and the shares gathered on the text's own words.

Scores are linear in TF-IDF, so a score is its intercept and one share of each n-gram, and nothing else.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stance.labels import LABELS
from stance.model.scorer import Floats, Scorer
from stance.text.ngrams import Spans
from stance.text.preparation import origins

_WORD = re.compile(r"\w+")
_SPANS = re.compile(r"\w+|\W+")


class NgramShare(NamedTuple):
    """What one n-gram of the vocabulary, which occurs `n` times in the text, adds to the scores.

    `kind` is a key of `stance.text.ngrams.GENERATORS`; `share` has shape (3,), LABELS order.
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
        Spans that cover the text once, in order. Each n-gram's share is divided evenly over its occurrences, and
        there over the words it touches (or, touching none, the signs between them). `intercept` and these
        shares add up to `score` too.
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
        pushes = [(ngram, *self.push(ngram.share)) for ngram in self.ngrams]
        toward = [(ngram, push) for ngram, best, push in pushes if best == label and push > 0]
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
    spans = np.asarray([match.span() for match in _SPANS.finditer(text)], np.int64).reshape(-1, 2)
    is_word = [_WORD.match(text, start) is not None for start in spans[:, 0].tolist()]
    positions = origins(text, lowercase=scorer.lowercase, negation=scorer.negation)
    span_of = (np.searchsorted(spans[:, 0], positions, side="right") - 1).tolist()
    prepared = scorer.prepared(text)
    names: list[tuple[str, str, int]] = []
    shares = [np.zeros((0, *scorer.intercepts.shape))]
    word_shares = np.zeros((len(spans), *scorer.intercepts.shape))
    for number, block in enumerate(scorer.blocks):
        met = [(row, _touched(where, span_of, is_word)) for row, where in scorer.known_ngrams(number, prepared)]
        rows, occurrence, counts = np.unique(
            np.asarray([row for row, _ in met], np.int64), return_inverse=True, return_counts=True
        )
        values = scorer.tfidf(number, rows, counts)
        shares.append(values[:, np.newaxis, np.newaxis] * scorer.weights[rows])
        names += [(block.kind, scorer.ngrams[row], n) for row, n in zip(rows.tolist(), counts.tolist(), strict=True)]
        # Each occurrence has an even part of its n-gram's share, and each word that it touches an even part of that.
        n_touched = np.asarray([len(touched) for _, touched in met], np.int64)
        fraction = np.repeat(1.0 / (counts[occurrence] * n_touched), n_touched)
        each = shares[-1][np.repeat(occurrence, n_touched)] * fraction[:, np.newaxis, np.newaxis]
        np.add.at(word_shares, [span for _, touched in met for span in touched], each)
    return names, np.concatenate(shares), spans, word_shares


def _touched(where: Spans, span_of: list[int], is_word: list[bool]) -> list[int]:
    """Return which of the text's own spans an n-gram touches: words, or if none the signs between them."""
    touched = dict.fromkeys(span for start, stop in where for span in range(span_of[start], span_of[stop - 1] + 1))
    return [span for span in touched if is_word[span]] or list(touched)
