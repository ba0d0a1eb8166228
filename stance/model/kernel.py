"""The compiled kernel: UTF-8 bytes to scores, one pass over each text.

Flat arrays in and out, no Python objects, the GIL released. `stance.model.scorer` prepares the arrays,
keeps the plain reference, and imports this module (and with it numba) only when it pays.

How it is fast. A word between white space always has the same n-grams inside it, and words repeat:
each is remembered with the rows of its n-grams and the sum of their weights, as if each occurred once
in a text. A known word then costs one look-up, one sum, and a walk over its rows to find those that
occur again; these alone are mended at the end of the text. Word n-grams that reach over white space,
and words that are new, are looked up in a hash table of the vocabulary: hashes are polynomials over
bytes, so that n-grams extend and join without being read again, eight bits of a hash turn most
strangers away, and comparing bytes makes the answer exact. What stands for "seen in this text" is a
number that rises from text to text, so that next to nothing has to be swept clean.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# Character classes, as `stance.model.scorer.character_classes` gives them.
SPACE, WORD = 1, 2
# The columns of `blocks`; a row a block. Of pairs, the second is the letters kept and the third how far apart.
KIND, SHORTEST, LONGEST, SUBLINEAR, START, STOP = range(6)
KINDS = ("word", "char", "pair")
_WORD_BLOCK, _CHAR_BLOCK, _PAIR_BLOCK = range(3)
# The columns of tokens; a stem is the first letters of one.
_PLACE, _BYTES, _HASH, _POWER, _STEM_BYTES, _STEM_HASH, _STEM_POWER = (np.uint64(n) for n in range(7))

_P = np.uint64(0x9E3779B97F4A7C15)
_SALT = np.uint64(0xD6E8FEB86659FD93)
_M1 = np.uint64(0xFF51AFD7ED558CCD)
_M2 = np.uint64(0xC4CEB9FE1A85EC53)
# Unsigned places need no look at their sign, and so the inner loops have no other.
_0, _1, _2, _3, _4, _7, _8, _32, _33, _56 = (np.uint64(n) for n in (0, 1, 2, 3, 4, 7, 8, 32, 33, 56))
_BLANK = np.uint64(0x20)
_LOW = np.uint64(0xFFFFFFFF)

# Beyond so many bytes, summing occurrences first and mending them later would cost digits.
_SHORT_TEXT = 4096
# Words of at most so many bytes are remembered, eight to a number, and so many of them.
_KEY = 3
_REMEMBERED = 8 * _KEY
_SLOT, _LAST = np.uint64(_KEY + 1), np.uint64(_KEY)
_N_WORDS = 1 << 16
# N-grams of one kind that such a word can have, with its two blanks.
_WIDEST = (_REMEMBERED + 2) ** 2
# Words of a text that are taken together, so that the memory's answers are waited for together.
_TOGETHER = 64
_KNOWN_TF = 256


class Memory(NamedTuple):
    """Words met before; one at a time may use it.

    Attributes
    ----------
    slots
        Hash table, four numbers a slot: a word's bytes, then how many they are and the word's number + 1.
    spans
        Of each word, where its rows start and end for each block, and where its tokens start and end.
    sums
        Of each word, for each block the sum of its rows' weights.
    rows, tokens
        Of all words. A token is a run of word characters: place in the word, bytes, hash, power, and of its stem
        bytes, hash, power.
    state
        Words, rows and tokens remembered, and a number without meaning.
    """

    slots: Array
    spans: Array
    sums: Array
    rows: Array
    tokens: Array
    state: Array


def memory(n_blocks: int, width: int, longest: int) -> Memory:
    """Return an empty memory for so many blocks, columns of weights, and the longest n-gram's length."""
    slots = np.zeros((2 * _N_WORDS + 2) * (_KEY + 1), np.uint64)
    skip = (-slots.ctypes.data // 8) % 8  # two slots fill a line of the processor's cache
    return Memory(
        slots[skip : skip + 2 * _N_WORDS * (_KEY + 1)],
        np.empty(_N_WORDS * (n_blocks + 3), np.int32),
        np.empty(_N_WORDS * n_blocks * width),
        np.empty(32 * _N_WORDS + _TOGETHER * n_blocks * _WIDEST + longest, np.uint32),
        np.empty((2 * _N_WORDS + _TOGETHER * _REMEMBERED, 7), np.uint64),
        np.zeros(4, np.int64),
    )


def _compiled(function: Any, *, inline: bool = False) -> Any:
    # The kernel allocates nothing; counting references to its arrays would cost more than the work.
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False, "forceinline": inline}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # there is no folder to keep compiled code in
        return numba.njit(**options)(function)


