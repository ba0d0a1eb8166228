from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex

from stance.labels import COLORS
from stance.report.plots import MINUS, png, stance_heat_map, stance_over_time, top_phrases

MAP = pd.DataFrame({
    "actor": ["Poland", "Russia", "Tonga"],
    "year": [2000, 2001, 2002],
    "target": "shield",
    "sentences": [12, 9, 1],
    "against": [1, 9, 0],
    "favor": [11, 0, 1],
    "stance": [0.8, -0.9, 0.1],
    "low": [0.6, -1.0, None],
    "high": [0.9, -0.7, None],
    "resampled": ["documents", "sentences", ""],
    "errors": ["errors are left out"] * 3,
})  # fmt: skip


def test_a_heat_map_has_the_actors_of_most_sentences_from_against_to_favor() -> None:
    figure = stance_heat_map(MAP, {"shield": "Missile shield"}, n=2)
    axis = figure.axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["Russia", "Poland"]
    texts = {text.get_position()[1]: text.get_text() for text in axis.texts}
    assert texts == {0: f"({MINUS}0.90  n=9)", 1: "+0.80  n=12"}
    assert "the 2 actors with the most of 22 sentences" in figure.get_suptitle()
    assert "errors are left out" in figure.get_suptitle()
    corrected = stance_heat_map(MAP.assign(counted=0.0), {"shield": "Missile shield"}, n=2)
    assert any("[" in text.get_text() for text in corrected.axes[0].texts)
    assert png(figure).startswith(b"\x89PNG")


def test_years_without_an_interval_are_hollow() -> None:
    figure = stance_over_time(MAP, {"shield": "Missile shield"})
    assert figure.legends[0].get_title().get_text() == "errors are left out"
    means = figure.axes[0]
    (hollow,) = (line for line in means.lines if line.get_label() == "fewer than five sentences")
    assert np.array_equal(hollow.get_xydata(), [[2002, 0.1]])
    assert hollow.get_markerfacecolor() == "white"


def test_phrases_have_their_labels_colours() -> None:
    figure = top_phrases("Shield", {"against": [("threat", 2.0), ("condemned … TARGET", 1.0)], "favor": []})
    against, _ = figure.axes
    assert [label.get_text() for label in against.get_yticklabels()] == ["threat", "condemned … TARGET"]
    assert {to_hex(bar.get_facecolor()).upper() for bar in against.patches} == {COLORS["against"]}
