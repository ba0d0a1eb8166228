"""Tables in and out: CSV, TSV, JSON lines, Parquet and plain text, whole or not at all."""

from __future__ import annotations

import csv
import gzip
import io
import math
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import IO, TYPE_CHECKING, Any

from stance.data.chunks import Column, arrow_type, cells_of, kinds_of, read_chunks
from stance.data.formats import Source, form_of
from stance.data.lines import JSON, Lines
from stance.errors import DataError, Fault, StanceError, existing_file
from stance.files import atomic_write

if TYPE_CHECKING:
    import pandas as pd

Columns = Mapping[str, Column]


@dataclass(frozen=True)
class Table:
    """A file's rows, cells as they stand in it.

    Attributes
    ----------
    frame
        The cells, as in `Chunk`.
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


def read_table(path: str | Path) -> Table:
    """Read a whole table.

    Raises
    ------
    DataError
        If the file is empty, binary, not UTF-8, or a row does not fit the header.
    StanceError
        If there is no such file or its ending is unknown.
    """
    import pandas as pd

    source = Source(str(path), existing_file(Path(path), "a table"), *form_of(path))
    chunks = list(read_chunks(source))
    if faults := [fault for chunk in chunks for fault in chunk.faults]:
        raise DataError(faults)
    frame = pd.concat([chunk.frame for chunk in chunks], ignore_index=True)
    return Table(frame, [line for chunk in chunks for line in chunk.lines], source.name, source.form)


def read_text(path: str | Path) -> str:
    """Read a UTF-8 text file; ``-`` is standard input.

    Raises
    ------
    DataError
        If it is empty, binary, not UTF-8, or a web page.
    StanceError
        If there is no such file.
    """
    file = Path(path)
    raw = sys.stdin.buffer.read() if str(path) == "-" else existing_file(file, "a text file").read_bytes()
    source = Source(str(path), file, "txt")
    lines = Lines(source, io.BytesIO(raw))
    read = [line for _, line in lines.records(lines)]
    text = "".join(line for line in read if isinstance(line, str))
    faults = [line for line in read if isinstance(line, Fault)]
    if not faults and not text.strip():
        faults = [source.fault(None, "an empty file", "a text")]
    if file.suffix.lower() in (".html", ".htm") or text.lstrip()[:9].lower().startswith(("<!doctype", "<html")):
        faults = [source.fault(None, "an HTML page", "plain text (save the article's text as .txt)")]
    if faults:
        raise DataError(faults)
    return text


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a table; StanceError if the ending is unknown or the file cannot be written."""
    write_columns({str(name): frame[name] for name in frame.columns}, path)


def write_columns(columns: Columns, path: str | Path, *, form: str | None = None) -> None:
    """Write columns of equal length, as `write_table` does; ``-`` is standard output, in `form`."""
    types = {name: arrow_type(kinds_of(column)) for name, column in columns.items()}
    with table_writer(path, types, form=form) as write:
        write(columns)


@contextmanager
def table_writer(
    path: str | Path, columns: Mapping[str, Any], *, form: str | None = None
) -> Iterator[Callable[[Columns], None]]:
    """Yield a function that writes rows; the file appears at the end, whole or not at all.

    Parameters
    ----------
    path
        A file whose ending names its form, or ``-`` for standard output. Plain text has no room for columns and is
        written as CSV.
    columns
        Name of each column in order, with its Arrow type or the type's name if the file is Parquet.
    form
        The form of standard output.

    Raises
    ------
    StanceError
        If the ending is unknown or the file cannot be written. A reader of standard output that has gone is a
        BrokenPipeError.
    """
    form, codec = (form, None) if form else form_of(path)
    with _destination(path, codec) as out:
        if form == "parquet":
            import pyarrow as pa
            import pyarrow.parquet as pq

            schema = pa.schema(list(columns.items()))
            writer = pq.ParquetWriter(out, schema)
            try:
                yield lambda rows: writer.write_table(_arrow_table(rows, schema))
                writer.close()
            finally:
                # After a failed write its finalizer writes once more: now, while the file is open.
                writer.is_open, writer.writer = False, None
        elif form == "jsonl":
            yield lambda rows: out.writelines(_json_lines({name: rows[name] for name in columns}))
        else:
            delimiter = "\t" if form == "tsv" else ","
            out.write(_csv_text([list(columns)], delimiter))
            yield lambda rows: out.write(
                _csv_text(zip(*(_csv_cells(rows[n]) for n in columns), strict=True), delimiter)
            )


@contextmanager
def _destination(path: str | Path, codec: str | None) -> Iterator[Any]:
    """Yield a handle for a file that appears whole, packed if it has a codec, or for all of standard output."""
    if str(path) != "-":
        with atomic_write(Path(path)) as handle, _packed(handle, codec) as out:
            yield out
        return
    with tempfile.TemporaryFile() as handle:
        yield handle
        handle.seek(0)
        try:
            shutil.copyfileobj(handle, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise StanceError(f"cannot write standard output: {error.strerror}") from None


def _packed(handle: IO[bytes], codec: str | None) -> Any:
    if codec is None:
        return nullcontext(handle)
    if codec == "gzip":  # pyarrow would pack it at the slowest level
        return gzip.GzipFile("", "wb", 6, handle, mtime=0)
    import pyarrow as pa

    return pa.CompressedOutputStream(pa.PythonFile(handle, mode="w"), codec)


def _csv_text(rows: Iterable[Sequence[Any]], delimiter: str) -> bytes:
    lines: list[str] = []
    # With this end of a row the csv module quotes a cell that holds either sign; a row ends with "\n" all the same.
    sink = SimpleNamespace(write=lambda row: lines.append(row[:-2] + "\n"))
    csv.writer(sink, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return "".join(lines).encode()


def _csv_cells(column: Column) -> list[Any]:
    cells = cells_of(column)
    if {dict, list, float} & set(map(type, cells)):
        cells = [_json(c) if isinstance(c, (dict, list)) else None if c != c else c for c in cells]
    return cells


def _json_lines(rows: Columns) -> Iterator[bytes]:
    for cells in zip(*map(cells_of, rows.values()), strict=True):
        yield f"{_json(dict(zip(rows, cells, strict=True)))}\n".encode()


def _json(value: Any) -> str:
    try:
        return JSON.encode(value)
    except ValueError:  # JSON has no NaN and no infinity
        return JSON.encode(_finite(value))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _arrow_table(rows: Columns, schema: Any) -> Any:
    import pandas as pd
    import pyarrow as pa

    def array(column: Column, kind: Any) -> Any:
        if getattr(column, "dtype", None) == pd.ArrowDtype(kind):
            return pa.array(column)
        cells = cells_of(column)
        if kind == "string":
            cells = [
                c if c is None or isinstance(c, str) else _json(c) if isinstance(c, (dict, list)) else str(c)
                for c in cells
            ]
        return pa.array(cells, type=kind)

    return pa.table([array(rows[field.name], field.type) for field in schema], schema=schema)
