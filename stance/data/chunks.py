"""A file's rows, a chunk at a time in memory that does not grow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stance.data.formats import MAX_GROUP_BYTES, BrokenFileError, Source, checked_names
from stance.data.lines import ROWS, Lines
from stance.errors import Fault

if TYPE_CHECKING:
    import pandas as pd

#: A chunk ends after so many rows or, about, so many characters or cells.
CHUNK_ROWS = 20_000
CHUNK_SIZE = 2**22


#: Cells of one column: a list, a NumPy array or a pandas Series.
Column = Any


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file.

    Attributes
    ----------
    frame
        The good rows, cells as they stand in the file: strings in CSV ("007" stays "007"), Arrow types in
        Parquet; a key that a JSON row lacks is None.
    lines
        Line in the file of each good row, the header being 1 (the row's number for Parquet).
    faults
        The bad rows; one without a line means that the rest of the file cannot be read.
    position
        Bytes of the file read so far.
    """

    frame: pd.DataFrame
    lines: list[int]
    faults: list[Fault]
    position: int = 0


def read_chunks(source: Source, *, max_rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
    """Yield a file's rows; nothing is raised for what stands in the file, faults are in the chunks."""
    import pandas as pd

    parquet = source.form == "parquet"
    last = 0
    try:
        for chunk in (_parquet_chunks if parquet else _text_chunks)(source, max_rows):
            last = max([*chunk.lines[-1:], *(fault.line or 0 for fault in chunk.faults)])
            yield chunk
        if not last:
            raise BrokenFileError("no rows" if source.path.stat().st_size else "an empty file", "at least one row")
    except BrokenFileError as error:
        found, wanted = error.args
    except Exception as error:
        if not parquet and not isinstance(error, OSError):
            raise
        what = "no readable Parquet" if parquet else "broken or cut-off packed data"  # pyarrow raises what it likes
        found, wanted = getattr(error, "strerror", None) or f"{what} ({_first_line(error)})", "a whole, readable file"
    else:
        return
    after = f" after {'row' if parquet else 'line'} {last}" if last else ""
    yield Chunk(pd.DataFrame(), [], [source.fault(None, found + after, wanted)])


def columns_of(source: Source) -> dict[str, Any]:
    """Return a file's columns in order, each with its Arrow type or the type's name.

    A JSON lines file is read to its end for that, of the others only the head. A file that cannot be read has
    none; its chunks say why.
    """
    kinds: dict[str, set[Any]] = {}
    for chunk in read_chunks(source, max_rows=CHUNK_ROWS if source.form == "jsonl" else 1):
        for name, column in chunk.frame.items():
            kinds.setdefault(str(name), set()).update(kinds_of(column))
        if kinds and source.form != "jsonl":
            break
    return {name: arrow_type(kind) for name, kind in kinds.items()}


def kinds_of(column: Column) -> set[Any]:
    """Return a column's Arrow type if it has one, else the types of its cells."""
    if hasattr(column, "dtype") and hasattr(column.dtype, "pyarrow_dtype"):
        return {column.dtype.pyarrow_dtype}
    return {_kind(cell) for cell in cells_of(column) if cell is not None}


def _kind(cell: Any) -> str:
    # Arrow's integers have 63 bits, and a double holds 53 of them.
    bits = cell.bit_length() if isinstance(cell, int) else 0
    return "str" if bits > 63 else "long" if bits > 53 else type(cell).__name__


def arrow_type(kinds: set[Any]) -> Any:
    """Return the Arrow type, or its name, that holds cells of some kinds: a string if there is no other."""
    if kinds and kinds <= {"int", "long"}:
        return "int64"
    if kinds and kinds <= {"int", "float"}:
        return "double"
    (kind,) = kinds if len(kinds) == 1 else ("str",)
    return kind if kind == "bool" or not isinstance(kind, str) else "string"


def cells_of(column: Column) -> list[Any]:
    """Return the cells of a column as Python values; a missing one of pandas is None."""
    if hasattr(column, "notna"):
        if hasattr(column.dtype, "pyarrow_dtype"):
            return list(column.array.__arrow_array__().to_pylist())
        column = column.astype(object).where(column.notna(), None)
    return column if isinstance(column, list) else list(column.tolist())


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0] or type(error).__name__


def _text_chunks(source: Source, max_rows: int) -> Iterator[Chunk]:
    import pandas as pd

    rows: dict[int, dict[str, Any]] = {}
    names: dict[str, None] = {}
    faults: list[Fault] = []
    start, failure = 0, None

    def chunk() -> Chunk:
        cells = {name: [row.get(name) for row in rows.values()] for name in names}
        return Chunk(pd.DataFrame(cells, range(len(rows)), dtype=object), list(rows), faults, file.tell())

    with source.path.open("rb", buffering=0) as file:
        try:
            lines = Lines(source, file)
            for line, row in ROWS[source.form](lines):
                if isinstance(row, Fault):
                    faults.append(row)
                else:
                    rows[line] = row
                    names.update(dict.fromkeys(row))
                size = max(lines.characters - start, len(rows) * len(names))
                if len(rows) + len(faults) >= max_rows or size >= CHUNK_SIZE:
                    yield chunk()
                    rows, names, faults, start = {}, {}, [], lines.characters
        except (BrokenFileError, OSError) as error:
            failure = error
        if rows or faults:
            yield chunk()
        if failure:
            raise failure


def _parquet_chunks(source: Source, max_rows: int) -> Iterator[Chunk]:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(source.path, pre_buffer=False, buffer_size=2**20)
    checked_names(file.schema_arrow.names)
    groups = [file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups)]
    if max(groups, default=0) > MAX_GROUP_BYTES:
        raise BrokenFileError(f"a row group of {max(groups):,} bytes", f"at most {MAX_GROUP_BYTES:,} (write smaller)")
    done, total = 0, file.metadata.num_rows
    for batch in file.iter_batches(batch_size=max_rows, use_threads=False):
        numbers = range(done + 1, done + batch.num_rows + 1)
        bad = {}
        if _unreadable(batch):
            bad = {number: why for i, number in enumerate(numbers) if (why := _unreadable(batch.slice(i, 1)))}
            batch = batch.filter(pa.array([number not in bad for number in numbers]))
        faults = [source.fault(number, why, "UTF-8, and values that Python can hold") for number, why in bad.items()]
        frame = batch.to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)
        done += len(numbers)
        position = source.path.stat().st_size * done // total
        yield Chunk(frame, [number for number in numbers if number not in bad], faults, position)
    if done < total:
        raise BrokenFileError(f"{done} rows, and its head says {total}", "as many")


def _unreadable(batch: Any) -> str:
    """Return what is wrong with a batch's cells: bytes that are not UTF-8, dates after the year 9999."""
    try:
        batch.validate(full=True)
        batch.to_pydict()
    except Exception as error:
        return f"a cell that cannot be read ({_first_line(error)})"[:200]
    return ""
