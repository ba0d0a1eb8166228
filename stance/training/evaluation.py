"""A saved model scored on labelled data it never saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stance.data.corpus import Corpus
from stance.data.splits import text_hash
from stance.errors import StanceError
from stance.labels import LABELS
from stance.metrics import Calibration, Evaluation, calibration, evaluate, risk_coverage
from stance.model.predictor import Model


@dataclass(frozen=True)
class ModelEvaluation:
    """Scores of a saved model; `seen` counts texts that were in its training."""

    model: str
    fingerprint: str
    seen: int
    evaluation: Evaluation
    calibration: Calibration
    risk_coverage: list[tuple[float, float]]


def evaluate_model(
    model: Model, corpus: Corpus, *, allow_seen: bool = False, resamples: int = 2000, seed: int = 0
) -> ModelEvaluation:
    """Score a model on a corpus, intervals by resampling its groups.

    Raises
    ------
    StanceError
        If texts of the corpus were in the model's training, unless `allow_seen`.
    ModelError
        If the corpus has a target that the model does not know.
    """
    model.check_targets([target.name for target in corpus.targets])
    examples = corpus.examples
    seen = examples[examples["text"].map(text_hash).isin(model.info.training_hashes)]
    n_seen = int(seen["text"].nunique())
    if n_seen and not allow_seen:
        raise StanceError(
            f"{n_seen} of {corpus.n_texts} texts were in the model's training, the first"
            f" {seen['sentence_id'].iloc[0]!r}; wanted data it never saw (--allow-seen scores it all the same)"
        )
    texts = list(dict.fromkeys(examples["text"]))
    every = model.predict_proba(texts)
    row = examples["text"].map({text: i for i, text in enumerate(texts)})
    column = examples["target"].map({name: i for i, name in enumerate(model.targets)})
    proba = every[row.to_numpy(), column.to_numpy()]
    gold, target, group = (examples[name].to_numpy(dtype=object) for name in ("stance", "target", "group"))
    predicted = np.asarray(LABELS, dtype=object)[proba.argmax(axis=1)]
    return ModelEvaluation(
        model.info.name,
        corpus.fingerprint(),
        n_seen,
        evaluate(gold, predicted, target, group, resamples=resamples, seed=seed),
        calibration(gold, proba),
        risk_coverage(gold, proba),
    )
