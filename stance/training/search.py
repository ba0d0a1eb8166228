"""Nested cross-validation: what C and temperature are best inside a training part, and what its model then predicts."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel, delayed
from scipy.special import softmax
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from stance.data.corpus import Corpus
from stance.data.splits import group_folds
from stance.errors import StanceError
from stance.labels import LABELS, Target
from stance.metrics import confusions, f_avg, fit_temperature
from stance.model.info import RunInfo
from stance.model.predictor import BUNDLED, Model, load, model_file
from stance.settings import Settings
from stance.training.baselines import BASELINES
from stance.training.classifier import StanceClassifier
from stance.training.features import Counts, StanceFeatures

Array = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Splits = Sequence[tuple[Rows, Rows]]
Progress = Callable[[int, int], None]
Mark = tuple[int, int, str, float]


@dataclass(frozen=True)
class Choice:
    """What cross-validation inside one training part chose.

    Attributes
    ----------
    C, temperature
        The chosen values.
    f_avg
        Held-out pooled F_avg of each C of the grid.
    """

    C: float
    temperature: float
    f_avg: dict[float, float]


@dataclass(frozen=True)
class HeldOut:
    """A model of some rows of a corpus, and what it says of others.

    Attributes
    ----------
    predictions
        One row a test example: `predicted`, the probabilities `against`, `none`, `favor`, and a
        column of each baseline's labels.
    marks
        Why each wrong prediction was made, as in `Training`; empty where not asked for.
    pipeline
        The fitted scikit-learn pipeline, only where there are no test examples: it is much to carry
        from one process to another.
    """

    choice: Choice
    predictions: pd.DataFrame
    marks: dict[int, list[Mark]]
    pipeline: Pipeline | None


def make_pipeline(settings: Settings, targets: Sequence[Target] = (), *, C: float | None = None) -> Pipeline:
    """Return the unfitted scikit-learn pipeline that the settings describe, by default with the middle C of the grid.

    It takes a DataFrame of `text` and `target`, and any labels.
    """
    grid = settings.classifier.C
    classifier = settings.classifier
    mentions = {target.name: target.terms for target in targets}
    known: tuple[dict[str, float], dict[str, float]] = ({}, {})
    if (base := base_of(settings)) is not None:
        names, idf, n = base.scorer.names, base.scorer.idf.astype(float).tolist(), len(base.scorer.anchored)
        known = dict(zip(names[:n], idf[:n], strict=True)), {}
        if any(target.name in base.targets for target in targets):  # otherwise it has no own weights for them
            known = known[0], dict(zip(names[n:], idf[n:], strict=True))
        silent = {target.name for target in targets if not target.mentions}
        mentions |= {
            name: terms for name, terms in zip(base.targets, base.scorer.mentions, strict=True) if name in silent
        }
    features = StanceFeatures(mentions=mentions, known=known, **settings.features.model_dump())
    C = grid[len(grid) // 2] if C is None else C
    return Pipeline([
        ("features", features),
        ("classifier", StanceClassifier(C=C, class_weight=classifier.class_weight)),
    ])  # fmt: skip


@dataclass(frozen=True)
class Counted:
    """A corpus as arrays: its features, and for each example its text, target (an index of `targets`) and label."""

    corpus: Corpus
    counts: Counts
    targets: npt.NDArray[Any]
    text: Rows
    target: Rows
    stance: npt.NDArray[Any]
    weight: Array


def count(settings: Settings, corpus: Corpus) -> Counted:
    """Count the features of a corpus, once for all splits of it.

    Raises
    ------
    StanceError
        If both kinds of features are off.
    """
    examples = corpus.examples
    texts, text = np.unique(examples["text"].to_numpy(dtype=object), return_inverse=True)
    targets, target = np.unique(examples["target"].to_numpy(dtype=object), return_inverse=True)
    try:
        counts = make_pipeline(settings, corpus.targets)[0].count(list(texts), targets)
    except ValueError as error:
        raise StanceError(str(error)) from None
    stance, weight = examples["stance"].to_numpy(dtype=object), examples["weight"].to_numpy(dtype=float)
    return Counted(corpus, counts, targets, text, target, stance, weight)


@cache
def _base(path: Path, changed: int) -> Model:  # `changed`, the file's time, parts its versions
    return load(path)


def base_of(settings: Settings) -> Model | None:
    """Return the model that the settings start from, if any; a file is read again once it has changed."""
    if not settings.classifier.base:
        return None
    path = BUNDLED if settings.classifier.base == "bundled" else Path(settings.classifier.base)
    file = model_file(path)
    return _base(path, file.stat().st_mtime_ns if file.is_file() else 0)


def held_out(
    settings: Settings,
    corpus: Corpus,
    splits: Splits,
    *,
    n_jobs: int = -1,
    progress: Progress | None = None,
    reasons: bool = False,
    counted: Counted | None = None,
) -> list[HeldOut]:
    """Train on some rows of a corpus and predict others, once for each split (train, test).

    C and the temperature are chosen by cross-validation inside `train`. A target of which `train` has no
    example is predicted by the weights that the others share. With `reasons` errors are explained. `counted` is
    what `count` gives for the corpus, where it is at hand.
    `joblib.parallel_config` says where it works, by default in processes of this machine.

    Raises
    ------
    StanceError
        As `fit` does.
    """
    examples = corpus.examples
    inner = [
        group_folds(examples.iloc[train], settings.evaluation.inner_folds, seed=settings.seed) for train, _ in splits
    ]
    data = counted or count(settings, corpus)
    searches = [
        delayed(_search)(settings, data, rows[train], rows[test])
        for (rows, _), folds in zip(splits, inner, strict=True)
        for train, test in folds
    ]
    total = len(searches) + len(splits)
    # Threads share one pool for linear algebra: a task must not find more of it than another left.
    with warnings.catch_warnings(), threadpool_limits(1):
        # Workers that have grown are replaced, which is no news to a user.
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs were given", category=UserWarning)
        # As a context, so that both batches find the same copy of the counts on disk.
        with Parallel(n_jobs=min(total, n_jobs) if n_jobs > 0 else n_jobs, return_as="generator") as parallel:
            scores = iter(_ticked(parallel(searches), 0, total, progress))
            choices = [
                _choose(settings, examples.iloc[rows], folds, [next(scores) for _ in folds])
                for (rows, _), folds in zip(splits, inner, strict=True)
            ]
            refits = [
                delayed(_refit)(settings, data, choice, train, test, reasons)
                for choice, (train, test) in zip(choices, splits, strict=True)
            ]
            return _ticked(parallel(refits), len(searches), total, progress)


def without_target(
    settings: Settings, counted: Counted, C: float, split: tuple[Rows, Rows], *, n_jobs: int = -1
) -> pd.DataFrame:
    """Return the test examples of a split with `predicted`, each by a model trained without its target."""
    (train, test), targets = split, range(len(counted.targets))
    splits = [(train[counted.target[train] != k], test[counted.target[test] == k]) for k in targets]
    with threadpool_limits(1):
        labels = Parallel(n_jobs=n_jobs)(delayed(_labels)(settings, counted, C, *rows) for rows in splits)
    examples = counted.corpus.examples.iloc[np.concatenate([rows for _, rows in splits])]
    return examples.assign(predicted=np.concatenate(labels))


def _labels(settings: Settings, data: Counted, C: float, train: Rows, test: Rows) -> npt.NDArray[np.object_]:
    features, path = _fit_path(settings, data, train, [C])
    labels = np.asarray(LABELS, dtype=object)
    return cast("npt.NDArray[np.object_]", labels[_scores(features, path, data, test)[0].argmax(axis=1)])


def _ticked(results: Iterable[Any], done: int, total: int, progress: Progress | None) -> list[Any]:
    """Return all results of a batch, telling of each; joblib runs one batch at a time."""
    collected = []
    for result in results:
        collected.append(result)
        if progress is not None:
            progress(done + len(collected), total)
    return collected


def _fit_path(
    settings: Settings, data: Counted, rows: Rows, grid: Sequence[float]
) -> tuple[StanceFeatures, list[StanceClassifier]]:
    """Fit on these examples, once for each C."""
    stance = data.stance[rows]
    if len(set(stance)) < 2 and not settings.classifier.base:
        raise StanceError(
            f"a training part of the cross-validation has {len(rows)} examples, all {stance[0]!r}; wanted two labels"
            " or more. Label more articles that take a side, or lower evaluation.folds and evaluation.inner_folds"
        )
    features, classifier = make_pipeline(settings, data.corpus.targets)
    features.targets_ = data.targets
    try:
        X = features.fit_counts(data.counts, data.text[rows], data.target[rows], stance)
    except ValueError as error:
        raise StanceError(f"{error}, or more texts: one training part has {len(set(data.text[rows]))}") from None
    base = base_of(settings)
    return features, classifier.fit_path(
        X, stance, grid, data.weight[rows], None if base is None else features.weights_of(base)
    )


def _scores(features: StanceFeatures, path: Sequence[StanceClassifier], data: Counted, rows: Rows) -> Array:
    """Return scores of examples, shape (n_classifiers, n_rows, 3), LABELS order; a label never seen has -inf."""
    X = features.transform_counts(data.counts, data.text[rows], data.target[rows])
    return np.stack([classifier.scores(X, LABELS) for classifier in path])


def _search(settings: Settings, data: Counted, train: Rows, test: Rows) -> Array:
    """Return held-out scores for each C, shape (n_C, n_test, 3), LABELS order."""
    with threadpool_limits(1):
        features, path = _fit_path(settings, data, train, settings.classifier.C)
        return _scores(features, path, data, test)


def _choose(settings: Settings, examples: pd.DataFrame, folds: Splits, scores: Sequence[Array]) -> Choice:
    """Choose the C of best held-out pooled F_avg (the smallest, of equals), then temperature."""
    rows = np.concatenate([test for _, test in folds])
    by_C = np.concatenate(scores, axis=1)
    gold, target = (examples[name].to_numpy(dtype=object)[rows] for name in ("stance", "target"))
    labels = np.asarray(LABELS, dtype=object)[by_C.argmax(axis=2)]
    f_avgs = [float(f_avg(confusions(gold, predicted, target, target).sum(axis=(0, 1)))) for predicted in labels]
    best = int(np.argmax(f_avgs))
    code = np.asarray([LABELS.index(stance) for stance in gold])
    usable = np.isfinite(by_C[best][np.arange(len(code)), code])
    temperature = fit_temperature(by_C[best][usable], code[usable])
    grid = settings.classifier.C
    return Choice(grid[best], temperature, dict(zip(grid, f_avgs, strict=True)))


def _refit(settings: Settings, data: Counted, choice: Choice, train: Rows, test: Rows, reasons: bool) -> HeldOut:
    """Fit with what was chosen; predict the test rows, by the baselines too, and say why it errs."""
    with threadpool_limits(1):
        features, (classifier,) = _fit_path(settings, data, train, [choice.C])
        classifier.set_params(temperature=choice.temperature)
        pipeline = Pipeline([("features", features), ("classifier", classifier)])
        if not len(test):
            return HeldOut(choice, pd.DataFrame(), {}, pipeline)
        known, examples = data.corpus.examples.iloc[train], data.corpus.examples.iloc[test]
        proba = softmax(_scores(features, [classifier], data, test)[0] / choice.temperature, axis=1)
        predictions = pd.DataFrame(proba, columns=list(LABELS), index=examples.index)
        predictions.insert(0, "predicted", np.asarray(LABELS, dtype=object)[proba.argmax(axis=1)])
        for name, baseline in BASELINES.items():
            predictions[name] = baseline(known, examples, data.corpus.targets)
        wrong = examples[predictions["predicted"] != examples["stance"]]
        marks = _marks(pipeline, tuple(data.targets), wrong) if reasons else {}
        return HeldOut(choice, predictions, marks, None)


def _marks(pipeline: Pipeline, targets: tuple[str, ...], wrong: pd.DataFrame) -> dict[int, list[Mark]]:
    """Return the words that pushed most, as in `Training.marks`."""
    model = Model.from_pipeline(pipeline, RunInfo("fold", 0, targets, targets, "", 0, 0, {}, {}))
    marks: dict[int, list[Mark]] = {}
    for row, text, target in zip(wrong.index, wrong["text"], wrong["target"], strict=True):
        runs = model.explain(text, target).marks()
        ends = accumulate(len(run) for run, *_ in runs)
        marks[int(row)] = [
            (end - len(run), end, label, push) for (run, label, push, _), end in zip(runs, ends, strict=True) if label
        ]
    return marks
