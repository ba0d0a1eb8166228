"""Files of any size: every row once, in order and unchanged, into one file that is there whole or not at all."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stance.data import chunks
from stance.errors import DataError, StanceError
from stance.model.predictor import Model, load
from stance.predict.files import predict_files, sources_of
from tests.conftest import RunCli

TEXTS = [f"Report {i}: {who} condemned the shield{'.' * (i % 4)}" for i in range(9) for who in ("Moscow", 'é\t"x", y')]


@pytest.fixture(scope="module")
def model(tiny_run: Path) -> Model:
    return load(tiny_run)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK_SIZE", 1000)


def run(model: Model, pattern: Path | str, output: Path, **options: Any) -> tuple[int, int]:
    tally = predict_files(model, sources_of(str(pattern)), output, **options)
    return tally.rows, tally.bad


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
    frame = pd.DataFrame({"n": [f"00{n}" for n in range(len(texts))], "text": texts})
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


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("output", ["o.csv", "o.tsv.gz", "o.jsonl.zst", "o.parquet"])
@pytest.mark.parametrize(
    "name", ["a.txt", "a.txt.gz", "a.csv", "a.csv.zst", "a.tsv", "a.jsonl", "a.jsonl.gz", "a.parquet"]
)
def test_every_row_comes_back_in_order_with_its_prediction(
    model: Model, tmp_path: Path, name: str, output: str
) -> None:
    done = run(model, write(tmp_path / name, TEXTS), tmp_path / output)
    rows = rows_of(tmp_path / output)
    assert done == (len(TEXTS), 0)
    assert [row["text"] for row in rows] == TEXTS
    assert [row["shield"] for row in rows] == model.predict(TEXTS, target="shield").tolist()
    if not name.startswith("a.txt"):
        assert [row["n"] for row in rows] == [f"00{n}" for n in range(len(TEXTS))]
    assert {path.name for path in tmp_path.iterdir()} == {name, output}


def test_parquet_keeps_its_types_and_json_becomes_strings_there(model: Model, tmp_path: Path) -> None:
    table = pa.table(
        {
            "text": ["a", "b"],
            "when": pa.array([1, None], pa.timestamp("ns")),
            "tags": pa.array([["x"], []], pa.list_(pa.string())),
            "kind": pa.array(["x", "y"]).dictionary_encode(),
            "view": pa.array(["x", None], pa.large_string()),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    run(model, tmp_path / "a.parquet", tmp_path / "b.parquet", targets=["club"])
    again = pq.read_table(tmp_path / "b.parquet")
    assert again.select(table.column_names).equals(table)
    assert str(again.schema.field("club_proba").type) == "double"
    (tmp_path / "a.jsonl").write_text(
        '{"text": "a", "n": 1152921504606846977, "x": [1]}\n{"n": 2.5, "text": "b", "m": 7}'
    )
    run(model, tmp_path / "a.jsonl", tmp_path / "c.parquet", targets=["club"])
    rows = rows_of(tmp_path / "c.parquet")
    assert [(row["n"], row["x"], row["m"]) for row in rows] == [
        ("1152921504606846977", "[1]", None),
        ("2.5", None, "7"),
    ]


COLUMNS = {
    "binary": pa.array([b"\xff\0", None]),
    "bool8": pa.array([1, None], pa.int8()).cast(pa.bool8()),
    "decimal": pa.array([Decimal("1.10"), None]),
    "dictionary": pa.array([b"\xff", None]).dictionary_encode(),
    "duration": pa.array([2**62, None], pa.duration("s")),
    "half": pa.array([1.5, float("nan")], pa.float16()),
    "list": pa.array([[b"\xff", None], None]),
    "map": pa.array([[("a", float("inf"))], None], pa.map_(pa.string(), pa.float64())),
    "null": pa.nulls(2),
    "struct": pa.array([{"a": float("nan")}, None]),
    "time": pa.array([1, None], pa.time64("ns")),
    "timestamp": pa.array([1, None], pa.timestamp("us", "Nowhere/Bad")),
    "unsigned": pa.array([2**64 - 1, None], pa.uint64()),
    "uuid": pa.array([b"0" * 16, None], pa.uuid()),
}


@pytest.mark.parametrize("output", ["o.csv", "o.jsonl", "o.parquet"])
@pytest.mark.parametrize("name", COLUMNS)
def test_any_type_of_parquet_is_written_or_a_fault_of_its_rows(
    model: Model, tmp_path: Path, name: str, output: str
) -> None:
    def never(number: str) -> None:
        raise AssertionError(number)

    pq.write_table(pa.table({"text": ["a", "b"], "other": COLUMNS[name]}), tmp_path / "a.parquet")
    n_rows, n_bad = run(model, tmp_path / "a.parquet", tmp_path / output, report=tmp_path / "faults.csv")
    assert n_rows + n_bad == 2
    if output == "o.jsonl":
        assert all(json.loads(line, parse_constant=never) for line in (tmp_path / output).read_text().splitlines())
    pq.write_table(pa.table({"text": COLUMNS[name]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a\.parquet:1: "):
        run(model, tmp_path / "a.parquet", tmp_path / output, report=tmp_path / "faults.csv")


def test_a_chunk_without_a_text_is_faults_of_its_rows(model: Model, tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a", *[None] * 30_000, "b"]}), tmp_path / "a.parquet")
    assert run(model, tmp_path / "a.parquet", tmp_path / "o.csv", report=tmp_path / "faults.csv") == (2, 30_000)


def test_a_column_of_two_types_is_a_string(model: Model, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    pq.write_table(pa.table({"text": ["a"], "n": [1], "m": [2]}), tmp_path / "in" / "a.parquet")
    pq.write_table(pa.table({"text": ["b"], "n": [0.5], "m": [3]}), tmp_path / "in" / "b.parquet")
    run(model, tmp_path / "in", tmp_path / "o.parquet")
    assert [(row["n"], row["m"]) for row in rows_of(tmp_path / "o.parquet")] == [("1", 2), ("0.5", 3)]


def test_not_a_number_is_null_in_json_and_empty_in_csv(model: Model, tmp_path: Path) -> None:
    numbers = {"x": [float("nan"), 1.5], "y": [{"z": [float("inf")]}, None], "when": pa.array([1, None], pa.date32())}
    pq.write_table(pa.table({"text": ["a", "b"], **numbers}), tmp_path / "a.parquet")
    run(model, tmp_path / "a.parquet", tmp_path / "o.jsonl")
    run(model, tmp_path / "a.parquet", tmp_path / "o.csv")
    raw = (tmp_path / "o.jsonl").read_text()
    assert "NaN" not in raw
    assert "Infinity" not in raw
    rows = rows_of(tmp_path / "o.jsonl")
    assert [(row["x"], row["y"], row["when"]) for row in rows] == [
        (None, {"z": [None]}, "1970-01-02"),
        (1.5, None, None),
    ]
    assert [(row["x"], row["when"]) for row in rows_of(tmp_path / "o.csv")] == [("", "1970-01-02"), ("1.5", "")]


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("by_glob", [False, True], ids=["folder", "glob"])
def test_several_files_are_one_output_in_order_with_a_column_for_the_file(
    model: Model, tmp_path: Path, *, by_glob: bool
) -> None:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    write(folder / "b.csv", TEXTS[:7])
    write(folder / "a.jsonl.gz", TEXTS[7:12])
    write(folder / "sub" / "c.txt", TEXTS[12:])
    (folder / ".hidden.csv").write_text("no")
    if not by_glob:
        (folder / "notes.md").write_text("no")
    run(model, str(folder / "**" / "*.*[tvz]") if by_glob else folder, tmp_path / "o.csv")
    rows = rows_of(tmp_path / "o.csv")
    assert list(rows[0])[:3] == ["file", "n", "text"]
    assert [row["text"] for row in rows] == TEXTS[7:12] + TEXTS[:7] + TEXTS[12:]
    assert [Path(row["file"]).name for row in rows] == ["a.jsonl.gz"] * 5 + ["b.csv"] * 7 + ["c.txt"] * 6
    assert [row["n"] for row in rows[12:]] == [""] * 6


def parquet_with_bad_cells() -> bytes:
    raw = io.BytesIO()
    words = pa.array([b"one", b"caf\xe9", b"three", b"four", b"five"], pa.binary()).view(pa.string())
    days = pa.array([0, 0, 10**6, 2**31 - 1, 5], pa.int32()).cast(pa.date32())
    pq.write_table(pa.table({"text": words, "day": days}), raw)
    return raw.getvalue()


BAD = {
    "a.csv": (
        b'n,text\n1,one\n2\n3,caf\xe9\n4,nul\0\n5,"open\n6,x" y\n7,seven\n',
        [(3, "1 fields"), (4, "byte 0xe9"), (5, "NUL"), (6, "from here to line 7")],
        ["one", "seven"],
    ),
    "a.txt": (b"one\n\xff\nthree\n", [(2, "byte 0xff")], ["one", "three"]),
    "a.jsonl": (
        b"""{"text": "one"}\n[1]\n{"text": 3}\n{"txt": "x"}\n{"text": "\\ud800"}\n{"text"\n
{"text": "x", "n": NaN}\n{"text": "x", "n": 1e999}\n{"text": "x", "n": %s}\n{"text": "last"}\n"""
        % (b"[" * 10**5 + b"]" * 10**5),
        [(2, "list"), (3, "3 (int)"), (4, "None"), (5, "surrogates"), (6, "broken JSON"), (8, "range"),
         (9, "range"), (10, "recursion")],
        ["one", "last"],
    ),
    "a.parquet": (parquet_with_bad_cells(), [(2, "UTF8"), (4, "a cell that cannot be read")], ["one", "three", "five"]),
}  # fmt: skip


@pytest.mark.parametrize("size", [1, 500, 10**6])
@pytest.mark.parametrize("name", BAD)
def test_bad_rows_are_listed_with_their_line_and_no_other_is_lost(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, size: int
) -> None:
    monkeypatch.setattr(chunks, "CHUNK_SIZE", size)
    raw, faults, good = BAD[name]
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(DataError, match=rf"{name}:{faults[0][0]}"):
        run(model, tmp_path / name, tmp_path / "o.csv")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    done = run(model, tmp_path / name, tmp_path / "o.csv", report=tmp_path / "o.csv.errors.csv")
    assert [row["text"] for row in rows_of(tmp_path / "o.csv")] == good
    report = rows_of(tmp_path / "o.csv.errors.csv")
    assert done == (len(good), len(faults))
    assert [int(row["line"]) for row in report] == [line for line, _ in faults]
    for row, (_, found) in zip(report, faults, strict=True):
        assert found in row["found"]
        assert row["file"] == str(tmp_path / name)


def test_a_file_that_breaks_off_is_reported_and_the_others_are_predicted(model: Model, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "a.csv", TEXTS)
    noise = np.random.default_rng(0).bytes(2**20).hex()
    packed = gzip.compress("".join(f"{noise[i : i + 4096]}\n" for i in range(0, len(noise), 4096)).encode())
    (tmp_path / "in" / "b.txt.gz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "in" / "c.csv").write_text("words\nx\n")
    (tmp_path / "in" / "d.csv").write_bytes("text\nx\n".encode("utf-16"))
    (tmp_path / "in" / "e.parquet").write_bytes(b"PAR1")
    (tmp_path / "in" / "f.csv").write_bytes(b"")
    _, bad = run(model, tmp_path / "in", tmp_path / "o.csv", report=tmp_path / "o.csv.errors.csv")
    assert bad == 5
    found = {Path(row["file"]).name: row["found"] for row in rows_of(tmp_path / "o.csv.errors.csv")}
    assert "data that cannot be read" in found["b.txt.gz"]
    assert "after line" in found["b.txt.gz"]
    assert found["c.csv"] == "columns words"
    assert found["d.csv"] == "byte 0xff, which is not UTF-8"
    assert "data that cannot be read (Parquet" in found["e.parquet"]
    assert found["f.csv"] == "an empty file"
    assert len(rows_of(tmp_path / "o.csv")) > len(TEXTS)


def test_very_many_columns_make_small_chunks_and_progress_is_told_after_each(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "CHUNK_SIZE", 1000)
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "a", **{f"k{i}": i for i in range(25)}}))
    write(tmp_path / "b.parquet", TEXTS)
    told: list[tuple[int, int]] = []
    run(model, tmp_path, tmp_path / "o.csv", progress=lambda *bytes_read: told.append(bytes_read))
    size = sum((tmp_path / name).stat().st_size for name in ("a.jsonl", "b.parquet"))
    assert len(told) == 1 + -(-len(TEXTS) // 5)
    assert told == sorted(told)
    assert told[-1] == (size, size)


def test_an_output_that_is_an_input_is_refused(model: Model, tmp_path: Path) -> None:
    before = write(tmp_path / "a.csv", TEXTS).read_bytes()
    write(tmp_path / "b.csv.errors.csv", TEXTS)
    (tmp_path / "x").mkdir()
    for output in ("a.csv", "x/../a.csv"):
        with pytest.raises(StanceError, match="is one of the inputs"):
            run(model, tmp_path / "a.csv", tmp_path / output)
    with pytest.raises(StanceError, match=r"b\.csv\.errors\.csv is one of the inputs"):
        run(model, tmp_path / "b.csv.errors.csv", tmp_path / "b.csv", report=tmp_path / "b.csv.errors.csv")
    assert (tmp_path / "a.csv").read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of a file there")
@pytest.mark.parametrize("output", ["o.csv", "o.csv.gz", "o.jsonl.zst", "o.parquet"])
def test_a_full_disk_ends_in_an_error_and_the_old_output_stays(model: Model, tmp_path: Path, output: str) -> None:
    import resource
    import signal

    source = write(tmp_path / "a.csv", [f"{text} {i * i * 7919 % 100_003}" for i, text in enumerate(TEXTS * 20)])
    (tmp_path / output).write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        with pytest.raises(StanceError, match=r"cannot write .*o\..*: File too large"):
            run(model, source, tmp_path / output)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert (tmp_path / output).read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", output]


@pytest.mark.parametrize("output", ["no/o.csv", "a.csv/o.csv", "folder.csv"])
def test_an_output_that_cannot_be_written_is_said(model: Model, tmp_path: Path, output: str) -> None:
    write(tmp_path / "a.csv", TEXTS)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(StanceError, match=r"cannot write|is a folder"):
        run(model, tmp_path / "a.csv", tmp_path / output)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full there")
def test_standard_output_that_is_full_or_closed(tiny_run: Path, tmp_path: Path) -> None:
    write(tmp_path / "a.csv", TEXTS)
    command = f"{sys.executable} -m stance predict --model {tiny_run} --input a.csv"
    full = subprocess.run(
        f"{command} > /dev/full", shell=True, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert full.returncode == 1
    assert full.stderr.strip() == "error: [Errno 28] No space left on device"
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


@pytest.mark.usefixtures("small_chunks")
def test_a_bad_row_leaves_nothing_on_standard_output(cli: RunCli, tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"good\n" * 50 + b"b\xe4d\n")
    done = cli("predict", "--model", tiny_run, "--input", "a.txt")
    assert (done.returncode, done.stdout) == (1, "")
    assert "a.txt:51: found byte 0xe4" in done.stderr


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["a.csv"], 2, "'a.csv' is a file; to predict its rows: --input a.csv"),
        (["--input", "upper.csv"], 1, "wanted the column 'text'; for this table --text-column 'Text'"),
        (["--input", "wide.csv"], 1, "byte 0xff, which is not UTF-8; wanted UTF-8 text (save the file as UTF-8"),
        (["--input", "a.xls"], 1, "in the spreadsheet: save as CSV UTF-8"),
        (["--input", "a.csv", "--output", "a.csv"], 1, "is one of the inputs"),
        (["--input", "*.none"], 1, "no file matches"),
        (["--input", "none.csv"], 1, "none.csv does not exist; wanted a table"),
        (["--input", "a.csv", "--on-error", "report"], 1, "wanted --output FILE with --on-error report"),
        (["--input", "a.csv", "--scheduler", "x:1"], 2, "wanted --engine dask"),
        (
            ["--input", "a.csv", "--engine", "dask", "--output", "o.csv"],
            2,
            "wanted --input FILE, --output NAME.parquet",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_is_answered_with_what_to_do(
    cli: RunCli, tiny_run: Path, tmp_path: Path, args: list[str], code: int, message: str
) -> None:
    write(tmp_path / "a.csv", TEXTS)
    (tmp_path / "upper.csv").write_text("Text\nx\n")
    (tmp_path / "wide.csv").write_bytes("text\nx\n".encode("utf-16"))
    (tmp_path / "a.xls").write_bytes(b"PK")
    done = cli("predict", "--model", tiny_run, *args)
    assert done.returncode == code, done.stderr
    assert message in " ".join(done.stderr.replace("│", " ").split())
    assert len(list(tmp_path.iterdir())) == 4
