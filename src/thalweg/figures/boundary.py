"""The decision boundary of a model with two features."""

from typing import Any

import numpy as np

from thalweg.errors import DataError
from thalweg.figures.canvas import BLACK, BLUE, VERMILLION, Figure, label, legend


def boundary(X: Any, y: Any, w: Any, b: float, names: Any = ("x₁", "x₂")) -> Figure:
    """Both classes, the line where σ(w·x + b) = ½, and the lines where it is 0.1 and 0.9.

    X (m, 2), y (m,) of 0 and 1, w (2,). Raises DataError for other shapes.
    """
    X, y, w = np.asarray(X, float), np.asarray(y, float), np.asarray(w, float)
    if X.ndim != 2 or X.shape[1] != 2 or w.shape != (2,) or y.shape != (len(X),):
        raise DataError(f"a boundary needs X (m, 2), y (m,) and w (2,); they are {X.shape}, {y.shape} and {w.shape}.")
    figure = Figure(width=5.2, height=4.4)
    axes = figure.axes[0]
    for value, colour, marker in ((0, BLUE, "o"), (1, VERMILLION, "^")):
        of_class = X[y == value]
        axes.scatter(of_class[:, 0], of_class[:, 1], s=18, facecolors="none", edgecolors=colour, marker=marker,
                     label=f"y = {value}")  # fmt: skip
    low, high = X.min(axis=0), X.max(axis=0)
    margin = 0.05 * (high - low)
    grid = [np.linspace(a, c, 101) for a, c in zip(low - margin, high + margin, strict=True)]
    z = w[0] * grid[0][None, :] + w[1] * grid[1][:, None] + b
    levels = [np.log(0.1 / 0.9), 0.0, np.log(0.9 / 0.1)]
    lines = axes.contour(*grid, z, levels=levels, colors=BLACK, linestyles=["dotted", "solid", "dashed"])
    axes.clabel(lines, fmt=dict(zip(lines.levels, ("0.1", "0.5", "0.9"), strict=False)))
    legend(axes)
    label(axes, names[0], names[1], "Decision boundary: P(y = 1) = 0.5, with 0.1 and 0.9")
    return figure
