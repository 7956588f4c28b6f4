"""Learning rates side by side: which are too small, which are good, which are too large, and where the border is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from thalweg.errors import DataError, UsageError
from thalweg.schedules import schedule as named_schedule
from thalweg.textbook import checks
from thalweg.textbook.convergence import Objective, remaining_steps

Verdict = Literal["too small", "good", "too large"]

_ROUNDING = 1e-9  # a rate of 1/L or 2/L, however it was computed, counts as such


@dataclass(frozen=True)
class Rate:
    """What one learning rate did.

    eta         the rate, of the first step where it falls
    verdict     "good": arrived within the steps, or will, at a rate of 1/L or more; "too small": still on the way,
                because of a rate below 1/L or one that fell away; "too large": climbing, going in circles, or gone
                from the numbers
    iterations  steps it took; if a constant rate has not arrived but will, an estimate of what it needs; else None
    costs       (t + 1,) J before each step and after the last, as long as it was a number
    schedule    how the rate falls, one of `thalweg.schedules.SCHEDULES`
    became      what became of it, in words
    """

    eta: float
    verdict: Verdict
    iterations: int | None
    costs: np.ndarray
    schedule: str
    became: str

    @property
    def label(self) -> str:
        return f"{self.eta:.4g}" + ("" if self.schedule == "constant" else f" {self.schedule}")

    def line(self, width: int) -> str:
        return f"η = {self.label:<{width}} {self.verdict:<10} {self.became}"

    def __str__(self) -> str:
        return self.line(10)


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
        width = max(10, *(len(rate.label) for rate in self.rates))
        return "\n".join([head, *(rate.line(width) for rate in self.rates)])


def smoothness(X: Any, l2: float = 0.0) -> float:
    """L = λmax(XᵀX)/4n + l2: no second derivative of J is larger anywhere, since σ(1 - σ) ≤ 1/4.

    X (n, f) with a column of ones for the bias, if there is one. Raises DataError for NaN, no rows, or numbers whose
    squares overflow, UsageError for a negative l2.
    """
    X = checks.numbers("X", X)
    checks.shape("X", X, ("n", "f"), "samples are rows and features are columns")
    with np.errstate(over="ignore", invalid="ignore"):
        L = float(np.linalg.norm(X, 2) ** 2 / (4 * len(X)) + checks.amount("l2", l2))
    if not np.isfinite(L):
        raise DataError("X is too large: the curvature XᵀX overflows. Scale its columns down.")
    return L


def study_rates(
    X: Any,
    y: Any,
    rates: Sequence[float] | None = None,
    *,
    l2: float = 0.0,
    steps: int = 1000,
    tol: float = 1e-4,
    schedules: Sequence[str] = ("constant",),
) -> Study:
    """Batch descent from zeros with each rate, on J(w) = cost + l2/2·‖w‖², and what became of it.

    X, y       rows (n, f), a column of ones among them where a bias is wanted, and labels (n,) in [0, 1]
    rates      learning rates above 0; 0.001/L, 0.1/L, 1/L, 1.9/L, 4/L and 30/L unless given
    l2         penalty on all weights but the bias, the weight of a column of ones
    steps      the most for each
    tol        ‖∇J‖₂ that counts as arrived
    schedules  how each rate falls with the step, by names of `thalweg.schedules.SCHEDULES`; planned for all `steps`

    A constant rate of at most 2/L is safe from every start. Beyond it flat regions may bear more, so that some rates
    arrive; others climb or go in circles. Without a penalty the slope is bounded, and J with it; with one J can grow
    without end. Raises DataError for shapes, labels and NaN, UsageError for options that cannot be. Source: Nesterov,
    Introductory Lectures on Convex Optimization, 2.1.5, for 2/L.
    """
    X, y = checks.samples(("X", "y"), X, y)
    checks.labels("y", y)
    l2, tol = checks.amount("l2", l2), checks.amount("tol", tol, zero=False)
    steps = checks.count("steps", steps, least=2)
    L = smoothness(X, l2)
    if L == 0.0:
        raise UsageError("every column of X is zero: no rate moves anything.")
    chosen = [share / L for share in (0.001, 0.1, 1.0, 1.9, 4.0, 30.0)] if rates is None else rates
    etas = [checks.rate("rate", eta) for eta in checks.choices("rates", chosen)]
    names = checks.choices("schedules", schedules)
    for name in names:
        named_schedule(name)
    cost = Objective(X, y, l2 * ~np.all(X == 1.0, axis=0))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # what leaves the numbers is a verdict
        return Study(tuple(_try(cost, eta, name, L, steps, tol) for eta in etas for name in names), L)


def _try(cost: Objective, eta: float, schedule: str, L: float, steps: int, tol: float) -> Rate:
    w, factor = np.zeros(cost.X.shape[1]), named_schedule(schedule)
    costs: list[float] = []
    for t in range(steps + 1):
        J, g = cost.value_and_gradient(w)
        if not (np.isfinite(J) and np.isfinite(g).all()):
            return Rate(eta, "too large", None, np.array(costs), schedule, f"J left the numbers at step {t}")
        costs.append(J)
        if cost.rests(w, g, eta * factor(t, steps), tol):  # a larger rate would only pass by, on its circles
            became = f"arrived after {_steps(t)}, {_fall(costs)}"
            return Rate(eta, "good", t, np.array(costs), schedule, became)
        if t < steps:
            w = w - eta * factor(t, steps) * g
    verdict, iterations, became = (_outlook if schedule == "constant" else _fallen)(cost, w, costs, eta, L, tol)
    return Rate(eta, verdict, iterations, np.array(costs), schedule, became)


def _outlook(
    cost: Objective, w: np.ndarray, costs: list[float], eta: float, L: float, tol: float
) -> tuple[Verdict, int | None, str]:
    """Verdict, steps it needs and words for a constant rate that is still on its way at w."""
    safe = eta * L <= 2.0 * (1.0 + _ROUNDING)
    more = None if _climbs(costs) and not safe else remaining_steps(cost, w, eta, tol)
    if more is None and not safe:
        return "too large", None, _range(costs)
    need = None if more is None else len(costs) - 1 + more
    words = "would need more steps than can be told" if need is None else f"would need about {_steps(_rounded(need))}"
    verdict: Verdict = "good" if eta * L >= 1.0 - _ROUNDING else "too small"
    return verdict, need, f"{words}, {_fall(costs)} after {len(costs) - 1}"


def _fallen(
    cost: Objective, w: np.ndarray, costs: list[float], eta: float, L: float, tol: float
) -> tuple[Verdict, int | None, str]:
    """The same for a falling rate, which ends with the steps it was planned for."""
    if _climbs(costs):
        return "too large", None, _range(costs)
    norm = np.linalg.norm(cost.value_and_gradient(w)[1])
    return "too small", None, f"fell away at a gradient norm of {norm:.2g}, {_fall(costs)} after {len(costs) - 1}"


def _climbs(costs: list[float]) -> bool:
    """Whether the second half still has climbs that rounding does not explain."""
    half = np.array(costs[len(costs) // 2 :])
    return bool(np.max(np.diff(half), initial=0.0) > 1e-12 * max(float(np.max(np.abs(half))), 1e-300))


def _range(costs: list[float]) -> str:
    last = costs[-50:]
    return f"J still between {min(last):.4g} and {max(last):.4g}"


def _fall(costs: list[float]) -> str:
    return "J " + " → ".join(f"{J:.4f}" if J < 1e6 else f"{J:.4g}" for J in (costs[0], costs[-1]))


def _steps(count: int) -> str:
    return f"{count:,} step{'' if count == 1 else 's'}" if count < 1e9 else f"{count:.2e} steps"


def _rounded(count: int) -> int:
    """Three digits: an estimate knows no more."""
    return round(count, min(0, 3 - len(str(count))))
