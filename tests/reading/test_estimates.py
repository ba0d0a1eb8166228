from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

import stance
from stance.reading.estimates import FEWEST_LABELS, FIGURES, SIDES
from stance.reading.shift import ASSUMPTION, shifted
from tests.conftest import RunCli
from tests.reading.test_maps import folder_of

AGAINST, NONE, FAVOR = range(3)
Codes = npt.NDArray[np.int64]


def archive_of(
    gold: Codes,
    predicted: Codes,
    *,
    sure: npt.NDArray[np.float64] | None = None,
    documents: int = 50,
    **columns: object,
) -> stance.Predictions:
    """Return predictions of sentences toward one target, spread over documents."""
    sentences = pd.DataFrame({"sentence_id": np.arange(len(gold)).astype(str), "text": "", **columns})
    sentences = sentences.assign(document=[f"d{i % documents}" for i in range(len(gold))])
    given = np.full(len(gold), 0.9) if sure is None else sure
    return stance.Predictions(sentences, ("tram",), predicted[:, np.newaxis], given[:, np.newaxis])


def sample_of(archive: stance.Predictions, gold: Codes, n: int, seed: int = 0) -> stance.LabelledSample:
    table, _ = stance.draw_sample(archive, n, seed=seed)
    rows = np.array(table["sentence_id"], dtype=np.int64)
    return stance.LabelledSample(rows, gold[rows][:, np.newaxis], table["inclusion"].to_numpy())


def only(sample: stance.LabelledSample, kept: npt.NDArray[np.bool_]) -> stance.LabelledSample:
    return stance.LabelledSample(sample.rows[kept], sample.gold[kept], sample.inclusion[kept])


def labels(n: int, shares: Sequence[float], seed: int = 0) -> Codes:
    return np.random.default_rng(seed).choice(3, n, p=shares)


def erring(gold: Codes, rate: float, seed: int = 1) -> Codes:
    """Return gold labels with a fraction of them at random."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random(len(gold)) < rate, rng.integers(0, 3, len(gold)), gold)


def by_figure(shares: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return each figure's row."""
    return {row["figure"]: {str(name): cell for name, cell in row.items()} for row in shares.to_dict("records")}


def length(shares: pd.DataFrame, figure: str = "against") -> float:
    row = by_figure(shares)[figure]
    return float(row["high"] - row["low"])


def test_figures_without_error_are_the_archives_own() -> None:
    gold = labels(400, [0.2, 0.7, 0.1])
    archive = archive_of(gold, gold)
    estimates = stance.estimate_shares(archive, sample_of(archive, gold, 80), whole=True)
    counts = np.bincount(gold) / 400
    against, none, favor = (float(share) for share in counts)
    expected = [against, none, favor, favor - against, (favor - against) / (favor + against)]
    assert estimates.shares["figure"].tolist() == [*FIGURES]
    assert estimates.shares["value"].to_numpy() == pytest.approx(expected)
    assert estimates.shares["naive"].to_numpy() == pytest.approx(expected)
    assert estimates.accuracy["value"].to_numpy() == pytest.approx(1)


def test_labels_count_for_as_many_sentences_as_they_stand_for() -> None:
    gold = np.repeat([AGAINST, NONE], 100)
    archive = archive_of(gold, np.full(200, NONE), sure=np.ones(200))
    rows = np.array([*range(10), *range(100, 150)])
    inclusion = np.where(rows < 100, 0.1, 0.5)
    sample = stance.LabelledSample(rows, gold[rows][:, np.newaxis], inclusion)
    estimates = stance.estimate_shares(archive, sample, whole=True)
    assert by_figure(estimates.shares)["against"]["value"] == pytest.approx(0.5)


def test_probabilities_that_tell_shorten_intervals() -> None:
    gold = labels(2000, [0.2, 0.8, 0])
    sure = np.where(gold == AGAINST, 0.6, 0.9) + np.random.default_rng(1).uniform(0, 0.1, 2000)
    telling, silent = (archive_of(gold, np.full(2000, NONE), sure=own) for own in (sure, np.ones(2000)))
    sample = sample_of(silent, gold, 200)
    ratio = length(stance.estimate_shares(telling, sample).shares) / length(
        stance.estimate_shares(silent, sample).shares
    )
    assert ratio < 0.7


