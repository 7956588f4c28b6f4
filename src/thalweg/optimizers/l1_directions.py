"""The two ways to a Newton step under an l1 penalty: with the Hessian formed, and by products with it."""

import numpy as np

from thalweg.kernels import Want
from thalweg.objective import Evaluation, Objective
from thalweg.optimizers.conjugate_gradients import Reduced, conjugate_gradients
from thalweg.optimizers.l1_columns import Columns
from thalweg.optimizers.l1_slopes import orthant, violation
from thalweg.optimizers.linear import solve_symmetric
from thalweg.optimizers.quadratic import minimum

_FORCING = 0.1  # share of the violation left far from the optimum
_WITHIN = 0.3  # of the violation aimed at, left near it
_SWEEPS, _MOST_SWEEPS = 200, 1000
_CANCELLED = 1e-14  # of a column's curvature, below which what the intercept leaves of it is rounding


def by_hessian(objective: Objective, at: Evaluation, aim: float, damping: float) -> np.ndarray:
    """(d, 1) to the minimum of the quadratic model with its penalty; aim: the violation to reach, relative to l1.

    damping: added to the model, as a share of its largest diagonal.
    """
    hessian = at.hessian if at.hessian is not None else objective.evaluate(at.theta, Want.HESSIAN).hessian
    assert hessian is not None and at.gradient is not None
    H, p, l1 = hessian[0], objective.rows.p, objective.penalty.l1
    if l1 == 0.0:
        return -solve_symmetric(H, at.gradient)
    slope, w = at.gradient[:p, 0], at.theta[:p, 0]
    follows = objective.intercept and H[p, p] > 0.0
    model = H[:p, :p]
    if follows:  # the intercept follows the weights by its own equation
        border = H[:p, p] / np.sqrt(H[p, p])
        model = model - np.outer(border, border)
        floor = _CANCELLED * np.diag(H)[:p]
        model[np.diag_indices(p)] = np.where(np.diag(model) > floor, np.diag(model), floor)
        slope = slope - at.gradient[p, 0] / H[p, p] * H[:p, p]
    if damping > 0.0:
        model = model + np.diag(damping * objective.squares[:p])
    step = minimum(model, slope, w, l1, _within(at, objective, aim)) - w
    return _with_intercept(step, objective, at, H[:, p:])


def by_columns(
    objective: Objective,
    columns: Columns,
    at: Evaluation,
    curvatures: np.ndarray,
    aim: float,
    damping: float,
    patient: bool,
) -> np.ndarray | None:
    """The same by sweeps over columns; None where these depend on each other too much, unless it is patient."""
    assert at.border is not None
    sweeps = _MOST_SWEEPS if patient else _SWEEPS
    u, found = columns.minimum(objective, at, curvatures, _within(at, objective, aim), damping, sweeps)
    if not found and not patient:
        return None
    return _with_intercept(u - at.theta[: objective.rows.p, 0], objective, at, at.border)


def _within(at: Evaluation, objective: Objective, aim: float) -> float:
    """The violation to leave in the model: less and less, as Newton's method needs to end fast."""
    wrong = violation(at, objective)
    return max(_WITHIN * aim, min(_FORCING, wrong) * wrong)


def _with_intercept(step: np.ndarray, objective: Objective, at: Evaluation, border: np.ndarray) -> np.ndarray:
    """(d, 1): the intercept follows the step (p,) of the weights by its own equation."""
    if not objective.intercept:
        return step[:, None]
    assert at.gradient is not None
    p = len(step)
    follows = float(border[p, 0]) > 0.0
    b = -(float(at.gradient[p, 0]) + float(border[:p, 0] @ step)) / float(border[p, 0]) if follows else 0.0
    return np.append(step, b)[:, None]


def by_products(
    objective: Objective, at: Evaluation, curvatures: np.ndarray, aim: float, damping: float
) -> np.ndarray | None:
    """(d, 1) towards the minimum of the quadratic model over the orthant's weights; None where that leads up."""
    assert at.gradient is not None
    p, l1 = objective.rows.p, objective.penalty.l1
    signs, slope = orthant(at, objective)
    free = signs != 0.0
    gradient = np.vstack([slope, at.gradient[p:]])
    reduced = Reduced(objective, at, curvatures, free, damping)
    forcing, within = min(_FORCING, violation(at, objective)), 0.5 * aim * l1

    def enough(r: np.ndarray, share: float) -> bool:
        return share <= forcing or float(np.abs(r).max()) <= within

    d = conjugate_gradients(reduced.times, reduced.precondition, -reduced.of_gradient(gradient), enough)
    new = free & (at.theta[:p] == 0.0)
    d[new & (d * signs < 0.0)] = 0.0  # a weight leaves zero to its own side only
    if float(np.vdot(slope, d)) >= 0.0 and slope.any():
        return None
    return reduced.with_intercept(d, gradient)


def steepest(objective: Objective, at: Evaluation) -> np.ndarray:
    """(d, 1) down the slope, each weight by its largest curvature: slow, but never led astray."""
    assert at.gradient is not None
    gradient = np.vstack([orthant(at, objective)[1], at.gradient[objective.rows.p :]])
    squares = objective.squares[:, None]
    return np.where(squares > 0.0, -gradient / np.where(squares > 0.0, squares, 1.0), 0.0)
