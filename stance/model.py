"""The predictor that users hold: texts in, stances out."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import softmax
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.pipeline import Pipeline

from stance.classifier import JointClassifier
from stance.features import StanceFeatures
from stance.schema import LABELS, ModelError, RunInfo, choices
from stance.tables import atomic_write

logger = logging.getLogger(__name__)

#: Raised whenever a file of the new kind would be misread by the code before it.
FORMAT_VERSION = 1

_BATCH = 20_000


class Model:
    """A fitted pipeline with the knowledge of what it was trained on.

    Parameters
    ----------
    pipeline
        `StanceFeatures` and `JointClassifier`, fitted.
    info
        What the training was.
    """

    def __init__(self, pipeline: Pipeline, info: RunInfo) -> None:
        self.pipeline = pipeline
        self.info = info

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the targets, in the order of every output."""
        return self.info.targets

    def predict(self, texts: Iterable[str], *, target: str) -> npt.NDArray[np.object_]:
        """Return the stance of each text toward one target, shape (n_texts,).

        Raises
        ------
        ModelError
            If the model does not know the target, or a text is not a string.
        """
        return _labels(self.predict_proba(texts, target=target))

    def predict_proba(self, texts: Iterable[str], *, target: str | None = None) -> npt.NDArray[np.float64]:
        """Return probabilities, columns in LABELS order.

        Shape (n_texts, 3) for one target, (n_texts, n_targets, 3) for ``target=None``.

        Raises
        ------
        ModelError
            As in `predict`.
        """
        if target is not None:
            self.check_targets([target])
        scores = self.scores(texts)
        if target is not None:
            scores = scores[:, self.targets.index(target)]
        return softmax(scores / self.temperature, axis=-1)

    def predict_frame(self, texts: Iterable[str]) -> pd.DataFrame:
        """Return a table of texts by targets.

        One row a text, in order: `text`, then for each target its stance (a column of the
        target's name) and that stance's probability (`<target>_proba`).
        """
        texts = _checked(texts)
        proba = self.predict_proba(texts)
        columns: dict[str, Any] = {"text": texts}
        for i, target in enumerate(self.targets):
            columns[target] = _labels(proba[:, i])
            columns[f"{target}_proba"] = proba[:, i].max(axis=1)
        return pd.DataFrame(columns)

    def scores(self, texts: Iterable[str]) -> npt.NDArray[np.float64]:
        """Return linear scores of shape (n_texts, n_targets, 3), LABELS order.

        A label that the training data never had scores minus infinity.
        """
        texts = _checked(texts)
        order = [list(self._features.targets_).index(name) for name in self.targets]
        result = np.full((len(texts), len(self.targets), len(LABELS)), -np.inf)
        columns = [LABELS.index(label) for label in self._classifier.classes_]
        for start in range(0, len(texts), _BATCH):
            part = texts[start : start + _BATCH]
            every = self._classifier.text_scores(self._features.transform_texts(part))
            result[start : start + len(part)][:, :, columns] = every[:, order]
        return result

    @property
    def temperature(self) -> float:
        """What scores are divided by before the softmax."""
        return float(self._classifier.temperature)

    def top_ngrams(self, target: str, label: str, *, n: int = 15) -> list[tuple[str, float]]:
        """Return the n-grams that push most toward a label, strongest first.

        An n-gram's push is its weight for the label less its mean over labels, times IDF.
        Word n-grams are given where the model has any, since people can read them.
        """
        self.check_targets([target])
        row = list(self._features.targets_).index(target)
        if label not in self._classifier.classes_:
            return []
        weights = self._classifier.coef_[row] - self._classifier.coef_[row].mean(axis=0)
        push = weights[list(self._classifier.classes_).index(label)] * self._features.idf_
        names = self._features.get_feature_names_out()[:-1]
        kept = np.flatnonzero([name.startswith("word:") for name in names])
        kept = kept if len(kept) else np.arange(len(names))
        best = kept[np.argsort(-push[kept], kind="stable")[:n]]
        return [(str(names[i]).split(":", 1)[1], float(push[i])) for i in best if push[i] > 0]

    def check_targets(self, targets: Sequence[str]) -> None:
        """Raise ModelError if the model does not know one of the targets."""
        for target in targets:
            if target not in self.targets:
                known = choices(self.targets)
                raise ModelError(f"target {target!r} is not in model {self.info.name!r}; wanted {known}")

    def save(self, path: str | Path) -> None:
        """Write the pipeline with joblib, `info` attached, whole or not at all.

        Raises
        ------
        StanceError
            If the file cannot be written.
        """
        info = asdict(self.info)
        info["training_hashes"] = sorted(self.info.training_hashes)
        self.pipeline.stance_ = {"format": FORMAT_VERSION, "info": info}
        with atomic_write(Path(path)) as handle:
            joblib.dump(self.pipeline, handle, compress=3)

    @property
    def _features(self) -> StanceFeatures:
        return cast("StanceFeatures", self.pipeline[0])

    @property
    def _classifier(self) -> JointClassifier:
        return cast("JointClassifier", self.pipeline[-1])


def load(path: str | Path) -> Model:
    """Load a model from a run's folder or from its `model.joblib`.

    A joblib file can execute code when it is opened: load only files you trust.

    Raises
    ------
    ModelError
        If there is no model, or the file is truncated, of another kind, or of a later
        format than this version reads.
    """
    path = Path(path)
    file = path / "model.joblib" if path.is_dir() else path
    if not file.is_file():
        raise ModelError(f"{path}: no model there; wanted a run's folder or its model.joblib")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", InconsistentVersionWarning)
            pipeline = joblib.load(file)
    except MemoryError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise ModelError(
            f"{file}: cannot be read as a model ({reason}); it may be truncated, of another kind,"
            " or from a later version of stance-detect"
        ) from None
    for warning in {str(item.message) for item in caught}:
        logger.warning("%s: %s", file, warning)
    header = getattr(pipeline, "stance_", None)
    if not isinstance(pipeline, Pipeline) or not isinstance(header, dict):
        kind = type(pipeline).__name__
        raise ModelError(f"{file}: holds a {kind}; wanted a model written by `stance train`")
    if header["format"] > FORMAT_VERSION:
        raise ModelError(
            f"{file}: format {header['format']}, and this version reads up to {FORMAT_VERSION}; upgrade stance-detect"
        )
    info = dict(header["info"])
    for name in ("targets", "titles"):
        info[name] = tuple(info[name])
    info["training_hashes"] = frozenset(info["training_hashes"])
    return Model(pipeline, RunInfo(**info))


def _labels(proba: npt.NDArray[np.float64]) -> npt.NDArray[np.object_]:
    return cast("npt.NDArray[np.object_]", np.asarray(LABELS, dtype=object)[proba.argmax(axis=-1)])


def _checked(texts: Iterable[str]) -> list[str]:
    if isinstance(texts, str):
        raise ModelError("one string given; wanted a list of texts, such as [text]")
    result = list(texts)
    for i, text in enumerate(result):
        if not isinstance(text, str):
            raise ModelError(f"text {i} is {text!r} ({type(text).__name__}); wanted a string")
    return result
