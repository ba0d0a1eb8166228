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

from stance.data.chunks import read_chunks
from stance.data.formats import MAX_FAULTS, Source, form_of
from stance.data.lines import JSON, Lines, Row
from stance.errors import DataError, Fault, existing_file
from stance.files import atomic_write

if TYPE_CHECKING:
    import pandas as pd

Write = Callable[[Iterable[Sequence[Any]]], object]


@dataclass(frozen=True)
class Table:
    """A file's rows: its cells, the line of each row (the header being 1), and the file as the user named it.

    Cells are Python values, those of Parquet have Arrow types; one that a row of JSON lacks is None.
    """

    frame: pd.DataFrame
    lines: list[int]
    source: str


def read_table(path: str | Path) -> Table:
    """Read a whole table; DataError for what is wrong in it, StanceError if there is none or its ending is unknown."""
    import pandas as pd

    rows: dict[int, Row] = {}
    columns: dict[str, Any] = {}
    faults: list[Fault] = []
    for chunk in read_chunks(Source(str(path), existing_file(Path(path), "a table"), *form_of(path))):
        rows.update({} if faults else chunk.rows)
        columns, faults = chunk.columns, faults + chunk.faults
        if len(faults) > MAX_FAULTS:
            faults[MAX_FAULTS:] = [Fault(str(path), None, None, "more faults than these", f"at most {MAX_FAULTS:,}")]
            break
    if faults:
        raise DataError(faults)
    frame = pd.DataFrame({name: [row.get(name) for row in rows.values()] for name in columns}, dtype=object)
    frame = frame.astype({name: pd.ArrowDtype(kind) for name, kind in columns.items() if kind})
    return Table(frame, list(rows), str(path))


def read_text(path: str | Path) -> str:
    """Read a text file, ``-`` being standard input; DataError if it is empty, binary, not UTF-8, or a web page."""
    file = Path(path)
    raw = sys.stdin.buffer.read() if str(path) == "-" else existing_file(file, "a text file").read_bytes()
    source = Source(str(path), file, "txt")
    text = raw.decode("utf-8-sig", errors="replace")
    faults = [row for _, row in Lines(source, io.BytesIO(raw)).rows() if isinstance(row, Fault)]
    if file.suffix.lower() in (".html", ".htm") or text.lstrip()[:9].lower().startswith(("<!doctype", "<html")):
        faults = [Fault(str(path), None, None, "an HTML page", "plain text (save the article's text as .txt)")]
    elif not text.strip():
        faults = [Fault(str(path), None, None, "an empty file", "a text")]
    if faults:
        raise DataError(faults)
    return text


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a table; StanceError if the ending is unknown or the file cannot be written."""
    import pyarrow as pa

    names = [str(name) for name in frame]
    types = [pa.array(frame[name].iloc[:0]).type if frame[name].dtype != "object" else None for name in names]
    with table_writer(path, dict(zip(names, types, strict=True))) as write:
        write(zip(*(cells_of(frame[name]) for name in names), strict=True))


def cells_of(column: pd.Series[Any]) -> list[Any]:
    """Return a column's cells as Python values; a missing one is None."""
    if hasattr(column.dtype, "pyarrow_dtype"):
        return list(column.array.__arrow_array__().to_pylist())
    return column.astype(object).where(column.notna(), None).tolist()


@contextmanager
def table_writer(path: str | Path, columns: Mapping[str, Any], *, form: str | None = None) -> Iterator[Write]:
    """Yield a function that writes rows; the file appears at the end, whole or not at all.

    The ending of `path` names its form (plain text has no room for columns, and is written as CSV); ``-`` is standard
    output, in `form`. Each column has its Arrow type, or the type's name, for Parquet; None is a string, which any
    cell can be. StanceError if the ending is unknown or the file cannot be written.
    """
    form, codec = (form, None) if form else form_of(path, writing=True)
    with _standard_output() if str(path) == "-" else atomic_write(Path(path)) as handle, _packed(handle, codec) as out:
        if form == "parquet":
            with _parquet_writer(out, columns) as write:
                yield write
        elif form == "jsonl":
            yield lambda rows: out.writelines(
                f"{_json(dict(zip(columns, row, strict=True)))}\n".encode() for row in rows
            )
        else:
            # With this end of a row the csv module quotes a cell that holds either sign; "\n" is written all the same.
            lines = SimpleNamespace(write=lambda line: out.write(f"{line[:-2]}\n".encode()))
            writer = csv.writer(lines, delimiter="\t" if form == "tsv" else ",", lineterminator="\r\n")
            writer.writerow(columns)
            yield lambda rows: writer.writerows(map(_text, row) for row in rows)


@contextmanager
def _parquet_writer(out: Any, columns: Mapping[str, Any]) -> Iterator[Write]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, kind or "string") for name, kind in columns.items()])

    def array(column: Iterable[Any], kind: Any) -> Any:
        return pa.array(map(_text, column) if kind == "string" else column, kind)

    def write(rows: Iterable[Sequence[Any]]) -> None:
        if arrays := list(map(array, zip(*rows, strict=True), schema.types)):
            writer.write_table(pa.table(arrays, schema=schema))

    with pq.ParquetWriter(out, schema) as writer:
        yield write


@contextmanager
def _standard_output() -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as handle:
        yield handle
        handle.seek(0)
        shutil.copyfileobj(handle, sys.stdout.buffer)


def _packed(handle: IO[bytes], codec: str | None) -> Any:
    if codec is None:
        return nullcontext(handle)
    if codec == "gzip":  # pyarrow would pack it at the slowest level
        return gzip.GzipFile("", "wb", 6, handle, mtime=0)
    import pyarrow as pa

    return pa.CompressedOutputStream(pa.PythonFile(handle, mode="w"), codec)


def _text(cell: Any) -> str | None:
    if type(cell) is str:
        return cell
    if cell is None or cell != cell:  # not a number
        return None
    return _json(cell) if isinstance(cell, (dict, list)) else str(cell)


def _json(value: Any) -> str:
    try:
        return JSON.encode(value)
    except ValueError:  # JSON has no NaN and no infinity
        return JSON.encode(_finite(value))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):  # tuples are the entries of a map
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
