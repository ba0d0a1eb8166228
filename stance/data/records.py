"""Records in: a file's rows a chunk at a time, each bad one kept apart with its line."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from stance.data.streams import LINE_LIMIT, UNPACKED_FREE, UNPACKED_RATIO, BrokenFileError, Lines, LongLineError, Source
from stance.errors import Fault

#: More columns than this are a broken header, or keys that are data.
MOST_COLUMNS = 10_000

# The module's own limit, 128 KiB, is shorter than a document.
csv.field_size_limit(LINE_LIMIT)

#: Cells of one column: a list, a NumPy array, or a pyarrow array where the file has types of its own.
Column = Any
Row = tuple[int, dict[str, Any]]


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file.

    Attributes
    ----------
    source
        The file as the user named it.
    lines
        Line in the file of each row, the header being 1 (row in the file for Parquet).
    columns
        Name to the cells of the rows; a key that a JSON row lacks is None.
    faults
        The rows that could not be read, which are not among `lines`; one without a line means that
        the rest of the file could not.
    position
        Bytes of the file read so far.
    """

    source: str
    lines: list[int]
    columns: dict[str, Column]
    faults: list[Fault] = field(default_factory=list)
    position: int = 0


def read_chunks(source: Source, *, rows: int, characters: int = 2**22) -> Iterator[Chunk]:
    """Read a file in chunks of at most `rows` rows, good and bad, or little more than `characters`.

    Nothing is raised for what stands in the file: faults are in the chunks.
    """
    if source.form == "parquet":
        yield from _read_parquet(source, rows)
    else:
        yield from _read_text(source, rows, characters)


def cells_of(column: Column) -> list[Any]:
    """Return the cells of a column as Python values."""
    return column if isinstance(column, list) else list(column.tolist())


def keys_of(source: Source) -> dict[str, set[type]]:
    """Return the names of a file's columns in order, each with the Python types of its cells.

    A JSON lines file is read to its end for that; of the others only the head is, up to a good row,
    and their cells are taken for strings. A file that cannot be read has none: its chunks say why.
    """
    if source.form == "parquet":
        try:
            return {name: set() for name in parquet_file(source).schema_arrow.names}
        except BrokenFileError:
            return {}
    if source.form == "jsonl":
        found: dict[str, set[type]] = {}
        for chunk in read_chunks(source, rows=10_000):
            for name, cells in chunk.columns.items():
                found.setdefault(name, set()).update(map(_type, cells))
        return found
    first = next((chunk.columns for chunk in read_chunks(source, rows=1) if chunk.columns), {})
    return {name: {str} for name in first}


def _type(cell: Any) -> type:
    # Longer integers than 64 bits have no type in Parquet.
    return str if isinstance(cell, int) and cell.bit_length() > 63 else type(cell)


def _read_text(source: Source, rows: int, characters: int) -> Iterator[Chunk]:
    good: list[Row] = []
    faults: list[Fault] = []
    size = seen = position = 0

    def chunk() -> Chunk:
        names = dict.fromkeys(name for _, row in good for name in row)
        columns = {name: [row.get(name) for _, row in good] for name in names}
        return Chunk(source.name, [line for line, _ in good], columns, faults, position)

    try:
        lines = Lines(source, newline="\n" if source.form in ("txt", "jsonl") else "")
    except (BrokenFileError, OSError) as error:
        yield Chunk(source.name, [], {}, [_whole(source, error)])
        return
    try:
        for item in _ROWS[source.form](lines, source):
            if isinstance(item, Fault):
                faults.append(item)
            else:
                good.append(item)
                size += sum(len(cell) for cell in item[1].values() if isinstance(cell, str))
            seen += 1
            if len(good) + len(faults) >= rows or size >= characters:
                position = lines.position
                yield chunk()
                good, faults, size = [], [], 0
    except (BrokenFileError, OSError) as error:
        faults.append(_whole(source, error, after=lines.number))
        seen += 1
    else:
        position = lines.position
    finally:
        lines.close()
    if not seen:
        found = "no rows" if lines.number else "an empty file"
        faults.append(Fault(source.name, None, None, found, "at least one row"))
    if good or faults:
        yield chunk()


def _whole(source: Source, error: BrokenFileError | OSError, *, after: int = 0) -> Fault:
    found, wanted = (
        (error.found, error.wanted)
        if isinstance(error, BrokenFileError)
        else (error.strerror or str(error), "a file that can be read")
    )
    return Fault(source.name, None, None, found + (f" after line {after}" if after else ""), wanted)


def _txt_rows(lines: Lines, source: Source) -> Iterator[Row | Fault]:
    for item in _single_lines(lines, source):
        yield item if isinstance(item, Fault) else (lines.number, {"text": item.rstrip("\r")})


