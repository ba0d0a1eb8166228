"""Tools to make a corpus: adding articles, joining texts, gold labels, agreement, counts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from stance.app.main import app
from stance.data.annotations import agreement, gold_labels, read_passes
from stance.data.corpus import read_corpus
from stance.data.datacard import describe_corpus
from stance.data.joining import join_texts, normalised
from stance.errors import DataError, StanceError
from tests.conftest import tiny_rows, write_csv

ARTICLE = """Deal on radar delayed

Gen. Novak of the U.S. Army met the mayor at 5 p.m. on Jan. 5. The deal costs US$ 1 billion.
"We are against it," she said. Nothing was signed.
"""

Corpus = Callable[..., Result]


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Corpus:
    """Run `stance corpus` in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return lambda *args: CliRunner().invoke(app, ["corpus", *map(str, args)])


def test_an_article_is_added_unlabelled_and_check_lists_it(corpus: Corpus) -> None:
    Path("new.txt").write_text(ARTICLE)
    done = corpus("add", "new.txt", "--target", "radar", "--date", "2008-05-01", "--genre", "wire")
    assert done.exit_code == 0, done.output
    sentences = pd.read_csv("data/sentences.csv", keep_default_na=False)
    assert sentences["sentence_id"].tolist() == [f"a001-{i:02d}" for i in range(5)]
    assert sentences["text"][1] == "Gen. Novak of the U.S. Army met the mayor at 5 p.m. on Jan. 5."
    assert set(sentences["radar"]) == {""}
    articles = pd.read_csv("data/articles.csv")
    assert articles[["article_id", "title", "date", "genre"]].to_numpy().tolist() == [
        ["a001", "Deal on radar delayed", "2008-05-01", "wire"]
    ]
    waiting = corpus("check", "data/sentences.csv")
    assert waiting.exit_code == 0, waiting.output
    assert "0 texts" in waiting.stdout
    assert "5 cells unlabelled" in waiting.stdout


def test_articles_are_numbered_on_and_each_is_added_once(corpus: Corpus) -> None:
    Path("new.txt").write_text(ARTICLE)
    Path("second.txt").write_text("Another headline\nMore.")
    corpus("add", "new.txt", "--target", "radar")
    sentences = pd.read_csv("data/sentences.csv", keep_default_na=False)
    sentences.assign(radar=["none", "none", "none", "against", "none"]).to_csv("data/sentences.csv", index=False)
    again = corpus("add", "new.txt")
    assert again.exit_code == 1
    assert "an article with this headline" in again.stderr
    assert corpus("add", "second.txt").exit_code == 0
    checked = corpus("check", "data/sentences.csv")
    assert checked.exit_code == 0, checked.output
    assert "sentences.csv:7: a002-00 toward radar" in checked.stdout
    assert "2 cells unlabelled" in checked.stdout


@pytest.mark.parametrize(
    ("args", "exit_code", "message"),
    [(["--date", "May 2008"], 2, "%Y-%m-%d"), ([], 1, "name the targets of the new one")],
    ids=["date", "targets"],
)
def test_a_wrong_add_is_said_and_writes_nothing(corpus: Corpus, args: list[str], exit_code: int, message: str) -> None:
    Path("new.txt").write_text(ARTICLE)
    done = corpus("add", "new.txt", *args)
    assert done.exit_code == exit_code
    assert message in done.output
    assert not Path("data").exists()


def test_check_prints_every_fault_and_fails(corpus: Corpus) -> None:
    rows = tiny_rows()
    write_csv(Path("bad.csv"), [*rows, rows[0] | {"sentence_id": "new", "club": "yes", "text": ""}])
    done = corpus("check", "bad.csv")
    assert done.exit_code == 1
    assert "bad.csv:82: column 'text': found an empty cell" in done.stderr
    assert "bad.csv:82: column 'club': found 'yes'" in done.stderr
    assert done.stderr.endswith("2 faults\n")


