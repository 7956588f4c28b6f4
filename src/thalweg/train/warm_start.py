"""What all rows take over from a sample's optimum: a point and a Hessian, held back where the sample says little.

A level that a few rows of the sample have may seem to decide between the classes, and one that none has seems to have
no curvature: on all rows the first would begin on the wrong side, and the second would get a step of any length.
"""

import numpy as np

from thalweg.optimizers.linear import solve_symmetric
from thalweg.rows import Csr, Rows, column_squares

_FEW = 100
_UNSEEN = 0.1  # share of a column's mean square below which a sample has not seen the column


def warm_start(
    theta: np.ndarray, hessian: np.ndarray, rows: Rows, squares: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """theta (d, 1) drawn towards zero, and the Hessian (d, d) to begin with, from those at the optimum of a sample.

    A weight gets a ridge where few rows tell its column from a constant: a normal prior of standard deviation 2 for
    their log-odds. A column that the sample has not seen gets the mean curvature of columns of its mean square.

    squares  (p,) mean squares of the columns over all rows, NaN where they are not known
    """
    p = rows.p
    found, telling = _columns(rows)
    ridge = np.zeros(len(theta))
    ridge[:p] = np.where(telling < _FEW, found / (4.0 * np.maximum(telling, 1.0)), 0.0)
    steady = solve_symmetric(hessian + np.diag(ridge), hessian @ theta)
    # an intercept is a column of ones
    diagonal = np.diag(hessian)
    curvature = diagonal[p] if len(theta) > p else diagonal.sum() / max(float(found.sum()), 1e-300)
    ridge[:p] += np.where(found < _UNSEEN * squares, curvature * squares, 0.0)
    return steady, hessian + np.diag(ridge)


def _columns(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Of each column (p,) the mean of its squares, and in how many rows it is not what it is in most of the others."""
    squares, low, high = np.zeros(rows.p), np.zeros(rows.p), np.zeros(rows.p)
    for block in rows.blocks():
        squares += column_squares(block)
        if isinstance(block.X, Csr):
            stored = np.bincount(block.X.indices, minlength=rows.p)
            low, high = low + stored, high + stored
        else:
            low += (block.X.min(axis=0) != block.X).sum(axis=0)
            high += (block.X.max(axis=0) != block.X).sum(axis=0)
    return squares / rows.total_weight, np.minimum(low, high)
