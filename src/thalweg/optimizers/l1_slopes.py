"""What P's slopes say under an l1 penalty: which weights should move, and how far from its optimum a point is."""

import numpy as np

from thalweg.objective import Evaluation, Objective


def orthant(at: Evaluation, objective: Objective) -> tuple[np.ndarray, np.ndarray]:
    """(p, 1) the sign each weight has or will take, 0 where it stays at zero; and P's slope (p, 1) on that side."""
    p, l1 = objective.rows.p, objective.penalty.l1
    assert at.gradient is not None
    w, g = at.theta[:p], at.gradient[:p]
    signs = np.where(w != 0.0, np.sign(w), np.where(np.abs(g) > l1, -np.sign(g), 0.0))
    return signs, np.where(signs != 0.0, g + l1 * signs, 0.0)


def slopes(at: Evaluation, objective: Objective) -> np.ndarray:
    """(p,) the weights' slopes without l1's, once the intercept has followed, where it is near enough to."""
    p = objective.rows.p
    assert at.gradient is not None and at.border is not None
    g, border = at.gradient[:p, 0], at.border[:, 0]
    if not objective.intercept or not abs(float(at.gradient[p, 0])) <= border[p] or border[p] == 0.0:
        return g
    return np.asarray(g - at.gradient[p, 0] / border[p] * border[:p])


def violation(at: Evaluation, objective: Objective) -> float:
    """The largest violation of a weight's optimality condition, relative to l1, or the intercept's gap relative to P.

    Both are in units that scaling a column does not change, and about what the certificate's relative gap will be.
    """
    p, l1 = objective.rows.p, objective.penalty.l1
    w, g = at.theta[:p, 0], slopes(at, objective)
    wrong = np.where(w != 0.0, np.abs(g + l1 * np.sign(w)), np.abs(g) - l1)
    worst = float(np.max(wrong, initial=0.0)) / (l1 or 1.0)
    if not objective.intercept:
        return worst
    assert at.gradient is not None and at.border is not None
    g_b, H_bb = float(at.gradient[p, 0]), float(at.border[p, 0])
    return max(worst, g_b * (g_b / max(H_bb, abs(g_b), 1e-300)) / max(float(at.value[0]), 1e-300))
