"""scikit-learn's callbacks (since 1.9), told of a run as of any of its own."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from thalweg.events import Event

Attributes = Callable[[Any], dict[str, np.ndarray]]  # theta (d, 1) -> what `fit` would set on the estimator there


class CallbackTasks:
    """An observer that makes each step a task of scikit-learn's callbacks.

    As in scikit-learn's own estimators a step's task begins where the one before ends, so the last never runs and ends
    empty. A callback that asks to stop ends the run as Ctrl-C does, with the best point so far, but without a warning.
    """

    def __init__(
        self, estimator: Any, context: Any, attributes: Attributes, X: Any, y: np.ndarray, weight: Any
    ) -> None:
        metadata = None if weight is None else {"sample_weight": weight}
        self.context, self.attributes, self.stopped, self.step = context, attributes, False, None
        self.data = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        context.call_on_fit_task_begin(**self.data)

    def __call__(self, event: Event) -> None:
        if event.kind in ("end", "wait") or (event.kind == "start" and self.step is not None):
            return
        now = {**self.data, "reconstruction_attributes": partial(self.attributes, event.theta)}
        step, self.step = self.step, None
        if step is not None and step.call_on_fit_task_end(**now):
            self.stopped = True
            raise KeyboardInterrupt
        self.step = self.context.subcontext(task_name="step").call_on_fit_task_begin(**now)

    def close(self) -> None:
        """End the task that never ran, and the fit."""
        if self.step is not None:
            self.step.call_on_fit_task_end(estimator=self.data["estimator"])
        self.context.call_on_fit_task_end(**self.data, reconstruction_attributes={})
