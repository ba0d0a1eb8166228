from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import stance
from stance.errors import DataError
from stance.model.predictor import Model, load


@pytest.fixture(scope="module")
def model(tiny_run: Path) -> Model:
    return load(tiny_run)


def test_a_frame_keeps_its_index_and_columns(model: Model) -> None:
    frame = pd.DataFrame({"n": [1, 2], "text": ["the shield is a threat", ""]}, index=["x", "y"])
    found = stance.score_frame(frame, model)
    pd.testing.assert_frame_equal(found[["n", "text"]], frame)
    assert list(found) == ["n", "text", "shield", "shield_proba", "club", "club_proba"]
    assert found["shield"].tolist() == model.predict(frame["text"], target="shield").tolist()
    expected = model.predict_proba(frame["text"], target="club").max(axis=1)
    np.testing.assert_allclose(found["club_proba"], expected, atol=1e-6)


def test_a_long_frame_has_a_row_a_text_and_target(model: Model) -> None:
    frame = pd.DataFrame({"text": ["a shield", "a club"]}, index=[7, 7], dtype="string[pyarrow]")
    found = stance.score_frame(frame, model, long=True)
    assert list(found.index) == [7, 7, 7, 7]
    assert found[["text", "target"]].to_numpy().tolist() == [
        ["a shield", "shield"], ["a shield", "club"], ["a club", "shield"], ["a club", "club"],
    ]  # fmt: skip
    expected = model.predict_proba(["a shield", "a club"]).reshape(4, 3)
    np.testing.assert_allclose(found[list(stance.LABELS)], expected, atol=1e-6)
    assert found["stance"].tolist() == [stance.LABELS[i] for i in expected.argmax(axis=1)]


@pytest.mark.parametrize("long", [False, True])
def test_a_row_with_a_target_of_its_own_is_predicted_for_that(model: Model, *, long: bool) -> None:
    frame = pd.DataFrame({"text": ["Moscow rejected it", "Warsaw hopes to join"], "target": ["club", " shield "]})
    found = stance.score_frame(frame, model, long=long)
    both = model.predict_proba(frame["text"])
    expected = np.array([both[0, model.targets.index("club")], both[1, model.targets.index("shield")]])
    assert list(found)[2:] == ["stance", *(stance.LABELS if long else ["proba"])]
    shown = found[list(stance.LABELS)].to_numpy() if long else found["proba"].to_numpy()
    np.testing.assert_allclose(shown, expected if long else expected.max(axis=1), atol=1e-6)


def test_a_target_without_labels_is_marked(model: Model) -> None:
    more = model.with_target("tram", ["tram*"])
    frame = pd.DataFrame({"text": ["Oslo condemned the tram as a threat."]})
    names = ["shield", "club", "tram_zero_shot"]
    columns = ["text", *(column for name in names for column in (name, f"{name}_proba"))]
    assert list(stance.score_frame(frame, more)) == list(more.predict_frame(frame["text"])) == columns
    assert stance.score_frame(frame, more, long=True)["target"].tolist() == names
    assert list(stance.score_frame(frame, more, targets=["tram"]))[1:] == ["tram_zero_shot", "tram_zero_shot_proba"]
    own = stance.score_frame(frame.assign(target="tram"), more)
    assert (own["target"][0], own["stance"][0]) == ("tram", "against")


@pytest.mark.parametrize("long", [False, True])
def test_a_stance_less_probable_than_asked_for_is_unsure(model: Model, *, long: bool) -> None:
    frame = pd.DataFrame({"text": ["Moscow rejected it", "the shield is a threat"], "target": ["club", "shield"]})
    sure = stance.score_frame(frame, model, long=long)
    surest = sure[list(stance.LABELS)].max(axis=1) if long else sure["proba"]
    unsure = stance.score_frame(frame, model, long=long, min_proba=float(surest.max()) - 1e-5)
    expected = sure["stance"].where(surest == surest.max(), "unsure")
    assert unsure["stance"].tolist() == expected.tolist()
    assert "unsure" in expected.tolist()
    assert unsure.drop(columns="stance").equals(sure.drop(columns="stance"))


@pytest.mark.parametrize("columns", [["text"], ["text", "target"]], ids=["all", "own"])
def test_a_frame_without_rows_has_the_columns_and_their_types(model: Model, columns: list[str]) -> None:
    frame = pd.DataFrame({"text": ["a"], "target": ["club"], "n": [1]})[[*columns, "n"]]
    full = stance.score_frame(frame, model)
    empty = stance.score_frame(frame.iloc[:0], model)
    assert empty.dtypes.to_dict() == full.dtypes.to_dict()


@pytest.mark.parametrize("columns", [["text", "text"], ["text", "target", "target"]], ids=["text", "target"])
def test_a_frame_with_a_column_twice_is_refused(model: Model, columns: list[str]) -> None:
    frame = pd.DataFrame([["club"] * len(columns)], columns=columns)
    with pytest.raises(DataError, match=f"found the column '{columns[-1]}' twice; wanted each column once"):
        stance.score_frame(frame, model)


def test_every_bad_row_is_named_with_its_number(model: Model) -> None:
    frame = pd.DataFrame({"text": ["a", None, "b"], "target": ["club", "club", "bridge"]}, dtype=object)
    with pytest.raises(DataError, match=r"the table:2: column 'text': found None") as caught:
        stance.score_frame(frame, model)
    assert "the table:3: column 'target': found 'bridge'; wanted 'shield' or 'club'" in str(caught.value)


def test_arguments_of_other_kinds_are_named(model: Model) -> None:
    frame = pd.DataFrame({"text": ["a"]})
    with pytest.raises(stance.StanceError, match=r"found Model and DataFrame; wanted a pandas table and a model"):
        stance.score_frame(model, frame)  # type: ignore[arg-type]
    with pytest.raises(stance.StanceError, match=r"found DataFrame and str; wanted"):
        stance.score_frame(frame, "tiny")  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"wanted the column 'words'; or name another: .*in Python text_column\)"):
        stance.score_frame(frame, model, text_column="words")
