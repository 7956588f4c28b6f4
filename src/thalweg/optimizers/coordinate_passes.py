"""Coordinate descent on a quadratic with an l1 penalty, for `native.loops`.

Most sweeps visit only the weights that are not zero; when these have arrived one visits all.
"""

import numpy as np

from thalweg.native import loop

_SETTLED = 5  # sweeps without a change of sign, after which a linear system finds the values sooner


@loop
def shrunk(aim: float, threshold: float) -> float:
    """The soft threshold."""
    if aim > threshold:
        return aim - threshold
    return aim + threshold if aim < -threshold else 0.0


@loop
def support(u: np.ndarray, order: np.ndarray) -> int:
    """The places of the weights that are not zero come into order (k,); how many they are is returned."""
    count = 0
    for j in range(len(u)):
        if u[j] != 0.0:
            order[count] = j
            count += 1
    return count


@loop
def formed_sweeps(
    H: np.ndarray, u: np.ndarray, slope: np.ndarray, l1: np.ndarray, order: np.ndarray, most: int, tol: float
) -> float:
    """Minimise uᵀHu/2 + c·u + Σ l1·|u| one weight after another, at most `most` times over; u changes in place.

    Returns the largest violation of an optimality condition, relative to l1, that the last sweep over all weights
    corrected; infinity where another came last, because signs have settled or there were too many.

    H      (k, k) symmetric, ones on its diagonal
    slope  (k,) Hu + c, which follows u
    order  (k,) int64, room to work in
    """
    k = len(u)
    count, over_all, unchanged, worst = k, True, 0, np.inf
    for _ in range(most):
        worst, changed = 0.0, False
        for q in range(count):
            j = q if over_all else order[q]
            old = u[j]
            new = shrunk(old - slope[j], l1[j])
            if new == old:
                continue
            d = new - old
            u[j] = new
            worst = max(worst, abs(d) / l1[j])
            changed = changed or old == 0.0 or new == 0.0 or (old > 0.0) != (new > 0.0)
            for i in range(k):
                slope[i] += d * H[j, i]
        if over_all and worst <= tol:
            return worst
        unchanged = 0 if changed or over_all else unchanged + 1
        if unchanged > _SETTLED and worst > tol:
            break
        over_all = not over_all and worst <= tol
        count = k if over_all else support(u, order)
    return np.inf


@loop
def column_sweeps(
    indptr: np.ndarray,
    indices: np.ndarray,
    data: np.ndarray,
    weighted: np.ndarray,
    factor: np.ndarray,
    shift: np.ndarray,
    back: np.ndarray,
    gain: np.ndarray,
    sums: np.ndarray,
    curvature: np.ndarray,
    g: np.ndarray,
    w: np.ndarray,
    u: np.ndarray,
    ridge: np.ndarray,
    l1: float,
    order: np.ndarray,
    rows: np.ndarray,
    most: int,
    tol: float,
) -> int:
    """Minimise g·(u - w) + (u - w)ᵀH(u - w)/2 + l1·‖u‖₁ likewise, H = XᵀhX + ridge.

    Returns how many sweeps that took: `most` where the point is not known to be optimal to the tolerance.

    A weight costs what its column stores. The margins' change v = X(u - w) + b is kept as rows + common, of which the
    second is a number.

    indptr, indices, data  compressed columns (CSC) of the raw rows; X is raw·factor - shift
    weighted   the entries times h of their rows
    back       (k,) what common falls by when a weight rises by 1
    gain       (k,) what Σ h·v rises by then
    sums       (k,) factor·Σ weighted of each column
    curvature  (k,) diagonal of the Hessian
    u          (k,) w at first
    order      (k,) int64, room to work in; rows (n,): zeros
    """
    k = len(u)
    common = total = 0.0
    count, over_all = k, True
    for sweep in range(most):
        worst = 0.0
        for q in range(count):
            j = q if over_all else order[q]
            if curvature[j] <= 0.0:
                continue
            s = 0.0
            for t in range(indptr[j], indptr[j + 1]):
                s += weighted[t] * rows[indices[t]]
            old = u[j]
            slope = g[j] + ridge[j] * (old - w[j]) + factor[j] * s + common * sums[j] - shift[j] * total
            new = shrunk(old - slope / curvature[j], l1 / curvature[j])
            if new == old:
                continue
            d = new - old
            u[j] = new
            worst = max(worst, abs(d) * curvature[j] / l1)
            common -= d * back[j]
            total += d * gain[j]
            d *= factor[j]
            for t in range(indptr[j], indptr[j + 1]):
                rows[indices[t]] += d * data[t]
        if over_all and worst <= tol:
            return sweep
        over_all = not over_all and worst <= tol
        count = k if over_all else support(u, order)
    return most
