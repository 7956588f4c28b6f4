"""What the textbook's functions ask of their input, each refused in a sentence."""

from typing import Any

import numpy as np

from thalweg.errors import DataError, UsageError


def numbers(name: str, values: Any) -> np.ndarray:
    """An array of finite float64.

    Raises DataError for text, NaN or infinity, naming the first place.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{name} must hold numbers, all rows of one length; it is {values!r:.80}.") from None
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        place = tuple(int(i) for i in bad[0])
        at = f"[{', '.join(map(str, place))}]" if place else ""
        raise DataError(f"{name}{at} is {array[place]}, but must be a finite number.")
    return array


def shape(name: str, array: np.ndarray, expected: tuple[int | str, ...], why: str = "") -> None:
    """Raise DataError unless the array has that shape; a word such as "m" stands for any length of at least 1."""
    fits = array.ndim == len(expected) and all(
        length >= 1 if isinstance(want, str) else length == want
        for length, want in zip(array.shape, expected, strict=True)
    )
    if not fits:
        wanted = f"({', '.join(map(str, expected))}{',' if len(expected) == 1 else ''})"
        raise DataError(f"{name} has shape {array.shape}, but must have shape {wanted}{why and ': ' + why}.")


def labels(name: str, array: np.ndarray, hard: bool = False) -> None:
    """Raise DataError for a label outside [0, 1], or, where the formula needs them hard, outside {0, 1}."""
    bad = np.argwhere((array != 0.0) & (array != 1.0) if hard else (array < 0.0) | (array > 1.0))
    if len(bad):
        place = tuple(int(i) for i in bad[0])
        wanted = "must be 0 or 1" if hard else "must be 0 or 1, or a soft label between them"
        raise DataError(f"{name}{list(place) if place else ''} is {array[place]:g}, but a label {wanted}.")


def probabilities(name: str, array: np.ndarray) -> None:
    """Raise DataError for a number outside [0, 1]."""
    bad = np.argwhere((array < 0.0) | (array > 1.0))
    if len(bad):
        place = tuple(int(i) for i in bad[0])
        raise DataError(
            f"{name}{list(place) if place else ''} is {array[place]:g}, but a probability lies between 0 and 1; "
            "margins z go through sigmoid first."
        )


def rate(name: str, value: float) -> float:
    """A learning rate as a float.

    Raises UsageError unless it is a finite number above 0.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not (np.isfinite(number) and number > 0.0):
        raise UsageError(f"{name} is {value!r}, but a learning rate must be a finite number above 0.")
    return number


def count(name: str, value: Any, least: int = 1) -> int:
    """A whole number of at least `least`.

    Raises UsageError for anything else.
    """
    try:
        whole = int(value)
    except (TypeError, ValueError, OverflowError):
        whole = least - 1
    if isinstance(value, bool) or whole != value or whole < least:
        raise UsageError(f"{name} is {value!r}, but must be a whole number of at least {least}.")
    return whole
