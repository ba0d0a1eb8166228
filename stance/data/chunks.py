"""A file's rows, a chunk at a time in memory that does not grow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stance.data.formats import HEAD_LINES, MAX_GROUP_BYTES, BrokenDataError, Source, check_names, first_line
from stance.data.lines import Lines, Row
from stance.errors import Fault

#: A chunk ends after about so many characters; a row counts as 200 more, a cell as one.
CHUNK_SIZE = 2**22


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file: the good ones by their line, the header being 1 (in Parquet by their number), and faults.

    Cells are as they stand in the file: strings in CSV ("007" stays "007"). A row of JSON may lack a column. A fault
    without a line means that the rest of the file cannot be read. `columns` are the names known so far, in order, each
    with its Arrow type in Parquet, else with None; `position` is the number of bytes of the file read so far.
    """

    rows: dict[int, Row]
    faults: list[Fault]
    columns: dict[str, Any]
    position: int


def read_chunks(source: Source, *, width: int = 0) -> Iterator[Chunk]:
    """Yield a file's rows; nothing is raised for what stands in the file, faults are in the chunks.

    `width` is the number of columns that rows are going to have, if it is more than the file's.
    """
    done = 0
    try:
        for chunk in {"parquet": _parquet_chunks, "xlsx": _xlsx_chunks}.get(source.form, _text_chunks)(source, width):
            yield chunk
            done += len(chunk.rows) + len(chunk.faults)
    except Exception as error:
        if source.form not in ("parquet", "xlsx") and not isinstance(error, OSError):  # those raise what they like
            raise
        yield Chunk({}, [source.fault(None, error, done)], {}, 0)


def columns_of(source: Source) -> dict[str, Any]:
    """Return a file's columns as in `Chunk`; none if it cannot be read."""
    columns: dict[str, Any] = {}
    for chunk in read_chunks(source):
        columns |= chunk.columns
        if source.form != "jsonl" or max(chunk.rows, default=0) >= HEAD_LINES:
            break
    return columns


def _text_chunks(source: Source, width: int) -> Iterator[Chunk]:
    with source.path.open("rb", buffering=0) as file:
        lines = Lines(source, file)
        rows = lines.rows()
        while chunk := list(_some(rows, lines, width)):
            good = {line: row for line, row in chunk if not isinstance(row, Fault)}
            faults = [row for _, row in chunk if isinstance(row, Fault)]
            yield Chunk(good, faults, dict(lines.columns), file.tell())


def _some(rows: Iterator[tuple[int, Row | Fault]], lines: Lines, width: int) -> Iterator[tuple[int, Row | Fault]]:
    start = lines.characters
    for count, row in enumerate(rows, 1):
        yield row
        if lines.characters - start + count * (200 + max(width, len(lines.columns))) >= CHUNK_SIZE:
            return


def _parquet_chunks(source: Source, width: int) -> Iterator[Chunk]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(source.path, pre_buffer=False, buffer_size=2**20)
    check_names(file.schema_arrow.names)
    groups = [file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups)]
    if max(groups, default=0) > MAX_GROUP_BYTES:
        raise BrokenDataError(f"a row group of {max(groups):,} bytes", f"at most {MAX_GROUP_BYTES:,} (write smaller)")
    # Python reads both kinds of truth values as bool, which only one can be made of.
    columns = {
        field.name: pa.bool_() if isinstance(field.type, pa.Bool8Type) else field.type for field in file.schema_arrow
    }
    done, total = 0, file.metadata.num_rows
    size = 1 + CHUNK_SIZE // (200 + max(width, len(columns)))
    for batch in file.iter_batches(batch_size=size, use_threads=False):
        rows: dict[int, Row] = {}
        faults = []
        for number, row in enumerate(_batch_rows(batch), done + 1):
            if isinstance(row, BrokenDataError):
                faults.append(source.fault(number, row))
            else:
                rows[number] = row
        done += batch.num_rows
        yield Chunk(rows, faults, columns, source.path.stat().st_size * done // total)
    if done < total or not total:
        raise BrokenDataError(f"{done} rows, and its head says {total}" if total else "no rows", "all of them")


def _xlsx_chunks(source: Source, width: int) -> Iterator[Chunk]:
    """Yield the first sheet's rows, less those that are empty; it is in memory as a whole."""
    import pandas as pd

    sheet = pd.read_excel(source.path, header=None, dtype=object, na_filter=False)
    sheet = sheet[(sheet != "").any(axis=1)]
    if len(sheet) < 2:
        raise BrokenDataError("no rows", "a header and at least one row")
    names = [str(name).strip() for name in sheet.iloc[0]]
    check_names(names)
    size = 1 + CHUNK_SIZE // (200 + max(width, len(names)))
    for start in range(1, len(sheet), size):
        batch = sheet.iloc[start : start + size].itertuples(name=None)
        rows = {number + 1: dict(zip(names, cells, strict=True)) for number, *cells in batch}
        done = source.path.stat().st_size * (start + len(rows)) // len(sheet)
        yield Chunk(rows, [], dict.fromkeys(names), done)


def _batch_rows(batch: Any) -> list[Row | BrokenDataError]:
    """Return a batch's rows; of one with bytes that are not UTF-8 or a date after the year 9999 the error."""
    try:
        batch.validate(full=True)
        return list(batch.to_pylist())
    except Exception as error:
        if batch.num_rows > 1:
            return [row for i in range(batch.num_rows) for row in _batch_rows(batch.slice(i, 1))]
        found = f"a cell that cannot be read ({first_line(error)})"[:200]
        return [BrokenDataError(found, "UTF-8, and values that Python can hold")]
