from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import stance
from stance.errors import ConfigError, StanceError
from stance.labels import LABELS
from stance.reading.sampling import DESIGN_EFFECT, inclusion_probabilities
from tests.conftest import RunCli

TARGETS = ("shield", "club")


def archive_of(n: int, *, rare: float = 0.02, seed: int = 0) -> stance.Predictions:
    """Return predictions of `n` sentences in documents of ten, some against `shield` and fewer in favor of it."""
    rng = np.random.default_rng(seed)
    codes = rng.choice(3, (n, 2), p=[0.1, 0.9 - rare, rare])
    sentences = pd.DataFrame(
        {"sentence_id": [f"s{i}" for i in range(n)], "document": [f"d{i // 10}" for i in range(n)]}
    )
    sentences = sentences.assign(text=[f"Sentence {i}." for i in range(n)], house=[f"h{i % 3}" for i in range(n)])
    return stance.Predictions(sentences, TARGETS, codes, rng.uniform(0.5, 1, (n, 2)))


def test_each_sentence_is_drawn_as_often_as_it_says() -> None:
    archive = archive_of(60)
    drawn = np.zeros(60)
    for seed in range(600):
        table, _ = stance.draw_sample(archive, 20, seed=seed)
        drawn[[int(name[1:]) for name in table["sentence_id"]]] += 1 / 600
    expected = inclusion_probabilities(archive.codes, archive.sure, 20)
    assert np.abs(drawn - expected).max() < 4 * np.sqrt(0.25 / 600)
    assert np.corrcoef(drawn, expected)[0, 1] > 0.8
    assert table["inclusion"].to_numpy() == pytest.approx(expected[[int(name[1:]) for name in table["sentence_id"]]])


def test_rare_predictions_and_unsure_ones_are_likelier_within_the_design_effect() -> None:
    archive = archive_of(4000, rare=0.003)
    inclusion = inclusion_probabilities(archive.codes, archive.sure, 300)
    assert inclusion.sum() == pytest.approx(300)
    assert (1 / inclusion).sum() * 300 / 4000**2 == pytest.approx(DESIGN_EFFECT, rel=1e-3)
    rare = (archive.codes == LABELS.index("favor")).any(axis=1)
    assert inclusion[rare].min() > 2 * inclusion[~rare].mean()
    plain = (archive.codes == LABELS.index("none")).all(axis=1)
    assert np.corrcoef(inclusion[plain], archive.sure[plain].mean(axis=1))[0, 1] < -0.8


def test_so_many_at_least_have_a_predicted_side() -> None:
    archive = archive_of(4000, rare=0.003)
    archive.codes[archive.codes == LABELS.index("against")] = LABELS.index("none")
    sided = archive.sentences["sentence_id"][(archive.codes != LABELS.index("none")).any(axis=1)]
    few, many = (
        int(stance.draw_sample(archive, 100, sides=sides)[0]["sentence_id"].isin(sided).sum()) for sides in (0.0, 0.15)
    )
    assert few < 10
    assert abs(many - 15) <= 2
    with pytest.raises(ConfigError, match="less than 1"):
        stance.draw_sample(archive, 100, sides=1.0)


def test_a_sample_hides_the_predictions_and_their_order() -> None:
    archive = archive_of(300)
    table, about = stance.draw_sample(archive, 50)
    assert list(table) == ["sentence_id", "document_id", "text", "inclusion", *TARGETS]
    assert (table[[*TARGETS]] == "").all(axis=None)
    assert table["sentence_id"].is_unique
    rows = np.array([int(name[1:]) for name in table["sentence_id"]])
    for hidden in (rows, *archive.codes[rows].T):
        assert abs(np.corrcoef(hidden, np.arange(50))[0, 1]) < 0.4
    assert (about["n"], about["sentences"]) == (50, 300)
    assert not table.equals(stance.draw_sample(archive, 50, seed=1)[0])
    assert table.equals(stance.draw_sample(archive, 50)[0])


def test_all_of_an_archive_can_be_drawn() -> None:
    table, _ = stance.draw_sample(archive_of(30), 30)
    assert set(table["inclusion"]) == {1}


def test_each_group_has_the_same_share() -> None:
    archive = archive_of(400)
    archive.sentences["house"] = ["small"] * 8 + ["middle"] * 92 + ["large"] * 300
    table, _ = stance.draw_sample(archive, 60, by="house")
    houses = archive.sentences.set_index("sentence_id").loc[table["sentence_id"], "house"].value_counts()
    assert houses["small"] == 8
    assert abs(houses["middle"] - houses["large"]) <= 1
    with pytest.raises(ConfigError, match="4 sentences for 3 values of 'house'"):
        stance.draw_sample(archive, 4, by="house")
    with pytest.raises(StanceError, match="no column 'party'; found sentence_id"):
        stance.draw_sample(archive, 60, by="party")