@pytest.fixture
def labelled_documents(tmp_path: Path) -> Path:
    """Two documents in folders of their own and a table of labels into them."""
    (tmp_path / "texts" / "Session 1").mkdir(parents=True)
    (tmp_path / "texts" / "Session 1" / "ONE.txt").write_text("\ufeffWe  oppose\nthe radar. We like cheese.", "utf-8")
    (tmp_path / "texts" / "TWO.md").write_text("The cafe\u0301 is open.", "utf-8")
    rows = []
    for document, start, sentence, label in [
        ("ONE", 0, "We oppose the radar.", "against"),
        ("ONE", 21, "We like cheese.", "none"),
        ("TWO", 0, "The café is open.", "none"),
    ]:
        digest = hashlib.sha256(sentence.encode()).hexdigest()[:16]
        key = {"sentence_id": f"{document}#{start}", "document_id": document, "start": str(start)}
        rows.append(key | {"end": str(start + len(sentence)), "sha256": digest, "radar": label})
    return write_csv(tmp_path / "labels.csv", rows)


def test_join_takes_sentences_by_their_offsets(labelled_documents: Path, tmp_path: Path) -> None:
    table, faults = join_texts([labelled_documents], [tmp_path / "texts"])
    assert not faults
    assert table["text"].tolist() == ["We oppose the radar.", "We like cheese.", "The café is open."]
    assert list(table) == ["sentence_id", "document_id", "text", "radar"]


def test_join_names_what_is_missing_or_altered_and_writes_only_if_told(
    corpus: Corpus, labelled_documents: Path
) -> None:
    Path("texts/TWO.md").unlink()
    one = Path("texts/Session 1/ONE.txt")
    one.write_text(one.read_text("utf-8").replace("cheese", "butter"), "utf-8")
    args = ("join", labelled_documents, "--texts", "texts", "--output", "out.csv")
    done = corpus(*args)
    assert done.exit_code == 1
    assert "no document 'TWO' for 1 sentences" in done.stderr
    assert "labels.csv:3: column 'sha256': found another text at 'ONE#21'; wanted the one labelled" in done.stderr
    assert not Path("out.csv").exists()
    assert corpus(*args, "--partial").exit_code == 0
    assert pd.read_csv("out.csv")["text"].tolist() == ["We oppose the radar."]


@pytest.mark.parametrize(
    ("texts", "column", "error", "message"),
    [
        ("nowhere", "sha256", StanceError, "nowhere is not a folder"),
        ("texts", "hash", DataError, "wanted the column 'sha256'"),
    ],
    ids=["folder", "column"],
)
def test_join_refuses_what_it_cannot_use(
    corpus: Corpus, labelled_documents: Path, texts: str, column: str, error: type[StanceError], message: str
) -> None:
    pd.read_csv(labelled_documents).rename(columns={"sha256": column}).to_csv("other.csv", index=False)
    with pytest.raises(error, match=message):
        join_texts(["other.csv"], [texts])


@pytest.mark.parametrize("offset", ["x", "-3", "9" * 30, ""])
def test_join_names_an_offset_that_is_none(corpus: Corpus, labelled_documents: Path, offset: str) -> None:
    pd.read_csv(labelled_documents, dtype=str).assign(start=offset).to_csv("other.csv", index=False)
    done = corpus("join", "other.csv", "--texts", "texts", "--output", "out.csv")
    assert done.exit_code == 1
    assert f"other.csv:2: column 'start': found '{offset}'; wanted a position in the document" in done.stderr


def test_a_joined_table_trains_by_document(labelled_documents: Path, tmp_path: Path) -> None:
    table, _ = join_texts([labelled_documents], [tmp_path / "texts"])
    table.to_csv(tmp_path / "joined.csv", index=False)
    examples = read_corpus([tmp_path / "joined.csv"]).examples
    assert examples["group"].tolist() == ["ONE", "ONE", "TWO"]


@given(st.text())
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)


def passes(folder: Path, **labels: list[str]) -> list[Path]:
    return [
        write_csv(folder / f"{name}.csv", [{"sentence_id": f"s{i}", "radar": label} for i, label in enumerate(given)])
        for name, given in labels.items()
    ]


