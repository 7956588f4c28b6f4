"""`thalweg.descend`: gradient descent on any function, from one start or from many, and which valleys it finds."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from thalweg.descent.differences import Function
from thalweg.descent.gradients import gradient_of
from thalweg.descent.walk import Ending, Path, Stride, walk
from thalweg.errors import DataError, UsageError
from thalweg.schedules import schedule as named_schedule

_SAME = 1e-3  # ends closer than this, relative to 1 + ‖x‖, are one valley


class DifferentValleysWarning(UserWarning):
    """Different starts ended in different valleys: the lowest one found need not be the lowest there is."""


@dataclass(frozen=True)
class Valley:
    """A bottom that at least one path reached: its lowest point x (d,), the value there, and which paths did."""

    x: np.ndarray
    value: float
    paths: tuple[int, ...]


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
        return min(self.paths, key=lambda path: path.value)

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
        bottoms = "the same bottom" if len(self.valleys) == 1 else f"{len(self.valleys)} different valleys"
        return (
            f"{arrived} of {len(self.paths)} starts reached {bottoms if self.valleys else 'a bottom'}; "
            f"the lowest value found is {self.value:.8g}."
        )

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
    trace is kept; so does Ctrl-C. Raises UsageError for options that contradict each other, DataError for a start that
    is not numbers, or where fun does not give one.
    """
    starts = _starts(start)
    stride = _stride(rate, schedule, momentum, backtracking, steps)
    steps = _whole("steps", steps)
    if not (np.isfinite(tol) and tol >= 0.0):
        raise UsageError(f"tol is {tol!r}, but must be a number of at least 0.")
    gradient = gradient_of(_checked(fun, starts[0]), grad, starts[0])
    paths = []
    for point in starts:
        paths.append(walk(fun, gradient, point, stride, steps, tol))
        if paths[-1].ending is Ending.INTERRUPTED:
            break
    valleys = _valleys(paths)
    descent = Descent(tuple(paths), valleys, gradient.source)
    if len(valleys) > 1:
        warnings.warn(
            f"{descent.sentence} The function has several valleys, and the lowest one found need not be the lowest.",
            DifferentValleysWarning,
            stacklevel=2,
        )
    return descent


def random_starts(count: int, low: Any, high: Any, seed: int = 0) -> np.ndarray:
    """(count, d) points, uniform in the box between low (d,) and high (d,).

    Raises UsageError for a count below 1 or low above high.
    """
    low, high = np.atleast_1d(np.asarray(low, float)), np.atleast_1d(np.asarray(high, float))
    if low.shape != high.shape or not (np.isfinite(low) & np.isfinite(high) & (low <= high)).all():
        raise UsageError(f"low is {low.tolist()} and high is {high.tolist()}: low must lie below high, in each place.")
    return np.random.default_rng(seed).uniform(low, high, (_whole("count", count), len(low)))


def _starts(start: Any) -> np.ndarray:
    try:
        starts = np.asarray(start, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"start is {start!r:.80}, but must be a number, a point (d,) or starts (k, d).") from None
    starts = np.atleast_2d(starts)
    if starts.ndim != 2 or starts.size == 0:
        raise DataError(f"start has shape {np.shape(start)}, but must be a number, a point (d,) or starts (k, d).")
    if not np.isfinite(starts).all():
        i, j = np.argwhere(~np.isfinite(starts))[0]
        raise DataError(f"start {i} has {starts[i, j]} in place {j}, but must be finite.")
    return starts


def _stride(rate: Any, schedule: str, momentum: float, backtracking: bool, steps: int) -> Stride:
    if not 0.0 <= momentum < 1.0:
        raise UsageError(f"momentum is {momentum!r}, but must lie in [0, 1).")
    if backtracking and momentum > 0.0:
        raise UsageError("backtracking chooses each step by itself, so momentum has no meaning with it.")
    factor = named_schedule(schedule)
    if schedule != "constant" and (backtracking or callable(rate)):
        other = "backtracking" if backtracking else "a rate that is a function"
        raise UsageError(f"schedule {schedule!r} falls from a fixed rate, so it has no meaning with {other}.")
    if callable(rate):
        own: Callable[[int], Any] = rate
        return Stride(lambda k: _rate(own(k), f"rate({k})"), momentum, backtracking)
    base = _rate(rate, "rate")
    return Stride(lambda k: base * factor(k, steps), momentum, backtracking)


def _rate(value: Any, name: str) -> float:
    if not (isinstance(value, int | float | np.number) and np.isfinite(value) and value > 0):
        raise UsageError(f"{name} is {value!r}, but a rate must be a finite number above 0.")
    return float(value)


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise UsageError(f"{name} is {value!r}, but must be a whole number of at least 1.")
    return int(value)


def _checked(fun: Function, start: np.ndarray) -> Function:
    try:
        float(fun(start))
    except (TypeError, ValueError) as error:
        raise DataError(f"fun must give one number for a point of shape {start.shape}: {error}.") from None
    return fun


def _valleys(paths: list[Path]) -> tuple[Valley, ...]:
    """Ends grouped by place, going from the lowest up."""
    valleys: list[list[int]] = []
    for i in sorted(range(len(paths)), key=lambda i: paths[i].value):
        if not paths[i].ending.arrived:
            continue
        near = _SAME * (1.0 + float(np.linalg.norm(paths[i].x)))
        home = next((v for v in valleys if np.linalg.norm(paths[v[0]].x - paths[i].x) <= near), None)
        if home is None:
            valleys.append([i])
        else:
            home.append(i)
    return tuple(Valley(paths[v[0]].x, paths[v[0]].value, tuple(sorted(v))) for v in valleys)
