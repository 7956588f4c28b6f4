"""Rows: what a kernel reads. A `Rows` knows its size and yields `Block`s, cut by position."""

from thalweg.rows.block import Block, RandomAccessRows, Rows
from thalweg.rows.csr import Csr
from thalweg.rows.dense import DenseRows
from thalweg.rows.sparse import SparseRows
from thalweg.rows.squares import column_squares

__all__ = ["Block", "Csr", "DenseRows", "RandomAccessRows", "Rows", "SparseRows", "column_squares"]
