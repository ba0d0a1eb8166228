"""Flat arrays to scores: a plain reference, and a compiled kernel for many texts.

The features are those of `stance.training.features`: for each block, n-grams counted, damped if sublinear,
times IDF, divided by their Euclidean norm, times the block's weight. Scores are linear in them.
"""

from __future__ import annotations

import logging
import math
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache, cached_property
from importlib.util import find_spec
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from stance.errors import ModelError
from stance.text.hashtags import split_hashtags
from stance.text.negation import mark_negated

Floats = npt.NDArray[np.float64]

logger = logging.getLogger(__name__)

#: So many texts, in one call or in all so far, are worth loading the compiled kernel for (0.6 s, what the
#: reference takes for 3,000; the first use of all compiles it, ten times as long); once it is
#: there, a few are worth calling it for.
KERNEL_FROM = 5000
_KERNEL_LOADED_FROM = 20
_SMALLEST_PART = 500
# Characters; a longer text's counts might not fit the kernel's.
_LONGEST_TEXT = 1 << 28

_TOKENS = re.compile(r"\w+")


@dataclass(frozen=True)
class Block:
    """One kind of n-grams.

    Attributes
    ----------
    kind
        ``"word"``: n-grams of words (runs of ``\\w``), joined by a blank; ``"char"``: of the characters
        of each word between white space, with a blank before and after it; ``"pair"``: of two words near each
        other, cut to their first letters, in alphabetical order and joined by a blank.
    ngrams
        (shortest, longest); of pairs (letters kept, how many words apart at most).
    sublinear
        Whether a count c counts 1 + ln c.
    weight
        What the block is multiplied by.
    size
        Number of its n-grams in the vocabulary.
    """

    kind: Literal["word", "char", "pair"]
    ngrams: tuple[int, int]
    sublinear: bool
    weight: float
    size: int


@dataclass(frozen=True, eq=False)
class Scorer:
    """A linear model over TF-IDF as arrays; the blocks' n-grams follow each other.

    Attributes
    ----------
    blocks
        Whose sizes add up to n_ngrams.
    lowercase
        Whether texts are lower-cased first, as `str.lower` does.
    vocabulary
        UTF-8 bytes of all n-grams, one after the other; lone surrogates as they are.
    offsets
        Where each n-gram starts, and the end: int64 of shape (n_ngrams + 1,).
    idf
        Shape (n_ngrams,).
    weights
        Shape (n_ngrams, n_targets, 3), LABELS order.
    intercepts
        Shape (n_targets, 3); minus infinity for a label that is never given.
    hashtag_words
        Words to split hashtags into and how many texts hold each; empty leaves hashtags alone.
    negation
        How many words after a negation are marked (`stance.text.negation`).
    """

    blocks: tuple[Block, ...]
    lowercase: bool
    vocabulary: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]
    idf: npt.NDArray[Any]
    weights: npt.NDArray[Any]
    intercepts: Floats
    hashtag_words: Mapping[str, int] = field(default_factory=dict)
    negation: int = 0

    def __getstate__(self) -> dict[str, Any]:
        return {part.name: getattr(self, part.name) for part in fields(self)}  # and nothing that was worked out

    @cached_property
    def ngrams(self) -> list[str]:
        """Every n-gram."""
        text = self.vocabulary.tobytes().decode("utf-8", "surrogatepass")
        # Bytes of the form 10xxxxxx continue a character; places in bytes become places in characters.
        starts = np.concatenate([[0], np.cumsum((self.vocabulary & 0xC0) != 0x80)])
        places = starts[self.offsets].tolist()
        return [text[a:b] for a, b in pairwise(places)]

    @cached_property
    def rows(self) -> list[dict[str, int]]:
        """For each block, the row of each n-gram."""
        ends = np.cumsum([block.size for block in self.blocks]).tolist()
        rows = [
            dict(zip(self.ngrams[end - block.size : end], range(end - block.size, end), strict=True))
            for block, end in zip(self.blocks, ends, strict=True)
        ]
        if any(len(known) < block.size for known, block in zip(rows, self.blocks, strict=True)):
            raise _twice()
        return rows

    @cached_property
    def compiled(self) -> tuple[Any, ...]:
        """The arrays as the kernel wants them, frequent n-grams first."""
        from stance.model import kernel

        starts = np.cumsum([0, *(block.size for block in self.blocks)])
        blocks = [
            (kernel.KINDS.index(block.kind), *block.ngrams, block.sublinear, start, start + block.size)
            for block, start in zip(self.blocks, starts.tolist(), strict=False)
        ]
        # What is met often stands together, and so in the processor's caches.
        order = np.concatenate([
            start + np.argsort(self.idf[start : start + block.size], kind="stable")
            for block, start in zip(self.blocks, starts.tolist(), strict=False)
        ])  # fmt: skip
        idf = self.idf[order].astype(np.float64)
        weights = self.weights.reshape(len(idf), -1)[order] * idf[:, np.newaxis]
        size = 1 << max(4, (2 * len(idf)).bit_length())
        table = np.zeros(size, np.uint8), np.empty(size, np.uint32)
        sizes = np.diff(self.offsets)[order]
        places = np.concatenate([[0], np.cumsum(sizes)])
        vocabulary = self.vocabulary[np.repeat(self.offsets[:-1][order] - places[:-1], sizes) + np.arange(places[-1])]
        places = places.astype(np.uint32)
        numbers = np.asarray(blocks, np.int64)
        if not kernel.build(numbers, *table, vocabulary, places):
            raise _twice()
        return (
            numbers,
            np.asarray([block.weight for block in self.blocks], np.float64),
            table,
            vocabulary,
            places,
            np.ascontiguousarray(np.column_stack([weights, idf**2])),
        )

    @cached_property
    def memories(self) -> list[Any]:
        """Words that finished calls of the kernel remember; each thread takes one and gives it back."""
        return []

    def prepared(self, texts: Sequence[str]) -> Sequence[str]:
        """Return the texts as the n-grams are taken from them."""
        if self.hashtag_words:
            texts = [split_hashtags(text, self.hashtag_words) for text in texts]
        texts = [text.lower() for text in texts] if self.lowercase else texts
        return [mark_negated(text, self.negation) for text in texts] if self.negation else texts


