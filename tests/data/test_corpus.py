from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from stance.data.corpus import read_corpus, read_data
from stance.errors import DataError, StanceError
from stance.labels import Target
from stance.settings import Settings
from tests.conftest import Row, tiny_rows, write_csv

Edit = Callable[[list[Row]], object]


def edited(path: Path, edit: Edit) -> Path:
    rows = tiny_rows()
    edit(rows)
    return write_csv(path / "bad.csv", rows)


def test_wide_and_long_give_the_same_examples(tmp_path: Path) -> None:
    rows = tiny_rows()
    wide = read_corpus([write_csv(tmp_path / "wide.csv", rows)])
    long = [
        {"id": r["sentence_id"], "text": r["text"], "target": t, "stance": f"{r[t].title()} ", "group": r["article_id"]}
        for t in ("shield", "club")
        for r in rows
    ]
    assert read_corpus([write_csv(tmp_path / "long.csv", long)]).fingerprint() == wide.fingerprint()


def test_row_order_does_not_change_the_fingerprint_and_a_label_does(tmp_path: Path) -> None:
    first = read_corpus([edited(tmp_path, lambda rows: None)]).fingerprint()
    assert read_corpus([edited(tmp_path, lambda rows: rows.reverse())]).fingerprint() == first
    assert read_corpus([edited(tmp_path, lambda rows: rows[0].update(club="favor"))]).fingerprint() != first


def test_unlabelled_cells_are_left_out_and_counted(tmp_path: Path) -> None:
    corpus = read_corpus([edited(tmp_path, lambda rows: [row.update(club="") for row in rows[:3]])])
    assert corpus.n_unlabelled == 3
    assert len(corpus.examples) == 2 * 80 - 3


@pytest.mark.parametrize("waiting", [["club"], ["club", "shield"]], ids=["one", "all"])
def test_an_empty_column_is_a_target_that_waits_for_labels(tmp_path: Path, waiting: list[str]) -> None:
    path = edited(tmp_path, lambda rows: [row.update(dict.fromkeys(waiting, ""), doc="") for row in rows])
    corpus = read_corpus([path], allow_unlabelled=True)
    assert [target.name for target in corpus.targets] == ["shield", "club"]
    assert corpus.n_unlabelled == 80 * len(waiting)
    assert corpus.counts().sum(axis=1).to_dict() == {n: 0 if n in waiting else 80 for n in ("shield", "club")}
    assert [fault.column for fault in corpus.warnings] == ["doc"]
    if len(waiting) == 1:
        trained_on = read_corpus([path])
        assert [target.name for target in trained_on.targets] == ["shield"]
        assert trained_on.n_unlabelled == 80


def test_titles_mentions_and_lexicons_come_from_targets_toml_beside_the_data(tmp_path: Path) -> None:
    about = '[club]\ntitle = "The club"\nmentions = ["join* it"]\nlexicon = {favor = ["hop"]}\n'
    (tmp_path / "targets.toml").write_text(about, encoding="utf-8")
    targets = read_corpus([write_csv(tmp_path / "a.csv", tiny_rows())]).targets
    assert [(t.title, t.terms, t.favor) for t in targets] == [
        ("shield", ("shield",), ()),
        ("The club", ("join* it",), ("hop",)),
    ]


