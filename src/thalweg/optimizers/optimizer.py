"""What an optimizer is: `init` and `step` over a state; the loop, the clock and the rules belong to `solve`."""

from typing import Any, Protocol

import numpy as np

from thalweg.objective import Evaluation, Objective


class State(Protocol):
    """Where an optimizer stands; each optimizer keeps more in its own. All of it is plain arrays and numbers."""

    @property
    def at(self) -> Evaluation:
        """The evaluation of the current point, with gradient and border."""
        ...

    @property
    def before(self) -> Evaluation | None:
        """The evaluation that `at.step` started from, where certificate C3 may use it."""
        ...

    @property
    def rate(self) -> float | None:
        """The learning rate of the last step."""
        ...

    @property
    def newton_reach(self) -> float | None:
        """By how much the last step moved the margins at most, if it was a full Newton step."""
        ...

    @property
    def stuck(self) -> bool:
        """Whether no decrease could be found: float64 has no better point in this direction."""
        ...


class Optimizer(Protocol):
    """k = 1 model at a time: theta is (d, 1)."""

    @property
    def name(self) -> str:
        """As on the command line."""
        ...

    @property
    def smooth_only(self) -> bool:
        """Whether an l1 penalty is beyond it."""
        ...

    @property
    def second_order(self) -> bool:
        """Whether its own steps already lead to certificate C3."""
        ...

    @property
    def rate(self) -> float | None:
        """The learning rate somebody chose; None where the method finds its own, which never diverges."""
        ...

    def init(self, objective: Objective, theta: np.ndarray) -> Any: ...

    def step(self, objective: Objective, state: Any) -> Any: ...
