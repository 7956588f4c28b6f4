"""Solving with a symmetric Hessian, whatever its scale, and when it is singular to rounding."""

import numpy as np
from scipy.linalg import eigh
from scipy.linalg.lapack import dposv  # straight to LAPACK: on small problems the checked wrappers cost more than it


def solve_symmetric(H: np.ndarray, v: np.ndarray) -> np.ndarray:
    """H⁻¹v for positive definite H (d, d) and v (d, k); where H is singular to rounding, the least-squares solution."""
    if v.size == 0:
        return v
    scale = np.sqrt(np.maximum(np.diag(H), 1e-300))[:, None]
    _, x, info = dposv(H / scale / scale.T, v / scale)
    if info == 0:
        return np.asarray(x / scale)
    values, vectors = eigh(H / scale / scale.T)
    kept = values > 1e-12 * max(float(values[-1]), 1e-300)
    inverse = np.where(kept, 1.0 / np.where(kept, values, 1.0), 0.0)
    return np.asarray(vectors @ (inverse[:, None] * (vectors.T @ (v / scale))) / scale)
