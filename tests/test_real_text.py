"""On real text that a user brings: the folder named by STANCE_DATA, else skipped."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest

import stance
from tests.conftest import ROOT, RunCli

DATA = Path(os.environ.get("STANCE_DATA", "/nowhere"))
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="STANCE_DATA names no folder")

#: Shorter sentences may be anyone's; of a longer one its beginning tells.
FEWEST_WORDS, MOST_WORDS = 8, 15


@pytest.mark.slow
def test_the_tweets_train_on_their_own_targets_and_fill_a_table_with_a_target_column(
    cli: RunCli, tmp_path: Path
) -> None:
    tweets = pd.read_csv(DATA / "semeval2016" / "train.csv")
    known = tweets[tweets.groupby(["target", "stance"]).cumcount() < 60]
    known.to_csv(tmp_path / "known.csv", index=False)
    settings = stance.read_settings(ROOT / "experiments" / "semeval2016.toml").changed(
        data__files=[str(tmp_path / "known.csv")], classifier__C=[1.0], evaluation__folds=3, evaluation__inner_folds=2
    )
    training, folder = stance.train(settings, tmp_path / "run", n_jobs=1)
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
    corpus = stance.read_corpus([DATA / "semeval2016" / "train.csv"])
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


@pytest.mark.slow
@pytest.mark.parametrize("compiled", ["0", "1"], ids=["plain", "compiled"])
def test_model_and_pipeline_agree_on_real_sentences(
    tiny_run: Path, compiled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STANCE_NUMBA", compiled)
    texts = [
        line
        for path in sorted((DATA / "ungd" / "TXT").rglob("*.txt"))[:40]
        for line in path.read_text(encoding="utf-8", errors="replace").split(". ")
    ][:5000]
    assert len(texts) == 5000
    model, pipeline = stance.load(tiny_run), joblib.load(tiny_run / "model.joblib")
    frame = pd.DataFrame({"text": np.repeat(np.array(texts, dtype=object), len(model.targets))})
    proba = pipeline.predict_proba(frame.assign(target=[*model.targets] * len(texts)))
    columns = [list(pipeline.classes_).index(label) for label in stance.LABELS]
    expected = proba[:, columns].reshape(len(texts), len(model.targets), len(columns))
    np.testing.assert_allclose(model.predict_proba(texts), expected, rtol=0, atol=1e-9)


def test_no_sentence_of_the_tables_is_committed() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    if not listed:
        pytest.skip("not a git checkout")
    sentences: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for table in sorted(DATA.glob("*/*.csv")):
        for text in pd.read_csv(table)["text"]:
            words = _words(text)[:MOST_WORDS]
            if len(words) >= FEWEST_WORDS:
                sentences.setdefault(words[:FEWEST_WORDS], set()).add(words)
    assert sentences
    committed = [
        f"{name}: {' '.join(sentence)}"
        for name in listed.split("\0")[:-1]
        for words in map(_words, _texts(ROOT / name))
        for i in range(len(words) - FEWEST_WORDS + 1)
        for sentence in sentences.get(words[i : i + FEWEST_WORDS], ())
        if words[i : i + len(sentence)] == sentence
    ]
    assert not committed


def _words(text: str) -> tuple[str, ...]:
    text = re.sub(r"\w+(?:-\w+){6,}", " ", text)  # an id that was made from a headline, which is no text
    return tuple(re.findall(r"\w+", html.unescape(text).casefold()))


def _texts(path: Path) -> Iterator[str]:
    """Yield a file's text; of a notebook the text of each cell and output; nothing of a file that is no text."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    if path.suffix != ".ipynb":
        yield text
        return
    for cell in json.loads(text)["cells"]:
        yield "".join(cell["source"])
        for output in cell.get("outputs", []):
            for lines in (output.get("text", ""), *output.get("data", {}).values()):
                yield "".join(lines)
