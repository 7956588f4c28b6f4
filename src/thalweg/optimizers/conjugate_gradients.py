"""Conjugate gradients on the weights alone, the intercept following them: for Hessians that are only multiplied with.

The intercept is eliminated exactly: its part follows from the others by its own equation, which is what centring every
column by its curvature-weighted mean would do. On rows whose entries are all of one sign this takes the largest
eigenvalue away, and with it most of the iterations; the preconditioner is the diagonal that is left.
"""

from collections.abc import Callable

import numpy as np

from thalweg.objective import Evaluation, Objective

_ITERATIONS = 200


def conjugate_gradients(
    times: Callable[[np.ndarray], np.ndarray],
    diagonal: np.ndarray,
    r: np.ndarray,
    enough: Callable[[np.ndarray, float], bool],
) -> np.ndarray:
    """H⁻¹r (p, 1), as exactly as `enough` asks, which is given the residual and its share of the first one.

    times(v) is H·v; the share is in the norm of the preconditioner, diagonal (p, 1).
    """
    d = np.zeros_like(r)
    z = r / diagonal
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
        z = r / diagonal
        rz, old = float(np.vdot(r, z)), rz
        if enough(r, float(np.sqrt(rz / first))):
            break
        q = z + (rz / old) * q
    return d


class Reduced:
    """The Hessian on the weights alone, the intercept following them: H_ww - H_wb·H_bw / H_bb.

    at          the point, with gradient, and with border where there is an intercept
    curvatures  (n, 1) that its evaluation left
    """

    def __init__(self, objective: Objective, at: Evaluation, curvatures: np.ndarray) -> None:
        self.objective, self.curvatures = objective, curvatures
        self.p = objective.rows.p
        self.H_bb = float(curvatures.sum()) / objective.total_weight
        if objective.intercept:
            assert at.border is not None
            self.H_wb, self.H_bb = at.border[:-1], float(at.border[-1, 0])
        self.follows = objective.intercept and self.H_bb > 0.0

    def of_gradient(self, gradient: np.ndarray) -> np.ndarray:
        """(p, 1) the slope of the weights once the intercept has followed."""
        g = gradient[: self.p]
        return g - (float(gradient[self.p, 0]) / self.H_bb) * self.H_wb if self.follows else g

    def times(self, q: np.ndarray) -> np.ndarray:
        """The reduced Hessian times q (p, 1): one pass."""
        return self.objective.product(self.curvatures, self._following(q, 0.0))[: self.p]

    def with_intercept(self, d: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """(d, 1) the direction with the intercept's part."""
        return self._following(d, float(gradient[self.p, 0]) if self.objective.intercept else 0.0)

    def diagonal(self) -> np.ndarray:
        """(p, 1) of the reduced Hessian, every curvature taken for their mean."""
        squares, l2 = self.objective.squares[: self.p, None], self.objective.penalty.l2
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
