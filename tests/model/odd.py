"""Odd texts, and models fitted to them."""

from __future__ import annotations

import random
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from sklearn.pipeline import Pipeline

from stance.labels import LABELS, Target
from stance.model.info import RunInfo
from stance.model.predictor import Model
from stance.settings import Settings
from stance.training.search import make_pipeline

WORDS = [
    "shield", "Shield,", "SHIELD!", "missile", "missile's", "Missiles", "Defence", "anti-missile", "club", "the",
    "join", "JOINING", "İstanbul", "İ", "ß", "ΣΊΣΥΦΟΣ", "don't", "didn’t", "can’t", "David’s", "Sling", "O'Neill's",
    "e\u0301te\u0301", "a", "b", "_x_", "2008", "½", "🚀", "北京", "\x00", "a\x00b", "\ud800", "x" * 40, "ﬁ", "U.S.",
    "'s", "?", "#", "not", "No", "never", "but", "while", "!club", "TARGET", "condemned", "welcomed",
]  # fmt: skip
SPACES = [" ", "  ", "\n", "\t \r\n", "\u00a0", "\u2028", "\x1c", "", "-", ". ", ", ", "; ", " — ", " “"]

#: Open terms, terms within terms, and terms of several targets at once.
MENTIONS = {
    "shield": ("shield*", "the shield", "missile defen*", "missil*", "defence the", "anti-missile*", "David's Sling"),
    "club": ("club", "join* the club", "club shield", "the club", "missile*"),
    "odd": ("missile", "shield club*", "İ*", "don't", "?", "not", "the club b", "*"),
}

CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "default": {},
    "own": {"anchored_weight": 0.0, "nb_power": 0.0},
    "anchored": {"own_weight": 0.0, "max_features": 400},
}

any_text = st.text(st.characters(exclude_categories=()), max_size=60)
odd_text = st.lists(st.sampled_from([*WORDS, *SPACES]), max_size=40).map("".join)
long_text = st.builds(lambda text, n: text * n, odd_text, st.integers(1, 30))


def odd_texts(n: int, seed: int) -> list[str]:
    chance = random.Random(seed)
    return [
        "".join(chance.choice(WORDS) + chance.choice(SPACES) for _ in range(chance.randint(0, 25))) for _ in range(n)
    ]


@cache
def fitted(name: str) -> tuple[Pipeline, Model]:
    """Return a pipeline fitted to odd texts, and the model it makes."""
    chance = random.Random(2)
    frame = pd.DataFrame([*product(odd_texts(100, 1), MENTIONS)], columns=["text", "target"], dtype=object)
    stance = [chance.choice(LABELS) for _ in range(len(frame))]
    features = {f"features__{key}": value for key, value in CONFIGURATIONS[name].items()}
    targets = [Target(target, target.title(), mentions=terms) for target, terms in MENTIONS.items()]
    pipeline = make_pipeline(Settings().changed(features__min_df=1, **features), targets).fit(frame, np.array(stance))
    info = RunInfo("odd", 0, tuple(MENTIONS), tuple(map(str.title, MENTIONS)), "", 0, 0, {}, {})
    return pipeline, Model.from_pipeline(pipeline, info)
