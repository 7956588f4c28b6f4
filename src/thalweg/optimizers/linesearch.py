"""Backtracking along a direction until P has fallen enough (Armijo, 1966), starting at the full step."""

import numpy as np

from thalweg.errors import RunError
from thalweg.kernels import Want
from thalweg.objective import Evaluation, Objective

SUFFICIENT = 1e-4  # share of the linear prediction that counts as enough; Nocedal and Wright's customary value
ROUNDING = 1e-14  # of P, as a share: smaller differences of two values say nothing
_HALVINGS = 40


def backtrack(
    objective: Objective,
    at: Evaluation,
    direction: np.ndarray,
    want: Want,
    with_step: bool = False,
    curvatures: np.ndarray | None = None,
    halvings: int = _HALVINGS,
) -> tuple[Evaluation, float] | None:
    """The first point at + t·direction, t = 1, ½, ¼ ... with P low enough, and its t; None where there is none
    among so many.

    `curvatures` (n, 1), where given, are left as they are at that point. Near the optimum P's own rounding hides the
    decrease: then a step that lowers the gradient norm is accepted too.
    """
    assert at.gradient is not None
    slope = float(np.vdot(at.gradient, direction))
    if not slope < 0.0:
        return None
    value = float(at.value[0])
    rounding = ROUNDING * max(abs(value), 1e-300)
    rate = 1.0
    for _ in range(halvings):
        step = rate * direction
        try:
            new = objective.evaluate(at.theta + step, want, step if with_step else None, curvatures)
        except RunError:  # an overflowing margin: this step is far too long
            rate *= 0.1
            continue
        fallen = value - float(new.value[0])
        if fallen >= -SUFFICIENT * rate * slope and fallen > 0.0:
            return new, rate
        if abs(fallen) <= rounding and new.gradient_norm < at.gradient_norm:
            return new, rate
        if -rate * slope < rounding * 1e-3:
            return None
        rate *= 0.5
    return None
