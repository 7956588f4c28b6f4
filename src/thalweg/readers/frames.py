"""Data frames as DuckDB can hold them: pandas, polars or Arrow, told apart by where their type comes from."""

from numbers import Number
from typing import Any

import numpy as np

from thalweg.errors import DataError, UsageError
from thalweg.output import is_text
from thalweg.readers.arrays import label_array, matrix, refuse_non_finite
from thalweg.readers.database import Database
from thalweg.readers.forms import kind_of_type, mostly, number, number_word


def frame_rows(frame: Any) -> tuple[Database, list[str], dict[str, str]]:
    """The frame in a database's table `rows`, the names of its columns, and those left out with their type.

    Levels that are numbers become words, so that they are levels here too. Raises DataError where nothing can be read.
    """
    home = type(frame).__module__.split(".")[0]
    if home not in ("pandas", "polars", "pyarrow"):
        raise DataError(
            f"rows of type {type(frame).__name__} cannot be read; give a path, a pandas or polars frame, "
            "an Arrow table, SQL with a connection, or arrays (X, y)."
        )
    if hasattr(frame, "read_all"):
        frame = frame.read_all()
    if hasattr(frame, "collect_schema") and hasattr(frame, "collect"):
        frame = frame.collect()
    _refuse_names(frame)
    frame = {"pandas": _pandas, "polars": _polars, "pyarrow": _arrow}[home](frame)
    database = Database("data frame")
    unreadable: dict[str, str] = {}
    try:
        database.register("source", frame)
    except DataError:
        frame, unreadable = _readable(frame)
        database = Database("data frame")
        database.register("source", frame)
    return database, database.create_rows("SELECT * FROM source"), unreadable


def frame_batch(rows: Any, target: str | None) -> tuple[Any, str | None, dict[str, str]]:
    """A frame as one Arrow batch, the name of its target, and what kind each column is.

    Of arrays (X, y) the columns are x0, x1, ... and y, the target; of a frame the target is the one given. A column of
    numbers that has words in it is text, of the kind "number"; which words are none shows when it is read.

    Raises DataError where the rows cannot be read, UsageError for a target that arrays have no use for.
    """
    import pyarrow

    if isinstance(rows, tuple) and len(rows) == 2:
        if target is not None:
            raise UsageError("target goes with a table; for arrays (X, y), y is the target.")
        X = matrix(rows[0])
        if not isinstance(X, np.ndarray):
            raise DataError("sparse rows are not learnt online; give a table, whose words are hashed.")
        refuse_non_finite(X)
        y = label_array(rows[1], len(X))
        names = getattr(rows[0], "columns", [f"x{j}" for j in range(X.shape[1])])
        columns = {str(name): X[:, j] for j, name in enumerate(names)}
        target = "y" if "y" not in columns else "(y)"
        try:
            batch = pyarrow.RecordBatch.from_pydict({**columns, target: y})
        except (pyarrow.ArrowException, OverflowError, UnicodeError) as error:
            raise DataError(f"y cannot be read: {str(error).splitlines()[0]}.") from None
        return batch, target, _kinds(batch)
    home = type(rows).__module__.split(".")[0]
    if home not in ("pandas", "polars", "pyarrow"):
        raise DataError(
            f"rows of type {type(rows).__name__} cannot be read; give a pandas or polars frame, an Arrow table, or "
            "arrays (X, y)."
        )
    if type(rows).__name__ == "LazyFrame":
        raise DataError("rows of type LazyFrame cannot be read; hand over rows.collect(), or parts of it.")
    if type(rows).__name__ == "RecordBatchReader":
        raise DataError("rows of type RecordBatchReader cannot be read; hand its batches over one by one.")
    _refuse_names(rows)
    mixed: tuple[str, ...] = ()
    try:
        if home == "pandas":
            rows, mixed = _table_of(_pandas(rows))
        elif home == "polars":
            rows = _polars(rows).to_arrow()
        elif isinstance(rows, pyarrow.RecordBatch):
            rows = pyarrow.Table.from_batches([rows])
        batches = rows.combine_chunks().to_batches()
    except (pyarrow.ArrowException, AttributeError, OverflowError, UnicodeError) as error:
        found = "; ".join(map(str, error.args)).splitlines()[0]
        raise DataError(f"data frame: the rows cannot be read ({found}).") from None
    batch = batches[0] if batches else pyarrow.RecordBatch.from_pylist([], schema=rows.schema)
    return batch, target, {**_kinds(batch), **dict.fromkeys(mixed, "number")}


