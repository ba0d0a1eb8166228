"""Files of any size: every row once, in order, whole or not at all, and the same after a break."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stance.data.streams import sources_of
from stance.errors import DataError, StanceError
from stance.model.predictor import Model, load
from stance.predict import archive
from stance.predict.archive import Outcome, predict_files
from tests.conftest import RunCli, heeding_interrupts

TEXTS = [f"Report {i}: {who} condemned the shield{'.' * (i % 4)}" for i in range(19) for who in ("Moscow", 'é\t"x", y')]


@pytest.fixture(scope="module")
def model(tiny_run: Path) -> Model:
    return load(tiny_run)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "PART_ROWS", 5)


def run(model: Model, pattern: Path | str, output: Path, **options: Any) -> Outcome:
    return predict_files(model, sources_of(str(pattern)), output, **options)


def rows_of(path: Path) -> list[dict[str, Any]]:
    raw = path.read_bytes()
    if path.suffix == ".gz":
        raw = gzip.decompress(raw)
    if path.suffix == ".zst":
        raw = pa.CompressedInputStream(pa.BufferReader(raw), "zstd").read()
    name = path.name.removesuffix(".gz").removesuffix(".zst")
    if name.endswith(".parquet"):
        return list(pq.read_table(io.BytesIO(raw)).to_pylist())
    if name.endswith(".jsonl"):
        return [json.loads(line) for line in raw.decode().splitlines()]
    return list(csv.DictReader(io.StringIO(raw.decode(), newline=""), delimiter="\t" if ".tsv" in name else ","))


def write(path: Path, texts: list[str]) -> Path:
    """Write texts with a number each, in the form and codec of the path's ending."""
    frame = pd.DataFrame({"n": range(len(texts)), "text": texts})
    forms: dict[str, Callable[[], bytes]] = {
        ".txt": lambda: "".join(text + "\n" for text in texts).encode(),
        ".csv": lambda: frame.to_csv(index=False).encode(),
        ".tsv": lambda: frame.to_csv(index=False, sep="\t").encode(),
        ".jsonl": lambda: frame.to_json(orient="records", lines=True).encode(),
        ".parquet": lambda: bytes(frame.to_parquet()),
    }
    suffixes = path.suffixes
    raw = forms[suffixes[0]]()
    if suffixes[-1] == ".gz":
        raw = gzip.compress(raw[:100]) + gzip.compress(raw[100:])  # several members are one file
    if suffixes[-1] == ".zst":
        raw = pa.compress(raw[:100], "zstd", asbytes=True) + pa.compress(raw[100:], "zstd", asbytes=True)
    path.write_bytes(raw)
    return path


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("output", ["o.csv", "o.tsv.gz", "o.jsonl", "o.jsonl.zst", "o.parquet"])
@pytest.mark.parametrize(
    "name", ["a.txt", "a.txt.gz", "a.csv", "a.csv.zst", "a.tsv", "a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.parquet"]
)
def test_every_row_comes_back_in_order_with_its_prediction(
    model: Model, tmp_path: Path, name: str, output: str
) -> None:
    done = run(model, write(tmp_path / name, TEXTS), tmp_path / output)
    rows = rows_of(tmp_path / output)
    assert done == Outcome(len(TEXTS), 0, None, 0)
    assert [row["text"] for row in rows] == TEXTS
    assert [row["shield"] for row in rows] == model.predict(TEXTS, target="shield").tolist()
    if not name.startswith("a.txt"):
        assert [int(row["n"]) for row in rows] == list(range(len(TEXTS)))
    assert left(tmp_path) == []


