"""The trace: every step of a run as a row of numbers, for `Model.history` and for plots."""

from typing import Any

from thalweg.events import Event

KEYS = ("stage", "step", "passes", "seconds", "objective", "gradient_norm", "gap", "rate", "holdout_loss")


class Trace:
    """An observer that keeps the numbers of each event, not its point."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def __call__(self, event: Event) -> None:
        if event.kind in ("start", "step"):
            self.rows.append({key: getattr(event, key) for key in KEYS})
