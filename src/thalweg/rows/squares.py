"""Sums of squares of the columns of a block, dense or compressed."""

import numpy as np

from thalweg.rows.block import Block
from thalweg.rows.csr import Csr


def column_squares(block: Block) -> np.ndarray:
    """(p,) Σ s·x² of every column."""
    if isinstance(block.X, Csr):
        return block.X.squares(block.weight)
    X = np.asarray(block.X, dtype=np.float64)
    return np.asarray(np.einsum("ij,ij->j", X, X) if block.weight is None else block.weight @ (X * X))
