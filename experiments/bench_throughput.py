"""Sentences a second, side by side: scikit-learn, this scorer, fastText, model2vec; and the cold start.

    python experiments/bench_throughput.py --texts FOLDER [--model RUN] [--model2vec FOLDER]

Cuts the .txt files of a folder into sentences, checks on every one that the scorer gives the pipeline's
answers, and times all systems in turn on the same sentences, new ones each round, so that whatever else
the machine does touches all alike. Writes the tables into experiments/RESULTS.md and README.md.

The scikit-learn pipeline is rebuilt from the model's arrays. fastText (extra `peers`) learns to imitate the
model toward its first target, which costs at prediction what any other labels would: character
2-5-grams, word bigrams, 100 dimensions; it predicts that one target, all others predict all. model2vec
is timed on embedding alone, if a folder of a static model is named.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from archive_memory import sentences_of
from readme import write_sections
from scipy.special import softmax
from sklearn.pipeline import Pipeline

from stance.labels import LABELS
from stance.model.predictor import Model, load
from stance.model.scorer import kernel_missing, kernel_scores, reference_scores
from stance.report.tables import markdown
from stance.training.classifier import JointClassifier
from stance.training.features import PARAMETERS, StanceFeatures

ROOT = Path(__file__).parent.parent
SKLEARN, ONE, TWO = "scikit-learn pipeline", "stance, one thread", "stance, two threads"
SENTENCE = "We condemn the deployment of missile defense as a threat to peace."

Texts = list[str]


def as_pipeline(model: Model) -> Pipeline:
    """Return the scikit-learn pipeline that gives the model's scores."""
    scorer = model.scorer
    features = StanceFeatures(lowercase=scorer.lowercase, negation=scorer.negation)
    for block in scorer.blocks:
        setattr(features, PARAMETERS[block.kind], block.ngrams)
    features.targets_ = np.asarray(model.targets, dtype=object)
    features.blocks_, features.ngrams_ = scorer.blocks, np.asarray(scorer.ngrams, dtype=object)
    features.idf_ = scorer.idf.astype(np.float64)
    classifier = JointClassifier(temperature=model.temperature)
    classifier.classes_ = np.asarray(LABELS, dtype=object)
    classifier.coef_ = np.ascontiguousarray(scorer.weights.astype(np.float64).transpose(1, 2, 0))
    classifier.intercept_ = scorer.intercepts
    return Pipeline([("features", features), ("classifier", classifier)])


def pipeline_scores(pipeline: Pipeline, texts: Texts) -> np.ndarray:
    return np.asarray(pipeline[-1].text_scores(pipeline[0].transform_texts(texts)))


def agreement(model: Model, pipeline: Pipeline, texts: Texts) -> str:
    """Compare kernel and reference with the pipeline on every sentence; stop where they differ."""
    largest, labels = 0.0, 0
    for start in range(0, len(texts), 10_000):
        part = texts[start : start + 10_000]
        wanted = softmax(pipeline_scores(pipeline, part) / model.temperature, axis=-1)
        for scores in (kernel_scores(model.scorer, part), reference_scores(model.scorer, part)):
            found = softmax(scores / model.temperature, axis=-1)
            largest = max(largest, float(np.abs(found - wanted).max()))
            labels += int((found.argmax(axis=-1) != wanted.argmax(axis=-1)).sum())
    if largest > 1e-9 or labels:
        raise SystemExit(f"the scorer and the pipeline differ: {labels} labels, probabilities by up to {largest:.1e}")
    return (
        f"On {len(texts):,} sentences kernel, reference and pipeline give the same {len(texts) * len(model.targets):,}"
        f" labels; probabilities differ by at most {largest:.0e}."
    )


def systems(
    model: Model, pipeline: Pipeline, warm: Texts, model2vec: Path | None
) -> tuple[dict[str, Callable[[Texts], object]], list[str]]:
    """Return what is timed, and a note of what is not."""
    found: dict[str, Callable[[Texts], object]] = {
        SKLEARN: lambda texts: pipeline_scores(pipeline, texts),
        "stance, reference": lambda texts: reference_scores(model.scorer, texts),
    }
    for name, n_threads in ((ONE, 1), (TWO, 2)):
        # Each remembers words of its own earlier texts, as in an archive, and none of these.
        scorer = replace(model.scorer)
        found[name] = partial(kernel_scores, scorer, n_threads=n_threads)
        found[name](warm)
    notes = []
    try:
        import fasttext
    except ImportError:
        notes.append("fastText is not installed (extra `peers`)")
    else:
        labels = kernel_scores(model.scorer, warm)[:, 0].argmax(axis=-1)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "warm.txt"
            lines = (f"__label__{LABELS[k]} {text}" for k, text in zip(labels, warm, strict=True))
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            peer = fasttext.train_supervised(str(path), minn=2, maxn=5, wordNgrams=2, thread=1, epoch=1, verbose=0)
        found["fastText with subwords"] = peer.predict
    if model2vec is None:
        notes.append("model2vec was not timed (--model2vec FOLDER)")
    else:
        from model2vec import StaticModel

        static = StaticModel.from_pretrained(str(model2vec))
        found["model2vec, embedding alone"] = lambda texts: static.encode(texts)
    return found, notes


def timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def spread(values: list[float], form: str = ".1f") -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def throughput(timers: dict[str, Callable[[Texts], object]], rounds: list[Texts]) -> pd.DataFrame:
    """Time every system on every round's texts; ratios are within a round."""
    seconds: dict[str, list[float]] = {name: [] for name in timers}
    for number, texts in enumerate(rounds):
        for name, timer in timers.items():
            seconds[name].append(timed(partial(timer, texts)))
            print(f"round {number + 1}: {name}: {len(texts) / seconds[name][-1]:,.0f} sentences/s", flush=True)
    rows = []
    for name, own in seconds.items():
        row = {"system": name, "sentences a second": f"{len(rounds[0]) / statistics.median(own):,.0f}"}
        row["times scikit-learn"] = spread([a / b for a, b in zip(seconds[SKLEARN], own, strict=True)])
        if peer := seconds.get("fastText with subwords"):
            row["times fastText"] = spread([a / b for a, b in zip(peer, own, strict=True)])
        rows.append(row)
    return pd.DataFrame(rows)


def cold_start(pipeline: Pipeline, model: Path | None, rounds: int) -> tuple[pd.DataFrame, str]:
    """Time two whole processes that predict one sentence."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.joblib"
        joblib.dump(pipeline, path, compress=3)
        code = (
            "import joblib, pandas as pd, sys; pipeline = joblib.load(sys.argv[1])\n"
            "targets = list(pipeline[0].targets_)\n"
            "print(pipeline.predict_proba(pd.DataFrame({'text': [sys.argv[2]] * len(targets), 'target': targets})))"
        )
        commands = {
            "import scikit-learn, load the joblib, predict": [sys.executable, "-c", code, str(path), SENTENCE],
            "`stance predict`": [
                sys.executable,
                "-m",
                "stance",
                "predict",
                SENTENCE,
                *(["--model", str(model)] if model else []),
            ],
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                seconds[name].append(timed(partial(subprocess.run, command, check=True, capture_output=True)))
    old, new = seconds.values()
    ratios = [b / a for a, b in zip(old, new, strict=True)]
    rows = [{"process": name, "seconds": spread(own, ".2f")} for name, own in seconds.items()]
    rows[0]["fraction"], rows[1]["fraction"] = "1", spread(ratios, ".2f")
    return pd.DataFrame(rows), f"{statistics.median(ratios):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, required=True, help="folder of .txt files")
    parser.add_argument("--model", type=Path, help="run or model file; default: the bundled model")
    parser.add_argument("--model2vec", type=Path, help="folder of a model2vec model")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sentences", type=int, default=20_000, help="of a round")
    options = parser.parse_args()
    if missing := kernel_missing():
        raise SystemExit(missing)
    model = load(options.model)
    texts = sentences_of(options.texts, (options.rounds + 1) * options.sentences)
    rounds = [texts[start : start + options.sentences] for start in range(0, len(texts), options.sentences)]
    if len(rounds[-1]) < options.sentences:
        raise SystemExit(
            f"{len(texts)} sentences in {options.texts}; wanted {(options.rounds + 1) * options.sentences}"
        )
    pipeline = as_pipeline(model)
    same = agreement(model, pipeline, texts)
    print(same)
    timers, notes = systems(model, pipeline, rounds[0], options.model2vec)
    table = throughput(timers, rounds[1:])
    cold, fraction = cold_start(pipeline, options.model, max(options.rounds, 5))
    note = (
        f"{options.rounds} rounds of {options.sentences:,} sentences of {sum(map(len, texts)) / len(texts):.0f}"
        f" characters, {len(model.targets)} targets, {len(model.scorer.idf):,} n-grams; medians, and from the least to"
        " the most of the rounds."
    )
    content = "\n\n".join([markdown(table), " ".join([note, same, *(f"{text}." for text in notes)]), markdown(cold)])
    times = {row["system"]: str(row["times scikit-learn"]).split()[0] for row in table.to_dict("records")}
    quote = (
        f"Measured side by side, the compiled kernel scores sentences {times[ONE]} times as fast as the scikit-learn\n"
        f"pipeline on one thread and {times[TWO]} times on two; a whole `stance predict` of one sentence takes"
        f" {fraction} of the time of\na process that imports scikit-learn, loads the pipeline and predicts"
        " ([table](experiments/RESULTS.md))."
    )
    write_sections({"throughput": content})
    write_sections({"throughput": quote}, "README.md")
    print(content)


if __name__ == "__main__":
    main()
