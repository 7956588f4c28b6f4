"""When a run ends, and why: the rules, and `Outcome`, whose values are sentences."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

import numpy as np


class Outcome(Enum):
    """How a run ended; the value is the sentence users read."""

    CERTIFIED = "Reached the optimum: the certified gap is within the tolerance."
    STATIONARY = "Reached a stationary point: one more Newton step would hardly move any margin."
    SMALL_GRADIENT = "Reached a stationary point: the gradient norm is below its tolerance."
    HOLDOUT_ROSE = "Stopped early: the held-out loss stopped falling; the best point on the held-out rows was kept."
    EPOCHS_SPENT = "Stopped before the tolerance: all epochs are spent."
    DIVERGING = "Diverging: the learning rate is too large for these rows."
    STALLED = "Stopped before the tolerance: in float64 no step lowers the objective any further."
    SEPARATED = (
        "Perfectly separated: some weights classify every row, so without a penalty no optimum exists; set l2 > 0."
    )
    QUASI_SEPARATED = (
        "Separated in one direction: the weights can grow along it for ever and no row's loss rises, so without a "
        "penalty no optimum exists; set l2 > 0."
    )
    LEARNT = "Learnt online: every row was predicted, then learnt from."
    INTERRUPTED = "Interrupted: the best point so far was kept."

    @property
    def converged(self) -> bool:
        """Whether the run did what was asked: it reached its tolerance, or stopped early as asked."""
        return self in (
            Outcome.CERTIFIED, Outcome.STATIONARY, Outcome.SMALL_GRADIENT, Outcome.HOLDOUT_ROSE, Outcome.LEARNT
        )  # fmt: skip

    @property
    def advice(self) -> str:
        """What may help where the run did not converge; "" where its sentence says all."""
        return _ADVICE.get(self, "")


def separated_by(recession: np.ndarray, names: Callable[[int], str]) -> str:
    """A sentence that names the columns (p,) which lead a direction of recession."""
    leading = [int(j) for j in np.argsort(-recession, kind="stable")[:_NAMED] if recession[j] >= _LEADING]
    some = ", ".join(names(j) for j in leading)
    return f"The direction is that of {some}." if leading else "The direction is that of the intercept."


_NAMED, _LEADING = 3, 0.1

_ADVICE = {
    Outcome.EPOCHS_SPENT: "More --epochs or another --method may reach it.",
    Outcome.STALLED: (
        "Columns far from 0 for their spread, or near copies of others, lose digits: standardise them, drop the "
        "copies, or set a larger l2 or a larger tol."
    ),
}


@dataclass(frozen=True)
class Rules:
    """The tolerances of a run.

    tol            relative certified gap: P - P* ≤ tol·P
    gradient_tol   ‖∇P‖₂ below which a run ends; None leaves it to the certificate, or to `stationary` without one
    epochs         most steps
    patience       held-out evaluations without improvement before stopping; None for never
    """

    tol: float = 1e-6
    gradient_tol: float | None = None
    epochs: int = 100
    patience: int | None = None


@dataclass
class HoldoutWatch:
    """Counts held-out evaluations since the best one."""

    patience: int | None
    best: float = float("inf")
    since: int = field(default=0)

    def improved(self, loss: float) -> bool:
        """Take note of a loss; whether it is the best so far."""
        if loss < self.best:
            self.best, self.since = loss, 0
            return True
        self.since += 1
        return False

    @property
    def lost_patience(self) -> bool:
        return self.patience is not None and self.since >= self.patience


@dataclass
class DivergenceWatch:
    """Suspects divergence when P has not been below its best for a while; a rate above 2/L then proves the cause."""

    steps: int = 20
    best: float = float("inf")
    since: int = 0

    def suspicious(self, value: float) -> bool:
        """Take note of P; whether it is time to compare the rate with the largest stable one."""
        if value < self.best:
            self.best, self.since = value, 0
            return False
        self.since += 1
        return self.since % self.steps == 0