def _twice() -> ModelError:
    return ModelError("no usable model: an n-gram stands twice in its vocabulary")


def scores(scorer: Scorer, texts: Sequence[str], *, n_threads: int | None = None) -> Floats:
    """Return scores of shape (n_texts, n_targets, 3), by the kernel where it pays and is to be had.

    Parameters
    ----------
    n_threads
        Threads of the kernel; by default every core.
    """
    if _use.kernel(len(texts)) and max(map(len, texts)) <= _LONGEST_TEXT:
        return kernel_scores(scorer, texts, n_threads=n_threads)
    return reference_scores(scorer, texts)


class _Use:
    """Whether the kernel is to be had, and how much work has gone without it."""

    def __init__(self) -> None:
        self.done = 0
        self.reason: str | None = None

    def kernel(self, n_texts: int) -> bool:
        if "stance.model.kernel" in sys.modules and kernel_missing() is None:
            return n_texts >= _KERNEL_LOADED_FROM
        self.done += n_texts
        if self.done < KERNEL_FROM:
            return False
        missing = kernel_missing()
        if missing and missing != self.reason:
            logger.warning("%s: scoring goes on some fifty times slower", missing)
        self.reason = missing
        return missing is None


_use = _Use()


def kernel_missing() -> str | None:
    """Return why the compiled kernel cannot be used, or None."""
    if os.environ.get("STANCE_NUMBA") == "0":
        return "the compiled kernel is switched off (STANCE_NUMBA=0)"
    if find_spec("numba") is None:
        return "numba is not installed (pip install 'stance-detect[fast]')"
    return None


def reference_scores(scorer: Scorer, texts: Sequence[str]) -> Floats:
    """Return scores of shape (n_texts, n_targets, 3) by plain Python and NumPy."""
    n_targets, n_labels = scorer.intercepts.shape
    weights = scorer.weights.reshape(-1, n_targets * n_labels)
    result = np.tile(scorer.intercepts.ravel(), (len(texts), 1))
    for text, scores in zip(scorer.prepared(texts), result, strict=True):
        for block, known in zip(scorer.blocks, scorer.rows, strict=True):
            counts = Counter(known[ngram] for ngram in ngrams(text, block) if ngram in known)
            row = np.fromiter(counts, np.int64, len(counts))
            values = np.fromiter(counts.values(), np.float64, len(counts))
            values = (1.0 + np.log(values) if block.sublinear else values) * scorer.idf[row]
            if norm := math.sqrt(values @ values):
                scores += block.weight / norm * (values @ weights[row])
    return result.reshape(-1, n_targets, n_labels)


def ngrams(text: str, block: Block) -> Iterator[str]:
    """Yield a prepared text's n-grams of one block, exactly as scikit-learn's vectorizers do."""
    shortest, longest = block.ngrams
    if block.kind == "word":
        words = _TOKENS.findall(text)
        for n in range(shortest, min(longest, len(words)) + 1):
            for i in range(len(words) - n + 1):
                yield " ".join(words[i : i + n])
        return
    if block.kind == "pair":
        for ngram, _, _ in pairs(_TOKENS.findall(text), letters=shortest, apart=longest):
            yield ngram
        return
    for word in text.split():
        padded = f" {word} "
        for n in range(shortest, longest + 1):
            if n >= len(padded):  # counted whole, once
                yield padded
                break
            for i in range(len(padded) - n + 1):
                yield padded[i : i + n]


