"""Settings and a corpus to a trained model with its nested cross-validation."""

from __future__ import annotations

import platform
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel, delayed, parallel_config
from scipy.special import softmax
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from stance.data.corpus import Corpus
from stance.data.splits import group_folds, text_hash
from stance.errors import StanceError
from stance.labels import LABELS
from stance.metrics import (
    Calibration,
    Comparison,
    Evaluation,
    calibration,
    compare,
    confusions,
    evaluate,
    f_avg,
    fit_temperature,
    risk_coverage,
)
from stance.model.info import RunInfo
from stance.model.predictor import Model
from stance.predict.cluster import client_of
from stance.settings import Settings
from stance.training.baselines import BASELINES
from stance.training.classifier import JointClassifier, label_mass
from stance.training.features import Counts, StanceFeatures
from stance.training.strongest import strongest_ngrams

Array = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Dual = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]
Mark = tuple[int, int, str, float]

#: The name of the trained system among `Training.evaluations`; the others are baselines.
MODEL = "model"


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
class Part:
    """What one part of a corpus taught.

    Attributes
    ----------
    predictions
        One row a test example: `predicted`, the probabilities `against`, `none`, `favor`, and a
        column of each baseline's labels.
    marks
        Why each wrong prediction was made, as in `Training`; empty where not asked for.
    pipeline
        The fitted scikit-learn pipeline, of a part without test examples: it is much to carry
        from one process to another.
    """

    choice: Choice
    predictions: pd.DataFrame
    marks: dict[int, list[Mark]]
    pipeline: Pipeline | None


@dataclass(frozen=True)
class Training:
    """All that one training found.

    Attributes
    ----------
    predictions
        One row an example, predicted by a model that saw nothing of its group: the columns
        of `Corpus.examples`, then `predicted`, the probabilities `against`, `none`, `favor`,
        and a column of each baseline's labels.
    marks
        Why each wrong prediction was made, by its row in `predictions`: the words that pushed most in the fold's own
        model, which had not seen the text, as (start, end, label, push); see `Explanation.push`.
    ngrams
        What the final model goes by, as `stance.training.strongest.strongest_ngrams` says.
    evaluations
        By system, `MODEL` first.
    comparisons
        The model against each baseline.
    choice, fold_choices
        What was chosen for the final model, and in each fold.
    seconds
        Wall time.
    pipeline
        The fitted scikit-learn pipeline that `model` holds as arrays.
    """

    settings: Settings
    corpus: Corpus
    model: Model
    predictions: pd.DataFrame
    marks: dict[int, list[Mark]]
    ngrams: list[dict[str, Any]]
    evaluations: dict[str, Evaluation]
    comparisons: list[Comparison]
    calibration: Calibration
    risk_coverage: list[tuple[float, float]]
    choice: Choice
    fold_choices: list[Choice]
    seconds: float
    pipeline: Pipeline

    @property
    def beaten_by(self) -> list[Comparison]:
        """Comparisons with the baselines whose F_avg is higher than the model's."""
        return [found for found in self.comparisons if found.difference.value < 0]


