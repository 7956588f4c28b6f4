"""Stochastic gradient descent exactly as in SLP figure 5.6: any loss L(ŷ, y), any model f(x; θ), one sample a step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from thalweg.descent.differences import central
from thalweg.errors import DataError, UsageError
from thalweg.formulas import sigmoid
from thalweg.textbook import checks

Model = Callable[[np.ndarray, np.ndarray], float]  # (x, θ) -> ŷ
Loss = Callable[[float, float], float]  # (ŷ, y) -> loss
Gradient = Callable[[np.ndarray, float, np.ndarray], Any]  # (x, y, θ) -> ∇_θ L(f(x; θ), y)


@dataclass(frozen=True)
class Report:
    """Step 1 of the figure, for one sample before its update: number of the update, epoch, sample, ŷ and its loss."""

    update: int
    epoch: int
    sample: int
    y_hat: float
    loss: float


@dataclass(frozen=True)
class Run:
    """What came of it.

    theta          (d,) the θ returned: the last, or the best on the held-out set
    ended          why it ended, a sentence
    thetas         θ after each epoch, θ⁰ first
    gradient_norm  ‖∇Cost‖₂ over all training samples at each of them
    holdout        mean held-out loss at each of them; empty without a held-out set
    reports        one for each update, where asked for
    """

    theta: np.ndarray
    ended: str
    thetas: list[np.ndarray]
    gradient_norm: list[float]
    holdout: list[float]
    reports: list[Report]


def logistic(x: np.ndarray, theta: np.ndarray) -> float:
    """f(x; θ) = σ(w·x + b), θ = (w, b)."""
    return sigmoid(float(x @ theta[:-1] + theta[-1]))


def logistic_gradient(x: np.ndarray, y: float, theta: np.ndarray) -> np.ndarray:
    """∇_θ of the cross-entropy of `logistic`: (ŷ - y)x, and ŷ - y for b (SLP 5.30)."""
    return (logistic(x, theta) - y) * np.append(x, 1.0)


def stochastic_gradient_descent(
    L: Loss,
    f: Model,
    x: Any,
    y: Any,
    *,
    eta: float | Callable[[int], float] = 0.1,
    gradient: Gradient | None = None,
    start: Literal["zeros", "random"] | Sequence[float] | np.ndarray = "zeros",
    size: int | None = None,
    epochs: int = 100,
    epsilon: float = 1e-3,
    holdout: tuple[Any, Any] | None = None,
    report: bool = False,
    seed: int = 0,
) -> Run:
    """θ ← θ - η g for every sample in a new random order each epoch, until ‖g‖ < ε or the held-out loss rises.

    L, f       loss of an estimate, L(ŷ, y), and the model, f(x; θ), both numbers
    x, y       m samples (m, n) and their labels (m,)
    eta        η, or a function of the update k = 0, 1, ... that gives η_k
    gradient   ∇_θ L(f(x; θ), y) as a function of (x, y, θ); central differences of L and f unless given
    start      "zeros", "random" (normal, deviation 0.01), or θ⁰ itself; `size` parameters, n + 1 unless given
    epochs     the most passes over the samples
    epsilon    ε for ‖g‖₂, g the mean gradient of all samples after an epoch: a single sample's says little
    holdout    (x, y) whose mean loss is taken after each epoch; when it rises the θ before is returned
    report     keep step 1 of the figure, ŷ and its loss before each update

    The run ends, with its trace kept, where L, f or the gradient is not a number. Raises DataError for shapes that do
    not fit and NaN in the samples, UsageError for η ≤ 0 or fewer than one epoch. Source: SLP figure 5.6.
    """
    x, y = _samples(x, y, "x", "y")
    held = None if holdout is None else _samples(*holdout, "held-out x", "held-out y")
    if held is not None and held[0].shape[1] != x.shape[1]:
        raise DataError(f"held-out x has {held[0].shape[1]} features, but x has {x.shape[1]}.")
    epochs, rng = checks.count("epochs", epochs), np.random.default_rng(seed)
    theta = _start(start, x.shape[1] + 1 if size is None else checks.count("size", size), rng)
    gradient_of = gradient if gradient is not None else _by_differences(L, f)
    rate = eta if callable(eta) else _constant(checks.rate("eta", eta))
    descent = _Descent(L, f, gradient_of, x, y, held, report)
    return descent.go(theta, rate, epochs, epsilon, rng)


class _NotANumberError(Exception):
    """A function of the user gave NaN or infinity; the message says which, and where."""


class _Descent:
    """The functions, the samples and the trace of one run."""

    def __init__(
        self,
        L: Loss,
        f: Model,
        gradient: Gradient,
        x: np.ndarray,
        y: np.ndarray,
        held: tuple[np.ndarray, np.ndarray] | None,
        report: bool,
    ) -> None:
        self.L, self.f, self.gradient_of, self.x, self.y, self.held, self.report = L, f, gradient, x, y, held, report
        self.thetas: list[np.ndarray] = []
        self.norms: list[float] = []
        self.losses: list[float] = []
        self.reports: list[Report] = []

    def go(
        self, theta: np.ndarray, rate: Callable[[int], float], epochs: int, epsilon: float, rng: np.random.Generator
    ) -> Run:
        ended, k = f"All {epochs} epochs are spent.", 0
        try:
            self.look(theta)
            for epoch in range(epochs):
                if self.norms[-1] < epsilon:
                    ended = f"Converged: the gradient norm {self.norms[-1]:.3g} is below {epsilon:g}."
                    break
                for i in rng.permutation(len(self.x)):
                    where = f"at update {k} (epoch {epoch}, sample {i})"
                    if self.report:  # step 1
                        y_hat = self.estimate(self.x[i], theta, where)
                        loss = self.number(self.L(y_hat, self.y[i]), f"L(ŷ, y) {where}")
                        self.reports.append(Report(k, epoch, int(i), y_hat, loss))
                    g = self.gradient(i, theta, where)  # step 2
                    theta = theta - checks.rate(f"η_{k}", rate(k)) * g  # step 3
                    k += 1
                self.look(theta)
                if len(self.losses) > 1 and self.losses[-1] > self.losses[-2]:
                    ended = (
                        f"Stopped early: the held-out loss rose from {self.losses[-2]:.6g} to {self.losses[-1]:.6g} in "
                        f"epoch {epoch}; the θ before it is returned."
                    )
                    theta = self.thetas[-2]
                    break
            else:
                if self.norms[-1] < epsilon:
                    ended = f"Converged: the gradient norm {self.norms[-1]:.3g} is below {epsilon:g}."
        except _NotANumberError as error:
            ended = f"Stopped: {error}; a smaller rate or other samples may help. The trace up to there is kept."
            theta = self.thetas[-1] if self.thetas else theta
        return Run(theta, ended, self.thetas, self.norms, self.losses, self.reports)

    def look(self, theta: np.ndarray) -> None:
        """Add θ to the trace, with the norm of the mean gradient and the held-out loss there."""
        where = f"after epoch {len(self.thetas) - 1}" if self.thetas else "at the start"
        mean = sum(self.gradient(i, theta, f"{where}, sample {i}") for i in range(len(self.x))) / len(self.x)
        if self.held is not None:
            losses = [
                self.number(self.L(self.estimate(x, theta, where), y), f"the held-out loss {where}")
                for x, y in zip(*self.held, strict=True)
            ]
            self.losses.append(sum(losses) / len(losses))
        self.thetas.append(theta)
        self.norms.append(float(np.linalg.norm(mean)))

    def estimate(self, x: np.ndarray, theta: np.ndarray, where: str) -> float:
        return self.number(self.f(x, theta), f"f(x; θ) {where}")

    def gradient(self, i: int, theta: np.ndarray, where: str) -> np.ndarray:
        g = np.asarray(self.gradient_of(self.x[i], self.y[i], theta), dtype=np.float64)
        if g.shape != theta.shape:
            raise DataError(f"the gradient has shape {g.shape}, but θ has shape {theta.shape}.")
        if not np.isfinite(g).all():
            raise _NotANumberError(f"the gradient {where} is {g}")
        return g

    @staticmethod
    def number(value: Any, what: str) -> float:
        number = float(value)
        if not np.isfinite(number):
            raise _NotANumberError(f"{what} is {number}")
        return number


def _samples(x: Any, y: Any, x_name: str, y_name: str) -> tuple[np.ndarray, np.ndarray]:
    x, y = checks.numbers(x_name, x), checks.numbers(y_name, y)
    checks.shape(x_name, x, ("m", "n"), "m samples of n features")
    checks.shape(y_name, y, (len(x),), f"one label for each of the {len(x)} samples")
    return x, y


def _start(start: Any, size: int, rng: np.random.Generator) -> np.ndarray:
    if isinstance(start, str):
        if start not in ("zeros", "random"):
            raise UsageError(f'start is {start!r}, but must be "zeros", "random" or the parameters themselves.')
        return np.zeros(size) if start == "zeros" else 0.01 * rng.standard_normal(size)
    theta = checks.numbers("start", start)
    checks.shape("start", theta, ("d",), "one number for each parameter")
    return theta.copy()


def _by_differences(L: Loss, f: Model) -> Gradient:
    return lambda x, y, theta: central(lambda t: L(f(x, t), y), theta)


def _constant(eta: float) -> Callable[[int], float]:
    return lambda k: eta
