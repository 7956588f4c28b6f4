"""One way down, as it was walked, and the sentence it ends with."""

from dataclasses import dataclass
from enum import Enum

import numpy as np


class Ending(Enum):
    """How a walk ended; the value is the sentence."""

    BOTTOM = "Reached a bottom: the gradient norm is below its tolerance."
    LIMIT = "Stopped at the limits of float64: no step lowers the function any further."
    FLAT = (
        "Reached flat ground that is no bottom: the gradient norm is below its tolerance, but it is lower right beside "
        "it; start elsewhere."
    )
    STEPS_SPENT = "Spent all steps: the gradient norm is still above its tolerance; give more steps."
    RATE_SPENT = "Ran out of rate: a step needs a rate above 0; let it fall more slowly."
    BOUNCING = "Took steps that are too long: the last ones led up again and again; take a smaller rate."
    CLIMBING = (
        "Only climbed: the last steps all led up, and in one direction; the gradient does not belong to the function "
        "(try check_gradient)."
    )
    NO_WAY_DOWN = (
        "Found no way down: no step against the gradient lowers the function; it does not belong to the function (try "
        "check_gradient), or there is a kink."
    )
    NOT_A_NUMBER = (
        "Left the numbers: the function or its gradient is not finite here; take a smaller rate, or start elsewhere."
    )
    INTERRUPTED = "Interrupted: the way so far was kept."

    @property
    def arrived(self) -> bool:
        """Whether it ended in a bottom, as far as float64 can tell."""
        return self in (Ending.BOTTOM, Ending.LIMIT)

    @property
    def briefly(self) -> str:
        """The sentence up to its reasons."""
        head = self.value.partition(":")[0]
        return head[0].lower() + head[1:]


@dataclass(frozen=True)
class Path:
    """One way down.

    points     (t + 1, d) where it went, the start first
    values     (t + 1,) the function there
    gradients  (t + 1, d) ∇fun there
    rates      (t,) η of each step
    ending     why it ended; `sentence` adds the place
    """

    points: np.ndarray
    values: np.ndarray
    gradients: np.ndarray
    rates: np.ndarray
    ending: Ending
    sentence: str

    @property
    def steps(self) -> int:
        return len(self.rates)

    @property
    def gradient_norms(self) -> np.ndarray:
        """(t + 1,) ‖∇fun‖₂ on the way."""
        return np.linalg.norm(self.gradients, axis=1)

    @property
    def lowest(self) -> int:
        """The index of the lowest point on the way."""
        return int(np.argmin(np.where(np.isfinite(self.values), self.values, np.inf)))

    @property
    def x(self) -> np.ndarray:
        """(d,) the lowest point on the way."""
        return np.asarray(self.points[self.lowest])

    @property
    def value(self) -> float:
        """The function there."""
        return float(self.values[self.lowest])
