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
def place_words(codes: np.ndarray, slots: np.ndarray, start: np.ndarray, at: int, indices: np.ndarray) -> None:
    """indices[start[i] + at] = slots[codes[i]] for every row i."""
    for i in range(len(codes)):
        indices[start[i] + at] = slots[codes[i]]


@_compiled
def place_numbers(
    values: np.ndarray,
    mean: float,
    scale: float,
    slot: int,
    start: np.ndarray,
    at: int,
    indices: np.ndarray,
    data: np.ndarray,
) -> None:
    """The centred and scaled number of every row in `slot`; a hole is 1 in the slot after it."""
    for i in range(len(values)):
        hole = np.isnan(values[i])
        indices[start[i] + at] = slot + hole
        data[start[i] + at] = 1.0 if hole else (values[i] - mean) / scale
