"""Learning rates side by side: which are too small, which are good, which are too large, and where the border is."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log
from typing import Any, Literal

import numpy as np

from thalweg.errors import UsageError
from thalweg.textbook import checks
from thalweg.textbook.definitions import cross_entropy_of_margin, sigmoid

Verdict = Literal["too small", "good", "too large"]


@dataclass(frozen=True)
class Rate:
    """What one learning rate did.

    eta         the rate
    verdict     "good": arrived within the steps; "too small": still on the way down one side; "too large":
                climbing, going in circles, or crossing the valley at every step
    iterations  steps it took; if it gets nearer but has not arrived, an estimate of what it would need; else None
    costs       (t + 1,) J before each step and after the last
    """

    eta: float
    verdict: Verdict
    iterations: int | None
    costs: np.ndarray

    def __str__(self) -> str:
        falls = f"J {self.costs[0]:.4f} → {self.costs[-1]:.4f}"
        if self.verdict == "good":
            return f"η = {self.eta:<10.4g} good       arrived after {_steps(self.iterations)}, {falls}"
        need = "ever slower" if self.iterations is None else f"would need about {_steps(self.iterations)}"
        if self.verdict == "too small":
            return f"η = {self.eta:<10.4g} too small  {need}, {falls} after {len(self.costs) - 1}"
        if self.iterations is not None:
            return f"η = {self.eta:<10.4g} too large  crosses the valley at every step, {need}, {falls}"
        last = self.costs[-50:]
        return f"η = {self.eta:<10.4g} too large  J still between {last.min():.4g} and {last.max():.4g}"


def _steps(count: int | None) -> str:
    return f"{count:,} step{'' if count == 1 else 's'}"


@dataclass(frozen=True)
class Study:
    """Every rate in the order given; L, the largest curvature of J, and 2/L, below which every step is stable."""

    rates: tuple[Rate, ...]
    smoothness: float

    @property
    def largest_safe(self) -> float:
        return 2.0 / self.smoothness

    def __str__(self) -> str:
        head = f"L = λmax(XᵀX)/4n + l2 = {self.smoothness:.6g}; the largest safe rate is 2/L = {self.largest_safe:.6g}"
        return "\n".join([head, *map(str, self.rates)])


def smoothness(X: Any, l2: float = 0.0) -> float:
    """L = λmax(XᵀX)/4n + l2: no second derivative of J is larger anywhere, since σ(1 - σ) ≤ 1/4.

    X (n, f) with a column of ones for the bias, if there is one. Raises DataError for NaN or no rows.
    """
    X = checks.numbers("X", X)
    checks.shape("X", X, ("n", "f"), "samples are rows and features are columns")
    return float(np.linalg.norm(X, 2) ** 2 / (4 * len(X)) + l2)


def study_rates(
    X: Any,
    y: Any,
    rates: Sequence[float] | None = None,
    *,
    l2: float = 0.0,
    steps: int = 1000,
    tol: float = 1e-4,
) -> Study:
    """Batch descent from zeros with each rate, on J(w) = cost + l2/2·‖w‖², and what became of it.

    X, y    rows (n, f), a column of ones among them where a bias is wanted, and labels (n,) in [0, 1]
    rates   learning rates above 0; 0.001/L, 0.1/L, 1/L, 1.9/L, 4/L and 30/L unless given
    steps   the most for each
    tol     ‖∇J‖₂ that counts as arrived

    With the logistic loss a rate that is too large does not end in NaN: its slope is bounded, so J climbs and falls in
    circles. The border 2/L is safe for every start; flat regions may bear more. Raises as `minibatch.gradient` does.
    Source: Nesterov, Introductory Lectures on Convex Optimization, 2.1.5, for 2/L.
    """
    X, y = checks.numbers("X", X), checks.numbers("y", y)
    checks.shape("X", X, ("n", "f"), "samples are rows and features are columns")
    checks.shape("y", y, (len(X),), f"one label for each of the {len(X)} rows of X")
    checks.labels("y", y)
    if not (np.isfinite(l2) and l2 >= 0.0):
        raise UsageError(f"l2 is {l2!r}, but must be a number of at least 0.")
    steps = checks.count("steps", steps, least=2)
    L = smoothness(X, l2)
    if L == 0.0:
        raise UsageError("every column of X is zero: no rate moves anything.")
    chosen = [share / L for share in (0.001, 0.1, 1.0, 1.9, 4.0, 30.0)] if rates is None else rates
    return Study(tuple(_try(X, y, checks.rate("rate", eta), l2, steps, tol) for eta in chosen), L)


def _try(X: np.ndarray, y: np.ndarray, eta: float, l2: float, steps: int, tol: float) -> Rate:
    w, costs, norms, g = np.zeros(X.shape[1]), [], [], np.zeros(X.shape[1])
    for t in range(steps + 1):
        z = X @ w
        costs.append(float(np.mean(cross_entropy_of_margin(z, y)) + l2 / 2 * (w @ w)))
        before, g = g, (sigmoid(z) - y) @ X / len(X) + l2 * w
        norms.append(float(np.linalg.norm(g)))
        if norms[-1] <= tol and not _climbs(np.array(costs)):  # else it only passes by, on its circles
            return Rate(eta, "good", t, np.array(costs))
        w = w - eta * g
    J = np.array(costs)
    if _climbs(J):
        return Rate(eta, "too large", None, J)
    crosses = float(before @ g) < 0.0  # uphill was on the other side a step ago
    return Rate(eta, "too large" if crosses else "too small", _needed(norms, tol), J)


def _climbs(J: np.ndarray) -> bool:
    """Whether the second half still has climbs that rounding does not explain."""
    half = J[len(J) // 2 :]
    return bool(np.max(np.diff(half), initial=0.0) > 1e-12 * max(float(np.max(np.abs(half))), 1e-300))


def _needed(norms: list[float], tol: float) -> int | None:
    """Steps until tol, if the gradient goes on shrinking by the same factor as in the last tenth of the run."""
    span = max(len(norms) // 10, 1)
    factor = (norms[-1] / norms[-1 - span]) ** (1 / span)
    return len(norms) - 1 + ceil(log(tol / norms[-1]) / log(factor)) if factor < 1.0 else None
