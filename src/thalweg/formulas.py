"""The logistic formulas of ONE margin z: scalar, overflow-free for every finite z, written once.

The same functions run as plain Python, inside Numba, and on a GPU; every kernel is tested against them.
All of them build on e = exp(-|z|), which lies in (0, 1] and underflows to 0 harmlessly.
"""

from math import exp, log1p


def softplus(z: float) -> float:
    """log(1 + exp(z))."""
    return max(z, 0.0) + log1p(exp(-abs(z)))


def sigmoid(z: float) -> float:
    """σ(z) = 1 / (1 + exp(-z))  (Jurafsky & Martin, SLP, section 5.2)."""
    e = exp(-abs(z))
    return 1.0 / (1.0 + e) if z >= 0.0 else e / (1.0 + e)


def log_loss(y: float, z: float) -> float:
    """softplus(z) - y·z, the cross-entropy of label y in [0, 1] (SLP 5.29), without its cancellation at large |z|."""
    return log1p(exp(-abs(z))) + ((1.0 - y) * z if z >= 0.0 else -y * z)


def residual(y: float, z: float) -> float:
    """σ(z) - y, the derivative of `log_loss` in z (SLP 5.30), accurate relative to itself for hard labels."""
    return (1.0 - y) * sigmoid(z) - y * sigmoid(-z)


def curvature(z: float) -> float:
    """σ(z)(1 - σ(z)), the second derivative of `log_loss` in z (SLP 4.57)."""
    e = exp(-abs(z))
    return e / ((1.0 + e) * (1.0 + e))


def divergence(z: float, d: float) -> float:
    """An upper bound on KL(q ‖ σ(z + d)), where q = p + p(1 - p)d is σ's tangent at z and p = σ(z); needs |d| ≤ 1.

    KL(q ‖ r) = ∫ᵣ^q (q - u) / (u(1 - u)) du, and 1/(u(1 - u)) is convex, so it is at most its larger end value:
    KL ≤ (q - r)²/2 · max(1/(r(1 - r)), 1/(q(1 - q))). Unlike the logarithms this keeps its precision as d → 0.
    Both probabilities are taken on the side of z where they are small, so that 1 - p never rounds to 0.
    """
    side = 1.0 if z < 0.0 else -1.0
    m, d = side * z, side * d
    p = sigmoid(m)
    q = p * (1.0 + (1.0 - p) * d)
    r = sigmoid(m + d)
    rest = min(q * (1.0 - q), r * sigmoid(-m - d))
    if rest <= 0.0:  # p underflowed or q = p² = 0: the divergence is below the smallest number
        return 0.0 if q == r else (q - r) * (q - r) / 2.0 / 5e-324
    return (q - r) * (q - r) / (2.0 * rest)
