"""Labels, records and errors that every other module shares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: The stances, in the one order that every array, table and plot follows.
LABELS: tuple[str, str, str] = ("against", "none", "favor")

#: One colour a label everywhere (Okabe & Ito's palette, safe for colour-blind readers).
COLORS = {"against": "#D55E00", "none": "#8C8C8C", "favor": "#0072B2"}

#: One sign a label, for those who see no colour.
SIGNS = {"against": "\N{MINUS SIGN}", "none": "0", "favor": "+"}


class StanceError(Exception):
    """Any failure whose cause a user can mend; the message says how."""


class ConfigError(StanceError):
    """Settings that cannot be used."""


class ModelError(StanceError):
    """A model that cannot be read, or a target it does not know."""


class RunError(StanceError):
    """A run folder that cannot be written or found."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong in a data file.

    Attributes
    ----------
    file
        The file as the user named it.
    line
        Line in the file, the header being 1; ``None`` for the file as a whole.
    column
        Column name, or ``None`` where no single column is at fault.
    found, wanted
        What stands there, and what is allowed.
    warning
        True where training can go on all the same.
    """

    file: str
    line: int | None
    column: str | None
    found: str
    wanted: str
    warning: bool = False

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        column = f": column {self.column!r}" if self.column else ""
        return f"{place}{column}: found {self.found}; wanted {self.wanted}"


class DataError(StanceError):
    """Data that cannot be used; carries every fault found, not just the first."""

    shown = 20

    def __init__(self, faults: Iterable[Fault], *, hint: str = "`stance corpus check FILE` lists them all") -> None:
        self.faults = tuple(faults)
        lines = [str(fault) for fault in self.faults[: self.shown]]
        hidden = len(self.faults) - len(lines)
        if hidden:
            lines.append(f"... and {hidden} more ({hint})")
        super().__init__("\n".join(lines))


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


def choices(names: Sequence[str]) -> str:
    """Return names for a message: ``'a', 'b' or 'c'``.

    >>> choices(LABELS)
    "'against', 'none' or 'favor'"
    """
    quoted = [repr(name) for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def existing_file(path: Path, what: str) -> Path:
    """Return the path if it is a file that exists.

    Raises
    ------
    StanceError
        If nothing is there, or a folder is.
    """
    if path.is_dir():
        raise StanceError(f"{path} is a folder; wanted {what}")
    if not path.exists():
        raise StanceError(f"{path} does not exist; wanted {what}. Check the spelling and the folder")
    return path
