"""The walk: where am I, which way is steepest, one step that way, and again."""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np

from thalweg.descent.gradients import Gradient
from thalweg.descent.ground import lower_beside, rounding_hides_the_slope
from thalweg.descent.measured import Measured, place
from thalweg.descent.path import Ending, Path
from thalweg.errors import UsageError

_SUFFICIENT = 1e-4  # of the fall that the slope promises (Armijo, 1966)
_HALVINGS = 60


@dataclass(frozen=True)
class Stride:
    """How far a step goes: rate(k) for step k; momentum of the step before; or backtracking from the rate."""

    rate: Callable[[int], float]
    momentum: float = 0.0
    backtracking: bool = False


def walk(fun: Measured, gradient: Gradient, start: np.ndarray, stride: Stride, steps: int, tol: float) -> Path:
    """Go down from start (d,): where am I, which way is steepest, one step that way, again; the lowest is the end."""
    trace = _Trace()
    try:
        with np.errstate(all="ignore"):  # what leaves the numbers is seen in the values, and said in words
            ending, where = _walk(fun, gradient, start, stride, steps, tol, trace)
    except KeyboardInterrupt:
        if not trace.gradients:
            raise  # there is no way yet that could be kept
        ending, where = Ending.INTERRUPTED, f"after {len(trace.rates)} steps"
    kept = len(trace.gradients)
    return Path(
        np.array(trace.points[:kept]),
        np.array(trace.values[:kept]),
        np.array(trace.gradients),
        np.array(trace.rates[: max(kept - 1, 0)]),
        ending,
        f"{ending.value} ({where})",
    )


class _Trace:
    """Lists that grow step by step, so that what was seen is kept however the walk ends."""

    def __init__(self) -> None:
        self.points: list[np.ndarray] = []
        self.values: list[float] = []
        self.gradients: list[np.ndarray] = []
        self.rates: list[float] = []


def _walk(
    fun: Measured, gradient: Gradient, start: np.ndarray, stride: Stride, steps: int, tol: float, trace: _Trace
) -> tuple[Ending, str]:
    x, value, move = start, fun(start), np.zeros_like(start)
    reach = stride.rate(0)
    for k in range(steps + 1):
        g = gradient(x)
        trace.points.append(x)
        trace.values.append(value)
        trace.gradients.append(g)
        norm = float(np.linalg.norm(g))
        here = f"step {k}, gradient norm {norm:.2g}"
        if not (np.isfinite(value) and np.isfinite(g).all()):
            what = f"the gradient is {place(g)}" if np.isfinite(value) else f"the function is {value}"
            ending = Ending.CLIMBING if _climbs(trace) else Ending.NOT_A_NUMBER
            return ending, f"step {k}, x = {place(x)}: {what}"
        if norm <= tol:
            return Ending.FLAT if lower_beside(fun, x, value, norm) else Ending.BOTTOM, here
        if k == steps:
            break
        if stride.backtracking:
            found = _backtrack(fun, x, value, g, 2.0 * reach if k else reach)
            if found is None:
                return Ending.LIMIT if rounding_hides_the_slope(fun, x, g) else Ending.NO_WAY_DOWN, here
            reach, x, value = found
        else:
            try:
                reach = stride.rate(k) if k else reach
            except UsageError as error:
                return Ending.RATE_SPENT, f"{here}: {error}"
            move = stride.momentum * move - reach * g
            x = x + move
            value = fun(x)
        trace.rates.append(reach)
    spent = Ending.BOUNCING if _bounces(trace) else Ending.STEPS_SPENT
    return Ending.CLIMBING if _climbs(trace) else spent, f"{steps} steps, gradient norm {norm:.2g}"


def _backtrack(
    fun: Measured, x: np.ndarray, value: float, g: np.ndarray, rate: float
) -> tuple[float, np.ndarray, float] | None:
    """The first of rate, rate/2, rate/4 ... that lowers fun by enough; None where none does."""
    square = float(g @ g)
    for _ in range(_HALVINGS):
        after = x - rate * g
        new = fun(after)
        if new < value and new <= value - _SUFFICIENT * rate * square:  # False for NaN
            return rate, after, new
        rate *= 0.5
    return None


def _bounces(trace: _Trace) -> bool:
    """Whether the last steps went up nearly as often as down, and led nowhere."""
    last = np.array(trace.values[_last(trace)])
    rises = int(np.sum(np.diff(last) > 0))
    return len(last) > 3 and 3 * rises >= len(last) - 1 and last[-1] >= np.min(last)


def _climbs(trace: _Trace) -> bool:
    """Whether the last steps all led up without turning: steps that are only too long cross the valley and turn."""
    last = np.array(trace.values[_last(trace)])
    numbers = np.isfinite(last)
    moves = np.diff(np.array(trace.points[_last(trace)])[numbers], axis=0)
    turns = np.any(np.sum(moves[1:] * moves[:-1], axis=1) <= 0)
    return int(numbers.sum()) > 3 and not turns and bool(np.all(np.diff(last[numbers]) > 0))


def _last(trace: _Trace) -> slice:
    return slice(-max(20, int(sqrt(len(trace.values)))), None)
