"""Whether some weights put no row on the wrong side and some row on the right one, so that P has no minimum."""

import numpy as np
from scipy.optimize import linprog

_SEEN = 1e-7  # total margin, of rows scaled to 1, above which it is no rounding of the linear program


def separable(X: np.ndarray, y: np.ndarray, weight: np.ndarray | None, intercept: bool) -> bool:
    """Complete or quasi-complete separation, by a linear program (Konis, 2007). Soft labels bind both sides.

    X (n, p) columns centred where there is an intercept, and of similar sizes.
    """
    counted = np.ones(len(y), dtype=bool) if weight is None else weight > 0
    D, y = X[counted], y[counted]
    if intercept:
        D = np.column_stack([D, np.ones(len(D))])
    largest = np.abs(D).max(axis=0, initial=0.0)
    D = D[:, largest > 0] / largest[largest > 0]
    hard = (y == 0.0) | (y == 1.0)
    signed = D[hard] * (2.0 * y[hard] - 1.0)[:, None]
    if not signed.size:
        return False
    level = D[~hard] if (~hard).any() else None
    found = linprog(
        -signed.sum(axis=0),
        A_ub=-signed,
        b_ub=np.zeros(len(signed)),
        A_eq=level,
        b_eq=None if level is None else np.zeros(len(level)),
        bounds=(-1.0, 1.0),
    )
    return bool(found.status == 0 and -found.fun > _SEEN)
