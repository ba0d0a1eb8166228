"""Training: nested cross-validation without leaks, its scores, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from stance.data.corpus import read_corpus
from stance.errors import StanceError
from stance.model.predictor import Model, load
from stance.training.fitting import fit
from stance.training.search import base_of, held_out, make_pipeline
from tests.conftest import small_settings, tiny_rows, write_csv


def test_progress_counts_to_the_end_and_another_seed_gives_other_folds(tiny_csv: Path) -> None:
    def folds(seed: int) -> list[int]:
        ticks: list[tuple[int, int]] = []
        settings = small_settings(tiny_csv, seed=seed)
        training = fit(settings, read_corpus([tiny_csv]), n_jobs=1, progress=lambda *tick: ticks.append(tick))
        assert ticks == [(done, 12) for done in range(1, 13)]
        return training.predictions["fold"].tolist()

    assert folds(0) != folds(1)


def test_predictions_are_out_of_fold_by_article(tiny_run: Path) -> None:
    frame = pd.read_csv(tiny_run / "predictions.csv")
    assert len(frame) == 160
    assert frame.groupby("group")["fold"].nunique().max() == 1
    assert frame[["against", "none", "favor"]].sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-5)


def test_metrics_are_those_of_the_predictions(tiny_run: Path) -> None:
    frame = pd.read_csv(tiny_run / "predictions.csv")
    metrics = json.loads((tiny_run / "metrics.json").read_text())
    for system, column in (("model", "predicted"), ("lexicon", "lexicon"), ("majority", "majority")):
        sides = f1_score(frame["stance"], frame[column], labels=["against", "favor"], average=None, zero_division=0)
        assert metrics["systems"][system]["f_avg"]["value"] == pytest.approx(sides.mean(), abs=1e-6)
    assert metrics["systems"]["model"]["n"] == 160
    assert metrics["systems"]["model"]["n_groups"] == 8
    assert metrics["systems"]["model"]["f_avg"]["value"] > 0.9
    assert {comparison["worse"] for comparison in metrics["comparisons"]} == {"majority", "lexicon", "tfidf_logistic"}


def test_labels_shuffled_among_sentences_cannot_be_learnt(tmp_path: Path) -> None:
    """A leak between folds would show here as a score above chance."""
    rows = tiny_rows()
    labels = [(row["shield"], row["club"]) for row in rows]
    order = np.random.default_rng(3).permutation(len(rows))
    for row, k in zip(rows, order, strict=True):
        row["shield"], row["club"] = labels[k]
    corpus = read_corpus([write_csv(tmp_path / "a.csv", rows)])
    training = fit(small_settings(tmp_path / "a.csv"), corpus, n_jobs=1)
    inside = [score for choice in [training.choice, *training.fold_choices] for score in choice.f_avg.values()]
    assert max(training.evaluations["model"].f_avg.value, *inside) < 0.4


def test_fewer_articles_than_folds_is_said(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [row for row in tiny_rows() if row["article_id"] in ("t0", "t1")])
    with pytest.raises(StanceError, match=r"has 2 articles .* wanted at least one for each of 3 folds"):
        fit(small_settings(path), read_corpus([path]), n_jobs=1)


def test_an_error_is_explained_by_the_model_that_made_it(tmp_path: Path) -> None:
    """The final model has seen the sentence with its label, and would explain that label."""
    rows = tiny_rows()
    rows[0]["text"] = "Everyone zigzagged before the shield."
    rows[0]["shield"] = "favor"
    path = write_csv(tmp_path / "a.csv", rows)
    training = fit(small_settings(path, features__min_df=1), read_corpus([path]), n_jobs=1)
    same = (training.predictions["text"] == rows[0]["text"]) & (training.predictions["target"] == "shield")
    (row,) = np.flatnonzero(same).tolist()
    words = {rows[0]["text"][start:end] for start, end, _, _ in training.marks[row]}
    assert "shield" in words
    final = training.model.explain(rows[0]["text"], "shield")
    assert "zigzagged" in {piece for piece, label, _, _ in final.marks() if label}
    assert "zigzagged" not in words


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"anchored_weight": 0.0, "min_df": 9},
            r"no feature occurs in 9 texts; wanted a smaller features\.min_df, or more texts: one training part has",
        ),
        ({"anchored_weight": 0.0, "own_weight": 0.0}, "both kinds of features are off; wanted an anchored_weight or"),
    ],
    ids=["rare", "off"],
)
def test_settings_without_a_feature_are_said_in_our_words(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    rows = [row | {"text": f"word{i % 10} other{i}"} for i, row in enumerate(tiny_rows())]
    path = write_csv(tmp_path / "a.csv", rows)
    settings = small_settings(path, **{f"features__{key}": value for key, value in change.items()})
    with pytest.raises(StanceError, match=message):
        fit(settings, read_corpus([path]), n_jobs=1)


def test_one_label_in_a_training_part_is_said_in_our_words(tmp_path: Path) -> None:
    rows = [row | {"shield": "none", "club": "none"} for row in tiny_rows()]
    for row in rows:
        if row["article_id"] == "t0":
            row |= {"shield": "favor", "club": "favor"}
    path = write_csv(tmp_path / "a.csv", rows)
    with pytest.raises(StanceError, match=r"all 'none'; wanted two labels or more\. Label more articles"):
        fit(small_settings(path), read_corpus([path]), n_jobs=1)


def test_a_target_left_out_is_predicted_by_what_the_others_share(tmp_path: Path) -> None:
    rows = tiny_rows()
    rows += [
        row
        | {"sentence_id": f"again{i}", "text": row["text"].replace("shield", "club"), "shield": "none", "club": side}
        for i, row in enumerate(rows)
        if (side := row["shield"]) != "none"
    ]
    corpus = read_corpus([write_csv(tmp_path / "a.csv", rows)])
    target = corpus.examples["target"].to_numpy()
    train, test = np.flatnonzero(target == "shield"), np.flatnonzero(target == "club")
    (fold,) = held_out(small_settings(tmp_path / "a.csv"), corpus, [(train, test)], n_jobs=1)
    assert fold.predictions.index.tolist() == test.tolist()
    known = corpus.examples.iloc[test]["sentence_id"].str.startswith("again").to_numpy()
    assert (fold.predictions["predicted"] == corpus.examples.iloc[test]["stance"])[known].all()


@pytest.mark.parametrize(("targets", "known"), [(["shield", "club"], True), (["shield"], False)], ids=["two", "one"])
def test_a_model_says_what_to_expect_of_a_target_nobody_labelled(
    tiny_csv: Path, targets: list[str], known: bool
) -> None:
    corpus = read_corpus([tiny_csv], targets=targets)
    info = fit(small_settings(tiny_csv), corpus, n_jobs=1).model.info
    assert (info.expected is not None) == known
    if info.expected:
        value, low, high = info.expected
        assert low <= value <= high < info.scores["f_avg_mean"][0]


def renamed(rows: list[dict[str, str]], mention: str) -> list[dict[str, str]]:
    """Return the sentences on the shield, told of something else."""
    return [
        {"sentence_id": row["sentence_id"], "article_id": row["article_id"], "tram": row["shield"], "text": text}
        for row in rows
        if "shield" in row["text"]
        for text in [row["text"].replace("shield", mention).replace("In report", "Letter")]
    ]


def test_a_base_model_knows_what_few_labels_do_not(tiny_run: Path, tmp_path: Path) -> None:
    rows = renamed(tiny_rows(), "tram")
    # Of the sides, the labels hold one way each to say it; the test asks for the other.
    known = [row for row in rows if "condemned" in row["text"] or "welcomed" in row["text"] or row["tram"] == "none"]
    test = [row for row in rows if row not in known]
    write_csv(tmp_path / "all.csv", [*known, *test])
    corpus = read_corpus([tmp_path / "all.csv"])
    rest = corpus.examples["sentence_id"].isin([row["sentence_id"] for row in test]).to_numpy()
    split = (np.flatnonzero(~rest), np.flatnonzero(rest))
    settings = small_settings(tmp_path / "all.csv")
    gold = corpus.examples["stance"].to_numpy()[split[1]]

    def right(base: str) -> float:
        own = settings.adapted(base) if base else settings
        return float((held_out(own, corpus, [split], n_jobs=1)[0].predictions["predicted"].to_numpy() == gold).mean())

    assert right(str(tiny_run)) > 0.9 > right("") + 0.3


def test_labels_that_the_base_was_trained_on_are_refused(tiny_csv: Path, tiny_run: Path) -> None:
    with pytest.raises(StanceError, match=r"80 of 80 texts were in the training of the base model.*--base none"):
        fit(small_settings(tiny_csv).adapted(str(tiny_run)), read_corpus([tiny_csv]), n_jobs=1)


def test_a_model_tells_what_to_expect_of_a_target_without_labels(tiny_run: Path) -> None:
    value, low, high = load(tiny_run).info.expected or (0, 0, 0)
    assert 0 < low <= value <= high <= 1


@pytest.mark.parametrize("weights", [{}, {"features__anchored_weight": 0.5, "features__own_weight": 2.0}])
def test_training_starts_from_the_scores_of_the_base_model(
    tiny_csv: Path, tiny_run: Path, weights: dict[str, float]
) -> None:
    corpus, base = read_corpus([tiny_csv]), load(tiny_run)
    settings = small_settings(tiny_csv).adapted(str(tiny_run)).changed(features__min_df=1000, **weights)
    features = make_pipeline(settings, corpus.targets)[0]
    X = features.fit_transform(corpus.examples, corpus.examples["stance"])
    coef, intercept = features.weights_of(base)
    every = base.scores(corpus.examples["text"]) / base.temperature
    column = corpus.examples["target"].map({name: i for i, name in enumerate(base.targets)})
    expected = every[np.arange(len(every)), column]
    np.testing.assert_allclose(X @ coef.T + intercept, expected, rtol=0, atol=1e-9)


def test_a_base_model_that_was_trained_again_is_read_again(tiny_csv: Path, tiny_run: Path, tmp_path: Path) -> None:
    settings = small_settings(tiny_csv).adapted(str(tmp_path / "base.safetensors"))
    names = []
    for name in ("first", "second"):
        model = load(tiny_run)
        Model(model.scorer, replace(model.info, name=name)).save(tmp_path / "base.safetensors")
        base = base_of(settings)
        assert base is not None
        names.append(base.info.name)
    assert names == ["first", "second"]
