"""On real text that a user brings: the folder named by STANCE_DATA, else skipped."""

from __future__ import annotations

import os
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest

from stance.data.corpus import read_corpus
from stance.labels import LABELS
from stance.model.predictor import load
from stance.model.scorer import kernel_scores, reference_scores
from stance.report.run_folder import train
from stance.settings import read_settings
from tests.conftest import ROOT, RunCli

DATA = Path(os.environ.get("STANCE_DATA", "/nowhere"))
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="STANCE_DATA names no folder")


def test_the_tweets_train_on_their_own_targets_and_fill_a_table_with_a_target_column(
    cli: RunCli, tmp_path: Path
) -> None:
    tweets = pd.read_csv(DATA / "semeval2016" / "train.csv")
    known = tweets[tweets.groupby(["target", "stance"]).cumcount() < 60]
    known.to_csv(tmp_path / "known.csv", index=False)
    settings = read_settings(ROOT / "experiments" / "semeval2016.toml").changed(
        data__files=[str(tmp_path / "known.csv")], classifier__C=[1.0], evaluation__folds=3, evaluation__inner_folds=2
    )
    training, folder = train(settings, tmp_path / "run", n_jobs=1)
    assert len(training.model.targets) == 5
    assert training.evaluations["model"].f_avg.value > training.evaluations["lexicon"].f_avg.value
    unseen = tweets.drop(known.index).head(50)
    unseen.to_csv(tmp_path / "unseen.csv", index=False)
    done = cli("predict", "--model", folder, "--input", "unseen.csv", "--output", "out.csv")
    assert done.returncode == 0, done.stderr
    out = pd.read_csv(tmp_path / "out.csv")
    assert list(out) == [*unseen.columns, "stance_pred", "proba"]
    assert out["id"].tolist() == unseen["id"].tolist()


def test_the_tweets_are_read_whole() -> None:
    corpus = read_corpus([DATA / "semeval2016" / "train.csv"])
    assert len(corpus.examples) == 2914
    assert corpus.counts().to_dict("index")["Climate Change is a Real Concern"] == {
        "against": 15, "none": 168, "favor": 212,
    }  # fmt: skip


@pytest.mark.parametrize("source", ["ungd", "whitehouse"])
def test_real_sentences_are_predicted_row_by_row(cli: RunCli, tiny_run: Path, tmp_path: Path, source: str) -> None:
    path = DATA / source / "sentences.csv"
    done = cli("predict", "--model", tiny_run, "--input", path, "--output", "out.csv")
    assert done.returncode == 0, done.stderr
    out, given = pd.read_csv(tmp_path / "out.csv"), pd.read_csv(path)
    pd.testing.assert_frame_equal(out[given.columns], given)


def test_reference_kernel_and_pipeline_agree_on_real_sentences(tiny_run: Path) -> None:
    texts = [
        line
        for path in sorted((DATA / "ungd" / "TXT").rglob("*.txt"))[:40]
        for line in path.read_text(encoding="utf-8", errors="replace").split(". ")
    ][:5000]
    assert len(texts) == 5000
    pipeline, model = joblib.load(tiny_run / "model.joblib"), load(tiny_run)
    order = [list(pipeline[0].targets_).index(name) for name in model.targets]
    columns = [list(pipeline[-1].classes_).index(label) for label in LABELS]
    wanted = pipeline[-1].text_scores(pipeline[0].transform_texts(texts))[:, order][:, :, columns]
    for score in (reference_scores, kernel_scores):
        np.testing.assert_allclose(score(model.scorer, texts), wanted, rtol=0, atol=1e-9)
