"""Files in, one file out: of any size, in order, whole or not at all."""

from __future__ import annotations

import glob
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stance.data.chunks import CHUNK_ROWS, CHUNK_SIZE, Chunk, columns_of, read_chunks
from stance.data.formats import CODECS, FORMATS, MAX_COLUMNS, Source, form_of
from stance.data.tables import table_writer
from stance.errors import DataError, Fault, StanceError, choices, existing_file
from stance.predict.rows import make_plan, missing_column, predict_table

if TYPE_CHECKING:
    from stance.model.predictor import Model

_ENDINGS = tuple(f".{form}{codec}" for form in FORMATS for codec in ("", *CODECS))
_FAULT_COLUMNS = ("file", "line", "column", "found", "wanted")


@dataclass(frozen=True)
class Outcome:
    """What became of a job: rows predicted, rows (or rests of files) left out, and the table of those."""

    rows: int
    bad: int
    report: Path | None


def sources_of(pattern: str) -> list[Source]:
    """Return the files that a path, a folder (searched in depth) or a glob names, sorted by name.

    Hidden files, and in a folder those of other endings than `FORMATS`, are no sources.

    Raises
    ------
    StanceError
        If there is none, or a file's ending is unknown.
    """
    path = Path(pattern)
    if path.is_dir():
        inside = [p for p in path.rglob("*") if not any(name.startswith(".") for name in p.relative_to(path).parts)]
        files = [p for p in inside if p.name.lower().endswith(_ENDINGS)]
    elif glob.has_magic(pattern) and not path.exists():
        files = [Path(p) for p in glob.glob(pattern, recursive=True)]  # noqa: PTH207 (takes an absolute one)
    else:
        files = [existing_file(path, "a table")]
    files = sorted(p for p in files if p.is_file())
    if not files:
        raise StanceError(
            f"no file matches {pattern}; wanted a file, a folder or a glob (in quotes) of {choices(FORMATS)}"
        )
    # A name that is not UTF-8 could not be written into the column of files.
    return [Source(os.fsencode(file).decode(errors="replace"), file, *form_of(file)) for file in files]


@contextmanager
def standard_input(form: str) -> Iterator[Source]:
    """Yield standard input as a file, so that it can be read twice; it is deleted at the end."""
    with tempfile.TemporaryDirectory(prefix="stance-") as folder:
        path = Path(folder) / "stdin"
        with path.open("wb") as handle:
            shutil.copyfileobj(sys.stdin.buffer, handle)
        yield Source("standard input", path, form)


def predict_files(
    model: Model,
    sources: Sequence[Source],
    output: str | Path,
    *,
    text_column: str = "text",
    targets: Sequence[str] = (),
    long: bool = False,
    form: str | None = None,
    on_error: Literal["stop", "report"] = "stop",
    progress: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Predict every row of some files, in order, into one file.

    The output has the columns of all inputs (a cell is empty where its file lacks the column), with a
    first column `file` where there are several, and those of `make_plan`.

    Parameters
    ----------
    output, form
        As in `table_writer`.
    on_error
        ``"stop"`` at the first chunk with a bad row, or ``"report"``: leave bad rows out and list them with
        file and line in `<output>.errors.csv`.
    progress
        Called with bytes read and bytes in all.

    Raises
    ------
    DataError
        If a row is bad (``on_error="stop"``), or no row is good.
    StanceError
        If the output is one of the inputs or cannot be written.
    """
    if on_error == "report" and str(output) == "-":
        raise StanceError("bad rows are listed beside the output; wanted --output FILE with --on-error report")
    report = Path(f"{output}.errors.csv") if on_error == "report" else None
    for path in filter(None, (Path(output), report) if str(output) != "-" else ()):
        _check_output(path, sources)
    columns = [columns_of(source) for source in sources]
    kinds = _merged(columns)
    if not kinds:
        unreadable = (fault for source in sources for chunk in read_chunks(source) for fault in chunk.faults)
        raise DataError(islice(unreadable, DataError.shown))
    if len(sources) > 1:
        kinds = {_free("file", kinds): "string"} | kinds
    name = sources[0].name if len(sources) == 1 else "the files"
    plan = make_plan(model, kinds, source=name, text_column=text_column, targets=targets, long=long)
    max_rows = min(CHUNK_ROWS, 1 + CHUNK_SIZE // len(kinds))
    rows = bad = 0
    first: list[Fault] = []
    with ExitStack() as stack:
        report_faults = report and stack.enter_context(table_writer(report, dict.fromkeys(_FAULT_COLUMNS)))
        write = stack.enter_context(table_writer(output, kinds | plan.columns, form=form))
        for source, chunk in _chunks(sources, columns, text_column, max_rows, progress):
            frame = chunk.frame.reindex(columns=list(kinds))
            if len(sources) > 1:
                frame.isetitem(0, source.name)
            predicted, faults = predict_table(model, frame, chunk.lines, source.name, plan)
            rows += len(frame) - len(faults)
            faults = sorted([*chunk.faults, *faults], key=lambda fault: fault.line or sys.maxsize)
            bad += len(faults)
            if report_faults:
                report_faults({name: [getattr(fault, name) for fault in faults] for name in _FAULT_COLUMNS})
            elif faults:
                raise DataError(faults, hint="--on-error report lists them all")
            write({str(name): cells for name, cells in predicted.items()})
            first = [*first, *faults][: DataError.shown]
        if not rows:
            raise DataError(first)
    return Outcome(rows, bad, report)


def _check_output(path: Path, sources: Sequence[Source]) -> None:
    if path.is_dir():
        raise StanceError(f"{path} is a folder; wanted a file to write")
    if path.exists() and any(path.samefile(source.path) for source in sources):
        raise StanceError(f"{path} is one of the inputs, and would be overwritten; wanted another --output")


def _merged(columns: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the columns of several files with their types; what two files disagree on is a string."""
    merged: dict[str, Any] = {}
    for name, kind in (pair for each in columns for pair in each.items()):
        merged[name] = kind if merged.get(name, kind) == kind else "string"
    if len(merged) > MAX_COLUMNS:
        raise StanceError(f"the files have {len(merged)} different columns; wanted at most {MAX_COLUMNS}")
    return merged


def _free(name: str, taken: Container[str]) -> str:
    return _free(f"{name}_", taken) if name in taken else name


def _chunks(
    sources: Sequence[Source],
    columns: Sequence[dict[str, Any]],
    text_column: str,
    max_rows: int,
    progress: Callable[[int, int], None] | None,
) -> Iterator[tuple[Source, Chunk]]:
    """Yield the chunks of all files, and say how many bytes are done."""
    import pandas as pd

    sizes = [source.path.stat().st_size for source in sources]
    for i, (source, names) in enumerate(zip(sources, columns, strict=True)):
        if names and text_column not in names:
            yield source, Chunk(pd.DataFrame(), [], [missing_column(list(names), text_column, source.name)], 0)
            continue
        for chunk in read_chunks(source, max_rows=max_rows):
            yield source, chunk
            if progress:
                progress(sum(sizes[:i]) + chunk.position, sum(sizes))
