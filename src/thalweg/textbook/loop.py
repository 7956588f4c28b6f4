"""One step of gradient descent with two nested loops, over samples and features, in plain Python (Ng, m samples)."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from thalweg.errors import DataError
from thalweg.formulas import log_loss, sigmoid
from thalweg.textbook import checks

Numbers = Sequence[float]


@dataclass(frozen=True)
class Step:
    """J and its derivatives before the step, and w and b after it; `dw` and `w` hold n numbers."""

    J: float
    dw: list[float]
    db: float
    w: list[float]
    b: float


def step(w: Numbers, b: float, X: Sequence[Numbers], Y: Numbers, alpha: float) -> Step:
    """One call is one step: J, dw and db accumulated over the m samples and divided by m, then w and b moved.

    w      n weights
    X, Y   m samples of n features each, and their m labels in [0, 1]
    alpha  learning rate, above 0

    Raises DataError for lengths that do not fit, labels outside [0, 1], NaN, no samples, or a step beyond float64.
    Source: Ng, gradient descent on m examples; the chapter writes n = 2.
    """
    alpha = checks.rate("alpha", alpha)
    w, b, X, Y = _checked(w, b, X, Y)
    J, dw, db = accumulate(w, b, X, Y)
    after = Step(J, dw, db, [w[j] - alpha * dw[j] for j in range(len(w))], b - alpha * db)
    if not all(map(isfinite, (J, *after.w, after.b))):
        raise DataError(f"the step leaves the numbers, with J = {J}: w, X or alpha is too large for float64.")
    return after


def accumulate(w: Numbers, b: float, X: Sequence[Numbers], Y: Numbers) -> tuple[float, list[float], float]:
    """J, dw and db: zero at first, each sample adds its share, and all are divided by m; for input that was checked."""
    m, n = len(X), len(w)
    J, dw, db = 0.0, [0.0] * n, 0.0
    for i in range(m):
        z = b
        for j in range(n):
            z += w[j] * X[i][j]
        a = sigmoid(z)
        J += log_loss(Y[i], z)  # -[y log a + (1 - y) log(1 - a)] in terms of z, finite even where a rounds to 1
        dz = a - Y[i]
        for j in range(n):
            dw[j] += X[i][j] * dz
        db += dz
    J /= m
    for j in range(n):
        dw[j] /= m
    db /= m
    return J, dw, db


def _checked(w: Any, b: Any, X: Any, Y: Any) -> tuple[list[float], float, list[list[float]], list[float]]:
    samples, labels = checks.samples(("X", "Y"), X, Y)
    checks.labels("Y", labels)
    weights = checks.numbers("w", w)
    checks.shape("w", weights, (samples.shape[1],), "one weight for each feature of X")
    return weights.tolist(), checks.number("b", b), samples.tolist(), labels.tolist()
