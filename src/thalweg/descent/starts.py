"""Where walks start: points as given, or at random."""

from typing import Any

import numpy as np

from thalweg.descent.measured import number, real
from thalweg.errors import DataError, UsageError


def random_starts(count: int, low: Any, high: Any, seed: int = 0) -> np.ndarray:
    """(count, d) points, uniform in the box between low (d,) and high (d,).

    Raises UsageError for a count below 1, a seed below 0, or low above high.
    """
    count, seed = whole("count", count), whole("seed", seed, least=0)
    corners = [np.atleast_1d(corner) if corner is not None else None for corner in (real(low), real(high))]
    a, b = corners
    if a is None or b is None or a.ndim != 1 or a.shape != b.shape or not (np.isfinite(b - a) & (a <= b)).all():
        raise UsageError(f"low is {low!r:.80} and high is {high!r:.80}: low must lie below high, in each place.")
    return np.random.default_rng(seed).uniform(a, b, (count, len(a)))


def starts_of(start: Any) -> np.ndarray:
    """(k, d) starts, from a number, a point (d,) or starts (k, d).

    Raises DataError for another shape, for what is not numbers, and for NaN and infinity.
    """
    starts = real(start)
    if starts is None:
        raise DataError(f"start is {start!r:.80}, but must be a number, a point (d,) or starts (k, d).")
    starts = np.atleast_2d(starts.astype(np.float64))
    if starts.ndim != 2 or starts.size == 0:
        raise DataError(f"start has shape {np.shape(start)}, but must be a number, a point (d,) or starts (k, d).")
    if not np.isfinite(starts).all():
        i, j = np.argwhere(~np.isfinite(starts))[0]
        raise DataError(f"start {i} has {starts[i, j]} in place {j}, but must be finite.")
    return starts


def whole(name: str, value: Any, least: int = 1) -> int:
    """A whole number of at least `least`.

    Raises UsageError for anything else.
    """
    count = number(value)
    if not (count >= least and count.is_integer()):
        raise UsageError(f"{name} is {value!r:.80}, but must be a whole number of at least {least}.")
    return int(value)
