"""L-BFGS (Liu and Nocedal, 1989): the two-loop recursion over the last moves, scaled by the columns' mean squares."""

from dataclasses import dataclass

import numpy as np

from thalweg.kernels import Want
from thalweg.objective import Evaluation, Objective
from thalweg.optimizers.linesearch import backtrack

_MEMORY = 10


@dataclass(frozen=True)
class LbfgsState:
    at: Evaluation
    moves: tuple[tuple[np.ndarray, np.ndarray], ...] = ()  # (θ⁺ - θ, ∇⁺ - ∇), oldest first
    rate: float | None = None
    before: None = None
    newton_reach: None = None
    stuck: bool = False


@dataclass(frozen=True)
class Lbfgs:
    """Step lengths are found by backtracking from 1, so that there is no rate to choose."""

    name: str = "lbfgs"
    smooth_only: bool = True
    second_order: bool = False
    rate: None = None

    def init(self, objective: Objective, theta: np.ndarray) -> LbfgsState:
        return LbfgsState(objective.evaluate(theta, Want.BORDER))

    def step(self, objective: Objective, state: LbfgsState) -> LbfgsState:
        at = state.at
        assert at.gradient is not None
        diagonal = np.maximum(objective.squares, 1e-300)[:, None]
        direction = -_inverse_hessian_times(at.gradient, state.moves, diagonal)
        found = backtrack(objective, at, direction, Want.BORDER)
        if found is None:
            return LbfgsState(at, (), 0.0, stuck=not state.moves)  # first forget the memory, then give up
        new, rate = found
        assert new.gradient is not None
        s, y = new.theta - at.theta, new.gradient - at.gradient
        # convexity makes sᵀy ≥ 0; at the rounding floor the pair says nothing and would spoil the memory, and where its
        # square underflows, as between margins in the hundreds, it cannot be divided by
        useful = float(np.vdot(s, y)) > 1e-14 * float(np.linalg.norm(s) * np.linalg.norm(y))
        useful = useful and float(np.vdot(y, y / diagonal)) > float(np.finfo(np.float64).tiny)
        moves = (*state.moves, (s, y))[-_MEMORY:] if useful else state.moves
        return LbfgsState(new, moves, rate)


def _inverse_hessian_times(
    g: np.ndarray, moves: tuple[tuple[np.ndarray, np.ndarray], ...], diagonal: np.ndarray
) -> np.ndarray:
    """Nocedal and Wright, Numerical Optimization, algorithm 7.4, with H₀ = γ·diagonal⁻¹."""
    q = g.copy()
    steps = []
    for s, y in reversed(moves):
        rho = 1.0 / float(np.vdot(s, y))
        alpha = rho * float(np.vdot(s, q))
        q -= alpha * y
        steps.append((s, y, rho, alpha))
    q /= diagonal
    if moves:
        s, y = moves[-1]
        q *= float(np.vdot(s, y)) / float(np.vdot(y, y / diagonal))
    for s, y, rho, alpha in reversed(steps):
        q += (alpha - rho * float(np.vdot(y, q))) * s
    return q
