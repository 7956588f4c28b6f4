"""Newton's method with the step found by conjugate gradients: a Hessian is multiplied with, never formed.

Far from the optimum a few iterations give a good direction. Near it they go on until what they leave of the residual,
‖r‖²/(2·l2), would be within the tolerance: that is the part of certificates C2 and C3 that they decide. Without a
penalty the residual that is left falls with the gradient, so that the steps become Newton's.

Where the quadratic model is of no use, far from the optimum, the step is damped as Newton's is.
"""

from dataclasses import dataclass

import numpy as np

from thalweg.kernels import Want
from thalweg.objective import Evaluation, Objective
from thalweg.optimizers.conjugate_gradients import Reduced, conjugate_gradients
from thalweg.optimizers.linesearch import ROUNDING, backtrack

_FORCING = 0.2  # share of the residual, in the preconditioner's norm, that is left far from the optimum
_SHARE = 0.3  # of the tolerance that may be left to the residual; the rest is the step's own error


_HALVINGS = 8  # of a step before it is damped more
_DAMPING, _FASTER, _SLOWER, _LEAST = 2.0**-6, 2.0**-4, 2.0**3, 1e-5  # as Newton's


@dataclass(frozen=True)
class NewtonCGState:
    """`curvatures`: what its evaluation left for products with its Hessian; `damping`: of the next step, 0 for none.

    before      the point before, of runs without a penalty
    """

    at: Evaluation
    curvatures: np.ndarray
    rate: float | None = None
    damping: float = 0.0
    newton_reach: float | None = None
    before: Evaluation | None = None
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
        if theta.any() and at.value[0] > objective.null_value:  # a sample misled: worse than the base rate
            at = objective.evaluate(objective.start, Want.BORDER, curvatures=curvatures)
        return NewtonCGState(at, curvatures)

    def step(self, objective: Objective, state: NewtonCGState) -> NewtonCGState:
        at, damping = state.at, state.damping
        assert at.gradient is not None
        penalised = objective.penalty.l2 > 0.0
        curvatures = np.empty_like(state.curvatures)
        while True:
            direction, share = self._direction(objective, state, damping)
            slope = -float(np.vdot(at.gradient, direction))
            believable = damping > 0.0 or slope <= 2.0 * float(at.value[0])  # else the model falls below 0
            halvings = _HALVINGS if damping < 1.0 else 5 * _HALVINGS
            if believable:
                found = backtrack(objective, at, direction, Want.BORDER, not penalised, curvatures, halvings)
                if found is not None:
                    new, rate = found
                    full = rate == 1.0 and damping == 0.0 and share <= 0.1 and new.reach is not None
                    reach = float(new.reach[0]) if full and new.reach is not None else None
                    left = damping * _FASTER if damping * _FASTER >= _LEAST else 0.0
                    return NewtonCGState(new, curvatures, rate, left, reach, None if penalised else at)
                if damping >= 1.0 or not slope > ROUNDING * float(at.value[0]):
                    return NewtonCGState(at, state.curvatures, 0.0, stuck=True)
            damping = max(_DAMPING, damping * _SLOWER)

    def _direction(self, objective: Objective, state: NewtonCGState, damping: float) -> tuple[np.ndarray, float]:
        """-H⁻¹∇P (d, 1), as exactly as it is needed here, and the share of the residual it leaves."""
        at, l2 = state.at, objective.penalty.l2
        assert at.gradient is not None
        reduced = Reduced(objective, at, state.curvatures, damping=damping)
        value = float(at.value[0])
        within = _SHARE * self.tol * value
        r = -reduced.of_gradient(at.gradient)
        forcing, left = _FORCING, [1.0]
        if l2 == 0.0:
            forcing = min(_FORCING, float(np.sqrt(max(np.vdot(r, reduced.precondition(r)), 0.0) / max(value, 1e-300))))

        def enough(r: np.ndarray, share: float) -> bool:
            left[0] = share
            return share <= forcing or (l2 > 0.0 and float(np.vdot(r, r)) / (2.0 * l2) <= within)

        d = conjugate_gradients(reduced.times, reduced.precondition, r, enough)
        return reduced.with_intercept(d, at.gradient), left[0]
