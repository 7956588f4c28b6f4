"""Newton's method with the step found by conjugate gradients: a Hessian is multiplied with, never formed.

The intercept is eliminated exactly: inside, its part follows from the others by its own equation, which is what
centring every column by its curvature-weighted mean would do. On rows whose entries are all of one sign this takes the
largest eigenvalue away, and with it most of the iterations; the preconditioner is the diagonal that is left.

Far from the optimum a few iterations give a good direction. Near it they go on until what they leave of the residual,
‖r‖²/(2·l2), would be within the tolerance: that is the part of certificates C2 and C3 that they decide.
"""

from dataclasses import dataclass

import numpy as np

from thalweg.kernels import Want
from thalweg.objective import Evaluation, Objective
from thalweg.optimizers.linesearch import backtrack

_FORCING = 0.1  # share of the residual, in the preconditioner's norm, that is left far from the optimum
_ITERATIONS = 500
_SHARE = 0.3  # of the tolerance that may be left to the residual; the rest is the step's own error


@dataclass(frozen=True)
class NewtonCGState:
    """`curvatures` (n, 1): h at the point, for products with its Hessian."""

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
        curvatures = np.empty((objective.rows.n, 1))
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
        assert at.gradient is not None and at.border is not None
        p = objective.rows.p
        reduced = _Reduced(objective, state.curvatures, at.border)
        r = -reduced.of_gradient(at.gradient)
        diagonal = reduced.diagonal(objective.squares[:p, None])
        d = np.zeros((p, 1))
        z = r / diagonal
        q, rz = z, float(np.vdot(r, z))
        first, enough = rz, _SHARE * self.tol * float(at.value[0])
        for _ in range(_ITERATIONS):
            if rz <= 0.0:
                break
            Hq = reduced.times(q)
            curvature = float(np.vdot(q, Hq))
            if not curvature > 0.0:
                break
            alpha = rz / curvature
            d += alpha * q
            r = r - alpha * Hq
            z = r / diagonal
            rz, old = float(np.vdot(r, z)), rz
            if rz <= _FORCING**2 * first or (l2 > 0.0 and float(np.vdot(r, r)) / (2.0 * l2) <= enough):
                break
            q = z + (rz / old) * q
        return reduced.with_intercept(d, at.gradient)


class _Reduced:
    """The Hessian on the weights alone, the intercept following them: H_ww - H_wb·H_bw / H_bb."""

    def __init__(self, objective: Objective, curvatures: np.ndarray, border: np.ndarray) -> None:
        self.objective, self.curvatures = objective, curvatures
        self.p, self.H_wb, self.H_bb = objective.rows.p, border[:-1], float(border[-1, 0])
        self.follows = objective.intercept and self.H_bb > 0.0

    def of_gradient(self, gradient: np.ndarray) -> np.ndarray:
        g = gradient[: self.p]
        return g - (float(gradient[self.p, 0]) / self.H_bb) * self.H_wb if self.follows else g

    def times(self, q: np.ndarray) -> np.ndarray:
        return self.objective.product(self.curvatures, self._following(q, 0.0))[: self.p]

    def with_intercept(self, d: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        return self._following(d, float(gradient[self.p, 0]) if self.objective.intercept else 0.0)

    def diagonal(self, squares: np.ndarray) -> np.ndarray:
        """Of the reduced Hessian, every curvature taken for their mean; squares as in `Objective.squares`."""
        l2 = self.objective.penalty.l2
        data = 4.0 * self.H_bb * (squares - l2)
        if self.follows:
            data = data - self.H_wb**2 / self.H_bb
        # what cancels to nothing, or was never there, is held up by the penalty, or by a little of the whole
        return np.maximum(data, 1e-8 * self.H_bb * float(np.max(squares, initial=0.0))) + max(l2, 1e-300)

    def _following(self, q: np.ndarray, slope: float) -> np.ndarray:
        if not self.objective.intercept:
            return q
        b = -(slope + float(np.vdot(self.H_wb, q))) / self.H_bb if self.follows else 0.0
        return np.vstack([q, [[b]]])
