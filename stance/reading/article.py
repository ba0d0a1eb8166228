"""An article read whole: its sentences, where each stands, and whose stance it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from stance.labels import LABELS
from stance.metrics import Score
from stance.model.predictor import Model
from stance.reading.holders import Holder, find_holders
from stance.text.sentences import paragraphs, split

#: Fewer sentences than this give no interval: resampling so few says nothing.
FEWEST = 5

#: How many sentences a summary shows.
TELLING = 3

_RESAMPLES = 1000
_NONE = LABELS.index("none")


@dataclass(frozen=True)
class Sentence:
    """A sentence and where it stands.

    Attributes
    ----------
    position
        Place in the article, from 0.
    paragraph
        Of the article, from 0, as `stance.text.sentences.paragraphs` divides it.
    text
        The sentence.
    labels
        Its stance toward each target, in the order of the model's targets.
    proba, scores
        Lists of shape (n_targets, 3), columns in LABELS order; scores are linear and lack the temperature.
    holders
        Whose stance it is if it takes a side, and by which rule that was found.
    """

    position: int
    paragraph: int
    text: str
    labels: tuple[str, ...]
    proba: list[list[float]]
    scores: list[list[float]]
    holders: tuple[Holder, ...]

    def stance(self, target: int) -> float:
        """Return P(favor) - P(against) toward the target of that index, -1 to 1."""
        return self.proba[target][LABELS.index("favor")] - self.proba[target][LABELS.index("against")]


@dataclass(frozen=True)
class Summary:
    """Where an article stands toward a target.

    Attributes
    ----------
    counts
        Sentences by label, LABELS order.
    share
        Fraction of the sentences that take a side.
    stance
        Mean of P(favor) - P(against), -1 to 1, over the sentences that take a side; None where none does.
    low, high
        Its 95 % percentile interval from resampled sentences; None with fewer than `FEWEST` of them.
    telling
        Positions of the sentences surest of a side, surest first.
    """

    target: str
    title: str
    counts: tuple[int, int, int]
    share: float
    stance: float | None
    low: float | None
    high: float | None
    telling: tuple[int, ...]


@dataclass(frozen=True)
class Position:
    """Where one holder stands toward a target; counts, stance and interval as in `Summary`."""

    holder: str
    target: str
    counts: tuple[int, int, int]
    stance: float
    low: float | None
    high: float | None
    sentences: tuple[int, ...]


@dataclass(frozen=True)
class Reading:
    """An article and what a model reads in it; `targets` give the order of labels and probabilities."""

    targets: tuple[str, ...]
    titles: tuple[str, ...]
    sentences: tuple[Sentence, ...]
    summaries: tuple[Summary, ...]
    positions: tuple[Position, ...]

    def by_paragraph(self) -> list[list[Sentence]]:
        """Return the sentences of each paragraph, in order."""
        return [list(group) for _, group in groupby(self.sentences, key=lambda sentence: sentence.paragraph)]

    def as_dict(self) -> dict[str, Any]:
        """Return the reading as plain dicts, lists, strings and numbers, for JSON."""
        return {"labels": list(LABELS), **asdict(self)}


def read_article(model: Model, text: str, *, author: str = "author", country: str | None = None) -> Reading:
    """Split an article into sentences and say of each where it stands toward every target, and who does.

    Parameters
    ----------
    text
        Plain text; the first paragraph may be the headline.
    author
        Whose stance a sentence is that names nobody, such as the speaking country.
    country
        Of people who are named without one ("a deputy"); by default the country the text names most.

    Raises
    ------
    ModelError
        If `text` is not a string.
    """
    places, texts = [], []
    for paragraph, block in enumerate(paragraphs(text)):
        found = split(block)
        places += [paragraph] * len(found)
        texts += found
    scores = model.scores(texts)
    proba = model.probabilities(scores)
    holders = find_holders(texts, author=author, country=country)
    codes = proba.argmax(axis=2)
    sentences = tuple(
        Sentence(i, places[i], texts[i], tuple(LABELS[code] for code in codes[i]), proba[i].tolist(),
                 scores[i].tolist(), holders[i])
        for i in range(len(texts))
    )  # fmt: skip
    info = model.info
    named = list(zip(info.targets, info.titles, strict=True))
    return Reading(
        info.targets,
        info.titles,
        sentences,
        tuple(_summary(name, title, sentences, t) for t, (name, title) in enumerate(named)),
        tuple(found for t, name in enumerate(info.targets) for found in _positions(name, sentences, t)),
    )


def mean_stance(values: Sequence[float], units: Sequence[Any] | None = None, *, seed: int = 0) -> Score | None:
    """Return the mean and its 95 % percentile interval (Efron 1979) from resampled units.

    Parameters
    ----------
    values
        Any number of stances, -1 to 1.
    units
        What each value belongs to, such as its document; by default every value is a unit.

    Returns
    -------
    None with fewer than `FEWEST` units.
    """
    names: npt.NDArray[Any]
    names, codes = np.unique(np.arange(len(values)) if units is None else np.asarray(units), return_inverse=True)
    if len(names) < FEWEST:
        return None
    sums = np.bincount(codes, weights=np.asarray(values, dtype=float))
    sizes = np.bincount(codes)
    draws = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=_RESAMPLES)
    low, high = np.percentile((draws @ sums) / (draws @ sizes), [2.5, 97.5])
    mean = float(np.mean(values))
    # Where all units are alike, sums may round past the mean.
    return Score(mean, min(float(low), mean), max(float(high), mean))


def _counts(sentences: Sequence[Sentence], target: int) -> tuple[int, int, int]:
    labels = [sentence.labels[target] for sentence in sentences]
    return (labels.count(LABELS[0]), labels.count(LABELS[1]), labels.count(LABELS[2]))


def _mean(sided: Sequence[Sentence], target: int) -> tuple[float | None, float | None, float | None]:
    stances = [sentence.stance(target) for sentence in sided]
    if not stances:
        return None, None, None
    found = mean_stance(stances)
    mean = float(np.mean(stances))
    return (mean, found.low, found.high) if found else (mean, None, None)


def _sided(sentences: Sequence[Sentence], target: int) -> list[Sentence]:
    return [sentence for sentence in sentences if sentence.labels[target] != LABELS[_NONE]]


def _summary(name: str, title: str, sentences: Sequence[Sentence], target: int) -> Summary:
    sided = _sided(sentences, target)
    surest = sorted(sided, key=lambda sentence: -max(sentence.proba[target]))
    share = len(sided) / len(sentences) if sentences else 0.0
    telling = tuple(sentence.position for sentence in surest[:TELLING])
    return Summary(name, title, _counts(sentences, target), share, *_mean(sided, target), telling)


def _positions(name: str, sentences: Sequence[Sentence], target: int) -> list[Position]:
    held: dict[str, list[Sentence]] = {}
    for sentence in _sided(sentences, target):
        for holder in sentence.holders:
            held.setdefault(holder.name, []).append(sentence)
    found = []
    for who, theirs in held.items():
        mean, low, high = _mean(theirs, target)
        places = tuple(sentence.position for sentence in theirs)
        found.append(Position(who, name, _counts(theirs, target), mean or 0.0, low, high, places))
    return sorted(found, key=lambda position: (-len(position.sentences), position.holder))
