"""Figures of learning: rates side by side, batch against mini-batch against SGD, and losses over a run."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from thalweg.errors import UsageError
from thalweg.figures.canvas import BLACK, Figure, colour_and_style, contours, label, legend
from thalweg.textbook.minibatch import Trace
from thalweg.textbook.rates import Study

AXES = {"updates": "updates", "epochs": "epochs", "time": "milliseconds"}


def rates(study: Study, steps: int = 60) -> Figure:
    """J over the first steps for every rate of a study, a panel for each verdict; J(0) is drawn in all of them."""
    figure = Figure(3, width=3.8, height=4.2)
    for axes, verdict in zip(figure.axes, ("too small", "good", "too large"), strict=True):
        shown = [rate for rate in study.rates if rate.verdict == verdict]
        for i, rate in enumerate(shown):
            costs = rate.costs[: steps + 1]
            axes.plot(costs, label=f"η = {rate.eta:.3g} = {rate.eta * study.smoothness:.3g}/L", **colour_and_style(i))
        if study.rates:
            axes.axhline(study.rates[0].costs[0], color="0.5", linewidth=0.8, zorder=0.5, label="J at the start")
        label(axes, "step", "J", verdict)
        legend(axes, below=1)
    figure.page.suptitle(f"Largest safe rate 2/L = {study.largest_safe:.3g}; each panel has its own scale of J")
    return figure


def paths(
    traces: Mapping[str, Trace],
    cost: Callable[[np.ndarray], float],
    low: Any,
    high: Any,
    over: Sequence[str] = ("updates", "epochs"),
    bottom: Any = None,
) -> Figure:
    """Ways of several descents over the same contours, and their cost over updates, epochs or time.

    traces     name -> trace of `minibatch.descend`, all with two parameters
    cost       θ (2,) -> J
    low, high  (2,) corners of the window
    over       a panel for each: "updates", "epochs", "time"; the clock never runs the same way twice, so a figure with
               "time" is another file each time
    bottom     θ (2,) where J is lowest, to be marked

    Raises UsageError for other parameters, and for an axis that is not known.
    """
    if isinstance(over, str) or not over or not set(over) <= set(AXES):
        raise UsageError(f"over is {over!r}, but must be some of {', '.join(map(repr, AXES))}, in a list.")
    figure = Figure(1 + len(over), width=3.7, height=3.9)
    plane, *curves = figure.axes
    contours(plane, cost, low, high)
    for i, (name, trace) in enumerate(traces.items()):
        if trace.points.shape[1] != 2:
            raise UsageError(f"{name} has {trace.points.shape[1]} parameters, but contours show two.")
        # the noisiest way behind the others, and thin
        look = {**colour_and_style(i), "zorder": 1.0 + 1.0 / len(trace.theta)}
        plane.plot(*trace.points.T, linewidth=0.6 if len(trace.theta) > 300 else 1.6, **look)
        costs = [cost(theta) for theta in trace.theta]
        for axes, kind in zip(curves, over, strict=True):
            axes.plot(_position(trace, kind), costs, label=name, linewidth=1.0, **look)
    if bottom is not None:
        plane.plot(*bottom, marker="*", markersize=16, color="white", markeredgecolor=BLACK, linestyle="none",
                   label="bottom", zorder=4)  # fmt: skip
        legend(plane)
    label(plane, "w", "b", "way over the contours of J")
    for axes, kind in zip(curves, over, strict=True):
        label(axes, AXES[kind], "J", f"J over {AXES[kind]}")
        axes.set_xscale("symlog", linthresh=1.0)
    legend(curves[-1])
    return figure


def losses(history: Sequence[Mapping[str, Any]]) -> Figure:
    """The objective in training and the held-out loss over the steps of a run, e.g. `model.history`.

    The lowest held-out loss is marked. Raises UsageError for a history without held-out losses.
    """
    steps = [row for row in history if row.get("holdout_loss") is not None]
    if not steps:
        raise UsageError("this history has no held-out losses: fit with holdout=0.25, or rows of their own.")
    figure = Figure()
    axes = figure.axes[0]
    at = [row["step"] for row in steps]
    held = [row["holdout_loss"] for row in steps]
    axes.plot(at, [row["objective"] for row in steps], label="training: loss and penalty", **colour_and_style(0))
    axes.plot(at, held, label="held out: loss alone", **colour_and_style(1))
    best = int(np.argmin(held))
    axes.plot(at[best], held[best], marker="o", color=BLACK, linestyle="none", label=f"best at step {at[best]}")
    axes.set_xscale("symlog", linthresh=1.0)
    legend(axes)
    turned = held[-1] > held[best]
    title = f"The held-out loss turns at step {at[best]}" if turned else "The held-out loss has not turned"
    label(axes, "step", "loss", title)
    return figure


def _position(trace: Trace, kind: str) -> Any:
    if kind == "updates":
        return range(len(trace.theta))
    return trace.epoch if kind == "epochs" else 1000.0 * np.array(trace.seconds)
