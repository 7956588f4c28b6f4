"""Certificates: upper bounds on P(w, b) - P*, recomputed from the sums of a pass; nothing here knows an optimizer.

The proofs rest on Fenchel-Young. For any q in [0, 1]ⁿ with θᵢ = sᵢ(qᵢ - yᵢ)/S and Σθ = 0 (only needed with an
intercept), weak duality says

    P(w, b) - P*  ≤  1/S·Σ sᵢ·KL(qᵢ ‖ σ(zᵢ))  +  R(w) + R*(v) - v·w,      v = -Xᵀθ,

with R the penalty and R* its conjugate; for R = l2/2·‖w‖² the last three terms are ‖l2·w - v‖²/(2·l2).

    C1     q = σ(z): ‖g_w‖²/(2·l2); needs no intercept, or g_b = 0
    C2     q = p + c·p(1 - p) with c = -g_b/H_bb, so that Σθ = 0; one pass, any b, if |c| ≤ 1
    C3     at the point a step Δ led to: q = p + p(1 - p)δ, the old point's tangent; if max |δ| ≤ 1
    dual   C2's q with an l1 part in R; for l2 = 0, θ is scaled until |Xᵀθ| ≤ l1
"""

from dataclasses import dataclass

import numpy as np

from thalweg.events import relative
from thalweg.objective import Evaluation
from thalweg.penalties import Penalty

WORDS = {
    "C1": "strong convexity of the L2 penalty",
    "C2": "strong convexity of the L2 penalty, with the intercept's error removed",
    "C3": "Fenchel duality at the end of a Newton-like step",
    "dual": "Fenchel duality with an L1 penalty",
}

NO_PENALTY = "without a penalty (l2 = l1 = 0) no bound exists; the gradient norm and the Newton decrement stand instead"
FAR_INTERCEPT = "the intercept is still too far from its optimum for a bound"


@dataclass(frozen=True)
class Certificate:
    """How far P can be from its minimum P*, or why nothing can be said.

    gap               P - P* ≤ gap, in units of the mean log-loss; None where there is no bound
    relative_gap      gap / P; None likewise
    kind              "C1", "C2", "C3" or "dual" (see `WORDS`); None likewise
    reason            where there is no bound: why, in words; otherwise ""
    gradient_norm     ‖∇P‖₂ at the point
    newton_decrement  √(∇P·H⁻¹∇P), where the Hessian is at hand: its half square estimates the gap, and bounds nothing
    """

    gap: float | None
    relative_gap: float | None
    kind: str | None
    reason: str
    gradient_norm: float
    newton_decrement: float | None = None


def certify(at: Evaluation, penalty: Penalty, intercept: bool, before: Evaluation | None = None) -> Certificate:
    """The best certificate the sums at hand allow.

    at         the evaluation of the point, with gradient and border (k = 1)
    before     the evaluation that `at.step` started from, which C3 needs
    """
    bounds = {
        "C1" if not intercept else "C2" if penalty.l1 == 0.0 else "dual": one_pass_bound(at, penalty, intercept),
        "C3": step_bound(at, before, penalty, intercept) if before is not None else np.inf,
    }
    kind = min(bounds, key=lambda name: bounds[name])
    gap = float(bounds[kind])
    if penalty.l1 > 0.0 and kind == "C1":
        kind = "dual"
    if not np.isfinite(gap):
        reason = NO_PENALTY if penalty.l2 == penalty.l1 == 0.0 else FAR_INTERCEPT
        return Certificate(None, None, None, reason, at.gradient_norm)
    return Certificate(gap, relative(gap, float(at.value[0])), kind, "", at.gradient_norm)


def dual_point(at: Evaluation, penalty: Penalty, intercept: bool) -> tuple[np.ndarray, float] | None:
    """Xᵀθ (p,) of a feasible dual point θ under an l1 penalty, and its gap; None where there is none."""
    found = _dual(at, penalty, intercept)
    return None if found is None or penalty.l1 == 0.0 else (found[1][:, 0], found[0])


