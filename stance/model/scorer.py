"""A linear model over TF-IDF as arrays, and the scores it gives: by plain Python, or by the compiled kernel.

The features of a text (`stance.text.features`) are counted; a feature met c times has the value (1 + ln c) times its
IDF, divided by the Euclidean norm of the values of its kind. Scores are linear in these values.
"""

from __future__ import annotations

import logging
import math
import os
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import cache, cached_property
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from stance.errors import ModelError
from stance.text.features import features

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

logger = logging.getLogger(__name__)

#: Loading the kernel takes as long as plain Python takes for 2,000 texts, and several times as long on its first use
#: of all, when it is compiled. So it is loaded when this many texts have been scored, in one call or in several.
KERNEL_FROM = 2000
_KERNEL = "stance.model.kernel"
# Texts that a thread scores at once, at least.
_SMALLEST_CHUNK = 500
# Characters; for a longer text the kernel would ask for more than 300 MB to work in.
_LONGEST_TEXT = 1 << 20


@dataclass(frozen=True, eq=False)
class Scorer:
    """The arrays of a model; a row is a feature, the anchored ones first.

    Attributes
    ----------
    mentions
        For each target the terms that name it.
    vocabulary
        UTF-8 bytes of all features, one after the other; lone surrogates as they are.
    offsets
        Where each feature starts in `vocabulary`, and the end: int64 of shape (n_features + 1,).
    idf
        Shape (n_features,).
    anchored
        Weights of the anchored features, the same for every target: shape (n_anchored, 3), LABELS order.
    own
        Weights of the own features, shape (n_own, n_targets, 3).
    intercepts
        Shape (n_targets, 3); minus infinity for a label that is never given.
    """

    mentions: tuple[tuple[str, ...], ...]
    vocabulary: npt.NDArray[np.uint8]
    offsets: Rows
    idf: npt.NDArray[Any]
    anchored: npt.NDArray[Any]
    own: npt.NDArray[Any]
    intercepts: Floats

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}  # without the cached properties

    @cached_property
    def names(self) -> list[str]:
        """Every feature, in the order of the rows."""
        text = self.vocabulary.tobytes().decode("utf-8", "surrogatepass")
        # Bytes of the form 10xxxxxx continue a character; positions in bytes become positions in characters.
        starts = np.concatenate([[0], np.cumsum((self.vocabulary & 0xC0) != 0x80)])
        return [text[a:b] for a, b in pairwise(starts[self.offsets].tolist())]

    @cached_property
    def rows(self) -> dict[str, int]:
        """The row of each feature."""
        rows = {name: row for row, name in enumerate(self.names)}
        if len(rows) < len(self.idf):
            raise ModelError("no usable model: a feature stands twice in its vocabulary")
        return rows

    @cached_property
    def table(self) -> Any:
        """The arrays as the kernel takes them."""
        return import_module(_KERNEL).build_table(self)

    def values(self, names: Iterable[str]) -> tuple[Rows, Floats]:
        """Return the rows of the known ones among the features of one kind that a text has, and their values."""
        rows = np.fromiter((row for name in names if (row := self.rows.get(name)) is not None), np.int64)
        rows, counts = np.unique(rows, return_counts=True)
        values: Floats = (1.0 + np.log(counts)) * self.idf[rows]
        norm = math.sqrt(values @ values)
        return rows, values / norm if norm else values


def scores(scorer: Scorer, texts: Sequence[str], *, n_threads: int | None = None) -> Floats:
    """Return scores of shape (n_texts, n_targets, 3), by the kernel where it pays and can be used.

    `n_threads` are the kernel's; by default every core.
    """
    if _kernel_pays(len(texts)) and max(map(len, texts), default=0) <= _LONGEST_TEXT:
        return kernel_scores(scorer, texts, n_threads=n_threads)
    return reference_scores(scorer, texts)


def reference_scores(scorer: Scorer, texts: Sequence[str]) -> Floats:
    """Return scores of shape (n_texts, n_targets, 3) by plain Python and NumPy."""
    result = np.tile(scorer.intercepts, (len(texts), 1, 1))
    for text, out in zip(texts, result, strict=True):
        _, own, anchored = features(text, scorer.mentions)
        rows, values = scorer.values(name for name, _ in own)
        out += np.tensordot(values, scorer.own[rows - len(scorer.anchored)].astype(float), 1)
        for target, each in enumerate(anchored):
            rows, values = scorer.values(name for name, _ in each)
            out[target] += values @ scorer.anchored[rows].astype(float)
    return result


def kernel_scores(scorer: Scorer, texts: Sequence[str], *, n_threads: int | None = None) -> Floats:
    """Return what `reference_scores` returns, by the compiled kernel on `n_threads` (default: every core)."""
    table, add_scores = scorer.table, import_module(_KERNEL).add_scores
    result = np.tile(scorer.intercepts, (len(texts), 1, 1))

    def work(chunk: slice) -> None:
        add_scores(table, texts[chunk], result[chunk])

    n_threads = n_threads or _cores()
    # Several chunks a thread, so that one's texts are made ready, under Python's lock, while others' are scored.
    size = max(-(-len(texts) // (n_threads if n_threads == 1 else 4 * n_threads)), _SMALLEST_CHUNK)
    chunks = [slice(start, start + size) for start in range(0, len(texts), size)]
    if len(chunks) > 1 and n_threads > 1:
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(work, chunks))
    else:
        for chunk in chunks:
            work(chunk)
    return result


def kernel_missing() -> str | None:
    """Return why the compiled kernel cannot be used, or None; to find out, it is loaded."""
    if os.environ.get("STANCE_NUMBA") == "0":
        return "the compiled kernel is switched off (STANCE_NUMBA=0)"
    return _import_fault()


_n_without_kernel = 0


def _kernel_pays(n_texts: int) -> bool:
    """Tell whether to score so many more texts by the kernel; warn once if that would pay and cannot be."""
    global _n_without_kernel
    if _KERNEL not in sys.modules:
        _n_without_kernel += n_texts
        if _n_without_kernel < KERNEL_FROM:
            return False
    reason = kernel_missing()
    if reason:
        _warn_once(reason)
    return reason is None


@cache
def _import_fault() -> str | None:
    try:
        import_module(_KERNEL)
    except Exception as error:  # numba may be installed and not work with this processor or NumPy
        return f"numba cannot be imported ({type(error).__name__}: {error})"
    return None


@cache
def _warn_once(reason: str) -> None:
    logger.warning("%s: scoring goes on in plain Python, some fifty times slower", reason)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