@pytest.mark.parametrize("form", ["wide", "beside labels", "long", "read"])
def test_what_predict_and_read_write_is_read(form: str, cli: RunCli, tiny_run: Path, tmp_path: Path) -> None:
    sayings = ["Moscow condemned the shield as a threat.", "Warsaw met.", "Ottawa welcomed the shield as protection."]
    frame = pd.DataFrame({"id": ["a", "b", "c"], "document_id": ["x", "x", "y"], "text": sayings})
    frame.to_csv(tmp_path / "in.csv", index=False)
    frame.assign(shield="favor", club="favor").to_csv(tmp_path / "gold.csv", index=False)
    (tmp_path / "x.txt").write_text("\n\n".join(sayings), encoding="utf-8")
    command = {
        "wide": ("predict", "--input", "in.csv", "--output", "out.csv"),
        "beside labels": ("predict", "--input", "gold.csv", "--output", "out.csv"),
        "long": ("predict", "--input", "in.csv", "--output", "out.csv", "--long"),
        "read": ("read", "x.txt", "--csv", "out.csv"),
    }[form]
    assert cli(*command, "--model", tiny_run).returncode == 0
    archive = stance.read_predictions([tmp_path / "out.csv"])
    model = stance.load(tiny_run)
    proba = model.predict_proba(sayings)
    assert archive.targets == model.targets
    assert archive.codes.tolist() == proba.argmax(axis=2).tolist()
    assert archive.sure == pytest.approx(proba.max(axis=2), abs=1e-6)
    assert (archive.proba is None) == (form in ("wide", "beside labels"))
    ids = ["x.txt#0", "x.txt#1", "x.txt#2"] if form == "read" else ["a", "b", "c"]
    assert archive.sentences["sentence_id"].tolist() == ids
    written = tmp_path / "again.csv"
    archive.table().to_csv(written, index=False)
    assert stance.read_predictions([written]).codes.tolist() == archive.codes.tolist()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("sentence_id,text\na,b\n", "a target's column and its probability"),
        ("sentence_id,text,tram,tram_proba\na,b,maybe,0.5\n", r"p\.csv:2: column 'tram': found 'maybe'"),
        ("sentence_id,text,tram,tram_proba\na,b,favor,2\n", r"p\.csv:2: column 'tram_proba': found '2'"),
        ("sentence_id,text,tram,tram_proba\na,b,favor,1\na,c,none,1\n", "ids stand for several sentences, such as 'a'"),
        ("text,target,stance\nb,tram,favor\n", "they say which rows are one sentence"),
        ("id,target,stance\na,tram,favor\na,bus,favor\nb,tram,none\n", "a row for each sentence and target"),
    ],
    ids=["no target", "label", "probability", "id twice", "long without ids", "long with gaps"],
)
def test_predictions_that_cannot_be_used(rows: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(rows, encoding="utf-8")
    with pytest.raises(StanceError, match=message):
        stance.read_predictions([tmp_path / "p.csv"])


def labelled_files(folder: Path, n: int = 40) -> pd.DataFrame:
    """Write an archive's predictions and a labelled sample of it; return the sample."""
    archive = archive_of(200)
    archive.table().to_csv(folder / "predicted.csv", index=False)
    table, about = stance.draw_sample(archive, n)
    table = table.assign(shield="none", club="none")
    table.loc[:3, "shield"] = "against"
    table.to_csv(folder / "label-me.csv", index=False)
    (folder / "label-me.csv.sample.json").write_text(json.dumps(about), encoding="utf-8")
    return table


def test_sample_check_gold_and_estimate_in_turn(cli: RunCli, tmp_path: Path) -> None:
    archive_of(200).table().to_csv(tmp_path / "predicted.csv", index=False)
    done = cli("sample", "predicted.csv", "--n", "40", "--output", "label-me.csv")
    assert (done.returncode, done.stdout) == (0, "label-me.csv\n"), done.stderr
    again = cli("sample", "predicted.csv", "--n", "40", "--output", "label-me.csv")
    assert again.returncode == 1
    assert "may hold labels" in again.stderr
    checked = cli("corpus", "check", "label-me.csv", "--strict")
    assert checked.returncode == 0, checked.stderr
    labels = pd.read_csv(tmp_path / "label-me.csv").assign(shield="none", club=["favor"] * 2 + ["none"] * 38)
    for name in ("ann", "bob"):
        labels.to_csv(tmp_path / f"{name}.csv", index=False)
    assert cli("corpus", "gold", "ann.csv", "bob.csv", "--into", "label-me.csv").returncode == 0
    done = cli("estimate", "predicted.csv", "--labels", "label-me.csv", "--json", "--output", "out", "--by", "house")
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert set(printed) == {"shares", "accuracy", "notes"}
    assert {row["house"] for row in printed["shares"]} == {"h0", "h1", "h2"}
    written = pd.read_csv(tmp_path / "out" / "shares.csv")
    assert written["high"].to_numpy() == pytest.approx([row["high"] for row in printed["shares"]])
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"shares.csv", "accuracy.csv", "notes.txt"}
    shown = cli("estimate", "predicted.csv", "--labels", "label-me.csv")
    assert "corrected" in shown.stdout
    assert "intervals hold the sampling of documents and the model's errors" in shown.stderr


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (lambda t: t.assign(sentence_id=["odd", *t["sentence_id"][1:]]), 1, "found 'odd'; wanted a sentence of"),
        (lambda t: t.assign(inclusion=0), 1, "found '0'; wanted a probability, over 0"),
        (lambda t: t.assign(inclusion=1), 1, "stands for 40 sentences by its column inclusion"),
        (lambda t: t.drop(columns="inclusion"), 1, "wanted the column 'inclusion'"),
        (lambda t: t.assign(shield="", club=""), 1, "found no label"),
        (lambda t: t.assign(shield="maybe"), 1, "found 'maybe'"),
        (lambda t: t.assign(tram="none"), 1, "found a target without predictions"),
        (lambda t: t.assign(annotator=["ann"] * 20 + ["bob"] * 20), 1, "labels of 2 annotators"),
        (lambda t: pd.concat([t, t]), 1, "each id once"),
        (lambda t: t.iloc[:30], 0, "10 sentences that were drawn are not in"),
        (lambda t: t.assign(club=["", *t["club"][1:]]), 0, "club: 1 of 40 sentences without a label; they are taken"),
        (lambda t: t.assign(club=""), 0, "club: 40 of 40 sentences without a label; is not estimated"),
    ],
    ids=[
        "unknown id", "zero", "all one", "no inclusion", "nothing labelled", "no label", "other target", "annotators",
        "twice", "rows gone", "gap", "one target",
    ],
)  # fmt: skip
def test_labels_are_checked(change, code: int, message: str, cli: RunCli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    change(labelled_files(tmp_path)).to_csv(tmp_path / "label-me.csv", index=False)
    done = cli("estimate", "predicted.csv", "--labels", "label-me.csv", "--json")
    assert done.returncode == code, done.stderr
    assert message in done.stderr


def test_labels_of_other_sentences_are_refused(cli: RunCli, tmp_path: Path) -> None:
    labelled_files(tmp_path)
    archive_of(210).table().to_csv(tmp_path / "predicted.csv", index=False)
    done = cli("estimate", "predicted.csv", "--labels", "label-me.csv")
    assert done.returncode == 1
    assert "drawn from 200 other sentences" in done.stderr
    for broken in ("{", "[]", "{}"):
        (tmp_path / "label-me.csv.sample.json").write_text(broken, encoding="utf-8")
        done = cli("estimate", "predicted.csv", "--labels", "label-me.csv")
        assert (done.returncode, "label-me.csv.sample.json cannot be used" in done.stderr) == (1, True)
    (tmp_path / "label-me.csv.sample.json").unlink()
    assert (
        "nothing says what the labels were drawn from"
        in cli("estimate", "predicted.csv", "--labels", "label-me.csv").stderr
    )


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ((), 2, "--assume-shift"),
        (("--labels", "label-me.csv", "--assume-shift"), 2, "--assume-shift"),
        (("--labels", "label-me.csv", "--by", "party"), 1, "no column 'party' to group by"),
        (("--assume-shift",), 1, "wanted those of `stance predict --long`"),
    ],
    ids=["neither", "both", "by", "no probabilities"],
)
def test_wrong_use_of_estimate(options: tuple[str, ...], code: int, message: str, cli: RunCli, tmp_path: Path) -> None:
    labelled_files(tmp_path)
    done = cli("estimate", "predicted.csv", *options)
    assert done.returncode == code
    assert message in done.stderr


@pytest.mark.parametrize("n", ["0", "500"])
def test_a_sample_has_a_size_that_there_is(n: str, cli: RunCli, tmp_path: Path) -> None:
    labelled_files(tmp_path)
    assert cli("sample", "predicted.csv", "--n", n, "--output", "new.csv").returncode == 2
    assert not (tmp_path / "new.csv").exists()
