"""Files in, files out, of any size: read, predicted and written a part at a time.

Parts lie in a hidden folder beside the output until all are there; then they become the output, whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

import filelock

from stance.data.records import Chunk, keys_of, read_chunks
from stance.data.streams import Source, form_of
from stance.data.tables import write_stdout
from stance.data.writers import encode, join_parquet, pack, schema_of
from stance.errors import DataError, Fault, StanceError
from stance.files import atomic_write
from stance.predict.rows import Plan, missing_column, plan, predict_rows

if TYPE_CHECKING:
    from stance.model.predictor import Model

#: Rows of a part. Small enough that a few in flight are little memory and a killed job loses seconds.
PART_ROWS = 5_000

#: Raised whenever parts of the code before it could not be gone on with.
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes
    ----------
    rows
        Rows of the input that were predicted.
    bad
        Rows (or rests of files) that were not, each a line in `report`.
    report
        The table of them, or None if bad rows stop the job.
    resumed
        Parts that an earlier job had finished.
    """

    rows: int
    bad: int
    report: Path | None
    resumed: int


@dataclass(frozen=True)
class _Job:
    """All that a worker has to know."""

    wanted: Plan
    form: str
    codec: str | None
    file_column: str | None
    schema: Any = field(repr=False)


@dataclass(frozen=True)
class _Part:
    """A chunk's rows as they stand in the output, and what is wrong with the others."""

    raw: bytes
    rows: int
    faults: list[Fault]


def predict_files(
    model: Model,
    sources: Sequence[Source],
    output: str | Path,
    *,
    text_column: str = "text",
    targets: Sequence[str] = (),
    long: bool = False,
    form: str | None = None,
    resume: bool = False,
    on_error: Literal["stop", "report"] = "stop",
    engine: Literal["threads", "dask"] = "threads",
    scheduler: str | None = None,
    progress: Callable[[int, int, int], None] | None = None,
) -> Outcome:
    """Predict every row of some files, in order, into one file that appears whole or not at all.

    The output has the columns of all inputs (a cell is empty where its file lacks the column), with a
    first column `file` where there are several, and those of `batch.plan`.

    Parameters
    ----------
    sources
        As `streams.sources_of` gives them.
    output
        A file whose ending names its form (``.gz`` or ``.zst`` may follow), or ``-`` for standard output.
    text_column, targets, long
        As in `batch.plan`.
    form
        The form of standard output.
    resume
        Go on with the parts that a killed job of the same inputs, model and options has left; the
        result is the same bytes. Without any, start.
    on_error
        ``"stop"`` at the first part with a bad row, or ``"report"``: leave bad rows out and list them with
        file and line in `<output>.errors.csv`.
    engine
        Threads of this machine, or a Dask cluster (extra `dask`).
    scheduler
        Address of the cluster's scheduler; None starts a cluster on this machine.
    progress
        Called with rows predicted, bytes read and bytes in all.

    Raises
    ------
    DataError
        If a row is bad (``on_error="stop"``), or no row is good.
    StanceError
        If the output is one of the inputs or cannot be written, another process is writing it, or the
        parts are of another job.
    """
    to_stdout = str(output) == "-"
    path = Path(output)
    form, codec = (form or "csv", None) if to_stdout else form_of(path)
    form = "csv" if form == "txt" else form
    if to_stdout and on_error == "report":
        raise StanceError("bad rows are listed beside the output; wanted --output FILE with --on-error report")
    report = Path(f"{output}.errors.csv") if on_error == "report" else None
    if not to_stdout:
        _check_output([path, report] if report else [path], sources)
    keys = [keys_of(source) for source in sources]
    names = list(dict.fromkeys(name for found in keys for name in found))
    if not names:
        raise DataError(fault for source in sources for chunk in read_chunks(source, rows=1) for fault in chunk.faults)
    file_column = _free("file", names) if len(sources) > 1 else None
    wanted = plan(
        model,
        [*([file_column] if file_column else []), *names],
        source=sources[0].name if len(sources) == 1 else "the files",
        text_column=text_column,
        targets=targets,
        long=long,
    )
    schema = None
    if form == "parquet":
        schema = schema_of(sources, keys, {file_column: False} if file_column else {}, wanted.new)
    job = _Job(wanted, form, codec, file_column, schema)
    lacking = {
        source.name: missing_column(list(found), text_column, source.name)
        for source, found in zip(sources, keys, strict=True)
        if found and text_column not in found
    }
    total = sum(source.path.stat().st_size for source in sources)
    manifest = {} if to_stdout else _manifest(model, sources, job)
    with _workplace(path, to_stdout=to_stdout) as place:
        found = place.begin(manifest, resume=resume)
        rows = bad = parts = 0
        with _engine(engine, scheduler, model) as (executor, ready, width):
            made = _in_order(executor, ready, job, _chunks(sources, lacking), place, found, width)
            for number, (position, part) in enumerate(made):
                if part.faults and on_error == "stop":
                    raise DataError(part.faults, hint="--on-error report lists them all")
                if number >= found:
                    place.write(number, part)
                elif number == 0 and place.read(0) != part:
                    raise StanceError(
                        f"the finished parts in {place.folder} are not what this model makes of {sources[0].name};"
                        " wanted the model and version they began with (without --resume the job starts anew)"
                    )
                rows, bad, parts = rows + part.rows, bad + len(part.faults), number + 1
                if progress is not None:
                    progress(rows, position, total)
        every = (fault for number in range(parts) for fault in place.faults(number))
        if not rows:
            raise DataError(every, hint="no row is good")
        if report is not None:
            _write_report(report, every)
        if to_stdout:
            write_stdout(partial(_join, place, parts, job))
        else:
            # Among the parts, so that a job killed right here leaves nothing else.
            with (place.folder / "whole").open("wb") as handle:
                _join(place, parts, job, handle)
            os.replace(place.folder / "whole", path)
    return Outcome(rows, bad, report, min(found, parts))


