"""Time `stance` beside other systems, and measure its memory; each command renews its tables in RESULTS.md.

    python experiments/bench.py speed --texts FOLDER [--run RUN]
    python experiments/bench.py training
    python experiments/bench.py memory --texts FOLDER

`speed`: sentences a second of a run's scikit-learn pipeline (its model.joblib), of its model, and of fastText (extra
`peers`), in turn on the same sentences, new ones each round, so that whatever else the machine does touches all alike;
and two whole processes that predict one sentence. fastText learns to imitate the model toward its first target, which
costs at prediction what any other labels would: character 2-5-grams, word bigrams, 100 dimensions. It predicts that
one target, the others predict all.

`training`: our search for C against the same one by scikit-learn's GridSearchCV, which fits the whole pipeline once
for each C and fold, on one thread; ours before and after, so that a machine that changes its pace shows.

`memory`: the largest resident memory of `stance predict` on a hundred thousand sentences and on a million.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any, TypeVar

import joblib
import numpy as np
import pandas as pd
from common import RUNS, experiment, markdown, write_sections
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_limits

import stance
from stance import LABELS

PIPELINE, ONE, ALL, FASTTEXT = "scikit-learn pipeline", "stance, one core", "stance, every core", "fastText"
SENTENCE = "We condemn the deployment of missile defense as a threat to peace."

# A process counts as its own the memory of the one that started it, which therefore has to be small.
_LAUNCHER = """
import os, subprocess, sys
_, status, usage = os.wait4(subprocess.Popen(sys.argv[1:]).pid, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""

Texts = list[str]
Predict = Callable[[Texts], object]
Result = TypeVar("Result")


def sentences_of(folder: Path, n: int) -> Texts:
    """Return the first n sentences of a folder's text files, in the files' order."""
    sentences: Texts = []
    for path in sorted(folder.rglob("*.txt")):
        sentences += stance.split_sentences(path.read_text(encoding="utf-8", errors="ignore").replace("\0", ""))
        if len(sentences) >= n:
            return sentences[:n]
    raise SystemExit(f"{len(sentences)} sentences in {folder}; wanted {n}")


def timed(call: Callable[[], Result]) -> tuple[Result, float]:
    """Return what a call returns, and its seconds."""
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start


def spread(values: Sequence[float], form: str = ".1f") -> str:
    """Return the median, the least and the most."""
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


@contextmanager
def one_core() -> Iterator[None]:
    """Keep the block to one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def pipeline_proba(pipeline: Any, targets: Sequence[str], texts: Texts) -> np.ndarray:
    """Return a pipeline's probabilities, shape (n_texts, n_targets, 3), columns in LABELS order."""
    frame = pd.DataFrame({"text": np.repeat(np.asarray(texts, dtype=object), len(targets))})
    proba = pipeline.predict_proba(frame.assign(target=[*targets] * len(texts)))
    columns = [list(pipeline.classes_).index(label) for label in LABELS]
    return np.asarray(proba[:, columns]).reshape(len(texts), len(targets), len(LABELS))


def agreement(model: stance.Model, pipeline: Any, texts: Texts) -> str:
    """Say how far model and pipeline agree on every sentence; stop where they do not."""
    largest, n_labels = 0.0, 0
    for start in range(0, len(texts), 10_000):
        chunk = texts[start : start + 10_000]
        ours, theirs = model.predict_proba(chunk), pipeline_proba(pipeline, model.targets, chunk)
        largest = max(largest, float(np.abs(ours - theirs).max()))
        n_labels += int((ours.argmax(axis=-1) != theirs.argmax(axis=-1)).sum())
    if largest > 1e-9 or n_labels:
        raise SystemExit(f"model and pipeline differ: {n_labels} labels, probabilities by up to {largest:.1e}")
    return (
        f"On {len(texts):,} sentences model and pipeline give the same {len(texts) * len(model.targets):,} labels;"
        f" probabilities differ by at most {largest:.0e}."
    )


def trained_fasttext(model: stance.Model, texts: Texts) -> Predict | None:
    """Return the predictor of a fastText model that imitates the model on these texts, or None without fastText."""
    try:
        import fasttext
    except ImportError:
        return None
    labels = model.predict(texts, target=model.targets[0])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.txt"
        path.write_text("".join(f"__label__{a} {b}\n" for a, b in zip(labels, texts, strict=True)), encoding="utf-8")
        peer = fasttext.train_supervised(str(path), minn=2, maxn=5, wordNgrams=2, thread=1, epoch=1, verbose=0)
    predict: Predict = peer.predict
    return predict


def throughput(systems: dict[str, Predict], rounds: Sequence[Texts]) -> pd.DataFrame:
    """Time every system on every round's texts, all but one on one core; ratios are within a round."""
    seconds: dict[str, list[float]] = {name: [] for name in systems}
    for texts in rounds:
        for name, predict in systems.items():
            with nullcontext() if name == ALL else one_core():
                seconds[name].append(timed(partial(predict, texts))[1])
    rows = []
    for name, own in seconds.items():
        row = {"system": name, "sentences a second": f"{len(rounds[0]) / statistics.median(own):,.0f}"}
        for peer in (PIPELINE, FASTTEXT):
            if peer in seconds:
                row[f"times {peer}"] = spread([a / b for a, b in zip(seconds[peer], own, strict=True)])
        rows.append(row)
    return pd.DataFrame(rows)


def cold_start(run: Path, rounds: int) -> pd.DataFrame:
    """Time whole processes that predict one sentence."""
    code = (
        "import joblib, pandas, sys; pipeline = joblib.load(sys.argv[1]); targets = sys.argv[3:]\n"
        "print(pipeline.predict_proba(pandas.DataFrame({'text': sys.argv[2], 'target': targets})))"
    )
    old, new = "import scikit-learn, load the joblib, predict", "`stance predict`"
    commands = {
        old: [sys.executable, "-c", code, str(run / "model.joblib"), SENTENCE, *stance.load(run).targets],
        new: [sys.executable, "-m", "stance", "predict", SENTENCE, "--model", str(run)],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            seconds[name].append(timed(partial(subprocess.run, command, check=True, capture_output=True))[1])
    return pd.DataFrame([
        {
            "process": name,
            "seconds": spread(own, ".2f"),
            "fraction": spread([b / a for a, b in zip(seconds[old], own, strict=True)], ".2f"),
        }
        for name, own in seconds.items()
    ])  # fmt: skip


def speed(options: argparse.Namespace) -> dict[str, str]:
    """Return the sections `throughput`, the tables, and `speed`, one sentence to quote."""
    size, n_cores = options.sentences, len(os.sched_getaffinity(0))
    texts = sentences_of(options.texts, (options.rounds + 1) * size)
    warm, *rounds = (texts[start : start + size] for start in range(0, len(texts), size))
    model, pipeline = stance.load(options.run), joblib.load(options.run / "model.joblib")
    same = agreement(model, pipeline, texts)
    systems: dict[str, Predict] = {
        PIPELINE: lambda texts: pipeline_proba(pipeline, model.targets, texts),
        ONE: model.predict_proba,
        ALL: model.predict_proba,
    }
    if peer := trained_fasttext(model, warm):
        systems[FASTTEXT] = peer
    table, cold = throughput(systems, rounds), cold_start(options.run, max(options.rounds, 5))
    n_characters = sum(map(len, texts)) / len(texts)
    note = (
        f"{options.rounds} rounds of {size:,} sentences of {n_characters:.0f} characters, {len(model.targets)} targets,"
        f" {len(model.scorer.idf):,} features, {n_cores} cores; medians, and from the least to the most of the rounds."
        f" {same}"
    )
    times = dict(zip(table["system"], table[f"times {PIPELINE}"].str.split().str[0], strict=True))
    quote = (
        f"A model scores sentences {times[ONE]} times as fast as its scikit-learn pipeline on one core and"
        f" {times[ALL]} times on {n_cores};\n`stance predict` of one sentence takes"
        f" {cold['fraction'].iloc[1].split()[0]} of the time of a process that loads the pipeline and predicts."
    )
    return {"throughput": f"{markdown(table)}\n\n{note}\n\n{markdown(cold)}", "speed": quote}


def grid_search(settings: stance.Settings, examples: pd.DataFrame, pipeline: Any) -> float:
    """Return the C that GridSearchCV chooses, by the pooled F_avg of a fold."""

    def score(fitted: Any, X: pd.DataFrame, y: Any) -> float:
        arrays = (np.asarray(column, dtype=object) for column in (y, fitted.predict(X), X["target"], X["target"]))
        return stance.evaluate(*arrays, resamples=1, seed=0).f_avg.value

    folds = stance.group_folds(examples, settings.evaluation.inner_folds, seed=settings.seed)
    search = GridSearchCV(pipeline, {"classifier__C": settings.classifier.C}, scoring=score, cv=folds, n_jobs=1)
    search.fit(examples[["text", "target"]], examples["stance"].to_numpy(dtype=object))
    return float(search.best_params_["classifier__C"])


def training(options: argparse.Namespace) -> dict[str, str]:
    """Return the section `training`."""
    settings = experiment("default", {})
    assert settings is not None
    corpus = stance.read_data(settings.data)
    load_average = os.getloadavg()[0]
    whole = stance.fit(settings, corpus)
    every = np.arange(len(corpus.examples))

    def ours() -> float:
        return stance.held_out(settings, corpus, [(every, every[:0])], n_jobs=1)[0].choice.C

    def theirs() -> float:
        return grid_search(settings, corpus.examples, clone(whole.pipeline))

    with threadpool_limits(1):
        (ours_C, first), (theirs_C, search), (_, second) = map(timed, (ours, theirs, ours))
    seconds, times = f"{first:.0f} and {second:.0f}", f"{search / first:.1f} and {search / second:.1f}"
    rows = [
        {"search and fit": "stance", "seconds": seconds, "times as fast": times},
        {"search and fit": "GridSearchCV over the pipeline", "seconds": f"{search:.0f}", "times as fast": "1"},
    ]
    note = (
        f"`{settings.name}`: {len(corpus.examples):,} examples, {len(settings.classifier.C)} C,"
        f" {settings.evaluation.inner_folds} folds, one thread; chosen C {ours_C:g} and {theirs_C:g}. `stance.fit`"
        f" (nested cross-validation, baselines, intervals and explained errors) took {whole.seconds:.0f} s on"
        f" {os.cpu_count()} cores, with {load_average:.1f} processes of others at its start."
    )
    return {"training": f"{markdown(rows)}\n\n{note}"}


def peak_memory(command: Sequence[str]) -> float:
    """Run a command to its end; return its largest resident memory in MB (10**6 bytes)."""
    done = subprocess.run([sys.executable, "-c", _LAUNCHER, *command], capture_output=True, check=True)
    return int(done.stdout.split()[-1]) * (1 if sys.platform == "darwin" else 1024) / 1e6


def memory(options: argparse.Namespace) -> dict[str, str]:
    """Return the section `memory`."""
    sentences = sentences_of(options.texts, 100_000)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "in.csv", Path(folder) / "out.csv"
        for n in (100_000, 1_000_000):
            pd.DataFrame({"text": islice(cycle(sentences), n)}).to_csv(source, index=False)
            size = source.stat().st_size / 1e6
            command = [sys.executable, "-m", "stance", "predict", "--input", str(source), "--output", str(output)]
            peak = f"{peak_memory(command):.0f} MB"
            rows.append({"sentences": f"{n:,}", "file": f"{size:.0f} MB", "peak memory": peak})
    return {"memory": markdown(rows)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (speed, training, memory):
        own = commands.add_parser(command.__name__)
        own.set_defaults(command=command)
        if command is not training:
            own.add_argument("--texts", type=Path, required=True, help="folder of .txt files")
        if command is speed:
            own.add_argument("--run", type=Path, default=RUNS / "default", help="folder of a run")
            own.add_argument("--rounds", type=int, default=5)
            own.add_argument("--sentences", type=int, default=20_000, help="of a round")
    options = parser.parse_args()
    sections = options.command(options)
    print("\n\n".join(sections.values()))
    write_sections(sections)


if __name__ == "__main__":
    main()
