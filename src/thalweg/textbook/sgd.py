"""Stochastic gradient descent exactly as in SLP figure 5.6: any loss L(ŷ, y), any model f(x; θ), one sample a step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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
    thetas         θ after each epoch, θ⁰ first; after the last update where a rate ended the run within an epoch
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
    """f(x; θ) = σ(w·x + b), θ = (w, b).

    Raises DataError unless θ holds a weight for each feature, and b.
    """
    if len(theta) != len(x) + 1:
        raise DataError(f"θ holds {len(theta)} numbers, but {len(x)} weights and b are {len(x) + 1}.")
    return sigmoid(float(x @ theta[:-1] + theta[-1]))


def logistic_gradient(x: np.ndarray, y: float, theta: np.ndarray) -> np.ndarray:
    """∇_θ of the cross-entropy of `logistic`: (ŷ - y)x, and ŷ - y for b (SLP 5.30).

    Raises DataError as `logistic` does, and for a label outside [0, 1].
    """
    if not 0.0 <= y <= 1.0:
        raise DataError(f"y is {y:g}, but a label must be 0 or 1, or a soft label between them.")
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

    The run ends, with its trace kept, where L, f or the gradient is not a number, or where η_k is no rate on the way.
    Raises DataError for shapes that do not fit and NaN in the samples, UsageError for η ≤ 0 at the start, fewer than
    one epoch, or other options that cannot be. Source: SLP figure 5.6.
    """
    x, y = checks.samples(("x", "y"), x, y)
    held = None if holdout is None else checks.held_out(holdout, x.shape[1])
    epochs, epsilon = checks.count("epochs", epochs), checks.amount("epsilon", epsilon)
    rng = np.random.default_rng(checks.count("seed", seed, least=0))
    theta = _start(start, x.shape[1] + 1, size, rng)
    L, f = checks.function("L", L), checks.function("f", f)
    gradient_of = _by_differences(L, f) if gradient is None else checks.function("gradient", gradient)
    rate = eta if callable(eta) else _constant(checks.rate("eta", eta))
    with np.errstate(over="ignore", invalid="ignore"):  # what is too large ends the run in words
        return _Descent(L, f, gradient_of, rate, x, y, held, report).go(theta, epochs, epsilon, rng)


class _NotANumberError(Exception):
    """A function of the user gave NaN or infinity; the message says which, and where."""


@dataclass
class _Descent:
    """The functions, the samples and the trace of one run; k counts its updates."""

    L: Loss
    f: Model
    gradient_of: Gradient
    rate: Callable[[int], float]
    x: np.ndarray
    y: np.ndarray
    held: tuple[np.ndarray, np.ndarray] | None
    report: bool
    k: int = 0
    thetas: list[np.ndarray] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)

    def go(self, theta: np.ndarray, epochs: int, epsilon: float, rng: np.random.Generator) -> Run:
        try:
            self.look(theta)
            ended = self.arrived(epsilon)
            for epoch in range(epochs):
                if ended:
                    break
                theta, ended = self.epoch(theta, epoch, rng.permutation(len(self.x)))
                self.look(theta)
                if not ended and (ended := self.rose(epoch)):
                    theta = self.thetas[-2]
                ended = ended or self.arrived(epsilon)
            ended = ended or f"All {epochs} epochs are spent."
        except _NotANumberError as error:
            ended = f"Stopped: {error}; a smaller rate or other samples may help. The trace up to there is kept."
            theta = self.thetas[-1] if self.thetas else theta
        return Run(theta, ended, self.thetas, self.norms, self.losses, self.reports)

    def epoch(self, theta: np.ndarray, epoch: int, order: np.ndarray) -> tuple[np.ndarray, str]:
        """θ after the samples in that order, and why it ended among them, if it did."""
        for i in order:
            where = f"at update {self.k} (epoch {epoch}, sample {i})"
            try:
                eta = checks.rate(f"η_{self.k}", self.rate(self.k))
            except UsageError as error:
                if self.k == 0:
                    raise
                return theta, f"Stopped {where}: {error} The θ it reached is returned."
            if self.report:  # step 1
                y_hat = self.estimate(self.x[i], theta, where)
                loss = self.number(self.L(y_hat, self.y[i]), f"L(ŷ, y) {where}")
                self.reports.append(Report(self.k, epoch, int(i), y_hat, loss))
            theta = theta - eta * self.gradient(i, theta, where)  # steps 2 and 3
            self.k += 1
        return theta, ""

    def arrived(self, epsilon: float) -> str:
        norm = self.norms[-1]
        return f"Converged: the gradient norm {norm:.3g} is below {epsilon:g}." if norm < epsilon else ""

    def rose(self, epoch: int) -> str:
        if len(self.losses) < 2 or self.losses[-1] <= self.losses[-2]:
            return ""
        return (
            f"Stopped early: the held-out loss rose from {self.losses[-2]:.6g} to {self.losses[-1]:.6g} in "
            f"epoch {epoch}; the θ before it is returned."
        )

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
        given = self.gradient_of(self.x[i], self.y[i], theta)
        try:
            g = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError):
            raise DataError(f"the gradient {where} must hold numbers; it is {given!r:.80}.") from None
        if g.shape != theta.shape:
            raise DataError(f"the gradient has shape {g.shape}, but θ has shape {theta.shape}.")
        if not np.isfinite(g).all():
            raise _NotANumberError(f"the gradient {where} is {g}")
        return g

    @staticmethod
    def number(value: Any, what: str) -> float:
        number = _one_number(value, what)
        if not np.isfinite(number):
            raise _NotANumberError(f"{what} is {number}")
        return number


def _one_number(value: Any, what: str) -> float:
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "biuf":
        raise DataError(f"{what} is {value!r:.80}, but must be one number.")
    return float(array.reshape(()))


def _start(start: Any, usual: int, size: int | None, rng: np.random.Generator) -> np.ndarray:
    d = usual if size is None else checks.count("size", size)
    if isinstance(start, str):
        if start not in ("zeros", "random"):
            raise UsageError(f'start is {start!r}, but must be "zeros", "random" or the parameters themselves.')
        return np.zeros(d) if start == "zeros" else 0.01 * rng.standard_normal(d)
    theta = checks.numbers("start", start)
    checks.shape("start", theta, ("d" if size is None else d,), "one number for each parameter")
    return theta.copy()


def _by_differences(L: Loss, f: Model) -> Gradient:
    def loss(x: np.ndarray, y: float, theta: np.ndarray) -> float:
        y_hat = _one_number(f(x, theta), "f(x; θ)")
        return _one_number(L(y_hat, y), "L(ŷ, y)") if np.isfinite(y_hat) else np.nan

    return lambda x, y, theta: central(lambda t: loss(x, y, t), theta)


def _constant(eta: float) -> Callable[[int], float]:
    return lambda k: eta
