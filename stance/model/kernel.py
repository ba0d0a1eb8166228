"""The compiled kernel: texts in lower case to scores, without Python's lock.

It does what `stance.text` and `stance.model.scorer.reference_scores` do. A word stands for its 64-bit hash, and a
feature for a mix of those of its frame and words: one that is not in the vocabulary is taken for one that is with a
probability of the vocabulary's size / 2**64, one in 10**14 for 10**5 features. Hashes start from a number drawn anew in
each process, so that nobody can write a model or a text whose hashes meet.
"""

from __future__ import annotations

import re
import secrets
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

from stance.errors import ModelError
from stance.text.features import ALSO_OTHER, ANCHORED, APART, NEAR, OTHER, OWN, STEM, TARGET, UNNAMED
from stance.text.mentions import words_of
from stance.text.tokens import CONJUNCTIONS, MARK, NEGATIONS, REACH, STOP_WORDS

if TYPE_CHECKING:
    from stance.model.scorer import Scorer

Function = TypeVar("Function", bound=Callable[..., Any])
Array = npt.NDArray[Any]

# Classes of characters.
_LETTER, _APOSTROPHE, _SOFT_BREAK, _PERIOD, _BREAK, _QUESTION = range(1, 7)
# What a word may be, added up.
_STOP, _NEGATION, _CONJUNCTION = 1, 2, 4
# Where the hashes of frames and of the names of constant features stand in `Table.frames`.
_FRAMES = [*OWN, *ANCHORED, UNNAMED, "1", "2", "3", ALSO_OTHER, TARGET, OTHER, "?"]
(
    _WORD, _NEIGHBOURS, _PAIR, _ANY, _BEFORE, _BEFORE_NEAR, _BEFORE_SAME, _BEFORE_ELSE,
    _AFTER, _AFTER_NEAR, _AFTER_SAME, _AFTER_ELSE, _BOTH_BEFORE, _ACROSS, _BOTH_AFTER, _BETWEEN, _CONSTANT,
    _UNNAMED, _ONE, _TWO, _THREE, _ALSO_OTHER, _TARGET, _OTHER, _QUESTION_MARK,
) = range(len(_FRAMES))  # fmt: skip
# Features of one word, at most.
_MOST_OF_A_WORD = 4
_MARK, _N, _S, _T, _STRAIGHT = map(ord, MARK + "nst'")
# What makes a word's hash that of the negated word: no code point, so that no word ends in it.
_NEGATED = 1 << 32

_MULTIPLIER, _0, _1, _32 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0), np.uint64(1), np.uint64(32)


# Columns of `Scratch.tokens` and `Scratch.words`, then of `Scratch.items`.
START, END, CLAUSE, CONTENT, NEGATED = range(5)
PLAIN, MARKED, STEMMED = range(3)
KIND, AFTER, NEXT = START, END, NEGATED


class Table(NamedTuple):
    """A model's arrays as the kernel takes them.

    Attributes
    ----------
    classes
        The class of every code point.
    seed
        What the hash of a word starts from.
    frames
        Hashes of `_FRAMES`.
    words, flag_of, flags
        Hash table of the words with a class of their own (0 where a slot is empty), their numbers, what they are.
    firsts, group_of, groups
        Hash table of the first words of terms, their numbers, and which terms begin so: (start, stop).
    lengths, begins
        Whether a first word is open after so many letters, and whether one begins with a letter: its code modulo 128.
    terms
        Of each term its target, where its words start in `patterns`, and how many they are.
    patterns, letters
        Hash of each word of a term, and if it is open its letters, otherwise 0.
    hashes, rows
        Hash table of the features, and their rows: the anchored ones, then the own.
    anchored, own
        Weights times IDF and, last, the IDF squared, of the features of a kind.
    """

    classes: Array
    seed: Any
    frames: Array
    words: Array
    flag_of: Array
    flags: Array
    firsts: Array
    group_of: Array
    groups: Array
    lengths: Array
    begins: Array
    terms: Array
    patterns: Array
    letters: Array
    hashes: Array
    rows: Array
    anchored: Array
    own: Array


