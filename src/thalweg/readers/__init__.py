"""Readers: whatever holds rows, as a `Table`."""

from thalweg.readers.sources import open_table
from thalweg.readers.table import DEFAULT_MISSING, Table

__all__ = ["DEFAULT_MISSING", "Table", "open_table"]
