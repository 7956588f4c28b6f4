"""The textbook's NumPy form, derived independently of the loops: whole-block matrix products, one line a quantity.

Z = XW + b + o, A = σ(Z), dZ = s(A - Y), ∇ = XᵀdZ  (SLP 5.35 before its division by m).
"""

import numpy as np
from scipy.special import expit

from thalweg.kernels.sums import Sums, Updates, Want
from thalweg.rows.block import Block
from thalweg.rows.squares import column_squares


class Vectorized:
    """One NumPy expression a quantity, temporaries as large as the block."""

    def sums(
        self,
        block: Block,
        theta: np.ndarray,
        want: Want,
        step: np.ndarray | None = None,
        curvatures: np.ndarray | None = None,
    ) -> Sums:
        with np.errstate(over="ignore", invalid="ignore"):  # seen in the sums, where the objective says it in words
            return self._sums(block, theta, want, step, curvatures)

    def _sums(
        self, block: Block, theta: np.ndarray, want: Want, step: np.ndarray | None, curvatures: np.ndarray | None
    ) -> Sums:
        X = np.asarray(block.X, dtype=np.float64)
        Y = np.asarray(block.y, dtype=np.float64)[:, None]
        S = np.ones_like(Y) if block.weight is None else np.asarray(block.weight, dtype=np.float64)[:, None]
        O = np.zeros_like(Y) if block.offset is None else np.asarray(block.offset, dtype=np.float64)[:, None]  # noqa: E741
        X1 = np.hstack([X, np.ones_like(Y)])
        Z = X @ theta[:-1] + theta[-1] + O
        A = expit(Z)
        H = S * A * expit(-Z)
        total = Sums((S * np.where(Z >= 0, (1 - Y) * Z, -Y * Z) + S * np.log1p(np.exp(-np.abs(Z)))).sum(axis=0))
        if curvatures is not None:
            curvatures[:] = H
        if want >= Want.GRADIENT:
            # A - Y, where A rounds to 1 with the digits of 1 - A
            total.gradient = X1.T @ (S * np.where(Y == 1.0, -expit(-Z), A - Y))
        if want >= Want.BORDER:
            total.border = X1.T @ H
        if want >= Want.HESSIAN:
            total.hessian = np.stack([X.T @ (H[:, [j]] * X) for j in range(theta.shape[1])])
        if step is not None:
            D = X @ step[:-1] + step[-1]
            total.reach = np.abs(D).max(axis=0, initial=0.0)
            total.product = X1.T @ (S * expit(Z - D) * expit(D - Z) * D)
            weighted = (S * divergence(Z - D, D)).sum(
                axis=0
            )  # 0·∞ for a long step of weight 0, which the next line ends
            total.divergence = np.where(total.reach <= 1, weighted, np.inf)
        return total

    def product(self, block: Block, curvatures: np.ndarray, v: np.ndarray) -> np.ndarray:
        X = np.asarray(block.X, dtype=np.float64)
        X1 = np.hstack([X, np.ones((len(X), 1))])
        return np.asarray(X1.T @ (curvatures * (X1 @ v)))

    def squares(self, block: Block) -> np.ndarray:
        return column_squares(block)

    def sweep(self, block: Block, theta: np.ndarray, updates: Updates) -> tuple[np.ndarray, np.ndarray]:
        theta, sum_of_thetas = theta.copy(), np.zeros_like(theta)
        X = np.asarray(block.X, dtype=np.float64)
        Y = np.asarray(block.y, dtype=np.float64)[:, None]
        S = None if block.weight is None else np.asarray(block.weight, dtype=np.float64)[:, None]
        O = None if block.offset is None else np.asarray(block.offset, dtype=np.float64)[:, None]  # noqa: E741
        w, b = theta[:-1], theta[-1]
        for number, start in enumerate(range(0, len(X), updates.size)):
            rows = slice(start, start + updates.size)
            x = X[rows]
            z = x @ w + b
            if O is not None:
                z += O[rows]
            r = expit(z) - Y[rows]
            if S is not None:
                r *= S[rows]
            rate = updates.rates[number]
            r *= updates.scale / len(x)
            w -= rate * (x.T @ r + updates.l2 * w)
            if updates.intercept:
                b -= rate * r.sum(axis=0)
            sum_of_thetas += theta
        return theta, sum_of_thetas


def divergence(Z: np.ndarray, D: np.ndarray) -> np.ndarray:
    """`formulas.divergence` over arrays, infinite where |d| > 1."""
    side = np.where(Z < 0, 1.0, -1.0)
    M, D = side * Z, side * D
    P, R = expit(M), expit(M + D)
    with np.errstate(all="ignore"):  # |d| > 1 gives nonsense that the last line replaces; 0/0 is a true 0
        Q = P * (1 + (1 - P) * D)
        rest = np.maximum(np.minimum(Q * (1 - Q), R * expit(-M - D)), 5e-324)
        bound = (Q - R) ** 2 / 2 / rest
    return np.where(np.abs(D) <= 1, np.where(Q == R, 0.0, bound), np.inf)
