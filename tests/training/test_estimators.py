"""`StanceFeatures` and `StanceClassifier` as scikit-learn objects, and what their files promise."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline

import stance
from stance import StanceClassifier, StanceFeatures
from stance.data.corpus import Corpus, read_corpus
from stance.errors import ModelError
from stance.labels import LABELS
from stance.model.predictor import load
from stance.training import estimator, search
from stance.training.fitting import fit
from stance.training.search import make_pipeline
from tests.conftest import small_settings


@pytest.fixture(scope="module")
def corpus(tiny_csv: Path) -> Corpus:
    return read_corpus([tiny_csv])


@pytest.fixture(scope="module")
def pipeline(tiny_run: Path) -> Pipeline:
    return joblib.load(tiny_run / "model.joblib")


def test_the_saved_pipeline_is_a_scikit_learn_object(pipeline: Pipeline, corpus: Corpus, tiny_run: Path) -> None:
    model = load(tiny_run)
    X, y, groups = corpus.examples[["text", "target"]], corpus.examples["stance"], corpus.examples["group"]
    shield = X[X["target"] == "shield"]
    assert pipeline.predict(shield).tolist() == model.predict(shield["text"], target="shield").tolist()
    folds = GroupKFold(4)
    guessed = cross_val_predict(pipeline, X, y, groups=groups, cv=folds)
    assert (guessed == y).mean() > 0.9
    proba = cross_val_predict(pipeline, X, y, groups=groups, cv=folds, method="predict_proba")
    assert (np.asarray(sorted(LABELS))[proba.argmax(axis=1)] == guessed).all()
    grid_search = GridSearchCV(
        pipeline, {"classifier__C": [0.001, 10.0], "features__min_df": [1, 2]}, cv=folds, scoring="neg_log_loss"
    )
    grid_search.fit(X, y, groups=groups)
    assert grid_search.best_params_["classifier__C"] == 10.0


def test_a_pipeline_wants_its_columns_and_targets(pipeline: Pipeline) -> None:
    with pytest.raises(ValueError, match="no column 'target'; wanted a DataFrame with text and target"):
        pipeline.predict(pd.DataFrame({"text": ["a"]}))
    with pytest.raises(ValueError, match="unknown target 'bridge'; this was fitted on club, shield"):
        pipeline.predict(pd.DataFrame({"text": ["a"], "target": ["bridge"]}))


def test_training_fits_what_the_pipeline_fits(tiny_csv: Path, corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    # Training starts elsewhere, so both have to go all the way to the minimum.
    exact = {"classifier__tol": 1e-7}
    monkeypatch.setattr(search, "make_pipeline", lambda *args, **more: make_pipeline(*args, **more).set_params(**exact))
    trained = fit(small_settings(tiny_csv, features__max_features=150), corpus, n_jobs=1).pipeline
    alone = clone(trained).fit(corpus.examples, corpus.examples["stance"])
    for ours, theirs in zip(trained[0].idf_, alone[0].idf_, strict=True):
        np.testing.assert_allclose(ours, theirs)
    for each in (trained, alone):  # a temperature would magnify what is left
        each[-1].set_params(temperature=1.0)
    proba = trained.predict_proba(corpus.examples)
    np.testing.assert_allclose(alone.predict_proba(corpus.examples), proba, atol=2e-3)


def test_a_pickle_names_no_inner_module(pipeline: Pipeline, corpus: Corpus) -> None:
    names: set[str] = set()

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            names.add(f"{module}.{name}")
            return super().find_class(module, name)

    again = Unpickler(io.BytesIO(pickle.dumps(pipeline))).load()
    assert {name for name in names if name.startswith("stance")} == {"stance.StanceClassifier", "stance.StanceFeatures"}
    np.testing.assert_array_equal(again.predict_proba(corpus.examples), pipeline.predict_proba(corpus.examples))


@pytest.mark.parametrize("kind", [StanceFeatures, StanceClassifier])
def test_a_pickle_that_cannot_be_read_says_which_version_wrote_it(
    kind: type[estimator.VersionedEstimator], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(stance, "__version__", "9.8.7", raising=False)
        newer.setattr(estimator, "_STATE_FORMAT", 99)
        raw = pickle.dumps(kind())
    with pytest.raises(ModelError, match=rf"this {kind.__name__} was written by stance-detect 9\.8\.7, .* train again"):
        pickle.loads(raw)
