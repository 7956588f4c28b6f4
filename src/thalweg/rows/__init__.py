"""Rows: what a kernel reads. A `Rows` knows its size and yields `Block`s, cut by position."""

from thalweg.rows.block import Block, RandomAccessRows, Rows
from thalweg.rows.dense import DenseRows

__all__ = ["Block", "DenseRows", "RandomAccessRows", "Rows"]