@pytest.mark.parametrize(
    ("title", "terms"), [("The tram line", ("tram", "line")), ("EU aid", ("EU aid",)), ("", ("",))]
)
def test_without_mentions_the_longer_words_of_its_title_name_a_target(title: str, terms: tuple[str, ...]) -> None:
    assert Target("x", title).terms == terms


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda rows: rows[3].update(shield="pro"),
            r"bad\.csv:5: column 'shield': found 'pro' \(line 5, 1 in all\); wanted 'against', 'none'",
        ),
        (lambda rows: rows[0].update(text=" "), r"bad\.csv:2: column 'text': found an empty cell; wanted a text"),
        (lambda rows: rows[1].update(article_id=""), r"bad\.csv:3: column 'article_id': found an empty cell"),
        (lambda rows: rows[1].update(sentence_id="t0-0"), r"bad\.csv:3: column 'sentence_id': found 't0-0' again"),
        (lambda rows: [row.update(club="none") for row in rows], "examples of 'club', all 'none'; wanted two labels"),
        (lambda rows: [row.pop("text") for row in rows], "wanted the column 'text'"),
        (lambda rows: [(row.pop("club"), row.pop("shield")) for row in rows], "wanted a target's column"),
        (lambda rows: [row.update(stance="favor") for row in rows], "wanted the column 'target'"),
        (
            lambda rows: [row.update(club="", shield="") for row in rows],
            "no labelled example: all 160 cells of 'shield', 'club' are empty; wanted labels: 'against'",
        ),
        (
            lambda rows: [row.update(shield=str(i % 3 - 1), club=row["text"]) for i, row in enumerate(rows)],
            r"wanted a target's column, .*\n.*'shield': found .* \(it holds '-1', '0', '1'\); wanted 'against'",
        ),
        (lambda rows: rows[0].update(text="\u200b \ufeff"), r"bad\.csv:2: column 'text': found an empty cell"),
        (
            lambda rows: [row.update(club=f"{row['club']}?") for row in rows[:60]],
            r"'club': found 20 labels among 80 cells; wanted 'against', .* in at least half of them",
        ),
        (lambda rows: [row.update(Shield=row["shield"]) for row in rows], "the target 'Shield' beside 'shield'"),
        (lambda rows: [row.update({"\u0441lub": row["club"]}) for row in rows], "the target '\u0441lub' beside 'club'"),
        (
            lambda rows: [
                row.update(target="N\u0410TO" if i % 2 else "Nato", stance=row.pop("shield"), x=row.pop("club"))
                for i, row in enumerate(rows)
            ],
            "the target 'N\u0410TO' beside 'Nato'; wanted one spelling",
        ),
    ],
    ids=[
        "label",
        "text",
        "group",
        "id",
        "one-sided",
        "no-text",
        "no-target",
        "half-long",
        "unlabelled",
        "coded",
        "unseen-text",
        "most-cells-wrong",
        "case",
        "look-alike",
        "long-look-alike",
    ],
)
def test_a_fault_is_named_with_line_and_column(tmp_path: Path, edit: Edit, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_corpus([edited(tmp_path, edit)])


def in_words(rows: list[Row], **words: str) -> list[Row]:
    return [row | {name: words[row[name]] for name in ("shield", "club")} for row in rows]


PRO_CON = {"favor": "Pro", "against": "con", "none": "neutral"}
NUMBERS = {"favor": "1", "against": "-1", "none": "0"}


@pytest.mark.parametrize("words", [PRO_CON, NUMBERS], ids=["pro-con", "numbers"])
@pytest.mark.parametrize("form", ["wide", "long"])
def test_labels_with_other_names_are_one_fault_a_column_until_they_are_named(
    tmp_path: Path, form: str, words: dict[str, str]
) -> None:
    rows = in_words(tiny_rows(), **words)
    if form == "long":
        rows = [
            {"id": r["sentence_id"], "text": r["text"], "target": t, "stance": r[t], "group": r["article_id"]}
            for t in ("shield", "club")
            for r in rows
        ]
    path = write_csv(tmp_path / "words.csv", rows)
    with pytest.raises(DataError) as caught:
        read_corpus([path])
    assert len(caught.value.faults) == (1 if form == "long" else 3)  # no target, two columns not used
    assert "--labels pro=favor,con=against,neutral=none" in str(caught.value)
    by_name = {name.lower(): label for label, name in words.items()}
    right = read_corpus([write_csv(tmp_path / "right.csv", tiny_rows())])
    assert read_corpus([path], labels=by_name).fingerprint() == right.fingerprint()


def test_favour_in_many_rows_is_one_fault_with_its_first_line(tmp_path: Path) -> None:
    path = edited(tmp_path, lambda rows: [row.update(shield=row["shield"].replace("favor", "favour")) for row in rows])
    with pytest.raises(DataError) as caught:
        read_corpus([path])
    (fault,) = caught.value.faults
    assert (fault.line, fault.column, fault.found) == (5, "shield", "'favour' (line 5, 16 in all)")
    assert fault.wanted.endswith("or empty (or say what they are called: --labels pro=favor,con=against,neutral=none)")


def test_all_faults_are_reported_at_once(tmp_path: Path) -> None:
    path = edited(
        tmp_path, lambda rows: (rows[0].update(text=""), rows[5].update(club="yes"), rows[9].update(shield="-"))
    )
    with pytest.raises(DataError) as caught:
        read_corpus([path])
    assert sorted(fault.line or 0 for fault in caught.value.faults) == [2, 7, 11]


def test_a_text_with_two_labels_is_a_warning_and_an_error_if_strict(tmp_path: Path) -> None:
    copy = tiny_rows()[0] | {"sentence_id": "again", "shield": "favor"}
    path = edited(tmp_path, lambda rows: rows.append(copy))
    warnings = read_corpus([path]).warnings
    assert [(fault.line, fault.column) for fault in warnings] == [(2, "shield"), (82, "shield")]
    with pytest.raises(DataError, match="'favor' for 'again'"):
        read_corpus([path], strict=True)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda rows: rows[1].update(sentence_id="T0-0"),
            "the sentence_id 'T0-0' beside 't0-0'; wanted one spelling",
        ),
        (lambda rows: rows[0].update(article_id="T0"), "the group 't0' beside 'T0'; wanted one spelling"),
        (
            lambda rows: [row.update(text=f"{row['text']} It\u00e2\u20ac\u2122s.") for row in rows[3:5]],
            r"'text': found 2 texts in a wrong encoding \(first: line 5\); wanted UTF-8",
        ),
        (lambda rows: rows[0].update(text="The shield\ufffds price."), "1 texts in a wrong encoding"),
    ],
    ids=["id", "group", "mojibake", "replacement"],
)
def test_what_looks_wrong_in_names_and_texts_is_a_warning(tmp_path: Path, edit: Edit, message: str) -> None:
    (warning,) = read_corpus([edited(tmp_path, edit)]).warnings
    assert re.search(message, str(warning))


