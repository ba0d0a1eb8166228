from __future__ import annotations

import csv
import json
from pathlib import Path

import pandas as pd
import pytest

from stance.errors import ConfigError, DataError, StanceError
from stance.model.predictor import load
from stance.reading.article import read_article
from stance.reading.maps import Document, load_documents, read_documents, stance_map
from tests.conftest import RunCli

AGAINST = "Russia condemned the shield as a threat."
FAVOR = "Russia welcomed the shield as protection."


def folder_of(path: Path) -> Path:
    path.mkdir()
    for year in range(2000, 2006):
        (path / f"RUS_{year - 1945}_{year}.txt").write_text(f"{AGAINST} {AGAINST}", encoding="utf-8")
    (path / "POL_55_2000.txt").write_text(f"{FAVOR} The fair opened.", encoding="utf-8")
    return path


def test_names_of_documents_give_actor_and_year(tmp_path: Path) -> None:
    about = {
        document.name: (document.actor, document.year) for document in load_documents([folder_of(tmp_path / "un")])
    }
    assert about["RUS_55_2000"] == ("Russia", 2000)
    assert about["POL_55_2000"] == ("Poland", 2000)


def test_a_table_gives_them_too(tmp_path: Path) -> None:
    file = tmp_path / "speeches.csv"
    file.write_text("text,actor,year\nThe fair opened.,RUS,2008\nThe fair closed.,Per,\n", encoding="utf-8")
    assert [(d.actor, d.year) for d in load_documents([file])] == [("Russia", 2008), ("Per", None)]
    (tmp_path / "RUS_1_20080101.txt").write_text("The fair opened.", encoding="utf-8")
    with pytest.raises(DataError, match="year '20080101' in its name; wanted a year such as 2008"):
        load_documents([tmp_path / "RUS_1_20080101.txt"], pattern=r"_(?P<year>\d+)$")
    file.write_text("text,actor,year\nThe fair opened.,RUS,soon\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"speeches\.csv:2: column 'year': found 'soon'"):
        load_documents([file])
    pd.DataFrame({"text": ["The fair opened."], "actor": [None], "year": pd.array([None], dtype="Int64")}).to_parquet(
        tmp_path / "speeches.parquet"
    )
    assert [(d.actor, d.year) for d in load_documents([tmp_path / "speeches.parquet"])] == [(None, None)]


@pytest.mark.parametrize(("pattern", "message"), [("(", "not a regular expression"), ("x", "names nothing")])
def test_a_pattern_must_name_something(tmp_path: Path, pattern: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_documents([tmp_path], pattern=pattern)


def test_a_map_counts_and_means_what_takes_a_side(tiny_run: Path, tmp_path: Path) -> None:
    model = load(tiny_run)
    stances = read_documents(model, load_documents([folder_of(tmp_path / "un")]))
    rows = stance_map(stances, ["actor"], model.targets).to_dict("records")
    russia, poland = ({row["actor"]: row for row in rows if row["target"] == "shield"}[n] for n in ("Russia", "Poland"))
    assert (russia["documents"], russia["sentences"], russia["against"], russia["read"]) == (6, 12, 12, 12)
    assert russia["resampled"] == "documents"
    assert russia["low"] <= russia["stance"] <= russia["high"] < 0
    assert (poland["favor"], poland["read"], poland["share"]) == (1, 2, 0.5)
    assert pd.isna(poland["low"])
    reading = read_article(model, FAVOR)
    assert poland["stance"] == pytest.approx(reading.sentences[0].stance(model.targets.index("shield")))


def test_one_long_document_is_resampled_by_sentences(tiny_run: Path, tmp_path: Path) -> None:
    model = load(tiny_run)
    (tmp_path / "RUS_1_2000.txt").write_text(f"{AGAINST} " * 3 + f"{FAVOR} " * 3, encoding="utf-8")
    stances = read_documents(model, load_documents([tmp_path]))
    (row,) = stance_map(stances, ["actor"], model.targets).to_dict("records")
    assert (row["documents"], row["sentences"], row["resampled"]) == (1, 6, "sentences")
    assert -1 < row["low"] < row["stance"] < row["high"] < 1


def test_documents_of_one_name_are_kept_apart(tiny_run: Path, tmp_path: Path) -> None:
    for folder, text in (("a", AGAINST), ("b", FAVOR)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "RUS_1_2000.txt").write_text(text, encoding="utf-8")
    stances = read_documents(load(tiny_run), load_documents([tmp_path]))
    assert stances.sided[["text", "stance"]].to_numpy().tolist() == [[AGAINST, "against"], [FAVOR, "favor"]]


def test_a_sentence_of_two_actors_counts_for_both(tiny_run: Path) -> None:
    document = Document("a", "China and Russia condemned the shield as a threat.", None, None)
    stances = read_documents(load(tiny_run), [document], actor_from="sentence")
    assert stances.sided[["actor", "stance", "rule"]].to_numpy().tolist() == [
        ["China", "against", "subject"],
        ["Russia", "against", "subject"],
    ]
    assert stances.read[["actor", "sentences"]].to_numpy().tolist() == [["China", 1], ["Russia", 1]]
    assert stances.read["year"].isna().all()


def test_actors_may_come_from_the_sentences(tiny_run: Path, tmp_path: Path) -> None:
    texts = load_documents([folder_of(tmp_path / "un")])
    stances = read_documents(load(tiny_run), texts, actor_from="sentence")
    assert set(stances.sided["actor"]) == {"Russia"}


def test_nobody_to_map_is_an_error(tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(AGAINST, encoding="utf-8")
    with pytest.raises(StanceError, match="no document says whose it is"):
        read_documents(load(tiny_run), load_documents([tmp_path / "a.txt"]))


def test_stance_map_writes_tables_and_pictures(cli: RunCli, tiny_run: Path, tmp_path: Path) -> None:
    folder_of(tmp_path / "un")
    done = cli("map", "un", "--by", "actor,year", "--output", "out", "--model", tiny_run)
    assert done.returncode == 0, done.stderr
    names = {"predicted.csv", "sentences.csv", "map.csv", "actors.csv", "years.csv", "actors.png", "years.png"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    assert (tmp_path / "out" / "actors.png").read_bytes().startswith(b"\x89PNG")
    wrong = cli("map", "un", "--by", "genre", "--output", "out", "--model", tiny_run)
    assert wrong.returncode == 2
    assert "wanted actor, year or actor,year" in wrong.stderr


def test_stance_read_on_hostile_text(cli: RunCli, tiny_run: Path, tmp_path: Path) -> None:
    text = "<script>alert(1)</script> condemned the shield as a threat, Moscow said.\n\u202eMoscow \u202c met.\n"
    done = cli("read", "-", "--model", tiny_run, "--html", "r.html", "--csv", "r.csv", "--json", stdin=text)
    assert done.returncode == 0, done.stderr
    (reading,) = json.loads(done.stdout)
    assert reading["file"] == "stdin"
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http" not in page
    with (tmp_path / "r.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == len(reading["sentences"]) * 2
    shown = cli("read", "-", "--model", tiny_run, stdin=text)
    assert shown.returncode == 0, shown.stderr
    assert "Who stands where" in shown.stdout
    assert "\u202e" not in shown.stdout
