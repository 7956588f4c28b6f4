"""Where Arrow arrays stand in memory, for compiled loops that read them there."""

from collections.abc import Sequence
from typing import Any

import numpy as np

TYPES = ("double", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8")


def located(arrays: Sequence[Any]) -> np.ndarray:
    """(k, 4) int64: addresses of values and of valid bits, first place, and type or, of strings, address of letters.

    The arrays hold numbers, places in a dictionary, or strings; they must outlive the table.
    """
    rows = []
    for array in arrays:
        valid, values, *letters = array.buffers()
        last = (letters[0].address if letters[0] else 0) if letters else TYPES.index(str(array.type))
        holes = valid.address if valid is not None and array.null_count else 0
        rows.append((values.address if values is not None else 0, holes, array.offset, last))
    return np.array(rows, dtype=np.int64).reshape(-1, 4)


def same_memory(one: Any, other: Any) -> bool:
    """Whether two arrays are the same one: who keeps the first may keep what was made of it."""
    buffers = [[None if b is None else b.address for b in array.buffers()] for array in (one, other)]
    return buffers[0] == buffers[1] and (len(one), one.offset) == (len(other), other.offset)