class Scratch(NamedTuple):
    """What the kernel works in, for texts up to a length.

    Attributes
    ----------
    tokens, words
        Of each token its span, clause, whether it is no stop word, whether negated; and three hashes: of the word,
        with its mark, and of its first letters with the mark.
    named, free
        Whether a token is of a target's mention, shape (n_targets, n_tokens); where the last one ends and starts.
    items, seen
        Of each item of an anchored view whether it is a mention (2) or that of another target (1), how far it is
        after the nearest mention, its clause, whether it is no stop word, and which mention is next; its hashes.
    asked
        Hashes to be looked up.
    counts, met
        How often each row was met, and which.
    """

    tokens: Array
    words: Array
    named: Array
    free: Array
    items: Array
    seen: Array
    asked: Array
    counts: Array
    met: Array


def build_table(scorer: Scorer) -> Table:
    """Return the table of a scorer."""
    seed, n = np.uint64(secrets.randbits(64)), len(scorer.anchored)
    idf = scorer.idf.astype(np.float64)[:, np.newaxis]
    own = scorer.own.reshape(len(scorer.own), scorer.intercepts.size)
    # What is met often stands together, and so in the processor's caches.
    order = np.lexsort([idf[:, 0], np.arange(len(idf)) >= n])
    first, rest = order[:n], order[n:]
    hashes = _feature_hashes(*_encoded([scorer.names[row] for row in order.tolist()]), seed)
    if len(np.unique(hashes)) < len(hashes):
        raise ModelError("no usable model: a feature stands twice in its vocabulary")
    flags: dict[str, int] = {}
    for flag, members in ((_STOP, STOP_WORDS), (_NEGATION, NEGATIONS), (_CONJUNCTION, CONJUNCTIONS)):
        flags |= {word: flags.get(word, 0) | flag for word in members}
    words, flag_of = _hash_table(_word_hashes(flags, seed))
    known, rows = _hash_table(hashes)
    return Table(
        classes=_classes(), seed=seed, frames=_word_hashes(_FRAMES, seed),
        words=words, flag_of=flag_of, flags=np.fromiter(flags.values(), np.uint8),
        hashes=known, rows=rows,
        anchored=np.column_stack([scorer.anchored[first] * idf[first], idf[first] ** 2]),
        own=np.column_stack([own[rest - n] * idf[rest], idf[rest] ** 2]),
        **_terms(scorer.mentions, seed),
    )  # fmt: skip


def add_scores(table: Table, texts: Sequence[str], out: Array) -> None:
    """Add the scores of texts to `out`, of shape (n_texts, n_targets, 3)."""
    codes, starts = _encoded([text.lower().replace("’", "'") for text in texts])
    n, n_targets = int(np.diff(starts).max(initial=0)) + 1, out.shape[1]
    n_features = len(table.anchored) + len(table.own)
    scratch = Scratch(
        tokens=np.empty((n, 5), np.int64),
        words=np.empty((n, 3), np.uint64),
        named=np.empty((n_targets, n), np.bool_),
        free=np.empty((n_targets, 2), np.int64),
        items=np.empty((n, 5), np.int64),
        seen=np.empty((n, 3), np.uint64),
        asked=np.empty((_MOST_OF_A_WORD + APART) * n + 2, np.uint64),
        counts=np.zeros(n_features, np.uint32),
        met=np.empty(n_features + 1, np.uint32),
    )
    _score(codes, starts, table, scratch, out.reshape(len(out), -1))


@cache
def _classes() -> npt.NDArray[np.uint8]:
    """Return the class of every code point, as `re` has it."""
    characters = "".join(map(chr, range(0x110000)))
    classes = np.zeros(len(characters), np.uint8)
    for match in re.finditer(r"\w+", characters):
        classes[match.start() : match.end()] = _LETTER
    kinds = {_APOSTROPHE: "'", _SOFT_BREAK: ",;:!-", _PERIOD: ".", _BREAK: '–—…()[]"“”', _QUESTION: "?"}  # noqa: RUF001
    for kind, signs in kinds.items():
        classes[[ord(sign) for sign in signs]] = kind
    return classes


def _encoded(texts: Sequence[str]) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    """Return the code points of all texts, and where each text starts in them, and the end."""
    codes = "".join(texts).encode(f"utf-32-{sys.byteorder[0]}e", "surrogatepass")
    return np.frombuffer(codes, np.uint32), np.cumsum([0, *map(len, texts)])


