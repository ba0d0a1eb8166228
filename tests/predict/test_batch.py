from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stance
from stance.data.records import keys_of, read_chunks
from stance.data.streams import Source
from stance.data.writers import encode
from stance.errors import DataError
from stance.model.predictor import Model, load


@pytest.fixture(scope="module")
def model(tiny_run: Path) -> Model:
    return load(tiny_run)


def test_a_frame_keeps_its_index_and_columns(model: Model) -> None:
    frame = pd.DataFrame({"n": [1, 2], "text": ["the shield is a threat", ""]}, index=["x", "y"])
    found = stance.score_frame(frame, model)
    pd.testing.assert_frame_equal(found[["n", "text"]], frame)
    assert list(found) == ["n", "text", "shield", "shield_proba", "club", "club_proba"]
    assert found["shield"].tolist() == model.predict(frame["text"], target="shield").tolist()
    long = stance.score_frame(frame, model, targets=["club"], long=True)
    assert list(long.index) == ["x", "y"]
    np.testing.assert_allclose(long[list(stance.LABELS)].sum(axis=1), 1, atol=1e-5)


def test_a_frame_without_rows_has_the_columns_and_their_types(model: Model) -> None:
    frame = pd.DataFrame({"text": ["a"], "n": [1]})
    full = stance.score_frame(frame, model)
    empty = stance.score_frame(frame.iloc[:0], model)
    assert list(empty.dtypes) == list(full.dtypes)


def test_a_null_is_refused_with_its_place(model: Model) -> None:
    with pytest.raises(DataError, match=r"the table:2: column 'text': found None"):
        stance.score_frame(pd.DataFrame({"text": ["a", None]}, dtype=object), model)


def test_arguments_of_other_kinds_are_named(model: Model) -> None:
    frame = pd.DataFrame({"text": ["a"]})
    with pytest.raises(stance.StanceError, match=r"found Model and DataFrame; wanted a pandas table and a model"):
        stance.score_frame(model, frame)  # type: ignore[arg-type]
    with pytest.raises(stance.StanceError, match=r"found DataFrame and str; wanted"):
        stance.score_frame(frame, "tiny")  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"wanted the column 'words' \(or name another: .*in Python text_column\)"):
        stance.score_frame(frame, model, text_column="words")


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@given(
    rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=12),
    form=st.sampled_from(["csv", "tsv", "jsonl"]),
    size=st.integers(1, 5),
)
def test_what_is_written_in_parts_is_read_in_parts(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], form: str, size: int
) -> None:
    path = tmp_path_factory.mktemp("t") / "a"
    parts = [rows[i : i + 3] for i in range(0, len(rows), 3)]
    columns = [dict(zip(("a", "text"), map(list, zip(*part, strict=True)), strict=True)) for part in parts]
    path.write_bytes(b"".join(encode(part, form, head=i == 0) for i, part in enumerate(columns)))
    source = Source("a", path, form)
    chunks = list(read_chunks(source, rows=size))
    assert [fault for chunk in chunks for fault in chunk.faults] == []
    assert all(len(chunk.lines) <= size for chunk in chunks)
    found = [pair for chunk in chunks for pair in zip(chunk.columns["a"], chunk.columns["text"], strict=True)]
    assert found == rows
    assert list(keys_of(source)) == ["a", "text"]


@given(raw=st.binary(max_size=200), form=st.sampled_from(["txt", "csv", "tsv", "jsonl", "parquet"]))
def test_any_bytes_are_rows_or_faults(tmp_path_factory: pytest.TempPathFactory, raw: bytes, form: str) -> None:
    path = tmp_path_factory.mktemp("t") / "a"
    path.write_bytes(raw)
    chunks = list(read_chunks(Source("a", path, form), rows=2))
    assert chunks
    for chunk in chunks:
        assert chunk.lines or chunk.faults
        for cells in chunk.columns.values():
            assert len(cells) == len(chunk.lines)
        encode(chunk.columns, "csv")
        encode(chunk.columns, "jsonl")


def test_a_header_or_keys_without_end_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(",".join(f"c{i}" for i in range(10_001)) + "\n")
    (tmp_path / "a.jsonl").write_text("".join(f'{{"k{i}": 1}}\n' for i in range(10_003)))
    (csv_chunk,) = read_chunks(Source("a", tmp_path / "a.csv", "csv"), rows=5)
    assert csv_chunk.faults[0].found.startswith("10001 columns")
    faults = [f for chunk in read_chunks(Source("a", tmp_path / "a.jsonl", "jsonl"), rows=100) for f in chunk.faults]
    assert [fault.line for fault in faults] == [10_001, 10_002, 10_003]
