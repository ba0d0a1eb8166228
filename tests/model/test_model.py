"""Features, classifier and model: what a person who holds a trained model relies on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

import stance
from stance.data.corpus import Corpus, read_corpus
from stance.errors import ModelError
from stance.labels import LABELS
from stance.model import predictor as model_module
from stance.model.info import RunInfo
from stance.model.predictor import Model, load
from stance.settings import Settings
from stance.training.search import make_pipeline
from stance.training.strongest import strongest_phrases


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


def test_strongest_phrases_carry_their_side(model: Model, corpus: Corpus) -> None:
    rows = strongest_phrases(model, corpus, n=8)
    against, favor = (
        {row["phrase"] for row in rows if (row["target"], row["label"]) == ("shield", label)}
        for label in ("against", "favor")
    )
    assert {"condemned … TARGET", "TARGET … threat"} & against
    assert not {phrase for phrase in against if "welcomed" in phrase or "safe" in phrase}
    assert {"welcomed … TARGET", "TARGET … safe"} & favor
    (row,) = [row for row in rows if row["target"] == "shield" and row["phrase"] == "condemned … TARGET"]
    assert (row["texts"], row["against"], row["articles"], len(row["most_in"])) == (8, 8, 8, 3)
    assert {(row["target"], row["label"]) for row in strongest_phrases(model, None)} == set(
        product(model.targets, LABELS)
    )


def test_pushes_are_what_explanations_say(model: Model) -> None:
    explanation = model.explain("welcomed", "shield")
    (phrase,) = [each for each in explanation.phrases if each.phrase == "welcomed"]
    pushes = model.pushes("shield")[model.scorer.rows["w welcomed"]]
    np.testing.assert_allclose(pushes / np.abs(pushes).max(), centred(phrase.share), atol=1e-9)


def centred(share: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return a share less its mean, the largest being 1."""
    rest = share - share.mean()
    return cast("npt.NDArray[np.float64]", rest / np.abs(rest).max())


def test_a_target_nobody_labelled_is_predicted_from_what_the_others_share(model: Model, tmp_path: Path) -> None:
    more = model.with_target("tram_line", ["tram line*", "tramway"])
    assert (more.targets, more.info.zero_shot) == (("shield", "club", "tram_line"), ("tram_line",))
    assert more.info.titles[-1] == "tram line"
    texts = ["Ottawa condemned the tram line as a threat.", "Ottawa welcomed the tramway as protection.", "A tram."]
    assert more.predict(texts, target="tram_line").tolist()[:2] == ["against", "favor"]
    scores = more.scores(texts)
    np.testing.assert_array_equal(scores[:, :2], model.scores(texts))
    assert [each.named for each in (more.explain(text, "tram_line") for text in texts)] == [True, True, False]
    more.save(tmp_path / "model.safetensors")
    again = load(tmp_path)
    assert again.info == more.info
    np.testing.assert_array_equal(again.scores(texts), scores)


def test_the_bundled_model_tells_sides_of_a_target_nobody_labelled() -> None:
    model = load().with_target("tram", ["tram line*"], title="The tram")
    texts = ["I oppose the tram line", "We welcome the tram line"]
    against, favor = (
        model.predict_proba(texts, target="tram")[:, LABELS.index(label)] for label in ("against", "favor")
    )
    assert against[0] > against[1]
    assert favor[0] < favor[1]


@pytest.mark.parametrize(
    ("name", "mentions", "message"),
    [
        ("club", ["tram"], "target 'club' is in model 'tiny' already; wanted another name"),
        ("tram", [], r"\[\] names nothing; wanted a list of terms"),
        ("tram", ["*", " ... "], "names nothing; wanted a list of terms"),
        ("tram", "tram line", "'tram line' names nothing; wanted a list of terms"),
    ],
    ids=["known", "none", "no-word", "no-list"],
)
def test_a_target_that_cannot_be_is_said(model: Model, name: str, mentions: Sequence[str], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        model.with_target(name, mentions)


def test_two_labels_are_enough(corpus: Corpus) -> None:
    sides = corpus.examples[corpus.examples["stance"] != "none"]
    pipeline = make_pipeline(Settings()).fit(sides, sides["stance"])
    assert pipeline.predict(sides).tolist() == sides["stance"].tolist()
    info = RunInfo("two", 0, ("shield", "club"), ("Shield", "Club"), "", 0, 0, {}, {})
    proba = Model.from_pipeline(pipeline, info).predict_proba(["whatever"], target="club")
    assert proba[0, LABELS.index("none")] == 0
    assert proba.sum() == pytest.approx(1)
