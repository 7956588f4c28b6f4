"""A point whose P is as low as many digits allow: Newton on the columns that are not held at zero by l1.

Where such a step does not lower P, the next one goes to the minimum of the Newton model with its l1 part, and where
that fails too, the curvature of each loss is tanh(z/2)/(2z): the parabola that touches the loss at z and lies above it
everywhere (Jaakkola and Jordan, 2000), so that its minimum is lower.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fuzz import precision as high
from fuzz.reference import Reference

STEPS = 150
_HALVINGS = 8
_SWEEPS = 300
_CLOSE = 1e-31  # decrease, predicted or seen, as a share of P at which nothing of interest is left to gain
_TIGHT = 1e-30  # share of P that may lie between a lower bound on P* and P at the point found
_POLISHES = 4
_RIDGE = 1e-50  # share of a Hessian's diagonal added to it, so that a singular one can be factorised


# a direction (d,), the signs of the weights along it (0 where they may change), and half of what it promises
Direction = tuple[np.ndarray, np.ndarray, Any]


@dataclass(frozen=True)
class Minimum:
    """theta (d,), P there, and a lower bound on P*."""

    theta: np.ndarray
    value: Any
    bound: Any


def minimise(problem: Reference, start: np.ndarray, steps: int = STEPS) -> Minimum:
    """Go down from theta (d,), at most so many steps."""
    theta, value = start, problem.value(start)
    ways = [way for way in (_newton, _proximal, _majorised) if way is not _proximal or problem.l1 > 0]
    tried = 0
    for _ in range(steps):
        direction, signs, decrease = ways[tried](problem, theta)
        if tried == 0 and decrease <= _CLOSE * value:
            break
        found = _search(problem, theta, value, direction, signs)
        if tried > 0 and found is not None and value - found[1] <= _CLOSE * value:
            break
        tried = 0 if found is not None else tried + 1
        if found is not None:
            theta, value = found
        elif tried == len(ways):
            break
    return _polished(problem, theta, value)


def _polished(problem: Reference, theta: np.ndarray, value: Any) -> Minimum:
    """A few more Newton steps, until the bound is close: it needs a smaller gradient than P does."""
    bound = problem.bound(theta)
    for _ in range(_POLISHES):
        if value - bound <= _TIGHT * value or problem.l1 == problem.l2 == 0:
            break
        direction, signs, _ = _newton(problem, theta)
        new = theta + direction
        if any(new[j] * signs[j] < 0 for j in range(problem.p)):
            break
        theta, value = new, min(value, problem.value(new))
        bound = max(bound, problem.bound(theta))
    return Minimum(theta, value, bound)


def _newton(problem: Reference, theta: np.ndarray) -> Direction:
    """Newton's, on the columns that l1 does not hold at zero and with the signs they have."""
    r, h = problem.slopes(theta)
    gradient = problem.gradient(theta, r)
    signs = _signs(problem, theta, gradient)
    working = np.array([j for j in range(problem.d) if j >= problem.p or signs[j] != 0 or problem.l1 == 0], dtype=int)
    direction = high.zeros(problem.d)
    if not len(working):
        return direction, signs, high.ZERO
    slope = gradient[working] + problem.l1 * signs[working]
    size = problem.sizes[working]
    H = problem.hessian(h, working) / size[:, None] / size
    step = solve(H, slope / size, drop=problem.l1 > 0) / size
    direction[working] = -step
    return direction, signs, high.total(slope * step) / 2


def _proximal(problem: Reference, theta: np.ndarray) -> Direction:
    """To the minimum of the Newton model with its l1 part, which finds out what is zero."""
    return _to_minimum(problem, theta, problem.slopes(theta)[1])


def _majorised(problem: Reference, theta: np.ndarray) -> Direction:
    """To the minimum of the parabolas above the losses."""
    return _to_minimum(problem, theta, problem.s * np.array([_majorant(z) for z in problem.margins(theta)], object))


