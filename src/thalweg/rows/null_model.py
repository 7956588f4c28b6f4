"""The model without columns: the best intercept where rows have offsets, and its mean log-loss."""

import numpy as np
from scipy.special import expit

from thalweg.rows.memory import MemoryRows

_ROWS = 1 << 17  # enough for a starting point, and a fraction of a pass over long tables
_STEPS = 200  # a bisection of the widest bracket takes 60


def null_model(rows: MemoryRows, intercept: bool) -> tuple[float, float]:
    """The intercept b that minimises the mean log-loss of the margins b + o, and that loss.

    Without an intercept b is 0. Newton's method in one dimension, kept inside a bracket by bisection. Of a long table a
    sample serves.
    """
    stride = -(-rows.n // _ROWS)
    y = np.asarray(rows.y[::stride], dtype=np.float64)
    o = np.zeros(len(y)) if rows.offset is None else np.asarray(rows.offset[::stride], dtype=np.float64)
    s = np.ones(len(y)) if rows.weight is None else np.asarray(rows.weight[::stride], dtype=np.float64)
    if not s.max(initial=0.0) > 0.0:
        return 0.0, float(np.log(2.0))
    s = s / s.max()
    s = s / s.sum()
    b = _best_intercept(y, o, s) if intercept else 0.0
    z = b + o
    return b, float(s @ (np.log1p(np.exp(-np.abs(z))) + np.where(z >= 0.0, (1.0 - y) * z, -y * z)))


def _best_intercept(y: np.ndarray, o: np.ndarray, s: np.ndarray) -> float:
    """The root of Σ s(σ(b + o) - y), which lies where all offsets were their largest or their smallest."""
    share = min(max(float(s @ y), 1e-12), 1.0 - 1e-12)
    logit = float(np.log(share) - np.log1p(-share))
    there = o[s > 0.0]
    low, high = logit - float(there.max()), logit - float(there.min())
    b = logit - float(s @ o)
    for _ in range(_STEPS):
        p = expit(b + o)
        slope, curvature = float(s @ p) - share, float(s @ (p * expit(-(b + o))))
        low, high = (low, b) if slope > 0.0 else (b, high)
        step = -slope / curvature if curvature > 0.0 else np.inf
        new = b + step if low < b + step < high else 0.5 * (low + high)
        if abs(new - b) <= 1e-9 * max(1.0, abs(b)):
            return new
        b = new
    return b
