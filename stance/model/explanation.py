"""Why a text gets its scores: the share of every phrase, and the shares gathered on the text's own words.

Scores are linear in TF-IDF, so a score is its intercept and one share of each feature, and nothing else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stance.labels import LABELS
from stance.model.scorer import Floats, Scorer
from stance.text.features import FRAMES, NOT_NAMED, Feature, features
from stance.text.tokens import Token, origins

_SPANS = re.compile(r"\w+|\W+")


class PhraseShare(NamedTuple):
    """What a phrase of the text adds to the scores: shape (3,), LABELS order.

    A phrase is what a person reads of one feature or several, such as "condemned … TARGET"; a negated word has a `!`.
    """

    phrase: str
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
        The linear scores, and what they are without any word: by how often the text names the target, and whether it
        names others. Minus infinity for a label that is never given.
    named
        Whether the text names the target.
    labelled
        Whether the model was trained on labels toward the target, or knows it by its mentions alone.
    phrases
        Every phrase of the text that the model knows. `intercept` and their shares add up to `score`.
    words
        Spans that cover the text once, in order. Each feature's share is divided evenly over its occurrences, and
        there over its words. `intercept` and these shares add up to `score` too.
    """

    text: str
    target: str
    label: str
    proba: Floats
    score: Floats
    intercept: Floats
    named: bool
    labelled: bool
    phrases: tuple[PhraseShare, ...]
    words: tuple[WordShare, ...]

    def push(self, share: Floats) -> tuple[str, float]:
        """Return the label that a share helps most, and by how much: its share less the mean over the labels.

        What a share gives to every label alike moves no probability.
        """
        given = np.isfinite(self.intercept)
        pushes = np.where(given, share - share[given].mean(), -np.inf)
        best = int(pushes.argmax())
        return LABELS[best], float(pushes[best])

    def strongest(self, label: str, *, n: int = 10) -> list[tuple[PhraseShare, float]]:
        """Return the phrases that push toward a label more than toward any other, and their push, strongest first."""
        pushes = [(phrase, *self.push(phrase.share)) for phrase in self.phrases]
        toward = [(phrase, push) for phrase, best, push in pushes if best == label and push > 0]
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
            "labelled": self.labelled,
            "named": self.named,
            "label": self.label,
            "proba": by_label(self.proba),
            "score": by_label(self.score),
            "intercept": by_label(self.intercept),
            "phrases": [{"phrase": phrase, "share": by_label(share)} for phrase, share in self.phrases],
            "words": [{"start": start, "end": end, "share": by_label(share)} for start, end, share in self.words],
        }


class Shares(NamedTuple):
    """What adds up to a text's scores toward one target; arrays of shape (..., 3), LABELS order."""

    named: bool
    intercept: Floats
    phrases: dict[str, Floats]
    words: Floats  #: of each span


def explain(scorer: Scorer, text: str, targets: Sequence[int]) -> tuple[npt.NDArray[np.int64], list[Shares]]:
    """Return start and end of each word of a text and of what stands between, and the shares toward some targets.

    The spans have the shape (n_spans, 2); `Explanation` says what the shares are.
    """
    spans = np.asarray([match.span() for match in _SPANS.finditer(text)], np.int64).reshape(-1, 2)
    tokens, own, anchored = features(text, scorer.mentions)
    # The spans that each token covers, which are several if it has an apostrophe.
    bounds = np.asarray(origins(text))[[[token.start, token.end - 1] for token in tokens]].reshape(-1, 2)
    # By their first and last characters: of İ, whose lower case is two characters, a word may hold the first alone.
    first, last = np.searchsorted(spans[:, 0], bounds.T, side="right") - 1
    covered = [range(a, b + 1) for a, b in zip(first.tolist(), last.tolist(), strict=True)]
    n_anchored, result = len(scorer.anchored), []
    for target in targets:
        view = anchored[target]
        seen, seen_shares = _occurrences(scorer, view, scorer.anchored, 0)
        plain, plain_shares = _occurrences(scorer, own, scorer.own[:, target], n_anchored)
        occurrences, shares = seen + plain, np.concatenate([seen_shares, plain_shares])
        # What no word carries is the intercept's.
        constant = np.asarray([not where for _, where in occurrences], dtype=bool)
        sides = {where: name for name, where in view if name[:2] in {"< ", "> "}}
        phrases: dict[str, Floats] = {}
        words = np.zeros((len(spans), len(LABELS)))
        touched: list[tuple[int, int, float]] = []
        for k, (name, where) in enumerate(occurrences):
            if where:
                phrase = _phrase(sides.get(where, name) if name.startswith("* ") else name, where, tokens)
                phrases[phrase] = phrases.get(phrase, 0.0) + shares[k]
                touched += [(k, i, 1 / (len(where) * len(covered[t]))) for t in where for i in covered[t]]
        if touched:
            occurrence, span, fraction = map(np.asarray, zip(*touched, strict=True))
            np.add.at(words, span, shares[occurrence] * fraction[:, np.newaxis])
        named = NOT_NAMED not in {name for name, _ in view}
        intercept = scorer.intercepts[target] + shares[constant].sum(axis=0)
        result.append(Shares(named, intercept, phrases, words))
    return spans, result


def _occurrences(
    scorer: Scorer, met: Sequence[Feature], weights: npt.NDArray[Any], first: int
) -> tuple[list[Feature], Floats]:
    """Return each known feature of a kind as often as it occurs, and its parts of the feature's share.

    The kind's `weights` begin at row `first` of the vocabulary.
    """
    known = [feature for feature in met if feature[0] in scorer.rows]
    rows, values = scorer.values(name for name, _ in known)
    row = np.asarray([scorer.rows[name] for name, _ in known], np.int64)
    position, counts = np.searchsorted(rows, row), np.bincount(np.searchsorted(rows, row), minlength=len(rows))
    return known, weights[row - first].astype(float) * (values / counts)[position, np.newaxis]


def _phrase(name: str, where: tuple[int, ...], tokens: Sequence[Token]) -> str:
    """Return what a person reads of a feature: with its words whole and in the order of the text."""
    frame, *words = name.split(" ")
    if len(words) == len(where):
        words = [tokens[i].word for i in where]
    return FRAMES[frame].format(*words)
