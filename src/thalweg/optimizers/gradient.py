"""Batch gradient descent: θ ← θ - η_k ∇P(θ) (SLP 5.28), and its proximal form where there is an l1 penalty."""

from dataclasses import dataclass

import numpy as np

from thalweg.kernels import Want
from thalweg.objective import Evaluation, Objective
from thalweg.schedules import Schedule, constant


@dataclass(frozen=True)
class GradientState:
    at: Evaluation
    updates: int
    rate: float | None = None
    before: None = None
    newton_reach: None = None
    stuck: bool = False


@dataclass(frozen=True)
class GradientDescent:
    """rate: the base learning rate, None for 1/L, the largest with a guaranteed decrease; epochs: for the schedule."""

    rate: float | None = None
    schedule: Schedule = constant
    epochs: int = 1
    name: str = "gd"
    smooth_only: bool = False
    second_order: bool = False

    def init(self, objective: Objective, theta: np.ndarray) -> GradientState:
        return GradientState(objective.evaluate(theta, Want.BORDER), 0)

    def step(self, objective: Objective, state: GradientState) -> GradientState:
        rate = base_rate(self.rate, objective) * self.schedule(state.updates, self.epochs)
        theta = descend(objective, state.at, rate)
        return GradientState(objective.evaluate(theta, Want.BORDER), state.updates + 1, rate)


def base_rate(rate: float | None, objective: Objective) -> float:
    """The rate asked for, or 1/L."""
    return 1.0 / objective.smoothness if rate is None else rate


def descend(objective: Objective, at: Evaluation, rate: float) -> np.ndarray:
    """One gradient step from there, and the proximal step of the penalty's kinks."""
    assert at.gradient is not None
    theta = at.theta - rate * at.gradient
    p = objective.rows.p
    theta[:p] = objective.penalty.prox(theta[:p], rate)
    return theta
