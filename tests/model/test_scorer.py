"""The arrays' scores are the scikit-learn pipeline's, by the reference and by the kernel, on any text."""

from __future__ import annotations

import logging
import os
import pickle
import random
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.pipeline import Pipeline

from stance.errors import ModelError
from stance.labels import LABELS, RunInfo
from stance.model import scorer as scorer_module
from stance.model.predictor import Model
from stance.model.scorer import Floats, Scorer, kernel_scores, reference_scores
from stance.settings import Settings
from stance.training.fitting import make_pipeline

WORDS = [
    "shield", "Shield,", "SHIELD!", "club", "the", "İstanbul", "straße", "STRASSE", "ß", "İ", "ΣΊΣΥΦΟΣ", "don't",
    "e\u0301te\u0301", "nuclear-armed", "a", "b", "_x_", "2008", "٣٤", "\u0345", "½", "🚀", "北京", "café", "\x00",
    "a\x00b", "\ud800", "x" * 40, "ab" * 20 + "-" + "cd" * 3, "naïve", "ﬁ", "ǅ", "..", "—", "1,000", "\u200b",
    "a\u200bb", "#StopTheClub", "#shield_2008", "#", "not", "No", "never", "can't", "didn’t", "ǃclub",
]  # fmt: skip
SPACES = [" ", "  ", "\n", "\t \r\n", "\u00a0", "\u3000", "\u2028", "\x1c", "\x85", "", "-", ". "]

CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "default": {},
    "as-counted": {"features__sublinear_tf": False},
    "case": {"features__lowercase": False, "features__word_ngrams": [2, 3]},
    "characters": {"features__word_ngrams": [], "features__char_ngrams": [1, 3]},
    "long-characters": {"features__char_ngrams": [4, 8], "features__char_weight": 0.3},
    "hashtags": {"features__hashtags": "split", "features__char_ngrams": [3, 4]},
    "plain": {"features__nb_power": 0.0, "features__negation": 0},
    "negated": {"features__negation": 2, "features__hashtags": "split"},
    "words": {"features__char_ngrams": [], "features__word_ngrams": [1, 4], "features__word_pairs": []},
    "pairs": {"features__char_ngrams": [], "features__word_ngrams": [], "features__word_pairs": [2, 3]},
    "heaviest": {"features__max_ngrams": 300},
    "far-pairs": {"features__word_pairs": [9, 40], "features__lowercase": False},
}


def odd_texts(n: int, seed: int) -> list[str]:
    chance = random.Random(seed)
    return [
        "".join(chance.choice(WORDS) + chance.choice(SPACES) for _ in range(chance.randint(0, 25))) for _ in range(n)
    ]


@cache
def fitted(name: str) -> tuple[Pipeline, Scorer]:
    """Return a pipeline fitted to odd texts, and the arrays it makes."""
    texts = odd_texts(120, 1)
    chance = random.Random(2)
    frame = pd.DataFrame({"text": texts * 2, "target": ["club"] * len(texts) + ["shield"] * len(texts)}, dtype=object)
    frame["stance"] = [chance.choice(LABELS) for _ in range(len(frame))]
    pipeline = make_pipeline(Settings().changed(features__min_df=1, **CONFIGURATIONS[name]), C=10.0)
    pipeline.fit(frame[["text", "target"]], frame["stance"])
    info = RunInfo("odd", 0, ("shield", "club"), ("Shield", "Club"), "", 0, 0, {}, {})
    return pipeline, Model.from_pipeline(pipeline, info).scorer


any_text = st.text(st.characters(exclude_categories=()), max_size=60)
odd_text = st.lists(st.sampled_from([*WORDS, *SPACES]), max_size=40).map("".join)
long_text = st.builds(lambda text, n: text * n, odd_text, st.integers(1, 400))


def pipeline_scores(pipeline: Pipeline, texts: list[str]) -> Floats:
    every = pipeline[-1].text_scores(pipeline[0].transform_texts(texts))[:, ::-1]  # club, shield
    order = [list(pipeline[-1].classes_).index(label) for label in LABELS]
    return np.asarray(every[:, :, order], np.float64)


def assert_same(found: Floats, wanted: Floats) -> None:
    np.testing.assert_allclose(softmax(found, axis=-1), softmax(wanted, axis=-1), rtol=0, atol=1e-9)
    top = np.sort(wanted, axis=-1)
    clear = top[..., -1] - top[..., -2] > 1e-9
    assert (found.argmax(axis=-1) == wanted.argmax(axis=-1))[clear].all()


@pytest.mark.parametrize("name", CONFIGURATIONS)
@given(st.lists(any_text | odd_text | long_text, max_size=6))
@example([])
@example([""])
@example(["İ ß ﬁ", "a\x00b", "\ud800", "x" * 5000, "e\u0301 " * 3000, "\u3000\u2028"])
def test_reference_and_kernel_give_the_pipelines_answers_on_any_text(name: str, texts: list[str]) -> None:
    pipeline, scorer = fitted(name)
    wanted = pipeline_scores(pipeline, texts) if texts else np.empty((0, 2, 3))
    assert_same(reference_scores(scorer, texts), wanted)
    assert_same(kernel_scores(scorer, texts, n_threads=1), wanted)


