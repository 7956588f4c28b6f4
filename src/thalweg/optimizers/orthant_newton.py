"""Newton's method under an l1 penalty, one orthant at a time (Andrew and Gao, 2007; Byrd and others, 2016).

Where no weight changes its sign P is smooth. So a step takes the weights that are not zero, and those at zero whose
slope exceeds l1, each with its sign; goes towards the minimum of the quadratic model over these by conjugate gradients,
or by Cholesky where columns are few; and stops each weight that would cross zero at zero. Coordinate descent, the usual
way with an l1 penalty, takes hundreds of sweeps where columns are correlated, as those of counts are: see the decision
on sparse rows.

Most columns never take part. A full pass tells which may, and the steps between two such passes work on a copy of these
columns alone, where that is small. A full pass also proves more: with G the gap of a feasible dual point θ, the optimal
one lies within √(G/2) of it, in the norm that gives a column the length √(Σ s·x²/S), since the dual of the log-loss is
4-strongly concave. A column whose |x·θ| stays below l1 all over that ball is zero at the optimum and left out for good
(gap-safe screening: Ndiaye, Fercoq, Gramfort and Salmon, 2017).
"""

from dataclasses import dataclass, replace

import numpy as np

from thalweg.certificate import dual_point
from thalweg.errors import RunError
from thalweg.kernels import Want
from thalweg.objective import Evaluation, Objective
from thalweg.optimizers.conjugate_gradients import Reduced, conjugate_gradients
from thalweg.optimizers.linear import solve_symmetric
from thalweg.optimizers.workplace import Workplace, workplace
from thalweg.rows import SparseRows

_CHOLESKY = 500  # columns up to which a Hessian is formed, for rows that are dense or of few
_ENTRIES = 1_000_000  # entries: of more, a dozen products cost less than all pairs
_FORCING = 0.1  # share of the residual left far from the optimum
_SHARE = 1.0  # of the tolerance, as the largest violation of an optimality condition relative to l1
_STEPS = 4  # on a copy, before all columns are looked at again
_HALVINGS = 40
_NOISE = 1e-13  # relative rounding of P, summed over blocks that are cut otherwise on other columns
_KEPT = 0.2  # of what the slope promised, below which the quadratic model is not to be trusted that far
_DAMPING = 1e-2  # added to the model then, as a share of its largest diagonal
_RIDGE = 1e-7  # where columns depend on each other the loss is flat and l1 alone slopes: far, but not to infinity
_SUFFICIENT = 1e-4  # share of the predicted decrease that counts as enough


@dataclass(frozen=True)
class OrthantNewtonState:
    """`curvatures`: left by its evaluation; `screened` (p,): proved zero at the optimum; `work`: where steps go."""

    at: Evaluation
    curvatures: np.ndarray
    screened: np.ndarray
    work: Workplace
    damping: float = 0.0
    rate: float | None = None
    before: None = None
    newton_reach: None = None
    stuck: bool = False


