"""Functions to walk on: convex ones with one bottom, and others with several valleys."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Landscape:
    """A function with its gradient, its bottoms, and the window they lie in.

    fun, grad  x (d,) -> a number, and -> (d,)
    low, high  (d,) corners of the window
    bottoms    (k, d) all local minima in the window; for Rastrigin only the lowest
    source     who wrote it down
    """

    name: str
    fun: Callable[[np.ndarray], float]
    grad: Callable[[np.ndarray], np.ndarray]
    low: tuple[float, ...]
    high: tuple[float, ...]
    bottoms: tuple[tuple[float, ...], ...]
    source: str


def bowl(curvatures: Any = (1.0, 10.0)) -> Landscape:
    """½ Σ cⱼ xⱼ²: one bottom at 0, in a long valley where the curvatures differ; rates below 2/max c are stable."""
    c = np.asarray(curvatures, dtype=np.float64)
    corner = (3.0,) * len(c)
    return Landscape(
        "bowl",
        lambda x: float(0.5 * np.sum(c * x * x)),
        lambda x: c * x,
        tuple(-value for value in corner),
        corner,
        ((0.0,) * len(c),),
        "quadratic",
    )


# the roots of the derivative 4x³ - 4x + 0.3, the outer two
_WELLS = tuple(sorted(float(root.real) for root in np.roots([4.0, 0.0, -4.0, 0.3])))[::2]

DOUBLE_WELL = Landscape(
    "double well",
    lambda x: float((x[0] ** 2 - 1.0) ** 2 + 0.3 * x[0]),
    lambda x: np.array([4.0 * x[0] * (x[0] ** 2 - 1.0) + 0.3]),
    (-1.8,),
    (1.8,),
    tuple((well,) for well in _WELLS),
    "quartic with a tilt: the left valley is the lower one",
)

HIMMELBLAU = Landscape(
    "Himmelblau",
    lambda x: float((x[0] ** 2 + x[1] - 11.0) ** 2 + (x[0] + x[1] ** 2 - 7.0) ** 2),
    lambda x: np.array(
        [
            4.0 * x[0] * (x[0] ** 2 + x[1] - 11.0) + 2.0 * (x[0] + x[1] ** 2 - 7.0),
            2.0 * (x[0] ** 2 + x[1] - 11.0) + 4.0 * x[1] * (x[0] + x[1] ** 2 - 7.0),
        ]
    ),
    (-5.0, -5.0),
    (5.0, 5.0),
    ((3.0, 2.0), (-2.805118, 3.131313), (-3.779310, -3.283186), (3.584428, -1.848127)),
    "Himmelblau, Applied Nonlinear Programming, 1972: four valleys, all with the value 0",
)

RASTRIGIN = Landscape(
    "Rastrigin",
    lambda x: float(10.0 * len(x) + np.sum(x * x - 10.0 * np.cos(2.0 * np.pi * x))),
    lambda x: 2.0 * x + 20.0 * np.pi * np.sin(2.0 * np.pi * x),
    (-5.12, -5.12),
    (5.12, 5.12),
    ((0.0, 0.0),),
    "Rastrigin, Systems of Extremal Control, 1974: a valley near every whole number, the lowest at 0",
)

ROSENBROCK = Landscape(
    "Rosenbrock",
    lambda x: float((1.0 - x[0]) ** 2 + 100.0 * (x[1] - x[0] ** 2) ** 2),
    lambda x: np.array(
        [-2.0 * (1.0 - x[0]) - 400.0 * x[0] * (x[1] - x[0] ** 2), 200.0 * (x[1] - x[0] ** 2)],
    ),
    (-2.0, -1.0),
    (2.0, 3.0),
    ((1.0, 1.0),),
    "Rosenbrock, 1960: one curved valley, easy to find and slow to follow",
)

LANDSCAPES = (bowl(), DOUBLE_WELL, HIMMELBLAU, RASTRIGIN, ROSENBROCK)
