"""What a file's name says of its form, and the bounds of what is read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from stance.errors import Fault, StanceError, choices

#: What a file's ending says of its form; all but the last may be packed.
FORMATS = ("txt", "csv", "tsv", "jsonl", "parquet")
CODECS = {".gz": "gzip", ".zst": "zstd"}

#: Characters of a row. More are a quote that was never closed, or no text at all.
MAX_CHARACTERS = 2**24
#: More columns are a broken header, or keys that are data.
MAX_COLUMNS = 10_000
#: Bytes, unpacked, of a row group of Parquet, the least that can be read.
MAX_GROUP_BYTES = 2**31


class BrokenFileError(Exception):
    """What is wrong with a file from here on: what was found, and what was wanted."""


@dataclass(frozen=True)
class Source:
    """A file: its name in messages, its path, one of `FORMATS`, and ``"gzip"``, ``"zstd"`` or None."""

    name: str
    path: Path
    form: str
    codec: str | None = None

    def fault(self, line: int | None, found: str, wanted: str) -> Fault:
        """Return a fault in this file."""
        return Fault(self.name, line, None, found, wanted)


def form_of(path: str | Path) -> tuple[str, str | None]:
    """Return the format and the codec that a file's name ends with.

    Raises
    ------
    StanceError
        If the ending is none of `FORMATS`, or a Parquet file is packed once more.

    >>> form_of("a.csv.gz")
    ('csv', 'gzip')
    """
    name = Path(path)
    codec = CODECS.get(name.suffix.lower())
    ending = (name.with_suffix("") if codec else name).suffix.lower().lstrip(".")
    if ending not in FORMATS:
        hint = " (in the spreadsheet: save as CSV UTF-8)" if ending in ("xlsx", "xls", "ods", "numbers") else ""
        raise StanceError(f"{path}: ending {ending!r}; wanted {choices(FORMATS)}{hint}")
    if ending == "parquet" and codec:
        raise StanceError(f"{path}: a packed Parquet file; wanted it plain, since Parquet packs its own columns")
    return ending, codec


def checked_names(names: list[str]) -> list[str]:
    """Return the names of columns; BrokenFileError if there are too many, or one is there twice."""
    if len(names) > MAX_COLUMNS:
        raise BrokenFileError(f"{len(names)} columns", f"at most {MAX_COLUMNS}")
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise BrokenFileError(f"the column {twice[0]!r} twice", "each column once")
    return names
