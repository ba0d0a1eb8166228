"""Shares without any label: what they are if texts of a class look alike in the archive and in the training data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from stance.errors import ModelError, StanceError
from stance.labels import LABELS
from stance.model.predictor import Model
from stance.reading.estimates import FIGURES, figures
from stance.reading.predictions import Predictions

Array = npt.NDArray[np.float64]

#: What is printed and written with every such figure.
ASSUMPTION = (
    "ASSUMED, not measured: only the labels' shares differ from the training data's, and probabilities are right"
    " (Saerens et al. 2002); no interval holds what that may cost"
)


def assumed_shares(predictions: Predictions, model: Model, *, by: Sequence[str] = ()) -> pd.DataFrame:
    """Return shares corrected for a shift of the labels' shares, a row for each group, target and figure.

    The columns are those of `by`, target, figure, naive, value, sentences and `assumption`; the figures are those of
    `stance.reading.estimates`. `model` is the one that predicted. Raises a StanceError if the predictions lack
    probabilities, and a ModelError if the model does not know a target or what it was trained on.
    """
    if predictions.proba is None:
        raise StanceError("predictions without all three probabilities; wanted those of `stance predict --long`")
    model.check_targets(predictions.targets)
    rows = []
    for key, members in predictions.groups(by):
        for i, target in enumerate(predictions.targets):
            naive = np.bincount(predictions.codes[members, i], minlength=len(LABELS)) / len(members)
            shares = shifted(predictions.proba[members, i], _training_shares(model, target))
            counted, corrected = (figures(own[:1], own[2:]) for own in (naive, shares))
            rows += [
                (*key, target, name, float(counted[name][0]), float(corrected[name][0]), len(members))
                for name in FIGURES
            ]
    columns = [*by, "target", "figure", "naive", "value", "sentences"]
    return pd.DataFrame(rows, columns=columns).assign(assumption=ASSUMPTION)


def shifted(proba: Array, training: Array, *, steps: int = 1000) -> Array:
    """Return the shares of the labels by expectation maximisation, of shape (3,), from probabilities (n, 3).

    `training` are the shares that the probabilities take for granted (Saerens, Latinne & Decaestecker 2002).
    """
    shares = training.copy()
    for _ in range(steps):
        likely = proba * (shares / training)
        before, shares = shares, (likely / likely.sum(axis=1, keepdims=True)).mean(axis=0)
        if np.abs(shares - before).max() < 1e-7:
            break
    return shares


def _training_shares(model: Model, target: str) -> Array:
    """Return the shares of the labels that a model takes for granted: equal ones where training balanced them."""
    if model.info.settings.get("classifier", {}).get("class_weight") == "balanced":
        return np.full(len(LABELS), 1 / len(LABELS))
    counts = np.array(model.info.counts.get(target, ()), dtype=float)
    if not counts.all() or not counts.size:
        raise ModelError(f"the model does not say how many examples of each label of {target!r} it was trained on")
    return np.asarray(counts / counts.sum())