def _mixed_(h: Any) -> Any:
    """Spread a hash over all 64 bits (the finaliser of MurmurHash3)."""
    h ^= h >> _33
    h *= _M1
    h ^= h >> _33
    h *= _M2
    return h ^ (h >> _33)


def _same_(a: Any, i: Any, b: Any, j: Any, size: Any) -> Any:
    for k in range(size):  # noqa: SIM110 (compiled)
        if a[i + k] != b[j + k]:
            return False
    return True


def _tag_(h: Any) -> Any:
    """Return the byte that stands in the table for a hash, never 0."""
    return np.uint8(max(h >> _56, _1))


def _same_tokens_(tokens: Any, first: Any, last: Any, data: Any, vocabulary: Any, at: Any, end: Any) -> Any:
    """Tell whether tokens joined by blanks are what the vocabulary has from `at` to `end`."""
    at, end = np.int64(at), np.int64(end)
    for i in range(first, last + 1):
        start, size = np.int64(tokens[i, _PLACE]), np.int64(tokens[i, _BYTES])
        if i > first:
            if at == end or vocabulary[at] != 32:
                return False
            at += 1
        if at + size > end or not _same(vocabulary, at, data, start, size):
            return False
        at += size
    return at == end


def _same_pair_(tokens: Any, first: Any, second: Any, data: Any, vocabulary: Any, at: Any, end: Any) -> Any:
    """Tell whether two tokens' stems joined by a blank are what the vocabulary has from `at` to `end`."""
    at, end = np.int64(at), np.int64(end)
    size, other = np.int64(tokens[first, _STEM_BYTES]), np.int64(tokens[second, _STEM_BYTES])
    return (
        end - at == size + 1 + other
        and vocabulary[at + size] == 32
        and _same(vocabulary, at, data, np.int64(tokens[first, _PLACE]), size)
        and _same(vocabulary, at + size + 1, data, np.int64(tokens[second, _PLACE]), other)
    )


def _in_order_(tokens: Any, a: Any, b: Any, data: Any) -> Any:
    """Tell whether token a's stem comes before token b's, by code points and so by bytes, or is the same."""
    i, j = tokens[a, _PLACE], tokens[b, _PLACE]
    size, other = tokens[a, _STEM_BYTES], tokens[b, _STEM_BYTES]
    for k in range(min(size, other)):
        if data[i + k] != data[j + k]:
            return data[i + k] < data[j + k]
    return size <= other


def _pair_hash_(tokens: Any, first: Any, second: Any) -> Any:
    """Return the hash of two tokens' stems joined by a blank."""
    return (tokens[first, _STEM_HASH] * _P + _BLANK) * tokens[second, _STEM_POWER] + tokens[second, _STEM_HASH]


_mixed, _same, _tag = (_compiled(f, inline=True) for f in (_mixed_, _same_, _tag_))
_in_order, _pair_hash = (_compiled(f, inline=True) for f in (_in_order_, _pair_hash_))
_same_tokens, _same_pair = _compiled(_same_tokens_), _compiled(_same_pair_)


def _find_(
    h: Any, b: Any, text: Any, at: Any, size: Any, blocks: Any, tags: Any, owners: Any, vocabulary: Any, places: Any
) -> Any:
    """Return the row of block b's n-gram ``text[at : at + size]`` of hash h, or -1."""
    mask = np.uint64(len(tags) - 1)
    h = _mixed(h ^ np.uint64(b + 1) * _SALT)
    tag = _tag(h)
    slot = h & mask
    while tags[slot]:
        if tags[slot] == tag:
            row = np.int64(owners[slot])
            if (
                blocks[b, START] <= row < blocks[b, STOP]
                and places[row + 1] - places[row] == size
                and _same(vocabulary, places[row], text, at, size)
            ):
                return row
        slot = (slot + _1) & mask
    return -1


_find = _compiled(_find_, inline=True)


