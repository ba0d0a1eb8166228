"""Any file is read as rows and faults, in bounded memory, and what was read can be written again."""

from __future__ import annotations

import gzip
import io
import time
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stance.data import chunks, formats, lines
from stance.data.chunks import Chunk, columns_of, read_chunks
from stance.data.formats import CODECS, FORMATS, Source
from stance.data.tables import table_writer
from stance.errors import Fault

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


def chunks_of(source: Source, size: int) -> list[Chunk]:
    """Return a file's chunks, a row counting as 200 characters more than it has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "CHUNK_SIZE", size)
        return list(read_chunks(source))


def faults_of(source: Source) -> list[Fault]:
    return [fault for chunk in read_chunks(source) for fault in chunk.faults]


@given(
    rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=12),
    form=st.sampled_from(["csv", "tsv", "jsonl", "parquet"]),
    codec=st.sampled_from(["", *CODECS]),
    size=st.integers(1, 5),
)
def test_what_is_written_in_chunks_is_read_in_chunks(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], form: str, codec: str, size: int
) -> None:
    codec = "" if form == "parquet" else codec
    path = tmp_path_factory.mktemp("t") / f"a.{form}{codec}"
    with table_writer(path, {"a": None, "text": "string"}) as write:
        for i in range(0, len(rows), 3):
            write(rows[i : i + 3])
    source = Source("a", path, form, CODECS.get(codec))
    read = chunks_of(source, 200 * size)
    assert [fault for chunk in read for fault in chunk.faults] == []
    assert all(len(chunk.rows) <= size for chunk in read)
    assert [tuple(row.values()) for chunk in read for row in chunk.rows.values()] == rows
    assert list(columns_of(source)) == ["a", "text"]


def test_a_header_or_keys_without_end_are_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_text(",".join(f"c{i}" for i in range(200_001)) + "\n1\n")
    (fault,) = faults_of(Source("a", tmp_path / "a.csv", "csv"))
    assert fault.found == "200001 columns"
    (tmp_path / "a.csv").write_text(",".join(f"c{i}" for i in range(9999)) + ",c9998\n1\n")
    start = time.perf_counter()
    assert faults_of(Source("a", tmp_path / "a.csv", "csv"))[0].found == "the column 'c9998' twice"
    assert time.perf_counter() - start < 0.5
    monkeypatch.setattr(formats, "MAX_COLUMNS", 1000)
    monkeypatch.setattr(lines, "MAX_COLUMNS", 1000)
    pq.write_table(pa.table({f"c{i}": [1] for i in range(1001)}), tmp_path / "a.parquet")
    assert faults_of(Source("a", tmp_path / "a.parquet", "parquet"))[0].found == "1001 columns"
    (tmp_path / "a.jsonl").write_text("".join(f'{{"k{i}": 1}}\n' for i in range(4_000)))
    faults = faults_of(Source("a", tmp_path / "a.jsonl", "jsonl"))
    assert [fault.line for fault in faults] == list(range(1001, 4001))


def test_a_new_key_after_the_head_is_a_fault_of_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "HEAD_LINES", 3)
    monkeypatch.setattr(chunks, "HEAD_LINES", 3)
    monkeypatch.setattr(chunks, "CHUNK_SIZE", 200)
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n{"b": 1}\n{"c": 1}\n{"b": 2}\n{"d": 1, "a": 2}\n{"a": 3}\n')
    source = Source("a", tmp_path / "a.jsonl", "jsonl")
    assert list(columns_of(source)) == ["a", "b", "c"]
    read = list(read_chunks(source))
    assert [line for chunk in read for line in chunk.rows] == [1, 2, 3, 4, 6]
    (fault,) = faults_of(source)
    assert str(fault).startswith("a:5: found the new key 'd'; wanted at most 10,000 keys, each of them in the first 3 ")


@pytest.mark.parametrize(("cell", "width", "rows"), [("x", 0, 5), ("x" * 150, 0, 3), ("x", 300, 2)])
def test_long_rows_and_many_columns_make_small_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cell: str, width: int, rows: int
) -> None:
    monkeypatch.setattr(chunks, "CHUNK_SIZE", 1000)
    (tmp_path / "a.txt").write_text(f"{cell}\n" * 30)
    read = list(read_chunks(Source("a", tmp_path / "a.txt", "txt"), width=width))
    assert len(read[0].rows) == rows


def test_a_row_without_end_loses_itself_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_CHARACTERS", 1000)
    for name, body in (("a.txt", "x" * 5000), ("a.csv", "x" * 5000), ("b.csv", '"' + "x\n" * 500)):
        (tmp_path / name).write_text(f"text\n{body}\nlast\n")
        (chunk,) = read_chunks(Source("a", tmp_path / name, name[2:]))
        assert [fault.line for fault in chunk.faults] == [2]
        assert "a row of more than 1,000 characters" in chunk.faults[0].found
        assert list(chunk.rows.values())[-1] == {"text": "last"}


def test_a_record_that_never_ends_takes_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a quote that was never closed, before rows that all have quotes."""
    monkeypatch.setattr(lines, "MAX_CHARACTERS", 2**14)
    (tmp_path / "a.csv").write_text('text,note\n"open,x\n' + 'a","b\n' * 10**5)
    tracemalloc.start()
    try:
        assert len(faults_of(Source("a", tmp_path / "a.csv", "csv"))) > 1
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


