"""The default for dense arrays: tiles that stay in the cache while they are read, NumPy and BLAS on each tile.

A tile is read from memory once and serves the margins, the gradient and the Hessian while it is in the cache; the
residuals and the curvatures of all k models go through one matrix product. The Hessian is TᵀT with T = √h·X, which
NumPy hands to BLAS as a symmetric product, half the work of a general one.
"""

import numpy as np

from thalweg.kernels.margins import of_margins
from thalweg.kernels.sums import Sums, Updates, Want, add_rows
from thalweg.kernels.vectorized import Vectorized
from thalweg.rows.block import Block
from thalweg.rows.squares import column_squares

_TILE_CELLS = 1 << 19  # 4 MiB of float64: smaller tiles fit nearer caches, but threads then queue for the interpreter
_FEWEST_ROWS = 256


class Blocked:
    """Cache-sized tiles, k models at once; releases the interpreter lock in every large operation."""

    def sums(
        self,
        block: Block,
        theta: np.ndarray,
        want: Want,
        step: np.ndarray | None = None,
        curvatures: np.ndarray | None = None,
    ) -> Sums:
        n, p = block.X.shape
        total = Sums.zeros(p, theta.shape[1], want, step is not None)
        scratch = np.empty((min(_rows(p), n), p)) if want >= Want.HESSIAN else None
        with np.errstate(over="ignore", invalid="ignore"):  # seen in the sums, where the objective says it in words
            for start in range(0, n, _rows(p)):
                _add_tile(total, block, slice(start, start + _rows(p)), theta, step, scratch, curvatures)
        return total

    def product(self, block: Block, curvatures: np.ndarray, v: np.ndarray) -> np.ndarray:
        n, p = block.X.shape
        total = np.zeros_like(v)
        for start in range(0, n, _rows(p)):
            rows = slice(start, start + _rows(p))
            X = np.asarray(block.X[rows], dtype=np.float64)
            add_rows(total, X.T, curvatures[rows] * (_times(X, v[:-1]) + v[-1]), _times)
        return total

    def squares(self, block: Block) -> np.ndarray:
        return column_squares(block)

    def sweep(self, block: Block, theta: np.ndarray, updates: Updates) -> tuple[np.ndarray, np.ndarray]:
        return Vectorized().sweep(block, theta, updates)  # a mini-batch is already a tile


def _rows(p: int) -> int:
    return max(_FEWEST_ROWS, _TILE_CELLS // max(p, 1))


def _add_tile(
    total: Sums,
    block: Block,
    rows: slice,
    theta: np.ndarray,
    step: np.ndarray | None,
    scratch: np.ndarray | None,
    curvatures: np.ndarray | None,
) -> None:
    X = np.asarray(block.X[rows], dtype=np.float64)
    z = _times(X, theta[:-1])
    z += theta[-1]
    if block.offset is not None:
        z += block.offset[rows, None]
    d = None
    if step is not None:
        d = _times(X, step[:-1])
        d += step[-1]
    s = None if block.weight is None else block.weight[rows, None]
    r, h, hd = of_margins(total, z, block.y[rows, None], s, d, curvatures is not None)
    for sums, values in ((total.gradient, r), (total.border, h), (total.product, hd)):
        if sums is not None and values is not None:
            add_rows(sums, X.T, values, _times)
    if h is not None and curvatures is not None:
        curvatures[rows] = h
    if h is not None and total.hessian is not None and scratch is not None:
        for j in range(theta.shape[1]):
            T = scratch[: len(X)]
            np.multiply(X, np.sqrt(h[:, j, None]), out=T)
            total.hessian[j] += T.T @ T


def _times(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """A @ B. For few columns BLAS's matrix-vector product, once each, takes less time than its matrix product."""
    if B.shape[1] == 1:
        return np.asarray((A @ B[:, 0])[:, None])
    return np.asarray(A @ B)
