"""Records out: rows as the bytes of a file, a part at a time."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any, Literal

from stance.data.records import Column, cells_of, parquet_file
from stance.data.streams import Source

_JSON = json.JSONEncoder(ensure_ascii=False, default=str)


def encode(columns: Mapping[str, Column], form: str, *, head: bool = False, schema: Any = None) -> bytes:
    """Return rows as the bytes of a file of a form, with the header if `head` (a CSV's or TSV's).

    Plain text has no room for predictions and is written as CSV. `schema` is a Parquet file's
    (`schema_of`), else found from the cells. Parts of a text form, one after the other, are one
    file, also when each is packed (`pack`).
    """
    if form == "parquet":
        return _encode_parquet(columns, schema)
    if form == "jsonl":
        names = list(columns)
        rows = zip(*map(cells_of, columns.values()), strict=True)
        return "".join(_JSON.encode(dict(zip(names, row, strict=True))) + "\n" for row in rows).encode()
    delimiter = "\t" if form == "tsv" else ","
    # A header's reader would take a semicolon or a tab for the delimiter, and a lone return for the end of a row.
    odd = any(sign in name for name in columns for sign in ";\t\r")
    first = _csv([tuple(columns)], delimiter, quoted=odd) if head else ""
    table = list(zip(*map(_csv_cells, columns.values()), strict=True))
    text = _csv(table, delimiter)
    if "\r" in text:  # the csv module does not quote for it
        text = "".join(_csv([row], delimiter, quoted=any("\r" in str(cell) for cell in row)) for row in table)
    return (first + text).encode()


def _csv(rows: Iterable[Sequence[Any]], delimiter: str, *, quoted: bool = False) -> str:
    out = io.StringIO(newline="")
    quoting: Literal[0, 1] = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    csv.writer(out, delimiter=delimiter, lineterminator="\n", quoting=quoting).writerows(rows)
    return out.getvalue()


def _csv_cells(column: Column) -> list[Any]:
    """Return cells that the csv module writes as they should stand; None is an empty field."""
    cells = cells_of(column)
    kinds = set(map(type, cells))
    if kinds & {dict, list}:
        cells = [_JSON.encode(cell) if isinstance(cell, (dict, list)) else cell for cell in cells]
    if float in kinds:
        cells = [None if cell != cell else cell for cell in cells]  # not a number
    return cells


def pack(raw: bytes, codec: str | None) -> bytes:
    """Return bytes packed with a codec of `streams.CODECS`, the same ones every time."""
    if codec == "gzip":
        return gzip.compress(raw, 6, mtime=0)
    if codec == "zstd":
        import pyarrow as pa

        packed: bytes = pa.Codec("zstd").compress(raw, asbytes=True)
        return packed
    return raw


def _encode_parquet(columns: Mapping[str, Column], schema: Any) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if schema is None:
        table = pa.table({name: cells_of(column) for name, column in columns.items()})
    else:
        table = pa.table([_array(columns[field.name], field.type) for field in schema], schema=schema)
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def _array(column: Column, kind: Any) -> Any:
    import pyarrow as pa

    if isinstance(column, pa.Array) and column.type == kind:
        return column
    cells = cells_of(column)
    if pa.types.is_string(kind):
        cells = [cell if cell is None or isinstance(cell, str) else _json_cell(cell) for cell in cells]
    return pa.array(cells, type=kind)


def _json_cell(cell: Any) -> str:
    return _JSON.encode(cell) if isinstance(cell, (dict, list)) else str(cell)


def schema_of(
    sources: Sequence[Source],
    keys: Sequence[Mapping[str, set[type]]],
    first: Mapping[str, bool],
    last: Mapping[str, bool],
) -> Any:
    """Return the Arrow schema of the columns of several files, between new ones.

    A Parquet file's types are kept; of JSON's cells numbers and truth values are; anything else, or
    what two files disagree on, is a string (lists and objects as JSON). `first` and `last`
    say of each new name whether it holds numbers.
    """
    import pyarrow as pa

    def fresh(new: Mapping[str, bool]) -> dict[str, Any]:
        return {name: pa.float64() if number else pa.string() for name, number in new.items()}

    kinds = fresh(first)
    for source, found in zip(sources, keys, strict=True):
        if source.form == "parquet" and found:
            here = {field.name: field.type for field in parquet_file(source).schema_arrow}
        else:
            here = {name: _kind(types) for name, types in found.items()}
        for name, kind in here.items():
            kinds[name] = kind if kinds.get(name, kind) == kind else pa.string()
    return pa.schema(list((kinds | fresh(last)).items()))


def join_parquet(parts: Iterable[bytes], out: IO[bytes], schema: Any) -> None:
    """Write parts that `encode` made as one Parquet file, some parts to a row group."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetWriter(out, schema) as writer:
        waiting: list[Any] = []
        for raw in parts:
            waiting.append(pq.read_table(io.BytesIO(raw)))
            if len(waiting) == 10:
                writer.write_table(pa.concat_tables(waiting))
                waiting = []
        if waiting:
            writer.write_table(pa.concat_tables(waiting))


def _kind(types: set[type]) -> Any:
    import pyarrow as pa

    solid = types - {type(None)}
    if solid == {bool}:
        return pa.bool_()
    if solid == {float} or solid == {int, float}:
        return pa.float64()
    return pa.int64() if solid == {int} else pa.string()
