"""Our search for settings against the same one written as scikit-learn's GridSearchCV, side by side.

    python experiments/bench_training.py

Both choose C on the training part of every outer fold of `default` and on all its examples (same grid, same inner
folds, same metric), and fit with it, on one thread. GridSearchCV fits the whole pipeline once for each C and fold.
Ours runs before and after it, so that a machine that changes its pace shows. Ours is also run whole, with
predictions, baselines and explanations, on every core. Writes its part of experiments/RESULTS.md.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from readme import write_sections
from run_all import FOLDER, data_parser, named, settings_of
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_limits

from stance.data.corpus import Corpus, read_data
from stance.data.splits import group_folds
from stance.metrics import confusions, f_avg
from stance.report.tables import markdown
from stance.settings import Settings
from stance.training.fitting import fit, held_out, make_pipeline

Rows = npt.NDArray[np.int64]
Choices = list[tuple[float, dict[float, float]]]


def ours(settings: Settings, corpus: Corpus, parts: list[Rows]) -> Choices:
    """Return the C that our search chooses on each part, and the F_avg of each C."""
    found = held_out(settings, corpus, [(part, part[:0]) for part in parts], n_jobs=1)
    return [(part.choice.C, part.choice.f_avg) for part in found]


def theirs(settings: Settings, corpus: Corpus, parts: list[Rows]) -> Choices:
    """Return the same of GridSearchCV."""
    return [search(settings, corpus.examples.iloc[part].reset_index(drop=True)) for part in parts]


def search(settings: Settings, examples: pd.DataFrame) -> tuple[float, dict[float, float]]:
    """Search with GridSearchCV: F_avg is of the held-out predictions of all inner folds together."""
    X, y = examples[["text", "target"]], examples["stance"].to_numpy(dtype=object)
    folds = group_folds(examples, settings.evaluation.inner_folds, seed=settings.seed)
    counts: dict[float, Any] = dict.fromkeys(settings.classifier.C, 0)

    def score(pipeline: Any, X: pd.DataFrame, y: Any) -> float:
        target = X["target"].to_numpy(dtype=object)
        found = confusions(y, pipeline.predict(X), target, target).sum(axis=(0, 1))
        counts[pipeline[-1].C] = counts[pipeline[-1].C] + found
        return float(f_avg(found))

    def best(_: Any) -> int:
        return int(np.argmax([f_avg(counts[C]) for C in settings.classifier.C]))

    # Scores are pooled over folds, as ours are; a mean of the folds' own could choose another C.
    grid = GridSearchCV(
        make_pipeline(settings), {"classifier__C": settings.classifier.C}, scoring=score, cv=folds, refit=best, n_jobs=1
    )
    grid.fit(X, y)
    return float(grid.best_params_["classifier__C"]), {C: float(f_avg(counts[C])) for C in counts}


def main() -> None:
    parser = data_parser(__doc__)
    parser.add_argument("--experiment", default="default", help="one that weighs all its tables alike")
    options: argparse.Namespace = parser.parse_args()
    if (settings := settings_of(FOLDER / f"{options.experiment}.toml", named(options))) is None:
        raise SystemExit(f"{options.experiment}: its data is not there; wanted --ungd and --whitehouse")
    corpus = read_data(settings.data)
    load_average = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    start = time.perf_counter()
    whole = fit(settings, corpus)
    total = time.perf_counter() - start
    print(f"whole: {total:.1f} s", whole.evaluations["model"].f_avg, flush=True)
    parts = [train for train, _ in group_folds(corpus.examples, settings.evaluation.folds, seed=settings.seed)]
    parts.append(np.arange(len(corpus.examples)))
    seconds: list[float] = []
    found: list[Choices] = []
    with threadpool_limits(1):
        for one in (ours, theirs, ours):
            start = time.perf_counter()
            found.append(one(settings, corpus, parts))
            seconds.append(time.perf_counter() - start)
            print(one.__name__, f"{seconds[-1]:.1f} s", found[-1], flush=True)
    (first, search_seconds, second), pairs = seconds, list(zip(found[0], found[1], strict=True))
    ratios = sorted([search_seconds / first, search_seconds / second])
    rows = [
        {
            "nested search and fits": "stance",
            "seconds": f"{first:.0f} and {second:.0f}",
            "times as fast": f"{ratios[0]:.1f} and {ratios[1]:.1f}",
        },
        {"nested search and fits": "GridSearchCV over the pipeline", "seconds": f"{search_seconds:.0f}"}
        | {"times as fast": "1"},
    ]
    same = sum(x == y for (x, _), (y, _) in pairs)
    gap = max(abs(x[C] - y[C]) for (_, x), (_, y) in pairs for C in settings.classifier.C)
    chosen = ", ".join(f"{x:g} and {y:g}" for (x, _), (y, _) in pairs)
    note = (
        f"`{settings.name}`: {len(corpus.examples):,} examples; {len(parts)} searches of {len(settings.classifier.C)} C"
        f" by {settings.evaluation.inner_folds} inner folds, one thread. The same C in {same} of {len(pairs)}"
        f" ({chosen}); the F_avg of a C differs by at most {gap:.4f}. `stance.training.fit` (the same and predictions,"
        f" baselines, intervals and explained errors) took {total:.0f} s on {os.cpu_count()} cores, with"
        f" {load_average:.1f} processes of others at its start."
    )
    write_sections({"training": f"{markdown(pd.DataFrame(rows))}\n\n{note}"})


if __name__ == "__main__":
    main()