def one_pass_bound(at: Evaluation, penalty: Penalty, intercept: bool) -> float:
    """C1, C2 or the dual gap from one pass: infinite where none of them holds."""
    found = _dual(at, penalty, intercept)
    return np.inf if found is None else found[0]


def _dual(at: Evaluation, penalty: Penalty, intercept: bool) -> tuple[float, np.ndarray] | None:
    """The gap of the dual point at hand, and its -Xᵀθ (p, 1)."""
    assert at.gradient is not None
    if penalty.l2 == penalty.l1 == 0.0:
        return None
    p = len(at.theta) - int(intercept)
    w = at.theta[:p]
    slope = at.gradient[:p] - penalty.gradient(w)  # the data's part of g_w, which is Xᵀθ at q = σ(z)
    shift, intercept_part = 0.0, 0.0
    v = -slope
    if intercept:
        assert at.border is not None
        g_b, H_bb = float(at.gradient[p, 0]), float(at.border[p, 0])
        if not abs(g_b) <= H_bb:
            return None
        shift = -g_b / H_bb if H_bb > 0.0 else 0.0
        # KL(p + c·h ‖ p) ≤ h·c²/(2(1 - |c|)²), since q(1 - q) ≥ h·(1 - |c|)²; and ≤ h·c², the χ² bound
        intercept_part = H_bb * shift**2 * min(1.0, 0.5 / max(1.0 - abs(shift), 1e-150) ** 2)
        v = -(slope + shift * at.border[:p])
    gap, v = _penalty_part(w, v, penalty, float(at.loss[0]))
    return intercept_part + gap, v


def _penalty_part(w: np.ndarray, v: np.ndarray, penalty: Penalty, loss: float) -> tuple[float, np.ndarray]:
    if penalty.l1 == 0.0:
        return float(np.sum((penalty.l2 * w - v) ** 2) / (2.0 * penalty.l2)), v
    shrink = 1.0
    if penalty.l2 == 0.0:
        largest = float(np.abs(v).max(initial=0.0))
        shrink = min(1.0, penalty.l1 / largest) if largest > 0.0 else 1.0
        # one rounding below the edge, or |shrink·v| may exceed l1 by an ulp, and the conjugate is infinite there
        v = v * (shrink if shrink == 1.0 else shrink * (1.0 - 4e-16))
    # KL(t·q + (1 - t)·y ‖ p) ≤ t·KL(q ‖ p) + (1 - t)·loss: KL is convex in its first argument
    rest = penalty.value(w) + penalty.conjugate(v) - np.sum(v * w, axis=0)
    return float(max(rest[0], 0.0) + (1.0 - shrink) * loss), v


def step_bound(at: Evaluation, before: Evaluation, penalty: Penalty, intercept: bool) -> float:
    """C3: infinite where the step was too long, l2 is 0, or the step leaves the intercept's equation open."""
    if at.step is None or at.reach is None or at.divergence is None or at.product is None or before.gradient is None:
        return np.inf
    if penalty.l2 <= 0.0 or penalty.l1 > 0.0 or float(at.reach[0]) > 1.0:
        return np.inf
    residual = before.gradient[:, 0] + at.product[:, 0]
    rest = 0.0
    if intercept:
        assert before.border is not None
        p = len(residual) - 1
        r_b, H_bb = float(residual[p]), float(before.border[p, 0])
        # Δ_b = -(g_b + H_bw·Δ_w)/H_bb makes r_b zero up to rounding; the rest of it moves every δ by c = -r_b/H_bb,
        # which moves r_w by c·H_wb and each KL by at most h·|c|·|logit q - (z + δ)|, below |r_b|·reach in all
        if not abs(r_b) <= 1e-9 * H_bb:
            return np.inf
        residual = residual[:p] - (r_b / H_bb) * before.border[:p, 0] if H_bb > 0.0 else residual[:p]
        rest = abs(r_b) * float(at.reach[0])
    return float(at.divergence[0]) + float(residual @ residual) / (2.0 * penalty.l2) + rest
