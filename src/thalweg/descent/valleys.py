"""Which valleys several walks ended in."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thalweg.descent.ground import one_valley
from thalweg.descent.measured import Measured
from thalweg.descent.path import Path


@dataclass(frozen=True)
class Valley:
    """A bottom that at least one path reached: its lowest point x (d,), the value there, and which paths did."""

    x: np.ndarray
    value: float
    paths: tuple[int, ...]


def valleys_of(fun: Measured, paths: Sequence[Path], tol: float) -> tuple[Valley, ...]:
    """The valleys that paths arrived in, the lowest first.

    Two ends are one valley where the straight way between them never rises above the higher one: far apart they may
    be, on flat ground or along a valley floor. tol: the gradient norm that counted as flat.
    """
    valleys: list[list[int]] = []
    for i in sorted((i for i in range(len(paths)) if paths[i].ending.arrived), key=lambda i: paths[i].value):
        for valley in valleys:
            lowest = paths[valley[0]]
            slope = max(tol, *(float(path.gradient_norms[-1]) for path in (lowest, paths[i])))
            if one_valley(fun, lowest.x, paths[i].x, paths[i].value, slope):
                valley.append(i)
                break
        else:
            valleys.append([i])
    return tuple(Valley(paths[v[0]].x, paths[v[0]].value, tuple(sorted(v))) for v in valleys)
