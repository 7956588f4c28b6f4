"""Conjugate gradients on the weights alone, the intercept following them: for Hessians that are only multiplied with.

With m = Xᵀh/Σh, the curvature-weighted means of the columns, XᵀHX is the same of the centred columns plus Σh·mmᵀ. On
rows whose entries are all of one sign the second part is by far the largest eigenvalue, and where there is an intercept
eliminating it takes that part away: the intercept follows from the weights by its own equation. Where there is none,
the preconditioner holds it: the diagonal of the centred part, plus the second part as it is, inverted by Sherman and
Morrison's formula.
"""

from collections.abc import Callable

import numpy as np

from thalweg.objective import Evaluation, Objective

_ITERATIONS = 200
_CANCELLED = 1e-8  # of a column's square about zero, below which what is left of it about its mean is rounding


def conjugate_gradients(
    times: Callable[[np.ndarray], np.ndarray],
    precondition: Callable[[np.ndarray], np.ndarray],
    r: np.ndarray,
    enough: Callable[[np.ndarray, float], bool],
) -> np.ndarray:
    """H⁻¹r (p, 1), as exactly as `enough` asks, which is given the residual and its share of the first one.

    times(v) is H·v, precondition(v) about H⁻¹v, in whose norm the share is.
    """
    d = np.zeros_like(r)
    z = precondition(r)
    q, rz = z, float(np.vdot(r, z))
    first = rz
    for _ in range(_ITERATIONS):
        if rz <= 0.0:
            break
        Hq = times(q)
        curvature = float(np.vdot(q, Hq))
        if not curvature > 0.0:
            break
        alpha = rz / curvature
        d += alpha * q
        r = r - alpha * Hq
        z = precondition(r)
        rz, old = float(np.vdot(r, z)), rz
        if enough(r, float(np.sqrt(rz / first))):
            break
        q = z + (rz / old) * q
    return d


class Reduced:
    """The Hessian on some of the weights, the intercept following them: H_ww - H_wb·H_bw / H_bb.

    at          the point, with gradient and border
    curvatures  that its evaluation left
    free        (p, 1) the weights that may move; None for all
    damping     added to the Hessian, as a share of the largest diagonal it has anywhere
    """

    def __init__(
        self,
        objective: Objective,
        at: Evaluation,
        curvatures: np.ndarray,
        free: np.ndarray | None = None,
        damping: float = 0.0,
    ) -> None:
        assert at.border is not None
        self.objective, self.curvatures = objective, curvatures
        self.p, self.l2 = objective.rows.p, objective.penalty.l2
        self.free = np.ones((self.p, 1), dtype=bool) if free is None else free
        self.H_wb, self.H_bb = at.border[:-1], float(at.border[-1, 0]) + 0.25 * damping
        self.follows = objective.intercept and self.H_bb > 0.0
        squares = objective.data_squares[:, None]
        self.damping = damping * (squares + self.l2)
        # every curvature taken for their mean; of what cancels, a little of the column's own whole is left
        centred = 4.0 * self.H_bb * squares
        if self.H_bb > 0.0:
            centred = np.maximum(centred - self.H_wb * (self.H_wb / self.H_bb), _CANCELLED * centred)
        diagonal = centred + self.l2 + self.damping
        self.diagonal = np.where(diagonal > 0.0, diagonal, 1.0)  # where a column is empty, any number does

    def of_gradient(self, gradient: np.ndarray) -> np.ndarray:
        """(p, 1) the slope of the free weights once the intercept has followed."""
        g = gradient[: self.p]
        g = g - (float(gradient[self.p, 0]) / self.H_bb) * self.H_wb if self.follows else g
        return np.where(self.free, g, 0.0)

    def times(self, q: np.ndarray) -> np.ndarray:
        """The reduced Hessian times q (p, 1), zero where q is not free: one pass."""
        product = self.objective.product(self.curvatures, self._following(q, 0.0))[: self.p]
        return np.where(self.free, product + self.damping * q, 0.0)

    def precondition(self, r: np.ndarray) -> np.ndarray:
        """About the inverse of `times`, for r (p, 1) that is zero where it is not free."""
        z = r / self.diagonal
        if self.objective.intercept or self.H_bb <= 0.0:
            return z
        along = np.where(self.free, self.H_wb / self.diagonal, 0.0)
        return z - along * (float(np.vdot(self.H_wb, z)) / (self.H_bb + float(np.vdot(self.H_wb, along))))

    def with_intercept(self, d: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """(d, 1) the direction with the intercept's part."""
        return self._following(d, float(gradient[self.p, 0]) if self.objective.intercept else 0.0)

    def _following(self, q: np.ndarray, slope: float) -> np.ndarray:
        if not self.objective.intercept:
            return q
        b = -(slope + float(np.vdot(self.H_wb, q))) / self.H_bb if self.follows else 0.0
        return np.vstack([q, [[b]]])
