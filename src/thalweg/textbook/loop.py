"""One step of gradient descent with two nested loops, over samples and features, in plain Python (Ng, m samples)."""

from collections.abc import Sequence
from dataclasses import dataclass

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

    Raises DataError for lengths that do not fit, labels outside [0, 1], NaN, or no samples. Source: Ng, gradient
    descent on m examples; the chapter writes n = 2.
    """
    _check(w, b, X, Y)
    alpha = checks.rate("alpha", alpha)
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
    return Step(J, dw, db, [w[j] - alpha * dw[j] for j in range(n)], b - alpha * db)


def _check(w: Numbers, b: float, X: Sequence[Numbers], Y: Numbers) -> None:
    if len(X) == 0:
        raise DataError("X holds no samples: the gradient is a mean over at least one.")
    if len(X) != len(Y):
        raise DataError(f"X holds {len(X)} samples, but Y holds {len(Y)} labels.")
    for i, x in enumerate(X):
        if len(x) != len(w):
            raise DataError(f"X[{i}] has {len(x)} features, but w has {len(w)} weights.")
    checks.numbers("w", w)
    checks.numbers("b", b)
    checks.numbers("X", X)
    checks.labels("Y", checks.numbers("Y", Y))
