"""What a file's name says of its form, and the bounds of what is read."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from stance.errors import Fault, StanceError, choices

#: What a file's ending says of its form; all but Parquet may be packed. Excel's is read where openpyxl is installed.
FORMATS = ("txt", "csv", "tsv", "jsonl", "parquet")
READABLE = (*FORMATS, "xlsx") if find_spec("openpyxl") else FORMATS
CODECS = {".gz": "gzip", ".zst": "zstd"}
ENDINGS = tuple(f".{form}{codec}" for form in READABLE for codec in ("", *CODECS))

#: Characters of a row. More are a quote that was never closed, or no text at all.
MAX_CHARACTERS = 2**24
#: More columns are a broken header, or keys that are data.
MAX_COLUMNS = 10_000
#: A table with more faults is read no further.
MAX_FAULTS = 1000
#: The keys in so many lines of JSON are the columns.
HEAD_LINES = 20_000
#: Bytes, unpacked, of a row group of Parquet, the least that can be read.
MAX_GROUP_BYTES = 2**31


class BrokenDataError(Exception):
    """What is wrong with a row, or with a file from here on: what was found, and what was wanted."""


@dataclass(frozen=True)
class Source:
    """A file: its name in messages, its path, one of `READABLE`, and ``"gzip"``, ``"zstd"`` or None."""

    name: str
    path: Path
    form: str
    codec: str | None = None

    def fault(self, line: int | None, error: Exception, after: int = 0) -> Fault:
        """Return what is wrong in a line, or without one, with the file after its line (or row) `after`."""
        if isinstance(error, BrokenDataError):
            found, wanted = error.args
        else:
            found, wanted = f"data that cannot be read ({first_line(error)})", "a whole, readable file"
        rest = f" after {'row' if self.form in ('parquet', 'xlsx') else 'line'} {after}" if after else ""
        return Fault(self.name, line, None, found + rest, wanted)


def form_of(path: str | Path, *, writing: bool = False) -> tuple[str, str | None]:
    """Return the format and the codec that a file's name ends with; StanceError if they are none that are known.

    >>> form_of("a.csv.gz")
    ('csv', 'gzip')
    """
    name = Path(path)
    codec = CODECS.get(name.suffix.lower())
    ending = (name.with_suffix("") if codec else name).suffix.lower().lstrip(".")
    known = FORMATS if writing else READABLE
    if ending not in known:
        hint = " (in the spreadsheet: save as CSV UTF-8)" if ending in ("xlsx", "xls", "ods", "numbers") else ""
        raise StanceError(f"{path}: ending {ending!r}; wanted {choices(known)}{hint}")
    if ending in ("parquet", "xlsx") and codec:
        raise StanceError(f"{path}: a packed {ending} file; wanted it plain, since it is packed inside")
    return ending, codec


def check_names(names: list[str]) -> None:
    """Raise BrokenDataError if there are too many columns, or one is there twice."""
    if len(names) > MAX_COLUMNS:
        raise BrokenDataError(f"{len(names)} columns", f"at most {MAX_COLUMNS}")
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise BrokenDataError(f"the column {name!r} twice", "each column once")
        seen.add(name)


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or its kind."""
    return str(error).split("\n", 1)[0] or type(error).__name__
