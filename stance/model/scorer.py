"""A linear model over TF-IDF as arrays, and the scores it gives: by plain Python, or by the compiled kernel.

Of each block of features the n-grams are counted, damped if sublinear, multiplied by IDF, divided by their Euclidean
norm and multiplied by the block's weight. Scores are linear in these values.
"""

from __future__ import annotations

import logging
import math
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import cache, cached_property
from importlib import import_module
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from stance.errors import ModelError
from stance.text.ngrams import GENERATORS, Spans
from stance.text.preparation import prepare

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

logger = logging.getLogger(__name__)

#: Loading the kernel takes as long as plain Python takes for 2,000 texts, and several times as long on its first use
#: of all, when it is compiled. So it is loaded when this many texts have been scored, in one call or in several.
KERNEL_FROM = 5000
_KERNEL = "stance.model.table"  # which imports the kernel
# Texts that a thread scores at once, at least.
_SMALLEST_CHUNK = 500
# Characters; of a longer text the kernel could not count the n-grams in 32 bits.
_LONGEST_TEXT = 1 << 28


@dataclass(frozen=True)
class Block:
    """One kind of n-grams.

    Attributes
    ----------
    kind
        A key of `stance.text.ngrams.GENERATORS`.
    ngrams
        The generator's two numbers: (shortest, longest), or of pairs (letters, apart).
    sublinear
        Whether a count c counts 1 + ln c.
    weight
        What the block is multiplied by.
    size
        Number of its n-grams in the vocabulary.
    """

    kind: str
    ngrams: tuple[int, int]
    sublinear: bool
    weight: float
    size: int


@dataclass(frozen=True, eq=False)
class Scorer:
    """The arrays of a model; a row is an n-gram, and the blocks' n-grams follow each other.

    Attributes
    ----------
    blocks
        Their sizes add up to n_ngrams.
    lowercase, negation
        How texts are prepared (`stance.text.preparation.prepare`).
    vocabulary
        UTF-8 bytes of all n-grams, one after the other; lone surrogates as they are.
    offsets
        Where each n-gram starts in `vocabulary`, and the end: int64 of shape (n_ngrams + 1,).
    idf
        Shape (n_ngrams,).
    weights
        Shape (n_ngrams, n_targets, 3), LABELS order.
    intercepts
        Shape (n_targets, 3); minus infinity for a label that is never given.
    """

    blocks: tuple[Block, ...]
    lowercase: bool
    negation: int
    vocabulary: npt.NDArray[np.uint8]
    offsets: Rows
    idf: npt.NDArray[Any]
    weights: npt.NDArray[Any]
    intercepts: Floats

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}  # without the cached properties

    @cached_property
    def ngrams(self) -> list[str]:
        """Every n-gram, in the order of the rows."""
        text = self.vocabulary.tobytes().decode("utf-8", "surrogatepass")
        # Bytes of the form 10xxxxxx continue a character; positions in bytes become positions in characters.
        starts = np.concatenate([[0], np.cumsum((self.vocabulary & 0xC0) != 0x80)])
        return [text[a:b] for a, b in pairwise(starts[self.offsets].tolist())]

    @cached_property
    def rows(self) -> list[dict[str, int]]:
        """For each block, the row of each n-gram."""
        stops = list(accumulate(block.size for block in self.blocks))
        rows = [
            dict(zip(self.ngrams[stop - block.size : stop], range(stop - block.size, stop), strict=True))
            for block, stop in zip(self.blocks, stops, strict=True)
        ]
        if any(len(known) < block.size for known, block in zip(rows, self.blocks, strict=True)):
            raise ModelError("no usable model: an n-gram stands twice in its vocabulary")
        return rows

    @cached_property
    def table(self) -> Any:
        """The arrays as the kernel takes them, a `stance.model.table.Table`."""
        return import_module(_KERNEL).build_table(self.blocks, self.rows, self.idf, self.weights)

    def prepared(self, text: str) -> str:
        """Return a text as its n-grams are taken from it."""
        return prepare(text, lowercase=self.lowercase, negation=self.negation)

    def known_ngrams(self, number: int, prepared: str) -> Iterator[tuple[int, Spans]]:
        """Yield the row and the spans of each n-gram of a prepared text that is in a block's vocabulary."""
        block, rows = self.blocks[number], self.rows[number]
        for ngram, spans in GENERATORS[block.kind](prepared, *block.ngrams):
            if (row := rows.get(ngram)) is not None:
                yield row, spans

    def tfidf(self, number: int, rows: Rows, counts: Rows) -> Floats:
        """Return the values, shape (n_rows,), of a block's n-grams that a text has so many times each."""
        block = self.blocks[number]
        frequencies = 1.0 + np.log(counts) if block.sublinear else counts.astype(np.float64)
        values: Floats = frequencies * self.idf[rows]
        norm = math.sqrt(values @ values)
        return values * (block.weight / norm) if norm else values


def scores(scorer: Scorer, texts: Sequence[str], *, n_threads: int | None = None) -> Floats:
    """Return scores of shape (n_texts, n_targets, 3), by the kernel where it pays and can be used.

    `n_threads` are the kernel's; by default every core.
    """
    if _kernel_pays(len(texts)) and max(map(len, texts), default=0) <= _LONGEST_TEXT:
        return kernel_scores(scorer, texts, n_threads=n_threads)
    return reference_scores(scorer, texts)


def reference_scores(scorer: Scorer, texts: Sequence[str]) -> Floats:
    """Return scores of shape (n_texts, n_targets, 3) by plain Python and NumPy."""
    weights = scorer.weights.reshape(len(scorer.weights), scorer.intercepts.size)
    result = np.tile(scorer.intercepts.ravel(), (len(texts), 1))
    for text, scores in zip(map(scorer.prepared, texts), result, strict=True):
        for number in range(len(scorer.blocks)):
            met = np.fromiter((row for row, _ in scorer.known_ngrams(number, text)), np.int64)
            rows, counts = np.unique(met, return_counts=True)
            scores += scorer.tfidf(number, rows, counts) @ weights[rows]
    return result.reshape(-1, *scorer.intercepts.shape)


def kernel_scores(scorer: Scorer, texts: Sequence[str], *, n_threads: int | None = None) -> Floats:
    """Return what `reference_scores` returns, by the compiled kernel on `n_threads` (default: every core)."""
    table, add_scores = scorer.table, import_module(_KERNEL).add_scores
    result = np.tile(scorer.intercepts.ravel(), (len(texts), 1))

    def work(chunk: slice) -> None:
        add_scores(table, [scorer.prepared(text) for text in texts[chunk]], result[chunk])

    n_threads = n_threads or _cores()
    # Several chunks a thread, so that one's texts are prepared, under Python's lock, while others' are scored.
    size = max(-(-len(texts) // (n_threads if n_threads == 1 else 4 * n_threads)), _SMALLEST_CHUNK)
    chunks = [slice(start, start + size) for start in range(0, len(texts), size)]
    if len(chunks) > 1 and n_threads > 1:
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(work, chunks))
    else:
        for chunk in chunks:
            work(chunk)
    return result.reshape(-1, *scorer.intercepts.shape)


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
    logger.warning("%s: scoring goes on in plain Python, some twenty times slower", reason)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
