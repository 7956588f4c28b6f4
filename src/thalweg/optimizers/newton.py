"""Newton's method by Cholesky, certified by the step it ends with; a Hessian from elsewhere may serve the first steps.

A pass that also forms the Hessian costs more than one that does not, so each pass asks only for what the next step
needs. From a point with gap e, an exact Newton step leaves about 3/2·e²/mean(h), and certificate C3 proves it: so the
last pass needs no Hessian, and the one before it does. A borrowed Hessian (a sample's) shrinks the gap by a constant
factor instead, and serves while the point is too far off for an exact step to be the last.

Far from the optimum the loss may have hardly any curvature at the margins, and a Newton step then leads far off. There
the step is damped: the largest Hessian that P has anywhere is added, times a factor that falls while steps succeed
(Levenberg, 1944; Marquardt, 1963). With a factor of 1 each step lowers P, from any point.
"""

from dataclasses import dataclass, replace

import numpy as np

from thalweg.errors import RunError
from thalweg.kernels import Want
from thalweg.objective import Evaluation, Objective
from thalweg.optimizers.linear import solve_symmetric
from thalweg.optimizers.linesearch import ROUNDING, SUFFICIENT, backtrack

_BORROWED = 0.02  # what a sample's Hessian leaves of the gap, before a step has shown it
_POOR = 0.1  # what a borrowed Hessian may leave at most; above, the rows' own is made
_PROMISED = 0.1  # predicted gap, as a share of the base rate's P, from which a sample's optimum is not believed
_NEAR = 3e-2  # predicted gap as a share of P from which C3's condition max |δ| ≤ 1 is worth trying
_HALVINGS = 8  # of a step before it is damped instead
_DAMPING = 2.0**-6  # to begin with; a step is then about 64 times as long as one that is safe anywhere
_FASTER, _SLOWER = 2.0**-4, 2.0**3  # what a success and a failure make of the damping
_MOST, _LEAST = 64.0, 1e-5  # above, rounding hides every decrease; below, there is none


@dataclass(frozen=True)
class NewtonState:
    """`metric`: the Hessian (d, d) of the next step; `newton`: its inverse times ∇P; `predicted`: half ∇P·that.

    damping     of the next step; 0 for none
    """

    at: Evaluation
    metric: np.ndarray
    newton: np.ndarray
    predicted: float
    before: Evaluation | None = None
    rate: float | None = None
    newton_reach: float | None = None
    damping: float = 0.0
    contraction: float = _BORROWED
    borrowed: bool = False
    stuck: bool = False

    @property
    def exact(self) -> bool:
        """Whether the metric is the Hessian of this very point."""
        return self.at.hessian is not None


