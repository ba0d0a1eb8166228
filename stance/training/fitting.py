"""Settings and a corpus to a trained model, judged by its nested cross-validation."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from stance.data.corpus import Corpus
from stance.data.splits import group_folds, text_hash
from stance.errors import StanceError
from stance.labels import LABELS
from stance.metrics import Calibration, Comparison, Evaluation, calibration, compare, evaluate, risk_coverage
from stance.model.info import RunInfo
from stance.model.predictor import Model
from stance.settings import Settings
from stance.training.baselines import BASELINES
from stance.training.search import Choice, Mark, Progress, base_of, count, held_out, without_target
from stance.training.strongest import strongest_phrases

#: The name of the trained system among `Training.evaluations`; the others are baselines.
MODEL = "model"


@dataclass(frozen=True)
class Training:
    """A trained model, and what its cross-validation says of it.

    Attributes
    ----------
    predictions
        One row an example, predicted by a model that saw nothing of its group: the columns
        of `Corpus.examples`, then `predicted`, the probabilities `against`, `none`, `favor`,
        and a column of each baseline's labels.
    marks
        Why each wrong prediction was made, by its row in `predictions`: the words that pushed most in the fold's own
        model, which had not seen the text, as (start, end, label, push); see `Explanation.push`.
    phrases
        What the final model goes by, as `stance.training.strongest.strongest_phrases` says.
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
    phrases: list[dict[str, Any]]
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
        return [comparison for comparison in self.comparisons if comparison.difference.value < 0]


def fit(settings: Settings, corpus: Corpus, *, n_jobs: int = -1, progress: Progress | None = None) -> Training:
    """Train by nested cross-validation and fit the final model on everything.

    In each outer fold, C and the temperature are chosen by cross-validation inside its
    training part alone; the final model's are chosen the same way on all examples. The same
    settings, corpus and seed give the same result however many work on it, and where.

    Parameters
    ----------
    n_jobs
        Processes, as in joblib; -1 takes every core. `joblib.parallel_config` chooses threads or a cluster instead.
    progress
        Called with (tasks done, tasks in all).

    Raises
    ------
    StanceError
        If a target has fewer groups than folds, or the features cannot be fitted.
    """
    started = time.perf_counter()
    examples = corpus.examples
    if n_seen := n_texts_seen(settings, corpus):
        raise StanceError(
            f"{n_seen} of {corpus.n_texts} texts were in the training of the base model, so no score would be honest;"
            ' wanted other texts, or no base (`--base none`, classifier.base = "")'
        )
    outer = group_folds(examples, settings.evaluation.folds, seed=settings.seed)
    every = np.arange(len(examples))
    splits = [*outer, (every, every[:0])]
    counted = count(settings, corpus)
    *folds, last = held_out(settings, corpus, splits, n_jobs=n_jobs, progress=progress, reasons=True, counted=counted)
    out_of_fold = pd.concat({k: fold.predictions for k, fold in enumerate(folds)}, names=["fold"]).reset_index("fold")
    predictions = examples.drop(columns="weight").join(out_of_fold)
    evaluations, comparisons = _judge(predictions, settings)
    gold = predictions["stance"].to_numpy(dtype=object)
    proba = predictions[list(LABELS)].to_numpy(dtype=float)
    pipeline = cast("Pipeline", last.pipeline)
    info = _info(settings, corpus, evaluations[MODEL])
    if len(corpus.targets) > 1 and not settings.classifier.base:
        # One fold tells: its groups toward each target, by a model that never saw that target or these groups.
        unseen = without_target(settings, counted, last.choice.C, outer[0], n_jobs=n_jobs)
        info = replace(info, expected=astuple(_judge(unseen, settings, ())[0][MODEL].f_avg_mean))
    model = Model.from_pipeline(pipeline, info)
    return Training(
        settings=settings,
        corpus=corpus,
        model=model,
        predictions=predictions,
        marks={row: marks for fold in folds for row, marks in fold.marks.items()},
        phrases=strongest_phrases(model, corpus, counts=counted.counts),
        evaluations=evaluations,
        comparisons=comparisons,
        calibration=calibration(gold, proba),
        risk_coverage=risk_coverage(gold, proba),
        choice=last.choice,
        fold_choices=[fold.choice for fold in folds],
        seconds=time.perf_counter() - started,
        pipeline=pipeline,
    )


def n_texts_seen(settings: Settings, corpus: Corpus) -> int:
    """Return how many texts were in the training of the settings' base model."""
    base = base_of(settings)
    seen = set() if base is None else {*corpus.examples["text"].map(text_hash)} & base.info.training_hashes
    return len(seen)


def versions() -> dict[str, str]:
    """Return the versions of Python and of every library a result depends on."""
    result = {"python": platform.python_version()}
    for name in ("stance-detect", "scikit-learn", "numpy", "scipy", "pandas", "joblib"):
        try:
            result[name] = version(name)
        except PackageNotFoundError:
            result[name] = "not installed"
    return result


def _judge(
    predictions: pd.DataFrame, settings: Settings, baselines: Iterable[str] = BASELINES
) -> tuple[dict[str, Evaluation], list[Comparison]]:
    columns = {name: predictions[name].to_numpy(dtype=object) for name in predictions}
    systems = {MODEL: columns["predicted"], **{name: columns[name] for name in baselines}}
    gold, target, group = columns["stance"], columns["target"], columns["group"]
    drawn = {"resamples": settings.evaluation.resamples, "seed": settings.seed}
    evaluations = {name: evaluate(gold, labels, target, group, **drawn) for name, labels in systems.items()}
    comparisons = [
        compare((MODEL, name), (systems[MODEL], systems[name]), gold, target, group, **drawn) for name in baselines
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
    tree["classifier"]["base"] = Path(settings.classifier.base).name
    base = base_of(settings)
    return RunInfo(
        name=settings.name,
        seed=settings.seed,
        targets=tuple(target.name for target in corpus.targets),
        titles=tuple(target.title for target in corpus.targets),
        fingerprint=corpus.fingerprint(),
        n_texts=corpus.n_texts,
        n_groups=corpus.n_groups,
        scores={name: astuple(getattr(evaluation, name)) for name in ("f_avg", "f_avg_mean", "macro_f1")},
        versions=versions(),
        training_hashes=frozenset(corpus.examples["text"].map(text_hash))
        | (base.info.training_hashes if base else set()),
        n_examples=len(corpus.examples),
        counts={str(name): tuple(row) for name, row in corpus.counts().T.to_dict("list").items()},
        target_scores={name: astuple(scores.f_avg) for name, scores in evaluation.targets.items()},
        settings=tree,
    )
