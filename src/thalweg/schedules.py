"""Learning-rate schedules: the rate of update k as a multiple of the base rate.

A schedule is a function (k, total) -> factor, with k = 0 for the first update and `total` the number of updates
planned. `total` is what lets "step" and "cosine" know where they are.
"""

from collections.abc import Callable
from math import cos, pi, sqrt

from thalweg.errors import UsageError

Schedule = Callable[[float, float], float]

_HALVING_UPDATES = 10.0  # "1/k" and "1/sqrt" halve their first decade slowly: the scale on which k starts to count


def constant(k: float, total: float) -> float:
    """η_k = η."""
    return 1.0


def inverse(k: float, total: float) -> float:
    """η_k = η / (1 + k/k₀), the 1/k rate of Robbins and Monro (1951), with k₀ a tenth of the run."""
    return 1.0 / (1.0 + _HALVING_UPDATES * k / max(total, 1.0))


def inverse_sqrt(k: float, total: float) -> float:
    """η_k = η / √(1 + k/k₀), with k₀ a tenth of the run."""
    return 1.0 / sqrt(1.0 + _HALVING_UPDATES * k / max(total, 1.0))


def step(k: float, total: float) -> float:
    """η halved after each tenth of the run."""
    return 0.5 ** int(_HALVING_UPDATES * k / max(total, 1.0))


def cosine(k: float, total: float) -> float:
    """η falling to 0 along half a cosine (Loshchilov and Hutter, SGDR, 2017, without restarts)."""
    return 0.5 * (1.0 + cos(pi * min(k / max(total, 1.0), 1.0)))


SCHEDULES: dict[str, Schedule] = {
    "constant": constant,
    "1/k": inverse,
    "1/sqrt": inverse_sqrt,
    "step": step,
    "cosine": cosine,
}


def schedule(name: str) -> Schedule:
    """The schedule of that name.

    Raises UsageError for a name that is not in `SCHEDULES`.
    """
    if not isinstance(name, str) or name not in SCHEDULES:
        raise UsageError(f"schedule {name!r} is not known; choose one of {', '.join(SCHEDULES)}.")
    return SCHEDULES[name]
