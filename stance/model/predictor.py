"""The predictor that users hold: texts in, stances out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
import numpy.typing as npt

from stance.errors import ModelError, choices
from stance.labels import LABELS
from stance.model.explanation import Explanation, PhraseShare, WordShare, explain
from stance.model.info import RunInfo
from stance.model.scorer import Scorer, scores
from stance.model.storage import read_model, write_model
from stance.text.mentions import words_of

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

_BATCH = 20_000

#: The model that comes with the package, and its card.
BUNDLED = Path(__file__).parents[1] / "bundled"

#: What no model of this kind should be used for.
NOT_FOR = (
    "deciding about a single person or text without reading it",
    "other targets, languages or kinds of text before measuring it there (`stance evaluate --data YOUR.csv`)",
    "a source whose wording differs from the training data's: the scores above do not carry over",
)


class Model:
    """Arrays that score texts, with the knowledge of what they were trained on.

    Parameters
    ----------
    scorer
        Vocabulary and weights; its targets in the order of `info`.
    info
        What the training was.
    temperature
        What scores are divided by before the softmax.
    """

    def __init__(self, scorer: Scorer, info: RunInfo, *, temperature: float = 1.0) -> None:
        self.scorer = scorer
        self.info = info
        self.temperature = temperature

    @classmethod
    def from_pipeline(cls, pipeline: Pipeline, info: RunInfo) -> Self:
        """Return the model that a fitted `StanceFeatures` and `StanceClassifier` make, as arrays.

        It gives the pipeline's scores to about 1e-13.
        """
        features, classifier = pipeline[0], pipeline[-1]
        names = [name.encode("utf-8", "surrogatepass") for name in np.concatenate(features.names_)]
        targets = [list(features.targets_).index(name) for name in info.targets]
        coef, intercept = classifier.weights_of(LABELS)
        n_anchored = len(features.names_[0])
        # Of each target the own features, and its intercept.
        own = coef[:, n_anchored:].reshape(len(LABELS), len(features.targets_), -1)[:, targets]
        scorer = Scorer(
            mentions=tuple(features.terms(info.targets)),
            vocabulary=np.frombuffer(b"".join(names), np.uint8),
            offsets=np.cumsum([0, *map(len, names)]),
            idf=np.concatenate(features.idf_),
            anchored=np.ascontiguousarray(coef[:, :n_anchored].T) * features.anchored_weight,
            own=np.ascontiguousarray(own[:, :, :-1].T) * features.own_weight,
            intercepts=np.ascontiguousarray(own[:, :, -1].T) + intercept,
        )
        return cls(scorer, info, temperature=float(classifier.temperature))

    def with_target(self, name: str, mentions: Sequence[str], *, title: str = "") -> Self:
        """Return the model with one more target, of which it knows the terms that name it and nothing else.

        Its stances come from what the model learnt of the words around the mentions of its own targets. A term is one
        word or several; `*` leaves a word's end open ("tram line*").

        Raises
        ------
        ModelError
            If the model has the target already, or no term holds a word.
        """
        if name in self.targets:
            raise ModelError(f"target {name!r} is in model {self.info.name!r} already; wanted another name")
        if isinstance(mentions, str) or not any(map(words_of, mentions)):
            raise ModelError(
                f"target {name!r}: {mentions!r} names nothing; wanted a list of terms, such as ['tram line*']"
            )
        scorer = self.scorer
        own = np.concatenate([scorer.own, np.zeros((len(scorer.own), 1, len(LABELS)), scorer.own.dtype)], axis=1)
        intercepts = np.concatenate([scorer.intercepts, scorer.intercepts.mean(axis=0, keepdims=True)])
        info = replace(
            self.info,
            targets=(*self.targets, name),
            titles=(*self.info.titles, title or name.replace("_", " ")),
            zero_shot=(*self.info.zero_shot, name),
        )
        more = replace(scorer, mentions=(*scorer.mentions, tuple(mentions)), own=own, intercepts=intercepts)
        return type(self)(more, info, temperature=self.temperature)

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
        if target is None:
            return self.probabilities(self.scores(texts))
        self.check_targets([target])
        return self.probabilities(self.scores(texts)[:, self.targets.index(target)])

    def predict_frame(self, texts: Iterable[str]) -> pd.DataFrame:
        """Return a table of texts by targets.

        One row a text, in order: `text`, then for each target its stance (a column of the target's name, or
        `<target>_zero_shot`) and that stance's probability (with `_proba` behind it).
        """
        import pandas as pd

        texts = _checked(texts)
        proba = self.predict_proba(texts)
        columns: dict[str, Any] = {"text": np.array(texts, dtype=object)}
        for i, target in enumerate(self.targets):
            column = self.info.column(target)
            columns[column] = _labels(proba[:, i])
            columns[f"{column}_proba"] = proba[:, i].max(axis=1)
        return pd.DataFrame(columns)

    def scores(self, texts: Iterable[str]) -> npt.NDArray[np.float64]:
        """Return linear scores of shape (n_texts, n_targets, 3), LABELS order.

        A label that the training data never had scores minus infinity.
        """
        texts = _checked(texts)
        result = np.empty((len(texts), len(self.targets), len(LABELS)))
        for start in range(0, len(texts), _BATCH):
            batch = slice(start, start + _BATCH)
            result[batch] = scores(self.scorer, texts[batch])
        return result

    def explain(self, text: str, target: str) -> Explanation:
        """Return why a text has its stance toward one target.

        Raises
        ------
        ModelError
            As in `predict`.
        """
        self.check_targets([target])
        return self._explanations(text, (target,))[0]

    def explanations(self, text: str) -> tuple[Explanation, ...]:
        """Return why a text has its stance toward each target, in the order of `targets`."""
        return self._explanations(text, self.targets)

    def pushes(self, target: str) -> npt.NDArray[np.float64]:
        """Return how far each feature pushes toward each label, shape (n_features, 3), LABELS order.

        It is the weight for the label less the mean over labels, times IDF; minus infinity for a label that is
        never given.
        """
        self.check_targets([target])
        row = self.targets.index(target)
        given = np.isfinite(self.scorer.intercepts[row])
        weights = np.concatenate([self.scorer.anchored, self.scorer.own[:, row]]).astype(np.float64)
        weights -= weights[:, given].mean(axis=1, keepdims=True)
        pushes = np.where(given, weights * self.scorer.idf[:, np.newaxis], -np.inf)
        return cast("npt.NDArray[np.float64]", pushes)

    def check_targets(self, targets: Sequence[str]) -> None:
        """Raise ModelError if the model does not know one of the targets."""
        for target in targets:
            if target not in self.targets:
                known = choices(self.targets)
                raise ModelError(f"target {target!r} is not in model {self.info.name!r}; wanted {known}")

    def _explanations(self, text: str, targets: tuple[str, ...]) -> tuple[Explanation, ...]:
        spans, shares = explain(self.scorer, _checked([text])[0], [self.targets.index(target) for target in targets])
        bounds = spans.tolist()
        explanations = []
        for target, (named, intercept, phrases, word_shares) in zip(targets, shares, strict=True):
            score = intercept + sum(phrases.values(), np.zeros(len(LABELS)))
            proba = self.probabilities(score)
            words = tuple(WordShare(a, b, share) for (a, b), share in zip(bounds, word_shares, strict=True))
            explanations.append(
                Explanation(
                    text, target, str(_labels(proba)), proba, score, intercept, named,
                    target not in self.info.zero_shot, tuple(map(PhraseShare, phrases, phrases.values())), words,
                )
            )  # fmt: skip
        return tuple(explanations)

    def probabilities(self, scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the probabilities that scores of shape (..., 3) stand for."""
        powers = np.exp((scores - scores.max(axis=-1, keepdims=True)) / self.temperature)
        return cast("npt.NDArray[np.float64]", powers / powers.sum(axis=-1, keepdims=True))

    def save(self, path: str | Path) -> None:
        """Write `model.safetensors`, whole or not at all.

        Raises
        ------
        StanceError
            If the file cannot be written.
        """
        write_model(path, self.scorer, self.info, self.temperature)


