"""Compiled loops that hash words to columns. Compiled once per machine and kept on disk beside this file."""

from typing import Any

import numpy as np
from numba import njit

_compiled: Any = njit(nogil=True, cache=True, error_model="numpy")

_PRIME = np.uint64(0x100000001B3)
_A, _B = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_S = np.uint64(33)


@_compiled
def _mixed(h: Any) -> Any:
    """Every bit of the result depends on every bit of h (MurmurHash3's finalizer, Appleby, 2011)."""
    h ^= h >> _S
    h *= _A
    h ^= h >> _S
    h *= _B
    return h ^ (h >> _S)


@_compiled
def hash_words(offsets: np.ndarray, letters: np.ndarray, seed: int) -> np.ndarray:
    """(m,) uint64 of the words letters[offsets[i]:offsets[i + 1]]: FNV-1a from a seed (Fowler, Noll and Vo), mixed."""
    hashes = np.empty(len(offsets) - 1, np.uint64)
    for i in range(len(hashes)):
        h = np.uint64(seed)
        for t in range(offsets[i], offsets[i + 1]):
            h = (h ^ np.uint64(letters[t])) * _PRIME
        hashes[i] = _mixed(h)
    return hashes


@_compiled
def hash_pairs(
    left: np.ndarray, left_codes: np.ndarray, right: np.ndarray, right_codes: np.ndarray, seed: int
) -> np.ndarray:
    """(n,) uint64 of the pairs of two columns' words in each row."""
    hashes = np.empty(len(left_codes), np.uint64)
    for i in range(len(hashes)):
        h = (left[left_codes[i]] ^ np.uint64(seed)) * _PRIME
        hashes[i] = _mixed(h ^ right[right_codes[i]])
    return hashes


@_compiled
def place_words(
    codes: np.ndarray, slots: np.ndarray, ends: np.ndarray, start: np.ndarray, at: int, indices: np.ndarray
) -> None:
    """The columns of each row's words, one after another from `at` on.

    codes  (sources, n) places in each source's part of slots, of which ends (sources,) says where it ends
    """
    for i in range(codes.shape[1]):
        begin, to = 0, start[i] + at
        for c in range(codes.shape[0]):
            indices[to + c] = slots[begin + codes[c, i]]
            begin = ends[c]


@_compiled
def place_numbers(
    values: np.ndarray, mean: np.ndarray, scale: np.ndarray, start: np.ndarray, indices: np.ndarray, data: np.ndarray
) -> None:
    """The centred and scaled numbers (k, n) of every row in columns 0, 2, 4 ...; a hole is 1 in the column after it."""
    for i in range(values.shape[1]):
        for c in range(values.shape[0]):
            hole = np.isnan(values[c, i])
            indices[start[i] + c] = 2 * c + hole
            data[start[i] + c] = 1.0 if hole else (values[c, i] - mean[c]) / scale[c]
