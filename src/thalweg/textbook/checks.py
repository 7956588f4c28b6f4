"""What the textbook's functions ask of their input, each refused in a sentence."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from thalweg.errors import DataError, UsageError


def numbers(name: str, values: Any) -> np.ndarray:
    """An array of finite float64.

    Raises DataError for text, None, complex numbers, NaN or infinity, naming the first place of the last two.
    """
    try:
        given = np.asarray(values)
        if given.dtype.kind not in "biufO" or any(isinstance(v, str | bytes | None) for v in _objects(given)):
            raise TypeError
        array = given.astype(np.float64, copy=False)
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"{name} must hold numbers, real ones, in rows of one length; it is {values!r:.80}.") from None
    finite = np.isfinite(array)
    if not finite.all():
        place = tuple(int(i) for i in np.argwhere(~finite)[0])
        at = f"[{', '.join(map(str, place))}]" if place else ""
        raise DataError(f"{name}{at} is {array[place]}, but must be a finite number.")
    return array


def _objects(array: np.ndarray) -> Iterable[Any]:
    return array.flat if array.dtype.kind == "O" else ()


def number(name: str, value: Any) -> float:
    """One finite number, be it in an array of one.

    Raises DataError as `numbers` does, and for more or fewer than one.
    """
    array = numbers(name, value)
    if array.size != 1:
        raise DataError(f"{name} has shape {array.shape}, but must be one number.")
    return float(array.reshape(()))


def shape(name: str, array: np.ndarray, expected: tuple[int | str, ...], why: str = "") -> None:
    """Raise DataError unless the array has that shape; a word such as "m" stands for any length of at least 1."""
    fits = array.ndim == len(expected) and all(
        length >= 1 if isinstance(want, str) else length == want
        for length, want in zip(array.shape, expected, strict=True)
    )
    if not fits:
        wanted = f"({', '.join(map(str, expected))}{',' if len(expected) == 1 else ''})"
        raise DataError(f"{name} has shape {array.shape}, but must have shape {wanted}{why and ': ' + why}.")


def same_shape(name: str, array: np.ndarray, other_name: str, other: np.ndarray) -> None:
    """Raise DataError unless both have one shape, or one of them is a single number: (m, 1) and (m,) make (m, m)."""
    if array.shape != other.shape and array.ndim and other.ndim:
        raise DataError(
            f"{name} has shape {array.shape}, but {other_name} has shape {other.shape}: one of each for every sample."
        )


def samples(names: tuple[str, str], rows: Any, targets: Any) -> tuple[np.ndarray, np.ndarray]:
    """X (m, f) and y (m,) of any numbers, m and f at least 1.

    Raises DataError for other shapes, and as `numbers` does.
    """
    X, y = numbers(names[0], rows), numbers(names[1], targets)
    if len(np.atleast_1d(X)) == 0:
        raise DataError(f"{names[0]} holds no samples, but a mean needs at least one.")
    shape(names[0], X, ("m", "f"), "samples are rows and features are columns")
    shape(names[1], y, (len(X),), f"one label for each of the {len(X)} rows of {names[0]}")
    return X, y


def held_out(value: Any, features: int) -> tuple[np.ndarray, np.ndarray]:
    """X (m, features) and y (m,) of the held-out rows.

    Raises DataError unless the value is such a pair.
    """
    try:
        rows, targets = value
    except (TypeError, ValueError):
        raise DataError(f"holdout must be a pair, held-out rows and their labels; it is {value!r:.80}.") from None
    X, y = samples(("held-out X", "held-out y"), rows, targets)
    shape("held-out X", X, (len(X), features), "the features of the training rows")
    return X, y


def labels(name: str, array: np.ndarray, hard: bool = False) -> None:
    """Raise DataError for a label outside [0, 1], or, where the formula needs them hard, outside {0, 1}."""
    bad = (array != 0.0) & (array != 1.0) if hard else (array < 0.0) | (array > 1.0)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        wanted = "must be 0 or 1" if hard else "must be 0 or 1, or a soft label between them"
        raise DataError(f"{name}{list(place) if place else ''} is {array[place]:g}, but a label {wanted}.")


def probabilities(name: str, array: np.ndarray) -> None:
    """Raise DataError for a number outside [0, 1]."""
    bad = (array < 0.0) | (array > 1.0)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise DataError(
            f"{name}{list(place) if place else ''} is {array[place]:g}, but a probability lies between 0 and 1; "
            "margins z go through sigmoid first."
        )


def rate(name: str, value: Any) -> float:
    """A learning rate as a float.

    Raises UsageError unless it is a finite number above 0.
    """
    real = _real(value)
    if not (np.isfinite(real) and real > 0.0):
        raise UsageError(f"{name} is {value!r:.80}, but a learning rate must be a finite number above 0.")
    return real


def amount(name: str, value: Any, zero: bool = True) -> float:
    """A tolerance or a strength as a float.

    Raises UsageError unless it is a finite number of at least 0, or, without `zero`, above it.
    """
    real = _real(value)
    if not (np.isfinite(real) and (real > 0.0 or (zero and real == 0.0))):
        raise UsageError(f"{name} is {value!r:.80}, but must be a number {'of at least' if zero else 'above'} 0.")
    return real


def _real(value: Any) -> float:
    try:
        return number("value", value)
    except DataError:
        return np.nan


def count(name: str, value: Any, least: int = 1) -> int:
    """A whole number of at least `least`.

    Raises UsageError for anything else.
    """
    real = _real(value)
    if isinstance(value, bool) or not np.isfinite(real) or real != int(real) or real < least:
        raise UsageError(f"{name} is {value!r:.80}, but must be a whole number of at least {least}.")
    return int(real)


def choices(name: str, values: Any) -> list[Any]:
    """What is to be tried, one or more.

    Raises UsageError for a single value, or none.
    """
    if isinstance(values, str | bytes) or not isinstance(values, Iterable) or getattr(values, "ndim", 1) == 0:
        raise UsageError(f"{name} is {values!r:.80}, but must be a list, even of one.")
    if not (listed := list(values)):
        raise UsageError(f"{name} is empty, but must name at least one choice.")
    return listed


def function(name: str, value: Any) -> Callable[..., Any]:
    """The function itself.

    Raises UsageError for what cannot be called.
    """
    if not callable(value):
        raise UsageError(f"{name} is {value!r:.80}, but must be a function.")
    return value
