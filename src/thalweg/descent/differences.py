"""Gradients by central differences, with an estimate of their error."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from thalweg.descent.measured import EPS

Function = Callable[[np.ndarray], float]

_SHORTER = 32.0  # each step is that much shorter than the one before
_SHORTEST = 100.0 * EPS  # relative to x: below it the step itself is rounding


@dataclass(frozen=True)
class Differences:
    """What differences say about a gradient; each is (d,), and nan where the function is not a number beside the point.

    gradient  the slope along each axis
    error     an estimate of how wrong that is, not a bound
    nearby    the steepest that the function is from one probe to the next, where the slope itself may be zero
    """

    gradient: np.ndarray
    error: np.ndarray
    nearby: np.ndarray


def central(fun: Function, at: np.ndarray, eps: float = EPS) -> np.ndarray:
    """(fun(x + h·eⱼ) - fun(x - h·eⱼ)) / 2h for every j; h is eps^(1/3)·max(1, |xⱼ|).

    at (d,), eps: how fun rounds; returns (d,). Truncation makes it wrong by h²/6 times the third derivative, rounding
    by eps·|fun|/h. Source: Nocedal and Wright, Numerical Optimization, 8.1.
    """
    gradient = np.empty_like(at)
    for j in range(len(at)):
        (ahead, high), (behind, low) = (_probe(fun, at, j, way * _step(at[j], eps)) for way in (1.0, -1.0))
        gradient[j] = (high - low) / (ahead - behind)  # as rounded, not 2h
    return gradient


def central_with_error(fun: Function, at: np.ndarray, eps: float = EPS, shortest: bool = False) -> Differences:
    """Central differences at (d,), each component with an estimate of its error.

    Truncation shows in the difference to the step twice as long, which has four times as much of it; rounding is eps
    times the function's values over the step. With `shortest` shorter steps are tried as well, until rounding outweighs
    truncation, and the best is taken: for functions that bend, or end, within the step of `central`.
    """
    found = np.array([_component(fun, at, j, eps, shortest) for j in range(len(at))]).reshape(-1, 3)
    return Differences(found[:, 0], found[:, 1], found[:, 2])


def _component(fun: Function, at: np.ndarray, j: int, eps: float, shortest: bool) -> tuple[float, float, float]:
    best = (np.nan, np.nan, np.nan)
    h = _step(at[j], eps)
    while h > _SHORTEST * abs(at[j]) and h > EPS**2:
        places, values = zip(*(_probe(fun, at, j, way * h) for way in (2.0, 1.0, -1.0, -2.0)), strict=True)
        slope = (values[1] - values[2]) / (places[1] - places[2])
        truncation = abs((values[0] - values[3]) / (places[0] - places[3]) - slope) / 3.0
        rounding = eps * (max(map(abs, values)) + abs(at[j] * slope)) / h
        if np.isfinite(truncation + rounding) and not truncation + rounding >= best[1]:
            best = slope, truncation + rounding, float(np.max(np.abs(np.diff(values)))) / h
        if not shortest or truncation <= rounding:
            break
        h /= _SHORTER
    return best


def _step(x: float, eps: float) -> float:
    return float(eps ** (1 / 3) * max(1.0, abs(x)))  # balances the truncation h² against the rounding eps/h


def _probe(fun: Function, at: np.ndarray, j: int, move: float) -> tuple[float, float]:
    point = at.copy()
    point[j] += move
    return float(point[j]), float(fun(point))
