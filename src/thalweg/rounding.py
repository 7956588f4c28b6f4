"""What float64's rounding can add to a certificate.

Float64 computes margins z + ε instead of z. Any q in [0, 1] makes a bound, so the q of the computed margins is a right
one, and only KL(q ‖ σ(z)), about h(δ + ε)²/2, needs room for ε. The sums over rows need room for what they lose.
"""

from dataclasses import replace
from math import sqrt

import numpy as np

from thalweg.certificate import Certificate
from thalweg.events import relative
from thalweg.objective import Evaluation, Objective
from thalweg.rows import SparseRows

_EPS = float(np.finfo(np.float64).eps)
_LOST = 8.0  # roundings of a sum over rows that cancels, in units of its terms' norm: the largest seen is 3
_WEAK = 1e-8  # strength of l2 below which the rounding of slopes can matter


def rounded(
    certificate: Certificate, objective: Objective, at: Evaluation, hessian: np.ndarray | None = None
) -> Certificate:
    """The certificate of that point with room for rounding; `hessian` (d, d) of a point near by may save a pass."""
    if certificate.gap is None:
        return certificate
    penalty, value = objective.penalty, float(at.value[0])
    slopes = values = 0.0
    if penalty.l1 > 0.0 or penalty.l2 < _WEAK:
        lost = _LOST * _EPS * np.sqrt(4.0 * objective.data_squares * 2.0 * float(at.loss[0]))
        if penalty.l2 > 0.0:
            slopes = float(lost @ lost) / (2.0 * penalty.l2)
        if penalty.l1 > 0.0:
            w = at.theta[: objective.rows.p]
            values = float(np.abs(w[:, 0]) @ lost) + _LOST * _EPS * float(penalty.value(w)[0])
    gap = (sqrt(max(certificate.gap, 0.0)) + margin_error(objective, at.theta, hessian) + sqrt(slopes)) ** 2 + values
    return replace(certificate, gap=gap, relative_gap=relative(gap, value))


def margin_error(objective: Objective, theta: np.ndarray, hessian: np.ndarray | None = None) -> float:
    """A bound on √(mean of hε²), ε the error of a row's margin at theta (d, 1) and h its curvature.

    A margin is a sum of d + 1 terms, each of them a product. Its error is at most γ·Σ|xⱼwⱼ| with γ = ε·(d + 3), or
    ε·4√(d + 3) with a probability that leaves no doubt (Higham and Mary, 2019); and the norm of a sum over the rows is
    at most the sum of the norms.
    """
    size, p, d = np.abs(theta[:, 0]), objective.rows.p, objective.d
    if hessian is None:
        squares = np.append(objective.data_squares, 0.25)[:d]
    else:
        squares = np.diag(hessian).copy()
        squares[:p] -= objective.penalty.l2
        squares = np.maximum(squares, 0.0)
    reach = float(size @ np.sqrt(squares)) + 0.5 * objective.offset_size
    if isinstance(objective.rows, SparseRows) and objective.rows.centre is not None:
        scale = 1.0 if objective.rows.scale is None else objective.rows.scale
        reach += float(size[:p] @ np.abs(objective.rows.centre / scale))  # centring is implicit there, and cancels
    return _EPS * min(d + 3.0, 4.0 * sqrt(d + 3.0)) * reach
