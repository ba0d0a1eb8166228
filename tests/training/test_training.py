from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stance.data.corpus import read_corpus
from stance.errors import ConfigError, RunError, StanceError
from stance.report import run_files
from stance.report import run_folder as runs
from stance.training.fitting import fit
from stance.training.search import held_out
from tests.conftest import small_settings, tiny_rows, write_csv

FILES = {
    "model.joblib", "model.safetensors", "metrics.json", "predictions.csv", "config.toml", "environment.json",
    "report.html", "MODEL_CARD.md", "plots",
}  # fmt: skip


def test_a_run_has_every_file(tiny_run: Path) -> None:
    assert {path.name for path in tiny_run.iterdir()} == FILES
    plots = {path.stem for path in (tiny_run / "plots").iterdir()}
    assert plots == {"baselines", "confusion", "reliability", "risk_coverage", "ngrams-shield", "ngrams-club"}


def test_the_same_seed_gives_the_same_bytes_whatever_the_processes(
    tiny_run: Path, tiny_csv: Path, tmp_path: Path
) -> None:
    runs.train(small_settings(tiny_csv), tmp_path / "again", n_jobs=2)
    for name in ("metrics.json", "predictions.csv", "MODEL_CARD.md", "model.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (tiny_run / name).read_bytes(), name


def test_another_seed_gives_other_folds(tiny_csv: Path) -> None:
    corpus = read_corpus([tiny_csv])
    folds = [fit(small_settings(tiny_csv, seed=seed), corpus, n_jobs=1).predictions["fold"].tolist() for seed in (0, 1)]
    assert folds[0] != folds[1]


def test_predictions_are_out_of_fold_by_article(tiny_run: Path) -> None:
    frame = pd.read_csv(tiny_run / "predictions.csv")
    assert len(frame) == 160
    assert frame.groupby("group")["fold"].nunique().max() == 1
    assert frame[["against", "none", "favor"]].sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-5)


def test_metrics_are_those_of_the_predictions(tiny_run: Path) -> None:
    from sklearn.metrics import f1_score

    frame = pd.read_csv(tiny_run / "predictions.csv")
    metrics = json.loads((tiny_run / "metrics.json").read_text())
    for system, column in (("model", "predicted"), ("lexicon", "lexicon"), ("majority", "majority")):
        sides = f1_score(frame["stance"], frame[column], labels=["against", "favor"], average=None, zero_division=0)
        assert metrics["systems"][system]["f_avg"]["value"] == pytest.approx(sides.mean(), abs=1e-6)
    assert metrics["systems"]["model"]["n"] == 160
    assert metrics["systems"]["model"]["n_groups"] == 8
    assert metrics["systems"]["model"]["f_avg"]["value"] > 0.9
    assert {found["worse"] for found in metrics["comparisons"]} == {"majority", "lexicon", "tfidf_logistic"}


def test_labels_shuffled_among_sentences_cannot_be_learnt(tmp_path: Path) -> None:
    """A leak between folds would show here as a score above chance."""
    rows = tiny_rows()
    labels = [(row["shield"], row["club"]) for row in rows]
    order = np.random.default_rng(3).permutation(len(rows))
    for row, k in zip(rows, order, strict=True):
        row["shield"], row["club"] = labels[k]
    corpus = read_corpus([write_csv(tmp_path / "a.csv", rows)])
    found = fit(small_settings(tmp_path / "a.csv"), corpus, n_jobs=1)
    assert found.evaluations["model"].f_avg.value < 0.35


def test_progress_counts_to_the_end(tiny_csv: Path) -> None:
    seen: list[tuple[int, int]] = []
    fit(
        small_settings(tiny_csv), read_corpus([tiny_csv]), n_jobs=1,
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert [done for done, _ in seen] == list(range(1, len(seen) + 1))
    assert {total for _, total in seen} == {len(seen)}


def test_fewer_articles_than_folds_is_said(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [row for row in tiny_rows() if row["article_id"] in ("t0", "t1")])
    with pytest.raises(StanceError, match=r"has 2 articles .* wanted at least one for each of 3 folds"):
        runs.train(small_settings(path), tmp_path / "run", n_jobs=1)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_no_run_is_left_alone(tiny_csv: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("precious")
    with pytest.raises(RunError, match="exists and is not a run"):
        runs.train(small_settings(tiny_csv), tmp_path / "thesis", n_jobs=1)
    assert (tmp_path / "thesis" / "chapter1.txt").read_text() == "precious"


def test_a_file_for_settings_is_refused_with_what_to_write() -> None:
    with pytest.raises(ConfigError, match=r"found 'mine\.csv'; wanted Settings: .*changed\(data__files=\[FILE\]\)"):
        runs.train("mine.csv")  # type: ignore[arg-type]


def test_a_run_killed_while_it_is_written_leaves_the_old_one_whole(
    tiny_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training, folder = runs.train(small_settings(tiny_csv), tmp_path / "run", n_jobs=1)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def stop(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_files, "model_card", stop)
    with pytest.raises(KeyboardInterrupt):
        runs.write_run(training, folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_an_older_run_is_replaced_whole(tiny_csv: Path, tmp_path: Path) -> None:
    training, folder = runs.train(small_settings(tiny_csv), tmp_path / "run", n_jobs=1)
    (folder / "plots" / "stale.png").write_bytes(b"")
    runs.write_run(training, folder)
    assert not (folder / "plots" / "stale.png").exists()


def test_an_error_is_explained_by_the_model_that_made_it(tmp_path: Path) -> None:
    """The final model has seen the sentence with its label, and would explain that label."""
    rows = tiny_rows()
    rows[0]["text"] = "Everyone zigzagged before the shield."
    rows[0]["shield"] = "favor"
    path = write_csv(tmp_path / "a.csv", rows)
    found = fit(small_settings(path, features__min_df=1), read_corpus([path]), n_jobs=1)
    same = (found.predictions["text"] == rows[0]["text"]) & (found.predictions["target"] == "shield")
    (row,) = np.flatnonzero(same).tolist()
    words = {rows[0]["text"][start:end] for start, end, _, _ in found.marks[row]}
    assert "shield" in words
    final = found.model.explain(rows[0]["text"], "shield")
    assert "zigzagged" in {piece for piece, label, _, _ in final.marks() if label}
    assert "zigzagged" not in words


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"min_df": 9}, r"no n-gram .* occurs in 9 of the 80 texts; wanted one or more\. Lower features\.min_df"),
        ({"min_df": 8}, "no word n-gram occurs in 8 texts; wanted a smaller features.min_df, or more texts"),
        ({"word_ngrams": []}, "every block of features is off; wanted word_ngrams"),
    ],
    ids=["everywhere", "in-a-part", "off"],
)
def test_settings_without_a_feature_are_said_in_our_words(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    rows = [row | {"text": f"word{i % 10} other{i}"} for i, row in enumerate(tiny_rows())]
    path = write_csv(tmp_path / "a.csv", rows)
    settings = small_settings(path, features__char_ngrams=[], features__word_ngrams=[1, 1], features__word_pairs=[])
    settings = settings.changed(**{f"features__{key}": value for key, value in change.items()})
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


def test_a_target_left_out_is_predicted_by_what_the_others_share(tiny_csv: Path) -> None:
    corpus = read_corpus([tiny_csv])
    target = corpus.examples["target"].to_numpy()
    train, test = np.flatnonzero(target == "shield"), np.flatnonzero(target == "club")
    (part,) = held_out(small_settings(tiny_csv), corpus, [(train, test)], n_jobs=1)
    assert part.predictions.index.tolist() == test.tolist()
    assert part.predictions["predicted"].nunique() > 1
