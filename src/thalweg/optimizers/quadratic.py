"""The minimum of a quadratic with an l1 penalty whose Hessian is formed: coordinate descent and Cholesky in turn.

Coordinate descent soon finds which weights are zero and the signs of the others; among correlated columns it then takes
thousands of sweeps to find their values. These solve a linear system. On the way from one point to the other weights
may cross zero: the quadratic with its penalty is a parabola between two crossings, so that the lowest point of the way
is found exactly (as in the feature-sign search of Lee, Battle, Raina and Ng, 2007).
"""

import numpy as np
from scipy.linalg.lapack import dposv

from thalweg import native

_ROUNDS = 100
_IDLE = 10  # rounds that may pass without halving the violation: the rest is rounding
_SWEEPS = 30
_CROSSINGS = 20
_FEW = 40  # weights up to which Cholesky finds the zeros too: compiled code takes longer to load than all that takes
_RIDGES = (1e-10, 1e-7, 1e-4)  # relative to a column's curvature: the first under which columns are independent
_NONE = np.empty(0, dtype=np.int64)


def minimum(H: np.ndarray, g: np.ndarray, w: np.ndarray, l1: float, tol: float) -> np.ndarray:
    """The u (k,) with the least g·(u - w) + (u - w)ᵀH(u - w)/2 + l1·‖u‖₁, H (k, k) positive semidefinite.

    tol: how far an optimality condition may be violated, relative to l1. A weight without curvature stays, or becomes
    zero where that is its optimum.
    """
    diagonal = np.diag(H)
    u = np.where((diagonal > 0.0) | (np.abs(g) > l1), w, 0.0)
    curved = np.flatnonzero(diagonal > 0.0)
    scale = np.sqrt(diagonal[curved])  # in units of the columns' own curvatures, none is larger than another
    unit = (H if len(curved) == len(w) else H[np.ix_(curved, curved)]) / scale / scale[:, None]
    model = _Model(unit, g[curved] / scale, w[curved] * scale, l1 / scale)
    model.minimise(tol)
    u[curved] = model.u / scale
    return u


class _Model:
    """A quadratic with ones on the diagonal of its Hessian; `slope` is its own at u, the penalty left out."""

    def __init__(self, H: np.ndarray, slope: np.ndarray, u: np.ndarray, l1: np.ndarray) -> None:
        self.H, self.slope, self.u, self.l1 = np.ascontiguousarray(H), slope, u, l1

    def minimise(self, tol: float) -> None:
        least, idle = np.inf, 0
        order = np.empty(len(self.u), dtype=np.int64)
        loops = native.loops("thalweg.optimizers.coordinate_passes")
        for _ in range(_ROUNDS):
            found = self._violation()
            idle = 0 if found <= 0.5 * least else idle + 1
            least = min(least, found)
            if found <= tol or idle > _IDLE:
                return
            if len(self.u) <= _FEW:
                if not self._solve(self._entering()):
                    return
            elif loops.formed_sweeps(self.H, self.u, self.slope, self.l1, order, _SWEEPS, 0.5 * tol) > 0.5 * tol:
                self._solve(_NONE)

    def _violation(self) -> float:
        """The largest of an optimality condition, relative to l1."""
        slope = np.abs(self.slope + self.l1 * np.sign(self.u)) / self.l1
        return float(np.max(np.where(self.u == 0.0, slope - 1.0, slope), initial=0.0))

    def _entering(self) -> np.ndarray:
        """The zeros that should not be, half as many as there are others, the steepest of them."""
        wrong = np.where(self.u == 0.0, np.abs(self.slope) / self.l1, 0.0)
        most = max(5, int(np.count_nonzero(self.u)) // 2)
        steepest = np.argsort(-wrong, kind="stable")[:most]
        return steepest[wrong[steepest] > 1.0]

    def _solve(self, entering: np.ndarray) -> bool:
        """Towards the solution for the weights that are not zero and those entering; whether that goes down.

        A weight that crosses zero on the way stays there, and the others go on to their own solution.
        """
        signs = np.sign(self.u)
        signs[entering] = -np.sign(self.slope[entering])
        for i in range(_CROSSINGS):
            free = np.flatnonzero(signs)
            slope = self.slope[free] + self.l1[free] * signs[free]
            direction = _solved(self.H[np.ix_(free, free)], -slope)
            if direction is None:
                return i > 0
            wrong = (self.u[free] == 0.0) & (direction * signs[free] <= 0.0)  # a weight leaves zero to its own side
            if wrong.any():
                signs[free[wrong]] = 0.0
                continue
            moved = direction @ self.H[free]
            t, crossing = _lowest(self.u[free], direction, self.l1[free], float(slope @ direction),
                                  float(moved[free] @ direction))  # fmt: skip
            self.u[free] += t * direction
            self.u[free[crossing]] = 0.0
            self.slope += t * moved
            if not len(crossing):
                return t > 0.0 or i > 0
            signs = np.sign(self.u)
        return True


def _solved(H: np.ndarray, v: np.ndarray) -> np.ndarray | None:
    """H⁻¹v for H with ones on its diagonal; None where it is not positive definite even with a ridge."""
    if not len(v):
        return None
    for ridge in _RIDGES:
        H[np.diag_indices(len(v))] = 1.0 + ridge
        _, x, info = dposv(H, v)
        if info == 0:
            return np.asarray(x)
    return None


def _lowest(
    u: np.ndarray, direction: np.ndarray, l1: np.ndarray, slope: float, curvature: float
) -> tuple[float, np.ndarray]:
    """Where in [0, 1] along the direction the lowest point lies, and which weight is zero there, if any.

    slope, curvature: of the quadratic and the penalty together, before any weight crosses zero.
    """
    if not slope < 0.0:
        return 0.0, _NONE
    crosses = np.flatnonzero(u * direction < 0.0)
    at = -u[crosses] / direction[crosses]
    crosses, at = crosses[at < 1.0], at[at < 1.0]
    order = np.argsort(at, kind="stable")
    crosses, at = crosses[order], at[order]
    rises = np.cumsum(2.0 * l1[crosses] * np.abs(direction[crosses]))  # of the slope, at each crossing
    first = int(np.argmax(np.append(slope + curvature * at + rises >= 0.0, True)))
    risen = float(rises[first - 1]) if first else 0.0
    if first < len(at) and slope + curvature * float(at[first]) + risen < 0.0:
        return float(at[first]), crosses[first : first + 1]
    t = -(slope + risen) / curvature if curvature > 0.0 else 1.0  # between two crossings, or after the last
    return min(t, 1.0), _NONE