def _word_hashes(words: Iterable[str], seed: Any) -> Array:
    codes = [np.asarray([*map(ord, word)], np.uint32) for word in words]
    return np.asarray([_hash(each, 0, len(each), seed) for each in codes], np.uint64)


def _hash_table(keys: Array) -> tuple[Array, Array]:
    """Return a hash table at least twice as large as its keys, and at each slot the number of its key."""
    size = 1 << max(4, (2 * len(keys)).bit_length())
    hashes, numbers = np.zeros(size, np.uint64), np.zeros(size, np.uint32)
    _fill(keys, hashes, numbers)
    return hashes, numbers


def _terms(mentions: Sequence[Sequence[str]], seed: Any) -> dict[str, Any]:
    """Return the fields of `Table` from `firsts` to `letters`."""
    terms = sorted(
        {(words_of(term), target) for target, each in enumerate(mentions) for term in each if words_of(term)}
    )
    groups = {first: len([*group]) for first, group in groupby(terms, key=lambda term: term[0][0])}
    words = [word for sequence, _ in terms for word in sequence]
    starts = np.cumsum([0, *(len(sequence) for sequence, _ in terms)])
    stops = np.cumsum([0, *groups.values()])
    is_open = np.asarray([first.endswith("*") for first in groups], np.uint64)
    opened = [first for first in groups if first.endswith("*")]
    lengths = {len(first) - 1 for first in opened}
    firsts = _word_hashes([first.removesuffix("*") for first in groups], seed)
    keys = np.asarray([_mixed(*pair) for pair in zip(firsts, is_open, strict=True)], np.uint64)
    hashes, group_of = _hash_table(keys)
    return {
        "firsts": hashes,
        "group_of": group_of,
        "groups": np.column_stack([stops[:-1], stops[1:]]),
        "lengths": np.asarray([length in lengths for length in range(max(lengths, default=0) + 1)]),
        "begins": np.isin(np.arange(128), [ord(first[0]) & 127 for first in opened]),
        "terms": np.asarray([(t, starts[k], len(each)) for k, (each, t) in enumerate(terms)], np.int64).reshape(-1, 3),
        "patterns": _word_hashes([word.removesuffix("*") for word in words], seed),
        "letters": np.asarray([len(word) - 1 if word.endswith("*") else 0 for word in words], np.int64),
    }


def _compiled(function: Function, **options: Any) -> Function:
    """Compile a function on its first call, and keep what was compiled on disk."""
    options |= {"nogil": True, "error_model": "numpy"}
    try:
        return cast("Function", numba.njit(cache=True, **options)(function))
    except RuntimeError:  # there is no folder to keep compiled code in
        return cast("Function", numba.njit(**options)(function))


def _inlined(function: Function) -> Function:
    """Compile a function into those that call it: an array that is passed on costs more than its use."""
    return _compiled(function, inline="always")


@_inlined
def _mixed(h: Any, value: Any) -> Any:
    """Return a hash with one more value in it: a code point, or another hash."""
    h = (h ^ np.uint64(value)) * _MULTIPLIER
    return h ^ (h >> _32)


@_compiled
def _hash(codes: Any, start: Any, stop: Any, seed: Any) -> Any:
    """Return the hash of a word."""
    h = seed
    for i in range(start, stop):
        h = _mixed(h, codes[i])
    return h


@_compiled
def _pair(frame: Any, one: Any, other: Any) -> Any:
    """Return the hash of a feature of two words, the same whichever comes first."""
    return _mixed(_mixed(frame, min(one, other)), max(one, other))


@_compiled
def _feature_hashes(codes: Any, starts: Any, seed: Any) -> Any:
    """Return the hash of each feature of a vocabulary, a string of a frame and its words."""
    hashes = np.empty(len(starts) - 1, np.uint64)
    pair = _mixed(seed, ord("p"))
    for row in range(len(hashes)):
        h = one = _0
        n, start = 0, starts[row]
        while start <= starts[row + 1]:
            blank = start
            while blank < starts[row + 1] and codes[blank] != 32:
                blank += 1
            if n and start < blank and codes[start] == _MARK:
                word = _mixed(_hash(codes, start + 1, blank, seed), _NEGATED)
            else:
                word = _hash(codes, start, blank, seed)
            if n == 0:
                h = frame = word
            elif n == 2 and frame == pair:
                h = _pair(frame, one, word)
            else:
                h = _mixed(h, word)
            one = word
            start, n = blank + 1, n + 1
        hashes[row] = h
    return hashes


