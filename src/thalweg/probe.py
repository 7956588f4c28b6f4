"""A tight certificate for any point of any method: a Newton step that is judged, not taken.

C2 divides ‖g‖² by 2·l2 where the curvature of the data may be thousands of times l2, so a gradient method would go on
long after it has arrived. The tangent of σ at the point along a Newton step is a far better dual point than C2's: the
bound is then close to the true gap, and nothing cancels in it. Far from the optimum P - P(w⁺) and the bound at the
step's end w⁺ say more.

Two passes, one of them with the Hessian: for as many columns as a Hessian is cheap for.
"""

from dataclasses import dataclass, replace

import numpy as np

from thalweg.certificate import Certificate, newton_bound, one_pass_bound, step_bound
from thalweg.errors import RunError
from thalweg.events import relative
from thalweg.kernels import Want
from thalweg.objective import Evaluation, Objective
from thalweg.optimizers.linear import solve_symmetric
from thalweg.optimizers.newton import newton_step
from thalweg.rounding import rounded

COLUMNS = 1000
_ROUGH = 1e-3
_ROUNDING = 1e-9  # of P, whose margins may be differences of numbers a million times as large


@dataclass(frozen=True)
class Ahead:
    """A Newton step from a point.

    here       the point's evaluation, with the Hessian
    there      that of the step's end, which was given the step
    decrement  √(∇P·H⁻¹∇P)
    """

    here: Evaluation
    there: Evaluation
    decrement: float


def newton_ahead(objective: Objective, at: Evaluation) -> Ahead | None:
    """Two passes; None where the step leads to margins that overflow."""
    here = objective.evaluate(at.theta, Want.HESSIAN)
    assert here.hessian is not None and here.gradient is not None
    newton = solve_symmetric(here.hessian[0], here.gradient)
    step = newton_step(here, newton, objective.intercept)
    try:
        there = objective.evaluate(at.theta + step, Want.BORDER, step)
    except RunError:
        return None
    return Ahead(here, there, float(np.sqrt(max(float(np.vdot(here.gradient, newton)), 0.0))))


def worth_probing(objective: Objective, at: Evaluation, certificate: Certificate, tol: float) -> bool:
    """Whether a probe could tell more than the certificate at hand."""
    penalty = objective.penalty
    possible = penalty.l2 > 0.0 and penalty.l1 == 0.0 and 0 < objective.d <= COLUMNS
    return possible and bool(np.isfinite(at.value[0])) and not (certificate.relative_gap or np.inf) <= tol


def probe(objective: Objective, at: Evaluation, certificate: Certificate, tol: float) -> Certificate:
    """The better of that certificate and a probe's, with room for rounding."""
    ahead = newton_ahead(objective, at)
    gap = np.inf if ahead is None else newton_bound(ahead.here, ahead.there, objective.penalty, objective.intercept)
    value = float(at.value[0])
    if ahead is not None and gap > _ROUGH * value:  # then P's rounding does not matter, and its fall says more
        fallen = max(value - float(ahead.there.value[0]), 0.0)
        penalty, intercept = objective.penalty, objective.intercept
        beyond = min(
            step_bound(ahead.there, ahead.here, penalty, intercept), one_pass_bound(ahead.there, penalty, intercept)
        )
        gap = min(gap, fallen + beyond + _ROUNDING * value)
    hessian = None if ahead is None or ahead.here.hessian is None else ahead.here.hessian[0]
    if gap < (np.inf if certificate.gap is None else certificate.gap):
        relative_gap = relative(gap, value)
        certificate = replace(certificate, gap=gap, relative_gap=relative_gap, kind="probe", reason="")
    return rounded(certificate, objective, at, tol, hessian)
