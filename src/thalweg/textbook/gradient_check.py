"""Whether a gradient belongs to its function: for anybody's function, naming the component that is worst."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from thalweg.descent.differences import central_with_error
from thalweg.descent.jax_gradient import in_float64
from thalweg.descent.measured import Measured, number
from thalweg.errors import DataError, UsageError
from thalweg.textbook import checks


@dataclass(frozen=True)
class Check:
    """A gradient beside the slope that differences see; every array has the shape of the point.

    verdict      "right": every component agrees within its tolerance; "wrong": one does not; "cannot tell": none
                 disagrees, but the function rounds so much that a slope of one would be lost in it
    worst        index of the component that agrees least; where nobody can tell, of the one that is lost most
    given, seen  the gradient as given, and by central differences
    error        |given - seen|
    tolerance    what differences can be wrong by, and rounding of the given gradient
    """

    verdict: Literal["right", "wrong", "cannot tell"]
    worst: tuple[int, ...]
    given: np.ndarray
    seen: np.ndarray
    error: np.ndarray
    tolerance: np.ndarray

    @property
    def right(self) -> bool:
        return self.verdict == "right"

    def __bool__(self) -> bool:
        return self.right

    def __str__(self) -> str:
        opening = "Differences cannot tell" if self.verdict == "cannot tell" else f"The gradient is {self.verdict}"
        return (
            f"{opening}: worst at component [{', '.join(map(str, self.worst))}], given {self.given[self.worst]:.8g}, "
            f"differences say {self.seen[self.worst]:.8g} (apart by {self.error[self.worst]:.2g}, "
            f"allowed {self.tolerance[self.worst]:.2g})."
        )


def check_gradient(fun: Callable[[np.ndarray], float], grad: Any, at: Any, rtol: float = 1e-6) -> Check:
    """Compare grad with central differences of fun at a point of any shape, each component by its own measure.

    grad  a function of the point, or the gradient there, in the point's shape
    rtol  allowed beside the differences' own error, relative to the component

    Raises DataError where shapes differ, or fun or grad is not a number there; UsageError for an rtol below 0.
    """
    point = checks.numbers("at", at)
    if not (np.isfinite(number(rtol)) and rtol >= 0.0):
        raise UsageError(f"rtol is {rtol!r:.80}, but must be a number of at least 0.")
    measured = Measured(fun)
    with in_float64():
        given = checks.numbers("grad", grad(point.copy()) if callable(grad) else grad)
    if given.shape != point.shape:
        raise DataError(f"grad has shape {given.shape}, but the point has shape {point.shape}.")
    if point.size == 0:
        raise DataError("at holds no numbers: there is no gradient to check.")
    value = measured(point)
    if not np.isfinite(value):
        raise DataError(f"fun is {value} at the point.")
    seen = central_with_error(lambda x: measured(x.reshape(point.shape)), point.ravel(), measured.eps, shortest=True)
    if np.isnan(seen.gradient).any():
        edge = np.unravel_index(int(np.argmax(np.isnan(seen.gradient))), point.shape)
        raise DataError(f"fun is not a finite number beside the point, along component {[int(i) for i in edge]}.")
    apart = np.abs(given.ravel() - seen.gradient)
    tolerance = 10.0 * seen.error + rtol * np.abs(seen.gradient)
    # a slope of zero is told by the slopes next to it, or by a function that does not move at all
    still = (given.ravel() == 0.0) & (seen.nearby == 0.0)
    lost = (tolerance > np.maximum(np.abs(seen.gradient), seen.nearby)) & ~still
    wrong = bool(np.any(apart > tolerance))
    measure = np.divide(apart, tolerance, out=np.where(apart > 0.0, np.inf, 0.0), where=tolerance > 0.0)
    if lost.any() and not wrong:
        measure = np.where(lost, tolerance, -1.0)
    return Check(
        "wrong" if wrong else "cannot tell" if lost.any() else "right",
        tuple(int(i) for i in np.unravel_index(int(np.argmax(measure)), point.shape)),
        given,
        seen.gradient.reshape(point.shape),
        apart.reshape(point.shape),
        tolerance.reshape(point.shape),
    )
