"""Labels, how they are shown, and the records of targets and trainings that every package shares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: The stances, in the one order that every array, table and plot follows.
LABELS: tuple[str, str, str] = ("against", "none", "favor")

#: One colour a label everywhere (Okabe & Ito's palette, safe for colour-blind readers).
COLORS = {"against": "#D55E00", "none": "#8C8C8C", "favor": "#0072B2"}

#: One sign a label, for those who see no colour.
SIGNS = {"against": "\N{MINUS SIGN}", "none": "0", "favor": "+"}


@dataclass(frozen=True)
class Target:
    """What a stance is taken toward, and the words the lexicon baseline looks for.

    Attributes
    ----------
    name
        The name in the data.
    title
        The name for people.
    definition
        One sentence.
    mention
        Terms that mean the target is spoken of.
    favor, against
        Terms that carry a side once the target is mentioned.
    """

    name: str
    title: str
    definition: str = ""
    mention: tuple[str, ...] = ()
    favor: tuple[str, ...] = ()
    against: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunInfo:
    """What a model remembers of its training.

    Attributes
    ----------
    name, seed
        Of the experiment.
    targets
        In the order of the model's columns.
    titles
        A title for people for each target.
    fingerprint
        SHA-256 of the training examples.
    training_hashes
        Hashes of the training texts, so that an evaluation can refuse them.
    n_texts, n_groups
        Size of the training data.
    scores
        Cross-validated scores as ``{metric: (value, low, high)}``.
    versions
        Of the libraries that fitted it.
    n_examples
        Number of (sentence, target) pairs it was trained on.
    counts
        Training examples of each target by label, LABELS order.
    target_scores
        Cross-validated F_avg of each target as (value, low, high).
    settings
        Of the experiment; data files by their names alone.
    """

    name: str
    seed: int
    targets: tuple[str, ...]
    titles: tuple[str, ...]
    fingerprint: str
    n_texts: int
    n_groups: int
    scores: dict[str, tuple[float, float, float]]
    versions: dict[str, str]
    training_hashes: frozenset[str] = field(default=frozenset(), repr=False)
    n_examples: int = 0
    counts: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    target_scores: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