@pytest.mark.parametrize(
    "text",
    [
        "Caf\u00e9 \u201cna\u00efve\u201d \u2013 \u00a3 5",
        "\u0429\u0438\u0442 \u043f\u043b\u043e\u0445",
        "\U0001f680\U0001f680",
    ],
)
def test_accents_other_alphabets_and_signs_are_no_wrong_encoding(tmp_path: Path, text: str) -> None:
    assert read_corpus([edited(tmp_path, lambda rows: rows[0].update(text=text))]).warnings == ()


@pytest.mark.parametrize("text", ["Moscow condemned it", "On Tuesday Moscow condemned the shield"])
def test_a_full_stop_makes_no_other_sentence(tmp_path: Path, text: str) -> None:
    path = edited(tmp_path, lambda rows: (rows[0].update(text=text), rows[79].update(text=f"{text}.")))
    assert read_corpus([path]).n_groups == 7


def test_repeated_rows_are_one_warning_with_their_count_and_the_first_line(tmp_path: Path) -> None:
    copies = [row | {"sentence_id": f"again{i}"} for i, row in enumerate(tiny_rows()[4:6])]
    gap = tiny_rows()[0] | {"sentence_id": "gap", "club": ""}
    path = edited(tmp_path, lambda rows: rows.extend([*copies, gap]))
    (warning,) = read_corpus([path]).warnings
    assert f"found 3 rows with the text and labels of an earlier one (first: line 82, as {path}:6)" in str(warning)
    with pytest.raises(DataError, match="3 rows with the text and labels"):
        read_corpus([path], strict=True)


def test_a_row_that_adds_a_label_repeats_nothing(tmp_path: Path) -> None:
    first, second = (tiny_rows()[0] | more for more in ({"club": ""}, {"sentence_id": "again"}))
    path = edited(tmp_path, lambda rows: rows.__setitem__(slice(0, 1), [first, second]))
    assert read_corpus([path]).warnings == ()


def test_rows_without_an_id_are_named_by_their_line(tmp_path: Path) -> None:
    path = edited(tmp_path, lambda rows: [row.pop("sentence_id") for row in rows])
    ids = read_corpus([path]).examples["sentence_id"]
    assert ids.iloc[:80].tolist() == [f"row{line}" for line in range(2, 82)]


@pytest.mark.parametrize(
    "raw", ["[club", "[club]\n", "club = 1\n", f"a = {'[' * 10**5}"], ids=["toml", "title", "section", "deep"]
)
def test_a_targets_file_that_is_unfit_is_said(tmp_path: Path, raw: str) -> None:
    (tmp_path / "targets.toml").write_text(raw, encoding="utf-8")
    with pytest.raises(StanceError, match=r"targets\.toml: cannot be used .*wanted a \[target\] section"):
        read_corpus([edited(tmp_path, lambda rows: None)])


def test_an_unknown_target_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"no labelled example of bridge; wanted targets from the data: 'shield' or 'club'"
    ):
        read_corpus([edited(tmp_path, lambda rows: None)], targets=["bridge"])