@dataclass(frozen=True)
class OrthantNewton:
    """tol: relative gap aimed at, which decides how exactly the last steps are solved.

    start: the objective and the last state of a run on the same rows with another penalty, to go on from
    """

    tol: float = 1e-6
    start: tuple[Objective, OrthantNewtonState] | None = None
    name: str = "orthant-newton"
    smooth_only: bool = False
    second_order: bool = True
    rate: None = None

    def init(self, objective: Objective, theta: np.ndarray) -> OrthantNewtonState:
        work = None
        if self.start is None:
            curvatures = objective.new_curvatures()
            at = objective.evaluate(theta, Want.BORDER, curvatures=curvatures)
        else:
            before, state = self.start
            at, curvatures = objective.revalued(state.at, before.penalty), state.curvatures
            work = state.work.moved_to(objective)
        screened = _screened(objective, at, np.zeros(objective.rows.p, dtype=bool))
        return OrthantNewtonState(at, curvatures, screened, workplace(objective, at, screened, work))

    def step(self, objective: Objective, state: OrthantNewtonState) -> OrthantNewtonState:
        """Steps on the workplace, the last of them seen on all columns."""
        work = workplace(objective, state.at, state.screened, state.work)
        at, curvatures, rate, damping = work.inside(state.at), state.curvatures, None, state.damping
        steps = 1 if work.columns is None else _STEPS
        for left in range(steps - 1, -1, -1):
            onto = work.objective if left else objective
            found = _along(work, onto, at, curvatures, _direction(work.objective, at, curvatures, self.tol, damping))
            if found is None:
                found = _along(work, onto, at, curvatures, _steepest(work.objective, at))
            if found is None:
                break
            seen, curvatures, rate, kept = found
            damping = _damped(damping, kept if rate == 1.0 else 0.0)
            if onto is objective:
                screened = _screened(objective, seen, state.screened)
                return OrthantNewtonState(seen, curvatures, screened, work, damping, rate)
            at = seen
            if _violation(at, work.objective) <= max(_SHARE * self.tol, _outside(state, work, objective)):
                break
        if rate is None:
            return replace(state, work=work, rate=0.0, stuck=True)
        curvatures = np.empty_like(curvatures)
        full = objective.evaluate(work.outside(at.theta, objective.d), Want.BORDER, curvatures=curvatures)
        screened = _screened(objective, full, state.screened)
        return OrthantNewtonState(full, curvatures, screened, work, damping, rate)


def _orthant(at: Evaluation, objective: Objective) -> tuple[np.ndarray, np.ndarray]:
    """(p, 1) the sign each weight has or will take, 0 where it stays at zero; and P's slope (p, 1) on that side."""
    p, l1 = objective.rows.p, objective.penalty.l1
    assert at.gradient is not None
    w, g = at.theta[:p], at.gradient[:p]
    signs = np.where(w != 0.0, np.sign(w), np.where(np.abs(g) > l1, -np.sign(g), 0.0))
    return signs, np.where(signs != 0.0, g + l1 * signs, 0.0)


def _violation(at: Evaluation, objective: Objective) -> float:
    """The largest violation of an optimality condition, relative to l1."""
    assert at.gradient is not None
    slopes = np.append(_orthant(at, objective)[1], at.gradient[objective.rows.p :])
    return float(np.abs(slopes).max(initial=0.0)) / (objective.penalty.l1 or 1.0)


def _outside(state: OrthantNewtonState, work: Workplace, objective: Objective) -> float:
    """A third of the violation that the last full pass saw on the columns that are not in the workplace."""
    assert state.at.gradient is not None and work.columns is not None
    slope = np.abs(state.at.gradient[: objective.rows.p, 0])
    slope[work.columns] = 0.0
    return (float(slope.max(initial=0.0)) / (objective.penalty.l1 or 1.0) - 1.0) / 3.0


def _damped(damping: float, kept: float) -> float:
    """More damping after a step that was cut short or kept less than its slope promised (an exact one keeps half)."""
    if kept < _KEPT:
        return max(_DAMPING, 8.0 * damping)
    return damping / 8.0 if damping > _DAMPING / 8.0 else 0.0


def _direction(objective: Objective, at: Evaluation, curvatures: np.ndarray, tol: float, damping: float) -> np.ndarray:
    """(d, 1) towards the minimum of the quadratic model over the orthant's weights and the intercept."""
    assert at.gradient is not None
    p = objective.rows.p
    signs, slope = _orthant(at, objective)
    free = signs != 0.0
    gradient = np.vstack([slope, at.gradient[p:]])
    if objective.d <= _CHOLESKY and not (isinstance(objective.rows, SparseRows) and objective.rows.entries > _ENTRIES):
        everywhere = np.append(free[:, 0], np.ones(objective.d - p, dtype=bool))
        return _solved(objective, at, gradient, everywhere, damping)
    reduced = Reduced(objective, at, curvatures, free, damping)
    violation = float(np.abs(gradient).max()) / (objective.penalty.l1 or 1.0)
    forcing, within = min(_FORCING, violation), 0.5 * _SHARE * tol * objective.penalty.l1

    def enough(r: np.ndarray, share: float) -> bool:
        return share <= forcing or float(np.abs(r).max()) <= within

    d = conjugate_gradients(reduced.times, reduced.precondition, -reduced.of_gradient(gradient), enough)
    new = free & (at.theta[:p] == 0.0)
    d[new & (d * signs < 0.0)] = 0.0  # a weight leaves zero to its own side only
    if float(np.vdot(slope, d)) >= 0.0 and slope.any():
        return _steepest(objective, at)
    return reduced.with_intercept(d, gradient)


