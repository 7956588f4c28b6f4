"""Newton's method by Cholesky, keeping a Hessian as long as it still serves: a pass with one costs more than without.

With H the Hessian of a nearby point (an earlier step's, or a sample's), a step still shrinks the gap by about the
square of H's relative error. A new Hessian is made when a step shrank it less than tenfold. The last steps tell the
kernel the Δ they took, which is what certificate C3 needs; with Δ_b solved from the true border, C3 holds for any H.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, eigh

from thalweg.kernels import Want
from thalweg.objective import Evaluation, Objective
from thalweg.optimizers.linesearch import backtrack

_POOR = 0.1  # a step that leaves more than this share of the predicted gap asks for a fresh Hessian
_NEAR = 3e-2  # relative predicted gap from which a full step may end the run: C3's sums are worth their cost


@dataclass(frozen=True)
class NewtonState:
    """`metric` is the (d, d) Hessian steps are solved with; `predicted` half the squared Newton decrement at `at`."""

    at: Evaluation
    metric: np.ndarray
    predicted: float
    before: Evaluation | None = None
    rate: float | None = None
    stuck: bool = False


@dataclass(frozen=True)
class Newton:
    """metric: a (d, d) Hessian to begin with, from a sample of the rows, say; None to make one in the first pass."""

    metric: np.ndarray | None = None
    name: str = "newton"
    smooth_only: bool = True

    def init(self, objective: Objective, theta: np.ndarray) -> NewtonState:
        at = objective.evaluate(theta, Want.HESSIAN if self.metric is None else Want.BORDER)
        metric = at.hessian[0] if at.hessian is not None else self.metric
        assert metric is not None
        return NewtonState(at, metric, _predicted(at, metric))

    def step(self, objective: Objective, state: NewtonState) -> NewtonState:
        near = state.predicted <= _NEAR * float(state.at.value[0])
        direction = _direction(state.at, state.metric, objective.intercept)
        want = Want.BORDER if near else Want.HESSIAN
        found = backtrack(objective, state.at, direction, want, with_step=near)
        if found is None:
            fresh = objective.evaluate(state.at.theta, Want.HESSIAN)
            assert fresh.hessian is not None
            exact = np.array_equal(fresh.hessian[0], state.metric)
            return NewtonState(fresh, fresh.hessian[0], _predicted(fresh, fresh.hessian[0]), rate=0.0, stuck=exact)
        new, rate = found
        metric = new.hessian[0] if new.hessian is not None else state.metric
        predicted = _predicted(new, metric)
        if near and predicted > _POOR * state.predicted:
            fresh = objective.evaluate(new.theta, Want.HESSIAN)
            assert fresh.hessian is not None
            metric = fresh.hessian[0]
            predicted = _predicted(new, metric)
        return NewtonState(new, metric, predicted, before=state.at, rate=rate)


def solve_symmetric(H: np.ndarray, v: np.ndarray) -> np.ndarray:
    """H⁻¹v for a positive definite H; where H is singular to rounding, the least-squares solution."""
    scale = np.sqrt(np.maximum(np.diag(H), 1e-300))[:, None]
    try:
        return np.asarray(cho_solve(cho_factor(H / scale / scale.T), v / scale) / scale)
    except LinAlgError:
        values, vectors = eigh(H / scale / scale.T)
        kept = values > 1e-12 * max(float(values[-1]), 1e-300)
        inverse = np.where(kept, 1.0 / np.where(kept, values, 1.0), 0.0)
        return np.asarray(vectors @ (inverse[:, None] * (vectors.T @ (v / scale))) / scale)


def _direction(at: Evaluation, metric: np.ndarray, intercept: bool) -> np.ndarray:
    assert at.gradient is not None and at.border is not None
    if at.gradient.size == 0:
        return -at.gradient
    direction = -solve_symmetric(metric, at.gradient)
    p = len(at.border) - 1
    if intercept and at.border[p, 0] > 0.0:
        direction[p] = -(at.gradient[p] + at.border[:p, 0] @ direction[:p]) / at.border[p, 0]
    return direction


def _predicted(at: Evaluation, metric: np.ndarray) -> float:
    assert at.gradient is not None
    if at.gradient.size == 0:
        return 0.0
    return 0.5 * max(float(np.vdot(at.gradient, solve_symmetric(metric, at.gradient))), 0.0)
