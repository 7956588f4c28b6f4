"""Weighted means and standard deviations of the columns, dense or compressed, in a pass or two and without a copy."""

from collections.abc import Iterator

import numpy as np

from thalweg.rows.csr import Csr
from thalweg.rows.dense import DenseRows
from thalweg.rows.sparse import SparseRows


def centre_and_scale(rows: DenseRows | SparseRows, centre: bool) -> tuple[np.ndarray, np.ndarray]:
    """(p,) weighted means and standard deviations of the columns.

    A constant column is scaled by infinity, to exact zeros: rounding would make a column of noise of it. Where squares
    overflow the deviation is NaN.
    With `centre` false the means are 0, and the scale is the root of the mean square, so that no intercept slips in.
    """
    mean, variance = _sparse(rows, centre) if isinstance(rows, SparseRows) else _dense(rows, centre)
    scale = np.sqrt(variance)
    constant = scale <= 1e-13 * np.abs(mean)  # a spread no larger than rounding
    return mean, np.where(np.isinf(scale), np.nan, np.where(constant | (scale == 0.0), np.inf, scale))


def _dense(rows: DenseRows, centre: bool) -> tuple[np.ndarray, np.ndarray]:
    """One pass, merged without the cancellation of Σx² - (Σx)² (Chan, Golub and LeVeque, 1983)."""
    total, mean, spread = 0.0, np.zeros(rows.p), np.zeros(rows.p)
    for block in rows.blocks():
        X = np.asarray(block.X, dtype=np.float64)
        s = np.ones(len(X)) if block.weight is None else block.weight
        weight = float(s.sum())
        if weight == 0.0:
            continue
        block_mean = s @ X / weight if centre else np.zeros(rows.p)
        block_spread = s @ np.square(X - block_mean)
        moved = block_mean - mean
        total += weight
        mean += moved * (weight / total)
        spread += block_spread + moved**2 * (weight * (total - weight) / total)
    return mean, spread / total


def _sparse(rows: SparseRows, centre: bool) -> tuple[np.ndarray, np.ndarray]:
    """Two passes: the means, then the squares about them, the zeros that are not stored counted by their weight."""
    total, X = rows.total_weight, rows.X
    sums, filled, spread = np.zeros(rows.p), np.zeros(rows.p), np.zeros(rows.p)
    for indices, values, s in _pieces(X, rows.weight):
        sums += np.bincount(indices, s * values, rows.p)
        filled += np.bincount(indices, s, rows.p)
    mean = sums / total if centre else np.zeros(rows.p)
    for indices, values, s in _pieces(X, rows.weight):
        spread += np.bincount(indices, s * np.square(values - mean[indices]), rows.p)
    return mean, (spread + np.maximum(total - filled, 0.0) * mean**2) / total


def _pieces(X: Csr, weight: np.ndarray | None) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Columns, values and weights of the entries, a million at a time or what one sum of p columns is worth."""
    step = max(1 << 20, 4 * X.p)
    first, last = int(X.indptr[0]), int(X.indptr[-1])
    for start in range(first, last, step):
        stop = min(start + step, last)
        values = X.data[start:stop].astype(np.float64)
        s = np.ones(stop - start)
        if weight is not None:
            row = np.searchsorted(X.indptr, start, side="right") - 1
            end = int(np.searchsorted(X.indptr, stop, side="left"))
            counts = np.diff(np.clip(X.indptr[row : end + 1], start, stop))
            s = np.repeat(weight[row:end], counts)
        yield X.indices[start:stop], values, s
