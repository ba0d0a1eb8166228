from __future__ import annotations

import html
import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stance.data.corpus import read_corpus
from stance.errors import ConfigError, RunError, StanceError
from stance.report import run_folder as runs
from stance.report import tables as report
from stance.training.fitting import fit, held_out
from tests.conftest import Row, RunCli, small_settings, tiny_rows, write_csv

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

    monkeypatch.setattr(report, "model_card", stop)
    with pytest.raises(KeyboardInterrupt):
        runs.write_run(training, folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_an_older_run_is_replaced_whole(tiny_csv: Path, tmp_path: Path) -> None:
    training, folder = runs.train(small_settings(tiny_csv), tmp_path / "run", n_jobs=1)
    (folder / "plots" / "stale.png").write_bytes(b"")
    runs.write_run(training, folder)
    assert not (folder / "plots" / "stale.png").exists()


def test_an_svm_trains_too(tiny_csv: Path) -> None:
    found = fit(small_settings(tiny_csv, classifier__kind="svm"), read_corpus([tiny_csv]), n_jobs=1)
    assert found.evaluations["model"].f_avg.value > 0.9


def mislabelled_rows(text: str) -> list[Row]:
    """Return the tiny rows, every seventh with another side and with its text put into `text`."""
    rows = tiny_rows()
    for row in rows[::7]:
        row["text"] = text.format(row["text"])
        row["shield"] = "favor" if row["shield"] != "favor" else "against"
    return rows


def test_the_report_is_one_file_with_nothing_from_outside_and_escapes_the_data(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", mislabelled_rows("{} <script>alert(1)</script>"))
    _, folder = runs.train(small_settings(path), tmp_path / "run", n_jobs=1)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert len(re.findall("<script", page)) == 2
    assert "alert(1)" not in re.sub(r'<script type="application/json".*?</script>', "", page, flags=re.DOTALL)
    assert "http" not in page
    assert page.count("data:image/png;base64,") == 6


def test_every_error_is_in_the_report_with_its_marks_and_its_articles_sentences(tmp_path: Path) -> None:
    rows = mislabelled_rows("\N{ROCKET} {}")
    training, folder = runs.train(small_settings(write_csv(tmp_path / "a.csv", rows)), tmp_path / "run", n_jobs=1)
    page = (folder / "report.html").read_text(encoding="utf-8")
    data = json.loads(re.findall(r'id="error-data">(.*?)</script>', page, re.DOTALL)[0])
    wrong = training.predictions[training.predictions["stance"] != training.predictions["predicted"]]
    assert len(data["errors"]) == len(wrong) > 5
    assert sorted(training.marks) == wrong.index.tolist()
    surest = wrong[["against", "none", "favor"]].max(axis=1).to_numpy().argmax()
    sentence, target, gold, predicted, chances, marks = data["errors"][0]
    error, kept = wrong.iloc[surest], training.marks[wrong.index.tolist()[surest]]
    name, text, article, around = data["sentences"][str(sentence)]
    assert (name, text, article) == (error["sentence_id"], error["text"], error["article"])
    assert (data["labels"][gold], data["labels"][predicted]) == (error["stance"], error["predicted"])
    assert training.corpus.targets[target].title == data["targets"][target] == error["target"]
    assert chances == error[["against", "none", "favor"]].astype(float).round(2).tolist()
    assert marks
    assert [(a, b, p) for a, b, _, _, p in marks] == [(a, b, round(push, 2)) for a, b, _, push in kept]
    assert {step for *_, step, _ in marks} <= {1, 2, 3, 4}
    assert len(around) in (3, 4, 5)
    assert {data["sentences"][str(i)][2] for i in around} == {article}


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


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium in the PATH")
def test_the_error_browser_filters_and_marks_in_a_browser(tmp_path: Path) -> None:
    rows = mislabelled_rows("\N{ROCKET} <b onclick=x()> {}")
    training, folder = runs.train(small_settings(write_csv(tmp_path / "a.csv", rows)), tmp_path / "run", n_jobs=1)
    use = (
        "<script>const form = document.getElementById('error-filter'); form.elements.gold.value = '2';"
        "form.elements.words.value = 'ROCKET'; form.dispatchEvent(new Event('input'));"
        "document.querySelector('#error-list details').open = true;</script></body>"
    ).replace("ROCKET", "\N{ROCKET}")
    page = tmp_path / "page.html"
    page.write_text((folder / "report.html").read_text(encoding="utf-8").replace("</body>", use), encoding="utf-8")
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=2000", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True, timeout=60)
    dom = done.stdout
    found = training.predictions
    wrong = found[found["stance"] != found["predicted"]]
    wanted = wrong[(wrong["stance"] == "favor") & wrong["text"].str.startswith("\N{ROCKET}")]
    assert len(wanted) > 0
    assert f"{len(wanted)} of {len(wrong)} errors, {min(25, len(wanted))} shown" in dom
    assert "<b onclick" not in dom
    cards = re.findall(r'<p class="marked".*?</p>', dom, re.DOTALL)
    marked = [re.findall(r"<mark[^>]*>(.*?)<sup>", card) for card in cards]
    pieces = {text[a:b] for i, text in wanted["text"].items() for a, b, _, _ in training.marks[int(str(i))]}
    assert set(map(html.unescape, itertools.chain.from_iterable(marked))) == pieces
    assert "Words that pushed: " in dom


def test_a_model_worse_than_a_baseline_says_so_everywhere(tmp_path: Path, cli: RunCli) -> None:
    rows = tiny_rows()
    order = np.random.default_rng(3).permutation(len(rows))
    labels = [(row["shield"], row["club"]) for row in rows]
    for row, k in zip(rows, order, strict=True):
        row["shield"], row["club"] = labels[k]
    write_csv(tmp_path / "a.csv", rows)
    (tmp_path / "a.toml").write_text(small_settings(tmp_path / "a.csv", classifier__class_weight="none").to_toml())
    done = cli("train", "a.toml", "--jobs", "1")
    assert done.returncode == 0, done.stderr
    assert "warning: By cross-validation this model is worse than the baseline" in done.stderr
    for name in ("report.html", "MODEL_CARD.md"):
        assert "this model is worse than the baseline" in (tmp_path / "runs" / "tiny" / name).read_text("utf-8"), name


def test_data_without_a_neutral_label_is_warned_of(tmp_path: Path, cli: RunCli) -> None:
    rows = [{name: "" if cell == "none" else cell for name, cell in row.items()} for row in tiny_rows()]
    write_csv(tmp_path / "a.csv", rows)
    (tmp_path / "a.toml").write_text(small_settings(tmp_path / "a.csv").to_toml())
    done = cli("train", "a.toml", "--jobs", "1")
    assert done.returncode == 0, done.stderr
    assert "No example is labelled 'none' toward 'shield', so the model sees a side in every text" in done.stderr


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