@dataclass(frozen=True)
class Newton:
    """tol: relative gap aimed at, which decides where a Hessian pays.

    metric    a (d, d) Hessian to begin with, from a sample of the rows; None to make one in the first pass
    expected  gap expected at the starting point, which goes with `metric`
    """

    tol: float = 1e-6
    metric: np.ndarray | None = None
    expected: float = np.inf
    name: str = "newton"
    smooth_only: bool = True
    second_order: bool = True
    rate: None = None

    def init(self, objective: Objective, theta: np.ndarray) -> NewtonState:
        # P = 0.5 and mean(h) = 0.1 stand for what the first pass will show
        borrowed = self.metric is not None and not self._last_from(self.expected, 0.5, 0.1)
        at = objective.evaluate(theta, Want.BORDER if borrowed else Want.HESSIAN)
        state = _state(at, self.metric)
        value = float(at.value[0])
        unbelievable = value > objective.null_value or state.predicted > _PROMISED * objective.null_value
        if self.metric is not None and theta.any() and unbelievable:  # the sample misled
            state = _state(objective.evaluate(objective.start, Want.HESSIAN), None)
        return replace(state, borrowed=not state.exact)

    def step(self, objective: Objective, state: NewtonState) -> NewtonState:
        if not state.exact and not state.borrowed:  # the last step should have been certified and was not
            state = _state(objective.evaluate(state.at.theta, Want.HESSIAN), None)
        if state.exact and (state.damping > 0.0 or not _believable(state)):
            return _damped(objective, state)
        at = state.at
        value, h = float(at.value[0]), _mean_curvature(at)
        direction = newton_step(at, state.newton, objective.intercept)
        after = 1.5 * state.predicted**2 / h if state.exact else state.contraction * state.predicted
        done = state.exact and self._last_from(state.predicted, value, h)
        keep = state.borrowed and state.contraction <= _POOR and not self._last_from(after, value, h)
        near = state.predicted <= _NEAR * value
        want = Want.BORDER if done or keep else Want.HESSIAN
        found = backtrack(objective, at, direction, want, with_step=near and state.exact, halvings=_HALVINGS)
        if found is None:
            return self._without_progress(objective, state)
        new, rate = found
        result = _state(new, state.metric, before=at, rate=rate)
        left = result.predicted / state.predicted if state.predicted > 0.0 else 0.0
        reach = float(new.reach[0]) if rate == 1.0 and new.reach is not None else None
        borrowed = state.borrowed and new.hessian is None
        return replace(result, newton_reach=reach, contraction=left, borrowed=borrowed)

    def _last_from(self, gap: float, value: float, h: float) -> bool:
        """Whether an exact step from a point with that gap can be expected to certify the tolerance."""
        return 3.0 * gap**2 / h <= self.tol * value  # twice the expectation, to be surer

    def _without_progress(self, objective: Objective, state: NewtonState) -> NewtonState:
        """No decrease along the direction: try the point's own Hessian, then a damped step."""
        if state.exact:
            return _damped(objective, state)
        return _state(objective.evaluate(state.at.theta, Want.HESSIAN), state.metric, rate=0.0)


def _state(
    at: Evaluation, metric: np.ndarray | None, before: Evaluation | None = None, rate: float | None = None
) -> NewtonState:
    metric = at.hessian[0] if at.hessian is not None else metric
    assert metric is not None and at.gradient is not None
    newton = solve_symmetric(metric, at.gradient)
    return NewtonState(at, metric, newton, 0.5 * max(float(np.vdot(at.gradient, newton)), 0.0), before, rate)


def _believable(state: NewtonState) -> bool:
    """Whether the quadratic model stays above 0, where P lies: all of it, and along each coordinate."""
    at = state.at
    assert at.gradient is not None and at.hessian is not None
    value = float(at.value[0])
    alone = at.gradient[:, 0] ** 2 <= 2.0 * value * np.diag(at.hessian[0])
    return state.predicted <= value and bool(alone.all())


def _damped(objective: Objective, state: NewtonState) -> NewtonState:
    """A step with more and more damping until P falls; stuck where it does not fall with any."""
    at = state.at
    assert at.gradient is not None and at.hessian is not None
    value, damping = float(at.value[0]), state.damping or _DAMPING
    while damping <= _MOST:
        step = -solve_symmetric(at.hessian[0] + damping * objective.largest_hessian, at.gradient)
        slope = -float(np.vdot(at.gradient, step))
        if not slope > ROUNDING * value:
            break
        try:
            new = objective.evaluate(at.theta + step, Want.HESSIAN)
        except RunError:  # an overflowing margin: this step is far too long
            damping *= _SLOWER**2
            continue
        if value - float(new.value[0]) >= SUFFICIENT * slope:
            damping *= _FASTER
            return replace(_state(new, None, rate=1.0), damping=damping if damping >= _LEAST else 0.0)
        damping *= _SLOWER
    return replace(state, rate=0.0, damping=0.0, newton_reach=None, stuck=True)


def newton_step(at: Evaluation, newton: np.ndarray, intercept: bool) -> np.ndarray:
    """-H⁻¹∇P given H⁻¹∇P, with the intercept's part from the point's own border: C3 asks that, whatever the H."""
    assert at.gradient is not None and at.border is not None
    step = -newton
    p = len(at.border) - 1
    if intercept and at.border[p, 0] > 0.0:
        step[p] = -(at.gradient[p] + at.border[:p, 0] @ step[:p]) / at.border[p, 0]
    return step


def _mean_curvature(at: Evaluation) -> float:
    assert at.border is not None
    return max(float(at.border[-1, 0]), 1e-300)
