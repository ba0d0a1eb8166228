"""Files as streams of lines: what a name says of its form, and how a packed file is opened."""

from __future__ import annotations

import glob
import gzip
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stance.errors import StanceError, choices

#: What a file's ending says of its form; all but the last may be packed (`CODECS`).
FORMATS = ("txt", "csv", "tsv", "jsonl", "parquet")
CODECS = {".gz": "gzip", ".zst": "zstd"}

#: Longest line, or field of a CSV, in characters. Longer is an open quote or no text at all.
LINE_LIMIT = 2**24
#: A packed file may grow to this many times its size (text rarely passes 20), or to `UNPACKED_FREE` bytes.
UNPACKED_RATIO = 200
UNPACKED_FREE = 2**26

_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class BrokenFileError(Exception):
    """A file as a whole that cannot be read: what was found, and what was wanted."""

    def __init__(self, found: str, wanted: str) -> None:
        super().__init__(f"found {found}; wanted {wanted}")
        self.found = found
        self.wanted = wanted


class LongLineError(BrokenFileError):
    """One line that is too long; reading can go on with the next."""


@dataclass(frozen=True)
class Source:
    """One file to read.

    Attributes
    ----------
    name
        The file as the user named it, for messages and for the column of files.
    path
        Where its bytes are.
    form
        One of `FORMATS`.
    codec
        ``"gzip"``, ``"zstd"`` or None.
    """

    name: str
    path: Path
    form: str
    codec: str | None = None


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


def sources_of(pattern: str) -> list[Source]:
    """Return the files that a path, a folder (searched in depth) or a glob names, sorted by name.

    Hidden files, and in a folder those of other endings than `FORMATS`, are no sources.

    Raises
    ------
    StanceError
        If there is none, or a file's ending is unknown.
    """
    path = Path(pattern)
    if path.is_dir():
        inside = [p for p in path.rglob("*") if not any(part.startswith(".") for part in p.relative_to(path).parts)]
        files = [p for p in inside if p.is_file() and _known(p)]
        gap = f"{pattern} is a folder without a file of text; wanted {choices(FORMATS)} in it"
    elif path.exists() or not glob.has_magic(pattern):
        files = [path] if path.exists() else []
        gap = f"{pattern} does not exist; wanted a table. Check the spelling and the folder"
    else:
        files = [p for p in map(Path, glob.glob(pattern, recursive=True)) if p.is_file()]  # noqa: PTH207 (takes an absolute one)
        gap = f"no file matches {pattern}; wanted a file, a folder or a glob (in quotes)"
    if not files:
        raise StanceError(gap)
    # A name that is not UTF-8 could not be written into the column of files.
    return [Source(os.fsencode(file).decode(errors="replace"), file, *form_of(file)) for file in sorted(files)]


def _known(path: Path) -> bool:
    try:
        form_of(path)
    except StanceError:
        return False
    return True


@contextmanager
def standard_input(form: str) -> Iterator[Source]:
    """Yield standard input as a file, so that it can be read twice; it is deleted at the end."""
    with tempfile.TemporaryDirectory(prefix="stance-") as folder:
        path = Path(folder) / "stdin"
        with path.open("wb") as handle:
            shutil.copyfileobj(sys.stdin.buffer, handle)
        yield Source("standard input", path, form)


class _Meter(io.RawIOBase):
    """A stream that knows how much of the file was read, and ends where a packed one grows too far."""

    def __init__(self, source: Source) -> None:
        self._file = source.path.open("rb")
        self._stream: Any = self._file
        size = source.path.stat().st_size
        self._limit = sys.maxsize
        self._count = 0
        if source.codec:
            self._limit = max(UNPACKED_FREE, UNPACKED_RATIO * size)
        if source.codec == "gzip":
            self._stream = gzip.GzipFile(fileobj=self._file)
        elif source.codec == "zstd":
            import pyarrow as pa

            self._stream = pa.CompressedInputStream(pa.PythonFile(self._file, mode="r"), "zstd")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        # The decompressors raise what they like.
        try:
            raw = self._stream.read1(len(buffer))
        except Exception as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise BrokenFileError(f"broken or cut-off packed data ({reason})", "the whole file") from None
        self._count += len(raw)
        if self._count > self._limit:
            found = f"packed data that grows more than {UNPACKED_RATIO}-fold"
            raise BrokenFileError(found, "text; if it is, unpack the file first")
        buffer[: len(raw)] = raw
        return len(raw)

    @property
    def position(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()
        super().close()


class Lines:
    """The lines of a text file, each at most `LINE_LIMIT` characters long.

    An iterator that can go on after it raised `LongLineError`.

    Parameters
    ----------
    newline
        As in `open`: ``""`` ends lines as CSV does, ``"\\n"`` there only.

    Attributes
    ----------
    head
        The first line, or its beginning.
    number
        Lines read so far.
    fault
        The first ``(line, found, wanted)`` since `fault` was last set to None: a NUL, or a byte that is
        not UTF-8.
    """

    def __init__(self, source: Source, *, newline: str) -> None:
        self._raw = _Meter(source)
        head = io.BufferedReader(self._raw, 2**18)
        self.number = 0
        self.fault: tuple[int, str, str] | None = None
        try:
            start = head.peek(2)
            if start[:2] in _UTF16:
                raise BrokenFileError("UTF-16 text", "UTF-8 text (save the file as UTF-8, or CSV UTF-8)")
        except BrokenFileError:
            self._raw.close()
            raise
        self.head = start.split(b"\n", 1)[0].decode("utf-8-sig", errors="replace")
        # A byte that is not UTF-8 becomes a surrogate, and with it one line is lost, not the file.
        self._text = io.TextIOWrapper(head, encoding="utf-8-sig", errors="surrogateescape", newline=newline)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._text.readline(LINE_LIMIT + 1)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) > LINE_LIMIT:
            while line and line[-1] not in "\r\n":
                line = self._text.readline(LINE_LIMIT)
            raise LongLineError(f"a line of more than {LINE_LIMIT} characters", "one text a line")
        if self.fault is None:
            self.fault = self._fault_of(line)
        return line

    def _fault_of(self, line: str) -> tuple[int, str, str] | None:
        if "\0" in line:
            return self.number, "a NUL byte (a binary file?)", "UTF-8 text"
        if not line.isascii():
            try:
                line.encode()
            except UnicodeEncodeError as error:
                byte = ord(line[error.start]) - 0xDC00
                return self.number, f"byte 0x{byte:02x}, which is not UTF-8", "UTF-8 text (save the file as UTF-8)"
        return None

    @property
    def position(self) -> int:
        """Bytes of the file read so far, packed ones if it is packed."""
        return self._raw.position

    def close(self) -> None:
        """Close the file."""
        self._text.close()
