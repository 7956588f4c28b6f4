"""What somebody's function gives, as float64: or a sentence about what it gave instead."""

from typing import Any, SupportsFloat

import numpy as np

from thalweg.descent.jax_gradient import in_float64
from thalweg.errors import DataError, ThalwegError, UsageError

EPS = float(np.finfo(np.float64).eps)


class Measured:
    """fun as x (d,) -> float, each value looked at; `eps` is the coarsest rounding that its values have shown.

    A function that overflows or divides by zero is nan there. Raises UsageError for what is not a function, DataError
    where it does not give one number, or fails.
    """

    def __init__(self, fun: Any) -> None:
        if not callable(fun):
            raise UsageError(f"fun is {fun!r:.80}, but must be a function of x that gives a number.")
        self.fun = fun
        self.eps = EPS

    def __call__(self, x: np.ndarray) -> float:
        try:
            with in_float64(), np.errstate(all="ignore"):  # what is not a number is said in words
                given = self.fun(x)
        except ArithmeticError:
            return float("nan")
        except ThalwegError:
            raise  # it has said in words what is wrong
        except (TypeError, ValueError, IndexError) as error:
            raise DataError(f"fun fails at x = {place(x)}: {type(error).__name__}: {error}.") from error
        array = real(given)
        if array is None or array.size != 1:
            raise DataError(f"fun must give one number, but at x = {place(x)} it gives {given!r:.80}.")
        if array.dtype.kind == "f":
            self.eps = max(self.eps, float(np.finfo(array.dtype).eps))
        return float(array.reshape(()))


def real(value: Any) -> np.ndarray | None:
    """The value as an array of real numbers; None where it is not, for NumPy reads None as nan and text as digits."""
    try:
        array = np.asarray(value)
        if array.dtype.kind == "O" and all(isinstance(entry, SupportsFloat) for entry in array.flat):
            array = array.astype(np.float64)
    except (TypeError, ValueError):
        return None
    return array if array.dtype.kind in "biuf" else None


def number(value: Any) -> float:
    """An option as a float; nan where it is not one number."""
    array = None if isinstance(value, bool) else real(value)
    return float("nan") if array is None or array.ndim else float(array)


def place(x: np.ndarray) -> str:
    """A point in words, cut where it is long."""
    text = str(x.tolist())
    return text if len(text) <= 80 else f"{text[:76]} ..."
