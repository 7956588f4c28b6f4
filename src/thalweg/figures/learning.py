"""Figures of learning: rates side by side, batch against mini-batch against SGD, and losses over a run."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from thalweg.errors import UsageError
from thalweg.figures.canvas import Figure, colour_and_style, contours, label, legend
from thalweg.textbook.minibatch import Trace
from thalweg.textbook.rates import Study

AXES = {"updates": "updates", "epochs": "epochs", "time": "milliseconds"}


def rates(study: Study, steps: int = 60) -> Figure:
    """J over the first steps for every rate of a study, a panel for each verdict."""
    figure = Figure(3, width=3.8, height=4.2)
    for axes, verdict in zip(figure.axes, ("too small", "good", "too large"), strict=True):
        shown = [rate for rate in study.rates if rate.verdict == verdict]
        for i, rate in enumerate(shown):
            costs = rate.costs[: steps + 1]
            axes.plot(costs, label=f"η = {rate.eta:.3g} = {rate.eta * study.smoothness:.3g}/L", **colour_and_style(i))
        label(axes, "step", "J", verdict)
        if shown:
            legend(axes, below=1)
    figure.page.suptitle(f"Largest safe rate 2/L = {study.largest_safe:.3g}")
    return figure


def paths(traces: Mapping[str, Trace], cost: Callable[[np.ndarray], float], low: Any, high: Any) -> Figure:
    """Ways of several descents over the same contours, and their cost over updates, epochs and time.

    traces     name -> trace of `minibatch.descend`, all with two parameters
    cost       θ (2,) -> J
    low, high  (2,) corners of the window
    """
    figure = Figure(4, width=3.6, height=3.6)
    plane, *curves = figure.axes
    contours(plane, cost, low, high)
    for i, (name, trace) in enumerate(traces.items()):
        if trace.points.shape[1] != 2:
            raise UsageError(f"{name} has {trace.points.shape[1]} parameters, but contours show two.")
        look = {**colour_and_style(i), "zorder": 1.0 + 1.0 / len(trace.theta)}  # the noisiest way behind the others
        plane.plot(trace.points[:, 0], trace.points[:, 1], linewidth=1.0, **look)
        costs = [cost(theta) for theta in trace.theta]
        for axes, kind in zip(curves, AXES, strict=True):
            axes.plot(_position(trace, kind), costs, label=name, linewidth=1.0, **look)
    label(plane, "w", "b", "way over the contours of J")
    for axes, name in zip(curves, AXES.values(), strict=True):
        label(axes, name, "J", f"J over {name}")
        axes.set_xscale("symlog", linthresh=1.0)
    legend(curves[-1])
    return figure


def losses(history: Sequence[Mapping[str, Any]]) -> Figure:
    """Training objective and held-out loss over the steps of a run, e.g. `model.history`; the lowest held-out marked.

    Raises UsageError for a history without held-out losses.
    """
    steps = [row for row in history if row.get("holdout_loss") is not None]
    if not steps:
        raise UsageError("this history has no held-out losses: fit with holdout=0.25, or rows of their own.")
    figure = Figure()
    axes = figure.axes[0]
    at = [row["step"] for row in steps]
    held = [row["holdout_loss"] for row in steps]
    axes.plot(at, [row["objective"] for row in steps], label="training", **colour_and_style(0))
    axes.plot(at, held, label="held out", **colour_and_style(1))
    best = int(np.argmin(held))
    axes.plot(at[best], held[best], marker="o", color="black", linestyle="none", label=f"best at step {at[best]}")
    axes.set_xscale("symlog", linthresh=1.0)
    legend(axes)
    label(axes, "step", "mean log-loss", "Training goes on falling; held-out loss turns")
    return figure


def _position(trace: Trace, kind: str) -> Any:
    if kind == "updates":
        return range(len(trace.theta))
    return trace.epoch if kind == "epochs" else 1000.0 * np.array(trace.seconds)
