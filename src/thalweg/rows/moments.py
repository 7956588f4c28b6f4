"""Weighted means and standard deviations of the columns, dense or compressed, in a pass or two and without a copy."""

from collections.abc import Iterator

import numpy as np

from thalweg.rows.csr import Csr
from thalweg.rows.dense import DenseRows
from thalweg.rows.sparse import SparseRows

_SMALLEST = 1e-280  # a variance below has lost digits of its squares
_NEAR = 1e-6  # deviation, as a share of the mean, from which a sparse column's sums may have lost its digits
_CELLS = 1 << 22  # of the columns that are looked at twice


def centre_and_scale(rows: DenseRows | SparseRows, centre: bool) -> tuple[np.ndarray, np.ndarray]:
    """(p,) weighted means and standard deviations of the columns.

    A column of one value is scaled by infinity, to exact zeros. Where a deviation overflows it is NaN. With `centre`
    false the means are 0, and the scale is the root of the mean square, so that no intercept slips in.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        mean, variance = _sparse(rows, centre) if isinstance(rows, SparseRows) else _dense(rows, centre)
        scale = np.sqrt(variance)
        unsure = ~(variance >= _SMALLEST) | np.isinf(variance)
        if isinstance(rows, SparseRows):
            unsure = (unsure | (scale <= _NEAR * np.abs(mean))) & (rows.column_entries > 0)
        step = max(1, _CELLS // max(rows.n, 1))
        chosen = np.flatnonzero(unsure)
        for some in (chosen[i : i + step] for i in range(0, len(chosen), step)):
            mean[some], scale[some] = _again(rows, some, centre)
    return mean, np.where(np.isinf(scale), np.nan, np.where(scale == 0.0, np.inf, scale))


def _again(rows: DenseRows | SparseRows, columns: np.ndarray, centre: bool) -> tuple[np.ndarray, np.ndarray]:
    """Means and deviations of columns whose squares leave the range of float64, or whose spread is small: in units
    of their largest difference from the first row."""
    X, weight = np.asarray(rows.columns(columns).X, dtype=np.float64), rows.weight
    if weight is not None:
        X, weight = X[weight > 0.0], weight[weight > 0.0]
    first = X[0] if centre else np.zeros(len(columns))
    unit = np.abs(X - first).max(axis=0)
    halves = np.isinf(unit)  # the difference itself overflows
    unit = np.where(unit > 0.0, unit, 1.0)
    mean, variance = _dense(DenseRows((X - first) / unit, np.empty(len(X)), weight), centre)
    deviation = np.where(halves, np.inf, np.sqrt(variance) * unit)
    return first + mean * unit, deviation


def _dense(rows: DenseRows, centre: bool) -> tuple[np.ndarray, np.ndarray]:
    """One pass, merged without the cancellation of Σx² - (Σx)² (Chan, Golub and LeVeque, 1983).

    Differences from the first row that counts: they are exact where a column is far from 0, and 0 where it is constant.
    """
    total, mean, spread = 0.0, np.zeros(rows.p), np.zeros(rows.p)
    counted = 0 if rows.weight is None else int(np.argmax(rows.weight > 0.0))
    first = np.asarray(rows.X[counted], dtype=np.float64) if centre else np.zeros(rows.p)
    for block in rows.blocks():
        X = np.asarray(block.X, dtype=np.float64) - first
        s = np.ones(len(X)) if block.weight is None else block.weight
        weight = float(s.sum())
        if weight == 0.0:
            continue
        block_mean = s @ X / weight if centre else np.zeros(rows.p)
        X -= block_mean
        block_spread = s @ np.square(X, out=X)
        moved = block_mean - mean
        total += weight
        mean += moved * (weight / total)
        spread += block_spread + moved**2 * (weight * (total - weight) / total)
    return first + mean, spread / total


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