@_compiled
def _fill(keys: Any, hashes: Any, numbers: Any) -> None:
    mask = np.uint64(len(hashes) - 1)
    for k in range(len(keys)):
        slot = keys[k] & mask
        while hashes[slot] != _0:
            slot = (slot + _1) & mask
        hashes[slot], numbers[slot] = keys[k], k


@_inlined
def _find(key: Any, hashes: Any) -> Any:
    """Return the slot of a key, or that of an empty one."""
    mask = np.uint64(len(hashes) - 1)
    slot = key & mask
    while hashes[slot] != _0 and hashes[slot] != key:
        slot = (slot + _1) & mask
    return slot


@_inlined
def _is(kind: Any, codes: Any, i: Any, stop: Any, classes: Any) -> Any:
    return i < stop and classes[codes[i]] == kind


@_compiled
def _ends_clause(codes: Any, start: Any, i: Any, stop: Any, classes: Any) -> Any:
    """Tell whether the sign at i ends a clause."""
    kind = classes[codes[i]]
    if kind == _SOFT_BREAK:
        return not _is(_LETTER, codes, i + 1, stop, classes)
    if kind == _PERIOD:
        letter = i > start and _is(_LETTER, codes, i - 1, stop, classes)
        one_letter = letter and not (i - 1 > start and _is(_LETTER, codes, i - 2, stop, classes))
        return not one_letter and not _is(_LETTER, codes, i + 1, stop, classes)
    return kind in (_BREAK, _QUESTION)


@_compiled
def _tokenize(codes: Any, start: Any, stop: Any, table: Any, scratch: Any) -> Any:
    """Note the tokens of a text; return how many there are."""
    classes, seed, known, flag_of, flags = table.classes, table.seed, table.words, table.flag_of, table.flags
    tokens, words, question = scratch.tokens, scratch.words, table.frames[_QUESTION_MARK]
    n = clause = negated = 0
    i = start
    while i < stop:
        if classes[codes[i]] == _LETTER:
            begin, word, stem = i, seed, _0
            while True:
                word = _mixed(word, codes[i])
                i += 1
                stem = word if i - begin <= STEM else stem
                if i < stop and classes[codes[i]] == _LETTER:
                    continue
                end, inner = i, i + 1 < stop and classes[codes[i]] == _APOSTROPHE and classes[codes[i + 1]] == _LETTER
                if not inner:
                    break
                if codes[i + 1] == _S and (i + 2 == stop or classes[codes[i + 2]] != _LETTER):
                    i += 2  # a possessive is no part of its word
                    break
                word = _mixed(word, _STRAIGHT)
                i += 1
                stem = word if i - begin <= STEM else stem
            slot = _find(word, known)
            flag = flags[flag_of[slot]] if known[slot] != _0 else 0
            clause += (flag & _CONJUNCTION) != 0
            tokens[n, START], tokens[n, END], tokens[n, CLAUSE] = begin, end, clause
            tokens[n, CONTENT], tokens[n, NEGATED] = (flag & _STOP) == 0, negated > 0
            words[n, PLAIN] = word
            words[n, MARKED] = _mixed(word, _NEGATED) if negated > 0 else word
            words[n, STEMMED] = _mixed(stem, _NEGATED) if negated > 0 else stem
            negative = (
                end - begin >= 3 and codes[end - 3] == _N and codes[end - 2] == _STRAIGHT and codes[end - 1] == _T
            )
            negated = REACH if negative or flag & _NEGATION else max(negated - 1, 0)
            n += 1
        else:
            if _ends_clause(codes, start, i, stop, classes):
                clause, negated = clause + 1, 0
            if classes[codes[i]] == _QUESTION:
                tokens[n, START], tokens[n, END], tokens[n, CLAUSE] = i, i + 1, clause
                tokens[n, CONTENT], tokens[n, NEGATED] = 1, 0
                words[n, PLAIN] = words[n, MARKED] = words[n, STEMMED] = question
                n += 1
            i += 1
    return n


