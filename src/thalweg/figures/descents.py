"""Figures of the way down: the slope in one dimension, the gradient on contours, a surface from several starts."""

from typing import Any

import numpy as np

from thalweg.descent.descend import Descent
from thalweg.descent.differences import Function
from thalweg.descent.landscapes import Landscape
from thalweg.errors import UsageError
from thalweg.figures.canvas import BLACK, BLUE, COLOURS, MARKERS, VERMILLION, Figure, contours, label, legend


def slope(fun: Function, descent: Descent, low: float, high: float, steps: int = 1) -> Figure:
    """A loss of one weight, its slope at the first points of a walk, and the step against it (SLP figure 5.4).

    fun, descent  the function of x (1,), and `thalweg.descend` on it; low, high: the window; steps: how many to draw

    Raises UsageError for a walk in more than one dimension.
    """
    path = descent.paths[0]
    if path.points.shape[1] != 1:
        raise UsageError(f"the slope is drawn for one weight, but the walk has {path.points.shape[1]}.")
    figure = Figure()
    axes = figure.axes[0]
    grid = np.linspace(low, high, 300)
    axes.plot(grid, [fun(np.array([w])) for w in grid], color=BLACK)
    for t in range(min(steps, path.steps)):
        here, there = float(path.points[t, 0]), float(path.points[t + 1, 0])
        value, rise = float(path.values[t]), (here - there) / float(path.rates[t])
        reach = 0.2 * (high - low)
        tangent = np.array([here - reach, here + reach])
        axes.plot(tangent, value + rise * (tangent - here), color=BLUE, linestyle="--", label=f"slope {rise:.3g}")
        axes.plot(here, value, marker="o", color=BLUE)
        arrow = {"arrowstyle": "-|>", "color": VERMILLION, "linewidth": 1.6}
        axes.annotate("", (there, value), (here, value), arrowprops=arrow)
        axes.annotate(f"$w^{{{t + 1}}}$", (here, value), xytext=(-6, -14), textcoords="offset points", ha="right")
        axes.plot([there, there], [value, path.values[t + 1]], color=VERMILLION, linestyle=":")
        axes.plot(there, path.values[t + 1], marker="s", color=VERMILLION, label=f"one step: {here:.3g} → {there:.3g}")
    legend(axes)
    label(axes, "weight w", "loss", "Against the slope: negative slope, step to the right")
    return figure


def gradient_vector(fun: Function, gradient: Any, at: Any, low: Any, high: Any, names: Any = ("w", "b")) -> Figure:
    """The gradient at a point on the contours of a function of two numbers, and the way down (SLP figure 5.5).

    gradient  ∇fun as a function of x (2,); at, low, high: points (2,)
    """
    figure = Figure(width=5.2, height=4.4)
    axes = figure.axes[0]
    contours(axes, fun, low, high)
    at, up = np.asarray(at, float), np.asarray(gradient(np.asarray(at, float)), float)
    length = 0.22 * float(np.min(np.subtract(high, low))) / max(float(np.linalg.norm(up)), 1e-300)
    for way, text, colour, style in ((up, "gradient: uphill", BLUE, "--"), (-up, "descent: downhill", VERMILLION, "-")):
        arrow = {"arrowstyle": "-|>", "color": colour, "linestyle": style, "linewidth": 1.8}
        end = at + length * way
        axes.annotate("", end, at, arrowprops=arrow)
        axes.annotate(text, end, xytext=(6, 2), textcoords="offset points", color=colour)
    axes.plot(*at, marker="o", color=BLACK, zorder=3)
    label(axes, names[0], names[1], f"∇L = ({up[0]:.3f}, {up[1]:.3f}) at ({at[0]:g}, {at[1]:g})")
    return figure


def valleys(landscape: Landscape, descent: Descent) -> Figure:
    """A surface, and the ways down it from several starts: one colour and marker for each valley they end in.

    Raises UsageError for a landscape that is not a function of two numbers.
    """
    if len(landscape.low) != 2:
        raise UsageError(f"a surface has two dimensions, but {landscape.name} has {len(landscape.low)}.")
    figure = Figure(2, width=5.2, height=4.4, surface=True)
    surface, plane = figure.axes
    x, y = (np.linspace(low, high, 41) for low, high in zip(landscape.low, landscape.high, strict=True))
    heights = np.array([[landscape.fun(np.array([a, b])) for a in x] for b in y])
    shown = np.log1p(heights - heights.min())
    surface.plot_surface(*np.meshgrid(x, y), shown, cmap="Greys", alpha=0.55, linewidth=0, rasterized=True)
    contours(plane, landscape.fun, landscape.low, landscape.high)
    for i, valley in enumerate(descent.valleys):
        for number in valley.paths:
            path = descent.paths[number]
            look = {"color": COLOURS[i % len(COLOURS)], "linewidth": 1.3}
            up = np.log1p(np.maximum(path.values - heights.min(), 0.0))
            surface.plot(path.points[:, 0], path.points[:, 1], up + 0.05, zorder=5, **look)
            plane.plot(path.points[:, 0], path.points[:, 1], **look)
            plane.plot(*path.points[0], marker="x", **look)
        starts = f"{len(valley.paths)} start{'' if len(valley.paths) == 1 else 's'}"
        text = f"({valley.x[0]:.2f}, {valley.x[1]:.2f}), {starts}"
        marker = MARKERS[i % len(MARKERS)]
        plane.plot(*valley.x, marker=marker, color=COLOURS[i % len(COLOURS)], linestyle="none", label=text)
    legend(plane, below=2)
    label(plane, "x₁", "x₂", "From above: × starts, markers are the valleys")
    label(surface, "x₁", "x₂", f"{landscape.name}: log(1 + height)")
    return figure
