"""The definitions: σ, the cross-entropy of one sample, the cost J of m samples, and the likelihood they come from."""

from typing import Any

import numpy as np
from scipy.special import xlog1py, xlogy

from thalweg.errors import DataError
from thalweg.textbook import checks


def sigmoid(z: Any) -> np.ndarray:
    """σ(z) = 1 / (1 + e^(-z)), elementwise; log σ(z) = -log(1 + e^(-z)) keeps every finite z from overflowing.

    Raises DataError for what is not a finite number. Source: SLP 5.2.
    """
    return np.asarray(np.exp(-np.logaddexp(0.0, -checks.numbers("z", z))))


def cross_entropy(y_hat: Any, y: Any) -> np.ndarray:
    """L(ŷ, y) = -[y log ŷ + (1 - y) log(1 - ŷ)], elementwise; 0·log 0 is 0, and a certain error costs infinity.

    y_hat and y have one shape, or one of them is a single number; y may be soft. Raises DataError for other shapes
    and outside [0, 1]. Source: SLP 5.29.
    """
    y_hat, y = _estimates(y_hat, y)
    return -(xlogy(y, y_hat) + xlog1py(1.0 - y, -y_hat)) + 0.0  # + 0: a loss of nothing is 0, not -0


def cross_entropy_of_margin(z: Any, y: Any) -> np.ndarray:
    """L(σ(z), y) = log(1 + e^z) - y·z, elementwise: the same loss, finite where σ(z) has rounded to 0 or 1.

    Shapes as for `cross_entropy`. Raises DataError for other shapes and labels outside [0, 1]. Source: SLP 5.29 with
    ŷ = σ(z), multiplied out.
    """
    z, y = checks.numbers("z", z), checks.numbers("y", y)
    checks.same_shape("z", z, "y", y)
    checks.labels("y", y)
    positive = np.maximum(z, 0.0)
    return np.log1p(np.exp(-np.abs(z))) + (1.0 - y) * positive + y * (positive - z)


def cost(y_hat: Any, y: Any) -> float:
    """J = 1/m · Σ L(ŷ⁽ⁱ⁾, y⁽ⁱ⁾), the mean over all m samples, whatever the shape both come in.

    Raises DataError where there is no sample, and as `cross_entropy` does. Source: SLP 5.33; Ng's J(w, b).
    """
    losses = cross_entropy(y_hat, y)
    if losses.size == 0:
        raise DataError("there are no samples: the cost is a mean over at least one.")
    return float(np.mean(losses))


def log_likelihood(y_hat: Any, y: Any) -> float:
    """log p(labels) = Σ log p(y⁽ⁱ⁾ | x⁽ⁱ⁾), each p being ŷ for the label 1 and 1 - ŷ for 0.

    It equals -Σ L(ŷ⁽ⁱ⁾, y⁽ⁱ⁾): fitting by cross-entropy is fitting by maximum likelihood. Raises DataError where there
    is no sample, as `cross_entropy` does, and for soft labels: they are no event that has a probability. Source: SLP
    5.32.
    """
    y_hat, y = _estimates(y_hat, y, hard=True)
    if y_hat.size == 0 or y.size == 0:
        raise DataError("there are no samples: a likelihood is of at least one label.")
    with np.errstate(divide="ignore"):  # log 0 is minus infinity: a label that was called impossible
        return float(np.sum(np.where(y == 1.0, np.log(y_hat), np.log1p(-y_hat))))


def _estimates(y_hat: Any, y: Any, hard: bool = False) -> tuple[np.ndarray, np.ndarray]:
    y_hat, y = checks.numbers("y_hat", y_hat), checks.numbers("y", y)
    checks.same_shape("y_hat", y_hat, "y", y)
    checks.probabilities("y_hat", y_hat)
    checks.labels("y", y, hard)
    return y_hat, y
