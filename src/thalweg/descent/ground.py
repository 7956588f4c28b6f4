"""What the ground is like where a walk has stopped: a bottom, a crest or a saddle, or a slope lost in rounding."""

import numpy as np

from thalweg.descent.differences import central_with_error
from thalweg.descent.measured import Measured

_ROUNDINGS = 64.0  # that a sum of many terms may have lost, in units of eps times its value
_AXES = 50  # probed along at most, so that looking around costs less than the walk
# spread evenly, far and near in turn, and in step with no landscape that repeats itself: the golden ratio's multiples
_BETWEEN = np.arange(1, 65) * ((5.0**0.5 - 1.0) / 2.0) % 1.0


def lower_beside(fun: Measured, x: np.ndarray, value: float, norm: float) -> bool:
    """Whether flat ground at x (d,) is no bottom: the function is lower beside it than its slope and rounding explain.

    In a valley that curves upwards no point at the distance h is lower by more than norm·h. Looked at along the axes
    and in eight random directions; both a step away and an eighth of it, so that a neighbouring valley is no witness.
    """
    step = fun.eps**0.25 * max(1.0, float(np.linalg.norm(x)))  # curvature times its square stands out of rounding
    random = np.random.default_rng(0).standard_normal((8, len(x)))
    ways = np.vstack([np.eye(min(len(x), _AXES), len(x)), random / np.linalg.norm(random, axis=1, keepdims=True)])

    def lower(way: np.ndarray, h: float) -> bool:
        return fun(x + h * way) < value - 1.0001 * norm * h - _ROUNDINGS * fun.eps * abs(value)

    return any(lower(way, step) and lower(way, step / 8.0) for way in np.vstack([ways, -ways]))


def rounding_hides_the_slope(fun: Measured, x: np.ndarray, g: np.ndarray) -> bool:
    """Whether the function at x (d,) does rise along its gradient g (d,), as differences see it from further away.

    Then it is only rounding that kept every step from going down; a kink or somebody else's gradient shows another
    slope. A slope that rounding of x alone makes, where the function bends, is no more than that either.
    """
    norm, scale = float(np.linalg.norm(g)), max(1.0, float(np.linalg.norm(x)))

    def along(t: np.ndarray) -> float:
        return fun(x + (t[0] * scale / norm) * g)

    seen = central_with_error(along, np.zeros(1), fun.eps, shortest=True)
    h = fun.eps**0.25
    bend = (along(np.array([h])) - 2.0 * along(np.zeros(1)) + along(np.array([-h]))) / h**2
    allowed = 10.0 * seen.error[0] + _ROUNDINGS * fun.eps * max(bend, 0.0)
    return bool(abs(seen.gradient[0] - scale * norm) <= allowed + 0.1 * scale * norm)


def one_valley(fun: Measured, first: np.ndarray, second: np.ndarray, top: float, slope: float) -> bool:
    """Whether the function between the ends (d,) of two walks never rises above the higher one, `top`.

    slope  the gradient norm that counts as flat: by that much times the distance it may. A convex function never does.
    """
    allowed = top + _ROUNDINGS * fun.eps * abs(top) + slope * float(np.linalg.norm(second - first))
    return all(fun(first + share * (second - first)) <= allowed for share in _BETWEEN)  # False for NaN
