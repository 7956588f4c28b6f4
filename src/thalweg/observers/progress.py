"""Progress on stderr: a bar that moves as the certified gap closes, or lines, or JSON."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from math import log10
from typing import TextIO

from thalweg.events import Event, Observer
from thalweg.signals import Undoing


@contextmanager
def progress_observer(kind: str, stream: TextIO | None = None) -> Iterator[tuple[Observer, ...]]:
    """The observers for --progress auto, plain, json or off; auto is the bar on a terminal, plain lines elsewhere."""
    out = sys.stderr if stream is None else stream
    if kind == "off":
        yield ()
    elif kind == "json":
        yield (JsonLines(out),)
    elif kind == "plain" or not out.isatty():
        yield (PlainLines(out),)
    else:
        with _bar(out) as observer:
            yield (observer,)


class JsonLines:
    """One JSON object an event."""

    def __init__(self, out: TextIO) -> None:
        self.out = out

    def __call__(self, event: Event) -> None:
        names = (
            "kind", "stage", "step", "limit", "passes", "seconds", "objective", "gradient_norm", "gap", "relative_gap",
            "tol", "rate", "holdout_loss", "rows", "share", "auc", "baseline", "outcome",
        )  # fmt: skip
        values = {name: getattr(event, name) for name in names}
        finite = {
            name: None if isinstance(value, float) and not abs(value) < float("inf") else value
            for name, value in values.items()
        }
        print(json.dumps(finite), file=self.out, flush=True)


class PlainLines:
    """A line an event while they are few; of a long run every 2nd, 5th, 10th, 20th ... step, or one in ten seconds."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self._last = 0.0

    def __call__(self, event: Event) -> None:
        seldom = event.kind == "step" and event.rows is None and event.step % _spacing(event.step)
        between = event.kind == "rows" and event.seconds < self._last + _PATIENCE
        if event.kind == "end" or seldom or between:
            return
        self._last = event.seconds
        print(line(event), file=self.out, flush=True)


_PATIENCE = 10.0  # seconds without a line, where rows are streamed


def _spacing(step: int) -> int:
    """1 up to 20 steps, then a tenth of the step's power of ten or half of it: tens of lines for thousands of steps."""
    size = 1
    while step > 20 * size:
        size *= 10
    return size


def line(event: Event) -> str:
    """One event in words."""
    if event.kind in ("wait", "note"):
        return event.stage
    if event.rows is not None:
        return streamed(event)
    parts = [f"{event.stage}: step {event.step}", f"objective {event.objective:.8g}"]
    if event.relative_gap is not None:
        parts.append(f"relative gap {event.relative_gap:.1e}")
    elif event.gradient_norm is not None:
        parts.append(f"gradient norm {event.gradient_norm:.1e}")
    if event.holdout_loss is not None:
        parts.append(f"held-out loss {event.holdout_loss:.6g}")
    return ", ".join(parts) + f" ({event.passes:.1f} passes, {event.seconds:.1f} s)"


def streamed(event: Event) -> str:
    """An event of rows that are streamed, in words."""
    share = "" if event.share is None else f" ({event.share:.0%})"
    parts = [f"{event.stage}: {event.rows or 0:,}{share}"]
    if event.objective is not None and event.baseline is not None:
        parts.append(f"log-loss {event.objective:.6f} before learning (best constant {event.baseline:.6f})")
    if event.auc is not None:
        parts.append(f"AUC {event.auc:.4f}")
    return ", ".join(parts) + f", {event.seconds:.1f} s"


def beside_a_bar(event: Event) -> str:
    """One event in few enough characters to leave the bar its place on 80 columns."""
    if event.rows is not None:
        if event.objective is None or event.baseline is None:
            return f"{event.rows:,} rows, {event.seconds:.1f} s"
        return f"{event.rows:,}, loss {event.objective:.4f} (const. {event.baseline:.4f}), {event.seconds:.0f} s"
    parts = [f"step {event.step}"]
    if event.relative_gap is not None:
        parts.append(f"gap {event.relative_gap:.0e}")
    elif event.gradient_norm is not None:
        parts.append(f"gradient {event.gradient_norm:.0e}")
    if event.holdout_loss is not None:
        parts.append(f"held-out {event.holdout_loss:.4f}")
    return ", ".join(parts) + f", {event.seconds:.1f} s"


def closeness(event: Event) -> float:
    """How much of the way is done, 0 to 1: of the rows, or in digits of the gap to the tolerance, or of the steps."""
    if event.share is not None:
        return event.share
    by_steps = event.step / event.limit if event.limit else 0.0
    if event.relative_gap is None or event.tol is None or event.relative_gap <= 0.0:
        return 1.0 if event.relative_gap == 0.0 else min(by_steps, 1.0)
    if event.relative_gap >= 1.0 or event.tol <= 0.0:
        return 0.0
    return min(1.0, log10(event.relative_gap) / log10(min(event.tol, 0.1)))


_SHOW_CURSOR = b"\x1b[?25h"  # which the bar has hidden


@contextmanager
def _bar(out: TextIO) -> Iterator[Observer]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(20), TextColumn("{task.fields[words]}"))
    with (
        Undoing(lambda: os.write(out.fileno(), _SHOW_CURSOR)),
        Progress(*columns, console=Console(file=out)) as progress,
    ):
        task = progress.add_task("reading", total=None, words="")  # no total: the bar pulses

        def observer(event: Event) -> None:
            if event.kind == "note":
                progress.console.print(event.stage)
                return
            if event.kind == "wait":
                progress.update(task, description=event.stage)
                return
            words = beside_a_bar(event)
            progress.update(task, description=event.stage, total=1.0, completed=closeness(event), words=words)

        yield observer
