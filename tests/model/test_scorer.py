"""The arrays' scores are the scikit-learn pipeline's, by the reference and by the kernel, on any text."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stance.errors import ModelError
from stance.labels import LABELS
from stance.model.scorer import Floats, Scorer, kernel_scores, reference_scores
from tests.model.odd import CONFIGURATIONS, MENTIONS, any_text, fitted, long_text, odd_text, odd_texts


def assert_same(scores: Floats, expected: Floats) -> None:
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", CONFIGURATIONS)
@given(st.lists(any_text | odd_text | long_text, min_size=1, max_size=6))
@example(["", "İ ß ﬁ", "a\x00b", "\ud800", "x" * 5000, "e\u0301 " * 3000, "\u3000\u2028"])
@example(
    [
        "A missile defence the welcomed",
        "The missile defence shield club? David’s sling don’t join the club — b, the club b",
    ]
)
def test_reference_and_kernel_give_the_pipelines_answers_on_any_text(name: str, texts: list[str]) -> None:
    pipeline, model = fitted(name)
    frame = pd.DataFrame([*product(texts, MENTIONS)], columns=["text", "target"], dtype=object)
    expected = pipeline[-1].scores(pipeline[0].transform(frame), LABELS).reshape(len(texts), len(MENTIONS), -1)
    assert_same(reference_scores(model.scorer, texts), expected)
    assert_same(kernel_scores(model.scorer, texts, n_threads=1), expected)


def test_no_text_has_no_score() -> None:
    for scores in (reference_scores, kernel_scores):
        assert scores(fitted("default")[1].scorer, []).shape == (0, len(MENTIONS), 3)


def test_many_texts_threads_and_callers_at_once_change_nothing() -> None:
    scorer, texts = fitted("default")[1].scorer, odd_texts(1500, 5)
    expected = np.tile(reference_scores(scorer, texts[:300]), (5, 1, 1))
    with ThreadPoolExecutor(4) as pool:
        for scores in pool.map(lambda _: kernel_scores(scorer, texts[:300] * 5, n_threads=2), range(4)):
            assert_same(scores, expected)


def test_characters_are_of_words_as_python_has_it() -> None:
    scorer = fitted("default")[1].scorer
    codes = [*range(0, 0x3000, 5), *range(0x3000, 0x20000, 199), 0xD800, 0x10FFFF]
    texts = [f"not the{chr(code)}shield{chr(code)} club" for code in codes]
    assert_same(kernel_scores(scorer, texts), reference_scores(scorer, texts))


def with_vocabulary(anchored: list[str], own: list[str]) -> Scorer:
    """Return a scorer of the odd targets with another vocabulary."""
    names = [name.encode("utf-8", "surrogatepass") for name in [*anchored, *own]]
    return replace(
        fitted("default")[1].scorer,
        vocabulary=np.frombuffer(b"".join(names), np.uint8),
        offsets=np.cumsum([0, *map(len, names)]),
        idf=np.ones(len(names)),
        anchored=np.arange(len(anchored) * 3.0).reshape(-1, 3) ** 2,
        own=np.arange(len(own) * 9.0).reshape(-1, 3, 3) ** 2,
    )


@pytest.mark.parametrize("score", [reference_scores, kernel_scores])
def test_a_feature_that_stands_twice_is_refused(score: Any) -> None:
    with pytest.raises(ModelError, match="stands twice"):
        score(with_vocabulary(["# 1"], ["w a", "w a"]), ["a"])


def test_features_that_no_text_has_are_never_met() -> None:
    anchored = [
        "*",
        "* ",
        "* TARGET",
        "* target",
        "# 0",
        "# 4",
        "# !1",
        "<",
        "< a b",
        "<< a",
        "<> a b c",
        "< shield",
        "< !?",
    ]
    own = [
        "w",
        "w ",
        "w a b",
        "w b!",
        "w !b!",
        "w don’t",
        "w A",
        "w  a",
        "w ?!",
        "ww a",
        "ww a b c",
        "p a",
        "p a b c",
        "w shield's",
    ]
    texts = ["a b", "b a shield", "not b shield a", "don’t a?", "A! club? not a", "shield's club a b c"]
    for more in ([], ["w a", "w !b", "ww a b", "p a b"]):
        scorer = with_vocabulary(anchored, [*own, *more])
        scores = reference_scores(scorer, texts)
        assert_same(kernel_scores(scorer, texts), scores)
        assert np.ptp(scores, axis=0).any() == bool(more)


def test_what_travels_to_another_process_is_the_arrays_alone() -> None:
    scorer = fitted("default")[1].scorer
    scores = kernel_scores(scorer, ["the shield"])
    raw = pickle.dumps(scorer)
    arrays = ("vocabulary", "offsets", "idf", "anchored", "own")
    assert len(raw) < 1.1 * sum(getattr(scorer, name).nbytes for name in arrays)
    assert_same(reference_scores(pickle.loads(raw), ["the shield"]), scores)


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
    assert done.stderr == f"{reason}: scoring goes on in plain Python, some fifty times slower\n"
    assert done.stdout.count("against") == 24


def test_a_few_texts_do_not_wait_for_the_compiler(tiny_run: Path) -> None:
    code = (
        "import sys, stance; model = stance.load(sys.argv[1]); model.predict(['the shield'] * 100, target='shield');"
        "assert 'numba' not in sys.modules; model.predict(['the shield'] * 5000, target='shield');"
        "assert 'numba' in sys.modules"
    )
    environment = {name: value for name, value in os.environ.items() if name != "STANCE_NUMBA"}
    subprocess.run([sys.executable, "-c", code, str(tiny_run)], check=True, env=environment)
