"""How many steps a constant rate still needs: counted in jumps along the local quadratic instead of one by one."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from thalweg.textbook.definitions import cross_entropy_of_margin, sigmoid

_REACH = 0.1  # by this much a jump may move a margin: σ(1 - σ) then changes by a tenth at most, and the Hessian with it
_JUMPS = 2000
_LONGEST = 2**200  # steps of one jump; a rate that needs more of them is no rate


@dataclass(frozen=True)
class Objective:
    """J(w) = cost + Σ penalty·w²/2 on rows X (n, f) with labels y (n,); penalty (f,), 0 for the bias."""

    X: np.ndarray
    y: np.ndarray
    penalty: np.ndarray

    def value_and_gradient(self, w: np.ndarray) -> tuple[float, np.ndarray]:
        """J and ∇J (f,); NaN where the margins overflow."""
        z = self.X @ w
        if not np.isfinite(z).all():
            return np.nan, np.full_like(w, np.nan)
        J = float(np.mean(cross_entropy_of_margin(z, self.y)) + self.penalty @ (w * w) / 2.0)
        return J, (sigmoid(z) - self.y) @ self.X / len(self.X) + self.penalty * w

    def hessian(self, w: np.ndarray) -> np.ndarray:
        """∇²J (f, f)."""
        p = sigmoid(self.X @ w)
        return (self.X.T * (p * (1.0 - p))) @ self.X / len(self.X) + np.diag(self.penalty)

    def rests(self, w: np.ndarray, g: np.ndarray, rate: float, tol: float) -> bool:
        """Whether a descent comes to rest at w with gradient g: ‖g‖₂ ≤ tol, and a step at the rate shortens it."""
        norm = np.linalg.norm(g)
        return bool(norm == 0.0 or (norm <= tol and rate * np.linalg.eigvalsh(self.hessian(w))[-1] <= 2.0))


def remaining_steps(cost: Objective, w: np.ndarray, eta: float, tol: float) -> int | None:
    """Steps of batch descent at the rate eta from w until it rests at ‖∇J‖₂ ≤ tol, within a few percent.

    None where it does not get there: it goes in circles for 2,000 jumps, or eta or tol lies below rounding. On a
    quadratic t steps have a closed form: in the Hessian's eigenvectors each component of the gradient shrinks by
    (1 - ηλ)ᵗ. A jump takes as many steps as leave the Hessian almost as it is. Source: Goh, Why Momentum Really Works,
    2017.
    """
    total = 0
    for _ in range(_JUMPS):
        _, g = cost.value_and_gradient(w)
        if not np.isfinite(g).all():
            return None
        if cost.rests(w, g, eta, tol):
            return total
        before = w
        t, w = _jump(cost, w, g, eta, tol)
        total += t
        if t >= _LONGEST or np.array_equal(before, w):
            return None
    return None


def _jump(cost: Objective, w: np.ndarray, g: np.ndarray, eta: float, tol: float) -> tuple[int, np.ndarray]:
    """As many steps as stay within reach of w and of tol, and where they lead."""
    curvature, vectors = _eigen(cost.hessian(w))
    bottom = w - vectors @ (vectors.T @ g / curvature)
    if np.max(np.abs(cost.X @ (bottom - w))) <= _REACH:  # the last steps go to and fro around it: its Hessian counts
        curvature, vectors = _eigen(cost.hessian(bottom))
    shrink, along = 1.0 - eta * curvature, vectors.T @ g
    logs = np.log1p(-np.minimum(eta * curvature, 1.0))

    def after(t: int) -> np.ndarray:
        """-Δw of t steps: η Σ (1 - ηλ)ᵏ = (1 - (1 - ηλ)ᵗ) / λ in each eigenvector."""
        gone = np.where(shrink > 0.0, -np.expm1(t * logs), 1.0 - shrink ** float(t))
        return vectors @ (gone / curvature * along)

    def within(t: int) -> bool:
        left = np.where(shrink > 0.0, np.exp(t * logs), shrink ** float(t)) * along
        return bool(np.linalg.norm(left) > tol and np.max(np.abs(cost.X @ after(t))) <= _REACH)

    t = _first_beyond(within)
    return t, w - (eta * g if t == 1 else after(t))


def _eigen(hessian: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues, none of them 0, and eigenvectors."""
    curvature, vectors = np.linalg.eigh(hessian)
    return np.maximum(curvature, 1e-14 * curvature[-1]), vectors


def _first_beyond(within: Callable[[int], bool]) -> int:
    """The smallest t that is not within, to a thousandth: doubled, then halved in."""
    high = 1
    while within(high) and high < _LONGEST:
        high *= 2
    low = high // 2
    while high - low > max(1, low // 1000):
        middle = (low + high) // 2
        low, high = (middle, high) if within(middle) else (low, middle)
    return high
