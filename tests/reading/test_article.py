from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from stance.model.predictor import load
from stance.reading.article import FEWEST, mean_stance, read_article

ARTICLE = """Moscow condemned the shield as a threat

The shield must be stopped, Moscow warned. Warsaw welcomed the shield as protection.
Ottawa discussed the shield on Monday.
"""


def test_a_reading_agrees_with_the_model(tiny_run: Path) -> None:
    model = load(tiny_run)
    reading = read_article(model, ARTICLE)
    texts = [sentence.text for sentence in reading.sentences]
    assert [sentence.paragraph for sentence in reading.sentences] == [0, 1, 1, 2]
    assert np.allclose([sentence.proba for sentence in reading.sentences], model.predict_proba(texts))
    assert np.allclose([sentence.scores for sentence in reading.sentences], model.scores(texts))
    for t, target in enumerate(reading.targets):
        assert [s.labels[t] for s in reading.sentences] == model.predict(texts, target=target).tolist()


def test_summaries_count_what_takes_a_side(tiny_run: Path) -> None:
    reading = read_article(load(tiny_run), ARTICLE)
    summary = next(summary for summary in reading.summaries if summary.target == "shield")
    assert summary.counts == (2, 1, 1)
    assert summary.share == 0.75
    sided = [reading.sentences[i].stance(reading.targets.index("shield")) for i in (0, 1, 2)]
    assert summary.stance == pytest.approx(np.mean(sided))
    assert summary.low is None
    target = reading.targets.index("shield")
    surest = [max(reading.sentences[i].proba[target]) for i in summary.telling]
    assert sorted(summary.telling) == [0, 1, 2]
    assert surest == sorted(surest, reverse=True)
    assert {(p.holder, p.counts) for p in reading.positions if p.target == "shield"} == {
        ("Russia", (2, 0, 0)),
        ("Poland", (0, 0, 1)),
    }


def test_an_empty_article_reads_as_nothing(tiny_run: Path) -> None:
    reading = read_article(load(tiny_run), " \n")
    assert reading.sentences == ()
    assert [(s.counts, s.share, s.stance) for s in reading.summaries] == [((0, 0, 0), 0.0, None)] * 2
    json.dumps(reading.as_dict(), allow_nan=False)


def test_intervals_resample_units_and_want_enough_of_them() -> None:
    values = [0.9, -0.9] * 10
    alone = mean_stance(values)
    paired = mean_stance(values, [i // 2 for i in range(20)])
    assert alone is not None
    assert paired is not None
    assert alone.low < alone.value < alone.high
    assert paired.low == pytest.approx(0) == pytest.approx(paired.high)
    assert mean_stance(values[: FEWEST - 1]) is None
