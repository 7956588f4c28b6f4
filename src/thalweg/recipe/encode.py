"""Replaying a recipe on a table: batch by batch, as one dense array or, where most of it would be zeros, compressed."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_array, hstack, vstack

from thalweg.errors import DataError
from thalweg.readers import Table
from thalweg.readers.table import hole_sql
from thalweg.recipe.columns import UNSEEN, CategoryColumn, Column, MatrixColumns, NumberColumn, TextColumn
from thalweg.recipe.text import Counter
from thalweg.rows import Csr

_FILLED = 2 / 3  # share of cells from which a dense array is the smaller one: 8 bytes a cell against 12 an entry
_DENSE_COLUMNS = 1500
_DENSE_CELLS = 1 << 27  # 1 GiB


def encode(
    table: Table, columns: Sequence[Column], mean: np.ndarray, scale: np.ndarray, missing: tuple[str, ...]
) -> np.ndarray | Csr:
    """(n, p), centred and scaled: float64 in C order, or compressed, then centred and scaled implicitly.

    Raises DataError for a column that is missing, or whose values are of another kind, with row and value.
    """
    columns = list(_named(columns, mean))
    readers = [_READERS[type(column)](table, column, missing) for column in columns]
    expressions = [reader.expression for reader in readers]
    batches = table.batches(expressions) if expressions else iter(())
    if not _compressed(columns, table.n):
        return _dense(table, readers, batches, mean, scale)
    # numbers fill their columns anyway, so they are centred as they stand: implicitly, a timestamp would cancel
    full = np.concatenate([np.full(column.width, isinstance(column, NumberColumn)) for column in columns])
    X = _sparse(table, readers, batches, np.where(full, mean, 0.0), np.where(full, scale, 1.0))
    mean, scale = np.where(full, 0.0, mean), np.where(full, 1.0, scale)
    centred, scaled = bool(mean.any()), bool((scale != 1.0).any())
    return Csr(X.indptr, X.indices, X.data, X.p, mean if centred else None, scale if scaled else None)


def _named(columns: Sequence[Column], mean: np.ndarray) -> Iterator[Column]:
    """The columns of a matrix one by one: a table has them by name."""
    j = 0
    for column in columns:
        if isinstance(column, MatrixColumns):
            for i, term in enumerate(column.terms()):
                yield NumberColumn(term.name, "number", float(mean[j + i]), False)
        else:
            yield column
        j += column.width


def _compressed(columns: Sequence[Column], n: int) -> bool:
    """Whether the table is kept compressed: it has text, or many columns that are mostly zeros."""
    if any(isinstance(column, TextColumn) for column in columns):
        return True
    p = sum(column.width for column in columns)
    most = sum(1 if isinstance(column, CategoryColumn) else column.width for column in columns)
    return (p > _DENSE_COLUMNS or n * p > _DENSE_CELLS) and most < _FILLED * p


def _dense(table: Table, readers: Sequence["_Reader"], batches: Any, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    X = np.empty((table.n, len(mean)))
    for places, batch in batches:
        j = 0
        for i, reader in enumerate(readers):
            assert not isinstance(reader, _Texts)  # a table with text is always compressed
            for values in reader.dense(batch.column(i), places):
                X[places, j] = (values - mean[j]) / scale[j]
                j += 1
    return X


def _sparse(table: Table, readers: Sequence["_Reader"], batches: Any, mean: np.ndarray, scale: np.ndarray) -> Csr:
    """The columns side by side; mean and scale are applied to those that come dense."""
    parts, numbers = [], []
    for places, batch in batches:
        blocks, j = [], 0
        for i, reader in enumerate(readers):
            part = reader.sparse(batch.column(i), places)
            width = part.shape[1]
            if isinstance(part, np.ndarray):
                part = csr_array((part - mean[j : j + width]) / scale[j : j + width])
            blocks.append(part)
            j += width
        parts.append(hstack(blocks, format="csr"))
        numbers.append(np.arange(table.n)[places])
    order = np.concatenate(numbers)
    X = vstack(parts, format="csr") if len(parts) > 1 else parts[0]
    return Csr.of_scipy(X if (np.diff(order) == 1).all() else X[np.argsort(order)])


class _Numbers:
    """One column on its way into the matrix, as the two below: what SQL asks for, and what its batches become.

    `dense` gives the columns one by one; `sparse` all of them, compressed, or as an array where they have no zeros.
    """

    def __init__(self, table: Table, column: NumberColumn, missing: tuple[str, ...]) -> None:
        self.table, self.column = table, column
        self.expression = self._sql(missing)

    def dense(self, batch: Any, places: np.ndarray | slice) -> Iterator[np.ndarray]:
        raw = batch.to_numpy(zero_copy_only=False)
        if np.isinf(raw).any():
            found = int(np.argmax(np.isinf(raw)))
            row = places.start + found if isinstance(places, slice) else int(places[found])
            raise DataError(
                f"{self.table.place(row)}: column {self.column.name!r} holds {raw[found]}; a finite number was "
                "expected, or nothing at all for a hole."
            )
        yield from self.column.values(raw)

    def sparse(self, batch: Any, places: np.ndarray | slice) -> Any:
        return np.column_stack(list(self.dense(batch, places)))

    def _sql(self, missing: tuple[str, ...]) -> str:
        table, column = self.table, self.column
        kind = table.require(column.name, "this model")
        if kind == column.kind:
            return f"coalesce({table.number(column.name)}, 'nan'::DOUBLE)"
        text = hole_sql(f"trim({table.sql(column.name)}::VARCHAR)", missing)
        if table.database.run(f"SELECT count({text}) FROM rows")[0][0] == 0:
            return "CAST('nan' AS DOUBLE)"  # nothing but holes has no kind of its own
        cast = "DOUBLE" if column.kind == "number" else "TIMESTAMP"
        found = table.first_row(f"{text} IS NOT NULL AND TRY_CAST({text} AS {cast}) IS NULL", column.name)
        if found is None and column.kind == "number":
            return f"coalesce(TRY_CAST({text} AS DOUBLE), 'nan'::DOUBLE)"
        if found is None:
            return f"coalesce(epoch_us(TRY_CAST({text} AS TIMESTAMP)) / 86400e6, 'nan'::DOUBLE)"
        row, value = found
        raise DataError(
            f"{table.place(row)}: column {column.name!r} holds {value!r}, but the model learnt a {column.kind} there."
        )


class _Levels:
    def __init__(self, table: Table, column: CategoryColumn, missing: tuple[str, ...]) -> None:
        table.require(column.name, "this model")
        self.column = column
        self.expression = table.words(column.name, missing)
        self._known, self._hole, self._unseen = column.codes()

    def dense(self, batch: Any, places: np.ndarray | slice) -> Iterator[np.ndarray]:
        yield from self.column.values(self._codes(batch))

    def sparse(self, batch: Any, places: np.ndarray | slice) -> Any:
        codes, width = self._codes(batch), self.column.width
        has = (codes != UNSEEN) & (codes < width)
        indptr = np.concatenate([[0], np.cumsum(has)])
        X = csr_array((np.ones(indptr[-1]), codes[has].astype(np.int32), indptr), shape=(len(codes), width))
        unseen = csr_array((codes == UNSEEN).astype(np.float64)[:, None])
        return X + unseen @ csr_array(np.array(self.column.shares)[None, :]) if unseen.nnz else X

    def _codes(self, batch: Any) -> np.ndarray:
        coded = batch.dictionary_encode()
        codes = [self._known.get(value, self._unseen) for value in coded.dictionary.to_pylist()]
        places = coded.indices.fill_null(len(codes)).to_numpy(zero_copy_only=False)
        return np.array([*codes, self._hole], dtype=np.int64)[places]


class _Texts:
    def __init__(self, table: Table, column: TextColumn, missing: tuple[str, ...]) -> None:
        table.require(column.name, "this model")
        self.expression = f"coalesce({table.text(column.name, missing)}, '')"
        self._count = Counter(column)

    def sparse(self, batch: Any, places: np.ndarray | slice) -> Any:
        return self._count(batch.to_pylist())


_Reader = _Numbers | _Levels | _Texts
_READERS: dict[type, Any] = {NumberColumn: _Numbers, CategoryColumn: _Levels, TextColumn: _Texts}
