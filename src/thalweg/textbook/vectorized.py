"""Gradient descent without a loop over samples or features: samples are columns, X is (n, m) (Ng, vectorizing)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from thalweg.errors import DataError
from thalweg.textbook import checks
from thalweg.textbook.definitions import cross_entropy_of_margin, sigmoid


@dataclass(frozen=True)
class Pass:
    """Forward and backward through all samples: Z, A and dZ are (1, m), dw is (n, 1), J and db are numbers."""

    Z: np.ndarray
    A: np.ndarray
    dZ: np.ndarray
    dw: np.ndarray
    db: float
    J: float


@dataclass(frozen=True)
class Run:
    """After T steps: w (n, 1) and b; and J before each step, T numbers, with J after the last one behind them.

    stopped  None; or, where the next step would leave the numbers, a sentence that says where
    """

    w: np.ndarray
    b: float
    J: list[float]
    stopped: str | None = None


def propagate(w: Any, b: float, X: Any, Y: Any) -> Pass:
    """Z = wᵀX + b, A = σ(Z), dZ = A - Y, dw = X dZᵀ / m, db = Σ dZ / m, and J.

    X (n, m), Y (1, m), w (n, 1); b is one number, which NumPy broadcasts along the m columns. Raises DataError for
    other shapes, naming them, for labels outside [0, 1] and for NaN. Source: Ng, vectorizing the gradient.
    """
    w, b, X, Y = _checked(w, b, X, Y)
    return _propagate(w, b, X, Y)


def step(w: Any, b: float, X: Any, Y: Any, alpha: float) -> tuple[np.ndarray, float, Pass]:
    """w (n, 1) and b after one step at learning rate alpha, and the pass that led there.

    Raises as `propagate` does, and UsageError unless alpha > 0.
    """
    alpha = checks.rate("alpha", alpha)
    w, b, X, Y = _checked(w, b, X, Y)
    at = _propagate(w, b, X, Y)
    return *_after(w, b, at, alpha), at


def descend(
    X: Any,
    Y: Any,
    alpha: float,
    T: int,
    w: Any = None,
    b: float = 0.0,
    watch: Callable[[np.ndarray, float, Pass], None] | None = None,
) -> Run:
    """T steps, the one loop that stays; w starts at zeros unless given.

    `watch` is called with w, b and the pass at them: T + 1 times, the last time without a step to follow. A run that
    leaves the numbers stops there and keeps its costs. Raises as `step` does.
    """
    alpha, T = checks.rate("alpha", alpha), checks.count("T", T, least=0)
    if watch is not None:
        checks.function("watch", watch)
    X = _samples(X)
    w, b, X, Y = _checked(np.zeros((len(X), 1)) if w is None else w, b, X, Y)
    at = _propagate(w, b, X, Y)
    costs = []
    for t in range(T + 1):
        costs.append(at.J)
        if watch is not None:
            watch(w, b, at)
        if t == T:
            break
        try:
            w_next, b_next = _after(w, b, at, alpha)
            at = _propagate(w_next, b_next, X, Y)
        except DataError as error:
            return Run(w, b, costs, f"Stopped before step {t + 1}, which leaves the numbers: {error}")
        w, b = w_next, b_next
    return Run(w, b, costs)


def _checked(w: Any, b: Any, X: Any, Y: Any) -> tuple[np.ndarray, float, np.ndarray, np.ndarray]:
    w, X, Y = checks.numbers("w", w), _samples(X), checks.numbers("Y", Y)
    n, m = X.shape
    checks.shape("w", w, (n, 1), f"one weight for each of the {n} rows of X")
    checks.shape("Y", Y, (1, m), f"one label for each of the {m} columns of X")
    checks.labels("Y", Y)
    return w, checks.number("b", b), X, Y


def _samples(X: Any) -> np.ndarray:
    X = checks.numbers("X", X)
    checks.shape("X", X, ("n", "m"), "features are rows and samples are columns")
    return X


@np.errstate(over="ignore", invalid="ignore")  # what is too large is named when z, dw and J are checked
def _propagate(w: np.ndarray, b: float, X: np.ndarray, Y: np.ndarray) -> Pass:
    m = X.shape[1]
    Z = np.dot(w.T, X) + b
    A = sigmoid(Z)
    dZ = A - Y
    dw = (1 / m) * np.dot(X, dZ.T)
    db = (1 / m) * np.sum(dZ)
    J = np.mean(cross_entropy_of_margin(Z, Y))
    return Pass(Z, A, dZ, checks.numbers("dw", dw), float(db), checks.number("J", J))


@np.errstate(over="ignore")
def _after(w: np.ndarray, b: float, at: Pass, alpha: float) -> tuple[np.ndarray, float]:
    return checks.numbers("the new w", w - alpha * at.dw), checks.number("the new b", b - alpha * at.db)
