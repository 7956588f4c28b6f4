"""A point whose P is as low as many digits allow: Newton on the columns that are not held at zero by l1.

Where a Newton step does not lower P, the next one uses the curvature tanh(z/2)/(2z) of each loss instead: the parabola
that touches the loss at z and lies above it everywhere (Jaakkola and Jordan, 2000), so that its minimum is lower.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fuzz import precision as high
from fuzz.reference import Reference

_STEPS = 150
_HALVINGS = 8
_CLOSE = 1e-34  # predicted decrease, as a share of P, at which nothing of interest is left to gain
_TIGHT = 1e-30  # share of P that may lie between a lower bound on P* and P at the point found
_POLISHES = 4
_RIDGE = 1e-50  # share of a Hessian's diagonal added to it, so that a singular one can be factorised


@dataclass(frozen=True)
class Minimum:
    """theta (d,), P there, and a lower bound on P*."""

    theta: np.ndarray
    value: Any
    bound: Any


def minimise(problem: Reference, start: np.ndarray) -> Minimum:
    """Go down from theta (d,)."""
    theta, value, majorised = start, problem.value(start), False
    for _ in range(_STEPS):
        direction, signs, decrease = _direction(problem, theta, majorised)
        if not majorised and decrease <= _CLOSE * value:
            break
        found = _search(problem, theta, value, direction, signs)
        if found is None and majorised:
            break
        majorised = found is None
        if found is not None:
            theta, value = found
    return _polished(problem, theta, value)


def _polished(problem: Reference, theta: np.ndarray, value: Any) -> Minimum:
    """A few more Newton steps, until the bound is close: it needs a smaller gradient than P does."""
    bound = problem.bound(theta)
    for _ in range(_POLISHES):
        if value - bound <= _TIGHT * value or problem.l1 == problem.l2 == 0:
            break
        direction, signs, _ = _direction(problem, theta, majorised=False)
        new = theta + direction
        if any(new[j] * signs[j] < 0 for j in range(problem.p)):
            break
        theta, value = new, min(value, problem.value(new))
        bound = max(bound, problem.bound(theta))
    return Minimum(theta, value, bound)


def _direction(problem: Reference, theta: np.ndarray, majorised: bool) -> tuple[np.ndarray, np.ndarray, Any]:
    """The direction (d,), the signs of the weights along it, and half of what it promises."""
    r, h = problem.slopes(theta)
    if majorised:
        h = problem.s * np.array([_majorant(z) for z in problem.margins(theta)], dtype=object)
    gradient = problem.gradient(theta, r)
    signs = _signs(problem, theta, gradient)
    working = np.array([j for j in range(problem.d) if j >= problem.p or signs[j] != 0 or problem.l1 == 0], dtype=int)
    direction = high.zeros(problem.d)
    if not len(working):
        return direction, signs, high.ZERO
    slope = gradient[working] + problem.l1 * signs[working]
    size = problem.sizes[working]
    step = solve(problem.hessian(h, working) / size[:, None] / size, slope / size) / size
    direction[working] = -step
    return direction, signs, high.total(slope * step) / 2


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
    """The first lower point on halved steps; under l1 a weight that would leave its sign is set to zero."""
    rate = high.ONE
    for _ in range(_HALVINGS):
        new = theta + rate * direction
        for j in range(problem.p):
            if new[j] * signs[j] < 0:
                new[j] = high.ZERO
        found = problem.value(new)
        if found < value:
            return new, found
        rate = rate / 2
    return None


def solve(H: np.ndarray, v: np.ndarray) -> np.ndarray:
    """H⁻¹v by Cholesky, for H (k, k) positive semidefinite; what is singular is lifted by a ridge."""
    k = len(v)
    A, x = H.copy(), v.copy()
    for j in range(k):
        A[j, j] = A[j, j] * (1 + high.ONE * _RIDGE) or high.ONE
    tiny = [A[j, j] * _RIDGE * _RIDGE for j in range(k)]
    for j in range(k):  # A becomes L·diag·Lᵀ, and x is reduced on the way
        pivot = A[j, j] if A[j, j] > tiny[j] else tiny[j]
        A[j, j] = pivot
        if j + 1 < k:
            factors = A[j + 1 :, j] / pivot
            A[j + 1 :, j + 1 :] -= np.outer(factors, A[j + 1 :, j])
            x[j + 1 :] -= factors * x[j]
            A[j + 1 :, j] = factors
    for j in reversed(range(k)):
        x[j] = x[j] / A[j, j] - (A[j + 1 :, j] @ x[j + 1 :] if j + 1 < k else high.ZERO)
    return x