def _to_minimum(problem: Reference, theta: np.ndarray, h: np.ndarray) -> Direction:
    gradient, size = problem.gradient(theta, problem.slopes(theta)[0]), problem.sizes
    H = problem.hessian(h, np.arange(problem.d)) / size[:, None] / size
    if problem.l1 == 0:
        direction = -solve(H, gradient / size) / size
    else:
        strength = problem.l1 / size
        strength[problem.p :] = high.ZERO
        floats = (a.astype(np.float64) for a in (H, gradient / size, theta * size, strength))
        new = _coordinate_descent(*floats)
        direction = np.where(new == 0.0, -theta, high.exact(new) / size - theta)
    return direction, high.zeros(problem.d), high.ZERO


def _coordinate_descent(H: np.ndarray, g: np.ndarray, w: np.ndarray, l1: np.ndarray) -> np.ndarray:
    """The argmin over u of g·(u - w) + (u - w)·H(u - w)/2 + Σ l1·|u|, in float64: a direction need not be exact."""
    u, slope = w.copy(), g.copy()
    for _ in range(_SWEEPS):
        moved = 0.0
        for j in np.flatnonzero(np.diag(H) > 0.0):
            aim = H[j, j] * u[j] - slope[j]
            new = np.sign(aim) * max(abs(aim) - l1[j], 0.0) / H[j, j]
            if new != u[j]:
                moved = max(moved, abs(new - u[j]))
                slope += H[:, j] * (new - u[j])
                u[j] = new
        if moved <= 1e-13 * np.abs(u).max(initial=0.0):
            break
    return u


def _majorant(z: Any) -> Any:
    """tanh(z/2)/(2z)."""
    above, below = high.both_sides(z)
    return (above - below) / (2 * z) if abs(z) > 1e-20 else high.ONE / 4


def _signs(problem: Reference, theta: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """(d,) the sign each weight has, or would take on; 0 for those that l1 holds at zero."""
    signs = high.zeros(problem.d)
    if problem.l1 == 0:
        return signs
    for j in range(problem.p):
        if theta[j] != 0:
            signs[j] = high.ONE if theta[j] > 0 else -high.ONE
        elif abs(gradient[j]) > problem.l1:
            signs[j] = -high.ONE if gradient[j] > 0 else high.ONE
    return signs


def _search(
    problem: Reference, theta: np.ndarray, value: Any, direction: np.ndarray, signs: np.ndarray
) -> tuple[np.ndarray, Any] | None:
    """The first lower point on halved steps, or where a weight leaves its sign; such weights are set to zero."""
    rates = [high.ONE / 2**halvings for halvings in range(_HALVINGS)]
    moving = [j for j in range(problem.p) if signs[j] != 0 and theta[j] * direction[j] < 0]
    crossing = [j for j in moving if abs(theta[j]) < abs(direction[j])]
    if crossing:
        rates.insert(1, min(-theta[j] / direction[j] for j in crossing) * (1 + high.ONE * 1e-40))
    for rate in rates:
        new = theta + rate * direction
        for j in range(problem.p):
            if new[j] * signs[j] < 0:
                new[j] = high.ZERO
        found = problem.value(new)
        if found < value:
            return new, found
    return None


def solve(H: np.ndarray, v: np.ndarray, drop: bool = False) -> np.ndarray:
    """H⁻¹v by Cholesky, for H (k, k) positive semidefinite with a diagonal near 1.

    What depends on earlier columns gets 0 where `drop` says so, else a ridge that lets H be inverted.
    """
    k = len(v)
    A, x, kept = H.copy(), v.copy(), np.ones(k, dtype=bool)
    for j in range(k):
        A[j, j] = A[j, j] * (1 + high.ONE * _RIDGE) or high.ONE
    tiny = [A[j, j] * _RIDGE * (1 if drop else _RIDGE) * 10 for j in range(k)]
    for j in range(k):  # A becomes L·diag·Lᵀ, and x is reduced on the way
        if A[j, j] <= tiny[j]:
            A[j, j], kept[j] = tiny[j], not drop
        if j + 1 < k:
            factors = A[j + 1 :, j] / A[j, j] * int(kept[j])
            A[j + 1 :, j + 1 :] -= np.outer(factors, A[j + 1 :, j])
            x[j + 1 :] -= factors * x[j]
            A[j + 1 :, j] = factors
    for j in reversed(range(k)):
        rest = A[j + 1 :, j] @ x[j + 1 :] if j + 1 < k else high.ZERO
        x[j] = x[j] / A[j, j] - rest if kept[j] else high.ZERO
    return x
