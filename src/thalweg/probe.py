"""A tight certificate for any point of any method: a Newton step that is judged, not taken.

C2 divides ‖g‖² by 2·l2 where the curvature of the data may be thousands of times l2, so a gradient method would go on
long after it has arrived. With w⁺ the end of an exact Newton step from w, certificate C3 bounds P(w⁺) - P*, and

    P(w) - P*  =  P(w) - P(w⁺)  +  P(w⁺) - P*.

Two passes, one of them with the Hessian: for as many columns as a Hessian is cheap for.
"""

from dataclasses import replace

import numpy as np

from thalweg.certificate import Certificate, certify
from thalweg.events import relative
from thalweg.kernels import Want
from thalweg.objective import Evaluation, Objective
from thalweg.optimizers.linear import solve_symmetric
from thalweg.optimizers.newton import newton_step

COLUMNS = 1000
_ROUNDING = 1e-15  # relative error of a difference of two values of P, each a sum rounded in blocks


def worth_probing(objective: Objective, at: Evaluation, certificate: Certificate, tol: float) -> bool:
    """Whether a probe could tell more than the certificate at hand."""
    penalty = objective.penalty
    possible = penalty.l2 > 0.0 and penalty.l1 == 0.0 and 0 < objective.d <= COLUMNS
    return possible and bool(np.isfinite(at.value[0])) and not (certificate.relative_gap or np.inf) <= tol


def probe(objective: Objective, at: Evaluation, certificate: Certificate) -> Certificate:
    """The better of that certificate and a probe's."""
    here = objective.evaluate(at.theta, Want.HESSIAN)
    assert here.hessian is not None and here.gradient is not None
    step = newton_step(here, solve_symmetric(here.hessian[0], here.gradient), objective.intercept)
    there = objective.evaluate(at.theta + step, Want.BORDER, step)
    beyond = certify(there, objective.penalty, objective.intercept, before=here)
    if beyond.gap is None or beyond.kind is None:
        return certificate
    value = float(at.value[0])
    gap = max(value - float(there.value[0]), 0.0) + beyond.gap + _ROUNDING * value
    if certificate.gap is not None and certificate.gap <= gap:
        return certificate
    return replace(certificate, gap=gap, relative_gap=relative(gap, value), kind=beyond.kind, reason="")
