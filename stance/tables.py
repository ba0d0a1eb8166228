"""Tables in and out: CSV, TSV, JSON lines, Parquet and plain text, whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pandas as pd

from stance.schema import DataError, Fault, StanceError, choices, existing_file

#: What a file's ending says of its form.
FORMATS = ("txt", "csv", "tsv", "jsonl", "parquet")

# A field may be as long as a document; the module's own limit of 128 KiB is not a fault.
csv.field_size_limit(min(sys.maxsize, 2**31 - 1))


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


def form_of(path: str | Path) -> str:
    """Return the format that a file's ending names.

    Raises
    ------
    StanceError
        If the ending is none of `FORMATS`.
    """
    ending = Path(path).suffix.lower().lstrip(".")
    if ending not in FORMATS:
        raise StanceError(f"{path}: ending {ending!r}; wanted {choices(FORMATS)}")
    return ending


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
        source, form, raw = "standard input", form or "txt", sys.stdin.buffer.read()
    else:
        file = existing_file(Path(path), "a table")
        source, form, raw = str(path), form or form_of(file), file.read_bytes()
    if not raw.strip():
        raise _broken(source, None, "an empty file", "at least one row")
    if form == "parquet":
        return _read_parquet(raw, source)
    frame, lines = _READERS[form](_decode(raw, source), source)
    if frame.empty:
        raise _broken(source, None, "no rows", "at least one row")
    return Table(frame, lines, source, form)


def read_text(path: str | Path) -> str:
    """Read a UTF-8 text file.

    Raises
    ------
    DataError
        If it is empty, binary or not UTF-8.
    StanceError
        If there is no such file.
    """
    raw = existing_file(Path(path), "a text file").read_bytes()
    if not raw.strip():
        raise _broken(str(path), None, "an empty file", "a text")
    return _decode(raw, str(path))


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


def _read_txt(text: str, source: str) -> tuple[pd.DataFrame, list[int]]:
    lines = [line.rstrip("\r") for line in text.removesuffix("\n").split("\n")]
    return pd.DataFrame({"text": lines}, dtype=object), list(range(1, len(lines) + 1))


def _read_delimited(text: str, source: str, delimiter: str) -> tuple[pd.DataFrame, list[int]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    rows, lines, faults, start = [], [], [], 1
    try:
        for row in reader:
            if not header:
                header = [name.strip() for name in row]
                faults += [
                    Fault(source, 1, name, "the column twice", "each column once")
                    for name in sorted({name for name in header if header.count(name) > 1})
                ]
            elif row:
                if len(row) == len(header):
                    rows.append(row)
                    lines.append(start)
                else:
                    found, wanted = f"{len(row)} fields", f"{len(header)}, as in the header"
                    faults.append(Fault(source, start, None, found, wanted))
            start = reader.line_num + 1
    except csv.Error as error:
        faults.append(Fault(source, start, None, f"broken CSV ({error})", "quotes in pairs"))
    if faults:
        raise DataError(faults)
    return pd.DataFrame(rows, columns=header, dtype=object), lines


def _read_csv(text: str, source: str) -> tuple[pd.DataFrame, list[int]]:
    # Spreadsheets in many countries save "CSV" with semicolons.
    header = text.split("\n", 1)[0]
    delimiter = ";" if ";" in header and "," not in header else ","
    return _read_delimited(text, source, delimiter)


def _read_tsv(text: str, source: str) -> tuple[pd.DataFrame, list[int]]:
    return _read_delimited(text, source, "\t")


def _read_jsonl(text: str, source: str) -> tuple[pd.DataFrame, list[int]]:
    rows, lines, faults = [], [], []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            faults.append(Fault(source, number, None, f"broken JSON ({error})", "one object a line"))
            continue
        if isinstance(row, dict):
            rows.append(row)
            lines.append(number)
        else:
            faults.append(Fault(source, number, None, type(row).__name__, "one JSON object a line"))
    if faults:
        raise DataError(faults)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [[row.get(column) for column in columns] for row in rows]
    return pd.DataFrame(cells, columns=columns, dtype=object), lines


def _read_parquet(raw: bytes, source: str) -> Table:
    try:
        # Arrow types keep integers with gaps, dates and lists as they are.
        frame = pd.read_parquet(io.BytesIO(raw), dtype_backend="pyarrow")
    except Exception as error:
        found = f"no readable Parquet ({str(error).splitlines()[0]})"
        raise _broken(source, None, found, "a Parquet file") from None
    if frame.empty:
        raise _broken(source, None, "no rows", "at least one row")
    return Table(frame, list(range(1, len(frame) + 1)), source, "parquet")


_READERS: dict[str, Callable[[str, str], tuple[pd.DataFrame, list[int]]]] = {
    "txt": _read_txt,
    "csv": _read_csv,
    "tsv": _read_tsv,
    "jsonl": _read_jsonl,
}


def write_table(frame: pd.DataFrame, path: str | Path, *, form: str | None = None) -> None:
    """Write a table, to a temporary name first and then renamed; ``-`` is standard output.

    Raises
    ------
    StanceError
        If the ending is unknown or the file cannot be written.
    """
    form = "csv" if (form or form_of(path)) == "txt" else (form or form_of(path))
    if form == "parquet":
        buffer = io.BytesIO()
        _for_parquet(frame).to_parquet(buffer, index=False)
        raw = buffer.getvalue()
    elif form == "jsonl":
        raw = "".join(_json_line(row) for row in _records(frame)).encode()
    else:
        delimiter = "\t" if form == "tsv" else ","
        text = frame.to_csv(index=False, sep=delimiter, lineterminator="\n")
        if "\r" in text:  # it would end a row for readers, and is not quoted by itself
            text = frame.to_csv(index=False, sep=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
        raw = text.encode()
    if str(path) == "-":
        sys.stdout.buffer.write(raw)
        sys.stdout.buffer.flush()
        return
    with atomic_write(Path(path)) as handle:
        handle.write(raw)


def _records(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    columns = [str(column) for column in frame.columns]
    for row in frame.astype(object).itertuples(index=False, name=None):
        yield dict(zip(columns, row, strict=True))


def _json_line(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, default=str) + "\n"


def _for_parquet(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave typed columns alone; let the untyped ones find one type, else be text."""
    result = frame.copy()
    for column in result.select_dtypes(object).columns:
        kinds = {type(value) for value in result[column] if value is not None}
        if len(kinds) > 1:
            result[column] = result[column].map(lambda v: None if v is None else str(v))
    return result


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Yield a handle whose content appears under `path` whole, or not at all.

    Raises
    ------
    StanceError
        If the folder does not exist or cannot be written to.
    """
    try:
        handle = tempfile.NamedTemporaryFile(  # noqa: SIM115 (closed before it is renamed)
            dir=path.parent, prefix=f".{path.name}.", suffix=".part", delete=False
        )
    except OSError as error:
        raise StanceError(f"cannot write {path}: {error.strerror}") from None
    part = Path(handle.name)
    try:
        with handle:
            yield handle
        os.chmod(part, 0o666 & ~_umask())
        os.replace(part, path)
    except OSError as error:
        raise StanceError(f"cannot write {path}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _broken(source: str, line: int | None, found: str, wanted: str) -> DataError:
    return DataError([Fault(source, line, None, found, wanted)])
