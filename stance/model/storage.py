"""`model.safetensors`: a model in one file that holds plain arrays and cannot execute anything.

The arrays are those of `stance.model.scorer.Scorer`, and `training_hashes`. The metadata has one key, ``stance``,
whose value is JSON: ``format``, ``labels``, ``temperature``, ``lowercase``, ``negation``, ``blocks``,
``info`` (the fields of `stance.model.info.RunInfo`) and ``sha256``, the digest of everything else.

When to raise `FORMAT_VERSION`: whenever the code before the change would read a new file wrongly, that
is give other answers or fail without saying why. Not for what older code may leave aside, such as one
more key or array: unknown ones are ignored. Older formats stay readable, or their error names the
version of stance-detect that reads them.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stance.errors import ModelError
from stance.files import atomic_write
from stance.labels import LABELS
from stance.model.info import RunInfo
from stance.model.scorer import Block, Scorer
from stance.text.ngrams import GENERATORS

FORMAT_VERSION = 3

_ARRAYS = ("vocabulary", "offsets", "idf", "weights", "intercepts")
_MOST_METADATA = 1 << 24  # bytes of JSON
_LONGEST_NGRAM = 100
_LARGEST_NUMBER = 1e30

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

    check(scorer, temperature)
    facts = {name: value for name, value in asdict(info).items() if name != "training_hashes"}
    tree = {
        "format": FORMAT_VERSION,
        "labels": LABELS,
        "temperature": temperature,
        "lowercase": scorer.lowercase,
        "negation": scorer.negation,
        "blocks": [asdict(block) for block in scorer.blocks],
        "info": facts,
    }
    hashes = np.asarray(sorted(int(text, 16) for text in info.training_hashes), np.uint64)
    arrays = {name: np.ascontiguousarray(getattr(scorer, name)) for name in _ARRAYS} | {"training_hashes": hashes}
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
            if tree["format"] > FORMAT_VERSION:
                raise ModelError(
                    f"format {tree['format']}, and this version reads up to {FORMAT_VERSION}; upgrade stance-detect"
                )
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


def check(scorer: Scorer, temperature: float) -> None:
    """Raise ModelError unless the arrays fit each other and every number can be computed with."""
    n = sum(block.size for block in scorer.blocks)
    shapes: dict[str, tuple[npt.NDArray[Any], type[np.generic], tuple[int, ...]]] = {
        "vocabulary": (scorer.vocabulary, np.uint8, (len(scorer.vocabulary),)),
        "offsets": (scorer.offsets, np.int64, (n + 1,)),
        "idf": (scorer.idf, np.floating, (n,)),
        "weights": (scorer.weights, np.floating, (n, len(scorer.intercepts), len(LABELS))),
        "intercepts": (scorer.intercepts, np.float64, (len(scorer.intercepts), len(LABELS))),
    }
    for name, (array, kind, shape) in shapes.items():
        fits = np.issubdtype(array.dtype, kind) and array.shape == shape
        _require(fits, f"{name} is {array.dtype} of shape {array.shape}")
    _require(n > 0, "no n-grams")
    for block in scorer.blocks:
        shortest, longest = block.ngrams
        _require(block.kind in GENERATORS, f"a block of kind {block.kind!r}")
        fits = min(shortest, longest) >= 1 and max(shortest, longest) <= _LONGEST_NGRAM
        _require(fits and (shortest <= longest or block.kind == "pair"), f"n-grams of {shortest} to {longest}")
        _require(0 <= block.weight <= _LARGEST_NUMBER, f"a block of weight {block.weight}")
        _require(block.size >= 0, f"a block of {block.size} n-grams")
    _require(0 <= scorer.negation < 100, f"{scorer.negation} words to mark after a negation")
    _require(1 / _LARGEST_NUMBER < temperature < _LARGEST_NUMBER, f"temperature {temperature}")
    offsets = scorer.offsets
    _require(offsets[0] == 0 and offsets[-1] == len(scorer.vocabulary), "offsets do not span the vocabulary")
    _require(bool((np.diff(offsets) > 0).all()), "offsets do not ascend")
    _require(bool(((scorer.vocabulary[offsets[:-1]] & 0xC0) != 0x80).all()), "offsets cut characters")
    try:
        scorer.vocabulary.tobytes().decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise ModelError("the vocabulary is not UTF-8") from None
    _require(_finite(scorer.idf) and bool((scorer.idf >= 0).all()), "an IDF is not a number from 0 up")
    _require(_finite(scorer.weights), "a weight is not a number")
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
    blocks = tuple(map(_block, tree["blocks"]))
    negation = int(tree.get("negation", 0))  # formats 1 and 2 marked none
    scorer = Scorer(blocks, bool(tree["lowercase"]), negation, **{name: arrays[name] for name in _ARRAYS})
    temperature = _number(tree["temperature"])
    check(scorer, temperature)
    info = _info(tree["info"], arrays["training_hashes"])
    if "hashtag_words" in arrays:
        writer = info.versions.get("stance-detect", "0.1.0")
        raise ModelError(
            f"it splits hashtags into words, which this version cannot; use stance-detect {writer}, which wrote it,"
            " or train again"
        )
    if len(info.targets) != len(scorer.intercepts):
        raise ModelError(f"{len(info.targets)} targets and weights for {len(scorer.intercepts)}")
    return scorer, info, temperature


def _block(facts: dict[str, Any]) -> Block:
    low, high = facts["ngrams"]
    ngrams = int(low), int(high)
    return Block(facts["kind"], ngrams, bool(facts["sublinear"]), float(facts["weight"]), int(facts["size"]))


def _info(facts: dict[str, Any], hashes: npt.NDArray[np.uint64]) -> RunInfo:
    known = {field.name for field in fields(RunInfo)}
    facts = {name: value for name, value in facts.items() if name in known}
    for name in ("targets", "titles"):
        facts[name] = tuple(facts[name])
    for name in ("scores", "target_scores", "counts"):
        facts[name] = {str(key): tuple(map(_number, value)) for key, value in facts[name].items()}
    facts["versions"] = {str(key): str(value) for key, value in facts["versions"].items()}
    names = [
        *facts["versions"].values(),
        facts["name"],
        facts["fingerprint"],
        *facts["targets"],
        *facts["titles"],
        *facts["scores"],
        *facts["counts"],
    ]
    # A name is printed; control characters in it would act on the terminal.
    _require(all(isinstance(name, str) and name.isprintable() for name in names), "a name that cannot be printed")
    whole = all(type(facts[name]) is int for name in ("seed", "n_texts", "n_groups"))
    _require(whole, "sizes that are no whole numbers")
    n_targets = len(set(facts["targets"]))
    _require(n_targets == len(facts["targets"]) == len(facts["titles"]), "targets without a title each")
    return RunInfo(**facts, training_hashes=frozenset(f"{number:016x}" for number in hashes.tolist()))


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return value


def _digest(tree: Mapping[str, Any], arrays: Arrays) -> str:
    digest = hashlib.sha256(json.dumps(tree, sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
