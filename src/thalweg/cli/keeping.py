"""What Ctrl-C finds to keep while a command fits: an observer that says so, step by step."""

from typing import TYPE_CHECKING

from thalweg import signals

if TYPE_CHECKING:
    from thalweg.events import Event


class Keeping:
    """Tells `signals` whether there is a model to keep; `many` where each end leaves one, as on a path.

    Once Ctrl-C was pressed it raises KeyboardInterrupt at the next event too: the first one may have been lost in a
    destructor, or have waited for a result.
    """

    def __init__(self, many: bool = False) -> None:
        self._many, self._steps, self._ends = many, 0, 0
        signals.keep(signals.NOTHING, "There is no model yet to keep.")

    def __call__(self, event: "Event") -> None:
        self._ends += event.kind == "end"
        self._steps += event.kind == "step"
        if event.kind == "end" or (self._many and self._ends):
            signals.keep(signals.RESULT, "No model was written.")
        elif self._steps and not self._many:
            signals.keep(signals.POINT, "No model was written.")
        if event.kind in ("start", "step") and signals.asked():
            raise KeyboardInterrupt
