"""Loops that hash words to columns, for `native.loops`; Arrow arrays come as in `number_passes`."""

from sys import byteorder
from typing import Any

import numpy as np

from thalweg.native import loop
from thalweg.recipe.number_passes import at, filled

_PRIME = np.uint64(0x100000001B3)
_A, _B, _S = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53), np.uint64(33)
_M, _R = np.uint64(0xC6A4A7935BD1E995), np.uint64(47)
_LITTLE = byteorder == "little"
_ROWS = 256  # worked on at a time: few enough that their places in the matrix stay in the cache
_TOP = np.uint64(64 - 11)  # the first 11 bits of a hash say where it is remembered


@loop
def _mixed(h: Any) -> Any:
    """Every bit of the result depends on every bit of h (MurmurHash3's finalizer, Appleby, 2011)."""
    h ^= h >> _S
    h *= _A
    h ^= h >> _S
    h *= _B
    return h ^ (h >> _S)


@loop
def _hashed(letters: int, begin: int, end: int, safe: int, seed: Any) -> Any:
    """MurmurHash64A (Appleby, 2008) of the bytes from letters + begin to letters + end; up to safe they can be read."""
    h = seed ^ (np.uint64(end - begin) * _M)
    for t in range(begin, end, 8):
        k = np.uint64(0)
        if _LITTLE and t + 8 <= safe:
            k = at(np.uint64, letters + t, 0)
            if t + 8 > end:
                k &= (np.uint64(1) << np.uint64(8 * (end - t))) - np.uint64(1)
        else:
            for i in range(min(8, end - t)):
                k |= np.uint64(at(np.uint8, letters, t + i)) << np.uint64(8 * i)
        if t + 8 <= end:
            k *= _M
            k ^= k >> _R
            k *= _M
        h = (h ^ k) * _M
    h ^= h >> _R
    h *= _M
    return h ^ (h >> _R)


@loop
def hash_words(where: np.ndarray, seed: Any, hole: Any, hashes: np.ndarray) -> None:
    """The hashes (n,) of the strings at where (4,), from a seed; that of holes is given."""
    ends, valid, first, letters = where[0], where[1], where[2], where[3]
    if len(hashes) > 0:
        safe = np.int64(at(np.int32, ends, first + len(hashes)))
        for i in range(len(hashes)):
            hashes[i] = hole
            if filled(valid, first + i):
                begin, end = at(np.int32, ends, first + i), at(np.int32, ends, first + i + 1)
                hashes[i] = _hashed(letters, np.int64(begin), np.int64(end), safe, seed)


@loop
def add_strings(
    where: np.ndarray,
    seed: Any,
    hole: Any,
    mask: Any,
    begin: int,
    weights: np.ndarray,
    hashes: np.ndarray,
    z: np.ndarray,
) -> None:
    """Add to z (n,) the weights of the columns, from `begin` on, that the strings at where (4,) are hashed to.

    In two turns, with room for hashes (n,): waiting for weights while words are hashed takes twice the time.
    """
    hash_words(where, seed, hole, hashes)
    for i in range(len(z)):
        z[i] += weights[np.int64(hashes[i] & mask) + begin]


@loop
def add_coded(where: np.ndarray, weights: np.ndarray, z: np.ndarray) -> None:
    """Add to z (n,) the weights that the codes (int32) at where (4,) point at; the last is that of a hole."""
    codes, valid, first, hole = where[0], where[1], where[2], weights[len(weights) - 1]
    for i in range(len(z)):
        z[i] += weights[at(np.int32, codes, first + i)] if filled(valid, first + i) else hole


@loop
def hash_pairs(
    left: np.ndarray, left_codes: np.ndarray, right: np.ndarray, right_codes: np.ndarray, seed: Any, hashes: np.ndarray
) -> None:
    """The hashes (n,) of the pairs of two columns' words in each row."""
    for i in range(len(hashes)):
        h = (left[left_codes[i]] ^ seed) * _PRIME
        hashes[i] = _mixed(h ^ right[right_codes[i]])


@loop
def _mark(h: Any) -> Any:
    return np.uint16(h >> np.uint64(48)) | np.uint16(3)


