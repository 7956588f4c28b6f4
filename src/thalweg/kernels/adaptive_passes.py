"""Loops of the online learner, for `native.loops`: rows one after another, each predicted and then learnt from."""

from math import copysign, expm1, log1p, sqrt
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.cgutils import get_item_pointer
from numba.extending import intrinsic, register_jitable

from thalweg.formulas import curvature, log_loss, residual, sigmoid, softplus
from thalweg.native import loop

for _formula in (sigmoid, softplus, log_loss, residual, curvature):
    register_jitable(_formula)


@loop
def shrunk(w: float, rate: float, rows: float, l1: float, l2: float) -> float:
    """The weight after that many proximal steps of both penalties: w ← soft(w, rate·l1)/(1 + rate·l2) for each row."""
    size = abs(w)
    if l2 > 0.0:
        lost = -expm1(-rows * log1p(rate * l2))
        size = size * (1.0 - lost) - l1 / l2 * lost
    else:
        size -= rate * rows * l1
    return copysign(max(size, 0.0), w)


def _prefetch(_: Any, values: Any, j: Any) -> Any:
    """Bring row j of an array (P, 2) on its way from memory, to be written to; the work goes on meanwhile."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        of, letter, flag = signature.args[0], ir.IntType(8).as_pointer(), ir.IntType(32)
        array = context.make_array(of)(context, builder, arguments[0])
        first = context.get_constant(types.int64, 0)
        place = builder.bitcast(get_item_pointer(context, builder, of, array, [arguments[1], first]), letter)
        function = ir.FunctionType(ir.VoidType(), [letter, flag, flag, flag])
        called = builder.module.declare_intrinsic("llvm.prefetch", [letter], function)
        builder.call(called, [place, flag(1), flag(3), flag(1)])  # to write; to stay in the cache; data
        return context.get_dummy_value()

    return types.void(values, types.int64), build


_fetch: Any = intrinsic(_prefetch)


@loop
def adaptive_pass(
    indptr: np.ndarray,
    indices: np.ndarray,
    data: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray,
    offset: np.ndarray,
    weights: np.ndarray,
    touched: np.ndarray,
    intercept: np.ndarray,
    rate: float,
    l1: float,
    l2: float,
    seen: int,
    bins: np.ndarray,
    range_: float,
    rates: np.ndarray,
) -> float:
    """Σ s·loss of the rows, each predicted before it was learnt from; the state is changed in place.

    weights    (P, 2) float32: w, and the sum of its squared gradients, which starts above 0
    touched    (P,) the row each weight was last learnt from; empty without penalties
    intercept  (2,) b and the sum of its squared gradients, likewise; empty where there is none
    seen       rows learnt from so far
    bins       (2, B) the rows' weights are counted by their label and their margin, from -range_ to range_
    rates      float32, as many as the longest row has entries: room to work in
    weight and offset may be empty: all ones, all zeros.
    """
    loss, per_bin, last = 0.0, bins.shape[1] / (2.0 * range_), bins.shape[1] - 1
    base = np.float32(rate)
    penalised = l1 > 0.0 or l2 > 0.0
    for i in range(len(y)):
        start, stop = indptr[i], indptr[i + 1]
        if i + 1 < len(y):  # most of the time goes into waiting for weights: the next row's come meanwhile
            for t in range(stop, indptr[i + 2]):
                _fetch(weights, np.int64(indices[t]))
        z = intercept[0] if len(intercept) > 0 else 0.0
        if len(offset) > 0:
            z += offset[i]
        for t in range(start, stop):
            j = indices[t]
            if penalised:
                rows = seen + i - touched[j]
                touched[j] = seen + i
                weights[j, 0] = shrunk(weights[j, 0], rate / sqrt(weights[j, 1]), rows, l1, l2)
            z += data[t] * weights[j, 0]
        s = weight[i] if len(weight) > 0 else 1.0
        loss += s * log_loss(y[i], z)
        place = min(max(int((z + range_) * per_bin), 0), last)
        bins[0, place] += s * (1.0 - y[i])
        bins[1, place] += s * y[i]
        r = s * residual(y[i], z)
        if r == 0.0:
            continue
        # the squared gradients first; then how far the margin moves for a residual of 1
        reach = 0.0
        if len(intercept) > 0:
            intercept[1] += r * r
            reach = rate / sqrt(intercept[1])
        for t in range(start, stop):
            j, x = indices[t], data[t]
            g = np.float32(r) * x
            square = weights[j, 1] + g * g
            weights[j, 1] = square
            rates[t - start] = x * (base / np.float32(sqrt(square)))
            reach += x * rates[t - start]
        step = implicit(r, s, y[i], z, reach)
        if len(intercept) > 0:
            intercept[0] -= step * rate / sqrt(intercept[1])
        change = np.float32(step)
        for t in range(start, stop):
            weights[indices[t], 0] -= change * rates[t - start]
    return loss


@loop
def implicit(r: float, s: float, y: float, z: float, reach: float) -> float:
    """The residual at the margin that the update with it leads to: it never goes past the label.

    It solves u = s·(σ(z - reach·u) - y), u between 0 and r, by Newton's steps within a bracket, which is halved where
    they are no faster: the implicit update of Kulis and Bartlett (Implicit online learning, 2010).
    """
    low, high = min(r, 0.0), max(r, 0.0)
    u = r / (1.0 + reach * s * curvature(z))
    moved = abs(u - r)
    for _ in range(100):
        m = z - reach * u
        error = u - s * residual(y, m)  # increases with u
        if abs(error) <= 1e-6 * abs(u):
            break
        if error > 0.0:
            high = u
        else:
            low = u
        step = error / (1.0 + reach * s * curvature(m))
        if 2.0 * abs(step) > moved or not low < u - step < high:
            step = u - 0.5 * (low + high)
        moved = abs(step)
        u -= step
    return u


@loop
def settle(
    weights: np.ndarray, touched: np.ndarray, rate: float, l1: float, l2: float, seen: int, settled: np.ndarray
) -> None:
    """Every weight, shrunk by the rows since it was touched, into settled (P,)."""
    for j in range(len(weights)):
        settled[j] = weights[j, 0]
        if len(touched) > 0:
            settled[j] = shrunk(weights[j, 0], rate / sqrt(weights[j, 1]), seen - touched[j], l1, l2)


@loop
def register(slots: np.ndarray, marks: np.ndarray, owners: np.ndarray, new: np.ndarray) -> int:
    """The words, at these slots and with these marks, that are the first or second of their slot, and not known.

    Their places come into new (m,), and how many they are is returned.
    owners (P, 2) uint16 remembers the marks of two words each; later ones share the slot unnamed. The lowest bit of a
    mark is set, and is cleared in owners where the word was forgotten: it is new again when it comes back.
    """
    count, known = 0, np.uint16(1)
    for i in range(len(slots)):
        j = slots[i]
        if owners[j, 0] == marks[i] or owners[j, 1] == marks[i]:
            continue
        for place in range(2):
            if owners[j, place] == 0 or owners[j, place] | known == marks[i]:
                owners[j, place] = marks[i]
                new[count] = i
                count += 1
                break
    return count