def test_all_labelled_leaves_nothing_open_but_the_documents() -> None:
    gold = labels(300, [0.2, 0.7, 0.1])
    archive = archive_of(gold, erring(gold, 0.5))
    sample = sample_of(archive, gold, 300)
    alone = stance.estimate_shares(archive, sample, whole=True).shares
    assert alone["value"][:3].to_numpy() == pytest.approx(np.bincount(gold) / 300)
    assert 0 < length(alone) < 0.02
    assert length(stance.estimate_shares(archive, sample).shares) > 0.05


@pytest.mark.parametrize(("rate", "least", "most"), [(0.05, 0.3, 0.75), (1.0, 0.85, 1.08)], ids=["good", "useless"])
def test_a_good_model_shortens_intervals_and_a_useless_one_costs_little(rate: float, least: float, most: float) -> None:
    gold = labels(2000, [0.2, 0.6, 0.2])
    predicted = erring(gold, rate)
    sure = np.random.default_rng(2).uniform(0.4, 1, 2000)
    archive = archive_of(gold, predicted, sure=sure)
    silent = archive_of(gold, np.full(2000, NONE), sure=np.ones(2000))
    ratio = [
        length(stance.estimate_shares(archive, sample_of(archive, gold, 200, seed), whole=True).shares)
        / length(stance.estimate_shares(silent, sample_of(silent, gold, 200, seed), whole=True).shares)
        for seed in range(8)
    ]
    assert least < float(np.mean(ratio)) < most


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("documents", [1, 4, 5, 50])
@pytest.mark.parametrize("case", ["no side", "all agree", "never predicted", "one label", "one of a side"])
def test_no_interval_is_of_no_width(case: str, documents: int, whole: bool) -> None:
    gold = np.full(200, NONE)
    predicted = np.full(200, NONE)
    if case != "never predicted":
        predicted[:20], predicted[20:25] = AGAINST, FAVOR
    if case == "all agree":
        gold = predicted
    archive = archive_of(gold, predicted, sure=np.ones(200), documents=documents)
    sample = sample_of(archive, gold, 1 if case == "one label" else 40)
    if case == "one of a side":
        sample.gold[0] = FAVOR
    estimates = stance.estimate_shares(archive, sample, whole=whole)
    shares = estimates.shares
    assert (shares["high"] - shares["low"]).min() > 0.002
    assert shares["low"].min() >= -1
    assert shares["high"].max() <= 1
    assert shares["resampled"].unique().tolist() == ["sentences" if whole or documents < 5 else "documents"]
    assert ("of these documents alone" in estimates.notes[0]) == (whole or documents < 5)
    if case in ("no side", "never predicted"):
        rows = by_figure(shares)
        assert [rows[side]["low"] for side in SIDES] == [0, 0]
        assert np.isnan(rows["net of sides"]["value"])
        assert any("no label favor in the sample" in note for note in estimates.notes)


def test_fewer_documents_say_less() -> None:
    gold = labels(400, [0.2, 0.7, 0.1])
    few, many = (
        length(stance.estimate_shares(archive, sample_of(archive, gold, 200)).shares)
        for archive in (archive_of(gold, erring(gold, 0.3), documents=n) for n in (6, 400))
    )
    assert few > many


def test_groups_with_few_labels_are_corrected_by_all_and_say_so() -> None:
    gold = labels(1200, [0.3, 0.6, 0.1])
    house = ["large"] * 1150 + ["small"] * 50
    archive = archive_of(gold, erring(gold, 0.3), house=house)
    sample = sample_of(archive, gold, 300)
    sample = only(sample, sample.rows < 1150)
    estimates = stance.estimate_shares(archive, sample, by=["house"])
    large, small = (by_figure(own)["against"] for _, own in estimates.shares.groupby("house"))
    assert large["pooled"] == ""
    assert small["labels"] == 0
    assert small["pooled"].split("; ") == [
        f"{what} {side}" for side in SIDES for what in ("predicted", "not predicted")
    ]
    assert any(f"fewer than {FEWEST_LABELS} labels" in note for note in estimates.notes)
    assert abs(small["value"] - (gold[1150:] == AGAINST).mean()) < 0.15
    assert small["high"] - small["low"] > 0.03


