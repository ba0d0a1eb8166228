"""Which features are kept, what they weigh, and where they stand in the matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from stance import StanceFeatures

ROWS = [
    (f"{word} it {side} {filler}", "bridge", label)
    for side, label in (("yes", "favor"), ("no", "against"), ("well", "none"))
    for word in ("so", "and", "then")
    for filler in ("today", "tomorrow", "noon", "night")
]
EXAMPLES = pd.DataFrame([*ROWS, ("the bridge", "road", "none")], columns=["text", "target", "stance"])


def fitted(examples: pd.DataFrame = EXAMPLES, **parameters: Any) -> StanceFeatures:
    return StanceFeatures(**parameters).fit(examples, examples["stance"])


def test_columns_are_anchored_features_then_the_own_of_each_target_and_a_one() -> None:
    features = fitted(min_df=1)
    X, names = features.transform(EXAMPLES), features.get_feature_names_out()
    n, n_own = (len(kind) for kind in features.names_)
    assert X.shape == (len(EXAMPLES), len(names)) == (len(EXAMPLES), n + 2 * (n_own + 1))
    column = {name: X[:, k].toarray().ravel() for k, name in enumerate(names)}
    assert set(column["bridge: (intercept)"] * 2 + column["road: (intercept)"]) == {1.0, 2.0}
    assert column["bridge: w yes"].nonzero()[0].tolist() == [*range(12)]
    assert not column["road: w yes"].any()
    assert column["# unnamed"].all()
    for kind in (X[:, :n], X[:-1, n : n + n_own]):
        np.testing.assert_allclose(np.sqrt(kind.multiply(kind).sum(axis=1)), 1)


@pytest.mark.parametrize("min_df", [1, 4, 12])
def test_a_feature_that_occurs_too_seldom_is_left_out(min_df: int) -> None:
    names = set(fitted(min_df=min_df).names_[1])
    assert {"w it", "w yes"} <= names
    assert ("w noon" in names) == (min_df < 12)
    assert ("w the" in names) == (min_df == 1)


def test_an_example_counts_once_a_text() -> None:
    repeated = pd.concat([EXAMPLES, *[EXAMPLES.tail(1)] * 5])
    assert "w the" not in fitted(repeated, min_df=2).names_[1]


def test_the_features_that_weigh_most_are_kept() -> None:
    kept = fitted(min_df=1, anchored_weight=0.0, max_features=30)
    assert len(kept.names_[1]) == 30
    assert {"w yes", "w no", "w well"} <= set(kept.names_[1])
    assert sum(map(len, fitted(max_features=20).names_)) == 20
    every, many = fitted(), fitted(max_features=10**6)
    np.testing.assert_array_equal(many.get_feature_names_out(), every.get_feature_names_out())


@pytest.mark.parametrize(("off", "kind"), [("anchored_weight", 0), ("own_weight", 1)])
def test_a_weight_of_0_switches_a_kind_off_and_others_are_factors(off: str, kind: int) -> None:
    features = fitted(EXAMPLES, **{off: 0.0})
    assert [bool(len(names)) for names in features.names_] == [kind == 1, kind == 0]
    assert features.transform(EXAMPLES).shape[0] == len(EXAMPLES)
    plain, double = fitted(min_df=1), fitted(EXAMPLES, min_df=1, **{off: 2.0})
    n, names = len(plain.names_[0]), plain.get_feature_names_out()
    column = np.arange(len(names))
    weighted = column < n if kind == 0 else (column >= n) & ~np.char.endswith(names.astype(str), "(intercept)")
    expected = plain.transform(EXAMPLES).toarray() * np.where(weighted, 2.0, 1.0)
    np.testing.assert_allclose(double.transform(EXAMPLES).toarray(), expected)


def test_features_that_tell_stances_apart_have_a_higher_idf_than_plain_ones() -> None:
    plain, weighted = (
        dict(zip(f.names_[1], f.idf_[1], strict=True)) for f in (fitted(nb_power=0.0), fitted(nb_power=1.0))
    )
    assert plain["w yes"] == pytest.approx(np.log(38 / 13) + 1)
    ratios = {name: weighted[name] / plain[name] for name in plain}
    assert ratios["w yes"] > 2 * ratios["w noon"] > 0


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, r"no y; wanted the stances"),
        ({"nb_power": 0.0, "max_features": 3}, r"no y; wanted the stances"),
        ({"nb_power": 0.0, "anchored_weight": 0.0, "own_weight": 0.0}, "both kinds of features are off"),
    ],
    ids=["weighted", "chosen", "off"],
)
def test_what_cannot_be_fitted_is_said(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StanceFeatures(**parameters).fit(EXAMPLES)


def test_what_is_in_every_text_is_kept_however_few_they_are() -> None:
    one = pd.DataFrame({"text": ["we want it"], "target": ["bridge"]})
    assert "w want" in StanceFeatures(nb_power=0.0, min_df=9).fit(one).names_[1]
