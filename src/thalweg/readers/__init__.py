"""Readers: whatever holds rows, as a `Table` with named columns, or as a matrix without."""

from thalweg.readers.libsvm import Matrix
from thalweg.readers.sources import open_rows, open_table
from thalweg.readers.table import DEFAULT_MISSING, Table

__all__ = ["DEFAULT_MISSING", "Matrix", "Table", "open_rows", "open_table"]
