"""Fuzz the reader of model files with Atheris, for a bounded time.

    pip install atheris
    python experiments/fuzz_models.py [--seconds 120] [--seed 0]

An input is a list of edits of a small good model: of the file's bytes as they are, or of its metadata and arrays, which
are then signed anew, as someone hostile would. The file must be refused with a ModelError, or give probabilities, the
same by the reference and by the kernel. Anything else ends the run with a traceback and the input in a file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from fuzzing import atheris, fuzz
from safetensors.numpy import save

from stance.model import kernel  # not instrumented: it is compiled

with atheris.instrument_imports(include=["stance.model.storage", "stance.model.scorer", "stance.model"]):
    from stance.errors import ModelError
    from stance.model import storage
    from stance.model.predictor import load
    from stance.model.scorer import kernel_scores, reference_scores

TEXTS = ["", "ab ba, abba", "a b a", "é\u0345 ab", "#abba #ab", "b" * 40, "ab" * 2100]
NUMBERS = [0, 1, -1, 2, 127, 128, 255, 2**31, 2**40, -(2**63), 2**63 - 1]
FLOATS = [0.0, -0.0, 1.0, -1.0, 1e-300, 1e29, 1e300, float("inf"), float("-inf"), float("nan")]


def small_model() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the metadata and arrays of a model of nine n-grams and two targets."""
    ngrams = [b"ab", b"ab ba", b"ba", b" a", b"ab", b"b ", "é".encode(), b"a a", b"a b"]
    blocks = [
        {"kind": "word", "ngrams": [1, 2], "sublinear": True, "weight": 1.0, "size": 3},
        {"kind": "char", "ngrams": [1, 3], "sublinear": False, "weight": 0.5, "size": 4},
        {"kind": "pair", "ngrams": [1, 2], "sublinear": True, "weight": 0.7, "size": 2},
    ]
    info: dict[str, Any] = {"name": "small", "seed": 0, "fingerprint": "f", "n_texts": 1, "n_groups": 1, "versions": {}}
    info |= {"targets": ["x", "y"], "titles": ["X", "Y"], "scores": {"f_avg": [0.5, 0.4, 0.6]}, "settings": {}}
    info |= {"target_scores": {}, "counts": {}, "n_examples": 2}
    tree = {
        "format": storage.FORMAT_VERSION,
        "labels": ["against", "none", "favor"],
        "temperature": 1.0,
        "lowercase": True,
    }
    arrays = {
        "vocabulary": np.frombuffer(b"".join(ngrams), np.uint8),
        "offsets": np.cumsum([0, *map(len, ngrams)]),
        "idf": np.linspace(1, 2, len(ngrams)),
        "weights": np.linspace(-1, 1, len(ngrams) * 6).reshape(-1, 2, 3),
        "intercepts": np.zeros((2, 3)),
        "training_hashes": np.arange(3, dtype=np.uint64),
        "hashtag_words": np.frombuffer(b"ab\nba\n", np.uint8),
        "hashtag_counts": np.array([1, 2]),
    }
    return tree | {"blocks": blocks, "info": info}, arrays


def edited(data: bytes) -> bytes:
    """Return a model file with the edits that the input stands for."""
    given = atheris.FuzzedDataProvider(data)
    tree, arrays = small_model()
    raw_edits = given.ConsumeIntInRange(0, 3) == 0
    while not raw_edits and given.remaining_bytes() > 2:
        if given.ConsumeBool():
            _edit_tree(given, tree)
        else:
            _edit_arrays(given, arrays)
    tree["sha256"] = storage._digest(json.loads(json.dumps(tree)), arrays)
    raw = bytearray(save(arrays, metadata={"stance": json.dumps(tree)}))
    while raw_edits and given.remaining_bytes() > 2:
        place = given.ConsumeIntInRange(0, len(raw) - 1)
        raw[place : place + given.ConsumeIntInRange(0, 2)] = given.ConsumeBytes(given.ConsumeIntInRange(0, 3))
        raw = raw or bytearray(b"\0")
    return bytes(raw)


def _edit_tree(given: Any, node: Any) -> None:
    """Change, drop or add one value, at any depth."""
    while isinstance(node, dict | list) and node:
        key = (
            given.PickValueInList(sorted(node)) if isinstance(node, dict) else given.ConsumeIntInRange(0, len(node) - 1)
        )
        if isinstance(node[key], dict | list) and given.ConsumeBool():
            node = node[key]
            continue
        choice = given.ConsumeIntInRange(0, 5)
        if choice == 0:
            del node[key]
        else:
            other = given.ConsumeUnicodeNoSurrogates(4)
            node[key] = (given.PickValueInList(NUMBERS), given.PickValueInList(FLOATS), other, [other], {other: 1})[
                choice - 1
            ]
        return


def _edit_arrays(given: Any, arrays: dict[str, Any]) -> None:
    name = given.PickValueInList(sorted(arrays))
    array = arrays[name].copy()
    choice = given.ConsumeIntInRange(0, 4)
    with np.errstate(all="ignore"):
        if choice == 0 and array.size:
            values = FLOATS if array.dtype.kind == "f" else NUMBERS
            array.flat[given.ConsumeIntInRange(0, array.size - 1)] = np.array(given.PickValueInList(values)).astype(
                array.dtype
            )
        elif choice == 1:
            array = array[: given.ConsumeIntInRange(0, len(array))] if array.ndim else array
        elif choice == 2:
            array = array.astype(given.PickValueInList(["f2", "f4", "f8", "i8", "u8", "u1", "i4", "?"]))
        elif choice == 3:
            array = array.reshape(-1)
        else:
            array = np.concatenate([array, array])
    arrays[name] = np.ascontiguousarray(array)


class _Target:
    """What is called with each input."""

    def __init__(self, path: Path) -> None:
        self.path = path
        kernel._N_WORDS = 64  # a large memory of words would cost more than all the rest

    def __call__(self, data: bytes) -> None:
        self.path.write_bytes(edited(data))
        try:
            model = load(self.path)
            wanted = reference_scores(model.scorer, TEXTS)
        except ModelError:
            return
        found = kernel_scores(model.scorer, TEXTS, n_threads=1)
        scale = max(1.0, float(np.abs(wanted[np.isfinite(wanted)]).max(initial=0)))
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9 * scale)
        proba = model.predict_proba(TEXTS)
        np.testing.assert_allclose(proba.sum(axis=-1), 1)


def _seeds(seed: int) -> dict[str, bytes]:
    chance = np.random.default_rng(seed)
    return {str(i): chance.bytes(20) for i in range(40)}


if __name__ == "__main__":
    fuzz(__doc__, _seeds, _Target, longest=64)
