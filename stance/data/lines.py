"""The rows of a text file, each with its line; a bad one is a fault.

CSV and JSON go through Python's own modules: the readers of pyarrow, DuckDB and pandas count rows where a fault needs
its line, and mend stray quotes or blank out empty cells unasked.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from typing import IO, Any, TypeVar

from stance.data.formats import MAX_CHARACTERS, MAX_COLUMNS, BrokenFileError, Source, checked_names
from stance.errors import Fault

#: Refuses NaN and infinity, which JSON does not have.
JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=str)

Row = dict[str, Any]
T = TypeVar("T")


class Lines(Iterator[str]):
    """The lines of a text file; an iterator that can go on after it raised ``csv.Error`` for a row too long.

    Attributes
    ----------
    number, characters
        Lines and characters read so far.
    head
        The first line, or its beginning.
    """

    def __init__(self, source: Source, file: IO[bytes]) -> None:
        stream: Any = file
        if source.codec:
            import pyarrow as pa

            stream = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), source.codec)
        buffer = io.BufferedReader(stream, 2**18)
        self.source = source
        self.head = buffer.peek(1).split(b"\n", 1)[0].decode("utf-8-sig", errors="replace")
        self.number = self.characters = self._row_start = 0
        self._fault: Fault | None = None
        newline = "\n" if source.form in ("txt", "jsonl") else ""
        # A byte that is not UTF-8 becomes a surrogate, and with it one row is lost, not the file.
        self._text = io.TextIOWrapper(buffer, encoding="utf-8-sig", errors="surrogateescape", newline=newline)

    def __next__(self) -> str:
        line = self._text.readline(MAX_CHARACTERS + 1)
        if not line:
            raise StopIteration
        self.number += 1
        self.characters += len(line)
        if self.characters - self._row_start > MAX_CHARACTERS:
            while line and line[-1] not in "\r\n":
                line = self._text.readline(MAX_CHARACTERS)
            raise csv.Error(f"a row of more than {MAX_CHARACTERS:,} characters")
        if not self._fault and (found := _no_text(line)):
            self._fault = self.source.fault(self.number, found, "UTF-8 text (save the file as UTF-8)")
        return line

    def records(self, parser: Iterator[T]) -> Iterator[tuple[int, T | Fault]]:
        """Yield what a parser makes of these lines, or the fault in them, each with the line it begins at."""
        while True:
            line, self._row_start, self._fault = self.number + 1, self.characters, None
            try:
                record = next(parser)
            except StopIteration:
                return
            except csv.Error as error:
                found = f"broken {self.source.form.upper()} ({error})"
                rest = f" from here to line {self.number}" if self.number > line else ""
                yield line, self.source.fault(line, found + rest, "quotes in pairs, a row a line")
            else:
                yield line, self._fault or record


def _no_text(line: str) -> str | None:
    """Return what a line holds that is no character, if anything."""
    try:
        line.isascii() or line.encode()
    except UnicodeEncodeError as error:
        return f"byte 0x{ord(line[error.start]) - 0xDC00:02x}, which is not UTF-8"
    return "a NUL byte (a binary file?)" if "\0" in line else None


def _txt_rows(lines: Lines) -> Iterator[tuple[int, Row | Fault]]:
    for line, text in lines.records(lines):
        yield line, text if isinstance(text, Fault) else {"text": text.rstrip("\r\n")}


def _csv_rows(lines: Lines) -> Iterator[tuple[int, Row | Fault]]:
    csv.field_size_limit(MAX_CHARACTERS)  # the module's own, 128 KiB, is shorter than a document
    # Spreadsheets in many countries save "CSV" with semicolons, and some with tabs.
    signs = "\t" if lines.source.form == "tsv" else ",;\t"
    delimiter = next((sign for sign in signs if sign in re.sub(r'"[^"]*"', "", lines.head)), signs[0])
    header: list[str] = []
    for line, cells in lines.records(csv.reader(lines, delimiter=delimiter, strict=True)):
        if isinstance(cells, Fault):
            if not header:
                raise BrokenFileError(f"in its header {cells.found}", cells.wanted)
            yield line, cells
        elif not header:
            header = checked_names([name.strip() for name in cells])
        elif len(cells) == len(header):
            yield line, dict(zip(header, cells, strict=True))
        elif cells:
            yield line, lines.source.fault(line, f"{len(cells)} fields", f"{len(header)}, as in the header")


def _jsonl_rows(lines: Lines) -> Iterator[tuple[int, Row | Fault]]:
    names: set[str] = set()
    for line, text in lines.records(lines):
        if isinstance(text, Fault):
            yield line, text
        elif text.strip():
            try:
                row = json.loads(text)
                JSON.encode([[[[[row]]]]]).encode()  # NaN, half of a pair of surrogates: could not be written again
                if not isinstance(row, dict):
                    raise ValueError(f"{type(row).__name__}, not an object")
                if len(names) + len(row.keys() - names) > MAX_COLUMNS:
                    raise ValueError(f"the key that makes it more than {MAX_COLUMNS} different ones")
            except (ValueError, RecursionError) as error:
                yield line, lines.source.fault(line, f"broken JSON ({error})", "one JSON object a line")
            else:
                names.update(row)
                yield line, row


#: Of each form, the rows that lines hold.
ROWS: dict[str, Callable[[Lines], Iterator[tuple[int, Row | Fault]]]] = {
    "txt": _txt_rows,
    "csv": _csv_rows,
    "tsv": _csv_rows,
    "jsonl": _jsonl_rows,
}
