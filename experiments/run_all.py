"""Run every experiment that is stale, and write its tables into experiments/RESULTS.md.

    python experiments/run_all.py --ungd ungd.csv --whitehouse whitehouse.csv --news news.csv --semeval train.csv

An experiment is a .toml of this folder; its run goes to experiments/runs/. It is stale when its settings, its
data or the code behind a score have changed. Experiments whose data is not named are left out, and the tables
that need them stay as they are. Every score is of cross-validation on the training part of data/splits.csv, but for
one table: the models `default`, `all` and the bundled one on the test part, which no choice was made on.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from common import FOLDER, ROOT, RUNS, data_parser, experiment, named_tables, write_sections
from result_tables import (
    NEAR_MISSES,
    SOURCES,
    ablation_table,
    calibration_table,
    confusion_table,
    curve_table,
    held_out_table,
    main_tables,
    test_part_table,
)

import stance

#: The packages of `stance` that a score depends on; "" is its root modules.
CODE = ("", "text", "data", "model", "training")
FRACTIONS = (0.1, 0.25, 0.5)
#: What the names of experiments that leave one step out of `all` begin with.
ABLATION = "ablation-"

Rows = npt.NDArray[np.int64]
#: What is held out, rows to train on, rows to predict.
Split = tuple[str | float, Rows, Rows]


def stamp(settings: stance.Settings) -> str:
    """Return a SHA-256 of settings, data and code."""
    tree = settings.model_dump()
    # A folder's name says nothing; the files' bytes do.
    tree["data"] |= {"files": [], "splits": "", "about": ""}
    data = [Path(file) for file in [*settings.data.files, settings.data.splits, settings.data.about] if file]
    data.append(Path(settings.data.files[0]).parent / "targets.toml")
    code = [file for package in CODE for file in sorted((ROOT / "stance" / package).glob("*.py"))]
    digest = hashlib.sha256(json.dumps(tree, sort_keys=True).encode())
    for file in [*data, *code]:
        if file.is_file():
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def fresh(folder: Path, digest: str, make: Callable[[], object]) -> pd.DataFrame:
    """Return the predictions in a folder, made anew unless it was made from the same."""
    mark = folder / "stamp.txt"
    if not mark.is_file() or mark.read_text("utf-8") != digest:
        start = time.perf_counter()
        make()
        mark.write_text(digest, encoding="utf-8")
        print(f"{folder.name}: {time.perf_counter() - start:.0f} s", flush=True)
    return pd.read_csv(folder / "predictions.csv", keep_default_na=False)


def run(settings: stance.Settings) -> pd.DataFrame:
    """Return the out-of-fold predictions of one experiment."""
    folder = RUNS / settings.name
    return fresh(folder, stamp(settings), lambda: stance.train(settings, folder))


def run_splits(name: str, settings: stance.Settings, splits: Callable[[stance.Corpus], list[Split]]) -> pd.DataFrame:
    """Return predictions of the splits; `held_out` says what was, `n_train` how many rows were trained on."""
    folder = RUNS / f"{settings.name}.{name}"

    def make() -> None:
        corpus = stance.read_data(settings.data)
        names, train, test = zip(*splits(corpus), strict=True)
        predicted = stance.held_out(settings, corpus, list(zip(train, test, strict=True)))
        frames = [
            corpus.examples.loc[fold.predictions.index].join(fold.predictions).assign(held_out=what, n_train=len(rows))
            for what, rows, fold in zip(names, train, predicted, strict=True)
        ]
        folder.mkdir(parents=True, exist_ok=True)
        pd.concat(frames).to_csv(folder / "predictions.csv", index=False)

    return fresh(folder, stamp(settings) + hashlib.sha256(Path(__file__).read_bytes()).hexdigest(), make)


def files_of(settings: stance.Settings) -> dict[str, str]:
    """Return the file of each source of `all`."""
    named = stance.read_settings(FOLDER / "all.toml").data.files
    return {SOURCES[Path(name).name]: file for name, file in zip(named, settings.data.files, strict=True)}


def subset_of(settings: stance.Settings) -> dict[str, str]:
    """Return the subset of each sentence by its id, in which near misses have a sign."""
    return {
        sentence: source + (NEAR_MISSES if "~" in sentence else "")
        for source, file in files_of(settings).items()
        for sentence in pd.read_csv(file, dtype=str)["sentence_id"]
    }


def split_fractions(corpus: stance.Corpus, settings: stance.Settings) -> list[Split]:
    """Train on ever more of the groups of each outer fold's training part, drawn at random."""
    rng = np.random.default_rng(settings.seed)
    order = {name: k for k, name in enumerate(rng.permutation(corpus.examples["group"].unique()))}
    rank = corpus.examples["group"].map(order).rank(method="dense", pct=True).to_numpy()
    outer = stance.group_folds(corpus.examples, settings.evaluation.folds, seed=settings.seed)
    return [(fraction, train[rank[train] <= fraction], test) for fraction in FRACTIONS for train, test in outer]


