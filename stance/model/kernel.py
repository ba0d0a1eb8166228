"""The compiled kernel: code points to scores, without Python's lock.

For each text and block the n-grams are hashed, looked up in a hash table of the vocabulary and counted; then the
weights of the rows that were met are added up. The 64-bit hash stands for the n-gram: one that is not in the vocabulary
is taken for one that is with a probability of the vocabulary's size / 2**64, one in 10**14 for 10**5 n-grams.
`stance.model.table` says what the arrays hold; `stance.model.scorer` has the plain reference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

Function = TypeVar("Function", bound=Callable[..., Any])

KINDS = ("word", "char", "pair")
_WORD_BLOCK, _CHAR_BLOCK, _PAIR_BLOCK = range(len(KINDS))
# The columns of `Table.blocks`: its kind, its two numbers, whether it is sublinear, where its rows start and end.
KIND, LOW, HIGH, SUBLINEAR, START, STOP = range(6)
# Classes of characters.
SPACE, WORD = 1, 2
# From so many hashes on they are looked up, together: the processor waits for them all at once.
TOGETHER = 1024

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_WORD_SEED = np.uint64(0xFF51AFD7ED558CCD)
_BLOCK_SEED = np.uint64(0xD6E8FEB86659FD93)
_0, _1, _32 = np.uint64(0), np.uint64(1), np.uint64(32)
_BLANK = np.uint32(32)


def _compiled(function: Function) -> Function:
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        return cast("Function", numba.njit(cache=True, **options)(function))
    except RuntimeError:  # there is no folder to keep compiled code in
        return cast("Function", numba.njit(**options)(function))


@_compiled
def _mixed(h: Any, value: Any) -> Any:
    """Return a hash with one more value in it: a code point, or the hash of a word."""
    h = (h ^ np.uint64(value)) * _MULTIPLIER
    return h ^ (h >> _32)


@_compiled
def _word_hash(codes: Any, start: Any, stop: Any) -> Any:
    h = _WORD_SEED
    for i in range(start, stop):
        h = _mixed(h, codes[i])
    return h


@_compiled
def _seed(block: Any) -> Any:
    """Return what the hashes of a block's n-grams start from."""
    return np.uint64(block + 1) * _BLOCK_SEED


@_compiled
def _pair_hash(seed: Any, one: Any, other: Any) -> Any:
    """Return the hash of two words' hashes, the same whichever comes first."""
    return _mixed(_mixed(seed, min(one, other)), max(one, other))


@_compiled
def _ordered(codes: Any, start: Any, middle: Any, stop: Any) -> Any:
    """Tell whether the word before the blank in the middle is the first of the two in the alphabet, or the same."""
    for k in range(min(middle - start, stop - middle - 1)):
        one, other = codes[start + k], codes[middle + 1 + k]
        if one != other:
            return one < other
    return middle - start <= stop - middle - 1


@_compiled
def _ngram_hash(seed: Any, kind: Any, codes: Any, start: Any, stop: Any) -> Any:
    """Return the hash of an n-gram of the vocabulary; 0, as of an empty slot, for a pair that no text can have."""
    h, first, n = seed, _0, 0
    if kind == _CHAR_BLOCK:
        for i in range(start, stop):
            h = _mixed(h, codes[i])
        return h
    while start <= stop:
        blank = start
        while blank < stop and codes[blank] != _BLANK:
            blank += 1
        word = _word_hash(codes, start, blank)
        if kind == _WORD_BLOCK:
            h = _mixed(h, word)
        elif n == 0:
            first = word
            if blank == stop or not _ordered(codes, start, blank, stop):
                return _0
        else:
            h = _pair_hash(h, first, word)
        start = blank + 1
        n += 1
    return h


@_compiled
def fill(codes: Any, starts: Any, table: Any) -> None:
    """Fill the hash table with the vocabulary, of which `codes` are the code points and `starts` begin each row."""
    mask = np.uint64(len(table.hashes) - 1)
    for b in range(len(table.blocks)):
        for row in range(table.blocks[b, START], table.blocks[b, STOP]):
            h = _ngram_hash(_seed(b), table.blocks[b, KIND], codes, starts[row], starts[row + 1])
            slot = h & mask
            while table.hashes[slot] != _0:
                slot = (slot + _1) & mask
            table.hashes[slot], table.rows[slot] = h, row


@_compiled
def _words(codes: Any, i: Any, stop: Any, classes: Any, scratch: Any) -> Any:
    """Note where each word of a text starts and ends, and its hash; return how many there are."""
    n = 0
    while i < stop:
        start, h = i, _WORD_SEED
        while i < stop and classes[codes[i]] == WORD:
            h = _mixed(h, codes[i])
            i += 1
        if i > start:
            scratch.starts[n], scratch.stops[n], scratch.words[n] = start, i, h
            n += 1
        i += 1
    return n


