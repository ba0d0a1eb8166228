"""Features, classifier and model: what a person who holds a trained model relies on."""

from __future__ import annotations

from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix, diags, hstack
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict
from sklearn.utils.class_weight import compute_sample_weight

import stance
from stance.data.corpus import Corpus, read_corpus
from stance.errors import ModelError
from stance.labels import LABELS
from stance.model import predictor as model_module
from stance.model.info import RunInfo
from stance.model.predictor import Model, load
from stance.settings import Settings
from stance.training import search
from stance.training.classifier import JointClassifier, label_mass
from stance.training.features import StanceFeatures
from stance.training.fitting import fit
from stance.training.search import make_pipeline
from tests.conftest import small_settings


@pytest.fixture(scope="module")
def corpus(tiny_csv: Path) -> Corpus:
    return read_corpus([tiny_csv])


@pytest.fixture(scope="module")
def model(tiny_run: Path) -> Model:
    return load(tiny_run)


def test_it_learns_and_tells_targets_apart(model: Model) -> None:
    texts = ["Madrid condemned the shield as a threat.", "Madrid hopes to join the club soon."]
    assert model.predict(texts, target="shield").tolist() == ["against", "none"]
    assert model.predict(texts, target="club").tolist() == ["none", "favor"]


def test_probabilities_are_fractions_in_label_order(model: Model) -> None:
    texts = ["Madrid welcomed the shield as protection.", "Nothing of the kind."]
    every = model.predict_proba(texts)
    assert every.shape == (2, 2, 3)
    np.testing.assert_allclose(every.sum(axis=-1), 1)
    one = model.predict_proba(texts, target="club")
    np.testing.assert_array_equal(one, every[:, model.targets.index("club")])
    assert LABELS[every[0, model.targets.index("shield")].argmax()] == "favor"


def test_the_frame_has_a_row_a_text_and_two_columns_a_target(model: Model) -> None:
    frame = model.predict_frame(["a", "b", "a"])
    assert list(frame) == ["text", "shield", "shield_proba", "club", "club_proba"]
    assert frame["text"].tolist() == ["a", "b", "a"]
    assert frame.iloc[0].tolist() == frame.iloc[2].tolist()


@pytest.mark.parametrize(
    "text", ["", "123 !?", "🚀🛰️💥", "أدانت موسكو الدرع الصاروخي", "x" * 100_000, "the shield " * 9_000],
    ids=["empty", "no-letters", "emoji", "arabic", "one-long-word", "many-words"],
)  # fmt: skip
def test_odd_texts_get_a_stance(model: Model, text: str) -> None:
    proba = model.predict_proba([text])
    assert np.isfinite(proba).all()


def test_batches_give_what_the_whole_gives(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"report {i}: the shield will keep cities safe" for i in range(7)]
    whole = model.predict_proba(texts)
    monkeypatch.setattr(model_module, "_BATCH", 3)
    np.testing.assert_allclose(model.predict_proba(texts), whole, atol=1e-12)


def test_unknown_target_and_wrong_texts_are_named(model: Model) -> None:
    with pytest.raises(ModelError, match="target 'bridge' is not in model 'tiny'; wanted 'shield' or 'club'"):
        model.predict(["x"], target="bridge")
    with pytest.raises(ModelError, match="one string given; wanted a list"):
        model.predict("x", target="shield")
    with pytest.raises(ModelError, match="a table given; wanted its column of texts"):
        model.predict_frame(pd.DataFrame({"text": ["x"], "other": [1]}))  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=r"text 1 is nan \(float\); wanted a string"):
        model.predict(["x", float("nan")], target="shield")  # type: ignore[list-item]


def test_save_and_load_keep_every_bit(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    texts = ["Madrid condemned the shield.", "club", ""]
    np.testing.assert_array_equal(again.predict_proba(texts), model.predict_proba(texts))
    assert again.info == model.info
    again.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "model.safetensors").read_bytes()


def test_the_package_offers_load() -> None:
    assert stance.load is load


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model there; wanted a run's folder"):
        load(tmp_path)


def test_a_joblib_file_is_not_opened_unasked(tiny_run: Path) -> None:
    with pytest.raises(ModelError, match=r"can run code when it is opened .* wanted model\.safetensors"):
        load(tiny_run / "model.joblib")


def test_the_saved_pipeline_is_a_scikit_learn_object(tiny_run: Path, corpus: Corpus, model: Model) -> None:
    pipeline = joblib.load(tiny_run / "model.joblib")
    X, y, groups = corpus.examples[["text", "target"]], corpus.examples["stance"], corpus.examples["group"]
    shield = X[X["target"] == "shield"]
    assert pipeline.predict(shield).tolist() == model.predict(shield["text"], target="shield").tolist()
    folds = GroupKFold(4)
    guessed = cross_val_predict(pipeline, X, y, groups=groups, cv=folds)
    assert (guessed == y).mean() > 0.9
    proba = cross_val_predict(pipeline, X, y, groups=groups, cv=folds, method="predict_proba")
    assert (np.asarray(sorted(LABELS))[proba.argmax(axis=1)] == guessed).all()
    search = GridSearchCV(
        pipeline, {"classifier__C": [0.001, 10.0], "features__min_df": [1, 2]}, cv=folds, scoring="neg_log_loss"
    )
    search.fit(X, y, groups=groups)
    assert search.best_params_["classifier__C"] == 10.0


def test_a_pipeline_wants_its_columns_and_targets(tiny_run: Path) -> None:
    pipeline = joblib.load(tiny_run / "model.joblib")
    with pytest.raises(ValueError, match="no column 'target'; wanted a DataFrame with text and target"):
        pipeline.predict(pd.DataFrame({"text": ["a"]}))
    with pytest.raises(ValueError, match="unknown target 'bridge'; this was fitted on club, shield"):
        pipeline.predict(pd.DataFrame({"text": ["a"], "target": ["bridge"]}))


def test_top_ngrams_are_words_that_carry_the_side(model: Model) -> None:
    words = [name for name, _ in model.top_ngrams("shield", "against")]
    assert {"condemned", "threat"} & set(words)
    assert not {"welcomed", "safe"} & set(words)


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
    tiny_csv: Path, tiny_run: Path, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Training starts elsewhere, so both have to go all the way to the minimum.
    exact = {"classifier__tol": 1e-7}
    monkeypatch.setattr(search, "make_pipeline", lambda *args, **more: make_pipeline(*args, **more).set_params(**exact))
    trained = fit(small_settings(tiny_csv), corpus, n_jobs=1).pipeline
    alone = clone(trained).fit(corpus.examples, corpus.examples["stance"])
    for fitted in (trained, joblib.load(tiny_run / "model.joblib")):
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


def test_two_labels_are_enough(corpus: Corpus) -> None:
    sides = corpus.examples[corpus.examples["stance"] != "none"]
    pipeline = make_pipeline(Settings()).fit(sides, sides["stance"])
    assert pipeline.predict(sides).tolist() == sides["stance"].tolist()
    info = RunInfo("two", 0, ("shield", "club"), ("Shield", "Club"), "", 0, 0, {}, {})
    proba = Model.from_pipeline(pipeline, info).predict_proba(["whatever"], target="club")
    assert proba[0, LABELS.index("none")] == 0
    assert proba.sum() == pytest.approx(1)
