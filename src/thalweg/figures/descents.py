"""Figures of the way down: the slope in one dimension, the gradient on contours, a surface from several starts."""

from typing import Any

import numpy as np

from thalweg.descent.descend import Descent
from thalweg.descent.differences import Function
from thalweg.descent.landscapes import Landscape
from thalweg.errors import DataError, UsageError
from thalweg.figures.canvas import BLACK, BLUE, MARKERS, VERMILLION, Figure, colour_and_style, contours, label, legend
from thalweg.textbook import checks


def slope(fun: Function, descent: Descent, low: float, high: float, steps: int = 1) -> Figure:
    """A loss of one weight, its slope at the first points of a walk, and the step against it (SLP figure 5.4).

    fun, descent  the function of x (1,), and `thalweg.descend` on it; low, high: the window; steps: how many to draw

    Raises UsageError for a walk in more than one dimension, or one that took no step.
    """
    path = descent.paths[0]
    if path.points.shape[1] != 1:
        raise UsageError(f"the slope is drawn for one weight, but the walk has {path.points.shape[1]}.")
    if path.steps == 0:
        raise UsageError(f"there is no step to draw: {path.sentence}")
    figure = Figure()
    axes = figure.axes[0]
    grid = np.linspace(low, high, 300)
    axes.plot(grid, [fun(np.array([w])) for w in grid], color=BLACK)
    shown = min(checks.count("steps", steps), path.steps)
    for t in range(shown):
        here, there = float(path.points[t, 0]), float(path.points[t + 1, 0])
        value, rise = float(path.values[t]), float(path.gradients[t, 0])
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
    label(axes, "weight w", "loss", _title(path.gradients[:shown, 0], np.diff(path.points[: shown + 1, 0])))
    return figure


def _title(slopes: np.ndarray, moves: np.ndarray) -> str:
    if np.any(slopes * moves > 0.0):
        return "Momentum carries on, even up the slope"
    if len(slopes) > 1:
        return "Against the slope, step by step"
    sign, side = ("negative", "right") if moves[0] > 0.0 else ("positive", "left")
    return f"Against the slope: {sign} slope, step to the {side}"


def gradient_vector(fun: Function, gradient: Any, at: Any, low: Any, high: Any, names: Any = ("w", "b")) -> Figure:
    """The gradient at a point on the contours of a function of two numbers, and the way down (SLP figure 5.5).

    gradient  ∇fun as a function of x (2,); at, low, high: points (2,)

    Both axes have one scale, so that the gradient stands square on the contour. Raises DataError for other shapes and
    for what is not a number.
    """
    at, low, high = (_pair(name, value) for name, value in (("at", at), ("low", low), ("high", high)))
    up = _pair("gradient", gradient(at))
    if not np.all(low < high):
        raise DataError(f"low is {low.tolist()} and high is {high.tolist()}: low must lie below high, in each place.")
    figure = Figure(width=5.2, height=5.4)
    axes = figure.axes[0]
    contours(axes, fun, low, high)
    axes.set_aspect("equal")
    length = 0.22 * float(np.min(high - low)) / max(float(np.linalg.norm(up)), 1e-300)
    for way, text, colour, style in ((up, "gradient: uphill", BLUE, "--"), (-up, "descent: downhill", VERMILLION, "-")):
        arrow = {"arrowstyle": "-|>", "color": colour, "linestyle": style, "linewidth": 1.8}
        end = at + length * way
        axes.annotate("", end, at, arrowprops=arrow)
        axes.annotate(text, end, xytext=(6, 2), textcoords="offset points", color=colour)
    axes.plot(*at, marker="o", color=BLACK, zorder=3)
    label(axes, names[0], names[1], f"∇L = ({up[0]:.3f}, {up[1]:.3f}) at ({at[0]:g}, {at[1]:g})")
    return figure


def _pair(name: str, value: Any) -> np.ndarray:
    array = checks.numbers(name, value)
    checks.shape(name, array, (2,))
    return array


def valleys(landscape: Landscape, descent: Descent) -> Figure:
    """A surface, and the ways down it from several starts: one colour, dash and marker for each valley they end in.

    Ways that arrived in no valley are grey. Raises UsageError for a landscape that is not a function of two numbers.
    """
    if len(landscape.low) != 2:
        raise UsageError(f"a surface has two dimensions, but {landscape.name} has {len(landscape.low)}.")
    figure = Figure(2, width=5.2, height=4.6, surface=True)
    surface, plane = figure.axes
    x, y = (np.linspace(low, high, 41) for low, high in zip(landscape.low, landscape.high, strict=True))
    heights = np.array([[landscape.fun(np.array([a, b])) for a in x] for b in y])
    floor = min(float(heights.min()), *(valley.value for valley in descent.valleys), np.inf)
    surface.plot_surface(*np.meshgrid(x, y), np.log1p(heights - floor), cmap="Greys", alpha=0.45, linewidth=0,
                         rasterized=True)  # fmt: skip
    contours(plane, landscape.fun, landscape.low, landscape.high)

    def way(number: int, look: dict[str, Any]) -> None:
        path = descent.paths[number]
        seen = np.isfinite(path.values) & np.all(
            (path.points >= landscape.low) & (path.points <= landscape.high), axis=1
        )
        seen = np.logical_and.accumulate(seen)  # up to where it leaves the window
        points, up = path.points[seen], np.log1p(np.maximum(path.values[seen] - floor, 0.0))
        surface.plot(points[:, 0], points[:, 1], up + 0.05, zorder=5, linewidth=1.5, **look)
        plane.plot(points[:, 0], points[:, 1], linewidth=1.5, **look)
        for axes, place in ((plane, points[:1]), (surface, np.column_stack([points, up + 0.05])[:1])):
            axes.plot(*place.T, marker="x", color=look["color"], zorder=6)

    for i, valley in enumerate(descent.valleys):
        look = colour_and_style(i)
        for number in valley.paths:
            way(number, look)
        starts = f"{len(valley.paths)} start{'' if len(valley.paths) == 1 else 's'}"
        text = f"({valley.x[0]:.2f}, {valley.x[1]:.2f}), {starts}"
        dot = {**look, "marker": MARKERS[i % len(MARKERS)], "markeredgecolor": "white", "markersize": 8, "zorder": 7}
        plane.plot(*valley.x, label=text, **dot)
        surface.plot(*valley.x, np.log1p(valley.value - floor) + 0.05, **dot)
    lost = sorted(set(range(len(descent.paths))).difference(*(valley.paths for valley in descent.valleys)))
    for number in lost:
        way(number, {"color": "0.4", "linestyle": "-", "label": "arrived nowhere" if number == lost[0] else None})
    legend(plane, below=2)
    label(plane, "x₁", "x₂", "From above: × starts, markers are the valleys")
    label(surface, "x₁", "x₂", landscape.name)
    surface.set_zlabel("log(1 + height)")
    return figure
