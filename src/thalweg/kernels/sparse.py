"""CSR rows by SciPy's products: for problems too small to be worth compiled code."""

from typing import Any

import numpy as np

from thalweg.kernels.margins import of_margins
from thalweg.kernels.sums import Sums, Updates, Want, add_rows
from thalweg.rows.block import Block
from thalweg.rows.csr import Csr
from thalweg.rows.squares import column_squares


class Sparse:
    """Whole blocks at once, k models side by side; the block is compressed where it is not yet."""

    def sums(
        self,
        block: Block,
        theta: np.ndarray,
        want: Want,
        step: np.ndarray | None = None,
        curvatures: np.ndarray | None = None,
    ) -> Sums:
        csr = Csr.of(block.X)
        total = Sums.zeros(csr.p, theta.shape[1], want, step is not None)
        with np.errstate(over="ignore", invalid="ignore"):  # seen in the sums, where the objective says it in words
            X = csr.raw
            z = margins(X, csr.raw_point(theta))
            if block.offset is not None:
                z += block.offset[:, None]
            d = None if step is None else margins(X, csr.raw_point(step))
            s = None if block.weight is None else block.weight[:, None]
            r, h, hd = of_margins(total, z, block.y[:, None], s, d, curvatures is not None)
            for name, values in (("gradient", r), ("border", h), ("product", hd)):
                sums = getattr(total, name)
                if sums is not None and values is not None:
                    add_rows(sums, X.T, values)
                    setattr(total, name, csr.standardized(sums))
            if h is not None and curvatures is not None:
                curvatures[:] = h
            if h is not None and total.hessian is not None and total.border is not None:
                for j in range(theta.shape[1]):
                    gram = (X.T @ X.multiply(h[:, [j]])).toarray()
                    total.hessian[j] = standardized_gram(csr, gram, total.border[:, j])
        return total

    def product(self, block: Block, curvatures: np.ndarray, v: np.ndarray) -> np.ndarray:
        csr = Csr.of(block.X)
        X, total = csr.raw, np.zeros_like(v)
        add_rows(total, X.T, curvatures * margins(X, csr.raw_point(v)))
        return csr.standardized(total)

    def squares(self, block: Block) -> np.ndarray:
        return column_squares(block)

    def sweep(self, block: Block, theta: np.ndarray, updates: Updates) -> tuple[np.ndarray, np.ndarray]:
        csr = Csr.of(block.X)
        X, theta, thetas = csr.raw, theta.copy(), np.zeros_like(theta)
        w, b = theta[:-1], theta[-1]
        for number, start in enumerate(range(0, csr.shape[0], updates.size)):
            rows = slice(start, min(start + updates.size, csr.shape[0]))
            x = X[rows]
            z = margins(x, csr.raw_point(theta))
            if block.offset is not None:
                z += block.offset[rows, None]
            e = np.exp(-np.abs(z))
            r = np.where(z >= 0, 1.0, e) / (1.0 + e) - block.y[rows, None]
            if block.weight is not None:
                r *= block.weight[rows, None]
            r *= updates.scale / x.shape[0]
            slope = np.zeros_like(theta)
            add_rows(slope, x.T, r)
            slope = csr.standardized(slope)
            w -= updates.rates[number] * (slope[:-1] + updates.l2 * w)
            if updates.intercept:
                b -= updates.rates[number] * slope[-1]
            thetas += theta
        return theta, thetas


def margins(X: Any, theta: np.ndarray) -> np.ndarray:
    """(m, k) X·w + b, theta (p + 1, k) with b in its last row."""
    return np.asarray(X @ theta[:-1]) + theta[-1]


def standardized_gram(csr: Csr, gram: np.ndarray, border: np.ndarray) -> np.ndarray:
    """Xᵀ diag(h) X of the standardised rows, from that of the raw ones and the standardised border (p + 1,)."""
    if csr.scale is not None:
        gram = gram / csr.scale / csr.scale[:, None]
    if csr.centre is not None:
        c = csr.centre if csr.scale is None else csr.centre / csr.scale
        crossed = np.outer(border[:-1], c)
        gram = gram - crossed - crossed.T - border[-1] * np.outer(c, c)
    return gram
