"""Mini-batches in matrix form: samples are rows, X is (m, f) (SLP 5.33 to 5.35); batch and SGD are its two ends."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from thalweg.errors import DataError, UsageError
from thalweg.schedules import schedule as named_schedule
from thalweg.textbook import checks
from thalweg.textbook.definitions import cross_entropy_of_margin, sigmoid


@dataclass(frozen=True)
class Gradient:
    """∂Cost/∂w, shape (f,), and ∂Cost/∂b."""

    w: np.ndarray
    b: float

    @property
    def theta(self) -> np.ndarray:
        """Both in one vector (f + 1,), b last, as θ = {w, b}."""
        return np.append(self.w, self.b)


@dataclass
class Trace:
    """Where a descent was: one entry before the first update and one after each; times in seconds.

    stopped  None; or, where the next update would leave the numbers, a sentence that says where
    """

    theta: list[np.ndarray] = field(default_factory=list)
    epoch: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    stopped: str | None = None

    @property
    def points(self) -> np.ndarray:
        """(updates + 1, f + 1)."""
        return np.array(self.theta)


def single_gradient(x: Any, y: float, w: Any, b: float) -> Gradient:
    """(ŷ - y)x and ŷ - y, the gradient of one sample x (f,).

    Raises DataError for shapes that do not fit, labels outside [0, 1] and NaN. Source: SLP 5.30.
    """
    x = checks.numbers("x", x)
    checks.shape("x", x, ("f",))
    return gradient(x[None, :], [y], w, b)


def mean_of_single_gradients(X: Any, y: Any, w: Any, b: float) -> Gradient:
    """1/m · Σ (ŷ⁽ⁱ⁾ - y⁽ⁱ⁾) x⁽ⁱ⁾: the sum as the book writes it, sample by sample.

    Shapes and errors as for `gradient`. Source: SLP 5.34.
    """
    X, y, w, b = _checked(X, y, w, b)
    m = len(X)
    total = np.zeros(X.shape[1] + 1)
    for i in range(m):
        total += single_gradient(X[i], y[i], w, b).theta
    return Gradient(total[:-1] / m, float(total[-1] / m))


def gradient(X: Any, y: Any, w: Any, b: float) -> Gradient:
    """(ŷ - y)ᵀX / m with ŷ = σ(Xw + b): the same mean as one matrix product.

    X (m, f), y (m,), w (f,), b a number. Raises DataError for other shapes, labels outside [0, 1] and NaN. Source:
    SLP 5.35.
    """
    X, y, w, b = _checked(X, y, w, b)
    error = sigmoid(X @ w + b) - y
    return Gradient(error.T @ X / len(X), float(np.sum(error) / len(X)))


def batch_cost(X: Any, y: Any, w: Any, b: float) -> float:
    """The mean loss of the batch, finite for margins of any size; shapes and errors as for `gradient`. SLP 5.33."""
    X, y, w, b = _checked(X, y, w, b)
    return float(np.mean(cross_entropy_of_margin(X @ w + b, y)))


def descend(
    X: Any,
    y: Any,
    *,
    batch_size: int,
    eta: float,
    epochs: int,
    schedule: str = "constant",
    seed: int = 0,
    start: Any = None,
    watch: Callable[[np.ndarray], None] | None = None,
) -> Trace:
    """Epochs of mini-batches in a new random order each; batch_size = len(X) is batch descent, 1 is SGD.

    schedule   how η falls with the update k, one of `thalweg.schedules.SCHEDULES`
    start      θ⁰ (f + 1,), b last; zeros unless given
    watch      called with θ after each epoch

    A run that leaves the numbers stops there and keeps its trace. Raises DataError for shapes, labels and NaN,
    UsageError for η ≤ 0 or a batch that does not fit. Source: SLP 5.6.4.
    """
    X, y = checks.samples(("X", "y"), X, y)
    N, f = X.shape
    theta = np.zeros(f + 1) if start is None else checks.numbers("start", start).copy()
    checks.shape("start", theta, (f + 1,), f"{f} weights and the bias behind them")
    checks.labels("y", y)
    eta, epochs = checks.rate("eta", eta), checks.count("epochs", epochs)
    batch_size = checks.count("batch_size", batch_size)
    if batch_size > N:
        raise UsageError(f"batch_size is {batch_size}, but there are {N} samples; {N} makes it batch descent.")
    if watch is not None:
        checks.function("watch", watch)
    factor, rng = named_schedule(schedule), np.random.default_rng(checks.count("seed", seed, least=0))
    per_epoch = -(-N // batch_size)
    began, k = perf_counter(), 0
    trace = Trace([theta.copy()], [0.0], [0.0])
    for epoch in range(epochs):
        order = rng.permutation(N)
        for part, first in enumerate(range(0, N, batch_size), start=1):
            rows = order[first : first + batch_size]
            rate = eta * factor(k, epochs * per_epoch)
            try:
                theta = _updated(theta, rate, X[rows], y[rows])
            except DataError as error:
                trace.stopped = f"Stopped at update {k} (epoch {epoch}), which leaves the numbers: {error}"
                return trace
            k += 1
            trace.theta.append(theta)
            trace.epoch.append(epoch + part / per_epoch)
            trace.seconds.append(perf_counter() - began)
            trace.rate.append(rate)
        if watch is not None:
            watch(theta)
    return trace


@np.errstate(over="ignore", invalid="ignore")  # what is too large is named when z and θ are checked
def _updated(theta: np.ndarray, rate: float, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    error = sigmoid(X @ theta[:-1] + theta[-1]) - y
    return checks.numbers("θ", theta - rate * (np.append(error @ X, error.sum()) / len(X)))


def _checked(X: Any, y: Any, w: Any, b: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    X, y = checks.samples(("X", "y"), X, y)
    w, f = checks.numbers("w", w), X.shape[1]
    checks.shape("w", w, (f,), f"one weight for each of the {f} columns of X")
    checks.labels("y", y)
    return X, y, w, checks.number("b", b)
