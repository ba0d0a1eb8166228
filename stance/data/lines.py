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
from itertools import chain
from typing import IO, Any

from stance.data.formats import HEAD_LINES, MAX_CHARACTERS, MAX_COLUMNS, BrokenDataError, Source, check_names
from stance.errors import Fault

#: Refuses NaN and infinity, which JSON does not have.
JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=str)

Row = dict[str, Any]


class Lines(Iterator[str]):
    """The lines of a text file, and its rows; `columns` are known once a row was read (of JSON those so far)."""

    def __init__(self, source: Source, file: IO[bytes]) -> None:
        import pyarrow as pa

        stream: Any = io.BufferedReader(pa.input_stream(file, compression=source.codec), 2**18)
        newline = "\n" if source.form in ("txt", "jsonl") else ""
        # A byte that is not UTF-8 becomes a surrogate, and with it one row is lost, not the file.
        self._text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline=newline)
        self.source = source
        self.columns: dict[str, None] = {}
        self.number = self.characters = self._row_start = 0

    def __next__(self) -> str:
        """Return a line; it can be called again after the csv.Error of a row too long."""
        line = self._text.readline(MAX_CHARACTERS + 1)
        if not line:
            raise StopIteration
        self.number += 1
        self.characters += len(line)
        if self.characters - self._row_start > MAX_CHARACTERS:
            while line and line[-1] not in "\r\n":
                line = self._text.readline(MAX_CHARACTERS)
            raise csv.Error(f"a row of more than {MAX_CHARACTERS:,} characters")
        return line

    def rows(self) -> Iterator[tuple[int, Row | Fault]]:
        """Yield each row, or its fault, with the line it begins at; a fault that has no line ends the file."""
        last = 0
        try:
            for last, row in self._rows():
                yield last, row
            if not last:
                raise BrokenDataError("no rows" if self.number else "an empty file", "at least one row")
        except (BrokenDataError, csv.Error, OSError) as error:
            yield last, self.source.fault(None, error, last)

    def _rows(self) -> Iterator[tuple[int, Row | Fault]]:
        parser = _PARSERS[self.source.form](self)
        while True:
            line, self._row_start = self.number + 1, self.characters
            try:
                row: Row | Fault | None = next(parser)
            except StopIteration:
                return
            except BrokenDataError as error:
                row = self.source.fault(line, error)
            except csv.Error as error:
                rest = f" from here to line {self.number}" if self.number > line else ""
                found = f"broken {self.source.form.upper()} ({error}){rest}"
                row = Fault(self.source.name, line, None, found, "quotes in pairs, a row a line")
            if row is not None:
                yield line, row


# A parser is an iterator of rows, None for a blank line, that goes on after an error: `map` does, a generator not.


def _txt_parser(lines: Lines) -> Iterator[Row | None]:
    def row(line: str) -> Row:
        return {"text": _checked(line).rstrip("\r\n")}

    lines.columns["text"] = None
    return map(row, lines)


def _csv_parser(lines: Lines) -> Iterator[Row | None]:
    csv.field_size_limit(MAX_CHARACTERS)  # the module's own, 128 KiB, is shorter than a document
    head = next(lines, "")
    # Spreadsheets in many countries save "CSV" with semicolons, and some with tabs.
    signs = "\t" if lines.source.form == "tsv" else ",;\t"
    delimiter = next((sign for sign in signs if sign in re.sub(r'"[^"]*"', "", head)), signs[0])
    records = csv.reader(chain([head], lines), delimiter=delimiter, strict=True)
    names = [_checked(name).strip() for name in next(filter(None, records), [])]
    check_names(names)
    lines.columns = dict.fromkeys(names)

    def row(cells: list[str]) -> Row | None:
        _checked("".join(cells))
        if cells and len(cells) != len(names):
            raise BrokenDataError(f"{len(cells)} fields", f"{len(names)}, as in the header")
        return dict(zip(names, cells, strict=True)) if cells else None

    return map(row, records)


def _jsonl_parser(lines: Lines) -> Iterator[Row | None]:
    def row(line: str) -> Row | None:
        if not _checked(line).strip():
            return None
        try:
            cells = json.loads(line)
            JSON.encode([[[[[cells]]]]]).encode()  # NaN, half of a pair of surrogates: could not be written again
            if not isinstance(cells, dict):
                raise ValueError(f"{type(cells).__name__}, not an object")
        except (ValueError, RecursionError) as error:
            raise BrokenDataError(f"broken JSON ({error})", "one JSON object a line") from None
        new = dict.fromkeys(name for name in cells if name not in lines.columns)
        if new and (lines.number > HEAD_LINES or len(lines.columns) + len(new) > MAX_COLUMNS):
            wanted = f"at most {MAX_COLUMNS:,} keys, each of them in the first {HEAD_LINES:,} lines too"
            raise BrokenDataError(f"the new key {next(iter(new))!r}", wanted)
        lines.columns |= new
        return cells

    return map(row, lines)


_PARSERS: dict[str, Callable[[Lines], Iterator[Row | None]]] = {
    "txt": _txt_parser,
    "csv": _csv_parser,
    "tsv": _csv_parser,
    "jsonl": _jsonl_parser,
}


def _checked(text: str) -> str:
    """Return a text; BrokenDataError if it holds what is no character."""
    try:
        text.isascii() or text.encode()
        found = "a NUL byte (a binary file?)" if "\0" in text else None
    except UnicodeEncodeError as error:
        found = f"byte 0x{ord(text[error.start]) - 0xDC00:02x}, which is not UTF-8"
    if found:
        raise BrokenDataError(found, "UTF-8 text (save the file as UTF-8)")
    return text
