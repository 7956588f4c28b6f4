"""Whether a gradient belongs to its function: for anybody's function, naming the component that is worst."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from thalweg.descent.differences import central_with_error
from thalweg.errors import DataError
from thalweg.textbook import checks


@dataclass(frozen=True)
class Check:
    """A gradient beside the slope that differences see.

    right        whether every component agrees within `tolerance`
    worst        index of the component that agrees least
    given, seen  (d,) the gradient as given, and by central differences
    error        |given - seen| of the worst component
    tolerance    what differences can be wrong by there, and rounding of the given gradient
    """

    right: bool
    worst: tuple[int, ...]
    given: np.ndarray
    seen: np.ndarray
    error: float
    tolerance: float

    def __bool__(self) -> bool:
        return self.right

    def __str__(self) -> str:
        place = ", ".join(map(str, self.worst))
        verdict = "The gradient is right" if self.right else "The gradient is wrong"
        return (
            f"{verdict}: worst at component [{place}], given {self.given[self.worst]:.8g}, differences say "
            f"{self.seen[self.worst]:.8g} (apart by {self.error:.2g}, allowed {self.tolerance:.2g})."
        )


def check_gradient(fun: Callable[[np.ndarray], float], grad: Any, at: Any, rtol: float = 1e-6) -> Check:
    """Compare grad with central differences of fun at a point of any shape, component by component.

    grad  a function of the point, or the gradient there, in the point's shape
    rtol  allowed beside the differences' own error, relative to the largest component

    Raises DataError where shapes differ, or fun or grad is not a number there.
    """
    point = checks.numbers("at", at)
    given = checks.numbers("grad", grad(point.copy()) if callable(grad) else grad)
    if given.shape != point.shape:
        raise DataError(f"grad has shape {given.shape}, but the point has shape {point.shape}.")
    if point.size == 0:
        raise DataError("at holds no numbers: there is no gradient to check.")

    def flat(x: np.ndarray) -> float:
        value = float(fun(x.reshape(point.shape)))
        if not np.isfinite(value):
            raise DataError(f"fun is {value} beside the point, at {x.reshape(point.shape).tolist()}.")
        return value

    seen, error = central_with_error(flat, point.ravel())
    apart = np.abs(given.ravel() - seen)
    worst = int(np.argmax(apart))
    tolerance = 10.0 * error + rtol * float(np.max(np.abs(seen)))
    return Check(
        bool(apart[worst] <= tolerance),
        tuple(int(i) for i in np.unravel_index(worst, point.shape)),
        given,
        seen.reshape(point.shape),
        float(apart[worst]),
        tolerance,
    )