def kept_parts(output: str | Path) -> int:
    """Return how many finished parts a job that was cut short has left for ``resume``."""
    return _Workplace(_folder(Path(output))).finished()


def _check_output(written: Sequence[Path], sources: Sequence[Source]) -> None:
    for path in written:
        if path.is_dir():
            raise StanceError(f"{path} is a folder; wanted a file to write")
        if path.exists() and any(path.samefile(source.path) for source in sources):
            raise StanceError(f"{path} is one of the inputs, and would be overwritten; wanted another --output")


def _manifest(model: Model, sources: Sequence[Source], job: _Job) -> dict[str, Any]:
    """Return what two jobs must have in common for one to go on with the other's parts."""
    inputs = []
    for source in sources:
        try:
            with source.path.open("rb") as handle:
                inputs.append([source.name, hashlib.file_digest(handle, "sha256").hexdigest()])
        except OSError as error:
            raise StanceError(f"cannot read {source.name}: {error.strerror}") from None
    return {
        "format": FORMAT_VERSION,
        "rows of a part": PART_ROWS,
        "inputs": inputs,
        "model": [model.info.name, model.info.fingerprint],
        "options": [json.loads(json.dumps(asdict(job.wanted))), job.form, job.codec, job.file_column],
    }


def _free(name: str, taken: Sequence[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _chunks(sources: Sequence[Source], lacking: dict[str, Fault]) -> Iterator[Chunk]:
    """Yield every file's chunks; a position is that among all the bytes."""
    before = 0
    for source in sources:
        size = source.path.stat().st_size
        if source.name in lacking:
            yield Chunk(source.name, [], {}, [lacking[source.name]], before + size)
        else:
            for chunk in read_chunks(source, rows=PART_ROWS):
                yield Chunk(chunk.source, chunk.lines, chunk.columns, chunk.faults, before + min(chunk.position, size))
        before += size


def _predict(model: Model, chunk: Chunk, job: _Job) -> _Part:
    columns = dict(chunk.columns)
    if job.file_column:
        columns[job.file_column] = [chunk.source] * len(chunk.lines)
    rows, faults = predict_rows(model, columns, chunk.lines, chunk.source, job.wanted)
    raw = encode(rows, job.form, schema=job.schema) if len(faults) < len(chunk.lines) else b""
    every = sorted([*chunk.faults, *faults], key=lambda fault: sys.maxsize if fault.line is None else fault.line)
    return _Part(pack(raw, job.codec) if raw else b"", len(chunk.lines) - len(faults), every)


def _in_order(
    executor: Executor,
    model: Any,
    job: _Job,
    chunks: Iterable[Chunk],
    place: _Workplace,
    found: int,
    width: int,
) -> Iterator[tuple[int, _Part]]:
    """Yield every chunk's position and part, in order, at most `width` of them at work."""
    waiting: deque[tuple[int, Callable[[], _Part]]] = deque()
    result: Callable[[], _Part]
    for number, chunk in enumerate(chunks):
        # The first part is always made: that it comes out as it was shows the model to be the same.
        done = 0 < number < found
        result = partial(place.read, number) if done else executor.submit(_predict, model, chunk, job).result
        waiting.append((chunk.position, result))
        if len(waiting) >= width:
            first, result = waiting.popleft()
            yield first, result()
    while waiting:
        first, result = waiting.popleft()
        yield first, result()


@contextmanager
def _engine(engine: str, scheduler: str | None, model: Model) -> Iterator[tuple[Executor, Any, int]]:
    """Yield an executor, the model as its tasks take it, and how many tasks to keep in flight."""
    if engine == "dask":
        from stance.predict.cluster import connected

        with connected(scheduler, model) as (executor, ready, cores):
            yield executor, ready, 2 * cores
        return
    threads = os.cpu_count() or 1
    executor = ThreadPoolExecutor(min(threads, 4))
    try:
        yield executor, model, min(threads, 4) + 1
    finally:
        executor.shutdown(cancel_futures=True)


# --- the folder of parts -------------------------------------------------------------------------


class _Workplace:
    """The folder of parts: each part's bytes, and its faults and row count beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _file(self, number: int, ending: str) -> Path:
        return self.folder / f"{number:08d}.{ending}"

    def begin(self, manifest: dict[str, Any], *, resume: bool) -> int:
        """Return how many parts are there to go on with; without `resume` there are none."""
        file = self.folder / "manifest.json"
        if resume and file.exists():
            before = json.loads(file.read_bytes())
            if differing := [name for name in manifest if before.get(name) != manifest[name]]:
                raise StanceError(
                    f"the finished parts in {self.folder} are of another job: its {' and '.join(differing)} differ;"
                    " wanted the same command (without --resume the job starts anew)"
                )
            return self.finished()
        for path in self.folder.iterdir():
            if path.name != "lock":
                path.unlink()
        file.write_text(json.dumps(manifest), encoding="utf-8")
        return 0

    def write(self, number: int, part: _Part) -> None:
        about = {"rows": part.rows, "faults": [asdict(fault) for fault in part.faults]}
        self._put(self._file(number, "json"), json.dumps(about).encode())
        self._put(self._file(number, "part"), part.raw)  # last: a part that is there is finished

    def _put(self, path: Path, raw: bytes) -> None:
        fresh = path.with_suffix(".new")
        fresh.write_bytes(raw)
        os.replace(fresh, path)

    def read(self, number: int) -> _Part:
        about = json.loads(self._file(number, "json").read_bytes())
        return _Part(self.raw(number), about["rows"], [Fault(**fault) for fault in about["faults"]])

    def raw(self, number: int) -> bytes:
        return self._file(number, "part").read_bytes()

    def faults(self, number: int) -> list[Fault]:
        return self.read(number).faults

    def finished(self) -> int:
        number = 0
        while self._file(number, "part").exists():
            number += 1
        return number


def _folder(path: Path) -> Path:
    return path.parent / f".{path.name}.parts"


@contextmanager
def _workplace(path: Path, *, to_stdout: bool) -> Iterator[_Workplace]:
    """Yield the folder of parts, locked. It goes when the job is done, or its data are at fault."""
    if to_stdout:
        with tempfile.TemporaryDirectory(prefix="stance-") as folder:
            yield _Workplace(Path(folder))
        return
    place = _Workplace(_folder(path))
    lock = filelock.FileLock(place.folder / "lock", timeout=0)
    try:
        place.folder.mkdir(exist_ok=True)
        lock.acquire()
    except filelock.Timeout:
        raise StanceError(f"another process is writing {path}; wait for it, or name another --output") from None
    except OSError as error:
        raise StanceError(f"cannot write {path}: {error.strerror}") from None
    done = False
    try:
        yield place
        done = True
    except DataError:
        done = True
        raise
    except OSError as error:
        raise StanceError(f"cannot write {path}: {error.strerror}") from None
    finally:
        lock.release()
        if done or not place.finished():
            shutil.rmtree(place.folder, ignore_errors=True)


def _join(place: _Workplace, parts: int, job: _Job, out: IO[bytes]) -> None:
    raws = (place.raw(number) for number in range(parts))
    if job.form == "parquet":
        join_parquet((raw for raw in raws if raw), out, job.schema)
        return
    empty: dict[str, Any] = {name: [] for name in (*job.wanted.columns, *job.wanted.new)}
    if head := encode(empty, job.form, head=True):
        out.write(pack(head, job.codec))
    for raw in raws:
        out.write(raw)


def _write_report(path: Path, faults: Iterable[Fault]) -> None:
    names = ("file", "line", "column", "found", "wanted")
    with atomic_write(path) as handle:
        handle.write(encode({name: [] for name in names}, "csv", head=True))
        for fault in faults:
            handle.write(encode({name: [getattr(fault, name)] for name in names}, "csv"))