def _build_(blocks: Any, tags: Any, owners: Any, vocabulary: Any, places: Any) -> Any:
    """Fill the hash table, slots of a tag and a row; False if an n-gram is there twice."""
    mask = np.uint64(len(tags) - 1)
    for b in range(len(blocks)):
        for row in range(blocks[b, START], blocks[b, STOP]):
            h = _0
            for i in range(places[row], places[row + 1]):
                h = h * _P + np.uint64(vocabulary[i])
            size = places[row + 1] - places[row]
            if _find(h, b, vocabulary, places[row], size, blocks, tags, owners, vocabulary, places) >= 0:
                return False
            h = _mixed(h ^ np.uint64(b + 1) * _SALT)
            slot = h & mask
            while tags[slot]:
                slot = (slot + _1) & mask
            tags[slot] = _tag(h)
            owners[slot] = row
    return True


build = _compiled(_build_)


def _code_point_(data: Any, i: Any) -> Any:
    """Return the code point that starts at byte i, and its number of bytes."""
    a = np.int64(data[i])
    if a < 0x80:
        return a, 1
    b = np.int64(data[i + 1]) & 0x3F
    if a < 0xE0:
        return (a & 0x1F) << 6 | b, 2
    c = np.int64(data[i + 2]) & 0x3F
    if a < 0xF0:
        return (a & 0x0F) << 12 | b << 6 | c, 3
    return (a & 0x07) << 18 | b << 12 | c << 6 | (np.int64(data[i + 3]) & 0x3F), 4


_code_point = _compiled(_code_point_, inline=True)


def _word_(data: Any, i: Any, end: Any, classes: Any, keys: Any, w: Any) -> Any:
    """Read bytes up to the next white space: their number, their hash, and where to go on.

    The first `_REMEMBERED` bytes are packed into the `_KEY` numbers of `keys` from place w on, the rest zero.
    """
    first, gap = i, _0
    for k in range(_KEY):
        keys[w + np.uint64(k)] = _0
    h, piece = _0, _0
    while i < end:
        byte, size = data[i], _1
        if byte >= 0x80:
            code, n = _code_point(data, np.int64(i))
            size = np.uint64(n)
            if classes[code] & SPACE:
                gap = size
                break
        elif classes[byte] & SPACE:
            gap = _1
            break
        for _ in range(size):
            piece = piece << _8 | np.uint64(data[i])
            i += _1
            if (i - first) & _7 == _0:
                if i - first <= _REMEMBERED:
                    keys[w + ((i - first) >> _3) - _1] = piece
                h = (h ^ piece) * _M1
                h ^= h >> _32
                piece = _0
    size = i - first
    if size & _7 != _0 and size <= _REMEMBERED:
        keys[w + (size >> _3)] = piece
    return size, _mixed((h ^ piece) * _M1 + size), i + gap


