"""An article read whole: its sentences, where each stands, and whose stance it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from stance.labels import LABELS
from stance.metrics import Score, bootstrap_mean
from stance.model.predictor import Model
from stance.reading.holders import AUTHOR, Holder, find_holders
from stance.text.sentences import paragraphs, split_sentences

#: Fewer units than this (sentences, documents) give no interval: resampling so few says nothing.
FEWEST = 5

#: How many sentences a summary shows.
TELLING = 3

Counts = tuple[int, int, int]


@dataclass(frozen=True)
class Sentence:
    """A sentence and where it stands."""

    position: int  #: index in the article
    paragraph: int  #: index of its paragraph
    text: str
    labels: tuple[str, ...]  #: its stance toward each target, in the order of the model's
    proba: list[list[float]]  #: of shape (n_targets, 3), columns in LABELS order
    scores: list[list[float]]  #: of that shape; linear, without the temperature
    holders: tuple[Holder, ...]  #: whose stance it is if it takes a side

    def stance(self, target: int) -> float:
        """Return P(favor) - P(against) toward the target of that index, -1 to 1."""
        return self.proba[target][LABELS.index("favor")] - self.proba[target][LABELS.index("against")]


@dataclass(frozen=True)
class Standing:
    """Where sentences stand toward a target."""

    target: str
    counts: Counts  #: sentences by label, LABELS order
    stance: float | None  #: mean P(favor) - P(against), -1 to 1, of those that take a side; None where none does
    low: float | None  #: its 95 % interval from resampled sentences; None with fewer than `FEWEST` of them
    high: float | None


@dataclass(frozen=True)
class Summary(Standing):
    """Where an article stands toward a target."""

    title: str
    share: float  #: fraction of the sentences that take a side
    telling: tuple[int, ...]  #: positions of the sentences surest of a side, surest first


@dataclass(frozen=True)
class Position(Standing):
    """Where one holder stands toward a target."""

    holder: str
    sentences: tuple[int, ...]  #: positions of the holder's sentences that take a side


@dataclass(frozen=True)
class Reading:
    """An article and what a model reads in it; `targets` give the order of labels and probabilities."""

    targets: tuple[str, ...]
    titles: tuple[str, ...]
    sentences: tuple[Sentence, ...]
    summaries: tuple[Summary, ...]
    positions: tuple[Position, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the reading as plain dicts, lists, strings and numbers, for JSON."""
        return {"labels": list(LABELS), **asdict(self)}


def read_article(model: Model, text: str, *, author: str = AUTHOR, country: str | None = None) -> Reading:
    """Split an article into sentences and say of each where it stands toward every target, and who does.

    `text` is plain; its first paragraph may be the headline. `author` and `country` are as in
    `stance.reading.holders.find_holders`. Raises a ModelError if `text` is not a string.
    """
    numbered = [(n, sentence) for n, block in enumerate(paragraphs(text)) for sentence in split_sentences(block)]
    texts = [sentence for _, sentence in numbered]
    scores = model.scores(texts)
    proba = model.probabilities(scores)
    holders = find_holders(texts, author=author, country=country)
    labels = [tuple(LABELS[code] for code in codes) for codes in proba.argmax(axis=2)]
    sentences = tuple(
        Sentence(i, paragraph, sentence, labels[i], proba[i].tolist(), scores[i].tolist(), holders[i])
        for i, (paragraph, sentence) in enumerate(numbered)
    )
    targets, titles = model.info.targets, model.info.titles
    summaries = tuple(_summary(*names, sentences, t) for t, names in enumerate(zip(targets, titles, strict=True)))
    positions = tuple(position for t, name in enumerate(targets) for position in _positions(name, sentences, t))
    return Reading(targets, titles, sentences, summaries, positions)


def mean_stance(values: Sequence[float], units: Sequence[Any] | None = None) -> Score | None:
    """Return the mean and its 95 % interval from resampled units, None with fewer than `FEWEST` units.

    `units` says what each value belongs to, such as its document; by default every value is a unit.
    """
    n_units = len(values) if units is None else len(np.unique(np.asarray(units)))
    return bootstrap_mean(values, units) if n_units >= FEWEST else None


def _summary(name: str, title: str, sentences: Sequence[Sentence], target: int) -> Summary:
    sided = _sided(sentences, target)
    surest = sorted(sided, key=lambda sentence: -max(sentence.proba[target]))
    telling = tuple(sentence.position for sentence in surest[:TELLING])
    share = len(sided) / len(sentences) if sentences else 0.0
    return Summary(name, *_standing(sentences, target), title, share, telling)


def _positions(name: str, sentences: Sequence[Sentence], target: int) -> list[Position]:
    held: dict[str, list[Sentence]] = {}
    for sentence in _sided(sentences, target):
        for holder in sentence.holders:
            held.setdefault(holder.name, []).append(sentence)
    positions = [
        Position(name, *_standing(theirs, target), holder, tuple(sentence.position for sentence in theirs))
        for holder, theirs in held.items()
    ]
    return sorted(positions, key=lambda position: (-len(position.sentences), position.holder))


def _sided(sentences: Sequence[Sentence], target: int) -> list[Sentence]:
    return [sentence for sentence in sentences if sentence.labels[target] != "none"]


def _standing(sentences: Sequence[Sentence], target: int) -> tuple[Counts, float | None, float | None, float | None]:
    """Return the counts, stance, low and high of a `Standing`."""
    labels = [sentence.labels[target] for sentence in sentences]
    against, none, favor = map(labels.count, LABELS)
    stances = [sentence.stance(target) for sentence in _sided(sentences, target)]
    if score := mean_stance(stances):
        return (against, none, favor), score.value, score.low, score.high
    return (against, none, favor), float(np.mean(stances)) if stances else None, None, None
