"""Loops over the entries of CSR rows, one model at a time, for `native.loops`. The formulas are those of `formulas`."""

from math import inf

import numpy as np
from numba.extending import register_jitable

from thalweg.formulas import curvature, divergence, log_loss, residual, sigmoid, softplus
from thalweg.native import loop

for _formula in (sigmoid, softplus, log_loss, residual, curvature, divergence):
    register_jitable(_formula)


@loop
def _dot(data: np.ndarray, indices: np.ndarray, start: int, stop: int, w: np.ndarray, b: float) -> float:
    """b + Σ data·w[indices] in four running sums: one alone waits for each addition before the next."""
    u0, u1, u2, u3 = b, 0.0, 0.0, 0.0
    whole = start + (stop - start) // 4 * 4
    for t in range(start, whole, 4):
        u0 += data[t] * w[indices[t]]
        u1 += data[t + 1] * w[indices[t + 1]]
        u2 += data[t + 2] * w[indices[t + 2]]
        u3 += data[t + 3] * w[indices[t + 3]]
    for t in range(whole, stop):
        u0 += data[t] * w[indices[t]]
    return (u0 + u1) + (u2 + u3)


@loop
def sums_pass(
    indptr: np.ndarray,
    indices: np.ndarray,
    data: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray,
    offset: np.ndarray,
    w: np.ndarray,
    b: float,
    level: int,
    curvatures: np.ndarray,
    columns: np.ndarray,
) -> tuple[float, float, float]:
    """Σ loss, Σ r, Σ h over the rows; Xᵀr and Xᵀh added to columns (p, 2), as far as `level` (a `Want`) asks.

    weight, offset and curvatures may be empty: all ones, all zeros, not wanted.
    """
    loss = total_r = total_h = 0.0
    for i in range(len(y)):
        start, stop = indptr[i], indptr[i + 1]
        z = _dot(data, indices, start, stop, w, b)
        if len(offset) > 0:
            z += offset[i]
        s = weight[i] if len(weight) > 0 else 1.0
        loss += s * log_loss(y[i], z)
        r = s * residual(y[i], z)
        h = s * curvature(z)
        if len(curvatures) > 0:
            curvatures[i] = h
        total_r += r
        total_h += h
        if level == 1:
            for t in range(start, stop):
                columns[indices[t], 0] += data[t] * r
        elif level >= 2:
            for t in range(start, stop):
                columns[indices[t], 0] += data[t] * r
                columns[indices[t], 1] += data[t] * h
    return loss, total_r, total_h


@loop
def step_pass(
    indptr: np.ndarray,
    indices: np.ndarray,
    data: np.ndarray,
    weight: np.ndarray,
    offset: np.ndarray,
    w: np.ndarray,
    b: float,
    dw: np.ndarray,
    db: float,
    columns: np.ndarray,
) -> tuple[float, float, float]:
    """max |δ|, Σ divergence and Σ hδ over the rows, h at the margins before the step; Xᵀ(hδ) added to columns (p,)."""
    reach = total = total_hd = 0.0
    for i in range(len(indptr) - 1):
        start, stop = indptr[i], indptr[i + 1]
        d = _dot(data, indices, start, stop, dw, db)
        z = _dot(data, indices, start, stop, w, b) - d
        if len(offset) > 0:
            z += offset[i]
        s = weight[i] if len(weight) > 0 else 1.0
        reach = max(reach, abs(d))
        if abs(d) <= 1.0:
            total += s * divergence(z, d)
        else:
            total = inf
        hd = s * curvature(z) * d
        total_hd += hd
        for t in range(start, stop):
            columns[indices[t]] += data[t] * hd
    return reach, total, total_hd


@loop
def product_pass(
    indptr: np.ndarray,
    indices: np.ndarray,
    data: np.ndarray,
    curvatures: np.ndarray,
    v: np.ndarray,
    b: float,
    columns: np.ndarray,
) -> float:
    """Σ h·u with u = Xv + b; Xᵀ(h·u) added to columns (p,)."""
    total = 0.0
    for i in range(len(indptr) - 1):
        start, stop = indptr[i], indptr[i + 1]
        u = curvatures[i] * _dot(data, indices, start, stop, v, b)
        total += u
        for t in range(start, stop):
            columns[indices[t]] += data[t] * u
    return total


@loop
def squares_pass(
    indptr: np.ndarray, indices: np.ndarray, data: np.ndarray, weight: np.ndarray, columns: np.ndarray
) -> None:
    """Σ s·x and Σ s·x² added to columns (p, 2); weight may be empty: all ones."""
    for i in range(len(indptr) - 1):
        s = weight[i] if len(weight) > 0 else 1.0
        for t in range(indptr[i], indptr[i + 1]):
            x = float(data[t])
            columns[indices[t], 0] += s * x
            columns[indices[t], 1] += s * x * x


@loop
def gram_pass(
    indptr: np.ndarray, indices: np.ndarray, data: np.ndarray, curvatures: np.ndarray, gram: np.ndarray
) -> None:
    """Xᵀ diag(h) X added to the lower half of gram (p, p): every pair of entries of every row."""
    for i in range(len(indptr) - 1):
        start, stop = indptr[i], indptr[i + 1]
        for t in range(start, stop):
            u = curvatures[i] * data[t]
            j = indices[t]
            for k in range(start, stop):
                if indices[k] <= j:
                    gram[j, indices[k]] += u * data[k]


@loop
def sweep_pass(
    indptr: np.ndarray,
    indices: np.ndarray,
    data: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray,
    offset: np.ndarray,
    size: int,
    rates: np.ndarray,
    scale: float,
    l2: float,
    intercept: bool,
    w: np.ndarray,
    b: float,
    sums: np.ndarray,
    residuals: np.ndarray,
) -> tuple[float, float]:
    """Mini-batches one after another: w and the sum of all w on the way, in place; returns b and the sum of all b.

    residuals (size,) is room to work in.

    An update costs the entries of its rows: w = a·v shrinks by its factor a, and the sum of all w is A·v + u with A the
    sum of all a, where u takes back what a change of v adds to it too much (Bottou, Stochastic Gradient Descent
    Tricks, 2012, section 5).
    """
    a, total_a, total_b = 1.0, 0.0, 0.0
    for number in range(len(rates)):
        first, last = number * size, min((number + 1) * size, len(y))
        for i in range(first, last):
            z = a * _dot(data, indices, indptr[i], indptr[i + 1], w, 0.0) + b
            if len(offset) > 0:
                z += offset[i]
            s = weight[i] if len(weight) > 0 else 1.0
            residuals[i - first] = s * residual(y[i], z)
        shrink = 1.0 - rates[number] * l2
        if abs(a * shrink) < 1e-100:  # before the factor leaves the numbers it is multiplied out
            for j in range(len(w)):
                sums[j] += total_a * w[j]
                w[j] *= a
            a, total_a = 1.0, 0.0
        a *= shrink
        step = rates[number] * scale / (last - first)
        for i in range(first, last):
            r = step * residuals[i - first]
            b -= r if intercept else 0.0
            change = -r / a if a != 0.0 else 0.0
            for t in range(indptr[i], indptr[i + 1]):
                w[indices[t]] += change * data[t]
                sums[indices[t]] -= total_a * change * data[t]
        total_a += a
        total_b += b
    for j in range(len(w)):
        sums[j] += total_a * w[j]
        w[j] *= a
    return b, total_b