def test_a_near_duplicate_joins_two_articles(tmp_path: Path) -> None:
    first = tiny_rows()[0]
    changed = first["text"].upper().replace("IN REPORT", "Again  in report")
    path = edited(
        tmp_path,
        lambda rows: rows[79].update(text=f"{changed} it said so on a long and rainy Tuesday".split(" it ")[0]),
    )
    examples = read_corpus([path]).examples
    assert examples["group"].nunique() == 7
    assert set(examples.loc[examples["sentence_id"].isin(["t0-0", "t7-9"]), "group"]) == {"t0"}


def test_a_table_may_weigh_more_than_another(tmp_path: Path) -> None:
    rows = tiny_rows()
    files = [write_csv(tmp_path / "a.csv", rows[:40]), write_csv(tmp_path / "b.csv", rows[40:])]
    examples = read_corpus(files, weights=[1.0, 3.0]).examples
    heavy = {row["sentence_id"] for row in rows[40:]}
    assert set(examples.loc[examples["weight"] == 3.0, "sentence_id"]) == heavy
    with pytest.raises(StanceError, match="3 weights for 2 tables"):
        read_corpus(files, weights=[1.0, 2.0, 3.0])


def test_the_same_file_twice_is_refused(tmp_path: Path) -> None:
    path = edited(tmp_path, lambda rows: None)
    with pytest.raises(DataError, match=r"bad\.csv: found the same file again; wanted each file once"):
        read_corpus([path, tmp_path / ".." / tmp_path.name / "bad.csv"])


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda rows: [
                row.update(shield={"favor": "1", "none": "0", "against": "-1"}[row["shield"]]) for row in rows
            ],
            r"'shield': found a column that is not used \(it holds '-1', '0', '1'\); wanted 'against'",
        ),
        (
            lambda rows: [row.update(articel_id=row.pop("article_id")) for row in rows],
            r"'articel_id': found a column that is not used; wanted 'article_id'",
        ),
        (
            lambda rows: [row.update(Speech=row.pop("article_id")) for row in rows],
            r"'Speech': found a column that is not used; wanted 'group', 'article_id' or 'document_id' as its name",
        ),
        (
            lambda rows: [row.update(doc=row.pop("article_id")[:1] + str(i % 2)) for i, row in enumerate(rows)],
            r"'doc': found a column that is not used; wanted 'group', 'article_id' or 'document_id' as its name",
        ),
        (
            lambda rows: [row.update(doc=row["article_id"]) for row in rows],
            "'doc': found a column that is not used; wanted a column that is read, or none",
        ),
        (
            lambda rows: [row.update(doc=row.pop("article_id") + str(i)) for i, row in enumerate(rows)],
            "'doc': found a column that is not used; wanted a column that is read, or none",
        ),
        (lambda rows: [row.update(note=row["text"]) for row in rows], r"'note': found a column that is not used"),
        (
            lambda rows: [row.update(articel_id=row.pop("article_id")[:1] + str(i % 2)) for i, row in enumerate(rows)],
            r"'articel_id': found a column that is not used; wanted 'article_id'",
        ),
    ],
    ids=[
        "other-labels",
        "misspelt",
        "group",
        "group-of-two",
        "second-group",
        "groups-of-one",
        "other",
        "misspelt-of-two-articles",
    ],
)
def test_a_column_that_is_not_used_is_a_warning_and_strictly_an_error(tmp_path: Path, edit: Edit, message: str) -> None:
    path = edited(tmp_path, edit)
    (warning,) = read_corpus([path]).warnings
    assert re.search(message, str(warning))
    with pytest.raises(DataError, match=message):
        read_corpus([path], strict=True)


def test_an_experiments_data_is_read_with_all_its_settings(tmp_path: Path) -> None:
    rows = tiny_rows()
    files = [write_csv(tmp_path / "a.csv", rows[:40]), write_csv(tmp_path / "b.csv", rows[40:])]
    splits = tmp_path / "splits.csv"
    splits.write_text("group,part\nt0,test\n", encoding="utf-8")
    about = tmp_path / "about.toml"
    about.write_text('[club]\ntitle = "The Club"\ndefinition = "Joining."\n', encoding="utf-8")
    settings = Settings().changed(
        data__files=[str(file) for file in files], data__targets=["club"], data__weights=[1.0, 3.0],
        data__splits=str(splits), data__about=str(about),
    )  # fmt: skip
    corpus = read_data(settings.data)
    assert [target.title for target in corpus.targets] == ["The Club"]
    assert set(corpus.examples["weight"]) == {1.0, 3.0}
    assert "t0" not in set(corpus.examples["article"])
    assert {target.name for target in read_data(settings.data, targets=["shield"]).targets} == {"shield"}
