"""The arrays' scores are the scikit-learn pipeline's, by the reference and by the kernel, on any text."""

from __future__ import annotations

import os
import pickle
import random
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
from sklearn.pipeline import Pipeline

from stance.errors import ModelError
from stance.labels import LABELS
from stance.model.info import RunInfo
from stance.model.predictor import Model
from stance.model.scorer import Block, Floats, Scorer, kernel_scores, reference_scores
from stance.settings import Settings
from stance.training.search import make_pipeline

WORDS = [
    "shield", "Shield,", "SHIELD!", "club", "the", "İstanbul", "straße", "STRASSE", "ß", "İ", "ΣΊΣΥΦΟΣ", "don't",
    "e\u0301te\u0301", "nuclear-armed", "a", "b", "_x_", "2008", "٣٤", "\u0345", "½", "🚀", "北京", "café", "\x00",
    "a\x00b", "\ud800", "x" * 40, "ab" * 20 + "-" + "cd" * 3, "naïve", "ﬁ", "ǅ", "..", "—", "1,000", "\u200b",
    "a\u200bb", "#StopTheClub", "#shield_2008", "#", "not", "No", "never", "can't", "didn’t", "ǃclub",
]  # fmt: skip
SPACES = [" ", "  ", "\n", "\t \r\n", "\u00a0", "\u3000", "\u2028", "\x1c", "\x85", "", "-", ". "]

CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "default": {},
    "case": {"lowercase": False, "negation": 0, "sublinear_tf": False, "word_ngrams": [2, 3], "word_pairs": [9, 40]},
    "characters": {"word_ngrams": [], "word_pairs": [], "char_ngrams": [1, 3]},
    "long": {"word_ngrams": [1, 4], "char_ngrams": [4, 8], "char_weight": 0.3, "word_pairs": []},
    "heaviest": {"max_ngrams": 300, "word_pairs": [2, 3], "nb_power": 0.0},
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
    features = {f"features__{key}": value for key, value in CONFIGURATIONS[name].items()}
    pipeline = make_pipeline(Settings().changed(features__min_df=1, **features), C=10.0)
    pipeline.fit(frame[["text", "target"]], frame["stance"])
    info = RunInfo("odd", 0, ("shield", "club"), ("Shield", "Club"), "", 0, 0, {}, {})
    return pipeline, Model.from_pipeline(pipeline, info).scorer


any_text = st.text(st.characters(exclude_categories=()), max_size=60)
odd_text = st.lists(st.sampled_from([*WORDS, *SPACES]), max_size=40).map("".join)
long_text = st.builds(lambda text, n: text * n, odd_text, st.integers(1, 60))


def pipeline_scores(pipeline: Pipeline, texts: list[str]) -> Floats:
    every = pipeline[-1].text_scores(pipeline[0].transform_texts(texts))[:, ::-1]  # club, shield
    order = [list(pipeline[-1].classes_).index(label) for label in LABELS]
    return np.asarray(every[:, :, order], np.float64)


def assert_same(scores: Floats, expected: Floats) -> None:
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", CONFIGURATIONS)
@given(st.lists(any_text | odd_text | long_text, max_size=6))
@example([])
@example([""])
@example(["İ ß ﬁ", "a\x00b", "\ud800", "x" * 5000, "e\u0301 " * 3000, "\u3000\u2028"])
def test_reference_and_kernel_give_the_pipelines_answers_on_any_text(name: str, texts: list[str]) -> None:
    pipeline, scorer = fitted(name)
    expected = pipeline_scores(pipeline, texts) if texts else np.empty((0, 2, 3))
    assert_same(reference_scores(scorer, texts), expected)
    assert_same(kernel_scores(scorer, texts, n_threads=1), expected)


def test_ngrams_of_no_weight_at_all() -> None:
    scorer = fitted("default")[1]
    mute = replace(scorer, idf=np.where(np.arange(len(scorer.idf)) % 3, 0.0, scorer.idf))
    texts = [*odd_texts(50, 7), "shield " * 2000]
    assert_same(kernel_scores(mute, texts), reference_scores(mute, texts))
    silent = replace(scorer, idf=np.zeros(len(scorer.idf)))
    for scores in (kernel_scores(silent, texts), reference_scores(silent, texts)):
        np.testing.assert_array_equal(scores, np.broadcast_to(scorer.intercepts, scores.shape))


def test_many_texts_threads_and_callers_at_once_change_nothing() -> None:
    pipeline, scorer = fitted("default")
    texts = odd_texts(1500, 5)
    expected = pipeline_scores(pipeline, texts)
    with ThreadPoolExecutor(4) as pool:
        for scores in pool.map(lambda _: kernel_scores(scorer, texts, n_threads=2), range(4)):
            assert_same(scores, expected)


