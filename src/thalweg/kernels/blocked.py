"""The default for dense arrays: tiles that stay in the cache while they are read, NumPy and BLAS on each tile.

A tile is read from memory once and serves the margins, the gradient and the Hessian while it is in the cache; the
residuals and the curvatures of all k models go through one matrix product. The Hessian is TᵀT with T = √h·X, which
NumPy hands to BLAS as a symmetric product, half the work of a general one.
"""

import numpy as np

from thalweg.kernels.sums import Sums, Updates, Want
from thalweg.kernels.vectorized import Vectorized
from thalweg.rows.block import Block

_TILE_CELLS = 1 << 19  # 4 MiB of float64: smaller tiles fit nearer caches, but threads then queue for the interpreter
_FEWEST_ROWS = 256


class Blocked:
    """Cache-sized tiles, k models at once; releases the interpreter lock in every large operation."""

    def sums(self, block: Block, theta: np.ndarray, want: Want, step: np.ndarray | None = None) -> Sums:
        n, p = block.X.shape
        tile = max(_FEWEST_ROWS, _TILE_CELLS // max(p, 1))
        total = Sums.zeros(p, theta.shape[1], want, step is not None)
        scratch = np.empty((min(tile, n), p)) if want >= Want.HESSIAN else None
        with np.errstate(over="ignore", invalid="ignore"):  # seen in the sums, where the objective says it in words
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
    z = _times(X, theta[:-1])
    z += theta[-1]
    if block.offset is not None:
        z += block.offset[rows, None]

    e = np.exp(-np.abs(z))
    # max(z, 0) - yz goes first, since for hard labels it is exact
    loss = np.maximum(z, 0.0)
    loss -= y * z
    loss += np.log1p(e)
    total.loss += _weighted_sum(loss, s)
    if total.gradient is None and step is None:
        return

    small = 1.0 / (1.0 + e)  # the larger of σ(z), σ(-z)
    positive = z >= 0
    r = np.where(positive, small, e * small)
    r -= y
    if s is not None:
        r *= s
    if total.gradient is not None:
        total.gradient[:-1] += _times(X.T, r)
        total.gradient[-1] += r.sum(axis=0)
    if total.border is None and step is None:
        return
    h = e * small
    h *= small
    if step is not None:
        d = _times(X, step[:-1])
        d += step[-1]
        _add_step(total, X, z, e * small, h, d, s)
    if total.border is not None:
        if s is not None:
            h *= s
        total.border[:-1] += _times(X.T, h)
        total.border[-1] += h.sum(axis=0)
        if total.hessian is not None and scratch is not None:
            for j in range(k):
                T = scratch[: len(X)]
                np.multiply(X, np.sqrt(h[:, j, None]), out=T)
                total.hessian[j] += T.T @ T


def _times(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """A @ B. For few columns BLAS's matrix-vector product, once each, takes less time than its matrix product."""
    if B.shape[1] == 1:
        return (A @ B[:, 0])[:, None]
    return A @ B


def _add_step(
    total: Sums,
    X: np.ndarray,
    z: np.ndarray,
    small: np.ndarray,
    h: np.ndarray,
    d: np.ndarray,
    s: np.ndarray | None,
) -> None:
    """Add reach, divergence and product.

    As `formulas.divergence`, with what the pass already has at the new margins: `small` the lesser of σ(z), σ(-z) and
    h their product.
    """
    assert total.reach is not None and total.divergence is not None and total.product is not None
    reach = np.abs(d).max(axis=0, initial=0.0)
    np.maximum(total.reach, reach, out=total.reach)
    old = z - d
    e = np.exp(-np.abs(old))
    rest = 1.0 / (1.0 + e)
    p = e * rest  # the lesser of σ(old), σ(-old), on whose side all that follows is taken
    h_old = p * rest
    hd = h_old * d
    flipped = old >= 0
    r = np.where((z >= 0) == flipped, small, 1.0 - small)  # new margin on the old one's side: still the lesser
    q = p + np.where(flipped, -hd, hd)
    gap = q - r
    gap *= gap
    floor = np.minimum(h, q * (1.0 - q))
    np.maximum(floor, 5e-324, out=floor)
    gap /= floor
    gap *= 0.5
    if s is not None:
        gap *= s
        hd *= s
    total.divergence += np.where(reach <= 1.0, gap.sum(axis=0), np.inf)
    total.product[:-1] += _times(X.T, hd)
    total.product[-1] += hd.sum(axis=0)


def _weighted_sum(values: np.ndarray, s: np.ndarray | None) -> np.ndarray:
    return values.sum(axis=0) if s is None else (values * s).sum(axis=0)
