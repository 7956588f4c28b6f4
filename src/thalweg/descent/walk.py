"""One way down: the five steps of the hiker, and the sentence it ends with."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from math import sqrt

import numpy as np

from thalweg.descent.differences import Function
from thalweg.descent.gradients import Gradient

_SUFFICIENT = 1e-4  # of the fall that the slope promises (Armijo, 1966)
_HALVINGS = 60


class Ending(Enum):
    """How a walk ended; the value is the sentence."""

    BOTTOM = "Reached a bottom: the gradient norm is below its tolerance."
    STEPS_SPENT = "All steps are spent before the gradient norm fell below its tolerance; give more steps."
    BOUNCING = "The steps are too long: the last ones led up as often as down; take a smaller rate."
    NOT_A_NUMBER = "Left the numbers: the function or its gradient is not finite here; take a smaller rate."
    LIMIT = "Stopped at the limits of float64: no step lowers the function any further."
    INTERRUPTED = "Interrupted: the way so far was kept."

    @property
    def arrived(self) -> bool:
        """Whether it ended in a bottom, as far as float64 can tell."""
        return self in (Ending.BOTTOM, Ending.LIMIT)


@dataclass(frozen=True)
class Path:
    """One way down.

    points          (t + 1, d) where it went, the start first
    values          (t + 1,) the function there
    gradient_norms  (t + 1,) ‖∇fun‖₂ there
    rates           (t,) η of each step
    ending          why it ended; `sentence` adds the place
    """

    points: np.ndarray
    values: np.ndarray
    gradient_norms: np.ndarray
    rates: np.ndarray
    ending: Ending
    sentence: str

    @property
    def steps(self) -> int:
        return len(self.rates)

    @property
    def lowest(self) -> int:
        """The index of the lowest point on the way."""
        return int(np.nanargmin(np.where(np.isfinite(self.values), self.values, np.inf)))

    @property
    def x(self) -> np.ndarray:
        """(d,) the lowest point on the way."""
        return np.asarray(self.points[self.lowest])

    @property
    def value(self) -> float:
        """The function there."""
        return float(self.values[self.lowest])


@dataclass(frozen=True)
class Stride:
    """How far a step goes: rate(k) for step k; momentum of the step before; or backtracking from the rate."""

    rate: Callable[[int], float]
    momentum: float = 0.0
    backtracking: bool = False


def walk(fun: Function, gradient: Gradient, start: np.ndarray, stride: Stride, steps: int, tol: float) -> Path:
    """Go down from start (d,): where am I, which way is steepest, one step that way, again; the lowest is the end."""
    trace = _Trace()
    try:
        # what leaves the numbers is seen in the values, and said in words
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            ending, where = _walk(fun, gradient, start, stride, steps, tol, trace)
    except KeyboardInterrupt:
        ending, where = Ending.INTERRUPTED, f"after {len(trace.rates)} steps"
    kept = len(trace.norms)
    return Path(
        np.array(trace.points[:kept]),
        np.array(trace.values[:kept]),
        np.array(trace.norms),
        np.array(trace.rates[: max(kept - 1, 0)]),
        ending,
        f"{ending.value} ({where})",
    )


class _Trace:
    """Lists that grow step by step, so that what was seen is kept however the walk ends."""

    def __init__(self) -> None:
        self.points: list[np.ndarray] = []
        self.values: list[float] = []
        self.norms: list[float] = []
        self.rates: list[float] = []


def _walk(
    fun: Function, gradient: Gradient, start: np.ndarray, stride: Stride, steps: int, tol: float, trace: _Trace
) -> tuple[Ending, str]:
    x, value, move = start, float(fun(start)), np.zeros_like(start)
    reach = stride.rate(0)
    for k in range(steps + 1):
        g = gradient(x)
        trace.points.append(x)
        trace.values.append(value)
        trace.norms.append(float(np.linalg.norm(g)))
        if not (np.isfinite(value) and np.isfinite(g).all()):
            what = f"the function is {value}" if not np.isfinite(value) else f"the gradient is {g.tolist()}"
            return Ending.NOT_A_NUMBER, f"step {k}, x = {x.tolist()}: {what}"
        if trace.norms[-1] <= tol:
            return Ending.BOTTOM, f"step {k}, gradient norm {trace.norms[-1]:.2g}"
        if k == steps:
            break
        if stride.backtracking:
            found = _backtrack(fun, x, value, g, 2.0 * reach if k else reach)
            if found is None:
                return Ending.LIMIT, f"step {k}, gradient norm {trace.norms[-1]:.2g}"
            reach, x, value = found
            trace.rates.append(reach)
        else:
            rate = stride.rate(k)
            move = stride.momentum * move - rate * g
            x = x + move
            value = float(fun(x))
            trace.rates.append(rate)
    ending = Ending.BOUNCING if _bounces(trace.values) else Ending.STEPS_SPENT
    return ending, f"{steps} steps, gradient norm {trace.norms[-1]:.2g}"


def _backtrack(
    fun: Function, x: np.ndarray, value: float, g: np.ndarray, rate: float
) -> tuple[float, np.ndarray, float] | None:
    """The first of rate, rate/2, rate/4 ... that lowers fun by enough; None where none does."""
    square = float(g @ g)
    for _ in range(_HALVINGS):
        after = x - rate * g
        new = float(fun(after))
        if new < value and new <= value - _SUFFICIENT * rate * square:  # False for NaN
            return rate, after, new
        rate *= 0.5
    return None


def _bounces(values: list[float]) -> bool:
    """Whether the last steps went up nearly as often as down, and led nowhere."""
    last = np.array(values[-max(20, int(sqrt(len(values)))) :])
    rises = int(np.sum(np.diff(last) > 0))
    return len(last) > 3 and 3 * rises >= len(last) - 1 and last[-1] >= np.min(values)
