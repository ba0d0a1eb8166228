"""Files in, one file out: of any size, in order, whole or not at all."""

from __future__ import annotations

import glob
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stance.data.chunks import Chunk, columns_of, read_chunks
from stance.data.formats import ENDINGS, FORMATS, MAX_COLUMNS, Source, form_of
from stance.data.language import is_foreign
from stance.data.tables import table_writer
from stance.errors import DataError, Fault, StanceError, choices, existing_file
from stance.predict.rows import missing_column, predict_rows

if TYPE_CHECKING:
    from stance.model.predictor import Model

_FAULT_COLUMNS = ("file", "line", "column", "found", "wanted")


def sources_of(pattern: str) -> list[Source]:
    """Return the files that a path, a folder (searched in depth) or a glob names, sorted by name.

    Hidden files, and in a folder those of other endings than `FORMATS`, are no sources. StanceError if there is none,
    or a file's ending is unknown.
    """
    path = Path(pattern)
    if path.is_dir():
        files = [file for file in _glob(f"{glob.escape(pattern)}/**") if file.name.lower().endswith(ENDINGS)]
    elif glob.has_magic(pattern) and not path.exists():
        files = _glob(pattern)
    else:
        files = [existing_file(path, "a table")]
    if not files:
        raise StanceError(
            f"no file matches {pattern}; wanted a file, a folder or a glob (in quotes) of {choices(FORMATS)}"
        )
    # A name that is not UTF-8 could not be written into the column of files.
    return [Source(os.fsencode(file).decode(errors="replace"), file, *form_of(file)) for file in files]


def _glob(pattern: str) -> list[Path]:
    paths = map(Path, glob.glob(pattern, recursive=True))  # noqa: PTH207 (leaves out hidden ones, takes absolute ones)
    return sorted(path for path in paths if path.is_file())


@contextmanager
def standard_input(form: str) -> Iterator[list[Source]]:
    """Yield standard input as a file, so that its head can be read first; it is deleted at the end."""
    with tempfile.TemporaryDirectory(prefix="stance-") as folder:
        path = Path(folder) / "stdin"
        with path.open("wb") as handle:
            shutil.copyfileobj(sys.stdin.buffer, handle)
        yield [Source("standard input", path, form)]


@dataclass
class Tally:
    """What was predicted."""

    rows: int = 0
    bad: int = 0  #: rows, or rests of files, that are left out
    foreign: int = 0  #: texts that are not English
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)  #: of texts by target and stance


def predict_files(
    model: Model,
    sources: Sequence[Source],
    output: str | Path,
    *,
    form: str | None = None,
    text_column: str = "text",
    report: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Tally:
    """Predict every row of some files, in order, into one file.

    The output has the columns of all inputs (a cell is empty where its file lacks the column), with a first column
    `file` where there are several, and those of `score_frame`, whose parameters the `options` are.

    Bad rows, and rests of files, are listed in the table `report` with file and line; without it the first stops the
    job. `form` is that of standard output, and `progress` is called with bytes read and bytes in all. DataError if a
    row is bad and there is no report, or no row is good; StanceError if an output is one of the inputs or cannot be
    written, or as in `score_frame`.
    """
    for path in {str(output), str(report or output)} - {"-"}:
        _check_output(Path(path), sources)
    heads = {source: columns_of(source) for source in sources}
    columns = _merged(heads)
    options["text_column"] = text_column
    types = predict_rows(model, [], columns, **options).columns
    tally = Tally()
    first: list[Fault] = []
    with ExitStack() as stack:
        write_faults = stack.enter_context(table_writer(report, dict.fromkeys(_FAULT_COLUMNS))) if report else None
        write = stack.enter_context(table_writer(output, types, form=form))
        for source, chunk in _chunks(heads, columns, text_column, progress):
            rows, lines = list(chunk.rows.values()), list(chunk.rows)
            predicted = predict_rows(model, rows, columns, **options)
            faults = chunk.faults + [Fault(source.name, lines[i], *cell) for i, cell in predicted.bad.items()]
            faults.sort(key=lambda fault: fault.line or sys.maxsize)
            if faults and not write_faults:
                raise DataError(faults, hint="--on-error report lists them all")
            if write_faults:
                write_faults([getattr(fault, name) for name in _FAULT_COLUMNS] for fault in faults)
            write(predicted.rows)
            tally.rows += len(lines) - len(predicted.bad)
            tally.bad += len(faults)
            tally.foreign += sum(is_foreign(row[text_column]) for i, row in enumerate(rows) if i not in predicted.bad)
            tally.counts += predicted.counts
            first = [*first, *faults][: DataError.shown]
        if not tally.rows:
            raise DataError(first)
    return tally


def _check_output(path: Path, sources: Sequence[Source]) -> None:
    if path.is_dir():
        raise StanceError(f"{path} is a folder; wanted a file to write")
    if path.exists() and any(path.samefile(source.path) for source in sources):
        raise StanceError(f"{path} is one of the inputs, and would be overwritten; wanted another --output")


def _merged(heads: Mapping[Source, dict[str, Any]]) -> dict[str, Any]:
    """Return the columns of all files with their types (what two disagree on is a string), of several first `file`."""
    merged: dict[str, Any] = {}
    for name, kind in (column for head in heads.values() for column in head.items()):
        merged[name] = kind if merged.get(name, kind) == kind else None
    if len(merged) > MAX_COLUMNS:
        raise StanceError(f"the files have {len(merged)} different columns; wanted at most {MAX_COLUMNS}")
    name = "file"
    while name in merged:
        name += "_"
    return {name: None} | merged if len(heads) > 1 else merged


def _chunks(
    heads: Mapping[Source, dict[str, Any]],
    columns: Mapping[str, Any],
    text_column: str,
    progress: Callable[[int, int], None] | None,
) -> Iterator[tuple[Source, Chunk]]:
    """Yield the chunks of all files, the file's name in each row if there are several; say how many bytes are done."""
    sizes = [source.path.stat().st_size for source in heads]
    for i, (source, head) in enumerate(heads.items()):
        if head and (fault := missing_column(list(head), text_column, source.name)):
            yield source, Chunk({}, [fault], {}, 0)
            continue
        for chunk in read_chunks(source, width=len(columns)):
            for row in chunk.rows.values() if len(heads) > 1 else ():
                row[next(iter(columns))] = source.name
            yield source, chunk
            if progress:
                progress(sum(sizes[:i]) + chunk.position, sum(sizes))