def decisions(folder: Path, *rows: tuple[str, str, str]) -> Path:
    keys = ("sentence_id", "label", "reason")
    given = [dict(zip(keys, row, strict=True)) | {"target": "radar"} for row in rows]
    return write_csv(folder / "adjudication.csv", given)


def test_gold_is_what_passes_agree_on_and_adjudication_decides(corpus: Corpus, tmp_path: Path) -> None:
    a, b = passes(tmp_path, a=["favor", "none", "none"], b=["favor", "against", "none"])
    decided = decisions(tmp_path, ("s1", "against", "the words carry it"), ("s2", "favor", "a second look"))
    write_csv(Path("table.csv"), [{"sentence_id": f"s{i}", "radar": "", "text": "x"} for i in range(3)])
    args = ("gold", a, b, "--adjudication", decided, "--into", "table.csv")
    assert corpus(*args).stdout == "table.csv: renewed\n"
    table = pd.read_csv("table.csv")
    assert list(table) == ["sentence_id", "radar", "text"]
    assert table["radar"].tolist() == ["favor", "against", "favor"]
    assert corpus(*args).stdout == "table.csv: unchanged\n"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no decision on 's1'"),
        ([("s1", "favor", " ")], "column 'reason': found an empty cell"),
        ([("s9", "favor", "x")], "found 's9'; wanted a sentence of the passes"),
        ([("s1", "pro", "x")], "column 'label': found 'pro'"),
    ],
    ids=["undecided", "no-reason", "unknown", "label"],
)
def test_no_gold_without_a_decision_and_its_reason(
    tmp_path: Path, rows: list[tuple[str, str, str]], message: str
) -> None:
    paths = passes(tmp_path, a=["favor", "none"], b=["favor", "against"])
    with pytest.raises(DataError, match=message):
        gold_labels(paths, decisions(tmp_path, *rows) if rows else None)


def test_passes_over_other_sentences_are_refused(tmp_path: Path) -> None:
    paths = passes(tmp_path, a=["favor", "none"], b=["favor"])
    with pytest.raises(DataError, match=r"b\.csv: found others, such as s1; wanted the sentences and targets of"):
        gold_labels(paths)


def test_a_table_with_a_sentence_of_no_pass_is_left_alone(corpus: Corpus, tmp_path: Path) -> None:
    table = write_csv(tmp_path / "table.csv", [{"sentence_id": "s7", "text": "x", "radar": ""}])
    done = corpus("gold", *passes(tmp_path, a=["favor"]), "--into", "table.csv")
    assert done.exit_code == 1
    assert "no gold label for 's7'" in done.stderr
    assert "favor" not in table.read_text()


# What Label Studio writes: columns in alphabetical order, one a target by the name of its Choices, a row an annotation.
EXPORT = """\
"annotation_id","annotator","club","created_at","id","lead_time","sentence_id","shield","text","updated_at"
1,"bob@x.org","none","2026-01-01T01:00:00Z",1,3.5,"s0","favor","A, ""b"" c","2026-01-01T00:00:00Z"
0,"ann@x.org","none","2026-01-01T00:00:00Z",1,3.5,"s0","favor","A, ""b"" c","2026-01-01T00:00:00Z"
11,"bob@x.org","","2026-01-01T01:00:00Z",2,3.5,"s1","against","B","2026-01-01T00:00:00Z"
10,"ann@x.org","favor","2026-01-01T00:00:00Z",2,3.5,"s1","against","B","2026-01-01T00:00:00Z"
"""


