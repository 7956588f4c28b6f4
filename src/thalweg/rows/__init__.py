"""Rows: what a kernel reads. A `Rows` knows its size and yields `Block`s, cut by position."""

from thalweg.rows.block import Block, RandomAccessRows, Rows
from thalweg.rows.csr import Csr
from thalweg.rows.dense import DenseRows, rows_per_block
from thalweg.rows.labels import Labels, is_hard, labels_of, of_one_class
from thalweg.rows.memory import MemoryRows, in_memory
from thalweg.rows.moments import centre_and_scale
from thalweg.rows.null_model import null_model
from thalweg.rows.sparse import SparseRows
from thalweg.rows.squares import column_squares

__all__ = [
    "Block",
    "Csr",
    "DenseRows",
    "Labels",
    "MemoryRows",
    "RandomAccessRows",
    "Rows",
    "SparseRows",
    "centre_and_scale",
    "column_squares",
    "in_memory",
    "is_hard",
    "labels_of",
    "null_model",
    "of_one_class",
    "rows_per_block",
]
