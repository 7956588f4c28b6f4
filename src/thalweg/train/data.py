"""Whatever rows a fit is given, as the numbers it runs on: a table through the recipe, or arrays as they are."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from thalweg import memory
from thalweg.errors import DataError, UsageError
from thalweg.readers import DEFAULT_MISSING, Matrix, Table, arrays, open_rows, open_table
from thalweg.readers.stream import Columns
from thalweg.readers.table import listing
from thalweg.recipe import (
    LIBSVM_TARGET,
    Counts,
    LabelColumn,
    MatrixColumns,
    Recipe,
    Target,
    TextOptions,
    asked_target,
    find_in,
    learn,
    read_offset,
    row_weights,
)
from thalweg.rows import Csr, MemoryRows, SparseRows, centre_and_scale, in_memory, of_one_class
from thalweg.train.class_weights import class_weights
from thalweg.train.options import Options

_FILLED = 0.25  # share of cells from which sparse rows of few columns are faster as an array
_DENSE_CELLS = 1 << 27
_FAR = 1e5  # deviations from 0 from which a square keeps fewer than six digits of a column's spread


@dataclass(frozen=True)
class Source:
    """The columns' roles and how to read them: everything a fit is told about its rows rather than about itself.

    target, weights, offset      column names; for (X, y), weights and offset are (n,) arrays
    soft                         whether the target holds shares of label 1
    successes, trials            columns of counts, in place of a target
    only, drop, categorical      column names
    positive, classes            which label is 1; both labels, for arrays that may lack one
    text                         text columns and how to read them
    reading                      what `open_rows` takes: header, format, missing, database, connection, sql_files
    """

    target: str | None = None
    soft: bool = False
    successes: str | None = None
    trials: str | None = None
    weights: Any = None
    offset: Any = None
    only: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    max_levels: int | None = None
    positive: Any = None
    classes: tuple[Any, Any] | None = None
    text: TextOptions = field(default_factory=TextOptions)
    reading: dict[str, Any] | None = None

    def asked(self, rows: Table | Columns) -> LabelColumn | Target:
        """The target among the columns of a table. Raises UsageError where there is none."""
        found = asked_target(self.target, self.positive, self.soft, self.successes, self.trials)
        if found is None:
            raise UsageError(
                f"--target is missing: which column of {rows.name} is to be learnt? {listing(rows.columns)}"
            )
        return found


@dataclass(frozen=True)
class Prepared:
    """Rows ready to run on, and what is needed to do the same to others.

    rows      training rows, class weights included: `MemoryRows`, or those of a stream
    holdout   held-out rows with their own weights, or None
    recipe    raw columns -> matrix
    classes   (negative, positive)
    origin    for the model's `data`: source, fingerprint
    """

    rows: Any
    holdout: MemoryRows | None
    recipe: Recipe
    classes: tuple[Any, Any]
    origin: dict[str, Any]


def is_arrays(rows: Any) -> bool:
    """Whether rows is (X, y)."""
    return isinstance(rows, tuple) and len(rows) == 2


def prepare(rows: Any, source: Source, options: Options, holdout: Any = None) -> Prepared:
    """Read, check, split and encode.

    holdout: a path, frame or (X, y) of held-out rows; a share stands in the options.
    """
    if is_arrays(rows):
        prepared = _from_arrays(rows, source, options, holdout)
    else:
        read = open_rows(rows, **(source.reading or {}))
        if isinstance(read, Matrix):
            prepared = _from_matrix(read, source, options, holdout)
        else:
            prepared = _from_table(read, source, options, holdout)
    if prepared.holdout is not None and not prepared.holdout.total_weight > 0.0:
        raise DataError("all held-out rows have weight 0, so there is nothing to judge by; hold out others.")
    data, counted = prepared.rows, isinstance(prepared.recipe.target, Counts)
    y, weight = class_weights(data.y, data.weight, options.class_weight, prepared.classes, counted)
    return replace(prepared, rows=replace(data, y=y, weight=weight))


def training_mask(n: int, share: float | None, seed: int) -> np.ndarray | None:
    """(n,) True for the rows to train on, a random share held out; None for all."""
    if share is None:
        return None
    held_out = round(share * n)
    if held_out == 0 or held_out == n:
        raise DataError(
            f"--holdout {share:g} of {n} rows leaves {'none to hold out' if held_out == 0 else 'none to train on'}."
        )
    mask = np.ones(n, dtype=bool)
    mask[np.random.default_rng([seed, n]).permutation(n)[:held_out]] = False
    return mask


def _from_table(table: Table, source: Source, options: Options, holdout: Any) -> Prepared:
    if source.classes is not None:
        raise UsageError("classes goes with arrays (X, y); for a table, --positive names the label that is 1.")
    for name in ("weights", "offset"):
        if getattr(source, name) is not None and not isinstance(getattr(source, name), str):
            raise UsageError(f"{name} must be the name of a column when the rows are a table.")
    target = source.asked(table)
    training = training_mask(table.n, options.holdout, options.seed)
    recipe = learn(
        table,
        target=target,
        weights=source.weights,
        offset=source.offset,
        only=source.only,
        drop=source.drop,
        categorical=source.categorical,
        max_levels=source.max_levels,
        standardize=options.standardize,
        intercept=options.intercept,
        reference=options.unpenalised,
        training=training,
        missing=(source.reading or {}).get("missing") or DEFAULT_MISSING,
        text=source.text,
    )
    kept, held_out = split(labelled(recipe, table), training)
    _refuse_one_class(kept, table.name)
    if holdout is not None:
        held_out = labelled(recipe, open_table(holdout, **_for_second_file(source.reading)))
    assert recipe.target is not None
    origin = {"source": table.name, "fingerprint": table.fingerprint}
    return Prepared(kept, held_out, recipe, recipe.target.classes, origin)


def _for_second_file(reading: dict[str, Any] | None) -> dict[str, Any]:
    """A held-out file is read like the first, but is a file even where the first was a query."""
    return {key: value for key, value in (reading or {}).items() if key not in ("database", "connection", "sql_files")}


def labelled(recipe: Recipe, table: Table | Matrix) -> MemoryRows:
    """A table with its target, weights and offset, as the recipe encodes it."""
    X, y = recipe.encode(table), recipe.encode_target(table)
    if isinstance(table, Matrix):
        return in_memory(X, y)
    assert recipe.target is not None
    weight = row_weights(table, recipe.weights, recipe.target)
    return in_memory(X, y, weight, read_offset(table, recipe.offset) if recipe.offset is not None else None)


def _refuse_one_class(rows: MemoryRows, source: str) -> None:
    """Raise DataError where there is nothing that tells classes apart."""
    if of_one_class(rows.y, rows.weight):
        raise DataError(f"{source}: the rows to train on that weigh anything are of one class only.")


def split(rows: MemoryRows, training: np.ndarray | None) -> tuple[MemoryRows, MemoryRows | None]:
    """The rows of the mask, and the others."""
    if training is None:
        return rows, None
    if isinstance(rows.X, np.ndarray):  # the rows are there twice for a moment
        words = f"to hold rows out of {rows.n:,} with {rows.p:,} columns"
        memory.require(words, rows.X.nbytes, "a file or arrays of their own as --holdout need less")
    parts = []
    for mask in (training, ~training):
        block = rows.take(np.flatnonzero(mask))
        parts.append(in_memory(block.X, block.y, block.weight, block.offset))
    return parts[0], parts[1]


def _refuse_table_options(source: Source, what: str) -> None:
    given = {
        "--only": source.only,
        "--drop": source.drop,
        "--categorical": source.categorical,
        "--text": source.text.columns,
        "--max-levels": source.max_levels is not None,
        "--successes": source.successes is not None,
        "--trials": source.trials is not None,
    }
    for name, value in given.items():
        if value:
            raise UsageError(f"{name} goes with a table; {what} no named columns. Give a data frame instead.")


def _from_matrix(matrix: Matrix, source: Source, options: Options, holdout: Any) -> Prepared:
    _refuse_table_options(source, f"{matrix.name} is a libsvm file and has")
    for name in ("weights", "offset", "classes"):
        if getattr(source, name) is not None:
            raise UsageError(f"{name} goes with tables and arrays; a libsvm file has labels and columns only.")
    if (source.reading or {}).get("missing") is not None:
        raise UsageError("--missing goes with tables; what a libsvm file leaves out is 0.")
    if source.target not in (None, LIBSVM_TARGET):
        raise UsageError(f"--target {source.target}: a libsvm file has one target, the number its lines begin with.")
    asked = asked_target(LIBSVM_TARGET, source.positive, source.soft, None, None)
    assert asked is not None
    target = asked.found(lambda _, positive: find_in(matrix, positive))
    recipe = _recipe(MatrixColumns(matrix.X.p, None, "", matrix.first), target=target)
    data, held_out = split(
        in_memory(_smaller(matrix.X), target.encode(matrix)), training_mask(matrix.n, options.holdout, options.seed)
    )
    _refuse_one_class(data, matrix.name)
    if holdout is not None:
        second = open_rows(holdout, **_for_second_file(source.reading))
        if not isinstance(second, Matrix):
            raise UsageError(f"--holdout {second.name} must be a libsvm file like {matrix.name}.")
        held_out = labelled(recipe, second)
    origin = {"source": matrix.name, "fingerprint": matrix.fingerprint}
    return _standardized(data, held_out, recipe, target.classes, options, origin)


def _from_arrays(rows: Any, source: Source, options: Options, holdout: Any) -> Prepared:
    for name, value in (("--target", source.target), ("reading options", source.reading)):
        if value:
            raise UsageError(f"{name} goes with a table; arrays (X, y) have no columns to read. Give a data frame.")
    _refuse_table_options(source, "arrays (X, y) have")
    data, classes = array_rows(
        rows[0], rows[1], source.weights, source.offset, source.positive, source.classes, source.soft
    )
    training = training_mask(data.n, options.holdout, options.seed)
    if training is not None:  # later a bad row would be told by its number among those that train
        arrays.refuse_non_finite(data.X)
    data, held_out = split(data, training)
    if held_out is not None and source.classes is None and of_one_class(data.y, data.weight):
        raise DataError("all training rows are of one class, since the other is held out; try another --seed.")
    if holdout is not None:
        if not is_arrays(holdout):
            raise UsageError("holdout must be (X, y) too when the rows are arrays.")
        if source.offset is not None:
            raise UsageError(
                "the rows have an offset, which held-out arrays (X, y) lack; hold out a share of the rows, as in "
                "holdout=0.2, or give data frames with the offset as a column."
            )
        held_out = _held_out_arrays(holdout, data.p, classes, source.soft)
    names = getattr(rows[0], "columns", None)
    columns = MatrixColumns(data.p, None if names is None else tuple(str(name) for name in names))
    recipe = _recipe(columns, offset=None if source.offset is None else "offset")
    return _standardized(data, held_out, recipe, classes, options, {"source": "arrays", "fingerprint": ""})


def _recipe(columns: MatrixColumns, **more: Any) -> Recipe:
    return Recipe((columns,), np.zeros(columns.width), np.ones(columns.width), standardized=False, **more)


def _standardized(
    data: MemoryRows,
    held_out: MemoryRows | None,
    recipe: Recipe,
    classes: tuple[Any, Any],
    options: Options,
    origin: dict[str, Any],
) -> Prepared:
    if options.standardize:
        with np.errstate(over="ignore", invalid="ignore"):
            centre, scale = centre_and_scale(data, centre=options.intercept)
        bad = ~np.isfinite(centre) | np.isnan(scale)
        if bad.any():
            arrays.refuse_non_finite(data.X)
            raise DataError(
                f"the column {recipe.terms[int(np.argmax(bad))].name} holds numbers so large that their differences "
                "overflow; divide it by a power of ten."
            )
        notes = tuple(_far_from_zero(data, recipe, centre, scale))
        recipe = replace(recipe, mean=centre, scale=scale, standardized=True, notes=notes)
        data = data.standardized(centre, scale)
        held_out = None if held_out is None else held_out.standardized(centre, scale)
    return Prepared(data, held_out, recipe, classes, origin)


def _far_from_zero(data: MemoryRows, recipe: Recipe, centre: np.ndarray, scale: np.ndarray) -> Iterator[str]:
    """A note for each column that implicit centring costs more digits than are left: zeros of rows without weight."""
    if isinstance(data, SparseRows):
        for j in np.flatnonzero((np.abs(centre) > _FAR * scale) & (data.column_entries < data.n)):
            yield (
                f"{recipe.terms[j].name!r} lies {abs(centre[j]) / scale[j]:.0e} deviations from 0, where sparse "
                "columns lose their digits: subtract about its mean first, or give a dense array."
            )


def _smaller(X: Csr) -> np.ndarray | Csr:
    """Sparse rows as an array where few columns are well filled: each cell then costs less than an entry."""
    n, p = X.shape
    return np.asarray(X) if n * p <= _DENSE_CELLS and len(X.data) > _FILLED * n * p else X


def array_rows(
    X: Any,
    y: Any,
    weights: Any = None,
    offset: Any = None,
    positive: Any = None,
    classes: Any = None,
    soft: bool = False,
) -> tuple[MemoryRows, tuple[Any, Any]]:
    """(X, y) checked, as rows, and the (negative, positive) labels."""
    matrix = arrays.matrix(X)
    n = matrix.shape[0]
    coded, labels = arrays.labels(y, n, positive, classes, soft)
    weight = arrays.sample_weights(weights, n)
    if weight is not None and classes is None and of_one_class(coded, weight):
        raise DataError("all rows of one class have weight 0: nothing tells classes apart.")
    return in_memory(matrix, coded, weight, arrays.per_row(offset, n, "offset")), labels


def _held_out_arrays(holdout: Any, p: int, classes: tuple[Any, Any], soft: bool) -> MemoryRows:
    try:
        rows, _ = array_rows(holdout[0], holdout[1], classes=classes, soft=soft)
        arrays.refuse_non_finite(rows.X)
    except DataError as error:
        raise DataError(f"in the held-out rows: {error}") from None
    if rows.p != p:
        raise DataError(f"the held-out X has {rows.p} columns, but the training X has {p}.")
    return rows
