"""Texts are lower-cased, words after a negation are other words, and each character knows where it comes from."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stance.settings import Settings
from stance.text.preparation import MARK, origins, prepare
from stance.training.search import make_pipeline


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("We do NOT support the old plan", "we do not ǃsupport ǃthe ǃold plan"),
        ("they don't want it, he said", "they don't ǃwant ǃit, he said"),
        ("they don’t want it", "they don’t ǃwant ǃit"),
        ("no! we agree", "no! we agree"),
        ("neither in orbit nor on the moon", "neither ǃin ǃorbit ǃnor on the moon"),
        ("a note on nothing, a knot, without end", "a note on nothing, a knot, without ǃend"),
        ("not", "not"),
    ],
)
def test_the_scope_of_a_negation(text: str, prepared: str) -> None:
    assert prepare(text, lowercase=True, negation=3) == prepared
    assert prepare(text, lowercase=False, negation=0) == text


pieces = st.lists(
    st.sampled_from(["not", "No", "don't", "x", "ǃ", ",", " ", "  ", "-", "War", "\n", "İ", "Σ", "ß"]), max_size=30
)


@given(
    st.text(st.characters(exclude_categories=()), max_size=60) | pieces.map("".join), st.booleans(), st.integers(0, 5)
)
def test_each_character_comes_from_the_one_it_was(text: str, lowercase: bool, negation: int) -> None:
    prepared = prepare(text, lowercase=lowercase, negation=negation)
    positions = origins(text, lowercase=lowercase, negation=negation)
    assert len(positions) == len(prepared)
    assert (np.diff(positions) >= 0).all()
    groups = [
        (text[position], "".join(character for _, character in group))
        for position, group in groupby(zip(positions, prepared, strict=True), key=lambda pair: pair[0])
    ]
    assert "".join(before for before, _ in groups) == text
    for before, after in groups:
        plain = before.lower() if lowercase else before
        last = "ς" if before == "Σ" else plain  # at the end of a word
        assert after.removeprefix(MARK) in (plain.removeprefix(MARK), last)


def test_a_plain_negation_turns_the_answer() -> None:
    verbs = {"support": "favor", "back": "favor", "want": "favor", "oppose": "against", "reject": "against"}
    turned = {"favor": "against", "against": "favor"}
    who = ["we", "they", "you", "the greens", "the unions", "our friends"]
    rows = [(f"{name} {verb} the plan", side) for name in who for verb, side in verbs.items()]
    rows += [(f"{name} do not {verb} the plan", turned[verbs[verb]]) for name in who for verb in ("support", "reject")]
    frame = pd.DataFrame(rows, columns=["text", "stance"]).assign(target="plan")
    settings = Settings().changed(features__min_df=1)
    pipeline = make_pipeline(settings, C=10.0).fit(frame[["text", "target"]], frame["stance"].to_numpy(object))
    asked = pd.DataFrame({"text": ["the unions do not support the plan", "they support the plan"], "target": "plan"})
    assert pipeline.predict(asked).tolist() == ["against", "favor"]