def _steepest(objective: Objective, at: Evaluation) -> np.ndarray:
    """(d, 1) down the slope, each weight by its largest curvature: slow, but never led astray."""
    assert at.gradient is not None
    gradient = np.vstack([_orthant(at, objective)[1], at.gradient[objective.rows.p :]])
    return -gradient / np.maximum(objective.squares[:, None], 1e-300)


def _solved(objective: Objective, at: Evaluation, gradient: np.ndarray, free: np.ndarray, damping: float) -> np.ndarray:
    hessian = objective.evaluate(at.theta, Want.HESSIAN).hessian
    assert hessian is not None
    direction = np.zeros_like(gradient)
    while True:
        chosen = np.flatnonzero(free)
        direction[:] = 0.0
        part = hessian[0][np.ix_(chosen, chosen)]
        part[np.diag_indices(len(chosen))] *= 1.0 + _RIDGE
        part[np.diag_indices(len(chosen))] += damping * objective.squares[chosen]
        direction[chosen] = -solve_symmetric(part, gradient[chosen])
        p = objective.rows.p
        wrong = (at.theta[:p, 0] == 0.0) & (direction[:p, 0] * gradient[:p, 0] > 0.0)
        if not wrong.any():
            return direction
        free[:p] &= ~wrong


def _along(
    work: Workplace, onto: Objective, at: Evaluation, curvatures: np.ndarray, direction: np.ndarray
) -> tuple[Evaluation, np.ndarray, float, float] | None:
    """The first of the points t = 1, ½, ¼ ... along the direction, no weight crossing zero, where P is low enough.

    It is evaluated on `onto`: the workplace's columns, or all. None where there is none. Where P's own rounding hides
    the decrease, a smaller violation counts.
    """
    objective = work.objective
    signs, slope = _orthant(at, objective)
    p, value = objective.rows.p, float(at.value[0])
    assert at.gradient is not None
    left = np.empty_like(curvatures)
    t, noise, blind = 1.0, _NOISE * value, 0
    for _ in range(_HALVINGS):
        theta = at.theta + t * direction
        theta[:p] = np.where(theta[:p] * signs > 0.0, theta[:p], 0.0)
        moved = theta - at.theta
        predicted = float(np.vdot(slope, moved[:p]) + np.vdot(at.gradient[p:], moved[p:]))
        try:
            new = onto.evaluate(
                work.outside(theta, onto.d) if onto is not objective else theta, Want.BORDER, curvatures=left
            )
        except RunError:  # an overflowing margin: this step is far too long
            t *= 0.1
            continue
        rise = float(new.value[0]) - value
        if rise <= _SUFFICIENT * min(predicted, 0.0) and rise < 0.0:
            return new, left, t, rise / min(predicted, rise)
        inside = new if onto is objective else work.inside(new)
        if abs(rise) <= noise and _violation(inside, objective) < _violation(at, objective):
            return new, left, t, 0.5
        blind += -predicted <= noise
        if blind > 2:  # whatever P could still fall by cannot be seen
            return None
        t *= 0.5
    return None


def _screened(objective: Objective, at: Evaluation, before: np.ndarray) -> np.ndarray:
    """(p,) the columns known to be zero at the optimum, and those that this evaluation proves to be."""
    point = dual_point(at, objective.penalty, objective.intercept)
    if point is None:
        return before
    correlations, gap = point
    penalty = objective.penalty
    lengths = np.sqrt(4.0 * objective.data_squares)
    return np.asarray(before | (np.abs(correlations) + np.sqrt(0.5 * gap) * lengths < penalty.l1))