@_inlined
def _matches(codes: Any, i: Any, n: Any, term: Any, table: Any, scratch: Any) -> Any:
    """Tell whether the words of a term after its first one follow token i, in its clause."""
    tokens, start, length = scratch.tokens, table.terms[term, 1], table.terms[term, 2]
    if i + length > n or tokens[i, CLAUSE] != tokens[i + length - 1, CLAUSE]:
        return False
    for k in range(1, length):
        letters, word = table.letters[start + k], scratch.words[i + k, PLAIN]
        if letters:
            if tokens[i + k, END] - tokens[i + k, START] < letters:
                return False
            word = _hash(codes, tokens[i + k, START], tokens[i + k, START] + letters, table.seed)
        if word != table.patterns[start + k]:
            return False
    return True


@_inlined
def _longest(slot: Any, codes: Any, i: Any, n: Any, table: Any, scratch: Any) -> None:
    """Mark the terms that start at token i with the first word in this slot, if they are the longest there."""
    group = table.group_of[slot]
    for term in range(table.groups[group, 0], table.groups[group, 1]):
        target, stop = table.terms[term, 0], i + table.terms[term, 2]
        # A mention that starts here already may be made longer; one that started before ends first.
        starts_here = i >= scratch.free[target, 0] or scratch.free[target, 1] == i
        if starts_here and stop > scratch.free[target, 0] and _matches(codes, i, n, term, table, scratch):
            scratch.named[target, i:stop] = True
            scratch.free[target, 0], scratch.free[target, 1] = stop, i


@_compiled
def _name(codes: Any, n: Any, table: Any, scratch: Any) -> None:
    """Mark the tokens of each target's mentions."""
    tokens, words, firsts, lengths, seed = scratch.tokens, scratch.words, table.firsts, table.lengths, table.seed
    begins = table.begins
    scratch.named[:, :n] = False
    scratch.free[:, 0], scratch.free[:, 1] = 0, -1
    for i in range(n):
        start, end = tokens[i, START], tokens[i, END]
        slot = _find(_mixed(words[i, PLAIN], _0), firsts)
        if firsts[slot] != _0:
            _longest(slot, codes, i, n, table, scratch)
        h = seed
        for length in range(1, min(end - start + 1, len(lengths)) if begins[codes[start] & 127] else 0):
            h = _mixed(h, codes[start + length - 1])
            if lengths[length]:
                slot = _find(_mixed(h, _1), firsts)
                if firsts[slot] != _0:
                    _longest(slot, codes, i, n, table, scratch)


@_compiled
def _ask_own(n: Any, table: Any, scratch: Any) -> Any:
    """Ask for the own features of a text; return how many there are."""
    asked, frames, tokens, words, m = scratch.asked, table.frames, scratch.tokens, scratch.words, 0
    for i in range(n):
        asked[m] = _mixed(frames[_WORD], words[i, MARKED])
        m += 1
        if i:
            asked[m] = _mixed(_mixed(frames[_NEIGHBOURS], words[i - 1, MARKED]), words[i, MARKED])
            m += 1
        for j in range(max(0, i - APART), i if tokens[i, CONTENT] else 0):
            if tokens[j, CONTENT]:
                asked[m] = _pair(frames[_PAIR], words[j, STEMMED], words[i, STEMMED])
                m += 1
    return m


@_compiled
def _view(target: Any, n: Any, table: Any, scratch: Any) -> Any:
    """Note the items of a text as seen from a target; return how many there are, of them mentions, and of others."""
    named, tokens, words, items, seen = scratch.named, scratch.tokens, scratch.words, scratch.items, scratch.seen
    m = mentions = others = before = 0
    for i in range(n):
        kind = 0
        for other in range(len(named)):
            kind = max(kind, named[other, i] * (2 if other == target else 1))
        if kind and i and before == kind:
            continue
        before = kind
        word, stem = words[i, MARKED], words[i, STEMMED]
        if kind:
            word = table.frames[_TARGET if kind == 2 else _OTHER]
            word = stem = _mixed(word, _NEGATED) if tokens[i, NEGATED] else word
        seen[m, MARKED], seen[m, STEMMED] = word, stem
        items[m, KIND], items[m, CLAUSE] = kind, tokens[i, CLAUSE]
        items[m, CONTENT] = 1 if kind else tokens[i, CONTENT]
        mentions += kind == 2
        others += kind == 1
        m += 1
    return m, mentions, others


