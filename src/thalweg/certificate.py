"""Certificates: upper bounds on P(w, b) - P*, recomputed from the sums of a pass; nothing here knows an optimizer.

The proofs rest on Fenchel-Young. For any q in [0, 1]ⁿ with θᵢ = sᵢ(qᵢ - yᵢ)/S and Σθ = 0 (only needed with an
intercept), weak duality says

    P(w, b) - P*  ≤  1/S·Σ sᵢ·KL(qᵢ ‖ σ(zᵢ))  +  R(w) + R*(v) - v·w,      v = -Xᵀθ,

with R the penalty and R* its conjugate; for R = l2/2·‖w‖² the last three terms are ‖l2·w - v‖²/(2·l2).

    C1     q = σ(z): ‖g_w‖²/(2·l2); needs no intercept, or g_b = 0
    C2     q = p + c·p(1 - p) with c = -g_b/H_bb, so that Σθ = 0; one pass, any b, if |c| ≤ 1
    C3     at the point a step Δ led to: q = p + p(1 - p)δ, the old point's tangent; if max |δ| ≤ 1
    probe  the same q, at the point where the step began
    dual   C2's q with an l1 part in R; for l2 = 0, θ is scaled until |Xᵀθ| ≤ l1

`rounding` adds what float64 can have lost.
"""

from dataclasses import dataclass
from math import log1p

import numpy as np

from thalweg.events import relative
from thalweg.objective import Evaluation
from thalweg.penalties import Penalty

WORDS = {
    "C1": "strong convexity of the L2 penalty",
    "C2": "strong convexity of the L2 penalty, with the intercept's error removed",
    "C3": "Fenchel duality at the end of a Newton-like step",
    "probe": "Fenchel duality along a Newton step",
    "dual": "Fenchel duality with an L1 penalty",
}

NO_PENALTY = "without a penalty (l2 = l1 = 0) no bound exists; the gradient norm and the Newton decrement stand instead"
FAR_INTERCEPT = "the intercept is still too far from its optimum for a bound"


@dataclass(frozen=True)
class Certificate:
    """How far P can be from its minimum P*, or why nothing can be said.

    gap               P - P* ≤ gap, in units of the mean log-loss; None where there is no bound
    relative_gap      gap / P; None likewise
    kind              "C1", "C2", "C3", "probe" or "dual" (see `WORDS`); None likewise
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
    """R(w) + R*(v) - v·w weight by weight, where nothing cancels, and the v that was used."""
    l2, l1 = penalty.l2, penalty.l1
    shrink = 1.0
    if l2 == 0.0:
        largest = float(np.abs(v).max(initial=0.0))
        shrink = min(1.0, l1 / largest) if largest > 0.0 else 1.0
        # one rounding below the edge, or |shrink·v| may exceed l1 by an ulp, and the conjugate is infinite there
        v = v * (shrink if shrink == 1.0 else shrink * (1.0 - 4e-16))
    within = np.clip(v, -l1, l1)
    rest = float(np.sum(l1 * np.abs(w) - within * w))
    if l2 > 0.0:
        rest += float(np.sum((l2 * w - (v - within)) ** 2)) / (2.0 * l2)
    # KL(t·q + (1 - t)·y ‖ p) ≤ t·KL(q ‖ p) + (1 - t)·loss: KL is convex in its first argument
    return max(rest, 0.0) + (1.0 - shrink) * loss, v


def newton_bound(here: Evaluation, there: Evaluation, penalty: Penalty, intercept: bool) -> float:
    """The bound at a point from a step that began there: infinite where it moves some margin by more than 1.

    here, there  evaluations of the point and of the step's end, which was given the step; l2 > 0, l1 = 0
    """
    assert here.gradient is not None and there.step is not None
    assert there.product is not None and there.reach is not None
    reach, p = float(there.reach[0]), len(here.gradient) - int(intercept)
    if not reach <= 1.0:
        return np.inf
    residual, rest = _residual(here, there, intercept)
    if not rest < np.inf:
        return np.inf
    step = there.step[:p, 0]
    moved = max(float(np.vdot(there.step, there.product)) - penalty.l2 * float(step @ step), 0.0)  # mean hδ²
    residual = residual - penalty.l2 * step
    return _tangent(reach) * moved + float(residual @ residual) / (2.0 * penalty.l2) + rest


def _tangent(reach: float) -> float:
    """ρ with KL(p + p(1 - p)δ ‖ p) ≤ ρ·p(1 - p)δ² for |δ| ≤ reach ≤ 1.

    That KL is the mean of (1 + u)·log(1 + u) - u, divided by u² a falling function of u, over u = (1 - p)δ and -pδ,
    none of which is below -reach.
    """
    if reach < 1e-3:
        return 0.5 + reach  # the series is ½ + r/6 + r²/12 + ...
    if reach == 1.0:
        return 1.0
    return ((1.0 - reach) * log1p(-reach) + reach) / reach**2


def step_bound(at: Evaluation, before: Evaluation, penalty: Penalty, intercept: bool) -> float:
    """C3: infinite where the step was too long, l2 is 0, or the step leaves the intercept's equation open."""
    if at.step is None or at.reach is None or at.divergence is None or at.product is None or before.gradient is None:
        return np.inf
    if penalty.l2 <= 0.0 or penalty.l1 > 0.0 or float(at.reach[0]) > 1.0:
        return np.inf
    residual, rest = _residual(before, at, intercept)
    return float(at.divergence[0]) + float(residual @ residual) / (2.0 * penalty.l2) + rest


def _residual(before: Evaluation, at: Evaluation, intercept: bool) -> tuple[np.ndarray, float]:
    """(p,) what the step leaves of the Newton equation of the weights, and what the intercept's adds to a bound.

    Δ_b = -(g_b + H_bw·Δ_w)/H_bb makes r_b zero up to rounding; the rest of it moves every δ by c = -r_b/H_bb, which
    moves r_w by c·H_wb and each KL by at most h·|c|·|logit q - (z + δ)|, below |r_b|·reach in all.
    """
    assert before.gradient is not None and at.product is not None and at.reach is not None
    residual = before.gradient[:, 0] + at.product[:, 0]
    if not intercept:
        return residual, 0.0
    assert before.border is not None
    p = len(residual) - 1
    r_b, H_bb = float(residual[p]), float(before.border[p, 0])
    if not abs(r_b) <= 1e-9 * H_bb:
        return residual[:p], np.inf
    residual = residual[:p] - (r_b / H_bb) * before.border[:p, 0] if H_bb > 0.0 else residual[:p]
    return residual, abs(r_b) * float(at.reach[0])
