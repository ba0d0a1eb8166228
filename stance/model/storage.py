"""`model.safetensors`: a model in one file that holds plain arrays and cannot execute anything.

The arrays are those of `stance.model.scorer.Scorer`, and `training_hashes`. The metadata has one key, ``stance``,
whose value is JSON: ``format``, ``labels``, ``temperature``, ``mentions``, ``info`` (the fields of
`stance.model.info.RunInfo`) and ``sha256``, the digest of everything else.

When to raise `FORMAT_VERSION`: whenever the code before the change would read a new file wrongly, that
is give other answers or fail without saying why. Not for what older code may leave aside, such as one
more key or array: unknown ones are ignored. Other formats get an error that says what to do.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stance.errors import ModelError
from stance.files import atomic_write
from stance.labels import LABELS
from stance.model.info import RunInfo
from stance.model.scorer import Scorer
from stance.text.features import ANCHORED, OWN

FORMAT_VERSION = 4

_ARRAYS = ("vocabulary", "offsets", "idf", "anchored", "own", "intercepts")
_MOST_METADATA = 1 << 24  # bytes of JSON
# IDF and weights beyond these could not be told from 0, or not be multiplied.
_SMALLEST_NUMBER, _LARGEST_NUMBER = 1e-6, 1e6

Arrays = Mapping[str, npt.NDArray[Any]]


def write_model(path: str | Path, scorer: Scorer, info: RunInfo, temperature: float) -> None:
    """Write a model file, whole or not at all; the same model gives the same bytes.

    Raises
    ------
    ModelError
        If the model is one that could not be read again.
    StanceError
        If the file cannot be written.
    """
    from safetensors.numpy import save

    facts = {name: value for name, value in asdict(info).items() if name != "training_hashes"}
    tree = {
        "format": FORMAT_VERSION,
        "labels": LABELS,
        "temperature": temperature,
        "mentions": scorer.mentions,
        "info": facts,
    }
    hashes = np.asarray(sorted(int(text, 16) for text in info.training_hashes), np.uint64)
    arrays = {name: np.ascontiguousarray(getattr(scorer, name)) for name in _ARRAYS} | {"training_hashes": hashes}
    _model(json.loads(json.dumps(tree)), arrays)
    tree["sha256"] = _digest(tree, arrays)
    raw = save(arrays, metadata={"stance": json.dumps(tree, sort_keys=True)})
    with atomic_write(Path(path)) as handle:
        handle.write(raw)


def read_model(file: Path) -> tuple[Scorer, RunInfo, float]:
    """Read what `write_model` wrote: arrays, what the training was, and the temperature.

    Raises
    ------
    ModelError
        If the file is truncated, damaged, of another kind or of a later format, or its arrays and
        numbers do not fit each other.
    """
    from safetensors import safe_open

    try:
        with safe_open(file, framework="numpy") as opened:
            text = (opened.metadata() or {}).get("stance")
            if text is None:
                raise ModelError("holds arrays, but no model written by `stance train`")
            if len(text) > _MOST_METADATA:
                raise ModelError(f"{len(text)} bytes of metadata; wanted at most {_MOST_METADATA}")
            tree = json.loads(text)
            if tree["format"] != FORMAT_VERSION:
                what = "upgrade stance-detect" if tree["format"] > FORMAT_VERSION else "train it again"
                raise ModelError(f"format {tree['format']}, and this version reads {FORMAT_VERSION}; {what}")
            arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (no mapping)
        if tree.pop("sha256") != _digest(tree, arrays):
            raise ModelError("damaged, its content does not give its checksum; wanted the file as it was written")
        return _model(tree, arrays)
    except MemoryError:
        raise
    except ModelError as error:
        raise ModelError(f"{file}: {error}") from None
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise ModelError(
            f"{file}: cannot be read as a model ({reason}); it may be truncated, of another kind,"
            " or from a later version of stance-detect"
        ) from None


def _check(scorer: Scorer, temperature: float) -> None:
    """Raise ModelError unless the arrays fit each other and every number can be computed with."""
    n_anchored, n_own, n_targets = len(scorer.anchored), len(scorer.own), len(scorer.intercepts)
    n = n_anchored + n_own
    shapes: dict[str, tuple[type[np.generic], tuple[int, ...]]] = {
        "vocabulary": (np.uint8, (len(scorer.vocabulary),)),
        "offsets": (np.int64, (n + 1,)),
        "idf": (np.floating, (n,)),
        "anchored": (np.floating, (n_anchored, len(LABELS))),
        "own": (np.floating, (n_own, n_targets, len(LABELS))),
        "intercepts": (np.float64, (n_targets, len(LABELS))),
    }
    for name, (kind, shape) in shapes.items():
        array = getattr(scorer, name)
        fits = np.issubdtype(array.dtype, kind) and array.shape == shape
        _require(fits, f"{name} is {array.dtype} of shape {array.shape}")
    _require(n > 0 and n_targets > 0, "no features, or no targets")
    _require(len(scorer.mentions) == n_targets, f"mentions of {len(scorer.mentions)} targets, and {n_targets} targets")
    _require(_SMALLEST_NUMBER < temperature < _LARGEST_NUMBER, f"temperature {temperature}")
    offsets = scorer.offsets
    _require(offsets[0] == 0 and offsets[-1] == len(scorer.vocabulary), "offsets do not span the vocabulary")
    _require(bool((np.diff(offsets) > 0).all()), "offsets do not ascend")
    _require(bool(((scorer.vocabulary[offsets[:-1]] & 0xC0) != 0x80).all()), "offsets cut characters")
    try:
        frames = [name.split(" ")[0] for name in scorer.names]
    except UnicodeDecodeError:
        raise ModelError("the vocabulary is not UTF-8") from None
    _require(ANCHORED.keys() >= {*frames[:n_anchored]} and OWN.keys() >= {*frames[n_anchored:]}, "an unknown frame")
    pairs = (name for name in scorer.names if name.startswith("p "))
    unsorted = next((pair for pair in pairs if (words := pair.split(" ")[1:]) != sorted(words)), None)
    _require(unsorted is None, f"the pair {unsorted!r}")
    smallest = float(scorer.idf.min()) if _finite(scorer.idf) else 0.0
    _require(smallest >= _SMALLEST_NUMBER, "an IDF that is not a number, or too small or large to compute with")
    _require(_finite(scorer.anchored) and _finite(scorer.own), "a weight is not a number, or too large to compute with")
    possible = scorer.intercepts != -np.inf
    _require(bool(possible.any(axis=1).all()) and _finite(scorer.intercepts[possible]), "an intercept is not a number")


def _finite(numbers: npt.NDArray[Any]) -> bool:
    return bool(np.isfinite(numbers).all()) and float(np.abs(numbers).max(initial=0)) < _LARGEST_NUMBER


def _require(fits: bool, fault: str) -> None:
    if not fits:
        raise ModelError(f"no usable model: {fault}")


def _model(tree: dict[str, Any], arrays: Arrays) -> tuple[Scorer, RunInfo, float]:
    if tree["labels"] != list(LABELS):
        raise ModelError(f"its labels are {tree['labels']}; wanted {list(LABELS)}")
    mentions = tuple(tuple(map(_text, terms)) for terms in tree["mentions"])
    scorer = Scorer(mentions, **{name: arrays[name] for name in _ARRAYS})
    temperature = _number(tree["temperature"])
    _check(scorer, temperature)
    info = _info(tree["info"], arrays["training_hashes"])
    if len(info.targets) != len(scorer.intercepts):
        raise ModelError(f"{len(info.targets)} targets and weights for {len(scorer.intercepts)}")
    return scorer, info, temperature


def _info(facts: dict[str, Any], hashes: npt.NDArray[np.uint64]) -> RunInfo:
    readers = {field.name: _READERS[str(field.type)] for field in fields(RunInfo) if field.name != "training_hashes"}
    info = RunInfo(
        **{name: readers[name](value) for name, value in facts.items() if name in readers},
        training_hashes=frozenset(f"{number:016x}" for number in hashes.tolist()),
    )
    n_targets = len(set(info.targets))
    _require(n_targets == len(info.targets) == len(info.titles), "targets without a title each")
    _require({*info.zero_shot} <= {*info.targets}, "a zero-shot target that is none of its targets")
    return info


def _text(value: Any) -> str:
    # Text is printed; control characters in it would act on the terminal.
    if not isinstance(value, str) or not value.isprintable():
        raise ModelError(f"{value!r} is no text that can be printed")
    return value


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise ModelError(f"{value!r} is no whole number")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ModelError(f"{value!r} is no number")
    return value


def _three(value: Any) -> tuple[float, float, float]:
    low, middle, high = map(_number, value)
    return low, middle, high


def _printable(value: Any) -> Any:
    """Return plain values of JSON if all their text can be printed."""
    if isinstance(value, dict):
        return {_text(key): _printable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_printable(item) for item in value]
    return _text(value) if isinstance(value, str) else value


def _by_name(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: {_text(key): read(item) for key, item in value.items()}


# How each type of a RunInfo's field is read from JSON.
_READERS: dict[str, Callable[[Any], Any]] = {
    "str": _text,
    "int": _whole,
    "tuple[str, ...]": lambda value: tuple(map(_text, value)),
    "tuple[float, float, float] | None": lambda value: value if value is None else _three(value),
    "dict[str, str]": _by_name(_text),
    "dict[str, tuple[float, float, float]]": _by_name(_three),
    "dict[str, tuple[int, int, int]]": _by_name(lambda value: tuple(map(_whole, value))),
    "dict[str, Any]": _by_name(_printable),
}


def _digest(tree: Mapping[str, Any], arrays: Arrays) -> str:
    digest = hashlib.sha256(json.dumps(tree, sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
