"""`StanceFeatures` and `JointClassifier` as scikit-learn objects, and what their files promise."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix, diags, hstack
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline
from sklearn.utils.class_weight import compute_sample_weight

import stance
from stance import JointClassifier, StanceFeatures
from stance.data.corpus import Corpus, read_corpus
from stance.errors import ModelError
from stance.labels import LABELS
from stance.model.predictor import load
from stance.training import estimator, search
from stance.training.classifier import label_mass
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


@pytest.mark.parametrize("weight", ["none", "balanced"])
def test_the_logistic_fit_is_scikit_learns_on_the_expanded_features(corpus: Corpus, weight: str) -> None:
    y = corpus.examples["stance"]
    X = StanceFeatures(char_ngrams=()).fit_transform(corpus.examples, y)
    ours = JointClassifier(C=3.0, class_weight=weight, target_weight=0.7, tol=1e-7).fit(X, y)
    shared, target = X[:, :-1], X[:, -1].toarray().ravel()
    own = [diags((target == k).astype(float)) @ shared for k in (0, 1)]
    # Very large constants stand for intercepts, which ours leaves unpenalised.
    constant = csr_matrix(1e4 * np.stack([target == 0, target == 1], axis=1))
    expanded = hstack([shared, 0.7 * own[0], 0.7 * own[1], constant], format="csr")
    reference = LogisticRegression(C=3.0, fit_intercept=False, solver="newton-cg", tol=1e-10, max_iter=10_000)
    reference.fit(expanded, y, sample_weight=compute_sample_weight(weight, y) if weight == "balanced" else None)
    np.testing.assert_allclose(ours.predict_proba(X), reference.predict_proba(expanded), atol=2e-3)


def test_a_path_gives_what_single_fits_give(corpus: Corpus) -> None:
    examples = corpus.examples
    y = examples["stance"]
    X = StanceFeatures().fit_transform(examples, y)
    text, target = (np.unique(examples[name], return_inverse=True)[1] for name in ("text", "target"))
    first = np.unique(text, return_index=True)[1]
    mass, classes = label_mass(text, target, y.to_numpy(), (len(first), 2))
    for fitted in JointClassifier(tol=1e-7).fit_path(X[first][:, :-1], mass, classes, [0.1, 1.0, 10.0]):
        alone = JointClassifier(C=fitted.C, tol=1e-7).fit(X, y)
        np.testing.assert_allclose(fitted.scores(X), alone.scores(X), atol=1e-3)


def test_an_example_of_weight_two_is_the_example_twice(corpus: Corpus) -> None:
    y = corpus.examples["stance"].to_numpy()
    X = StanceFeatures().fit_transform(corpus.examples, y)
    weight = np.where(np.arange(len(y)) < 5, 2.0, 1.0)
    twice = np.concatenate([np.arange(len(y)), np.arange(5)])
    weighted = JointClassifier(tol=1e-7).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(
        weighted.scores(X), JointClassifier(tol=1e-7).fit(X[twice], y[twice]).scores(X), atol=1e-3
    )


def test_training_fits_what_the_pipeline_fits(
    tiny_csv: Path, pipeline: Pipeline, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Training starts elsewhere, so both have to go all the way to the minimum.
    exact = {"classifier__tol": 1e-7}
    monkeypatch.setattr(search, "make_pipeline", lambda *args, **more: make_pipeline(*args, **more).set_params(**exact))
    trained = fit(small_settings(tiny_csv), corpus, n_jobs=1).pipeline
    alone = clone(trained).fit(corpus.examples, corpus.examples["stance"])
    for fitted in (trained, pipeline):
        np.testing.assert_allclose(alone[0].idf_, fitted[0].idf_)
    X = trained[0].transform(corpus.examples)
    np.testing.assert_allclose(alone[-1].scores(X), trained[-1].scores(X), atol=1e-3)


def test_the_ngrams_that_weigh_most_are_kept(corpus: Corpus) -> None:
    rows = [(f"{word} it {side} {filler}", "shield", label)
            for side, label in (("yes", "favor"), ("no", "against"), ("well", "none"))
            for word in ("so", "and", "then") for filler in ("today", "tomorrow", "at noon", "by night")]  # fmt: skip
    examples = pd.DataFrame(rows, columns=["text", "target", "stance"])
    features = StanceFeatures(char_ngrams=(), word_pairs=(), word_ngrams=(1, 1), max_ngrams=3)
    features.fit(examples, examples["stance"])
    assert sorted(features.get_feature_names_out()[:-1]) == ["word:no", "word:well", "word:yes"]
    y = corpus.examples["stance"]
    few = StanceFeatures(max_ngrams=40).fit(corpus.examples, y)
    assert few.transform(corpus.examples).shape[1] == 41
    every = StanceFeatures().fit(corpus.examples, y)
    many = StanceFeatures(max_ngrams=10**6).fit(corpus.examples, y)
    np.testing.assert_array_equal(many.get_feature_names_out(), every.get_feature_names_out())
    with pytest.raises(ValueError, match="no y"):
        StanceFeatures(nb_power=0.0, max_ngrams=3).fit(examples)


def test_a_pickle_names_no_inner_module(pipeline: Pipeline, corpus: Corpus) -> None:
    names: set[str] = set()

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            names.add(f"{module}.{name}")
            return super().find_class(module, name)

    again = Unpickler(io.BytesIO(pickle.dumps(pipeline))).load()
    assert {name for name in names if name.startswith("stance")} == {"stance.JointClassifier", "stance.StanceFeatures"}
    np.testing.assert_array_equal(again.predict_proba(corpus.examples), pipeline.predict_proba(corpus.examples))


@pytest.mark.parametrize("kind", [StanceFeatures, JointClassifier])
def test_a_pickle_that_cannot_be_read_says_which_version_wrote_it(
    kind: type[estimator.VersionedEstimator], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(stance, "__version__", "9.8.7", raising=False)
        newer.setattr(estimator, "_STATE_FORMAT", 99)
        raw = pickle.dumps(kind())
    with pytest.raises(ModelError, match=rf"this {kind.__name__} was written by stance-detect 9\.8\.7, .* train again"):
        pickle.loads(raw)
