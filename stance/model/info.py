"""What a model remembers of its training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


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
    zero_shot
        Targets without a training example, known by their mentions alone.
    expected
        Cross-validated F_avg of a target that was left out of training, as (value, low, high): what to expect of a
        zero-shot one. Not known without at least two targets.
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
    zero_shot: tuple[str, ...] = ()
    expected: tuple[float, float, float] | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    def column(self, target: str) -> str:
        """Return the name of a target in tables of predictions, which tells where it is zero-shot."""
        return f"{target}_zero_shot" if target in self.zero_shot else target