def test_an_export_of_label_studio_holds_a_pass_of_each_annotator(corpus: Corpus, tmp_path: Path) -> None:
    Path("export.csv").write_text(EXPORT, encoding="utf-8")
    bob, ann = read_passes(["export.csv"]).values()
    assert bob.to_dict("index") == {"s0": {"club": "none", "shield": "favor"}, "s1": {"club": "", "shield": "against"}}
    assert ann.to_dict("list") == {"club": ["none", "favor"], "shield": ["favor", "against"]}
    write_csv(Path("table.csv"), [{"sentence_id": f"s{i}", "shield": "", "club": ""} for i in range(2)])
    undecided = corpus("gold", "export.csv", "--into", "table.csv")
    assert "column 'club': found no decision on 's1'" in undecided.stderr
    write_csv(Path("decided.csv"), [{"sentence_id": "s1", "target": "club", "label": "favor", "reason": "bob left it"}])
    corpus("gold", "export.csv", "--adjudication", "decided.csv", "--into", "table.csv")
    assert Path("table.csv").read_text() == "sentence_id,shield,club\ns0,favor,none\ns1,against,favor\n"


def test_an_export_of_one_annotator_is_labelled_data(corpus: Corpus, tmp_path: Path) -> None:
    Path("export.csv").write_text("".join(line for line in EXPORT.splitlines(True) if "bob" not in line), "utf-8")
    data = read_corpus(["export.csv"], for_training=False)
    assert data.examples[["target", "stance"]].to_numpy().tolist() == [
        ["club", "none"], ["club", "favor"], ["shield", "favor"], ["shield", "against"],
    ]  # fmt: skip
    assert data.warnings == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("against", "anti"), r"export\.csv:4: column 'shield': found 'anti'; wanted 'against', 'none' or 'favor', or"),
        (('"s1"', '"s0"'), r"export\.csv:4: column 'sentence_id': found 's0' again; wanted each id once"),
        (("sentence_id", "sentence"), "wanted the column 'sentence_id'"),
        (('"lead_time"', '"note"'), r"export\.csv:2: column 'note': found '3\.5'"),
    ],
    ids=["label", "twice", "id", "column"],
)
def test_a_pass_that_cannot_be_used_is_said(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    (tmp_path / "export.csv").write_text(EXPORT.replace(*change), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_passes([tmp_path / "export.csv"])


def test_agreement_by_hand(tmp_path: Path) -> None:
    # Krippendorff's nominal alpha for two coders: 1 - (n - 1) * disagreements / pairs of unlike values
    a = ["favor", "favor", "none", "none", "none", "against"]
    b = ["favor", "none", "none", "none", "none", "against"]
    first, second = read_passes(passes(tmp_path, a=[*a, "favor"], b=[*b, ""])).values()
    (row,) = agreement(first, second).to_dict("records")
    values = pd.Series(a + b).value_counts()
    expected = sum(values[x] * values[y] for x in values.index for y in values.index if x != y) / (12 * 11)
    assert row["alpha"] == pytest.approx(1 - (2 / 12) / expected)
    assert row["F1 favor"] == pytest.approx(2 / 3)
    assert (row["n"], row["disagreed"]) == (6, 1)


def test_agreement_on_one_label_alone_has_no_alpha(tmp_path: Path) -> None:
    first, second = read_passes(passes(tmp_path, a=["none", "none"], b=["none", ""])).values()
    (row,) = agreement(first, second).to_dict("records")
    assert np.isnan(row["alpha"])
    assert (row["n"], row["F1 none"], row["F1 favor"]) == (1, 1.0, 0.0)


def test_stats_count_what_is_there(corpus: Corpus, tmp_path: Path) -> None:
    Path("data").mkdir()
    write_csv(Path("data/sentences.csv"), tiny_rows())
    done = corpus("stats", "--plot", "counts.png")
    assert done.exit_code == 0, done.output
    assert Path("counts.png").read_bytes().startswith(b"\x89PNG")
    card = describe_corpus(Path("data"))
    assert card["Labels"].to_dict("records")[0] == {
        "source": "articles", "target": "shield", "against": 16, "none": 48, "favor": 16,
    }  # fmt: skip
    (sizes,) = card["Sentences"].to_dict("records")
    assert (sizes["documents or groups"], sizes["no side"], sizes["two targets"]) == (8, "20%", 0)
    assert corpus("stats", "--data", "nowhere").exit_code == 1
