"""Words after a negation are other words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stance.settings import Settings
from stance.text.negation import MARK, mark_negated, mark_placed
from stance.training.fitting import make_pipeline


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("we do not support the old plan", "we do not ǃsupport ǃthe ǃold plan"),
        ("they don't want it, he said", "they don't ǃwant ǃit, he said"),
        ("they don’t want it", "they don’t ǃwant ǃit"),
        ("no! we agree", "no! we agree"),
        ("neither in orbit nor on the moon", "neither ǃin ǃorbit ǃnor on the moon"),
        ("a note on nothing, a knot, without end", "a note on nothing, a knot, without ǃend"),
        ("not", "not"),
    ],
)
def test_the_scope_of_a_negation(text: str, marked: str) -> None:
    assert mark_negated(text, 3) == marked


pieces = st.lists(st.sampled_from(["not", "no", "don't", "x", "ǃ", ",", " ", "  ", "-", "war", "\n"]), max_size=30)


@given(st.text(st.characters(exclude_categories=()), max_size=60) | pieces.map("".join), st.integers(0, 5))
def test_marks_are_all_that_is_added_and_each_character_knows_its_place(text: str, reach: int) -> None:
    marked, places = mark_placed(text, reach)
    assert marked == mark_negated(text, reach)
    assert len(places) == len(marked)
    new = [i for i in range(len(marked)) if i + 1 < len(marked) and places[i] == places[i + 1]]
    assert all(marked[i] == MARK for i in new)
    kept = np.delete(np.arange(len(marked)), np.asarray(new, np.int64))
    assert "".join(marked[i] for i in kept) == text
    assert places[kept].tolist() == list(range(len(text)))


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
