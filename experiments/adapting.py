"""Measure what a few hundred labels of a new target are worth, with a base model and from nothing.

    python experiments/adapting.py --ungd ungd.csv --whitehouse whitehouse.csv --news news.csv [--semeval train.csv]

For each home target the base is trained on the other two, without the groups that are sampled and tested; for those of
SemEval-2016 it is the bundled model. Sentences are drawn at random from half of the groups held out, the other half is
the test. Writes the section `adapting` of experiments/RESULTS.md.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from common import data_parser, experiment, markdown, named_tables, write_sections

import stance

SIZES = (25, 50, 100, 200, 400)
DRAWS = 3

Rows = npt.NDArray[np.int64]


def halves(corpus: stance.Corpus, target: str, groups: set[str]) -> tuple[stance.Corpus, Rows, Rows]:
    """Return the examples of a target in these groups as a corpus, and the rows to draw from and to test."""
    examples = corpus.examples
    about = examples[(examples["target"] == target) & examples["group"].isin(groups)].reset_index(drop=True)
    names = np.random.default_rng(0).permutation(about["group"].unique())
    pool = about["group"].isin(names[: len(names) // 2]).to_numpy()
    own = replace(corpus, examples=about, targets=tuple(t for t in corpus.targets if t.name == target))
    return own, np.flatnonzero(pool), np.flatnonzero(~pool)


def home(settings: stance.Settings, folder: Path) -> Iterator[tuple[str, Path, stance.Corpus, Rows, Rows]]:
    """Yield each home target with a base that has not seen it, its examples, and the rows to draw from and to test."""
    corpus = stance.read_data(settings.data)
    train, test = stance.group_folds(corpus.examples, settings.evaluation.folds, seed=settings.seed)[0]
    groups = set(corpus.examples["group"].iloc[test])
    for target in [each.name for each in corpus.targets]:
        known = corpus.examples.iloc[train].query("target != @target").reset_index(drop=True)
        others = replace(corpus, examples=known, targets=tuple(t for t in corpus.targets if t.name != target))
        quick = settings.changed(name=f"without-{target}", evaluation__folds=2, classifier__C=[20.0])
        path = folder / f"{target}.safetensors"
        stance.fit(quick, others).model.save(path)
        yield target, path, *halves(corpus, target, groups)


def measured(base: Path | str, corpus: stance.Corpus, pool: Rows, test: Rows) -> Iterator[dict[str, Any]]:
    """Yield F_avg on the test rows by how many labels there were, with a base and without."""
    (target,) = corpus.targets
    gold = corpus.examples.iloc[test]
    model = stance.load(None if base == "bundled" else base).with_target(target.name, target.terms)
    plain = stance.Settings().changed(classifier__C=[0.3, 1.0, 3.0, 10.0, 30.0])
    ways = {"from nothing": plain, "with a base": plain.adapted(str(base))}
    yield score(gold, model.predict(gold["text"], target=target.name), 0, "with a base")
    for n in SIZES:
        drawn = [np.sort(np.random.default_rng(draw).permutation(pool)[:n]) for draw in range(DRAWS)]
        for way, settings in ways.items():
            try:
                predicted = [
                    each.predictions for each in stance.held_out(settings, corpus, [(rows, test) for rows in drawn])
                ]
            except stance.StanceError:  # too few labels of a side in one of the draws
                continue
            for each in predicted:
                yield score(gold, each["predicted"].to_numpy(), n, way)


def score(gold: pd.DataFrame, predicted: npt.NDArray[Any], n: int, way: str) -> dict[str, Any]:
    """Return one measurement."""
    columns = [gold[name].to_numpy(dtype=object) for name in ("stance", "target", "group")]
    evaluation = stance.evaluate(columns[0], predicted, *columns[1:], resamples=100, seed=0)
    return {"labels": n, "way": way, "F_avg": evaluation.f_avg.value}


def main() -> None:
    parser: argparse.ArgumentParser = data_parser(__doc__, names=("ungd", "whitehouse", "news", "semeval"))
    tables = named_tables(parser.parse_args())
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        if settings := experiment("all", tables):
            for target, base, own, pool, test in home(settings, Path(folder)):
                rows += [{"target": target, **row} for row in measured(base, own, pool, test)]
                print(pd.DataFrame(rows[-1:]).to_string(header=False), flush=True)
        if settings := experiment("semeval2016", tables):
            corpus = stance.read_data(settings.data)
            for target in [each.name for each in corpus.targets]:
                own, pool, test = halves(corpus, target, set(corpus.examples["group"]))
                rows += [{"target": target, **row} for row in measured("bundled", own, pool, test)]
    frame = pd.DataFrame(rows)
    columns = frame["labels"].map("{} labels".format)
    order = [f"{n} labels" for n in (0, *SIZES)]
    table = frame.assign(labels=columns).pivot_table(index=["target", "way"], columns="labels", values="F_avg")[order]
    shown = table.map(lambda value: "" if pd.isna(value) else f"{value:.2f}").reset_index()
    print(shown.to_string())
    write_sections({"adapting": markdown(shown)})


if __name__ == "__main__":
    main()