@_compiled
def _measure(m: Any, scratch: Any) -> None:
    """Note how far each item is after the nearest mention, of equals after the one before it, and which is next."""
    items, far = scratch.items, 1 << 60
    last = -far
    for i in range(m):
        last = i if items[i, KIND] == 2 else last
        items[i, AFTER] = i - last
    following = far
    for i in range(m - 1, -1, -1):
        items[i, NEXT] = following
        following = i if items[i, KIND] == 2 else following
        if following - i < items[i, AFTER]:
            items[i, AFTER] = i - following


@_compiled
def _ask_anchored(m: Any, table: Any, scratch: Any) -> Any:
    """Ask for the features of an anchored view of m items; return how many there are."""
    items, seen, asked, frames, n = scratch.items, scratch.seen, scratch.asked, table.frames, 0
    for i in range(m):
        after, word = items[i, AFTER], seen[i, MARKED]
        if after == 0:
            if word != frames[_TARGET]:
                asked[n] = _mixed(frames[_ANY], word)
                n += 1
            continue
        side = _AFTER if after > 0 else _BEFORE
        same = items[i, CLAUSE] == items[i - after, CLAUSE]
        asked[n] = _mixed(frames[_ANY], word)
        asked[n + 1] = _mixed(frames[side], word)
        asked[n + 2] = _mixed(frames[side + (2 if same else 3)], word)
        n += 3
        if abs(after) <= NEAR:
            asked[n] = _mixed(frames[side + 1], word)
            n += 1
        for j in range(i + 1, min(m, i + 1 + APART) if items[i, CONTENT] else 0):
            if items[j, CONTENT] and items[j, AFTER]:
                if items[i, NEXT] < j:
                    frame = _ACROSS
                elif after > 0:
                    frame = _BOTH_AFTER if items[j, AFTER] > 0 else _BETWEEN
                else:
                    frame = _BOTH_BEFORE
                asked[n] = _mixed(_mixed(frames[frame], seen[i, STEMMED]), seen[j, STEMMED])
                n += 1
    return n


@_compiled
def _add(n: Any, first: Any, weights: Any, table: Any, scratch: Any, out: Any) -> None:
    """Add to `out` what the n features asked for give; their weights begin at the row `first` of the vocabulary."""
    asked, hashes, rows, counts, met = scratch.asked, table.hashes, table.rows, scratch.counts, scratch.met
    n_met, square, n_scores = 0, 0.0, len(out)
    for i in range(n):
        slot = _find(asked[i], hashes)
        if hashes[slot] != _0:
            row = rows[slot]
            met[n_met] = row
            n_met += counts[row] == 0
            counts[row] += 1
    for i in range(n_met):
        row = met[i]
        value = 1.0 + np.log(counts[row]) if counts[row] > 1 else 1.0
        square += value * value * weights[row - first, n_scores]
    scale = 1.0 / np.sqrt(square) if square > 0.0 else 0.0
    for i in range(n_met):
        row = met[i]
        value = scale * (1.0 + np.log(counts[row])) if counts[row] > 1 else scale
        counts[row] = 0
        for k in range(n_scores):
            out[k] += value * weights[row - first, k]


@_compiled
def _score(codes: Any, starts: Any, table: Any, scratch: Any, out: Any) -> None:
    """Add the scores of texts to `out`; `codes` are their code points and `starts` begin each text."""
    for t in range(len(out)):
        n = _tokenize(codes, starts[t], starts[t + 1], table, scratch)
        _name(codes, n, table, scratch)
        _add(_ask_own(n, table, scratch), len(table.anchored), table.own, table, scratch, out[t])
        for target in range(len(scratch.named)):
            m, mentions, others = _view(target, n, table, scratch)
            constant, asked = table.frames[_CONSTANT], 1
            if mentions:
                _measure(m, scratch)
                asked = _ask_anchored(m, table, scratch)
                scratch.asked[asked] = _mixed(constant, table.frames[_ONE - 1 + min(mentions, 3)])
                asked += 1
                if others:
                    scratch.asked[asked] = _mixed(constant, table.frames[_ALSO_OTHER])
                    asked += 1
            else:
                scratch.asked[0] = _mixed(constant, table.frames[_UNNAMED])
            scores = out[t, 3 * target : 3 * target + 3]
            _add(asked, 0, table.anchored, table, scratch, scores)
