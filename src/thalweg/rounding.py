"""What float64's rounding can add to a certificate.

Float64 computes margins z + ε instead of z. Any q in [0, 1] makes a bound, so the q of the computed margins is a right
one, and only KL(q ‖ σ(z)), about h(δ + ε)²/2, needs room for ε. The sums over rows need room for what they lose: with
Δv the error of v = -Xᵀθ and c that of the intercept's equation,

    gap  ≤  (√gap + √(mean hε²) + c + ‖Δv‖/√(2·l2))²  +  what l1 loses.

With u = ε/2, a sum of n terms loses at most u·n of the sum of their sizes, and u·4√n with a probability that leaves
little doubt (Higham and Mary, A new approach to probabilistic rounding error analysis, 2019).
"""

from dataclasses import replace
from math import sqrt

import numpy as np
from scipy.linalg import eigh

from thalweg.certificate import Certificate, dual_point
from thalweg.events import relative
from thalweg.objective import Evaluation, Objective
from thalweg.rows import MemoryRows, SparseRows, rows_per_block

_EPS = float(np.finfo(np.float64).eps)
_FLAT = 1e-12  # mean curvature from which the intercept's equation says where the intercept is
_ROUNDINGS = 12  # of a residual and a product, in units of ε
_SURE = 100.0  # the estimate from a Hessian is this much larger than where it is used: a column may lie in few rows


def rounded(
    certificate: Certificate, objective: Objective, at: Evaluation, tol: float, hessian: np.ndarray | None = None
) -> Certificate:
    """The certificate of that point with room for rounding.

    tol      relative gap that matters: where rounding is far below it, it is estimated without a pass
    hessian  (d, d) of this point or one near it, where it is at hand
    """
    if certificate.gap is None:
        return certificate
    value = float(at.value[0])
    gap, more = max(certificate.gap, 0.0), None
    if hessian is not None and objective.penalty.l1 == 0.0:
        squares = _data_diagonal(objective, hessian)
        mean = max(float(at.border[-1, 0]) if at.border is not None else 0.0, 1e-300)
        estimate = _SURE * _sums(objective, at, np.sqrt(squares[: objective.rows.p] / mean))
        if estimate**2 <= 1e-4 * max(gap, tol * value):
            more = margin_error(objective, at.theta, np.sqrt(squares)) + estimate
    values = _open_intercept(objective, at)
    if more is None:
        lengths = np.sqrt(4.0 * objective.data_squares)
        more = margin_error(objective, at.theta, 0.5 * np.append(lengths, 1.0)[: objective.d])
        sums = _sums(objective, at, lengths)
        if hessian is not None and objective.penalty.l1 == 0.0:
            sums = min(sums, _sums_by(hessian, np.append(lengths, 1.0)[: objective.d] * _lost(objective, at)))
        more += sums
        if objective.penalty.l1 > 0.0:
            values += _differences(objective, at, lengths)
    gap = (sqrt(gap) + more) ** 2 + values
    return replace(certificate, gap=gap, relative_gap=relative(gap, value))


def margin_error(objective: Objective, theta: np.ndarray, lengths: np.ndarray) -> float:
    """A bound on √(mean of hε²), ε the error of a row's margin at theta (d, 1) and h its curvature.

    lengths  (d,) √(mean of h·x²) of the columns, and of the intercept's ones. A margin is a sum of d + 1 products, its
             error at most γ·Σ|xⱼwⱼ|, and the norm of that sum over the rows at most the sum of the norms.
    """
    size, p, d = np.abs(theta[:, 0]), objective.rows.p, objective.d
    reach = float(size @ lengths) + 0.5 * _offset_size(objective)
    if isinstance(objective.rows, SparseRows) and objective.rows.centre is not None:
        scale = 1.0 if objective.rows.scale is None else objective.rows.scale
        reach += float(size[:p] @ np.abs(objective.rows.centre / scale))  # centring is implicit there, and cancels
    return _loss_of(d + 6) * reach


def _data_diagonal(objective: Objective, hessian: np.ndarray) -> np.ndarray:
    diagonal = np.diag(hessian).copy()
    diagonal[: objective.rows.p] -= objective.penalty.l2
    return np.maximum(diagonal, 0.0)


def _sums(objective: Objective, at: Evaluation, lengths: np.ndarray) -> float:
    """c + ‖Δv‖/√(2·l2), for columns of those lengths (p,), √(mean of x²)."""
    lost = _lost(objective, at)
    H_bb = float(at.border[-1, 0]) if at.border is not None and objective.intercept else 1.0
    shift = lost / sqrt(H_bb) if objective.intercept and H_bb > _FLAT else 0.0
    if objective.penalty.l2 == 0.0:
        return shift
    return shift + (lost + 0.5 * shift) * float(np.linalg.norm(lengths)) / sqrt(2.0 * objective.penalty.l2)


def _sums_by(hessian: np.ndarray, lost: np.ndarray) -> float:
    """The same for errors (d,) of the gradient at most: √(½·Δg·H⁻¹Δg), as a Newton step would take them away again.

    Of columns that are large for their penalty this is far less than their error over √(2·l2).
    """
    scale = 1.0 / np.sqrt(np.maximum(np.diag(hessian), 1e-300))
    values, vectors = eigh(hessian * scale[:, None] * scale)
    if values[0] <= 1e-10 * values[-1]:
        return np.inf
    inverse = np.sum(vectors**2 / values, axis=1)  # the diagonal of the scaled inverse
    return float(np.sum(lost * scale * np.sqrt(0.5 * inverse)))


def _open_intercept(objective: Objective, at: Evaluation) -> float:
    """Where the rows have no curvature left: the error of the intercept's equation times the size of the margins."""
    if not objective.intercept or at.border is None or float(at.border[-1, 0]) > _FLAT:
        return 0.0
    return 10.0 * _lost(objective, at) * (1.0 + abs(float(at.theta[-1, 0])) + _offset_size(objective))


def _differences(objective: Objective, at: Evaluation, lengths: np.ndarray) -> float:
    """What is lost where l1·|w| and v·w, and l1 and the largest |v|, are subtracted."""
    penalty, w = objective.penalty, np.abs(at.theta[: objective.rows.p, 0])
    lost = _lost(objective, at) * lengths
    first = float(w @ lost) + 4.0 * _EPS * penalty.l1 * float(w.sum())
    if penalty.l2 > 0.0:
        return first
    found = dual_point(at, penalty, objective.intercept)
    largest = lost if found is None else np.maximum(np.abs(found[0]) + lost - penalty.l1, 0.0)
    return first + float(largest.max(initial=0.0)) * float(at.value[0]) / penalty.l1  # ‖w*‖₁ ≤ P/l1


def _lost(objective: Objective, at: Evaluation) -> float:
    """What the mean of residuals times a column of length 1 loses: √(mean of r²) ≤ √loss for labels 0 and 1."""
    rows = rows_per_block(objective.rows.p)
    terms = min(objective.rows.n, rows) + objective.rows.n / rows + _ROUNDINGS
    return _loss_of(terms) * min(1.0, sqrt(2.0 * float(at.loss[0])))


def _loss_of(terms: float) -> float:
    return 0.5 * _EPS * min(terms, 4.0 * sqrt(terms))


def _offset_size(objective: Objective) -> float:
    """Root mean square of the offsets, of streamed rows that of a sample; 0 where there are none."""
    memory = getattr(objective.rows, "sample", None) if objective.streamed else objective.rows
    if not isinstance(memory, MemoryRows) or memory.offset is None:
        return 0.0
    return float(np.sqrt(np.average(np.square(memory.offset), weights=memory.weight)))
