"""Tables in and out: CSV, TSV, JSON lines, Parquet and plain text, whole or not at all."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from stance.data.records import Column, read_chunks
from stance.data.streams import Source, form_of, standard_input
from stance.data.writers import encode, pack
from stance.errors import DataError, Fault, StanceError, existing_file
from stance.files import atomic_write

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Table:
    """A file's rows, cells as they stand in it.

    Attributes
    ----------
    frame
        The cells. From text formats every CSV cell is a string, so that writing it back
        changes nothing ("007" stays "007").
    lines
        Line in the file of each row, the header being 1.
    source
        The file as the user named it.
    form
        One of `FORMATS`.
    """

    frame: pd.DataFrame
    lines: list[int]
    source: str
    form: str


def read_table(path: str | Path, *, form: str | None = None) -> Table:
    """Read a whole table; ``-`` is standard input (`form` then says what comes).

    Raises
    ------
    DataError
        If the file is empty, binary, not UTF-8, or a row does not fit the header.
    StanceError
        If there is no such file or its ending is unknown.
    """
    if str(path) == "-":
        with standard_input(form or "txt") as source:
            return _read(source)
    file = existing_file(Path(path), "a table")
    return _read(Source(str(path), file, *((form, None) if form else form_of(file))))


def _read(source: Source) -> Table:
    import pandas as pd

    chunks = list(read_chunks(source, rows=100_000, characters=sys.maxsize))
    if faults := [fault for chunk in chunks for fault in chunk.faults]:
        raise DataError(faults)
    lines = [line for chunk in chunks for line in chunk.lines]
    if source.form == "parquet":
        # Arrow types keep integers with gaps, dates and lists as they are.
        return Table(pd.read_parquet(source.path, dtype_backend="pyarrow"), lines, source.name, source.form)
    names = dict.fromkeys(name for chunk in chunks for name in chunk.columns)
    cells = {
        name: [cell for chunk in chunks for cell in chunk.columns.get(name, [None] * len(chunk.lines))]
        for name in names
    }
    return Table(pd.DataFrame(cells, dtype=object), lines, source.name, source.form)


def read_text(path: str | Path) -> str:
    """Read a UTF-8 text file; ``-`` is standard input.

    Raises
    ------
    DataError
        If it is empty, binary, not UTF-8, or a web page.
    StanceError
        If there is no such file.
    """
    raw = sys.stdin.buffer.read() if str(path) == "-" else existing_file(Path(path), "a text file").read_bytes()
    if not raw.strip():
        raise _broken(str(path), None, "an empty file", "a text")
    text = _decode(raw, str(path))
    if Path(path).suffix.lower() in (".html", ".htm") or text.lstrip()[:9].lower().startswith(("<!doctype", "<html")):
        raise _broken(str(path), None, "an HTML page", "plain text (save the article's text as .txt)")
    return text


def _decode(raw: bytes, source: str) -> str:
    if b"\0" in raw:
        line = raw[: raw.index(b"\0")].count(b"\n") + 1
        raise _broken(source, line, "a NUL byte (a binary file?)", "UTF-8 text")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        found = f"byte 0x{raw[error.start]:02x}, which is not UTF-8"
        raise _broken(source, line, found, "UTF-8 text (save the file as UTF-8)") from None


def write_table(frame: pd.DataFrame, path: str | Path, *, form: str | None = None) -> None:
    """Write a table, to a temporary name first and then renamed; ``-`` is standard output.

    Raises
    ------
    StanceError
        If the ending is unknown or the file cannot be written.
    """
    if (form or form_of(path)[0]) == "parquet":
        buffer = io.BytesIO()
        _for_parquet(frame).to_parquet(buffer, index=False)
        _put(buffer.getvalue(), path)
    else:
        write_columns({str(name): frame[name].tolist() for name in frame.columns}, path, form=form)


def write_columns(columns: Mapping[str, Column], path: str | Path, *, form: str | None = None) -> None:
    """Write columns of equal length, as `write_table` does.

    Raises
    ------
    StanceError
        If the ending is unknown or the file cannot be written.
    """
    form, codec = (form, None) if form else form_of(path)
    _put(pack(encode(columns, form, head=True), codec), path)


def _put(raw: bytes, path: str | Path) -> None:
    if str(path) == "-":
        write_stdout(lambda out: out.write(raw))
        return
    with atomic_write(Path(path)) as handle:
        handle.write(raw)


def write_stdout(write: Callable[[IO[bytes]], object]) -> None:
    """Let `write` write to standard output, to its end.

    Raises
    ------
    StanceError
        If it cannot be written; a reader that has gone is a BrokenPipeError.
    """
    try:
        write(sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StanceError(f"cannot write standard output: {error.strerror}") from None


def _for_parquet(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave typed columns alone; let the untyped ones find one type, else be text."""
    result = frame.copy()
    for column in result.select_dtypes(object).columns:
        kinds = {type(value) for value in result[column] if value is not None}
        if len(kinds) > 1:
            result[column] = result[column].map(lambda v: None if v is None else str(v))
    return result


def _broken(source: str, line: int | None, found: str, wanted: str) -> DataError:
    return DataError([Fault(source, line, None, found, wanted)])
