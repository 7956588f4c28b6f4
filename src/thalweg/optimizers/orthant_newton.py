"""Newton's method under an l1 penalty, on the columns that take part.

A step goes towards the minimum of the quadratic model of the loss together with the penalty. Where the Hessian of the
columns is cheap to form, that minimum is found exactly (`quadratic.py`). Where it is only multiplied with, the step
keeps to one orthant, in which P is smooth (Andrew and Gao, 2007; Byrd and others, 2016): it takes the weights that are
not zero, and those at zero whose slope exceeds l1, each with its sign, goes on by conjugate gradients, and stops each
weight that would cross zero at zero.

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
from thalweg.optimizers.l1_directions import by_columns, by_hessian, by_products, orthant, steepest, violation
from thalweg.optimizers.workplace import Workplace, workplace

_SHARE = 1.0  # of the tolerance, as the largest violation of an optimality condition relative to l1
_STEPS = 4  # on a copy, before all columns are looked at again
_MORE_STEPS = 12  # the same where no other column is wanted yet and the quadratic model is solved exactly
_LOOK = 0.03  # share of the violation, at which they are where a pass costs little beside sweeps over columns
_HALVINGS = 40
_SHORTEST = 3  # halvings after which a quadratic model is solved again, with more damping
_DAMPINGS = 12
_NOISE = 1e-13  # relative rounding of P, summed over blocks that are cut otherwise on other columns
_KEPT = 0.2  # of what the slope promised, below which the quadratic model is not to be trusted that far
_DAMPING = 1e-2  # added to the model then, as a share of its largest diagonal
_SUFFICIENT = 1e-4  # share of the predicted decrease that counts as enough


Found = tuple[Evaluation, np.ndarray, float, float]  # the point, its curvatures, the step's length, a number of use


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
        aim = _aim(_SHARE * self.tol, state, work, objective)
        steps = 1 if work.columns is None else _MORE_STEPS if work.exact and aim < 1.0 else _STEPS
        for left in range(steps - 1, -1, -1):
            onto = work.objective if left else objective
            found = _along(work, onto, at, curvatures, aim, damping)
            if found is None:
                break
            at, curvatures, rate, damping = found
            if onto is objective:
                screened = _screened(objective, at, state.screened)
                return OrthantNewtonState(at, curvatures, screened, work, damping, rate)
            if violation(at, work.objective) <= aim:
                break
        if rate is None:
            return replace(state, work=work, rate=0.0, stuck=True)
        curvatures = np.empty_like(curvatures)
        full = objective.evaluate(work.outside(at.theta, objective.d), Want.BORDER, curvatures=curvatures)
        screened = _screened(objective, full, state.screened)
        return OrthantNewtonState(full, curvatures, screened, work, damping, rate)


def _aim(tol: float, state: OrthantNewtonState, work: Workplace, objective: Objective) -> float:
    """The violation to reach before all columns are looked at again: a third of what the others show already."""
    if work.columns is None:
        return tol
    assert state.at.gradient is not None
    slope = np.where(state.screened, 0.0, np.abs(state.at.gradient[: objective.rows.p, 0]))
    slope[work.columns] = 0.0
    outside = float(slope.max(initial=0.0)) / objective.penalty.l1 - 1.0
    soon = _LOOK * violation(state.at, objective) if work.by_columns is not None else 0.0
    return max(tol, outside / 3.0, soon)


def _damped(damping: float, kept: float) -> float:
    """More damping after a step that was cut short or kept less than its slope promised (an exact one keeps half)."""
    if kept < _KEPT:
        return max(_DAMPING, 8.0 * damping)
    return damping / 8.0 if damping > _DAMPING / 8.0 else 0.0


def _along(
    work: Workplace, onto: Objective, at: Evaluation, curvatures: np.ndarray, aim: float, damping: float
) -> Found | None:
    """A step, evaluated on `onto`: the workplace's columns, or all; None where nothing goes down any more."""
    objective = work.objective
    for _ in range(_DAMPINGS if work.exact else 1):
        if work.formed:
            direction: np.ndarray | None = by_hessian(objective, at, aim, damping)
        elif work.by_columns is not None:
            direction = by_columns(objective, work.by_columns, at, curvatures, aim, damping)
        else:
            direction = by_products(objective, at, curvatures, aim, damping)
        halvings = _SHORTEST if work.exact else _HALVINGS
        found = None if direction is None else _searched(work, onto, at, curvatures, direction, halvings)
        if found is not None:
            seen, left, rate, kept = found
            return seen, left, rate, _damped(damping, kept if rate == 1.0 else 0.0)
        damping = _damped(damping, 0.0)
    found = _searched(work, onto, at, curvatures, steepest(objective, at), _HALVINGS)
    return None if found is None else (*found[:3], damping)


def _searched(
    work: Workplace, onto: Objective, at: Evaluation, curvatures: np.ndarray, direction: np.ndarray, halvings: int
) -> Found | None:
    """The first of the points t = 1, ½, ¼ ... along the direction where P is low enough; None where there is none.

    A direction that is no model's minimum keeps to its orthant: a weight that would cross zero stops there. Where P's
    own rounding hides the decrease, a smaller violation counts.
    """
    objective = work.objective
    signs, _ = orthant(at, objective)
    p, value, l1 = objective.rows.p, float(at.value[0]), objective.penalty.l1
    assert at.gradient is not None
    left = np.empty_like(curvatures)
    t, noise, blind = 1.0, _NOISE * value, 0
    for _ in range(halvings):
        theta = at.theta + t * direction
        if halvings == _HALVINGS:
            theta[:p] = np.where(theta[:p] * signs > 0.0, theta[:p], 0.0)
        heavier = np.abs(theta[:p]) - np.abs(at.theta[:p])
        predicted = float(np.vdot(at.gradient, theta - at.theta)) + l1 * float(heavier.sum())
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
        if abs(rise) <= noise and violation(inside, objective) < violation(at, objective):
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