@loop
def split(hashes: np.ndarray, mask: Any, begin: int, slots: np.ndarray, marks: np.ndarray) -> None:
    """Of every hash its column, from `begin` on, and its mark, which tells the words of one column apart.

    The last two bits of a mark are 1: they say that there is a word, and that it is known.
    """
    for i in range(len(hashes)):
        slots[i] = np.int32(hashes[i] & mask) + np.int32(begin)
        marks[i] = _mark(hashes[i])


@loop
def place_words(
    where: np.ndarray, slots: np.ndarray, ends: np.ndarray, start: np.ndarray, to: np.ndarray, indices: np.ndarray
) -> None:
    """The columns of each row's words, those of array c at start + to[c].

    where  codes (int32) into each array's part of slots, of which ends says where it ends; the last is that of a hole
    """
    n = len(start)
    for low in range(0, n, _ROWS):
        begin = 0
        for c in range(len(where)):
            codes, valid, first, place, hole = where[c, 0], where[c, 1], where[c, 2], to[c], slots[ends[c] - 1]
            if valid == 0:
                for i in range(low, min(low + _ROWS, n)):
                    indices[start[i] + place] = slots[begin + at(np.int32, codes, first + i)]
            else:
                for i in range(low, min(low + _ROWS, n)):
                    slot = slots[begin + at(np.int32, codes, first + i)] if filled(valid, first + i) else hole
                    indices[start[i] + place] = slot
            begin = ends[c]


@loop
def place_strings(
    where: np.ndarray,
    seeds: np.ndarray,
    holes: np.ndarray,
    mask: Any,
    begin: int,
    start: np.ndarray,
    to: np.ndarray,
    indices: np.ndarray,
    last: np.ndarray,
    arrays: np.ndarray,
    rows: np.ndarray,
    slots: np.ndarray,
    marks: np.ndarray,
) -> int:
    """The columns of each row's words, those of array c at start + to[c]; and the words, most of them once: how many.

    where, seeds, holes         k arrays of strings; what their hashes start from, and those of holes
    last                        (k, 2048) zeros: hashes that came before
    arrays, rows, slots, marks  (k·n,): where each word stands, its column and its mark
    """
    n, count = len(start), 0
    for low in range(0, n, _ROWS):
        for c in range(len(where)):
            ends, valid, first, letters = where[c, 0], where[c, 1], where[c, 2], where[c, 3]
            safe, seed, hole, place = np.int64(at(np.int32, ends, first + n)), seeds[c], holes[c], to[c]
            end = np.int64(at(np.int32, ends, first + low))
            for i in range(low, min(low + _ROWS, n)):
                word, end, h = end, np.int64(at(np.int32, ends, first + i + 1)), hole
                if filled(valid, first + i):
                    h = _hashed(letters, word, end, safe, seed)
                slot = np.int32(h & mask) + np.int32(begin)
                indices[start[i] + place] = slot
                arrays[count], rows[count], slots[count], marks[count] = c, i, slot, _mark(h)
                count += last[c, h >> _TOP] != h  # else the next one takes its place: faster than a branch
                last[c, h >> _TOP] = h
    return count


@loop
def measure_words(where: np.ndarray, arrays: np.ndarray, rows: np.ndarray, hole: np.ndarray, ends: np.ndarray) -> None:
    """Where each of some words ends, after those before it; `hole` holds the letters of a hole's."""
    total = 0
    for i in range(len(rows)):
        c, row = arrays[i], where[arrays[i], 2] + rows[i]
        if filled(where[c, 1], row):
            total += at(np.int32, where[c, 0], row + 1) - at(np.int32, where[c, 0], row)
        else:
            total += len(hole)
        ends[i] = total


@loop
def copy_words(
    where: np.ndarray, arrays: np.ndarray, rows: np.ndarray, hole: np.ndarray, ends: np.ndarray, letters: np.ndarray
) -> None:
    """The letters of the same words one after another."""
    to = 0
    for i in range(len(rows)):
        c, row = arrays[i], where[arrays[i], 2] + rows[i]
        begin = at(np.int32, where[c, 0], row)
        is_word = filled(where[c, 1], row)
        for t in range(ends[i] - to):
            letters[to + t] = at(np.uint8, where[c, 3], begin + t) if is_word else hole[t]
        to = ends[i]
