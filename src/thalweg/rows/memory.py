"""Rows in memory, dense or sparse: which of the two a matrix makes."""

import numpy as np

from thalweg.rows.csr import Csr
from thalweg.rows.dense import DenseRows
from thalweg.rows.sparse import SparseRows

MemoryRows = DenseRows | SparseRows


def in_memory(
    X: np.ndarray | Csr, y: np.ndarray, weight: np.ndarray | None = None, offset: np.ndarray | None = None
) -> MemoryRows:
    """Rows of that matrix, (n,) labels, weights and offsets."""
    return SparseRows(X, y, weight, offset) if isinstance(X, Csr) else DenseRows(X, y, weight, offset)
