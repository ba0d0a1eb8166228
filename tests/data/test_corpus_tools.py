"""Tools to make a corpus: adding articles, joining texts, gold labels, agreement, Label Studio."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stance.data.annotations import agreement, from_label_studio, gold, read_pass, to_label_studio
from stance.data.datacard import describe_corpus
from stance.data.joining import join, normalised
from stance.errors import DataError, StanceError
from stance.labels import LABELS
from stance.text.sentences import split
from tests.conftest import RunCli, tiny_rows, write_csv

ARTICLE = """Deal on radar delayed

Gen. Novak of the U.S. Army met the mayor at 5 p.m. on Jan. 5. The deal costs US$ 1 billion.
"We are against it," she said. Nothing was signed.
"""


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("He went to Washington, D.C. on Monday. It rained.", ["He went to Washington, D.C. on Monday.", "It rained."]),
        ("It cost US$ 1.5 billion. Why?", ["It cost US$ 1.5 billion.", "Why?"]),
        ("Dr. Lee met Gen. Smith. They left.", ["Dr. Lee met Gen. Smith.", "They left."]),
        ("Headline without a stop\n\nFirst line.", ["Headline without a stop", "First line."]),
        ("", []),
    ],
    ids=["capital", "money", "titles", "headline", "empty"],
)
def test_sentences_keep_abbreviations_whole(text: str, sentences: list[str]) -> None:
    assert split(text) == sentences


@given(st.text())
def test_splitting_loses_no_character_but_white_space(text: str) -> None:
    assert "".join("".join(split(text)).split()) == "".join(text.split())


def test_an_article_is_added_unlabelled_and_check_lists_it(cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text(ARTICLE)
    done = cli("corpus", "add", "new.txt", "--target", "radar", "--date", "2008-05-01", "--genre", "wire")
    assert done.returncode == 0, done.stderr
    sentences = pd.read_csv(tmp_path / "data" / "sentences.csv", keep_default_na=False)
    assert sentences["sentence_id"].tolist() == [f"a001-{i:02d}" for i in range(5)]
    assert sentences["text"][1] == "Gen. Novak of the U.S. Army met the mayor at 5 p.m. on Jan. 5."
    assert set(sentences["radar"]) == {""}
    articles = pd.read_csv(tmp_path / "data" / "articles.csv")
    assert articles[["article_id", "title", "date", "genre"]].to_numpy().tolist() == [
        ["a001", "Deal on radar delayed", "2008-05-01", "wire"]
    ]
    waiting = cli("corpus", "check", "data/sentences.csv")
    assert waiting.returncode == 0, waiting.stderr
    assert "0 texts" in waiting.stdout
    assert "5 cells unlabelled" in waiting.stdout
    untrained = cli("train", "--data", "data/sentences.csv")
    assert untrained.returncode == 1
    assert "no labelled example: all 5 cells of 'radar' are empty" in untrained.stderr
    again = cli("corpus", "add", "new.txt")
    assert again.returncode == 1
    assert "an article with this headline" in " ".join(again.stderr.split())
    (tmp_path / "second.txt").write_text("Another headline\nMore.")
    sentences["radar"] = ["none", "none", "none", "against", "none"]
    sentences.to_csv(tmp_path / "data" / "sentences.csv", index=False)
    (tmp_path / "data" / "targets.toml").write_text('[radar]\ntitle = "Radar"\n')
    assert cli("corpus", "add", "second.txt").returncode == 0
    checked = cli("corpus", "check", "data/sentences.csv")
    assert checked.returncode == 0, checked.stderr
    assert "sentences.csv:7: a002-00 toward radar" in checked.stdout
    assert "2 cells unlabelled" in checked.stdout


@pytest.mark.parametrize(
    ("args", "message"),
    [(["--date", "May 2008"], "wanted YYYY-MM-DD"), ([], "name the targets of the new one")],
    ids=["date", "targets"],
)
def test_a_wrong_add_is_said_and_writes_nothing(cli: RunCli, tmp_path: Path, args: list[str], message: str) -> None:
    (tmp_path / "new.txt").write_text(ARTICLE)
    done = cli("corpus", "add", "new.txt", *args)
    assert done.returncode != 0
    assert message in " ".join(done.stderr.split())
    assert not (tmp_path / "data").exists()


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


def test_join_finds_sentences_by_their_offsets(labelled_documents: Path, tmp_path: Path) -> None:
    table, faults = join([labelled_documents], [tmp_path / "texts"])
    assert not faults
    assert table["text"].tolist() == ["We oppose the radar.", "We like cheese.", "The café is open."]
    assert list(table) == ["sentence_id", "document_id", "text", "radar"]


def test_join_names_what_is_missing_or_altered_and_writes_only_if_told(
    cli: RunCli, labelled_documents: Path, tmp_path: Path
) -> None:
    (tmp_path / "texts" / "TWO.md").unlink()
    one = tmp_path / "texts" / "Session 1" / "ONE.txt"
    one.write_text(one.read_text("utf-8").replace("cheese", "butter"), "utf-8")
    args = ("corpus", "join", labelled_documents, "--texts", "texts", "--output", "out.csv")
    done = cli(*args)
    assert done.returncode == 1
    assert "no document 'TWO' for 1 sentences" in done.stderr
    assert "labels.csv:3: column 'sha256': found another text there; wanted ONE#21 unaltered" in done.stderr
    assert not (tmp_path / "out.csv").exists()
    assert cli(*args, "--partial").returncode == 0
    assert pd.read_csv(tmp_path / "out.csv")["text"].tolist() == ["We oppose the radar."]


def test_a_joined_table_trains_by_document(labelled_documents: Path, tmp_path: Path) -> None:
    from stance.data.corpus import read_corpus

    table, _ = join([labelled_documents], [tmp_path / "texts"])
    table.to_csv(tmp_path / "joined.csv", index=False)
    corpus = read_corpus([tmp_path / "joined.csv"])
    assert corpus.examples["group"].tolist() == ["ONE", "ONE", "TWO"]


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


def test_gold_is_what_passes_agree_on_and_adjudication_decides(cli: RunCli, tmp_path: Path) -> None:
    a, b = passes(tmp_path, a=["favor", "none", "none"], b=["favor", "against", "none"])
    decided = decisions(tmp_path, ("s1", "against", "the words carry it"), ("s2", "favor", "found by the audit"))
    write_csv(tmp_path / "table.csv", [{"sentence_id": f"s{i}", "text": "x", "radar": ""} for i in range(3)])
    args = ("corpus", "gold", a, b, "--adjudication", decided, "--into", "table.csv")
    assert cli(*args).stdout == "table.csv: renewed\n"
    assert pd.read_csv(tmp_path / "table.csv")["radar"].tolist() == ["favor", "against", "favor"]
    assert cli(*args).stdout == "table.csv: unchanged\n"


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
        gold(paths, decisions(tmp_path, *rows) if rows else None)


def test_passes_over_other_sentences_are_refused(tmp_path: Path) -> None:
    paths = passes(tmp_path, a=["favor", "none"], b=["favor"])
    with pytest.raises(DataError, match="found others, such as s1"):
        gold(paths)


def test_agreement_by_hand(tmp_path: Path) -> None:
    # Krippendorff's nominal alpha for two coders: 1 - (n - 1) * disagreements / pairs of unlike values
    a = ["favor", "favor", "none", "none", "none", "against"]
    b = ["favor", "none", "none", "none", "none", "against"]
    first, second = (read_pass(path) for path in passes(tmp_path, a=a, b=b))
    found = agreement(first, second)["radar"]
    values = pd.Series(a + b).value_counts()
    expected = sum(values[x] * values[y] for x in values.index for y in values.index if x != y) / (12 * 11)
    assert found.alpha == pytest.approx(1 - (2 / 12) / expected)
    assert found.f1["favor"] == pytest.approx(2 / 3)
    assert (found.n, found.n_disagreed) == (6, 1)


@given(
    labels=st.lists(st.tuples(*[st.sampled_from([*LABELS, ""])] * 4), min_size=1, max_size=6),
    texts=st.lists(st.text(), min_size=6, max_size=6),
)
def test_label_studio_brings_every_label_back(
    tmp_path_factory: pytest.TempPathFactory, labels: list[tuple[str, ...]], texts: list[str]
) -> None:
    ids = [f"s{i}" for i in range(len(labels))]
    table = pd.DataFrame({"sentence_id": ids, "text": texts[: len(ids)]})
    columns = np.asarray(labels, dtype=object)
    given_ = {
        "ann": pd.DataFrame(columns[:, :2], index=ids, columns=["radar", "a b"]),
        "bob@x.org": pd.DataFrame(columns[:, 2:], index=ids, columns=["radar", "a b"]),
    }
    path = tmp_path_factory.mktemp("ls") / "tasks.json"
    path.write_text(to_label_studio(table, ["radar", "a b"], given_), "utf-8")
    back = from_label_studio(path)
    for annotator, frame in given_.items():
        for name in ids:
            for target in frame:
                found = back[annotator].to_dict().get(target, {}).get(name, "") if annotator in back else ""
                assert found == frame.to_dict()[target][name]


def test_label_studio_from_the_command_line(cli: RunCli, tmp_path: Path) -> None:
    rows = tiny_rows()
    write_csv(tmp_path / "tiny.csv", rows)
    for name, change in (("ann", "favor"), ("bob", "against")):
        given_ = [{"sentence_id": r["sentence_id"], "shield": change, "club": r["club"]} for r in rows[:5]]
        write_csv(tmp_path / f"{name}.csv", given_)
    out = cli("corpus", "export", "tiny.csv", "--pass", "ann.csv", "--pass", "bob.csv", "--output", "tasks.json")
    assert out.returncode == 0, out.stderr
    tasks = json.loads((tmp_path / "tasks.json").read_text("utf-8"))
    assert len(tasks) == 80
    assert tasks[0]["data"]["text"] == rows[0]["text"]
    assert len(tasks[0]["annotations"]) == 2
    assert '<Choice value="against"/>' in (tmp_path / "tasks.xml").read_text()
    back = cli("corpus", "import", "tasks.json", "--output", "back")
    assert back.returncode == 0, back.stderr
    for name in ("ann", "bob"):
        pd.testing.assert_frame_equal(read_pass(tmp_path / "back" / f"{name}.csv"), read_pass(tmp_path / f"{name}.csv"))


@pytest.mark.parametrize("raw", ["", "{}", "[1]", '[{"data": {}}]', '{"a": {"data": 1}}'])
def test_what_is_no_export_is_said(tmp_path: Path, raw: str) -> None:
    (tmp_path / "x.json").write_text(raw)
    with pytest.raises(StanceError, match=r"not a Label Studio export|no sentence_id"):
        from_label_studio(tmp_path / "x.json")


def test_stats_count_what_is_there(cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    write_csv(tmp_path / "data" / "sentences.csv", tiny_rows())
    done = cli("corpus", "stats", "--plot", "counts.png")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "counts.png").read_bytes().startswith(b"\x89PNG")
    found = describe_corpus(tmp_path / "data")
    assert found["Labels"].to_dict("records")[0] == {
        "source": "articles", "target": "shield", "against": 16, "none": 48, "favor": 16,
    }  # fmt: skip
    assert cli("corpus", "stats", "--data", "nowhere").returncode == 1
