"""Replaying a recipe on a table or on the chunks of a stream.

The result is a dense array or, where most of it would be zeros, compressed.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_array, hstack, vstack

from thalweg import memory
from thalweg.errors import DataError
from thalweg.readers import Table
from thalweg.readers.chunk import WORDY, Chunk, infinite
from thalweg.readers.table import hole_sql
from thalweg.recipe.arrow_memory import same_memory
from thalweg.recipe.columns import UNSEEN, CategoryColumn, MatrixColumns, NumberColumn, TextColumn
from thalweg.recipe.hashing import HashedColumns
from thalweg.recipe.text import Counter, with_empty_row
from thalweg.rows import Csr

Column = NumberColumn | CategoryColumn | TextColumn | MatrixColumns | HashedColumns

_FILLED = 2 / 3  # share of cells from which a dense array is the smaller one: 8 bytes a cell against 12 an entry
_DENSE_COLUMNS = 1500
_NARROW, _THIN = 150, 1 / 8  # columns up to which, and share of cells from which, a dense array is the faster one
_DENSE_CELLS = 1 << 27  # 1 GiB


def encode(
    table: Table, columns: Sequence[Column], mean: np.ndarray, scale: np.ndarray, missing: tuple[str, ...]
) -> np.ndarray | Csr:
    """(n, p), centred and scaled: float64 in C order, or compressed, then centred and scaled implicitly.

    Raises DataError for a column that is missing, or whose values are of another kind, with row and value.
    """
    columns = list(_named(columns, mean))
    forms = forms_of(columns)
    expressions = {name: _sql(table, name, form, missing) for name, form in forms.items()}
    encoder = Encoder(columns, mean, scale)
    compressed = _compressed(columns, table.n)
    if not compressed:
        cells = f"for {table.n:,} rows of {len(mean):,} columns"
        memory.require(cells, 8 * table.n * len(mean), f"{memory.STREAM}, --only and --drop fewer columns")
    X = np.empty((0 if compressed else table.n, len(mean)))
    parts, numbers = [], []
    for places, batch in table.batches(list(expressions.values())) if expressions else ():
        chunk = _as_chunk(table, places, batch, forms)
        if compressed:
            parts.append(encoder.sparse(chunk))
            numbers.append(np.arange(table.n)[places])
        else:
            X[places] = encoder.dense(chunk)
    if not compressed:
        return X
    order = np.concatenate(numbers)
    stacked = vstack(parts, format="csr") if len(parts) > 1 else parts[0]
    return encoder.standing_for(Csr.of_scipy(stacked if (np.diff(order) == 1).all() else stacked[np.argsort(order)]))


class ChunkEncoder:
    """Chunk after chunk as (n, p) rows, all of them dense or all of them compressed."""

    def __init__(self, columns: Sequence[Column], mean: np.ndarray, scale: np.ndarray) -> None:
        self._encoder = Encoder(list(_named(columns, mean)), mean, scale)
        self.compressed = _compressed(columns, 1)

    def __call__(self, chunk: Chunk) -> np.ndarray | Csr:
        """The rows of a chunk, as `encode` gives those of a table."""
        if self.compressed:
            return self._encoder.standing_for(Csr.of_scipy(self._encoder.sparse(chunk)))
        return self._encoder.dense(chunk)


def forms_of(columns: Sequence[Column]) -> dict[str, str]:
    """Which raw columns they come from, and in which form: "number", "date", "text" or "words"."""
    forms: dict[str, str] = {}
    for column in columns:
        if isinstance(column, NumberColumn):
            forms[column.name] = column.kind
        elif isinstance(column, HashedColumns):
            forms |= {
                **dict.fromkeys(column.hashing.categories, "words"),
                **dict.fromkeys(column.hashing.texts, "text"),
            }
        else:
            forms |= dict.fromkeys(column.sources, "number" if isinstance(column, MatrixColumns) else "text")
    return forms


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
    """Whether the rows are kept compressed: they have text or hashed words, or many columns that are mostly zeros."""
    if any(isinstance(column, TextColumn | HashedColumns) for column in columns):
        return True
    p = sum(column.width for column in columns)
    most = sum(1 if isinstance(column, CategoryColumn) else column.width for column in columns)
    large = p > _DENSE_COLUMNS or n * p > _DENSE_CELLS
    return most < _FILLED * p if large else p > _NARROW and most < _THIN * p


_TURNED = 256  # rows turned from columns at a time: few enough that both stay in the cache


class Encoder:
    """Columns of the recipe, ready for any number of chunks."""

    def __init__(self, columns: Sequence[Column], mean: np.ndarray, scale: np.ndarray) -> None:
        self._encoders = [_ENCODERS[type(column)](column) for column in columns]
        self._mean, self._scale = mean, scale
        # numbers fill their columns anyway, so they are centred as they stand: implicitly, a timestamp would cancel
        full = [np.full(column.width, isinstance(column, NumberColumn)) for column in columns]
        applied = np.concatenate(full) if full else np.zeros(0, dtype=bool)
        later_mean, later_scale = np.where(applied, 0.0, mean), np.where(applied, 1.0, scale)
        self._later_mean = later_mean if later_mean.any() else None
        self._later_scale = later_scale if (later_scale != 1.0).any() else None

    def dense(self, chunk: Chunk) -> np.ndarray:
        """(m, p), centred and scaled."""
        columns, j = np.empty((len(self._mean), chunk.n)), 0
        for encoder in self._encoders:
            assert not isinstance(encoder, _Texts | _Hashed)  # rows with text are always compressed
            for values in encoder.dense(chunk):
                np.subtract(values, self._mean[j], out=columns[j])
                columns[j] /= self._scale[j]
                j += 1
        X = np.empty((chunk.n, len(columns)))
        for start in range(0, chunk.n, _TURNED):
            X[start : start + _TURNED] = columns[:, start : start + _TURNED].T
        return X

    def sparse(self, chunk: Chunk) -> Any:
        """(m, p) CSR; mean and scale are applied to the numbers only."""
        blocks, j = [], 0
        for encoder in self._encoders:
            block = encoder.sparse(chunk)
            width = block.shape[1]
            if isinstance(block, np.ndarray):
                block = csr_array((block - self._mean[j : j + width]) / self._scale[j : j + width])
            blocks.append(block)
            j += width
        return hstack(blocks, format="csr")

    def standing_for(self, X: Csr) -> Csr:
        """What `sparse` made, with the mean and the scale that it did not apply."""
        return Csr(X.indptr, X.indices, X.data, X.p, self._later_mean, self._later_scale)


class _Numbers:
    """One column on its way into the matrix, as those below.

    `dense` gives the columns one by one; `sparse` all of them, compressed, or as an array where they have no zeros.
    """

    def __init__(self, column: NumberColumn) -> None:
        self.column = column

    def dense(self, chunk: Chunk) -> Iterator[np.ndarray]:
        raw = chunk.numbers(self.column.name)
        if np.isinf(raw).any():
            row = int(np.argmax(np.isinf(raw)))
            raise DataError(f"{chunk.place(row)}: {infinite(self.column.name, raw[row])}")
        yield from self.column.values(raw)

    def sparse(self, chunk: Chunk) -> Any:
        return np.column_stack(list(self.dense(chunk)))


class _Levels:
    def __init__(self, column: CategoryColumn) -> None:
        self.column = column
        self._known, self._hole, self._unseen = column.codes()
        self._last: tuple[Any, np.ndarray] | None = None  # a dictionary, and its words' codes: chunks may share it

    def dense(self, chunk: Chunk) -> Iterator[np.ndarray]:
        yield from self.column.values(self._codes(chunk))

    def sparse(self, chunk: Chunk) -> Any:
        codes, width = self._codes(chunk), self.column.width
        has = (codes != UNSEEN) & (codes < width)
        indptr = np.concatenate([[0], np.cumsum(has)])
        X = csr_array((np.ones(indptr[-1]), codes[has].astype(np.int32), indptr), shape=(len(codes), width))
        unseen = csr_array((codes == UNSEEN).astype(np.float64)[:, None])
        return X + unseen @ csr_array(np.array(self.column.shares)[None, :]) if unseen.nnz else X

    def _codes(self, chunk: Chunk) -> np.ndarray:
        places, words = chunk.codes(self.column.name)
        last = self._last
        if last is None or not same_memory(last[0], words):
            codes = [self._known.get(word, self._unseen) for word in words.to_pylist()]
            last = self._last = (words, np.array([*codes, self._hole], dtype=np.int64))
        return last[1][places]


class _Texts:
    def __init__(self, column: TextColumn) -> None:
        self._name, self._count = column.name, Counter(column)

    def sparse(self, chunk: Chunk) -> Any:
        places, texts = chunk.codes(self._name)
        return with_empty_row(self._count(texts.to_pylist()))[places]


class _Hashed:
    def __init__(self, column: HashedColumns) -> None:
        from thalweg.recipe.hasher import HashedEncoder

        self._encode = HashedEncoder(column)

    def sparse(self, chunk: Chunk) -> Any:
        return self._encode(chunk)


_ENCODERS: dict[type, Any] = {
    NumberColumn: _Numbers,
    CategoryColumn: _Levels,
    TextColumn: _Texts,
    HashedColumns: _Hashed,
}


def _as_chunk(table: Table, places: np.ndarray | slice, batch: Any, forms: Mapping[str, str]) -> Chunk:
    columns = {}
    for i, (name, form) in enumerate(forms.items()):
        columns[name] = batch.column(i).dictionary_encode() if form in WORDY else batch.column(i)

    def place(row: int) -> str:
        return table.place(places.start + row if isinstance(places, slice) else int(places[row]))

    return Chunk(columns, batch.num_rows, place, {})


def _sql(table: Table, name: str, form: str, missing: tuple[str, ...]) -> str:
    """What SQL asks for a column in that form. Raises DataError for the first value that is of another."""
    kind = table.require(name, "this model")
    if form in WORDY:
        return table.words(name, missing)
    if kind == form:
        return f"coalesce({table.number(name)}, 'nan'::DOUBLE)"
    text = hole_sql(f"trim({table.sql(name)}::VARCHAR)", missing)
    if table.database.run(f"SELECT count({text}) FROM rows")[0][0] == 0:
        return "CAST('nan' AS DOUBLE)"  # nothing but holes has no kind of its own
    cast = "DOUBLE" if form == "number" else "TIMESTAMP"
    found = table.first_row(f"{text} IS NOT NULL AND TRY_CAST({text} AS {cast}) IS NULL", name)
    if found is None and form == "number":
        return f"coalesce(TRY_CAST({text} AS DOUBLE), 'nan'::DOUBLE)"
    if found is None:
        return f"coalesce(epoch_us(TRY_CAST({text} AS TIMESTAMP)) / 86400e6, 'nan'::DOUBLE)"
    row, value = found
    raise DataError(f"{table.place(row)}: column {name!r} holds {value!r}, but the model learnt a {form} there.")