def split_sources(corpus: stance.Corpus, subsets: dict[str, str]) -> list[Split]:
    """Hold out each source in turn, near misses with it, and every group that has a sentence of it."""
    source = corpus.examples["sentence_id"].map(subsets).str.removesuffix(NEAR_MISSES).to_numpy()
    group = corpus.examples["group"]
    return [
        (name, np.flatnonzero(~group.isin(group[source == name]).to_numpy()), np.flatnonzero(source == name))
        for name in SOURCES.values()
    ]


def split_targets(corpus: stance.Corpus, settings: stance.Settings) -> list[Split]:
    """Hold out each target in turn, and the groups it is tested on."""
    target = corpus.examples["target"].to_numpy()
    train, test = stance.group_folds(corpus.examples, settings.evaluation.folds, seed=settings.seed)[0]
    return [(name, train[target[train] != name], test[target[test] == name]) for name in sorted(set(target))]


def test_parts(settings: stance.Settings) -> dict[str, stance.Corpus]:
    """Return the fixed test part of the real sources and of the articles."""
    files, splits = files_of(settings), settings.data.splits
    return {
        source: stance.read_corpus([files[source]], splits=splits, part="test", for_training=False)
        for source in ("news", "speeches", "briefings", "articles")
    }


def main() -> int:
    tables = named_tables(data_parser(__doc__).parse_args())
    # The bundled model's experiment has the data of `all`.
    names = sorted(path.stem for path in FOLDER.glob("*.toml") if path.stem != "bundled")
    settings = {name: own for name in names if (own := experiment(name, tables))}
    if missing := [name for name in names if name not in settings]:
        print(f"left out, their data is not there: {', '.join(missing)}", flush=True)
    if (whole := settings.get("all")) is None:
        return 1
    frames = {name: run(own) for name, own in settings.items()}
    subsets = subset_of(whole)
    for frame in frames.values():
        if set(frame["sentence_id"]) <= set(subsets):
            frame["subset"] = frame["sentence_id"].map(subsets)
    every = frames["all"]
    curve = run_splits("curve", whole, lambda corpus: split_fractions(corpus, whole))
    sources = run_splits("sources", whole, lambda corpus: split_sources(corpus, subsets))
    targets = run_splits("targets", whole, lambda corpus: split_targets(corpus, whole))
    models = {"`default`": stance.load(RUNS / "default"), "`all`": stance.load(RUNS / "all"), "bundled": stance.load()}
    parts = test_parts(whole)
    write_sections({
        "main": main_tables({name: f for name, f in frames.items() if not name.startswith(ABLATION)}, settings),
        "ablations": ablation_table(every, {n: f for n, f in frames.items() if n.startswith(ABLATION)}, whole),
        "curve": curve_table(every, curve.assign(subset=curve["sentence_id"].map(subsets)), whole),
        "sources": held_out_table(every, sources, whole, "source"),
        "targets": held_out_table(every, targets, whole, "target"),
        "confusion": confusion_table(every, whole),
        "calibration": calibration_table(every),
        "test_part": test_part_table(models, parts),
        "unseen": test_part_table({"bundled": models["bundled"]}, parts),
    })  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
