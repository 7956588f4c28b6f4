"""Whatever rows a fit is given, as the numbers it runs on: a table through the recipe, or arrays as they are."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from thalweg.errors import DataError, UsageError
from thalweg.readers import DEFAULT_MISSING, Table, open_table
from thalweg.recipe import Recipe, from_arrays, learn, read_offset, read_weights
from thalweg.rows import DenseRows
from thalweg.train import arrays
from thalweg.train.options import Options


@dataclass(frozen=True)
class Source:
    """The columns' roles and how to read them: everything a fit is told about its rows rather than about itself.

    target, weights, offset      column names; for (X, y), weights and offset are (n,) arrays
    only, drop, categorical      column names
    positive, classes            which label is 1; both labels, for arrays that may lack one
    reading                      what `open_table` takes: header, format, missing, database, connection
    """

    target: str | None = None
    weights: Any = None
    offset: Any = None
    only: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    max_levels: int = 100
    positive: Any = None
    classes: tuple[Any, Any] | None = None
    reading: dict[str, Any] | None = None


@dataclass(frozen=True)
class Prepared:
    """Rows ready to run on, and what is needed to do the same to others.

    rows      training rows, class weights included
    holdout   held-out rows with their own weights, or None
    recipe    raw columns -> matrix
    classes   (negative, positive)
    origin    for the model's `data`: source, fingerprint
    """

    rows: DenseRows
    holdout: DenseRows | None
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
    prepared = (_from_arrays if is_arrays(rows) else _from_table)(rows, source, options, holdout)
    weight = arrays.class_weights(prepared.rows.weight, prepared.rows.y, options.class_weight, prepared.classes)
    return replace(prepared, rows=replace(prepared.rows, weight=weight))


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


def _from_table(rows: Any, source: Source, options: Options, holdout: Any) -> Prepared:
    if source.classes is not None:
        raise UsageError("classes goes with arrays (X, y); for a table, --positive names the label that is 1.")
    for name in ("weights", "offset"):
        if getattr(source, name) is not None and not isinstance(getattr(source, name), str):
            raise UsageError(f"{name} must be the name of a column when the rows are a table.")
    table = open_table(rows, **(source.reading or {}))
    target = source.target if source.target is not None else table.label
    if target is None:
        raise UsageError(f"--target is missing: which column of {table.name} is to be learnt? {table.listing()}")
    training = training_mask(table.n, options.holdout, options.seed)
    recipe = learn(
        table,
        target=target,
        weights=source.weights,
        offset=source.offset,
        only=source.only,
        drop=source.drop,
        positive=source.positive,
        categorical=source.categorical,
        max_levels=source.max_levels,
        standardize=options.standardize,
        intercept=options.intercept,
        training=training,
        missing=(source.reading or {}).get("missing") or DEFAULT_MISSING,
    )
    everything = labelled(recipe, table)
    kept, held_out = split(everything, training)
    if holdout is not None:
        held_out = labelled(recipe, open_table(holdout, **_for_second_file(source.reading)))
    assert recipe.target is not None
    origin = {"source": table.name, "fingerprint": table.fingerprint}
    return Prepared(kept, held_out, recipe, recipe.target.classes, origin)


def _for_second_file(reading: dict[str, Any] | None) -> dict[str, Any]:
    """A held-out file is read like the first, but is a file even where the first was a query."""
    return {key: value for key, value in (reading or {}).items() if key not in ("database", "connection")}


def labelled(recipe: Recipe, table: Table) -> DenseRows:
    """A table with its target, weights and offset, as the recipe encodes it."""
    return DenseRows(
        recipe.encode(table),
        recipe.encode_target(table),
        read_weights(table, recipe.weights) if recipe.weights is not None else None,
        read_offset(table, recipe.offset) if recipe.offset is not None else None,
    )


def split(rows: DenseRows, training: np.ndarray | None) -> tuple[DenseRows, DenseRows | None]:
    """The rows of the mask, and the others."""
    if training is None:
        return rows, None
    parts = []
    for mask in (training, ~training):
        block = rows.take(np.flatnonzero(mask))
        parts.append(DenseRows(block.X, block.y, block.weight, block.offset))
    return parts[0], parts[1]


def _from_arrays(rows: Any, source: Source, options: Options, holdout: Any) -> Prepared:
    given = {
        "--target": source.target,
        "--only": source.only,
        "--drop": source.drop,
        "--categorical": source.categorical,
        "reading options": source.reading,
    }
    for name, value in given.items():
        if value:
            raise UsageError(
                f"{name} goes with a table; arrays (X, y) have no named columns. Give a data frame instead."
            )
    data, classes = array_rows(rows[0], rows[1], source.weights, source.offset, source.positive, source.classes)
    data, held_out = split(data, training_mask(data.n, options.holdout, options.seed))
    if len(np.unique(data.y)) < 2 and source.classes is None and held_out is not None:
        raise DataError("all training rows are of one class, since the other is held out; try another --seed.")
    if holdout is not None:
        if not is_arrays(holdout):
            raise UsageError("holdout must be (X, y) too when the rows are arrays.")
        held_out = _held_out_arrays(holdout, data.p, classes)
    centre, scale = np.zeros(data.p), np.ones(data.p)
    if options.standardize:
        centre, scale = arrays.centre_and_scale(data, centre=options.intercept)
        if not (np.isfinite(centre).all() and np.isfinite(scale).all()):
            arrays.refuse_non_finite(data)
        data = replace(data, centre=centre, scale=scale)
        held_out = None if held_out is None else replace(held_out, centre=centre, scale=scale)
    recipe = from_arrays(column_names(rows[0], data.p), centre, scale, options.standardize)
    return Prepared(data, held_out, recipe, classes, {"source": "arrays", "fingerprint": ""})


def array_rows(
    X: Any, y: Any, weights: Any = None, offset: Any = None, positive: Any = None, classes: Any = None
) -> tuple[DenseRows, tuple[Any, Any]]:
    """(X, y) checked, as rows, and the (negative, positive) labels."""
    array = arrays.matrix(X)
    n = len(array)
    coded, labels = arrays.labels(y, n, positive, classes)
    weight = arrays.sample_weights(weights, n)
    if weight is not None and classes is None and len(np.unique(coded[weight > 0])) < 2:
        raise DataError("all rows of one class have weight 0: nothing tells classes apart.")
    return DenseRows(array, coded, weight, arrays.per_row(offset, n, "offset")), labels


def _held_out_arrays(holdout: Any, p: int, classes: tuple[Any, Any]) -> DenseRows:
    rows, _ = array_rows(holdout[0], holdout[1], classes=classes)
    if rows.p != p:
        raise DataError(f"the held-out X has {rows.p} columns, but the training X has {p}.")
    return rows


def column_names(X: Any, p: int) -> tuple[str, ...]:
    """A frame's column names, or x0, x1, ..."""
    names = getattr(X, "columns", None)
    return tuple(f"x{j}" for j in range(p)) if names is None else tuple(str(name) for name in names)
