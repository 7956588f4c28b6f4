"""The default for dense arrays: tiles that stay in the cache while they are read, NumPy and BLAS on each tile.

A tile is read from memory once and serves the margins, the gradient and the Hessian while it is in the cache; the
residuals and the curvatures of all k models go through one matrix product. The Hessian is TᵀT with T = √h·X, which
NumPy hands to BLAS as a symmetric product, half the work of a general one.
"""

import numpy as np

from thalweg.kernels.sums import Sums, Updates, Want
from thalweg.kernels.vectorized import Vectorized, divergence
from thalweg.rows.block import Block

_TILE_CELLS = 1 << 17  # 1 MiB of float64, found by timing passes at 0.1 to 8 MiB; flat from 0.5 to 2 MiB
_FEWEST_ROWS = 256


class Blocked:
    """Cache-sized tiles, k models at once; releases the interpreter lock in every large operation."""

    def sums(self, block: Block, theta: np.ndarray, want: Want, step: np.ndarray | None = None) -> Sums:
        n, p = block.X.shape
        tile = max(_FEWEST_ROWS, _TILE_CELLS // max(p, 1))
        total = Sums.zeros(p, theta.shape[1], want, step is not None)
        scratch = np.empty((min(tile, n), p)) if want >= Want.HESSIAN else None
        for start in range(0, n, tile):
            _add_tile(total, block, slice(start, start + tile), theta, step, scratch)
        return total

    def sweep(self, block: Block, theta: np.ndarray, updates: Updates) -> tuple[np.ndarray, np.ndarray]:
        return Vectorized().sweep(block, theta, updates)  # a mini-batch is already a tile


def _add_tile(
    total: Sums, block: Block, rows: slice, theta: np.ndarray, step: np.ndarray | None, scratch: np.ndarray | None
) -> None:
    X = np.asarray(block.X[rows], dtype=np.float64)
    y = block.y[rows, None]
    s = None if block.weight is None else block.weight[rows, None]
    k = theta.shape[1]
    both = theta if step is None else np.hstack([theta, step])
    margins = X @ both[:-1] + both[-1]
    z = margins[:, :k]
    if block.offset is not None:
        z += block.offset[rows, None]

    e = np.exp(-np.abs(z))
    # log(1 + e) for e in (0, 1] needs no log1p: the rounding of 1 + e costs 1e-16 absolute, as the sum itself does;
    # max(z, 0) - yz goes first, since for hard labels it is exact
    loss = np.maximum(z, 0.0)
    loss -= y * z
    loss += np.log(1.0 + e)
    total.loss += _weighted_sum(loss, s)
    if total.gradient is None:
        if step is not None:
            _add_step(total, X, z, margins[:, k:], s)
        return

    small = 1.0 / (1.0 + e)  # the larger of σ(z), σ(-z)
    r = np.where(z >= 0, small, e * small)
    r -= y
    if s is not None:
        r *= s
    columns = r
    h = None
    if total.border is not None:
        h = e * small
        h *= small
        if s is not None:
            h *= s
        columns = np.hstack([r, h])
    products = X.T @ columns
    total.gradient[:-1] += products[:, :k]
    total.gradient[-1] += r.sum(axis=0)
    if total.border is not None and h is not None:
        total.border[:-1] += products[:, k:]
        total.border[-1] += h.sum(axis=0)
        if total.hessian is not None and scratch is not None:
            for j in range(k):
                T = scratch[: len(X)]
                np.multiply(X, np.sqrt(h[:, j, None]), out=T)
                total.hessian[j] += T.T @ T
    if step is not None:
        _add_step(total, X, z, margins[:, k:], s)


def _add_step(total: Sums, X: np.ndarray, z: np.ndarray, d: np.ndarray, s: np.ndarray | None) -> None:
    assert total.reach is not None and total.divergence is not None and total.product is not None
    np.maximum(total.reach, np.abs(d).max(axis=0, initial=0.0), out=total.reach)
    old = z - d
    total.divergence += _weighted_sum(divergence(old, d), s)
    e = np.exp(-np.abs(old))
    hd = e / ((1.0 + e) * (1.0 + e)) * d
    if s is not None:
        hd *= s
    total.product[:-1] += X.T @ hd
    total.product[-1] += hd.sum(axis=0)


def _weighted_sum(values: np.ndarray, s: np.ndarray | None) -> np.ndarray:
    return values.sum(axis=0) if s is None else (values * s).sum(axis=0)
