from __future__ import annotations

import os
import stat
import tracemalloc
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stance.data.formats import FORMATS
from stance.data.tables import read_table, read_text, write_table
from stance.errors import DataError, StanceError
from stance.files import atomic_write
from tests.conftest import RunCli

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), max_size=20)


@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5), form=st.sampled_from(["csv", "tsv", "jsonl"]))
def test_text_tables_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], form: str
) -> None:
    path = tmp_path_factory.mktemp("t") / f"a.{form}"
    frame = pd.DataFrame(rows, columns=["text", "note"], dtype=object)
    write_table(frame, path)
    pd.testing.assert_frame_equal(read_table(path).frame, frame)


def test_csv_is_written_with_plain_ends_of_lines_and_few_quotes(tmp_path: Path) -> None:
    cells = ["x", "a\rb", 'say "x"', "a\nb", "", None]
    write_table(pd.DataFrame({"text": cells, "n": [1, 2.5, float("nan"), 3, 4, 5]}), tmp_path / "a.csv")
    expected = b'text,n\nx,1.0\n"a\rb",2.5\n"say ""x""",\n"a\nb",3.0\n,4.0\n,5.0\n'
    assert (tmp_path / "a.csv").read_bytes() == expected


def test_cells_that_look_like_numbers_or_gaps_stay_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,code\nNA,007\nnull,1e5\n")
    assert read_table(tmp_path / "a.csv").frame.to_numpy().tolist() == [["NA", "007"], ["null", "1e5"]]


def test_parquet_keeps_types(tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": ["a", "b"], "n": pd.array([1, None], dtype="Int64")})
    frame.to_parquet(tmp_path / "a.parquet")
    write_table(read_table(tmp_path / "a.parquet").frame, tmp_path / "b.parquet")
    assert pd.read_parquet(tmp_path / "b.parquet")["n"].isna().tolist() == [False, True]


def test_lines_count_what_quoted_fields_span(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('text\n"one\ntwo"\nthree\n')
    assert read_table(tmp_path / "a.csv").lines == [2, 4]


@pytest.mark.parametrize("sign", [";", "\t"], ids=["semicolon", "tab"])
def test_csv_with_a_bom_and_semicolons_or_tabs(tmp_path: Path, sign: str) -> None:
    (tmp_path / "a.csv").write_bytes(f"\ufefftext{sign}target\r\né{sign}x\r\n".encode())
    assert read_table(tmp_path / "a.csv").frame.to_dict("records") == [{"text": "é", "target": "x"}]


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("a.csv", b"", "an empty file"),
        ("a.csv", b"  \n\n", "no rows"),
        ("a.csv", b"text,target\n", "no rows"),
        ("a.csv", b"text\nab\0c\n", r"a\.csv:2: found a NUL byte"),
        ("a.csv", b"text\nok\ncaf\xe9\n", r"a\.csv:3: found byte 0xe9, which is not UTF-8"),
        ("a.csv", b"text,a\nx,1\ny\n", r"a\.csv:3: found 1 fields; wanted 2"),
        ("a.csv", b"text,a,text\nx,1,y\n", r"found the column 'text' twice"),
        ("a.csv", b'text\n"open\n', "broken CSV"),
        ("a.jsonl", b'{"text": "a"}\n{"text": \n', r"a\.jsonl:2: found broken JSON"),
        ("a.jsonl", b"[1]\n", "list, not an object.; wanted one JSON object a line"),
        ("a.parquet", b"PAR1 not really", r"a\.parquet: found data that cannot be read \(Parquet"),
        ("a.xls", b"PK", r"ending 'xls'; wanted 'txt', 'csv'"),
    ],
    ids=[
        "empty", "blank", "header-only", "binary", "latin-1", "ragged", "column-twice", "open-quote",
        "json", "json-list", "parquet", "ending",
    ],
)  # fmt: skip
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, name: str, raw: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(StanceError, match=message):
        read_table(tmp_path / name)


def test_all_broken_rows_are_reported_together(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,a\nx\ny\nz,1\n")
    with pytest.raises(DataError) as caught:
        read_table(tmp_path / "a.csv")
    assert [fault.line for fault in caught.value.faults] == [2, 3]


def test_a_file_of_faults_is_read_no_further_than_the_thousandth(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,a\n" + "x\n" * 200_000)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="found 1 fields") as caught:
            read_table(tmp_path / "a.csv")
        assert tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()
    assert len(caught.value.faults) == 1001
    assert caught.value.faults[-1].found == "more faults than these"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
@pytest.mark.parametrize(
    "args",
    [
        ["corpus", "check", "pipe.csv"],
        ["predict", "--input", "pipe.csv"],
        ["read", "pipe.csv"],
        ["map", "pipe.txt", "--output", "out"],
        ["train", "pipe.toml"],
        ["corpus", "check", "zero.csv"],
    ],
    ids=" ".join,
)
def test_a_pipe_or_a_device_is_refused(cli: RunCli, tmp_path: Path, args: list[str]) -> None:
    for ending in ("csv", "txt", "toml"):
        os.mkfifo(tmp_path / f"pipe.{ending}")
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    done = cli(*args)
    assert done.returncode == 1
    assert "is a pipe or a device; wanted" in " ".join(done.stderr.split())


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(StanceError, match="does not exist; wanted a table"):
        read_table(tmp_path / "no.csv")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old")

    def write_half() -> None:
        with atomic_write(path) as handle:
            handle.write(b"new")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_half()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


def test_a_written_file_has_ordinary_permissions(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("x")
    write_table(pd.DataFrame({"text": ["x"]}), tmp_path / "a.csv")
    mode = stat.S_IMODE((tmp_path / "a.csv").stat().st_mode)
    assert mode == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(StanceError, match="cannot write"):
        write_table(pd.DataFrame({"text": ["x"]}), tmp_path / "no" / "a.csv")


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.HTM", "Moscow"), ("a.txt", "\n<!DOCTYPE html>\n<p>Moscow"), ("a", '<html lang="en">')],
    ids=["ending", "doctype", "tag"],
)
def test_a_web_page_is_no_article(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=r"found an HTML page; wanted plain text \(save the article's text as \.txt\)"):
        read_text(tmp_path / name)


def workbook(path: Path, *rows: list[object]) -> Path:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def test_a_workbooks_first_sheet_is_read_with_its_row_numbers(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", [], ["text", "n", "tram"], ["é", 7, "favor"], [], [None, None, 0], ["NA"])
    table = read_table(path)
    assert table.lines == [3, 5, 6]
    assert table.frame.to_dict("list") == {"text": ["é", "", "NA"], "n": [7, "", ""], "tram": ["favor", 0, ""]}


def test_a_workbook_that_is_no_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.xlsx: found the column '' twice"):
        read_table(workbook(tmp_path / "a.xlsx", ["text"], ["a"], ["b", "c", "d"]))
    with pytest.raises(DataError, match=r"b\.xlsx: found no rows"):
        read_table(workbook(tmp_path / "b.xlsx", ["text"]))
    (tmp_path / "c.xlsx").write_bytes(b"PK no archive")
    with pytest.raises(DataError, match=r"c\.xlsx: found data that cannot be read"):
        read_table(tmp_path / "c.xlsx")


def test_without_openpyxl_a_workbook_is_to_be_saved_as_csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stance.data.formats.READABLE", FORMATS)
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    with pytest.raises(StanceError, match=r"ending 'xlsx'; wanted 'txt', .* \(in the spreadsheet: save as CSV UTF-8"):
        read_table(tmp_path / "a.xlsx")
