"""Errors whose cause a user can mend, and how their messages are put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


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
    """One thing wrong in a data file."""

    file: str  #: as the user named it
    line: int | None  #: the header being 1; None for the file as a whole
    column: str | None  #: None where no single column is at fault
    found: str
    wanted: str
    warning: bool = False  #: training can go on all the same

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
        if hidden := len(self.faults) - len(lines):
            lines.append(f"... and {hidden} more ({hint})")
        super().__init__("\n".join(lines))


def choices(names: Sequence[str]) -> str:
    """Return names for a message: ``'a', 'b' or 'c'``."""
    quoted = [repr(name) for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def existing_file(path: Path, what: str) -> Path:
    """Return the path if it is a file that exists; StanceError if nothing is there, a folder, a pipe or a device."""
    if path.is_dir():
        raise StanceError(f"{path} is a folder; wanted {what}")
    if not path.exists():
        raise StanceError(f"{path} does not exist; wanted {what}. Check the spelling and the folder")
    if not path.is_file():
        raise StanceError(f"{path} is a pipe or a device; wanted {what}. Save what it gives as a file")
    return path
