"""A model file from anywhere is read rightly or refused with a reason, and never does anything else."""

from __future__ import annotations

import json
import random
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file

from stance.errors import ModelError
from stance.model import storage
from stance.model.info import RunInfo
from stance.model.predictor import Model, load
from stance.model.scorer import Scorer, kernel_scores, reference_scores

TEXTS = ["Madrid condemned the shield as a threat.", "We hope to join the club soon.", ""]
Contents = tuple[dict[str, Any], dict[str, Any]]


@pytest.fixture(scope="module")
def model(tiny_run: Path) -> Model:
    return load(tiny_run)


@pytest.fixture
def contents(tiny_run: Path) -> Contents:
    """The metadata and arrays of a good file, to be changed."""
    return opened(tiny_run / "model.safetensors")


def opened(path: Path) -> Contents:
    with safe_open(path, framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        return json.loads(file.metadata()["stance"]), arrays


def written(path: Path, contents: Contents) -> Path:
    """Write what someone who knows the format could write: with the right checksum."""
    tree, arrays = contents
    tree.pop("sha256", None)
    tree["sha256"] = storage._digest(json.loads(json.dumps(tree)), arrays)
    save_file(arrays, path, metadata={"stance": json.dumps(tree)})
    return path


def test_what_is_not_known_is_left_aside(model: Model, contents: Contents, tmp_path: Path) -> None:
    tree, arrays = contents
    tree["later"], tree["info"]["later"], arrays["later"] = 1, 2, np.zeros(3)
    again = load(written(tmp_path / "a.safetensors", contents))
    assert again.info == model.info
    np.testing.assert_array_equal(again.predict_proba(TEXTS), model.predict_proba(TEXTS))


def test_weights_of_half_precision_are_kept(model: Model, tmp_path: Path) -> None:
    anchored, own = (array.astype(np.float16) for array in (model.scorer.anchored, model.scorer.own))
    half = Model(replace(model.scorer, anchored=anchored, own=own), model.info, temperature=model.temperature)
    half.save(tmp_path / "a.safetensors")
    again = load(tmp_path / "a.safetensors")
    np.testing.assert_array_equal(again.scorer.own, own)
    np.testing.assert_array_equal(again.predict_proba(TEXTS), half.predict_proba(TEXTS))
    np.testing.assert_allclose(again.predict_proba(TEXTS), model.predict_proba(TEXTS), atol=1e-3)


def test_a_file_says_nothing_of_the_machine_that_wrote_it(tiny_run: Path) -> None:
    assert load(tiny_run).info.settings["data"]["files"] == ["tiny.csv"]
    assert b"/tiny.csv" not in (tiny_run / "model.safetensors").read_bytes()


@pytest.mark.parametrize(("version", "remedy"), [(99, "upgrade stance-detect"), (3, "train it again")])
def test_another_format_is_said(contents: Contents, tmp_path: Path, version: int, remedy: str) -> None:
    contents[0]["format"] = version
    for name in ("mentions", "info", "sha256"):  # which it need not have
        del contents[0][name]
    path = tmp_path / "a.safetensors"
    save_file(contents[1], path, metadata={"stance": json.dumps(contents[0])})
    message = rf"format {version}, and this version reads {storage.FORMAT_VERSION}; {remedy}"
    with pytest.raises(ModelError, match=message):
        load(path)


def test_other_files_are_said(contents: Contents, tmp_path: Path) -> None:
    joblib.dump({"a": 1}, tmp_path / "a.safetensors")
    with pytest.raises(ModelError, match="cannot be read as a model"):
        load(tmp_path / "a.safetensors")
    save_file(contents[1], tmp_path / "b.safetensors")
    with pytest.raises(ModelError, match="holds arrays, but no model"):
        load(tmp_path / "b.safetensors")


@given(st.floats(0, 1))
def test_a_truncated_file_is_said(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory, keep: float) -> None:
    raw = (tiny_run / "model.safetensors").read_bytes()
    path = tmp_path_factory.mktemp("truncated") / "model.safetensors"
    path.write_bytes(raw[: min(int(keep * len(raw)), len(raw) - 1)])
    with pytest.raises(ModelError, match="cannot be read as a model"):
        load(path)


@given(st.integers(0, 2**32))
def test_a_flipped_bit_is_said_or_changes_nothing(
    tiny_run: Path, model: Model, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    raw = bytearray((tiny_run / "model.safetensors").read_bytes())
    chance = random.Random(seed)
    # Half of the flips in the header, which is short.
    position = chance.randrange(len(raw) if seed % 2 else 8 + struct.unpack("<Q", raw[:8])[0])
    raw[position] ^= 1 << chance.randrange(8)
    path = tmp_path_factory.mktemp("flipped") / "model.safetensors"
    path.write_bytes(raw)
    try:
        again = load(path)
    except ModelError:
        return
    np.testing.assert_array_equal(again.predict_proba(TEXTS), model.predict_proba(TEXTS))


def test_a_header_that_lies_about_its_length_is_said(tiny_run: Path, tmp_path: Path) -> None:
    raw = (tiny_run / "model.safetensors").read_bytes()
    for length in (0, 1, 2**20, 2**30, 2**63, 2**64 - 1):
        (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", length) + raw[8:])
        with pytest.raises(ModelError, match="cannot be read as a model"):
            load(tmp_path / "a.safetensors")


def test_metadata_beyond_all_measure_is_refused(contents: Contents, tmp_path: Path) -> None:
    contents[0]["info"]["name"] = "x" * (1 << 24)
    with pytest.raises(ModelError, match=r"bytes of metadata; wanted at most"):
        load(written(tmp_path / "a.safetensors", contents))


def hostile(name: str, value: Any) -> Any:
    """Return a change of one array, or of one value in the metadata (a dotted path)."""

    def change(contents: Contents) -> None:
        tree: Any = contents[0]
        arrays = contents[1]
        if name in arrays:
            arrays[name] = value(arrays[name]) if callable(value) else value
            return
        *path, last = name.split(".")
        for key in path:
            tree = tree[int(key)] if isinstance(tree, list) else tree[key]
        tree[int(last) if isinstance(tree, list) else last] = value

    return change


def put(index: Any, value: float) -> Any:
    def change(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        array[index] = value
        return array

    return change


def spelled(before: bytes, after: bytes) -> Any:
    """Return a change of the vocabulary that keeps its length."""
    assert len(before) == len(after)

    def change(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        raw = array.tobytes()
        assert before in raw
        return np.frombuffer(raw.replace(before, after, 1), np.uint8)

    return change


@pytest.mark.parametrize(
    "change",
    [
        *[hostile(name, put(7, value)) for name in ("anchored", "own") for value in (np.nan, np.inf, 1e7)],
        *[hostile(name, lambda array: array[:-1]) for name in ("anchored", "own", "idf", "intercepts", "vocabulary")],
        *[hostile(name, lambda array: array.astype(np.int8)) for name in ("anchored", "own", "idf")],
        hostile("own", lambda array: array.transpose(0, 2, 1)),
        hostile("own", lambda array: array[:, :1]),
        *[hostile("idf", put(0, value)) for value in (-1.0, 0.0, 1e-9, 1e9, np.nan, np.inf)],
        *[hostile("intercepts", put(0, value)) for value in (np.nan, -np.inf, np.inf)],
        hostile("intercepts", put((0, 1), np.nan)),
        hostile("intercepts", lambda array: array.astype(np.float32)),
        hostile("offsets", put(0, 1)),
        hostile("offsets", put(3, -5)),
        hostile("offsets", put(3, 2**40)),
        hostile("offsets", put(-1, 2**62)),
        hostile("offsets", lambda array: array[::-1].copy()),
        hostile("offsets", lambda array: array.astype(np.int32)),
        hostile("vocabulary", put(0, 0xFF)),
        hostile("vocabulary", put(0, 0x80)),
        hostile("vocabulary", spelled(b"w condemned", b"v condemned")),
        hostile("vocabulary", spelled(b"w condemned", b"< condemned")),
        hostile("vocabulary", spelled(b"< condemned", b"w condemned")),
        hostile("vocabulary", spelled(b"p conde shiel", b"p shiel conde")),
        hostile("training_hashes", np.zeros(3)),
        hostile("mentions", [["shield"]]),
        hostile("mentions", [["shield"], ["club"], []]),
        hostile("mentions", ["shield", 3]),
        hostile("mentions.0", ["shield", "\x1b[31m"]),
        hostile("mentions.0", [["shield"]]),
        hostile("mentions.0", None),
        hostile("temperature", 0.0),
        hostile("temperature", float("nan")),
        hostile("temperature", "1"),
        hostile("labels", ["favor", "none", "against"]),
        hostile("format", "1"),
        hostile("info.targets", ["shield"]),
        hostile("info.targets", ["shield", "shield"]),
        hostile("info.targets", ["shield", "\x1b[31mclub"]),
        hostile("info.titles", ["Shield"]),
        hostile("info.titles.1", "The\nclub"),
        hostile("info.zero_shot", ["bridge"]),
        hostile("info.expected", [0.1, 0.2]),
        hostile("info.expected", "much"),
        hostile("info.settings.seed", "\x07"),
        hostile("info.name", {}),
        hostile("info.scores", {"f_avg": ["high"]}),
        hostile("info.n_texts", "many"),
        hostile("info.versions", [1]),
        hostile("info", []),
    ],
)  # fmt: skip
def test_a_hostile_file_is_refused_before_use(change: Any, contents: Contents, tmp_path: Path) -> None:
    change(contents)
    with pytest.raises(ModelError, match=r"a\.safetensors: "):
        load(written(tmp_path / "a.safetensors", contents))


def test_a_model_that_could_not_be_read_is_not_written(model: Model, tmp_path: Path) -> None:
    bad = Model(replace(model.scorer, own=model.scorer.own * np.nan), model.info)
    with pytest.raises(ModelError, match="a weight is not a number"):
        bad.save(tmp_path / "a.safetensors")
    for name, terms in (("tram\n", ["tram"]), ("tram", ["tram\x1b"])):
        with pytest.raises(ModelError, match="no text that can be printed"):
            model.with_target(name, terms).save(tmp_path / "a.safetensors")
    assert not list(tmp_path.iterdir())


NUMBERS = [0, 1, -1, 2, 127, 128, 255, 2**31, 2**40, -(2**63), 2**63 - 1]
FLOATS = [0.0, -0.0, 1.0, -1.0, 1e-300, 1e29, 1e300, float("inf"), float("-inf"), float("nan")]
DELETED = object()
ODD_TEXTS = ["", "ab ba, abba", "a not b a", "é\u0345 ab’s", "no ab, but abba ba?", "ab a " * 40, "ba" * 2100]


def small_model() -> Model:
    """Return a model of features of every kind and two targets."""
    anchored = ["# 1", "# unnamed", "# OTHER", "* a", "< a", ">= !b", "<> a OTHER", ">> a b", "* !TARGET", "< ?"]
    own = ["w ab", "w !b", "ww ab ba", "p a ab", "w é"]
    names = [name.encode() for name in [*anchored, *own]]
    scorer = Scorer(
        mentions=(("ab", "ab ba"), ("b*", "not b")),
        vocabulary=np.frombuffer(b"".join(names), np.uint8),
        offsets=np.cumsum([0, *map(len, names)]),
        idf=np.linspace(1, 2, len(names)),
        anchored=np.linspace(-1, 1, len(anchored) * 3).reshape(-1, 3),
        own=np.linspace(-1, 1, len(own) * 6).reshape(-1, 2, 3),
        intercepts=np.zeros((2, 3)),
    )
    hashes = frozenset(f"{number:016x}" for number in range(3))
    scores = {"f_avg": (0.5, 0.4, 0.6)}
    return Model(scorer, RunInfo("small", 0, ("x", "y"), ("X", "Y"), "f", 1, 1, scores, {}, hashes))


def edit_tree(tree: Any, number: int, value: Any) -> None:
    """Change or delete one of all values of the metadata, at any depth."""
    slots, nodes = [], [tree]
    for node in nodes:
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            slots.append((node, key))
            nodes += [node[key]] if isinstance(node[key], dict | list) else []
    if slots:
        node, key = slots[number % len(slots)]
        if value is DELETED:
            del node[key]
        else:
            node[key] = value


def edit_array(arrays: dict[str, Any], name: str, number: int, value: Any) -> None:
    """Change a number of an array, its type, its length or its shape."""
    array = arrays[name].copy()
    if isinstance(value, str):
        array = array.astype(value)
    elif value is DELETED:
        array = array[: number % (len(array) + 1)]
    elif value is None:
        array = [array.reshape(-1), np.concatenate([array, array])][number % 2]
    elif array.size:
        array.flat[number % array.size] = np.asarray(value).astype(array.dtype)
    arrays[name] = np.ascontiguousarray(array)


numbers = st.integers(0, 999)
new_values = st.sampled_from([*NUMBERS, *FLOATS, DELETED]) | st.text(max_size=4)
new_values |= st.lists(st.text(max_size=4), max_size=1) | st.dictionaries(st.text(max_size=4), st.just(1), max_size=1)
new_arrays = st.sampled_from([*NUMBERS, *FLOATS, DELETED, None, "f2", "f4", "f8", "i8", "u8", "u1", "i4", "?"])
names = st.sampled_from(["vocabulary", "offsets", "idf", "anchored", "own", "intercepts", "training_hashes"])
edits: st.SearchStrategy[Any] = st.tuples(st.just(edit_tree), st.tuples(numbers, new_values))
edits |= st.tuples(st.just(edit_array), st.tuples(names, numbers, new_arrays))


@pytest.mark.slow
@settings(max_examples=1500)
@given(st.lists(edits, min_size=1, max_size=4))
def test_any_edits_of_a_model_are_refused_or_give_the_same_probabilities(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[Any, tuple[Any, ...]]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "edited.safetensors"
    small_model().save(path)
    contents = opened(path)
    with np.errstate(all="ignore"):
        for edit, arguments in changes:
            edit(contents[edit is edit_array], *arguments)
    try:
        model = load(written(path, contents))
        expected = reference_scores(model.scorer, ODD_TEXTS)
    except ModelError:
        return
    scale = max(1.0, float(np.abs(expected[np.isfinite(expected)]).max(initial=0)))
    scores = kernel_scores(model.scorer, ODD_TEXTS, n_threads=1)
    np.testing.assert_allclose(scores, expected, rtol=1e-9, atol=1e-9 * scale)
    np.testing.assert_allclose(model.predict_proba(ODD_TEXTS).sum(axis=-1), 1)