def make_pipeline(settings: Settings, *, C: float | None = None, temperature: float = 1.0) -> Pipeline:
    """Return the unfitted scikit-learn pipeline that the settings describe.

    It takes a DataFrame of `text` and `target`, and any labels.
    """
    features, classifier = (
        settings.features.model_dump(),
        settings.classifier.model_dump(),
    )
    grid = classifier.pop("C")
    chosen = grid[len(grid) // 2] if C is None else C
    return Pipeline([
        ("features", StanceFeatures(**features)),
        ("classifier", JointClassifier(**classifier, C=chosen, temperature=temperature)),
    ])  # fmt: skip


def fit(
    settings: Settings,
    corpus: Corpus,
    *,
    n_jobs: int = -1,
    progress: Progress | None = None,
    backend: str = "loky",
    scheduler: str | None = None,
) -> Training:
    """Train by nested cross-validation and fit the final model on everything.

    In each outer fold, C and the temperature are chosen by cross-validation inside its
    training part alone; the final model's are chosen the same way on all examples. The same
    settings, corpus and seed give the same result whatever `n_jobs` and `backend`.

    Parameters
    ----------
    n_jobs
        Processes, as in joblib; -1 takes every core.
    progress
        Called with (tasks done, tasks in all).
    backend
        Where joblib works: ``"loky"`` (processes), ``"threading"`` or ``"dask"``.
    scheduler
        Address of the Dask cluster; None starts one on this machine.

    Raises
    ------
    StanceError
        If a target has fewer groups than folds, or the features cannot be fitted.
    """
    started = time.perf_counter()
    examples = corpus.examples
    outer = group_folds(examples, settings.evaluation.folds, seed=settings.seed)
    whole = np.arange(len(examples))
    *folds, last = held_out(
        settings,
        corpus,
        [*outer, (whole, whole[:0])],
        n_jobs=n_jobs,
        progress=progress,
        backend=backend,
        scheduler=scheduler,
        reasons=True,
    )
    predictions = _gather(examples, [test for _, test in outer], [fold.predictions for fold in folds])
    marks = {row: found for fold in folds for row, found in fold.marks.items()}
    evaluations, comparisons = _judge(predictions, settings)
    gold = predictions["stance"].to_numpy(dtype=object)
    proba = predictions[list(LABELS)].to_numpy(dtype=float)
    pipeline = cast("Pipeline", last.pipeline)
    model = Model.from_pipeline(pipeline, _info(settings, corpus, evaluations[MODEL]))
    return Training(
        settings, corpus, model, predictions, marks, strongest_ngrams(model, corpus), evaluations, comparisons,
        calibration(gold, proba), risk_coverage(gold, proba),
        last.choice, [fold.choice for fold in folds], time.perf_counter() - started, pipeline,
    )  # fmt: skip


def held_out(
    settings: Settings,
    corpus: Corpus,
    parts: Sequence[tuple[Rows, Rows]],
    *,
    n_jobs: int = -1,
    progress: Progress | None = None,
    backend: str = "loky",
    scheduler: str | None = None,
    reasons: bool = False,
) -> list[Part]:
    """Train on some rows of a corpus and predict others, once for each pair of (train, test).

    C and the temperature are chosen by cross-validation inside `train`. A target of which `train` has no
    example is predicted by the weights that the others share. With `reasons` errors are explained.

    Raises
    ------
    StanceError
        As `fit` does.
    """
    examples, seed = corpus.examples, settings.seed
    inner = [group_folds(examples.iloc[train], settings.evaluation.inner_folds, seed=seed) for train, _ in parts]
    counted = _count(settings, corpus)
    searches = [
        delayed(_search)(settings, counted, part[train], part[test])
        for (part, _), folds in zip(parts, inner, strict=True)
        for train, test in folds
    ]
    total = len(searches) + len(parts)
    with ExitStack() as stack:
        # Workers that have grown are replaced, which is no news to a user.
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs were given", category=UserWarning)
        # Threads share one pool for linear algebra: a task must not find more of it than another left.
        stack.enter_context(threadpool_limits(1))
        given: dict[str, Any] = {}
        if backend == "dask":
            stack.enter_context(client_of(scheduler))
            given["scatter"] = [counted]
        stack.enter_context(parallel_config(backend, **given))
        # As a context, so that both batches find the same copy of the counts on disk.
        parallel = stack.enter_context(
            Parallel(n_jobs=min(total, n_jobs) if n_jobs > 0 else n_jobs, return_as="generator")
        )
        # All searches end before the fits begin: joblib runs one batch at a time.
        searched = iter(list(_ticked(parallel(searches), 0, total, progress)))
        fits = []
        for (train, test), folds in zip(parts, inner, strict=True):
            found = [next(searched) for _ in folds]
            choice = _choose(settings, examples.iloc[train], folds, [scores for scores, _ in found])
            start = _start([duals[choice.C] for _, duals in found])
            fits.append(delayed(_refit)(settings, counted, choice, start, train, test, reasons))
        return list(_ticked(parallel(fits), len(searches), total, progress))


def versions() -> dict[str, str]:
    """Return the versions of Python and of every library a result depends on."""
    found = {"python": platform.python_version()}
    for name in ("stance-detect", "scikit-learn", "numpy", "scipy", "pandas", "joblib"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


@dataclass(frozen=True)
class _Counted:
    """The training data as arrays; rows beyond the corpus's own are the lexicons' terms."""

    corpus: Corpus
    counts: Counts
    targets: npt.NDArray[Any]
    text: Rows
    target: Rows
    stance: npt.NDArray[Any]
    weight: Array


def _count(settings: Settings, corpus: Corpus) -> _Counted:
    examples = corpus.examples[["text", "target", "stance", "weight"]]
    if settings.data.lexicon_weight:
        terms = [
            (term, target.name, stance, settings.data.lexicon_weight)
            for target in corpus.targets
            for stance, side in (("favor", target.favor), ("against", target.against))
            for term in side
        ]
        examples = pd.concat([examples, pd.DataFrame(terms, columns=examples.columns)])
    texts, text = np.unique(examples["text"].to_numpy(dtype=object), return_inverse=True)
    targets, target = np.unique(examples["target"].to_numpy(dtype=object), return_inverse=True)
    features = settings.features
    try:
        counts = StanceFeatures(**features.model_dump()).count(list(texts))
    except ValueError as error:
        if "every block" in str(error):
            raise StanceError(str(error)) from None
        raise StanceError(
            f"no n-gram of any block of features occurs in {features.min_df} of the"
            f" {len(texts)} texts; wanted one or more. Lower features.min_df, or add texts"
        ) from None
    stance = examples["stance"].to_numpy(dtype=object)
    return _Counted(corpus, counts, targets, text, target, stance, examples["weight"].to_numpy())


def _fit_path(
    settings: Settings, data: _Counted, train: Rows, grid: Sequence[float], start: Dual | None = None
) -> tuple[Rows, StanceFeatures, list[JointClassifier]]:
    """Fit on these examples and on the lexicons' terms, once for each C; return also which texts they are."""
    rows = np.concatenate([train, np.arange(len(data.corpus.examples), len(data.text))])
    texts, text = np.unique(data.text[rows], return_inverse=True)
    shape = (len(texts), len(data.targets))
    mass, classes = label_mass(text, data.target[rows], data.stance[rows], shape, data.weight[rows])
    if len(classes) < 2:
        raise StanceError(
            f"a training part of the cross-validation has {len(train)} examples, all {classes[0]!r}; wanted two labels"
            " or more. Label more articles that take a side, or lower evaluation.folds and evaluation.inner_folds"
        )
    pipeline = make_pipeline(settings)
    try:
        X = pipeline[0].fit_counts(data.counts, texts, data.targets, mass)
    except ValueError as error:
        raise StanceError(f"{error}, or more texts: one training part has {len(texts)}") from None
    dual = None if start is None else start[[*texts, -1]]
    return texts, pipeline[0], pipeline[-1].fit_path(X, mass, classes, grid, dual)


def _scores(features: StanceFeatures, path: Sequence[JointClassifier], data: _Counted, rows: Rows) -> Array:
    """Return scores of examples, shape (n_classifiers, n_rows, 3), LABELS order; a label never seen has -inf."""
    texts, text = np.unique(data.text[rows], return_inverse=True)
    X = features.transform_counts(data.counts, texts)
    scores = np.full((len(path), len(rows), len(LABELS)), -np.inf)
    for row, classifier in zip(scores, path, strict=True):
        seen = [LABELS.index(label) for label in classifier.classes_]
        row[:, seen] = classifier.text_scores(X)[text, data.target[rows]]
    return scores


def _search(settings: Settings, data: _Counted, train: Rows, test: Rows) -> tuple[Array, dict[float, Dual]]:
    """Return held-out scores for each C, shape (n_C, n_test, 3), LABELS order, and its `dual_coef_`.

    The latter has a row for every counted text, of nan where the text is not of the part.
    """
    with threadpool_limits(1):
        texts, features, path = _fit_path(settings, data, train, settings.classifier.C)
        duals = {}
        for fitted in path:
            every = np.full((data.text.max() + 2, fitted.dual_coef_.shape[1]), np.nan, dtype=np.float32)
            every[[*texts, -1]] = fitted.dual_coef_
            duals[fitted.C] = every
        return _scores(features, path, data, test), duals


def _start(duals: list[Dual]) -> Dual | None:
    """Return the mean over the inner folds that had a text: near what a fit to all of them finds.

    The gradient is zero where a text's combination is its loss's slope times C, however many texts there are.
    """
    if len({dual.shape for dual in duals}) > 1:
        return None
    seen = np.sum([np.isfinite(dual) for dual in duals], axis=0)
    return cast("Dual", np.nansum(duals, axis=0) / np.maximum(seen, 1).astype(np.float32))


def _choose(
    settings: Settings,
    part: pd.DataFrame,
    folds: Sequence[tuple[Rows, Rows]],
    scores: list[Array],
) -> Choice:
    """Choose the C of best held-out pooled F_avg (the smallest, of equals), then temperature."""
    rows = np.concatenate([test for _, test in folds])
    held_out = np.concatenate(scores, axis=1)
    gold, target = (part[name].to_numpy(dtype=object)[rows] for name in ("stance", "target"))
    label = np.asarray(LABELS, dtype=object)
    found = [float(f_avg(confusions(gold, label[s.argmax(axis=1)], target, target).sum(axis=(0, 1)))) for s in held_out]
    best = int(np.argmax(found))
    code = np.asarray([LABELS.index(stance) for stance in gold])
    usable = np.isfinite(held_out[best][np.arange(len(code)), code])
    temperature = fit_temperature(held_out[best][usable], code[usable])
    grid = settings.classifier.C
    return Choice(grid[best], temperature, dict(zip(grid, found, strict=True)))


def _refit(
    settings: Settings,
    data: _Counted,
    choice: Choice,
    start: Dual | None,
    part: Rows,
    test: Rows,
    reasons: bool,
) -> Part:
    """Fit on a part with what was chosen; predict its test rows, by the baselines too, and say why it errs."""
    with threadpool_limits(1):
        _, features, (classifier,) = _fit_path(settings, data, part, [choice.C], start)
        classifier.set_params(temperature=choice.temperature)
        pipeline = Pipeline([("features", features), ("classifier", classifier)])
        if not len(test):
            return Part(choice, pd.DataFrame(), {}, pipeline)
        train, rows = (data.corpus.examples.iloc[which] for which in (part, test))
        proba = softmax(_scores(features, [classifier], data, test)[0] / choice.temperature, axis=1)
        found = pd.DataFrame(proba, columns=list(LABELS), index=rows.index)
        found.insert(0, "predicted", np.asarray(LABELS, dtype=object)[proba.argmax(axis=1)])
        for name, baseline in BASELINES.items():
            found[name] = baseline(train, rows, data.corpus.targets)
        wrong = rows[found["predicted"] != rows["stance"]]
        return Part(
            choice,
            found,
            _why(pipeline, data.targets.tolist(), wrong) if reasons else {},
            None,
        )


def _why(pipeline: Pipeline, targets: list[str], wrong: pd.DataFrame) -> dict[int, list[Mark]]:
    info = RunInfo("fold", 0, tuple(targets), tuple(targets), "", 0, 0, {}, {})
    model = Model.from_pipeline(pipeline, info)
    marks: dict[int, list[Mark]] = {}
    for row, text, target in zip(wrong.index, wrong["text"], wrong["target"], strict=True):
        start, here = 0, []
        for piece, label, push, _ in model.explain(text, target).marks():
            if label:
                here.append((start, start + len(piece), label, push))
            start += len(piece)
        marks[int(row)] = here
    return marks


def _gather(examples: pd.DataFrame, tests: list[Rows], found: list[pd.DataFrame]) -> pd.DataFrame:
    columns = pd.concat(found).sort_index()
    fold = pd.Series(0, index=examples.index, name="fold")
    for number, test in enumerate(tests):
        fold.iloc[test] = number
    return pd.concat([examples.drop(columns="weight"), fold, columns], axis=1)


def _judge(predictions: pd.DataFrame, settings: Settings) -> tuple[dict[str, Evaluation], list[Comparison]]:
    gold, target, group, predicted = (
        predictions[name].to_numpy(dtype=object) for name in ("stance", "target", "group", "predicted")
    )
    systems = {MODEL: predicted}
    systems |= {name: predictions[name].to_numpy(dtype=object) for name in BASELINES}
    drawn = {"resamples": settings.evaluation.resamples, "seed": settings.seed}
    evaluations = {name: evaluate(gold, labels, target, group, **drawn) for name, labels in systems.items()}
    comparisons = [
        compare((MODEL, name), (predicted, systems[name]), gold, target, group, **drawn) for name in BASELINES
    ]
    return evaluations, comparisons


def _info(settings: Settings, corpus: Corpus, evaluation: Evaluation) -> RunInfo:
    tree = settings.model_dump()
    # A model travels; the folders of the machine that trained it are nobody's business.
    tree["data"] |= {
        "files": [Path(file).name for file in settings.data.files],
        "splits": Path(settings.data.splits).name,
        "about": Path(settings.data.about).name,
    }
    return RunInfo(
        name=settings.name,
        seed=settings.seed,
        targets=tuple(target.name for target in corpus.targets),
        titles=tuple(target.title for target in corpus.targets),
        fingerprint=corpus.fingerprint(),
        n_texts=corpus.n_texts,
        n_groups=corpus.n_groups,
        scores={
            name: (score.value, score.low, score.high)
            for name in ("f_avg", "f_avg_mean", "macro_f1")
            for score in [getattr(evaluation, name)]
        },
        versions=versions(),
        training_hashes=frozenset(corpus.examples["text"].map(text_hash)),
        n_examples=len(corpus.examples),
        counts={str(name): tuple(row) for name, row in corpus.counts().T.to_dict("list").items()},
        target_scores={
            name: (found.f_avg.value, found.f_avg.low, found.f_avg.high) for name, found in evaluation.targets.items()
        },
        settings=tree,
    )


def _ticked(results: Iterable[Any], done: int, total: int, progress: Progress | None) -> Iterable[Any]:
    for result in results:
        done += 1
        if progress is not None:
            progress(done, total)
        yield result
