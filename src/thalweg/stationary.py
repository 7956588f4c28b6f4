"""Where a run without a penalty has arrived. No bound on P - P* exists there, so a Newton step is judged, not taken.

Gradients have the units of the columns and of the weights; margins have none. So a point counts as stationary where a
full Newton step would move no row's margin by more than a small number. And where the margins go on moving though P
hardly falls, the step may point along a direction of recession: no row's loss rises along it however far one goes, and
P has no minimum.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cholesky, eigh

from thalweg.kernels import Want
from thalweg.objective import Evaluation, Objective
from thalweg.optimizers.linear import solve_symmetric
from thalweg.optimizers.newton import newton_step

COLUMNS = 1000  # up to here a Hessian is cheap enough to judge a point of another method by
_FAR = 100.0  # margins: a finite optimum that close to a direction of recession has weights no float64 sum can tell
_WEAK = 1e-9  # eigenvalue of a scaled Hessian, relative to the largest, from which a Newton step may have left it out


@dataclass(frozen=True)
class View:
    """What a Newton step from a point shows.

    step       (d, 1)
    reach      by how much it moves the margins at most
    decrement  √(∇P·H⁻¹∇P)
    recedes    whether P does not rise along the step though it moves a margin by 100
    hidden     whether P can still fall in a direction that the Hessian's rounding hides
    """

    step: np.ndarray
    reach: float
    decrement: float
    recedes: bool
    hidden: bool


def aim(tol: float) -> float:
    """How little a Newton step moves the margins at a stationary point: it lowers P by tol/800 at most."""
    return max(0.1 * float(np.sqrt(tol)), 1e-9)


def affordable(objective: Objective) -> bool:
    """Whether `view` is worth its Hessian."""
    return 0 < objective.d <= COLUMNS


def view(objective: Objective, at: Evaluation, tol: float) -> View:
    """Two passes, one of them with the Hessian, and a third one where P may have no minimum."""
    here = objective.evaluate(at.theta, Want.HESSIAN)
    assert here.hessian is not None and here.gradient is not None
    newton = solve_symmetric(here.hessian[0], here.gradient)
    square = max(float(np.vdot(here.gradient, newton)), 0.0)
    step = newton_step(here, newton, objective.intercept)
    there = objective.evaluate(at.theta + step, Want.LOSS, step)
    assert there.reach is not None
    reach, value = float(there.reach[0]), float(at.value[0])
    recedes = False
    if reach > aim(tol) and 0.5 * square <= max(tol, 1e-9) * value:
        far = objective.evaluate(at.theta + step * (_FAR / reach), Want.LOSS)
        recedes = float(far.value[0]) <= value
    return View(step, reach, float(np.sqrt(square)), recedes, hidden(here.hessian[0], here.gradient, value, tol))


def hidden(hessian: np.ndarray, gradient: np.ndarray, value: float, tol: float) -> bool:
    """Whether P may fall by more than tol·P in a direction whose curvature is below the rounding of the Hessian.

    hessian (d, d), gradient (d, 1). Columns that are near copies of each other have such directions: a Newton step
    leaves them out, and only the gradient still tells them from exact copies.
    """
    scale = np.sqrt(np.maximum(np.diag(hessian), 1e-300))[:, None]
    scaled, slope = hessian / scale / scale.T, gradient / scale
    try:
        if np.diag(cholesky(scaled, lower=True)).min(initial=1.0) ** 2 > _WEAK:
            return False
    except np.linalg.LinAlgError:
        pass
    values, vectors = eigh(scaled)
    top = float(values[-1])
    weak = values <= _WEAK * top
    floor = np.maximum(values[weak], len(values) * np.finfo(np.float64).eps * top)
    fall = float(np.sum((vectors[:, weak].T @ slope)[:, 0] ** 2 / (2.0 * floor)))
    return fall > max(tol, 1e-9) * value
