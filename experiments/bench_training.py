"""Our search for settings against the same one written as scikit-learn's GridSearchCV, side by side.

    python experiments/bench_training.py [--folds N]

Both choose C on the training part of the first outer folds of `default` (same grid, same inner folds, same metric) and
fit with it, on one thread, in turn, so that whatever else the machine does touches both alike. GridSearchCV fits the
whole pipeline once for each C and fold. A whole nested cross-validation is such a search for every outer fold and
one for the final model; ours is also run whole, on every core. Writes its part of experiments/RESULTS.md.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

import numpy as np
import pandas as pd
from bench_throughput import spread
from readme import write_sections
from run_all import FOLDER, data_parser, named, settings_of
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_limits

from stance.config import Settings
from stance.corpus import Corpus, group_folds, read_data
from stance.metrics import confusions, f_avg
from stance.report import markdown
from stance.training import fit, held_out, make_pipeline


def ours(settings: Settings, corpus: Corpus) -> tuple[float, dict[float, float]]:
    """Return the C that our search chooses, and the F_avg of each."""
    rows = np.arange(len(corpus.examples))
    (part,) = held_out(settings, corpus, [(rows, rows[:0])], n_jobs=1)
    return part.choice.C, part.choice.f_avg


def theirs(settings: Settings, corpus: Corpus) -> tuple[float, dict[float, float]]:
    """Return the same of GridSearchCV: F_avg is of the held-out predictions of all inner folds together."""
    examples = corpus.examples
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
    search = GridSearchCV(
        make_pipeline(settings), {"classifier__C": settings.classifier.C}, scoring=score, cv=folds, refit=best, n_jobs=1
    )
    search.fit(X, y)
    return float(search.best_params_["classifier__C"]), {C: float(f_avg(counts[C])) for C in counts}


def main() -> None:
    parser = data_parser(__doc__)
    parser.add_argument("--folds", type=int, default=1, help="outer folds to search side by side")
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
    seconds: dict[str, list[float]] = {"stance": [], "GridSearchCV over the pipeline": []}
    chosen: list[tuple[float, ...]] = []
    gaps = []
    with threadpool_limits(1):
        for train, _ in group_folds(corpus.examples, settings.evaluation.folds, seed=settings.seed)[: options.folds]:
            part = Corpus(corpus.examples.iloc[train].reset_index(drop=True), corpus.targets)
            found = []
            for own, search in zip(seconds.values(), (ours, theirs), strict=True):
                start = time.perf_counter()
                found.append(search(settings, part))
                own.append(time.perf_counter() - start)
            chosen.append(tuple(C for C, _ in found))
            gaps += [abs(found[0][1][C] - found[1][1][C]) for C in settings.classifier.C]
            print(found, {name: own[-1] for name, own in seconds.items()}, flush=True)
    a, b = seconds.values()
    ratios = [y / x for x, y in zip(a, b, strict=True)]
    rows = [{"search and fit": name, "seconds an outer fold": spread(own)} for name, own in seconds.items()]
    rows[0]["times as fast"], rows[1]["times as fast"] = spread(ratios), "1"
    same = sum(x == y for x, y in chosen)
    note = (
        f"`{settings.name}`: {len(corpus.examples):,} examples; {len(ratios)} of {settings.evaluation.folds} outer"
        f" folds, one thread; median, and from the least to the most. The same C in {same} of {len(chosen)}"
        f" ({', '.join(f'{x:g} and {y:g}' for x, y in chosen)}); the F_avg of a C differs by at most {max(gaps):.4f}."
        f" The whole of ours, {settings.evaluation.folds + 1} searches and fits, took {total:.0f} s on {os.cpu_count()}"
        f" cores, with {load_average:.1f} processes of others at its start."
    )
    write_sections({"training": f"{markdown(pd.DataFrame(rows))}\n\n{note}"})


if __name__ == "__main__":
    main()
