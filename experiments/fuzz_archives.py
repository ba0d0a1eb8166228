"""Fuzz the readers of archives with Atheris, for a bounded time.

    pip install atheris
    python experiments/fuzz_archives.py [--seconds 120] [--seed 0]

An input is a form, a codec and bytes. It must be read as rows or faults, in any size of chunk with the same result, and
its rows must be written as CSV and JSON lines that are read back with the same number of rows. Anything else ends the
run with a traceback and the input in a file.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fuzzing import atheris, fuzz

with atheris.instrument_imports(include=["stance"]):
    from stance.data.records import Chunk, read_chunks
    from stance.data.streams import CODECS, FORMATS, Source
    from stance.data.writers import encode, pack

SEEDS = (
    b'n,text\n1,"a ""quoted"", text\nin two lines"\n2,caf\xc3\xa9\n3\n',
    b'{"text": "a", "n": 1}\n{"text": "\\ud83d\\ude00"}\n[1]\n',
    b"one line\r\nand\x00 another\n\xff\xfe\n",
    b"\xef\xbb\xbftext;target\r\nx;y\r\n",
    gzip.compress(b"text\na\nb\n", mtime=0),
    pack(b"text\na\nb\n", "zstd"),
)


def _seeds(seed: int) -> dict[str, bytes]:
    named = {
        f"{i}-{form}-{codec}": bytes([form, codec]) + raw
        for i, raw in enumerate(SEEDS)
        for form in range(len(FORMATS))
        for codec in range(3)
    }
    parquet = bytes([FORMATS.index("parquet"), 0])
    return named | {f"parquet-{i}": parquet + raw for i, raw in enumerate(_parquet_seeds())}


def _parquet_seeds() -> list[bytes]:
    import pyarrow as pa

    schema = pa.schema([("text", pa.string()), ("n", pa.int64())])
    return [encode({"text": ["a", None], "n": [1, 2]}, "parquet", schema=schema)]


class _Target:
    """What is called with each input."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, data: bytes) -> None:
        if len(data) < 2:
            return
        form = FORMATS[data[0] % len(FORMATS)]
        codec = (None, *CODECS.values())[data[1] % 3]
        self.path.write_bytes(data[2:])
        check(Source("input", self.path, form, None if form == "parquet" else codec))


def check(source: Source) -> None:
    """Raise AssertionError if a file is read in a way it should not be."""
    small = list(read_chunks(source, rows=2))
    whole = list(read_chunks(source, rows=1000))
    assert _lines(small) == _lines(whole)
    assert _faults(small) == _faults(whole)
    for chunk in whole:
        if chunk.columns and chunk.lines:
            _written(chunk.columns, len(chunk.lines), source.path.with_suffix(".again"))


def _lines(chunks: list[Chunk]) -> list[int]:
    assert all(len(cells) == len(chunk.lines) for chunk in chunks for cells in chunk.columns.values())
    return [line for chunk in chunks for line in chunk.lines]


def _faults(chunks: list[Chunk]) -> list[str]:
    # A Parquet file's damage is met by the batch.
    return [str(fault).split(" after row")[0] for chunk in chunks for fault in chunk.faults]


def _written(columns: Mapping[str, Any], rows: int, path: Path) -> None:
    for form in ("csv", "jsonl"):
        path.write_bytes(encode(columns, form, head=True))
        again = list(read_chunks(Source("again", path, form), rows=1000))
        # A header's names are read without the blanks around them, and without a NUL.
        names = {name.strip() for name in columns}
        if form == "jsonl" or (len(names) == len(columns) and not any("\0" in name for name in names)):
            assert sum(len(chunk.lines) for chunk in again) == rows, (form, columns, again)


if __name__ == "__main__":
    fuzz(__doc__, _seeds, _Target, longest=4096)