def _recall_(slots: Any, keys: Any, w: Any, size: Any, h: Any) -> Any:
    """Return the number of a remembered word or -1, and the place of its slot or where it would go."""
    mask = np.uint64(len(slots) // (_KEY + 1) - 1)
    slot = (h & mask) * _SLOT
    while slots[slot + _LAST] != _0:
        meta = slots[slot + _LAST]
        if (
            meta >> _32 == size
            and slots[slot] == keys[w]
            and slots[slot + _1] == keys[w + _1]
            and slots[slot + _2] == keys[w + _2]
        ):
            return np.int64(meta & _LOW) - 1, slot
        slot = (slot + _SLOT) & (mask * _SLOT | _LAST)
    return -1, slot


def _tokens_(data: Any, i: Any, end: Any, classes: Any, letters: Any, tokens: Any, n: Any) -> Any:
    """Append the runs of word characters and their stems of so many letters; return the new end."""
    while i < end:
        start, h, power, length = i, _0, _1, 0
        code, size = _code_point(data, i)
        while classes[code] & WORD:
            for j in range(i, i + size):
                h = h * _P + np.uint64(data[j])
                power *= _P
            i += size
            length += 1
            if length <= letters:
                tokens[n, _STEM_BYTES], tokens[n, _STEM_HASH], tokens[n, _STEM_POWER] = np.uint64(i - start), h, power
            if i == end:
                break
            code, size = _code_point(data, i)
        if i > start:
            tokens[n, _PLACE], tokens[n, _BYTES] = np.uint64(start), np.uint64(i - start)
            tokens[n, _HASH], tokens[n, _POWER] = h, power
            n += 1
        if i < end:
            i += size
    return n


def _pad_(data: Any, first: Any, size: Any, padded: Any, marks: Any) -> Any:
    """Copy a word between blanks, note where its characters start, return how many there are."""
    padded[0] = 32
    marks[0] = 0
    length = 1
    for j in range(size):
        byte = data[first + j]
        padded[j + 1] = byte
        if byte & 0xC0 != 0x80:  # other bytes continue a character
            marks[length] = j + 1
            length += 1
    padded[size + 1] = 32
    marks[length] = size + 1
    marks[length + 1] = size + 2
    return length + 1


_word, _recall = _compiled(_word_, inline=True), _compiled(_recall_, inline=True)
_tokens, _pad = _compiled(_tokens_), _compiled(_pad_)


def _characters_(
    s: Any, padded: Any, marks: Any, length: Any, b: Any,
    blocks: Any, tags: Any, owners: Any, vocabulary: Any, places: Any, rows: Any, n: Any,
) -> Any:  # fmt: skip
    """Append the rows of the character n-grams from the s-th character on; return the new end."""
    # A word shorter than the shortest n-gram gives itself, as in scikit-learn.
    shortest = min(blocks[b, SHORTEST], length)
    h = _0
    for k in range(1, min(blocks[b, LONGEST], length - s) + 1):
        for i in range(marks[s + k - 1], marks[s + k]):
            h = h * _P + np.uint64(padded[i])
        if k >= shortest:
            size = marks[s + k] - marks[s]
            row = _find(h, b, padded, marks[s], size, blocks, tags, owners, vocabulary, places)
            if row >= 0:
                rows[n] = row
                n += 1
    return n


def _probe_(
    slot: Any, tag: Any, b: Any, tokens: Any, first: Any, last: Any, data: Any,
    blocks: Any, tags: Any, owners: Any, vocabulary: Any, places: Any,
) -> Any:  # fmt: skip
    """Return the row, from a slot on, of block b's n-gram of the tokens from first to last, or their pair; or -1."""
    mask = np.uint64(len(tags) - 1)
    while tags[slot]:
        if tags[slot] == tag:
            row = np.int64(owners[slot])
            if blocks[b, START] <= row < blocks[b, STOP]:
                if blocks[b, KIND] == _PAIR_BLOCK:
                    same = _same_pair(tokens, first, last, data, vocabulary, places[row], places[row + 1])
                else:
                    same = _same_tokens(tokens, first, last, data, vocabulary, places[row], places[row + 1])
                if same:
                    return row
        slot = (slot + _1) & mask
    return -1


_probe = _compiled(_probe_, inline=True)


def _word_ngrams_(
    tokens: Any, last: Any, least: Any, most: Any, b: Any, data: Any,
    blocks: Any, tags: Any, owners: Any, vocabulary: Any, places: Any, rows: Any, n: Any,
) -> Any:  # fmt: skip
    """Append the rows of the n-grams of least to most tokens that end with the last one; return the new end."""
    mask = np.uint64(len(tags) - 1)
    h, power = tokens[last, _HASH], tokens[last, _POWER]
    for k in range(1, most + 1):
        past = last - k + 1
        if k > 1:
            # The earlier token and a blank come before what is there.
            h += (tokens[past, _HASH] * _P + _BLANK) * power
            power *= _P * tokens[past, _POWER]
        if k < least:
            continue
        mixed = _mixed(h ^ np.uint64(b + 1) * _SALT)
        row = _probe(
            mixed & mask, _tag(mixed), b, tokens, past, last, data, blocks, tags, owners, vocabulary, places
        )  # fmt: skip
        if row >= 0:
            rows[n] = row
            n += 1
    return n


def _pairs_(
    tokens: Any, last: Any, b: Any, data: Any,
    blocks: Any, tags: Any, owners: Any, vocabulary: Any, places: Any, rows: Any, n: Any,
) -> Any:  # fmt: skip
    """Append the rows of the pairs of the last token with those before it; return the new end."""
    mask = np.uint64(len(tags) - 1)
    for behind in range(max(0, last - blocks[b, LONGEST]), last):
        before = _in_order(tokens, behind, last, data)
        one, other = (behind, last) if before else (last, behind)
        mixed = _mixed(_pair_hash(tokens, one, other) ^ np.uint64(b + 1) * _SALT)
        row = _probe(
            mixed & mask, _tag(mixed), b, tokens, one, other, data, blocks, tags, owners, vocabulary, places
        )  # fmt: skip
        if row >= 0:
            rows[n] = row
            n += 1
    return n


def _count_(
    rows: Any, first: Any, last: Any, short: Any, stamps: Any, stamp: Any, counts: Any, noted: Any, n: Any
) -> Any:
    """Note rows, of a short text those that occur again, each time; of a long one each once, with its count.

    Return how many are noted.
    """
    if short:
        for i in range(np.uint64(first), np.uint64(last)):
            row = rows[i]
            noted[n] = row
            n += np.uint64(stamps[row] == stamp)
            stamps[row] = stamp
    else:
        for i in range(np.uint64(first), np.uint64(last)):
            row = rows[i]
            noted[n] = row
            n += np.uint64(counts[row] == 0)
            counts[row] += 1
    return n


def _sum_(rows: Any, first: Any, last: Any, weights: Any, width: Any, total: Any, at: Any) -> None:
    """Add rows of weights to the numbers of `total` from place `at` on."""
    for i in range(np.uint64(first), np.uint64(last)):
        row = np.uint64(rows[i]) * width
        for k in range(width):
            total[at + k] += weights[row + k]


def _mend_(
    noted: Any, n: Any, short: Any, counts: Any, blocks: Any, tf: Any, weights: Any, width: Any, parts: Any
) -> None:
    """Add what term frequencies make of the noted rows, beyond their occurrences if these were summed.

    Leaves all counts at zero.
    """
    if short:
        different = _0
        for i in range(n):
            row = noted[i]
            noted[different] = row
            different += np.uint64(counts[row] == 0)
            counts[row] += 1
        n = different
    summed = 0.0
    for i in range(n):
        row = noted[i]
        count = np.uint64(counts[row])
        counts[row] = 0
        if short:
            count += _1  # the first occurrence was not noted
            summed = np.float64(count)
        b = 0
        while row >= blocks[b, STOP]:
            b += 1
        value = np.float64(count)
        if blocks[b, SUBLINEAR]:
            value = tf[count] if count < _KNOWN_TF else 1.0 + np.log(value)
        at = np.uint64(b) * width
        place = np.uint64(row) * width
        factor = value - summed
        for k in range(width):
            parts[at + k] += factor * weights[place + k]
        last = width - _1
        parts[at + last] += (value * value - value) * weights[place + last]


_characters, _word_ngrams, _pairs = _compiled(_characters_), _compiled(_word_ngrams_), _compiled(_pairs_)
_count, _sum, _mend = (_compiled(f, inline=True) for f in (_count_, _sum_, _mend_))


def _learn_(
    data: Any, first: Any, size: Any, classes: Any, blocks: Any, tags: Any, owners: Any, vocabulary: Any, places: Any,
    weights: Any, width: Any, letters: Any, known: Any, n_rows: Any, n_tokens: Any, spans: Any, sums: Any, rows: Any,
    tokens: Any, padded: Any, marks: Any,
) -> Any:  # fmt: skip
    """Remember a word under a number; return the new ends of rows and tokens."""
    n_blocks, token = len(blocks), n_tokens
    n_tokens = _tokens(data, first, first + size, classes, letters, tokens, token)
    length = _pad(data, first, size, padded, marks)
    at = known * (n_blocks + 3)
    spans[at] = n_rows
    for b in range(n_blocks):
        start = n_rows
        if blocks[b, KIND] == _CHAR_BLOCK:
            for c in range(length):
                n_rows = _characters(
                    c, padded, marks, length, b, blocks, tags, owners, vocabulary, places, rows, n_rows
                )
        elif blocks[b, KIND] == _WORD_BLOCK:
            for last in range(token, n_tokens):
                n_rows = _word_ngrams(
                    tokens, last, blocks[b, SHORTEST], min(blocks[b, LONGEST], last - token + 1), b, data,
                    blocks, tags, owners, vocabulary, places, rows, n_rows,
                )  # fmt: skip
        spans[at + b + 1] = n_rows
        for k in range(width):
            sums[np.uint64(known * n_blocks + b) * width + k] = 0.0
        _sum(rows, start, n_rows, weights, width, sums, np.uint64(known * n_blocks + b) * width)
    spans[at + n_blocks + 1], spans[at + n_blocks + 2] = token, n_tokens
    for last in range(token, n_tokens):
        tokens[last, _PLACE] -= np.uint64(first)  # from here on, its place in the word
    return n_rows, n_tokens


_learn = _compiled(_learn_)


def _scored_(
    data: Any, bounds: Any, classes: Any, blocks: Any, block_weights: Any, tags: Any, owners: Any, vocabulary: Any,
    places: Any, weights: Any, out: Any, slots: Any, spans: Any, sums: Any, rows: Any, tokens: Any, state: Any,
    past: Any, padded: Any, marks: Any, firsts: Any, sizes: Any, hashes: Any, knowns: Any, keys: Any,
    asked: Any, about: Any,
    stamps: Any, counts: Any, noted: Any, parts: Any, tf: Any,
) -> None:  # fmt: skip
    """Do what `score` says, in the memory it gives."""
    n_blocks, n_scores = len(blocks), np.uint64(out.shape[1])
    width = n_scores + _1
    all_widths = np.uint64(n_blocks) * width
    n_spans = np.uint64(n_blocks + 3)
    tokens_at = np.uint64(n_blocks + 1)
    longest, letters, has_tokens = 1, 0, False
    for b in range(n_blocks):
        longest = max(longest, blocks[b, LONGEST])
        has_tokens |= blocks[b, KIND] != _CHAR_BLOCK
        if blocks[b, KIND] == _PAIR_BLOCK:
            letters = blocks[b, SHORTEST]
    free = np.uint64(len(rows) - longest)  # here rows of one place in a text may stand
    max_words, max_rows, max_tokens = len(spans) // (n_blocks + 3), len(rows) - longest, len(tokens)
    n_words, n_rows, n_tokens = state[0], state[1], state[2]
    words_mask, tags_mask = np.uint64(len(slots) // (_KEY + 1) - 1), np.uint64(len(tags) - 1)
    stamp, touched = 0, _0
    for t in range(len(bounds) - 1):
        i, end = bounds[t], bounds[t + 1]
        short = end - i <= _SHORT_TEXT
        stamp += 1
        if stamp == 256:  # all that is stamped is of texts long gone, but would seem to be of this one
            for row in range(len(stamps)):
                stamps[row] = 0
            stamp = 1
        n_noted = _0
        for k in range(all_widths):
            parts[k] = 0.0
        n_past = 0
        while i < end:
            # The next words. Each of these loops is short, so that the processor runs ahead in it.
            n = _0
            while i < end and n < _TOGETHER:
                firsts[n] = i
                sizes[n], hashes[n], i = _word(data, i, end, classes, keys, n * _LAST)
                n += np.uint64(sizes[n] > 0)
            most = np.int64(n)
            if (
                n_words + most > max_words
                or n_rows + most * n_blocks * _WIDEST > max_rows
                or n_tokens + most * _REMEMBERED > max_tokens
            ):
                for j in range(len(slots)):
                    slots[j] = _0
                n_words, n_rows, n_tokens = 0, 0, 0
            # To touch what will be wanted lets the processor wait for all of it at once.
            for w in range(n):
                touched += slots[(hashes[w] & words_mask) * _SLOT]
            for w in range(n):
                if sizes[w] > _REMEMBERED:
                    knowns[w] = -1
                    continue
                known, slot = _recall(slots, keys, w * _LAST, sizes[w], hashes[w])
                if known < 0:
                    known = n_words
                    n_words += 1
                    for k in range(_LAST):
                        slots[slot + k] = keys[w * _LAST + k]
                    slots[slot + _LAST] = sizes[w] << _32 | np.uint64(known + 1)
                    n_rows, n_tokens = _learn(
                        data, np.int64(firsts[w]), np.int64(sizes[w]), classes, blocks, tags, owners, vocabulary,
                        places, weights, width, letters, known, n_rows, n_tokens, spans, sums, rows, tokens,
                        padded, marks,
                    )  # fmt: skip
                knowns[w] = known
            for w in range(n):
                known = np.uint64(max(knowns[w], 0))
                touched += np.uint64(spans[known * n_spans])
                for k in range(_0, all_widths, _8):
                    touched += np.uint64(sums[known * all_widths + k] > 0)
            for w in range(n):
                at = np.uint64(max(knowns[w], 0)) * n_spans
                touched += tokens[np.uint64(spans[at + tokens_at]), _POWER]
                for r in range(np.uint64(spans[at]), np.uint64(spans[at + tokens_at - _1]), np.uint64(16)):
                    touched += np.uint64(rows[r])
            if short:
                for w in range(n):
                    if knowns[w] >= 0:
                        at = np.uint64(knowns[w]) * all_widths
                        for k in range(all_widths):
                            parts[k] += sums[at + k]
            for w in range(n):
                if knowns[w] >= 0:
                    at = np.uint64(knowns[w]) * n_spans
                    n_noted = _count(
                        rows, spans[at], spans[at + tokens_at - _1], short, stamps, stamp, counts, noted, n_noted
                    )
                    continue
                # Rare and long: counted n-gram by n-gram.
                length = _pad(data, np.int64(firsts[w]), np.int64(sizes[w]), padded, marks)
                for b in range(n_blocks):
                    if blocks[b, KIND] == _CHAR_BLOCK:
                        for c in range(length):
                            used = _characters(
                                c,
                                padded,
                                marks,
                                length,
                                b,
                                blocks,
                                tags,
                                owners,
                                vocabulary,
                                places,
                                rows,
                                np.int64(free),
                            )
                            n_noted = _count(rows, free, used, short, stamps, stamp, counts, noted, n_noted)
                            if short:
                                _sum(rows, free, used, weights, width, parts, np.uint64(b) * width)
            if not has_tokens:
                continue
            # N-grams of words that reach back over white space, or all of a long word's: first their hashes,
            # then which of them may be known, then which are.
            m = _0
            for w in range(n):
                start = n_past
                first = np.int64(firsts[w])
                if knowns[w] < 0:
                    n_past = _tokens(data, first, first + np.int64(sizes[w]), classes, letters, past, n_past)
                    for token in range(start, n_past):
                        for b in range(n_blocks):
                            used = np.int64(free)
                            if blocks[b, KIND] == _WORD_BLOCK:
                                used = _word_ngrams(
                                    past, token, blocks[b, SHORTEST], min(blocks[b, LONGEST], token + 1), b, data,
                                    blocks, tags, owners, vocabulary, places, rows, used,
                                )  # fmt: skip
                            elif blocks[b, KIND] == _PAIR_BLOCK:
                                used = _pairs(
                                    past, token, b, data, blocks, tags, owners, vocabulary, places, rows, used
                                )
                            n_noted = _count(rows, free, used, short, stamps, stamp, counts, noted, n_noted)
                            if short:
                                _sum(rows, free, used, weights, width, parts, np.uint64(b) * width)
                    continue
                at = np.uint64(knowns[w]) * n_spans + tokens_at
                for j in range(np.uint64(spans[at]), np.uint64(spans[at + _1])):
                    here = np.uint64(n_past)
                    for column in range(_PLACE, _STEM_POWER + _1):
                        past[here, column] = tokens[j, column]
                    past[here, _PLACE] += firsts[w]
                    n_past += 1
                    for b in range(n_blocks):
                        if blocks[b, KIND] == _PAIR_BLOCK:
                            for behind in range(np.uint64(max(0, n_past - 1 - blocks[b, LONGEST])), here):
                                before = _in_order(past, behind, here, data)
                                one, other = (behind, here) if before else (here, behind)
                                mixed = _mixed(_pair_hash(past, one, other) ^ np.uint64(b + 1) * _SALT)
                                asked[m] = mixed
                                about[m, _0], about[m, _1], about[m, _2] = b, np.int64(one), np.int64(other)
                                touched += np.uint64(tags[mixed & tags_mask])
                                m += _1
                        if blocks[b, KIND] != _WORD_BLOCK:
                            continue
                        h, power = past[here, _HASH], past[here, _POWER]
                        inside = n_past - start  # so many tokens and fewer do not reach back
                        for k in range(2, min(blocks[b, LONGEST], n_past) + 1):
                            # The earlier here and a blank come before what is there.
                            earlier = here - np.uint64(k - 1)
                            h += (past[earlier, _HASH] * _P + _BLANK) * power
                            power *= _P * past[earlier, _POWER]
                            if k >= blocks[b, SHORTEST] and k > inside:
                                mixed = _mixed(h ^ np.uint64(b + 1) * _SALT)
                                asked[m] = mixed
                                about[m, _0], about[m, _1], about[m, _2] = b, np.int64(earlier), np.int64(here)
                                touched += np.uint64(tags[mixed & tags_mask])
                                m += _1
            hits = _0
            for a in range(m):
                slot, tag = asked[a] & tags_mask, _tag(asked[a])
                while tags[slot] and tags[slot] != tag:
                    slot = (slot + _1) & tags_mask
                asked[hits] = slot
                about[hits, _0], about[hits, _1], about[hits, _2] = about[a, _0], about[a, _1], about[a, _2]
                touched += np.uint64(owners[slot])
                hits += np.uint64(tags[slot] != 0)
            for a in range(hits):
                which = np.uint64(owners[asked[a]])
                touched += np.uint64(places[which]) + np.uint64(
                    weights[which * width] + weights[which * width + n_scores] > 0
                )
            for a in range(hits):
                block, earlier, token = about[a, _0], about[a, _1], about[a, _2]
                row = _probe(
                    asked[a], tags[asked[a]], block, past, earlier, token, data,
                    blocks, tags, owners, vocabulary, places,
                )  # fmt: skip
                used = np.int64(free)
                if row >= 0:
                    rows[free] = row
                    used += 1
                n_noted = _count(rows, free, used, short, stamps, stamp, counts, noted, n_noted)
                if short:
                    _sum(rows, free, used, weights, width, parts, np.uint64(block) * width)
        _mend(noted, n_noted, short, counts, blocks, tf, weights, width, parts)
        for b in range(n_blocks):
            at = np.uint64(b) * width
            if parts[at + n_scores] > 0.0:
                scale = block_weights[b] / np.sqrt(parts[at + n_scores])
                for k in range(n_scores):
                    out[np.uint64(t), k] += scale * parts[at + k]
    state[0], state[1], state[2], state[3] = n_words, n_rows, n_tokens, np.int64(touched >> _1)


_scored = _compiled(_scored_)


def score(
    data: Array, bounds: Array, classes: Array, blocks: Array, block_weights: Array, table: tuple[Array, Array],
    vocabulary: Array, places: Array, weights: Array, known: Memory, out: Array,
) -> None:  # fmt: skip
    """Add the scores of texts to `out`.

    Parameters
    ----------
    data
        The texts' UTF-8 bytes, one after the other; none longer than 1 GB.
    bounds
        Where each text starts in it, and the end: shape (n_texts + 1,).
    classes
        Of every code point, SPACE and WORD bits.
    blocks, block_weights
        Shape (n_blocks, 6) and (n_blocks,).
    table, vocabulary, places
        As `build` filled the table; `places` has where each n-gram starts in the vocabulary, and its end.
    weights
        Shape (n_ngrams, n_scores + 1): weights times IDF and, last, the IDF squared.
    known
        What `memory` gave, or an earlier call with the same model left.
    out
        Shape (n_texts, n_scores).
    """
    longest, n_blocks = int(np.diff(bounds).max(initial=0)), len(blocks)
    n_asked = _TOGETHER * _REMEMBERED * int(blocks[:, LONGEST].sum())
    # Of a short text every n-gram may be noted, of a long one each kind once.
    n_noted = len(weights) + (2 * _SHORT_TEXT + 2) * int(blocks[:, LONGEST].sum()) + 1
    _scored(
        data, bounds.astype(np.uint64), classes, blocks, block_weights, *table, vocabulary, places,
        weights.ravel(), out, *known,
        np.empty((longest // 2 + 2, 7), np.uint64),
        np.empty(longest + 4, np.uint8), np.empty(longest + 4, np.int64),
        np.empty(_TOGETHER, np.uint64), np.empty(_TOGETHER, np.uint64), np.empty(_TOGETHER, np.uint64),
        np.empty(_TOGETHER, np.int64), np.empty(_TOGETHER * _KEY, np.uint64),
        np.empty(n_asked, np.uint64), np.empty((n_asked, 3), np.int64),
        np.zeros(len(weights), np.uint8), np.zeros(len(weights), np.uint32),
        np.empty(n_noted, np.uint32),
        np.empty(n_blocks * weights.shape[1]),
        np.concatenate([[0.0], 1.0 + np.log(np.arange(1, _KNOWN_TF))]),
    )  # fmt: skip
