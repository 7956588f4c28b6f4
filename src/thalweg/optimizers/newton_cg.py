"""Newton's method with the step found by conjugate gradients: a Hessian is multiplied with, never formed.

Far from the optimum a few iterations give a good direction. Near it they go on until what they leave of the residual,
‖r‖²/(2·l2), would be within the tolerance: that is the part of certificates C2 and C3 that they decide.
"""

from dataclasses import dataclass

import numpy as np

from thalweg.kernels import Want
from thalweg.objective import Evaluation, Objective
from thalweg.optimizers.conjugate_gradients import Reduced, conjugate_gradients
from thalweg.optimizers.linesearch import backtrack

_FORCING = 0.2  # share of the residual, in the preconditioner's norm, that is left far from the optimum
_SHARE = 0.3  # of the tolerance that may be left to the residual; the rest is the step's own error


@dataclass(frozen=True)
class NewtonCGState:
    """`curvatures`: what its evaluation left for products with its Hessian."""

    at: Evaluation
    curvatures: np.ndarray
    rate: float | None = None
    before: None = None
    stuck: bool = False


@dataclass(frozen=True)
class NewtonCG:
    """tol: relative gap aimed at, which decides how far the inner iterations go."""

    tol: float = 1e-6
    name: str = "newton-cg"
    smooth_only: bool = True
    second_order: bool = True
    rate: None = None

    def init(self, objective: Objective, theta: np.ndarray) -> NewtonCGState:
        curvatures = objective.new_curvatures()
        at = objective.evaluate(theta, Want.BORDER, curvatures=curvatures)
        if theta.any() and at.value[0] > objective.null_value():  # a sample misled: worse than the base rate
            at = objective.evaluate(np.zeros_like(theta), Want.BORDER, curvatures=curvatures)
        return NewtonCGState(at, curvatures)

    def step(self, objective: Objective, state: NewtonCGState) -> NewtonCGState:
        direction = self._direction(objective, state)
        curvatures = np.empty_like(state.curvatures)
        found = backtrack(objective, state.at, direction, Want.BORDER, curvatures=curvatures)
        if found is None:
            return NewtonCGState(state.at, state.curvatures, 0.0, stuck=True)
        return NewtonCGState(found[0], curvatures, found[1])

    def _direction(self, objective: Objective, state: NewtonCGState) -> np.ndarray:
        """-H⁻¹∇P (d, 1), as exactly as it is needed here."""
        at, l2 = state.at, objective.penalty.l2
        assert at.gradient is not None
        reduced = Reduced(objective, at, state.curvatures)
        within = _SHARE * self.tol * float(at.value[0])

        def enough(r: np.ndarray, share: float) -> bool:
            return share <= _FORCING or (l2 > 0.0 and float(np.vdot(r, r)) / (2.0 * l2) <= within)

        d = conjugate_gradients(reduced.times, reduced.precondition, -reduced.of_gradient(at.gradient), enough)
        return reduced.with_intercept(d, at.gradient)
