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
from thalweg.kernels import Want
from thalweg.objective import Evaluation, Objective
from thalweg.optimizers.l1_slopes import slopes, violation
from thalweg.optimizers.l1_step import IDLE, NOISE, step_on
from thalweg.optimizers.workplace import Workplace, workplace

_SHARE = 1.0  # of the tolerance, as the largest violation of an optimality condition relative to l1
_STEPS = 4  # on a copy, before all columns are looked at again
_MORE_STEPS = 12  # the same where no other column is wanted yet and the quadratic model is solved exactly
_LOOK = 0.03  # share of the violation, at which they are where a pass costs little beside sweeps over columns


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
        aim = _aim(_SHARE * self.tol, state, work, objective)
        steps = 1 if work.columns is None else _MORE_STEPS if work.exact and aim < 1.0 else _STEPS
        for left in range(steps - 1, -1, -1):
            onto = work.objective if left else objective
            found = step_on(work, onto, at, curvatures, aim, damping)
            if found is None:
                break
            at, curvatures, rate, damping = found
            if onto is objective:
                return _new(objective, state, work, at, curvatures, damping, rate)
            if violation(at, work.objective) <= aim:
                break
        if rate is None:
            return replace(state, work=work, rate=0.0, stuck=True)
        curvatures = np.empty_like(curvatures)
        full = objective.evaluate(work.outside(at.theta, objective.d), Want.BORDER, curvatures=curvatures)
        return _new(objective, state, work, full, curvatures, damping, rate)


def _new(
    objective: Objective,
    before: OrthantNewtonState,
    work: Workplace,
    at: Evaluation,
    curvatures: np.ndarray,
    damping: float,
    rate: float,
) -> OrthantNewtonState:
    """The state at a point seen on all columns; stuck where neither P nor the violation has fallen."""
    fallen = float(before.at.value[0] - at.value[0])
    stuck = fallen <= NOISE * float(at.value[0]) and not (
        violation(at, objective) < IDLE * violation(before.at, objective)
    )
    screened = _screened(objective, at, before.screened)
    return OrthantNewtonState(at, curvatures, screened, work, damping, rate, stuck=stuck)


def _aim(tol: float, state: OrthantNewtonState, work: Workplace, objective: Objective) -> float:
    """The violation to reach before all columns are looked at again: a third of what the others show already."""
    if work.columns is None:
        return tol
    slope = np.where(state.screened, 0.0, np.abs(slopes(state.at, objective)))
    slope[work.columns] = 0.0
    outside = float(slope.max(initial=0.0)) / objective.penalty.l1 - 1.0
    soon = _LOOK * violation(state.at, objective) if work.by_columns is not None else 0.0
    return max(tol, outside / 3.0, soon)


def _screened(objective: Objective, at: Evaluation, before: np.ndarray) -> np.ndarray:
    """(p,) the columns known to be zero at the optimum, and those that this evaluation proves to be."""
    point = dual_point(at, objective.penalty, objective.intercept)
    if point is None:
        return before
    correlations, gap = point
    penalty = objective.penalty
    lengths = np.sqrt(4.0 * objective.data_squares)
    return np.asarray(before | (np.abs(correlations) + np.sqrt(0.5 * gap) * lengths < penalty.l1))