def test_a_row_group_too_large_to_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "MAX_GROUP_BYTES", 1000)
    pq.write_table(pa.table({"text": [str(i) for i in range(1000)]}), tmp_path / "a.parquet")
    (fault,) = faults_of(Source("a", tmp_path / "a.parquet", "parquet"))
    assert fault.found.startswith("a row group of ")


def check(source: Source) -> None:
    """Fail if a file is read in a way it should not be."""
    small, whole = chunks_of(source, 400), chunks_of(source, 2**20)
    assert _lines(small) == _lines(whole)
    # A damaged Parquet file is told from the batch that holds the damage.
    assert _faults(small) == _faults(whole) or source.form == "parquet"
    columns = columns_of(source)
    for chunk in whole:
        assert chunk.rows or chunk.faults
        for form in ("csv", "jsonl", "parquet") if chunk.rows else ():
            again = source.path.with_suffix(f".{form}")
            with table_writer(again, columns) as write:
                write([row.get(name) for name in columns] for row in chunk.rows.values())
            # A CSV header's names are read without the blanks around them, and without a NUL.
            names = [name.strip() for name in columns]
            if form != "csv" or (len(names) > 1 and len(set(names)) == len(names) and "\0" not in "".join(names)):
                read = list(read_chunks(Source("again", again, form)))
                assert sum(len(chunk.rows) for chunk in read) == len(chunk.rows), (form, read)


def _lines(read: list[Chunk]) -> list[int]:
    return [line for chunk in read for line in chunk.rows]


def _faults(read: list[Chunk]) -> list[str]:
    return [str(fault) for chunk in read for fault in chunk.faults]


def parquet(**columns: object) -> bytes:
    raw = io.BytesIO()
    pq.write_table(pa.table(columns), raw)
    return raw.getvalue()


SEEDS = (
    b'n,text\n1,"a ""quoted"", text\nin two lines"\n2,caf\xc3\xa9\n3\n',
    b'{"text": "a", "n": 1}\n{"text": "\\ud83d\\ude00", "x": [1, {"y": null}]}\n[1]\n{"n": 1e999}\n{"text": 2.5}\n',
    b"one line\r\nand\x00 another\n\xff\xfe\n",
    b"\xef\xbb\xbftext;target\r\nx;y\r\n",
    parquet(text=["a", None], n=[1, 2]),
    parquet(
        text=pa.array([b"a", b"\xff"]).view(pa.string()), when=pa.array([2**31 - 1, 0], pa.int32()).cast(pa.date32())
    ),
)
EDITS = st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 3), st.binary(max_size=4)), max_size=4)


def edited(raw: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    for start, length, new in edits:
        start %= len(raw) + 1
        raw = raw[:start] + new + raw[start + length :]
    return raw


def any_bytes(path: Path, raw: bytes, form: str, codec: str) -> None:
    path.write_bytes(raw)
    check(Source("a", path, form, None if form == "parquet" else CODECS.get(codec)))


@given(raw=st.binary(max_size=200), form=st.sampled_from(FORMATS), codec=st.sampled_from(["", *CODECS]))
def test_any_bytes_are_rows_or_faults(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes, form: str, codec: str
) -> None:
    any_bytes(tmp_path_factory.mktemp("t") / "a", raw, form, codec)


@pytest.mark.slow
@settings(max_examples=3000)
@given(
    seed=st.sampled_from(SEEDS),
    edits=EDITS,
    form=st.sampled_from(FORMATS),
    codec=st.sampled_from(["", *CODECS]),
    packed_edits=EDITS,
)
def test_any_edits_of_a_file_are_rows_or_faults(
    tmp_path_factory: pytest.TempPathFactory,
    seed: bytes,
    edits: list[tuple[int, int, bytes]],
    form: str,
    codec: str,
    packed_edits: list[tuple[int, int, bytes]],
) -> None:
    raw = edited(seed, edits)
    packed = gzip.compress(raw, mtime=0) if codec == ".gz" else pa.compress(raw, "zstd", asbytes=True) if codec else raw
    folder = tmp_path_factory.mktemp("t", numbered=True)
    any_bytes(folder / "a", raw if form == "parquet" else edited(packed, packed_edits[:1]), form, codec)