def _kinds(batch: Any) -> dict[str, str]:
    return {field.name: kind_of_type(field.type) for field in batch.schema}


def _table_of(frame: Any) -> tuple[Any, tuple[str, ...]]:
    """A pandas frame as an Arrow table, and those columns of numbers that have words among them.

    Arrow has no type for numbers and words; they become words, and are numbers where nine in ten are.
    """
    import pyarrow

    try:
        return pyarrow.Table.from_pandas(frame, preserve_index=False), ()
    except pyarrow.ArrowException:
        mixed = [name for name, dtype in frame.dtypes.items() if dtype.kind == "O" and _is_mixed(frame[name])]
        if not mixed:
            raise
    shares = [frame[name].dropna().map(lambda value: number(str(value)) is not None).mean() for name in mixed]
    frame = frame.copy(deep=False)
    for name in mixed:
        frame[name] = frame[name].map(lambda value: number_word(str(value)), na_action="ignore")
    numbers = tuple(str(name) for name, share in zip(mixed, shares, strict=True) if mostly(share, 1.0))
    return pyarrow.Table.from_pandas(frame, preserve_index=False), numbers


def _is_mixed(column: Any) -> bool:
    """Whether a column is one of words and numbers."""
    met = set(map(type, column.dropna()))
    return bool(met) and all(issubclass(one, str | Number) and not issubclass(one, bool) for one in met)


def _refuse_names(frame: Any) -> None:
    names = getattr(frame, "column_names", None) or list(getattr(frame, "columns", []))
    if len(names) == 0:
        raise DataError("data frame: there are no columns.")
    seen: set[str] = set()
    for column in map(str, names):
        if "\0" in column or not is_text(column):
            raise DataError(f"data frame: the column name {column!r} is not UTF-8 text; rename it.")
        if column.lower() in seen:
            raise DataError(f"data frame: the column name {column!r} stands twice (case does not count); rename one.")
        seen.add(column.lower())


def _pandas(frame: Any) -> Any:
    if not hasattr(frame, "dtypes"):
        raise DataError(f"rows of type {type(frame).__name__} cannot be read; give a data frame.")
    changed = frame.copy(deep=False)
    for name, dtype in frame.dtypes.items():
        column = frame[name]
        if dtype.name == "category" and column.cat.categories.dtype.kind in "iufb":
            changed[name] = column.cat.rename_categories(column.cat.categories.astype(str))
        elif dtype.name.startswith("Sparse"):
            changed[name] = column.sparse.to_dense()
        elif dtype.kind == "f" and dtype.itemsize not in (4, 8):
            changed[name] = column.astype(float)
    return changed


def _polars(frame: Any) -> Any:
    if not hasattr(frame, "get_columns"):
        raise DataError(f"rows of type {type(frame).__name__} cannot be read; give a data frame.")
    wide = [name for name, dtype in frame.schema.items() if str(dtype) in ("Int128", "UInt128", "Float16")]
    return frame.with_columns(frame[name].cast(float) for name in wide) if wide else frame


def _arrow(table: Any) -> Any:
    import pyarrow
    from pyarrow import types

    if not hasattr(table, "column_names"):
        raise DataError(f"rows of type {type(table).__name__} cannot be read; give a table.")
    if isinstance(table, pyarrow.RecordBatch):
        table = pyarrow.Table.from_batches([table])
    for i, field in enumerate(table.schema):
        column = table.column(i)
        if types.is_dictionary(field.type) and not types.is_large_string(field.type.value_type):
            column = column.cast(field.type.value_type).cast(pyarrow.string())
        elif types.is_float16(field.type) or types.is_decimal256(field.type):
            column = column.cast(pyarrow.float64())
        else:
            continue
        table = table.set_column(i, field.name, column)
    return table


def _readable(frame: Any) -> tuple[Any, dict[str, str]]:
    """The frame without the columns DuckDB refuses one by one, and their types."""
    if hasattr(frame, "column_names"):
        types = {field.name: field.type for field in frame.schema}
    else:
        types = dict(zip(frame.columns, frame.dtypes, strict=True))
    trial, unreadable = Database("data frame"), {}
    for i, name in enumerate(types):
        try:
            trial.register(f"column{i}", frame.select([name]) if hasattr(frame, "select") else frame[[name]])
        except DataError:
            unreadable[name] = str(types[name])
    kept = [name for name in types if name not in unreadable]
    if not kept:
        raise DataError(f"data frame: no column can be read: {unreadable}.")
    rest = frame.select(kept) if hasattr(frame, "select") else frame[kept]
    return rest, {str(name): held for name, held in unreadable.items()}