def test_a_cell_of_several_values_counts_for_each() -> None:
    gold = labels(60, [0.3, 0.4, 0.3])
    archive = archive_of(gold, gold, actor=["Russia;China"] * 30 + ["China"] * 30)
    shares = stance.estimate_shares(archive, sample_of(archive, gold, 30), by=["actor"]).shares
    assert shares.groupby("actor")["sentences"].first().to_dict() == {"China": 60, "Russia": 30}


def test_a_part_without_labels_is_named_and_held_to_be_anything() -> None:
    gold = np.full(300, NONE)
    predicted = np.where(np.arange(300) < 30, FAVOR, NONE)
    archive = archive_of(gold, predicted)
    sample = sample_of(archive, gold, 60)
    sample = only(sample, predicted[sample.rows] == NONE)
    estimates = stance.estimate_shares(archive, sample, whole=True)
    assert any("no label among 30 sentences predicted favor" in note for note in estimates.notes)
    favor = by_figure(estimates.shares)["favor"]
    assert favor["low"] < 0.001
    assert favor["high"] > 0.1


@pytest.mark.slow
@pytest.mark.parametrize(("whole", "documents"), [(True, 300), (False, 300), (False, 6)])
@pytest.mark.parametrize("shares", [[0.2, 0.6, 0.2], [0.02, 0.96, 0.02]], ids=["frequent", "rare"])
def test_intervals_hold_the_truth_as_often_as_they_say(shares: list[float], whole: bool, documents: int) -> None:
    gold = labels(3000, shares)
    predicted = erring(gold, 0.25)
    held = []
    for seed in range(200):
        rows = np.arange(3000) if whole else _documents_anew(seed, documents)
        archive = archive_of(gold[rows], predicted[rows], documents=documents)
        sample = sample_of(archive, gold[rows], min(150, len(rows)), seed)
        estimated = stance.estimate_shares(archive, sample, whole=whole, resamples=400, seed=seed).shares[:4]
        against, none, favor = np.bincount(gold) / 3000
        truth = np.array([against, none, favor, favor - against])
        held.append((estimated["low"] <= truth) & (truth <= estimated["high"]))
    covered = np.mean(held, axis=0)
    assert covered.min() > 0.91
    assert covered.mean() > 0.935


def _documents_anew(seed: int, n: int) -> Codes:
    """Return sentences of `n` documents of ten drawn with replacement; sentence i is of document i % 300."""
    drawn = np.random.default_rng(seed).integers(0, 300, n)
    return (np.arange(10)[:, np.newaxis] * 300 + drawn).ravel()


def shifted_world(shares: Sequence[float], n: int = 20_000) -> npt.NDArray[np.float64]:
    """Return calibrated probabilities for texts of shares that were equal in training."""
    gold = labels(n, shares)
    x = np.random.default_rng(1).normal(size=(n, 3)) + 2 * np.eye(3)[gold]
    proba = np.exp(2 * x)
    return np.asarray(proba / proba.sum(axis=1, keepdims=True))


def test_a_shift_of_the_labels_shares_is_undone() -> None:
    proba = shifted_world([0.05, 0.9, 0.05])
    assert np.bincount(proba.argmax(axis=1))[NONE] / len(proba) < 0.87
    assert shifted(proba, np.full(3, 1 / 3)) == pytest.approx([0.05, 0.9, 0.05], abs=0.01)
    training = np.array([0.5, 0.2, 0.3])
    elsewhere = proba * training
    elsewhere /= elsewhere.sum(axis=1, keepdims=True)
    assert shifted(elsewhere, training) == pytest.approx([0.05, 0.9, 0.05], abs=0.01)