@_compiled
def _count(n: Any, table: Any, scratch: Any, n_met: Any) -> Any:
    """Count the rows of the n hashes asked for, note those not met before in this text; return how many are noted."""
    mask = np.uint64(len(table.hashes) - 1)
    for i in range(n):
        h = scratch.asked[i]
        slot = h & mask
        while table.hashes[slot] != _0 and table.hashes[slot] != h:
            slot = (slot + _1) & mask
        if table.hashes[slot] == h:
            row = table.rows[slot]
            scratch.met[n_met] = row
            n_met += scratch.counts[row] == 0
            scratch.counts[row] += 1
    return n_met


# Each of these counts the n-grams of one text and block, and returns how many different ones it noted.


@_compiled
def _count_words(n_words: Any, seed: Any, shortest: Any, longest: Any, table: Any, scratch: Any) -> Any:
    n = n_met = 0
    for i in range(n_words):
        h = seed
        for k in range(min(longest, n_words - i)):
            h = _mixed(h, scratch.words[i + k])
            scratch.asked[n] = h
            n += k + 1 >= shortest
        if n >= TOGETHER:
            n_met = _count(n, table, scratch, n_met)
            n = 0
    return _count(n, table, scratch, n_met)


@_compiled
def _count_pairs(codes: Any, n_words: Any, seed: Any, letters: Any, apart: Any, table: Any, scratch: Any) -> Any:
    n = n_met = 0
    for i in range(n_words):
        start = scratch.starts[i]
        stem = scratch.stems[i] = _word_hash(codes, start, min(scratch.stops[i], start + letters))
        for j in range(max(0, i - apart), i):
            scratch.asked[n] = _pair_hash(seed, stem, scratch.stems[j])
            n += 1
        if n >= TOGETHER:
            n_met = _count(n, table, scratch, n_met)
            n = 0
    return _count(n, table, scratch, n_met)


@_compiled
def _count_characters(
    codes: Any, i: Any, stop: Any, seed: Any, shortest: Any, longest: Any, table: Any, scratch: Any
) -> Any:
    n = n_met = 0
    while i < stop:
        first = i
        while i < stop and table.classes[codes[i]] != SPACE:
            i += 1
        length = i - first + 2  # with the blanks before and after
        for start in range(length if i > first else 0):
            h = seed
            for k in range(start, min(start + longest, length)):
                h = _mixed(h, _BLANK if k == 0 or k == length - 1 else codes[first + k - 1])
                scratch.asked[n] = h
                # What is shorter than the shortest n-gram is one itself.
                n += k - start + 1 >= min(shortest, length)
            if n >= TOGETHER:
                n_met = _count(n, table, scratch, n_met)
                n = 0
        i += 1
    return _count(n, table, scratch, n_met)


@_compiled
def _add_block(b: Any, n_met: Any, table: Any, scratch: Any, out: Any) -> None:
    """Add what the counted rows of a block give to one text's scores, and leave all counts at 0."""
    n_scores = len(out)
    sums, square = scratch.sums, 0.0
    sums[:] = 0.0
    for i in range(n_met):
        row = scratch.met[i]
        value = np.float64(scratch.counts[row])
        scratch.counts[row] = 0
        if table.blocks[b, SUBLINEAR] and value > 1.0:
            value = 1.0 + np.log(value)
        for k in range(n_scores):
            sums[k] += value * table.weights[row, k]
        square += value * value * table.weights[row, n_scores]
    if square > 0.0:
        scale = table.block_weights[b] / np.sqrt(square)
        for k in range(n_scores):
            out[k] += scale * sums[k]


@_compiled
def score(codes: Any, starts: Any, table: Any, scratch: Any, out: Any) -> None:
    """Add the scores of texts to `out`; `codes` are their code points and `starts` begin each text."""
    for t in range(len(out)):
        start, stop = starts[t], starts[t + 1]
        n_words = _words(codes, start, stop, table.classes, scratch)
        for b in range(len(table.blocks)):
            kind, low, high = table.blocks[b, KIND], table.blocks[b, LOW], table.blocks[b, HIGH]
            if kind == _WORD_BLOCK:
                n_met = _count_words(n_words, _seed(b), low, high, table, scratch)
            elif kind == _PAIR_BLOCK:
                n_met = _count_pairs(codes, n_words, _seed(b), low, high, table, scratch)
            else:
                n_met = _count_characters(codes, start, stop, _seed(b), low, high, table, scratch)
            _add_block(b, n_met, table, scratch, out[t])