def _jsonl_rows(lines: Lines, source: Source) -> Iterator[Row | Fault]:
    names: set[str] = set()
    for item in _single_lines(lines, source):
        if isinstance(item, Fault):
            yield item
            continue
        if not item.strip():
            continue
        wanted = "one JSON object a line"
        try:
            row = json.loads(item)
            if "\\u" in item:  # half of a pair is no character, and could not be written again
                json.dumps(row, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            yield Fault(source.name, lines.number, None, f"broken JSON ({error})", wanted)
            continue
        if not isinstance(row, dict):
            yield Fault(source.name, lines.number, None, type(row).__name__, wanted)
            continue
        if not names.issuperset(row):
            if len(names | set(row)) > MOST_COLUMNS:
                found = f"the key that makes it more than {MOST_COLUMNS} different ones"
                yield Fault(source.name, lines.number, None, found, "keys that name columns")
                continue
            names.update(row)
        yield lines.number, row


def _single_lines(lines: Lines, source: Source) -> Iterator[str | Fault]:
    while True:
        lines.fault = None
        try:
            line = next(lines).removesuffix("\n")
        except StopIteration:
            return
        except LongLineError as error:
            yield Fault(source.name, lines.number, None, error.found, error.wanted)
            continue
        yield Fault(source.name, lines.fault[0], None, *lines.fault[1:]) if lines.fault else line


def _csv_rows(lines: Lines, source: Source) -> Iterator[Row | Fault]:
    head = re.sub(r'"[^"]*"', "", lines.head)
    # Spreadsheets in many countries save "CSV" with semicolons, and some with tabs.
    signs = "\t" if source.form == "tsv" else ",;\t"
    delimiter = next((sign for sign in signs if sign in head), signs[0])
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    header: list[str] = []
    while True:
        lines.fault, start = None, lines.number + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except (csv.Error, LongLineError) as error:
            span = "" if lines.number <= start else f" from here to line {lines.number}"
            found = f"broken CSV ({error})" if isinstance(error, csv.Error) else error.found
            fault = Fault(source.name, start, None, found + span, "quotes in pairs")
            if not header:
                raise BrokenFileError(f"in its header {fault.found}", "names of columns") from None
            yield fault
            continue
        if lines.fault:
            if not header:
                raise BrokenFileError(f"in its header {lines.fault[1]}", lines.fault[2])
            yield Fault(source.name, lines.fault[0], None, *lines.fault[1:])
        elif not header:
            header = [name.strip() for name in row]
            if twice := sorted({name for name in header if header.count(name) > 1}):
                raise BrokenFileError(f"the column {twice[0]!r} twice", "each column once")
            if len(header) > MOST_COLUMNS:
                raise BrokenFileError(f"{len(header)} columns", f"at most {MOST_COLUMNS}")
        elif row:
            if len(row) == len(header):
                yield start, dict(zip(header, row, strict=True))
            else:
                wanted = f"{len(header)}, as in the header"
                yield Fault(source.name, start, None, f"{len(row)} fields", wanted)


_ROWS: dict[str, Callable[[Lines, Source], Iterator[Row | Fault]]] = {
    "txt": _txt_rows,
    "csv": _csv_rows,
    "tsv": _csv_rows,
    "jsonl": _jsonl_rows,
}


def parquet_file(source: Source) -> Any:
    """Open a Parquet file; BrokenFileError if that cannot be done, or its columns are a bomb."""
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(source.path, pre_buffer=False)
        parts = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
        size = sum(part.total_byte_size for part in parts)
    except OSError as error:
        if error.errno is not None:
            raise BrokenFileError(error.strerror or str(error), "a file that can be read") from None
        raise _no_parquet(error) from None
    except Exception as error:
        raise _no_parquet(error) from None
    if size > max(UNPACKED_FREE, UNPACKED_RATIO * source.path.stat().st_size):
        raise BrokenFileError(f"columns that grow more than {UNPACKED_RATIO}-fold", "a table of texts")
    if len(file.schema_arrow.names) != len(set(file.schema_arrow.names)):
        raise BrokenFileError("a column twice", "each column once")
    return file


def _no_parquet(error: Exception) -> BrokenFileError:
    reason = str(error) or type(error).__name__
    return BrokenFileError(f"no readable Parquet ({reason.splitlines()[0]})", "a Parquet file")


def _read_parquet(source: Source, rows: int) -> Iterator[Chunk]:
    done = 0
    size = source.path.stat().st_size
    try:
        file = parquet_file(source)
        total = file.metadata.num_rows
        batches = file.iter_batches(batch_size=rows, use_threads=False)
        while True:
            try:
                batch = next(batches)
                batch.validate(full=True)  # a string that is not UTF-8 would fail later, without its place
            except StopIteration:
                break
            except Exception as error:
                raise _no_parquet(error) from None
            if batch.num_rows:
                lines = list(range(done + 1, done + batch.num_rows + 1))
                done += batch.num_rows
                columns = dict(zip(batch.schema.names, batch.columns, strict=True))
                yield Chunk(source.name, lines, columns, [], size * done // max(total, 1))
        if done < total or not total:
            raise BrokenFileError(f"{done} rows, and its head says {total}", "as many, and at least one row")
    except BrokenFileError as error:
        after = f" after row {done}" if done else ""
        yield Chunk(source.name, [], {}, [Fault(source.name, None, None, error.found + after, error.wanted)], size)
