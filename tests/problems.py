"""Small random problems for the tests, and their optimum by a solver that shares no code with the package."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from thalweg.engines import Threads
from thalweg.kernels import kernel
from thalweg.objective import Objective
from thalweg.penalties import penalty
from thalweg.rows import DenseRows

EPS = float(np.finfo(np.float64).eps)
LONG = np.longdouble  # 64 bits of mantissa on x86: P* is then known far below float64's rounding of P


@dataclass(frozen=True)
class Problem:
    """Rows and penalties: everything P depends on."""

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None = None
    offset: np.ndarray | None = None
    l2: float = 0.0
    l1: float = 0.0
    intercept: bool = True

    @property
    def p(self) -> int:
        return self.X.shape[1]

    @property
    def d(self) -> int:
        return self.p + int(self.intercept)

    @property
    def origin(self) -> np.ndarray:
        return np.zeros((self.d, 1))

    def objective(self, name: str = "blocked", threads: int = 1) -> Objective:
        rows = DenseRows(self.X, self.y, self.weight, self.offset)
        return Objective(rows, kernel(name), Threads(threads), penalty(self.l2, self.l1), self.intercept)

    @cached_property
    def _design(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        n = len(self.X)
        X = np.asarray(self.X, LONG)
        if self.intercept:
            X = np.hstack([X, np.ones((n, 1), LONG)])
        s = np.ones(n, LONG) if self.weight is None else np.asarray(self.weight, LONG)
        o = np.zeros(n, LONG) if self.offset is None else np.asarray(self.offset, LONG)
        return X, np.asarray(self.y, LONG), s / s.sum(), o

    def value(self, theta: np.ndarray) -> np.longdouble:
        """P at theta (d, 1) or (d,), in extended precision, by the definition."""
        X, y, s, o = self._design
        t = np.asarray(theta, LONG).reshape(-1)
        z = X @ t + o
        loss = np.log1p(np.exp(-np.abs(z))) + np.where(z >= 0, (1 - y) * z, -y * z)
        w = t[: self.p]
        return s @ loss + LONG(self.l2) / 2 * (w @ w) + LONG(self.l1) * np.abs(w).sum()

    def slopes(self, theta: np.ndarray, signs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gradient (d,) with l1's part l1·signs, and Hessian (d, d)."""
        X, y, s, o = self._design
        z = X @ theta + o
        e = np.exp(-np.abs(z))
        p = np.where(z >= 0, 1 / (1 + e), e / (1 + e))
        penalised = np.arange(self.d) < self.p
        g = X.T @ (s * (p - y)) + LONG(self.l2) * np.where(penalised, theta, 0) + LONG(self.l1) * signs
        H = (X.T * (s * e / (1 + e) ** 2)) @ X + np.diag(LONG(self.l2) * penalised)
        return g, H

    @cached_property
    def optimum(self) -> tuple[np.ndarray, np.longdouble]:
        """A point and P there: P* to its own rounding for l1 = 0; for l1 > 0 the best point found, so at least P*."""
        theta = np.zeros(self.d, LONG)
        if self.l1 == 0.0:
            return self._newton(theta, np.ones(self.d, bool), np.zeros(self.d, LONG))
        theta = self._proximal(theta)
        signs = np.sign(theta)
        signs[self.p :] = 0
        polished, value = self._newton(theta, (theta != 0) | (np.arange(self.d) >= self.p), signs)
        return (polished, value) if value <= self.value(theta) else (theta, self.value(theta))

    def _newton(self, theta: np.ndarray, free: np.ndarray, signs: np.ndarray) -> tuple[np.ndarray, np.longdouble]:
        """Damped Newton over the free coordinates: gradients in extended precision, directions in float64."""
        value = self.value(theta)
        for _ in range(300):
            g, H = self.slopes(theta, signs)
            g, H = np.where(free, g, 0), np.where(np.outer(free, free), H, np.eye(self.d))
            direction = np.zeros(self.d, LONG)
            direction[:] = -np.linalg.lstsq(H.astype(float), g.astype(float), rcond=1e-15)[0]
            decrement = -(g @ direction) / 2
            if not decrement > 1e-22:
                break
            for halvings in range(60):
                step = direction / LONG(2) ** halvings
                new = self.value(theta + step)
                if new < value:
                    break
            else:
                break
            theta, value = theta + step, new
        return theta, value

    def _proximal(self, theta: np.ndarray) -> np.ndarray:
        """FISTA with restarts, in float64: for the support."""
        X, y, s, o = (np.asarray(a, np.float64) for a in self._design)
        penalised = np.arange(self.d) < self.p
        rate = 1.0 / (np.linalg.eigvalsh((X.T * s) @ X).max(initial=0.0) / 4 + self.l2 + 1e-300)
        point = ahead = np.asarray(theta, np.float64)
        t = 1.0
        for _ in range(1000):
            z = X @ ahead + o
            g = X.T @ (s * (1 / (1 + np.exp(-np.clip(z, -700, 700))) - y)) + self.l2 * np.where(penalised, ahead, 0)
            u = ahead - rate * g
            new = np.where(penalised, np.sign(u) * np.maximum(np.abs(u) - rate * self.l1, 0), u)
            if (ahead - new) @ (new - point) > 0:
                t, ahead, point = 1.0, new, new
                continue
            after = (1 + np.sqrt(1 + 4 * t * t)) / 2
            ahead, point, t = new + (t - 1) / after * (new - point), new, after
        return np.asarray(point, LONG)


def random_problem(
    rng: np.random.Generator,
    n: int,
    p: int,
    *,
    l2: float = 0.0,
    l1: float = 0.0,
    intercept: bool = True,
    weights: bool = False,
    offset: bool = False,
    soft: bool = False,
    scale: float = 1.0,
) -> Problem:
    """Gaussian rows, labels drawn from a logistic model of them."""
    X = rng.standard_normal((n, p)) * scale
    z = X @ rng.standard_normal(p) + 0.5 * rng.standard_normal()
    y = rng.random(n) if soft else (rng.random(n) < 1 / (1 + np.exp(-z))).astype(np.float64)
    return Problem(
        X,
        y,
        weight=rng.exponential(size=n) * rng.integers(0, 4, n) + 1e-3 if weights else None,
        offset=2 * rng.standard_normal(n) if offset else None,
        l2=l2,
        l1=l1,
        intercept=intercept,
    )