def pairs(words: Sequence[str], *, letters: int, apart: int) -> Iterator[tuple[str, int, int]]:
    """Yield every two words at most so far apart, cut to their first letters, and the places of the two.

    "condemn shield" and "shield condemned" are both "conde shiel": sparse bigrams (Siefkes et al. 2004), but of
    stems and without their order and distance.
    """
    stems = [word[:letters] for word in words]
    for i, stem in enumerate(stems):
        for j in range(i + 1, min(i + 1 + apart, len(stems))):
            yield f"{stem} {stems[j]}" if stem <= stems[j] else f"{stems[j]} {stem}", i, j


def kernel_scores(scorer: Scorer, texts: Sequence[str], *, n_threads: int | None = None) -> Floats:
    """Return what `reference_scores` returns, by the compiled kernel on `n_threads` (default: every core)."""
    from stance.model import kernel

    result = np.tile(scorer.intercepts.ravel(), (len(texts), 1))
    blocks, block_weights, table, vocabulary, places, weights = scorer.compiled
    classes = character_classes()

    def work(part: slice) -> None:
        prepared = scorer.prepared(texts[part])
        try:
            raw = [text.encode() for text in prepared]
        except UnicodeEncodeError:  # lone surrogates
            raw = [text.encode("utf-8", "surrogatepass") for text in prepared]
        bounds = np.zeros(len(raw) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, raw), np.int64, len(raw)), out=bounds[1:])
        try:
            memory = scorer.memories.pop()
        except IndexError:
            memory = kernel.memory(len(blocks), weights.shape[1], blocks[:, kernel.LONGEST].max())
        kernel.score(
            np.frombuffer(b"".join(raw), np.uint8), bounds, classes, blocks, block_weights, table, vocabulary, places,
            weights, memory, result[part],
        )  # fmt: skip
        scorer.memories.append(memory)

    n_threads = n_threads or _cores()
    # Several parts a thread, so that one's texts are made ready, under Python's lock, while others' are scored.
    size = max(-(-len(texts) // (n_threads if n_threads == 1 else 4 * n_threads)), _SMALLEST_PART)
    parts = [slice(start, start + size) for start in range(0, len(texts), size)]
    if len(parts) == 1:
        work(parts[0])
    elif parts:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(work, parts))
    return result.reshape(-1, *scorer.intercepts.shape)


def pruned(scorer: Scorer, fraction: float) -> Scorer:
    """Return the scorer less a fraction of its n-grams, those of least weight.

    An n-gram weighs the Euclidean norm, over targets and labels, of its weights less their mean over
    the labels (which no probability depends on), times its IDF.
    """
    weights = scorer.weights.astype(np.float64)
    given = np.isfinite(scorer.intercepts)
    mean = (weights * given).sum(axis=2, keepdims=True) / given.sum(axis=1)[:, np.newaxis]
    push = np.sqrt((((weights - mean) * given) ** 2).sum(axis=(1, 2))) * scorer.idf
    kept = np.sort(np.argsort(-push, kind="stable")[: len(push) - int(fraction * len(push))])
    sizes = np.diff(scorer.offsets)
    ends = np.cumsum([block.size for block in scorer.blocks])
    held = np.diff(np.searchsorted(kept, [0, *ends]))
    return replace(
        scorer,
        blocks=tuple(replace(block, size=int(n)) for block, n in zip(scorer.blocks, held, strict=True)),
        vocabulary=scorer.vocabulary[np.repeat(np.isin(np.arange(len(sizes)), kept), sizes)],
        offsets=np.concatenate([[0], np.cumsum(sizes[kept])]).astype(np.int64),
        idf=scorer.idf[kept],
        weights=scorer.weights[kept],
    )


def rounded(scorer: Scorer, dtype: str) -> Scorer:
    """Return the scorer with weights of another float type, and IDF of the same but at least float32."""
    return replace(
        scorer,
        weights=scorer.weights.astype(dtype),
        idf=scorer.idf.astype(np.promote_types(dtype, np.float32)),
    )


@cache
def character_classes() -> npt.NDArray[np.uint8]:
    """Return of every code point whether it is white space (1) or of a word (2), as `re` has it."""
    every = "".join(map(chr, range(0x110000)))
    classes = np.zeros(len(every), np.uint8)
    for bit, pattern in enumerate((r"\s+", r"\w+")):
        for match in re.finditer(pattern, every):
            classes[match.start() : match.end()] = 1 << bit
    return classes


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
