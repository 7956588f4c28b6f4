"""The decision boundary of a model with two features."""

from typing import Any

import numpy as np

from thalweg.errors import DataError
from thalweg.figures.canvas import BLACK, BLUE, VERMILLION, Figure, label, legend
from thalweg.textbook import checks

# the margin of a probability, how its line is drawn, and its name
_LINES = [
    (np.log(p / (1.0 - p)), style, f"P = {p:g}") for p, style in ((0.1, "dotted"), (0.5, "solid"), (0.9, "dashed"))
]


def boundary(X: Any, y: Any, w: Any, b: float, names: Any = ("x₁", "x₂")) -> Figure:
    """Both classes, the line where σ(w·x + b) = ½, and the lines where it is 0.1 and 0.9.

    X (m, 2), y (m,) of 0 and 1, w (2,). Raises DataError for other shapes, soft labels, NaN and no rows.
    """
    X, y, w, bias = (checks.numbers(name, value) for name, value in (("X", X), ("y", y), ("w", w), ("b", b)))
    if X.ndim != 2 or X.shape[1] != 2 or w.shape != (2,) or y.shape != (len(X),) or bias.ndim != 0:
        shapes = f"{X.shape}, {y.shape}, {w.shape} and {bias.shape}"
        raise DataError(f"a boundary needs X (m, 2), y (m,), w (2,) and a number b; they are {shapes}.")
    if len(X) == 0:
        raise DataError("X has no rows: there are no samples to draw.")
    checks.labels("y", y, hard=True)
    figure = Figure(width=5.2, height=4.4)
    axes = figure.axes[0]
    for value, colour, marker in ((0, BLUE, "o"), (1, VERMILLION, "^")):
        of_class = X[y == value]
        axes.scatter(of_class[:, 0], of_class[:, 1], s=18, facecolors="none", edgecolors=colour, marker=marker,
                     label=f"y = {value}")  # fmt: skip
    low, high = X.min(axis=0), X.max(axis=0)
    beyond = np.where(high > low, 0.05 * (high - low), 1.0)  # a column of one value has no width of its own
    grid = [np.linspace(a, c, 101) for a, c in zip(low - beyond, high + beyond, strict=True)]
    z = w[0] * grid[0][None, :] + w[1] * grid[1][:, None] + bias
    crossed = [margin for margin, _, _ in _LINES if z.min() < margin < z.max()]
    for margin, style, name in _LINES:
        if margin in crossed:
            axes.contour(*grid, z, levels=[margin], colors=BLACK, linestyles=[style])
            axes.plot([], [], color=BLACK, linestyle=style, label=name)
    legend(axes, below=3)
    title = "Decision boundary: P(y = 1) = 0.5"
    label(axes, names[0], names[1], title if 0.0 in crossed else "The decision boundary lies outside of these samples")
    return figure
