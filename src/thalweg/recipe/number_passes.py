"""Loops over the numbers of Arrow arrays, for `native.loops`.

Arrays come as rows of a table `where` (k, 4) of int64, as `arrow_memory.located` makes it: the address of the values
(of strings, of where they end), that of the bits that are 0 where there is a hole (0 if there is none), the first
place, and the type of the values (of strings, the address of their letters).
"""

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from thalweg.native import loop


def _at(_: Any, of: Any, address: Any, i: Any) -> Any:
    """The i-th number of a type at an address, wherever that is."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[1], context.get_value_type(signature.return_type).as_pointer())
        found = builder.load(builder.gep(pointer, [arguments[2]]))
        found.align = 1
        return found

    return of.instance_type(of, types.int64, types.int64), build


at: Any = intrinsic(_at)


@loop
def filled(valid: int, i: int) -> bool:
    """Whether place i of an array holds something."""
    return bool(valid == 0 or (at(np.uint8, valid, i >> 3) >> (i & 7)) & 1 == 1)


@loop
def _widen(of: Any, values: int, valid: int, first: int, to: np.ndarray) -> None:
    for i in range(len(to)):
        value = np.float64(at(of, values, first + i))
        to[i] = value if filled(valid, first + i) else np.nan


@loop
def fill_numbers(where: np.ndarray, to: np.ndarray) -> None:
    """The numbers of k arrays as float64 (k, n), holes NaN; types as `arrow_memory.TYPES` counts them."""
    for c in range(len(where)):
        values, valid, first, kind = where[c, 0], where[c, 1], where[c, 2], where[c, 3]
        if kind == 0:
            _widen(np.float64, values, valid, first, to[c])
        elif kind == 1:
            _widen(np.int64, values, valid, first, to[c])
        elif kind == 2:
            _widen(np.int32, values, valid, first, to[c])
        elif kind == 3:
            _widen(np.int16, values, valid, first, to[c])
        elif kind == 4:
            _widen(np.int8, values, valid, first, to[c])
        elif kind == 5:
            _widen(np.uint64, values, valid, first, to[c])
        elif kind == 6:
            _widen(np.uint32, values, valid, first, to[c])
        elif kind == 7:
            _widen(np.uint16, values, valid, first, to[c])
        else:
            _widen(np.uint8, values, valid, first, to[c])


@loop
def measure(values: np.ndarray, weight: np.ndarray, found: np.ndarray) -> None:
    """Of numbers (k, n): weight, mean, spread about it, whether there is a hole, and the largest size, found (5, k).

    weight may be empty: all ones. An infinity, or a spread that overflows, is told by the largest size.
    """
    for c in range(len(values)):
        total, sum_, spread, hole, largest = 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(values.shape[1]):
            x = values[c, i]
            if np.isnan(x):
                hole = 1.0
                continue
            s = weight[i] if len(weight) > 0 else 1.0
            total += s
            sum_ += s * x
            largest = max(largest, abs(x))
        mean = sum_ / total if total > 0.0 else 0.0
        for i in range(values.shape[1]):
            x = values[c, i]
            if not np.isnan(x):
                s = weight[i] if len(weight) > 0 else 1.0
                spread += s * (x - mean) ** 2
        found[0, c], found[1, c], found[2, c], found[3, c], found[4, c] = total, mean, spread, hole, largest


@loop
def add_numbers(values: np.ndarray, mean: np.ndarray, scale: np.ndarray, weights: np.ndarray, z: np.ndarray) -> None:
    """Add to z (n,) the numbers (k, n) of every row, centred and scaled, times the weights of their columns."""
    for c in range(len(values)):
        for i in range(len(z)):
            x = values[c, i]
            z[i] += weights[2 * c + 1] if np.isnan(x) else (x - mean[c]) / scale[c] * weights[2 * c]


@loop
def place_numbers(
    values: np.ndarray, mean: np.ndarray, scale: np.ndarray, start: np.ndarray, indices: np.ndarray, data: np.ndarray
) -> None:
    """The centred and scaled numbers (k, n) of every row in columns 0, 2, 4 ...; a hole is 1 in the column after it."""
    for i in range(values.shape[1]):
        for c in range(values.shape[0]):
            hole = np.isnan(values[c, i])
            indices[start[i] + c] = 2 * c + hole
            data[start[i] + c] = 1.0 if hole else (values[c, i] - mean[c]) / scale[c]
