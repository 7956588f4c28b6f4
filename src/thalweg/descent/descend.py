"""`thalweg.descend`: gradient descent on any function, from one start or from many, and which valleys it finds."""

import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from thalweg.descent.differences import Function
from thalweg.descent.gradients import gradient_of
from thalweg.descent.measured import Measured, number
from thalweg.descent.path import Ending, Path
from thalweg.descent.starts import starts_of, whole
from thalweg.descent.valleys import Valley, valleys_of
from thalweg.descent.walk import Stride, walk
from thalweg.errors import ConvergenceWarning, UsageError
from thalweg.schedules import SCHEDULES


class DifferentValleysWarning(UserWarning):
    """Different starts ended in different valleys: the lowest one found need not be the lowest there is."""


@dataclass(frozen=True)
class Descent:
    """What descent from one start or from several found.

    paths     one for each start, in their order
    valleys   the different bottoms they reached, the lowest first; empty where none arrived
    gradient  where the gradient came from, and how wrong it may be
    """

    paths: tuple[Path, ...]
    valleys: tuple[Valley, ...]
    gradient: str

    @property
    def best(self) -> Path:
        """The path with the lowest point."""
        return min(self.paths, key=lambda path: path.value if np.isfinite(path.value) else np.inf)

    @property
    def x(self) -> np.ndarray:
        """(d,) the lowest point found."""
        return self.best.x

    @property
    def value(self) -> float:
        """The function there."""
        return self.best.value

    @property
    def sentence(self) -> str:
        """How it ended, in words."""
        if len(self.paths) == 1:
            return self.best.sentence
        arrived = sum(len(valley.paths) for valley in self.valleys)
        bottoms = f"{len(self.valleys)} different valleys"
        if len(self.valleys) < 2:
            bottoms = "the same bottom" if arrived > 1 else "a bottom"
        lost = Counter(path.ending.briefly for path in self.paths if not path.ending.arrived)
        others = "".join(f", {count} {why}" for why, count in lost.items())
        lowest = (
            f"the lowest value found is {self.value:.8g}" if np.isfinite(self.value) else "no value found is finite"
        )
        return f"{arrived} of {len(self.paths)} starts reached {bottoms}{others}; {lowest}."

    def __str__(self) -> str:
        lines = [self.sentence, f"gradient: {self.gradient}"]
        for valley in self.valleys if len(self.paths) > 1 else ():
            starts = f"{len(valley.paths)} start{'s' if len(valley.paths) > 1 else ''}"
            lines.append(f"  {valley.value:.8g} at {np.round(valley.x, 6).tolist()}, from {starts}")
        return "\n".join(lines)


def descend(
    fun: Function,
    start: Any,
    grad: Callable[[np.ndarray], Any] | Literal["jax", "differences"] | None = None,
    *,
    rate: float | Callable[[int], float] = 0.1,
    schedule: str = "constant",
    momentum: float = 0.0,
    backtracking: bool = False,
    steps: int = 1000,
    tol: float = 1e-6,
) -> Descent:
    """Walk down any function: where am I, which way is steepest, one step that way, and again until it is flat.

    fun           x (d,) -> a number
    start         a number, a point (d,), or k starts (k, d), e.g. from `random_starts`
    grad          ∇fun as a function of x; "jax"; "differences"; None takes JAX where it is installed, else differences
    rate          η, or a function of the step k = 0, 1, ... giving η_k
    schedule      how a fixed rate falls with k, one of `thalweg.schedules.SCHEDULES`
    momentum      share of the last step that is taken again, in [0, 1) (Polyak, 1964)
    backtracking  halve the rate until the function falls by enough, double it after (Armijo, 1966)
    steps         the most steps of each walk
    tol           gradient norm at which the ground counts as flat

    Where several starts end in different valleys it warns with DifferentValleysWarning: the function is not convex,
    and the best one found need not be the lowest. A function that is not a number on the way ends that walk, and its
    trace is kept; so do a rate that reaches 0, and Ctrl-C, which warns with a ConvergenceWarning. Functions of JAX are
    computed in float64.

    Raises UsageError for options that contradict each other, DataError for a start that is not numbers, or where fun
    does not give one number, or grad not one for each place.
    """
    starts = starts_of(start)
    steps = whole("steps", steps)
    stride = _stride(rate, schedule, momentum, backtracking, steps)
    if not (np.isfinite(number(tol)) and tol >= 0.0):
        raise UsageError(f"tol is {tol!r:.80}, but must be a number of at least 0.")
    measured = Measured(fun)
    # a gradient is tried where the function is a number
    origin = next((point for point in starts if np.isfinite(measured(point))), starts[0])
    gradient = gradient_of(measured, grad, origin)
    paths: list[Path] = []
    for point in starts:
        try:
            paths.append(walk(measured, gradient, point, stride, steps, float(tol)))
        except KeyboardInterrupt:
            if not paths:
                raise
            break
        if paths[-1].ending is Ending.INTERRUPTED:
            break
    if len(paths) < len(starts) or paths[-1].ending is Ending.INTERRUPTED:
        warnings.warn(
            f"Interrupted: the way so far was kept, from {len(paths)} of {len(starts)} starts.",
            ConvergenceWarning,
            stacklevel=2,
        )
    descent = Descent(tuple(paths), valleys_of(measured, paths, float(tol)), gradient.source)
    if len(descent.valleys) > 1:
        warnings.warn(
            f"{descent.sentence} The function has several valleys, and the lowest one found need not be the lowest.",
            DifferentValleysWarning,
            stacklevel=2,
        )
    return descent


def _stride(rate: Any, schedule: Any, momentum: Any, backtracking: bool, steps: int) -> Stride:
    if not 0.0 <= number(momentum) < 1.0:
        raise UsageError(f"momentum is {momentum!r:.80}, but must lie in [0, 1).")
    if backtracking and momentum > 0.0:
        raise UsageError("backtracking chooses each step by itself, so momentum has no meaning with it.")
    if not (isinstance(schedule, str) and schedule in SCHEDULES):
        raise UsageError(f"schedule {schedule!r:.80} is not known; choose one of {', '.join(SCHEDULES)}.")
    if schedule != "constant" and (backtracking or callable(rate)):
        other = "backtracking" if backtracking else "a rate that is a function"
        raise UsageError(f"schedule {schedule!r} falls from a fixed rate, so it has no meaning with {other}.")
    if callable(rate):
        own: Callable[[int], Any] = rate
        return Stride(lambda k: _rate(own(k), f"rate({k})"), float(momentum), backtracking)
    base, factor = _rate(rate, "rate"), SCHEDULES[schedule]
    return Stride(lambda k: base * factor(k, steps), float(momentum), backtracking)


def _rate(value: Any, name: str) -> float:
    eta = number(value)
    if not (np.isfinite(eta) and eta > 0):
        raise UsageError(f"{name} is {value!r:.80}, but a rate must be a finite number above 0.")
    return eta