def test_ngrams_of_no_weight_at_all() -> None:
    scorer = fitted("default")[1]
    mute = replace(scorer, idf=np.where(np.arange(len(scorer.idf)) % 3, 0.0, scorer.idf))
    texts = [*odd_texts(50, 7), "shield " * 2000]
    assert_same(kernel_scores(mute, texts), reference_scores(mute, texts))
    silent = replace(scorer, idf=np.zeros(len(scorer.idf)))
    for found in (kernel_scores(silent, texts), reference_scores(silent, texts)):
        np.testing.assert_array_equal(found, np.broadcast_to(scorer.intercepts, found.shape))


def test_many_texts_threads_and_callers_at_once_change_nothing() -> None:
    pipeline, scorer = fitted("default")
    texts = odd_texts(3000, 5)
    wanted = pipeline_scores(pipeline, texts)
    assert_same(kernel_scores(scorer, texts, n_threads=3), wanted)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: kernel_scores(scorer, texts, n_threads=2), range(8)):
            assert_same(found, wanted)


def test_more_words_than_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    from stance.model import kernel

    pipeline, scorer = fitted("default")
    scorer = replace(scorer)
    texts = [f"{word}{i} the shield {i % 7}" for i in range(400) for word in ("shield", "club-")]
    # Words of every length that differ in their last letter alone, in a table that is always half full.
    texts += [f"{('shield-club' * 3)[:n]}{end}" for n in range(31) for end in "abcdehils" for _ in range(3)]
    whole = kernel_scores(scorer, texts, n_threads=1)
    scorer.memories.clear()
    monkeypatch.setattr(kernel, "_N_WORDS", 64)
    assert_same(kernel_scores(scorer, texts, n_threads=1), whole)
    assert_same(whole, pipeline_scores(pipeline, texts))


def test_character_classes_are_pythons_own() -> None:
    classes = scorer_module.character_classes()
    for code in [*range(0x3000), *range(0x1F000, 0x1F100), 0xD800, 0x10FFFF]:
        text = chr(code)
        assert bool(classes[code] & 1) == text.isspace() == (not text.split())
        assert bool(classes[code] & 2) == bool(re.fullmatch(r"\w", text))


def test_an_ngram_that_stands_twice_is_refused() -> None:
    scorer = fitted("characters")[1]
    bytes_ = np.frombuffer(b"abab", np.uint8)
    twice = replace(
        scorer, blocks=(replace(scorer.blocks[0], size=2),), vocabulary=bytes_, offsets=np.array([0, 2, 4]),
        idf=np.ones(2), weights=np.zeros((2, 2, 3)),
    )  # fmt: skip
    for score in (reference_scores, kernel_scores):
        with pytest.raises(ModelError, match="stands twice"):
            score(twice, ["ab"])


def test_what_travels_to_another_process_is_the_arrays_alone() -> None:
    scorer = fitted("default")[1]
    kernel_scores(scorer, ["a"])
    raw = pickle.dumps(scorer)
    assert len(raw) < 2 * sum(getattr(scorer, name).nbytes for name in ("vocabulary", "offsets", "idf", "weights"))
    np.testing.assert_array_equal(
        reference_scores(pickle.loads(raw), ["the shield"]), reference_scores(scorer, ["the shield"])
    )


def test_without_the_kernel_it_goes_on_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _, scorer = fitted("words")
    monkeypatch.setenv("STANCE_NUMBA", "0")
    monkeypatch.setattr(scorer_module, "KERNEL_FROM", 10)
    monkeypatch.setattr(scorer_module, "_use", scorer_module._Use())
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            scorer_module.scores(scorer, odd_texts(9, 1))
    assert [record.message for record in caplog.records] == [
        "the compiled kernel is switched off (STANCE_NUMBA=0): scoring goes on some fifty times slower"
    ]
    monkeypatch.delenv("STANCE_NUMBA")
    monkeypatch.setattr(scorer_module, "find_spec", lambda _: None)
    assert "stance-detect[fast]" in str(scorer_module.kernel_missing())


def test_a_few_texts_do_not_wait_for_the_compiler(tiny_run: Path) -> None:
    code = (
        "import sys, stance; model = stance.load(sys.argv[1]); model.predict(['the shield'] * 100, target='shield');"
        "assert 'numba' not in sys.modules; model.predict(['the shield'] * 5000, target='shield');"
        "assert 'numba' in sys.modules"
    )
    environment = {name: value for name, value in os.environ.items() if name != "STANCE_NUMBA"}
    subprocess.run([sys.executable, "-c", code, str(tiny_run)], check=True, env=environment)
