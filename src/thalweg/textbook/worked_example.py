"""The worked example of SLP 5.6.3, carried on: one sample, and every number put into every formula."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from thalweg.errors import UsageError
from thalweg.formulas import log_loss, sigmoid
from thalweg.textbook import checks


@dataclass(frozen=True)
class Update:
    """One update of θ = (w₁, ..., wₙ, b): where it began, z, ŷ, the loss and the gradient there, and where it led."""

    t: int
    theta: tuple[float, ...]
    z: float
    y_hat: float
    loss: float
    gradient: tuple[float, ...]
    after: tuple[float, ...]


@dataclass(frozen=True)
class Example:
    """The sample x with label y, the rate η, the updates, and the loss where the last one led."""

    x: tuple[float, ...]
    y: float
    eta: float
    updates: tuple[Update, ...]
    last_loss: float

    def __str__(self) -> str:
        n = len(self.x)
        names = [f"w{'₀₁₂₃₄₅₆₇₈₉'[j + 1] if j < 9 else j + 1}" for j in range(n)] + ["b"]
        lines = [f"x = {_vector(self.x)}, y = {self.y:g}, η = {self.eta:g}, θ = ({', '.join(names)})"]
        for update in self.updates:
            products = " + ".join(f"{_f(w)}·{_f(x)}" for w, x in zip(update.theta[:-1], self.x, strict=True))
            y_hat = _estimate(update.y_hat)
            error = f"({y_hat} - {_n(self.y)})"
            lines += [
                "",
                f"θ{_power(update.t)} = {_vector(update.theta)}",
                f"  z    = w·x + b = {products} + {_f(update.theta[-1])} = {_n(update.z)}",
                f"  ŷ    = σ(z) = 1 / (1 + exp({_n(-update.z)})) = {y_hat}",
                f"  loss = {self._formula(update)} = {_n(update.loss)}",
            ]
            for name, x, slope in zip(names, (*self.x, None), update.gradient, strict=True):
                times = "" if x is None else f"·{_f(x)}"
                lines.append(f"  ∂L/∂{name:<2} = (ŷ - y){'·x' if x is not None else ''} = {error}{times} = {_n(slope)}")
            lines.append(f"  ∇L   = {_vector(update.gradient)}")
            for name, old, slope, new in zip(names, update.theta, update.gradient, update.after, strict=True):
                lines.append(f"  {name:<2} ← {_n(old)} - {_n(self.eta)}·{_f(slope)} = {_n(new)}")
        losses = [update.loss for update in self.updates] + [self.last_loss]
        last = f"θ{_power(len(self.updates))} = {_vector(self.updates[-1].after)}" if self.updates else ""
        return "\n".join([*lines, "", last, "loss: " + " → ".join(map(_loss, losses))])

    def _formula(self, update: Update) -> str:
        y, y_hat = _n(self.y), _estimate(update.y_hat)
        if self.y in (0.0, 1.0):
            return f"-log {y_hat}" if self.y else f"-log(1 - {y_hat})"
        return f"-[{y}·log {y_hat} + (1 - {y})·log(1 - {y_hat})]"


def worked_example(
    steps: int = 2,
    x: Sequence[float] = (3.0, 2.0),
    y: float = 1.0,
    eta: float = 0.1,
    theta: Sequence[float] | None = None,
) -> Example:
    """`steps` updates of stochastic gradient descent on one sample; the defaults are the book's numbers.

    x      (n,) features; y its label in [0, 1]; eta the learning rate
    theta  θ⁰ (n + 1,), b last; zeros unless given

    `print` shows every substitution. Raises DataError for shapes that do not fit, NaN or a label outside [0, 1],
    UsageError for η ≤ 0 or one that leads out of float64. Source: SLP 5.6.3, which stops after one step:
    θ¹ = (0.15, 0.10, 0.05).
    """
    features, label = checks.numbers("x", x), checks.numbers("y", y)
    checks.shape("x", features, ("n",))
    checks.shape("y", label, ())
    checks.labels("y", label)
    eta, steps = checks.rate("eta", eta), checks.count("steps", steps)
    start = checks.numbers("theta", [0.0] * (len(features) + 1) if theta is None else theta)
    checks.shape("theta", start, (len(features) + 1,), f"{len(features)} weights and b")
    xs, point, target = tuple(map(float, features)), tuple(map(float, start)), float(label)
    updates = []
    for t in range(steps):
        z = _margin(t, point, xs)
        error = sigmoid(z) - target
        gradient = (*(error * value for value in xs), error)
        after = tuple(old - eta * slope for old, slope in zip(point, gradient, strict=True))
        updates.append(Update(t, point, z, sigmoid(z), log_loss(target, z), gradient, after))
        point = after
    return Example(xs, target, eta, tuple(updates), log_loss(target, _margin(steps, point, xs)))


def _margin(t: int, theta: tuple[float, ...], x: tuple[float, ...]) -> float:
    z = sum(w * value for w, value in zip(theta[:-1], x, strict=True)) + theta[-1]
    if not isfinite(z):
        raise UsageError(f"z = w·x + b at θ{_power(t)} is {z}, too large for float64: take a smaller eta, x or theta.")
    return z


def _n(value: float) -> str:
    """Four decimals without trailing zeros: 0.15, -1.5, 0.6682; four significant digits where they would not do."""
    if value != 0.0 and not 0.01 <= abs(value) < 1e6:
        return f"{value:.4g}"
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _f(value: float) -> str:
    """A factor or a term: negative ones in brackets."""
    return f"({_n(value)})" if value < 0.0 else _n(value)


def _estimate(y_hat: float) -> str:
    """ŷ, and what it lacks to 1 where four decimals would hide that."""
    return f"(1 - {_n(1.0 - y_hat)})" if _n(y_hat) == "1" and y_hat < 1.0 else _n(y_hat)


def _loss(value: float) -> str:
    return f"{value:.4f}" if 0.01 <= value < 1e6 else _n(value)


def _vector(values: Sequence[float]) -> str:
    """As many decimals for all as one of them needs, at most four: (0.15, 0.10, 0.05); or each as `_n` has it."""
    texts = [_n(value) for value in values]
    if any("e" in text or len(text.partition(".")[2]) > 4 for text in texts):
        return f"({', '.join(texts)})"
    decimals = max(len(text.partition(".")[2]) for text in texts)
    return f"({', '.join(f'{value:.{decimals}f}' for value in values)})"


def _power(t: int) -> str:
    return "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(digit)] for digit in str(t))
