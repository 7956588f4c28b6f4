"""Nesterov's accelerated gradient (1983), as FISTA (Beck and Teboulle, 2009) with O'Donoghue and Candès' restarts."""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from thalweg.kernels import Want
from thalweg.objective import Evaluation, Objective
from thalweg.optimizers.gradient import base_rate, descend
from thalweg.schedules import Schedule, constant


@dataclass(frozen=True)
class NesterovState:
    """`at` is the point reported; `ahead` the extrapolated one, where the next gradient is taken (the same one without
    l1, where evaluating both would double the passes); `last` the point before the extrapolation."""

    at: Evaluation
    ahead: Evaluation
    last: np.ndarray
    t: float
    updates: int
    rate: float | None = None
    before: None = None
    newton_reach: None = None
    stuck: bool = False


@dataclass(frozen=True)
class Nesterov:
    """rate: the base learning rate, None for 1/L; epochs: for the schedule."""

    rate: float | None = None
    schedule: Schedule = constant
    epochs: int = 1
    name: str = "nesterov"
    smooth_only: bool = False
    second_order: bool = False

    def init(self, objective: Objective, theta: np.ndarray) -> NesterovState:
        at = objective.evaluate(theta, Want.BORDER)
        return NesterovState(at, at, theta, 1.0, 0)

    def step(self, objective: Objective, state: NesterovState) -> NesterovState:
        rate = base_rate(self.rate, objective) * self.schedule(state.updates, self.epochs)
        assert state.ahead.gradient is not None
        theta = descend(objective, state.ahead, rate)
        moved = theta - state.last
        # the generalised gradient at the extrapolated point against the move: uphill means the momentum has overshot
        uphill = float(np.vdot(state.ahead.theta - theta, moved)) > 0.0
        t = 1.0 if uphill else (1.0 + sqrt(1.0 + 4.0 * state.t**2)) / 2.0
        momentum = 0.0 if uphill else (state.t - 1.0) / t
        ahead = objective.evaluate(theta + momentum * moved, Want.BORDER)
        # between the two points only l1 makes a difference that matters: exact zeros
        at = ahead if objective.penalty.l1 == 0.0 or momentum == 0.0 else objective.evaluate(theta, Want.BORDER)
        return NesterovState(at, ahead, theta, t, state.updates + 1, rate)
