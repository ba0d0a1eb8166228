"""The arrays that the compiled kernel works on, and the calls to it.

`stance.model.scorer` imports this module, and with it numba, only when it pays.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stance.model import kernel

if TYPE_CHECKING:
    from stance.model.scorer import Block

Array = npt.NDArray[Any]


class Table(NamedTuple):
    """A model's arrays as the kernel takes them.

    Attributes
    ----------
    classes
        Of every code point, whether it is white space (1) or of a word (2).
    blocks, block_weights
        Shape (n_blocks, 6), columns as `stance.model.kernel` names them, and (n_blocks,).
    hashes, rows
        A hash table of the n-grams, twice as large or more: a hash, 0 where the slot is empty, and its row.
    weights
        Shape (n_ngrams, n_scores + 1): weights times IDF and, last, the IDF squared.
    """

    classes: Array
    blocks: Array
    block_weights: Array
    hashes: Array
    rows: Array
    weights: Array


class Scratch(NamedTuple):
    """What the kernel works in, for texts up to a length.

    Attributes
    ----------
    starts, stops, words, stems
        Of each word of a text: where it stands, its hash, and that of its first letters.
    asked
        Hashes to be looked up.
    counts, met
        How often each row was met in a text, and which.
    sums
        Of the weights of one block.
    """

    starts: Array
    stops: Array
    words: Array
    stems: Array
    asked: Array
    counts: Array
    met: Array
    sums: Array


def build_table(blocks: Sequence[Block], rows: Sequence[Iterable[str]], idf: Array, weights: Array) -> Table:
    """Return the table of each block's n-grams, in the order of the rows of `idf` and `weights`."""
    ngrams = list(chain.from_iterable(rows))
    stops = list(accumulate(block.size for block in blocks))
    settings = np.asarray([
        (kernel.KINDS.index(block.kind), *block.ngrams, block.sublinear, stop - block.size, stop)
        for block, stop in zip(blocks, stops, strict=True)
    ])  # fmt: skip
    # What is met often stands together, and so in the processor's caches.
    order = np.concatenate([
        stop - block.size + np.argsort(idf[stop - block.size : stop], kind="stable")
        for block, stop in zip(blocks, stops, strict=True)
    ])  # fmt: skip
    idf = idf[order].astype(np.float64)
    weights = weights.reshape(len(idf), math.prod(weights.shape[1:]))[order] * idf[:, np.newaxis]
    size = 1 << max(4, (2 * len(idf)).bit_length())
    table = Table(
        classes=_classes(),
        blocks=settings,
        block_weights=np.asarray([block.weight for block in blocks], np.float64),
        hashes=np.zeros(size, np.uint64),
        rows=np.empty(size, np.uint32),
        weights=np.column_stack([weights, idf**2]),
    )
    kernel.fill(*_encoded([ngrams[i] for i in order.tolist()]), table)
    return table


def add_scores(table: Table, texts: Sequence[str], out: Array) -> None:
    """Add the scores of prepared texts to `out`, of shape (n_texts, n_scores)."""
    codes, starts = _encoded(texts)
    longest = int(np.diff(starts).max(initial=0))
    n_words, n_ngrams = longest // 2 + 1, len(table.weights)
    at_once = min(longest + 2, int(table.blocks[:, kernel.HIGH].max(initial=0)))  # n-grams that start at one position
    scratch = Scratch(
        starts=np.empty(n_words, np.int64),
        stops=np.empty(n_words, np.int64),
        words=np.empty(n_words, np.uint64),
        stems=np.empty(n_words, np.uint64),
        asked=np.empty(kernel.TOGETHER + at_once, np.uint64),
        counts=np.zeros(n_ngrams, np.uint32),
        met=np.empty(n_ngrams + 1, np.uint32),
        sums=np.empty(out.shape[1]),
    )
    kernel.score(codes, starts, table, scratch, out)


@cache
def _classes() -> npt.NDArray[np.uint8]:
    """Return the class of every code point, as `re` has it."""
    characters = "".join(map(chr, range(0x110000)))
    classes = np.zeros(len(characters), np.uint8)
    for bit, pattern in ((kernel.SPACE, r"\s+"), (kernel.WORD, r"\w+")):
        for match in re.finditer(pattern, characters):
            classes[match.start() : match.end()] = bit
    return classes


def _encoded(texts: Sequence[str]) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    """Return the code points of all texts, and where each text starts in them, and the end."""
    codes = "".join(texts).encode(f"utf-32-{sys.byteorder[0]}e", "surrogatepass")
    return np.frombuffer(codes, np.uint32), np.cumsum([0, *map(len, texts)])