@pytest.mark.usefixtures("small_parts")
def test_parquet_keeps_its_types_and_json_gets_some(model: Model, tmp_path: Path) -> None:
    table = pa.table(
        {
            "text": ["a", "b"],
            "when": pa.array([1, None], pa.timestamp("ns")),
            "tags": pa.array([["x"], []], pa.list_(pa.string())),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    run(model, tmp_path / "a.parquet", tmp_path / "b.parquet", targets=["club"])
    found = pq.read_table(tmp_path / "b.parquet")
    assert found.select(["text", "when", "tags"]).equals(table)
    assert str(found.schema.field("club_proba").type) == "double"
    (tmp_path / "a.jsonl").write_text('{"text": "a", "n": 1, "x": [1]}\n{"n": 2.5, "text": "b", "m": 7}\n')
    run(model, tmp_path / "a.jsonl", tmp_path / "c.parquet", targets=["club"])
    rows = rows_of(tmp_path / "c.parquet")
    assert [(row["n"], row["x"], row["m"]) for row in rows] == [(1.0, "[1]", None), (2.5, None, 7)]


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("by_glob", [False, True], ids=["folder", "glob"])
def test_several_files_are_one_output_in_order_with_a_column_for_the_file(
    model: Model, tmp_path: Path, *, by_glob: bool
) -> None:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    write(folder / "b.csv", TEXTS[:7])
    write(folder / "a.jsonl.gz", TEXTS[7:12])
    write(folder / "sub" / "c.txt", TEXTS[12:20])
    (folder / ".hidden.csv").write_text("no")
    if not by_glob:
        (folder / "notes.md").write_text("no")
    run(model, str(folder / "**" / "*.*[tvz]") if by_glob else folder, tmp_path / "o.csv")
    rows = rows_of(tmp_path / "o.csv")
    assert list(rows[0])[:3] == ["file", "n", "text"]
    assert [row["text"] for row in rows] == TEXTS[7:12] + TEXTS[:7] + TEXTS[12:20]
    assert [Path(row["file"]).name for row in rows] == ["a.jsonl.gz"] * 5 + ["b.csv"] * 7 + ["c.txt"] * 8
    assert [row["n"] for row in rows[12:]] == [""] * 8


@pytest.mark.parametrize("form", ["csv", "csv.gz", "jsonl.zst", "parquet"])
@pytest.mark.usefixtures("small_parts")
def test_a_broken_off_job_goes_on_to_the_same_bytes(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    texts = [*TEXTS, "", "last"]
    source, output = write(tmp_path / "a.csv", texts), tmp_path / f"o.{form}"
    run(model, source, tmp_path / f"whole.{form}")

    def stop(rows: int, done: int, total: int) -> None:
        if rows >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(model, source, output, progress=stop)
    assert not output.exists()
    kept = archive.kept_parts(output)
    assert 3 <= kept <= 5
    scored: list[int] = []
    predict = Model.predict_proba

    def counted(self: Model, texts: list[str], **more: Any) -> Any:
        scored.append(len(texts))
        return predict(self, texts, **more)

    monkeypatch.setattr(Model, "predict_proba", counted)
    done = run(model, source, output, resume=True)
    assert done.resumed == kept
    assert sum(scored) == len(texts) - 5 * kept + 5  # the first part is made again, to compare
    assert output.read_bytes() == (tmp_path / f"whole.{form}").read_bytes()
    assert left(tmp_path) == []


@pytest.mark.usefixtures("small_parts")
def test_resume_refuses_the_parts_of_another_job(model: Model, tiny_run: Path, tmp_path: Path) -> None:
    source, output = write(tmp_path / "a.csv", TEXTS), tmp_path / "o.csv"

    def stop(rows: int, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(model, source, output, progress=stop)
    with pytest.raises(StanceError, match="of another job: its options differ; wanted the same command"):
        run(model, source, output, resume=True, long=True)
    other = load(tiny_run)
    other.predict_proba = lambda texts, **_: model.predict_proba(texts) * 0.5  # type: ignore[method-assign]
    with pytest.raises(StanceError, match="not what this model makes of"):
        run(other, source, output, resume=True)
    write(source, [*TEXTS, "one more"])
    with pytest.raises(StanceError, match="its inputs differ"):
        run(model, source, output, resume=True)
    assert archive.kept_parts(output) == 1
    run(model, source, output)
    assert len(rows_of(output)) == len(TEXTS) + 1


BAD = {
    "a.csv": (
        b'n,text\n1,one\n2\n3,caf\xe9\n4,nul\0\n5,"open\n6,x" y\n7,seven\n',
        [(3, "1 fields"), (4, "byte 0xe9"), (5, "NUL"), (6, "broken CSV")],
        ["one", "seven"],
    ),
    "a.txt": (b"one\n\xff\nthree\n", [(2, "byte 0xff")], ["one", "three"]),
    "a.jsonl": (
        b'{"text": "one"}\n[1]\n{"text": 3}\n{"txt": "x"}\n{"text": "\\ud800"}\n{"text"\n\n{"text": "eight"}\n',
        [(2, "list"), (3, "3 (int)"), (4, "None"), (5, "broken JSON"), (6, "broken JSON")],
        ["one", "eight"],
    ),
}


@pytest.mark.parametrize("rows", [1, 2, 100])
@pytest.mark.parametrize("name", BAD)
def test_bad_rows_are_listed_with_their_line_and_no_other_is_lost(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, rows: int
) -> None:
    monkeypatch.setattr(archive, "PART_ROWS", rows)
    raw, faults, good = BAD[name]
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(DataError, match=rf"{name}:{faults[0][0]}"):
        run(model, tmp_path / name, tmp_path / "o.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]
    done = run(model, tmp_path / name, tmp_path / "o.csv", on_error="report")
    assert [row["text"] for row in rows_of(tmp_path / "o.csv")] == good
    report = rows_of(tmp_path / "o.csv.errors.csv")
    assert done == Outcome(len(good), len(faults), tmp_path / "o.csv.errors.csv", 0)
    assert [int(row["line"]) for row in report] == [line for line, _ in faults]
    for row, (_, found) in zip(report, faults, strict=True):
        assert found in row["found"]
        assert row["file"] == str(tmp_path / name)


def test_a_file_that_breaks_off_is_reported_and_the_others_are_predicted(model: Model, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "a.csv", TEXTS)
    packed = gzip.compress("".join(f"line {i * i * 7919 % 1013}\n" for i in range(20000)).encode())
    (tmp_path / "in" / "b.txt.gz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "in" / "c.csv").write_text("words\nx\n")
    (tmp_path / "in" / "d.csv").write_bytes("text\nx\n".encode("utf-16"))
    (tmp_path / "in" / "e.parquet").write_bytes(b"PAR1")
    done = run(model, tmp_path / "in", tmp_path / "o.csv", on_error="report")
    assert done.bad == 4
    found = {Path(row["file"]).name: row["found"] for row in rows_of(tmp_path / "o.csv.errors.csv")}
    assert "cut-off packed data" in found["b.txt.gz"]
    assert "after line" in found["b.txt.gz"]
    assert found["c.csv"] == "columns words"
    assert found["d.csv"] == "UTF-16 text"
    assert "no readable Parquet" in found["e.parquet"]
    assert len(rows_of(tmp_path / "o.csv")) > len(TEXTS)


def test_an_output_that_is_an_input_is_refused(model: Model, tmp_path: Path) -> None:
    write(tmp_path / "a.csv", TEXTS)
    before = (tmp_path / "a.csv").read_bytes()
    for output in (tmp_path / "a.csv", tmp_path / "x" / ".." / "a.csv"):
        (tmp_path / "x").mkdir(exist_ok=True)
        with pytest.raises(StanceError, match="is one of the inputs"):
            run(model, tmp_path / "a.csv", output)
    assert (tmp_path / "a.csv").read_bytes() == before


def test_two_processes_do_not_write_one_output(model: Model, tmp_path: Path) -> None:
    write(tmp_path / "a.csv", TEXTS)
    second: list[str] = []

    def meanwhile(rows: int, done: int, total: int) -> None:
        with pytest.raises(StanceError, match="another process is writing") as caught:
            run(model, tmp_path / "a.csv", tmp_path / "o.csv")
        second.append(str(caught.value))

    run(model, tmp_path / "a.csv", tmp_path / "o.csv", progress=meanwhile)
    assert second
    assert len(rows_of(tmp_path / "o.csv")) == len(TEXTS)


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of a file there")
@pytest.mark.usefixtures("small_parts")
def test_a_full_disk_ends_in_an_error_and_the_job_can_go_on(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource
    import signal

    source = write(tmp_path / "a.csv", TEXTS)
    run(model, source, tmp_path / "whole.csv")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1500, hard))
        with pytest.raises(StanceError, match=r"cannot write .*o\.csv: File too large"):
            run(model, source, tmp_path / "o.csv")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert not (tmp_path / "o.csv").exists()
    assert run(model, source, tmp_path / "o.csv", resume=True).resumed > 0
    assert (tmp_path / "o.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.parametrize("place", ["no/o.csv", "a.csv/o.csv", "folder.csv"])
def test_a_place_that_cannot_be_written_is_said_at_once(model: Model, tmp_path: Path, place: str) -> None:
    write(tmp_path / "a.csv", TEXTS)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(StanceError, match=r"cannot write|is a folder"):
        run(model, tmp_path / "a.csv", tmp_path / place)


def test_packed_data_that_grows_without_end_is_refused(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stance.data.streams.UNPACKED_FREE", 2**20)
    monkeypatch.setattr("stance.data.records.UNPACKED_FREE", 2**20)
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"boom\n" * 10**6))
    (tmp_path / "b.txt.zst").write_bytes(pa.compress(b"boom\n" * 10**6, "zstd", asbytes=True))
    pq.write_table(
        pa.table({"text": ["boom" * 10**5] * 20}), tmp_path / "c.parquet", use_dictionary=False, compression="zstd"
    )
    for name in ("a.txt.gz", "b.txt.zst", "c.parquet"):
        with pytest.raises(DataError, match="200-fold"):
            run(model, tmp_path / name, tmp_path / "o.csv")
        assert not (tmp_path / "o.csv").exists()


def test_a_field_without_end_loses_its_row_only(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stance.data.streams.LINE_LIMIT", 1000)
    for name in ("a.txt", "a.csv"):
        (tmp_path / name).write_text("text\n" + "x" * 5000 + "\nlast\n")
        done = run(model, tmp_path / name, tmp_path / "o.csv", on_error="report")
        assert done.bad == 1
        assert rows_of(tmp_path / "o.csv.errors.csv")[0]["line"] == "2"
        assert rows_of(tmp_path / "o.csv")[-1]["text"] == "last"


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals there")
@pytest.mark.parametrize("number", ["SIGKILL", "SIGINT"])
def test_a_killed_command_goes_on_with_resume(cli: RunCli, tiny_run: Path, tmp_path: Path, number: str) -> None:
    import signal

    (tmp_path / "a.txt").write_text("".join(f"Report {i}: Moscow condemned the shield\n" for i in range(45_000)))
    arguments = ["predict", "--model", str(tiny_run), "--input", "a.txt", "--output"]
    with subprocess.Popen(
        [sys.executable, "-m", "stance", *arguments, "o.csv"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heeding_interrupts,
    ) as process:
        deadline = time.monotonic() + 60
        while archive.kept_parts(tmp_path / "o.csv") < 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.Signals[number])
        assert process.stderr is not None
        said = process.stderr.read().splitlines()
    if number == "SIGINT":
        assert process.returncode == 130
        assert said[0] == "interrupted"
        assert said[1].endswith("finished parts are kept; the same command with --resume goes on from them")
        assert len(said) == 2
    assert not (tmp_path / "o.csv").exists()
    done = cli(*arguments, "o.csv", "--resume")
    assert done.returncode == 0, done.stderr
    assert "went on after" in done.stderr
    assert cli(*arguments, "whole.csv").returncode == 0
    assert (tmp_path / "o.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert left(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full there")
def test_standard_output_that_is_full_or_closed(cli: RunCli, tiny_run: Path, tmp_path: Path) -> None:
    write(tmp_path / "a.csv", TEXTS * 100)
    command = f"{sys.executable} -m stance predict --model {tiny_run} --input a.csv"
    full = subprocess.run(
        f"{command} > /dev/full", shell=True, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert full.returncode == 1
    assert full.stderr.strip() == "error: cannot write standard output: No space left on device"
    read, write_end = os.pipe()
    os.close(read)
    closed = subprocess.run(
        command, shell=True, cwd=tmp_path, stdout=write_end, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write_end)
    assert (closed.returncode, closed.stderr) == (1, "")


def test_the_command_on_a_folder(cli: RunCli, tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "a.csv", TEXTS)
    (tmp_path / "in" / "b.txt").write_bytes(b"good\nb\xe4d\n")
    command = ["predict", "--model", str(tiny_run), "--input", "in", "--output", "o.csv.gz"]
    stopped = cli(*command)
    assert stopped.returncode == 1
    assert "b.txt:2: found byte 0xe4" in stopped.stderr
    done = cli(*command, "--on-error", "report")
    assert done.returncode == 0, done.stderr
    assert f"1 rows were bad and are left out, {len(TEXTS) + 1} were predicted: see o.csv.gz.errors.csv" in done.stderr
    assert len(rows_of(tmp_path / "o.csv.gz")) == len(TEXTS) + 1


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["a.csv"], 2, "'a.csv' is a file; to predict its rows: --input a.csv"),
        (["--input", "upper.csv"], 1, "wanted the column 'text'; for this table --text-column 'Text'"),
        (["--input", "wide.csv"], 1, "found UTF-16 text; wanted UTF-8 text (save the file as UTF-8"),
        (["--input", "a.xlsx"], 1, "in the spreadsheet: save as CSV UTF-8"),
        (["--input", "a.csv", "--output", "a.csv"], 1, "is one of the inputs"),
        (["--input", "*.none"], 1, "no file matches"),
        (["--input", "none.csv"], 1, "none.csv does not exist; wanted a table"),
        (["--input", "a.csv", "--resume"], 2, "wanted --input and --output FILE"),
        (["--input", "a.csv", "--scheduler", "x:1"], 2, "wanted --engine dask"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_is_answered_with_what_to_do(
    cli: RunCli, tiny_run: Path, tmp_path: Path, args: list[str], code: int, message: str
) -> None:
    write(tmp_path / "a.csv", TEXTS)
    (tmp_path / "upper.csv").write_text("Text\nx\n")
    (tmp_path / "wide.csv").write_bytes("text\nx\n".encode("utf-16"))
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    done = cli("predict", "--model", tiny_run, *args)
    assert done.returncode == code, done.stderr
    assert message in " ".join(done.stderr.replace("│", " ").split())
    assert left(tmp_path) == []
