"""Stochastic gradient descent (SLP figure 5.6) and mini-batches (SLP 5.34): one step is one epoch in random order."""

from dataclasses import dataclass

import numpy as np

from thalweg.kernels import Want
from thalweg.objective import Evaluation, Objective
from thalweg.schedules import Schedule, cosine


@dataclass(frozen=True)
class StochasticState:
    """`theta` is where the next epoch starts; `at` evaluates it, or, when averaging, the mean of the points so far."""

    theta: np.ndarray
    at: Evaluation
    epoch: int = 0
    mean: np.ndarray | None = None
    rate: float | None = None
    before: None = None
    newton_reach: None = None
    stuck: bool = False


@dataclass(frozen=True)
class Stochastic:
    """Mini-batch descent; `size` = 1 is SGD.

    size      rows in a mini-batch
    rate      base learning rate, None for half the inverse of the mini-batch's expected smoothness
    schedule  how it falls with the updates
    epochs    how many epochs the schedule is laid out for
    average   report the mean of all points since the second epoch (Polyak and Juditsky, 1992)
    seed      of the random order; epoch e draws from (seed, e), so a run can go on from any epoch
    """

    size: int
    rate: float | None = None
    schedule: Schedule = cosine
    epochs: int = 1
    average: bool = False
    seed: int = 0
    name: str = "minibatch"
    smooth_only: bool = True
    second_order: bool = False

    def init(self, objective: Objective, theta: np.ndarray) -> StochasticState:
        return StochasticState(theta, objective.evaluate(theta, Want.BORDER))

    def step(self, objective: Objective, state: StochasticState) -> StochasticState:
        n = objective.rows.n
        order = np.random.default_rng([self.seed, state.epoch]).permutation(n)
        updates = -(-n // self.size)
        base = self.rate if self.rate is not None else default_rate(objective, self.size)
        first, total = state.epoch * updates, max(self.epochs, 1) * updates
        rates = np.array([base * self.schedule(k, total) for k in range(first, first + updates)])
        theta, mean = objective.sweep(order, state.theta, self.size, rates)
        if state.mean is not None:
            mean = state.mean + (mean - state.mean) / state.epoch  # epochs 1 to `epoch`: the first is left out
        average = mean if self.average and state.epoch > 0 else None
        at = objective.evaluate(theta if average is None else average, Want.BORDER)
        return StochasticState(theta, at, state.epoch + 1, average, float(rates[-1]))


def default_rate(objective: Objective, size: int) -> float:
    """1/(2𝓛) with 𝓛 the expected smoothness of mini-batches (Gower et al., SGD: general analysis, 2019, section 3.3).

    The mean of ‖x‖² stands where their bound has its maximum: one far row would otherwise slow all others down.
    """
    single = float(objective.squares.sum())
    return 0.5 / (objective.smoothness + single / size)