def test_characters_are_words_and_spaces_as_python_has_it() -> None:
    scorer = fitted("default")[1]
    spaces = [code for code in range(0x110000) if chr(code).isspace()]
    texts = [f"the shield{chr(code)}shield" for code in [*range(0, 0x3000, 7), *spaces, 0x1F600, 0xD800, 0x10FFFF]]
    assert_same(kernel_scores(scorer, texts), reference_scores(scorer, texts))


def with_vocabulary(scorer: Scorer, kind: str, ngrams: list[bytes], numbers: tuple[int, int]) -> Scorer:
    """Return the scorer with another vocabulary."""
    n = len(ngrams)
    return replace(
        scorer,
        blocks=(Block(kind, numbers, True, 1.0, n),),
        vocabulary=np.frombuffer(b"".join(ngrams), np.uint8),
        offsets=np.cumsum([0, *map(len, ngrams)]),
        idf=np.ones(n),
        weights=np.arange(n * 6.0).reshape(n, 2, 3),
    )


def test_an_ngram_that_stands_twice_is_refused() -> None:
    twice = with_vocabulary(fitted("default")[1], "char", [b"ab", b"ab"], (1, 3))
    for score in (reference_scores, kernel_scores):
        with pytest.raises(ModelError, match="stands twice"):
            score(twice, ["ab"])


@pytest.mark.parametrize(
    ("kind", "ngrams"),
    [
        ("pair", [b"a b", b"b a", b"c a", b"a", b"a b c", b"aa b", b" a", b"a ", b"a a", b"aaaa b"]),
        ("word", [b"a b", b"a  b", b"a, b", b"a b c d", b" a", b"a ", b"a", b" "]),
        ("char", [b" ", b"a b", b"a", b" a", b"a ", b" a b ", b"aaaaaa"]),
    ],
)
def test_ngrams_that_no_text_has_are_never_met(kind: str, ngrams: list[bytes]) -> None:
    scorer = with_vocabulary(fitted("default")[1], kind, ngrams, (2, 3))
    texts = ["a b", "b a", "a", "a b c d", "aa, b aa", "a  b", " ", "aaaaaa b", "a a a"]
    assert_same(kernel_scores(scorer, texts), reference_scores(scorer, texts))
    assert np.ptp(reference_scores(scorer, texts), axis=0).max() > 0


def test_what_travels_to_another_process_is_the_arrays_alone() -> None:
    scorer = fitted("default")[1]
    kernel_scores(scorer, ["a"])
    raw = pickle.dumps(scorer)
    assert len(raw) < 2 * sum(getattr(scorer, name).nbytes for name in ("vocabulary", "offsets", "idf", "weights"))
    np.testing.assert_array_equal(
        reference_scores(pickle.loads(raw), ["the shield"]), reference_scores(scorer, ["the shield"])
    )


@pytest.mark.parametrize(
    ("switch", "numba", "reason"),
    [
        ("1", "raise OSError('no LLVM')", "numba cannot be imported (OSError: no LLVM)"),
        ("0", "", "the compiled kernel is switched off (STANCE_NUMBA=0)"),
    ],
    ids=["broken", "switched-off"],
)
def test_without_the_kernel_it_goes_on_and_says_so_once(
    tiny_run: Path, tmp_path: Path, switch: str, numba: str, reason: str
) -> None:
    (tmp_path / "numba.py").write_text(numba)
    code = (
        "import logging, sys; logging.basicConfig(format='%(message)s'); sys.path.insert(0, sys.argv[2])\n"
        "import stance; from stance.model import scorer; scorer.KERNEL_FROM = 10; model = stance.load(sys.argv[1])\n"
        "for _ in range(4): print(model.predict(['Madrid condemned the shield.'] * 6, target='shield'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tiny_run, tmp_path], check=True, capture_output=True, text=True,
        env={**os.environ, "STANCE_NUMBA": switch},
    )  # fmt: skip
    assert done.stderr == f"{reason}: scoring goes on in plain Python, some twenty times slower\n"
    assert done.stdout.count("against") == 24


def test_a_few_texts_do_not_wait_for_the_compiler(tiny_run: Path) -> None:
    code = (
        "import sys, stance; model = stance.load(sys.argv[1]); model.predict(['the shield'] * 100, target='shield');"
        "assert 'numba' not in sys.modules; model.predict(['the shield'] * 5000, target='shield');"
        "assert 'numba' in sys.modules"
    )
    environment = {name: value for name, value in os.environ.items() if name != "STANCE_NUMBA"}
    subprocess.run([sys.executable, "-c", code, str(tiny_run)], check=True, env=environment)