def load(path: str | Path | None = None) -> Model:
    """Load a model from a run's folder or from its `model.safetensors`; by default the bundled one.

    Nothing in the file can execute: it holds arrays and text, and is checked before use.

    Raises
    ------
    ModelError
        If there is no model, or the file is truncated, damaged, of another kind, or of a later
        format than this version reads.
    """
    path = BUNDLED if path is None else Path(path)
    file = model_file(path)
    if file.suffix == ".joblib":
        raise ModelError(
            f"{file}: a joblib file can run code when it is opened and is not loaded; wanted model.safetensors"
            " beside it (with scikit-learn, and if the file is your own: joblib.load)"
        )
    if not file.is_file():
        older = " (one with model.joblib alone is from an older version: train it again)" if path.is_dir() else ""
        raise ModelError(f"{path}: no model there; wanted a run's folder or its model.safetensors{older}")
    scorer, info, temperature = read_model(file)
    return Model(scorer, info, temperature=temperature)


def model_file(path: Path) -> Path:
    """Return the file that holds a model: a run's, or the one named."""
    return path / "model.safetensors" if path.is_dir() else path


def _labels(proba: npt.NDArray[np.float64]) -> npt.NDArray[np.object_]:
    return cast("npt.NDArray[np.object_]", np.asarray(LABELS, dtype=object)[proba.argmax(axis=-1)])


def _checked(texts: Iterable[str]) -> list[str]:
    if isinstance(texts, str):
        raise ModelError("one string given; wanted a list of texts, such as [text]")
    if hasattr(texts, "columns"):  # a table's own items are its columns' names
        raise ModelError("a table given; wanted its column of texts, or stance.score_frame(table, model)")
    result = list(texts)
    for i, text in enumerate(result):
        if not isinstance(text, str):
            raise ModelError(f"text {i} is {text!r} ({type(text).__name__}); wanted a string")
    return result