def test_an_assumed_shift_is_marked_everywhere(cli: RunCli, tiny_run: Path, tmp_path: Path) -> None:
    pd.DataFrame({"text": ["Moscow condemned the shield as a threat.", "Warsaw met."], "id": ["a", "b"]}).to_csv(
        tmp_path / "in.csv", index=False
    )
    assert cli("predict", "--input", "in.csv", "--output", "p.csv", "--long", "--model", tiny_run).returncode == 0
    done = cli("estimate", "p.csv", "--assume-shift", "--model", tiny_run, "--output", "out")
    assert done.returncode == 0, done.stderr
    assert "ASSUMED" in done.stdout
    assert ASSUMPTION in done.stderr
    written = pd.read_csv(tmp_path / "out" / "assumed.csv")
    assert set(written["assumption"]) == {ASSUMPTION}
    assert ASSUMPTION in (tmp_path / "out" / "notes.txt").read_text(encoding="utf-8")
    assert written.groupby("target")["value"].apply(lambda own: own.iloc[:3].sum()).to_numpy() == pytest.approx(1)


def test_a_map_is_corrected_by_labels_or_says_that_it_is_not(cli: RunCli, tiny_run: Path, tmp_path: Path) -> None:
    folder_of(tmp_path / "un")
    done = cli("map", "un", "--output", "out", "--model", tiny_run)
    assert "errors are not in the intervals" in done.stderr
    before = pd.read_csv(tmp_path / "out" / "map.csv")
    assert before["errors"].str.contains("not in the intervals").all()
    assert cli("sample", "out/predicted.csv", "--n", "12", "--output", "label-me.csv").returncode == 0
    sample = pd.read_csv(tmp_path / "label-me.csv")
    sample.assign(shield="none", club="none").to_csv(tmp_path / "label-me.csv", index=False)
    done = cli("map", "un", "--output", "out", "--model", tiny_run, "--labels", "label-me.csv")
    assert done.returncode == 0, done.stderr
    assert "not in the intervals" not in done.stderr
    actors = pd.read_csv(tmp_path / "out" / "actors.csv").to_dict("records")
    assert {row["errors"] for row in actors} == {"corrected by labels: the model's errors are in the intervals"}
    (russia,) = (row for row in actors if (row["actor"], row["target"]) == ("Russia", "shield"))
    assert russia["counted"] < -0.5  # what the map without labels says
    assert np.isnan(russia["stance"])  # no sentence takes a side by the labels
    assert russia["low"] < -0.5
    assert russia["high"] > 0.5


@pytest.mark.slow
def test_expectation_maximisation_agrees_with_quapy() -> None:
    quapy = pytest.importorskip("quapy.method.aggregative")
    proba, training = shifted_world([0.3, 0.6, 0.1], 2000), np.array([0.2, 0.5, 0.3])
    theirs, _ = quapy.EMQ.EM(training, proba, epsilon=1e-7)
    assert shifted(proba, training) == pytest.approx(np.asarray(theirs), abs=1e-3)


@pytest.mark.slow
def test_estimates_agree_with_prediction_powered_inference() -> None:
    """With a random sample and probabilities that say nothing, ours is near the tuned PPI++ of 0/1 predictions."""
    pytest.importorskip("ppi_py")
    ppi = importlib.import_module("ppi_py.ppi")
    gold = labels(4000, [0.3, 0.5, 0.2])
    predicted = erring(gold, 0.3)
    archive = archive_of(gold, predicted, sure=np.ones(4000), documents=4000)
    rows = np.random.default_rng(0).choice(4000, 400, replace=False)
    sample = stance.LabelledSample(rows, gold[rows][:, np.newaxis], np.full(400, 0.1))
    ours = stance.estimate_shares(archive, sample).shares
    rest = np.setdiff1d(np.arange(4000), rows)
    for label, side in ((AGAINST, "against"), (FAVOR, "favor")):
        y, inside, outside = ((own == label).astype(float) for own in (gold[rows], predicted[rows], predicted[rest]))
        low, high = (float(np.ravel(end)[0]) for end in ppi.ppi_mean_ci(y, inside, outside, alpha=0.05))
        assert by_figure(ours)[side]["value"] == pytest.approx((low + high) / 2, abs=0.01)
        assert length(ours, side) == pytest.approx(high - low, rel=0.12)
