"""Which columns are learnt from; and those that are neither learnt from nor learnt: sample weights and offsets."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from thalweg.errors import DataError, UsageError
from thalweg.readers import DEFAULT_MISSING, Table
from thalweg.readers.chunk import LARGEST
from thalweg.readers.stream import Columns
from thalweg.readers.table import hole_sql


def chosen(
    table: Table | Columns,
    target: Mapping[str, str],
    weights: str | None,
    offset: str | None,
    only: Sequence[str],
    drop: Sequence[str],
    categorical: Sequence[str],
    text: Sequence[str],
) -> list[str]:
    """The columns learnt from, in their order; `target` says which are learnt, option -> column.

    Raises UsageError where options contradict each other, DataError for a column that is not there or cannot be used.
    """
    roles = {**target, "--weights": weights, "--offset": offset}
    for role, column in roles.items():
        if column is not None:
            table.require(column, role)
            if column in drop or column in only:
                raise UsageError(
                    f"{column!r} is given to {role} and to --{'drop' if column in drop else 'only'} as well."
                )
    taken = [column for column in roles.values() if column is not None]
    if len(set(taken)) < len(taken):
        raise UsageError(f"one column is given two of the roles {', '.join([*target, '--weights'])} and --offset.")
    for option, listed in (("--only", only), ("--drop", drop), ("--categorical", categorical), ("--text", text)):
        for column in listed:
            table.require(column, option) if option != "--drop" else _require_present(table, column)
    for column in only:
        if column in drop:
            raise UsageError(f"{column!r} is named by --only and by --drop.")
    names = [name for name in table.columns if name not in taken and name not in drop and (not only or name in only)]
    for option, listed in (("--categorical", categorical), ("--text", text)):
        for name in listed:
            if name not in names:
                raise UsageError(f"{option} names {name!r}, which is not among the columns learnt from.")
    for name in text:
        if name in categorical:
            raise UsageError(f"{name!r} is named by --categorical and by --text.")
        if table.columns[name] != "text":
            raise DataError(f"{table.name}: --text names {name!r}, which holds {table.columns[name]}s, not text.")
    for name in names:
        table.require(name, "learning")
    return names


def _require_present(table: Table | Columns, column: str) -> None:
    if column not in table.columns:
        table.require(column, "--drop")


def read_weights(table: Table, name: str) -> np.ndarray:
    """(n,) sample weights. Raises DataError for a hole, a negative, what is too large, or nothing but zeros."""
    weights = _read(table, name, "--weights")
    if (weights < 0).any():
        row = int(np.argmax(weights < 0))
        raise DataError(f"{table.place(row)}: the weight in {name!r} is {weights[row]:g}; a weight must be at least 0.")
    _refuse_large(weights, name, "--weights", table.place)
    refuse_useless(weights, f"{table.name}: the weights in {name!r}")
    return weights


def refuse_useless(weights: np.ndarray, what: str) -> None:
    """Raise DataError for weights (n,) that are all zero, or too large to be added up."""
    if not (weights > 0).any():
        raise DataError(f"{what} are all zero: no row counts.")
    with np.errstate(over="ignore"):
        if not np.isfinite(weights.sum()):
            raise DataError(f"{what}, up to {weights.max():g}, add up to infinity; divide them all by the largest.")


def read_offset(table: Table, name: str) -> np.ndarray:
    """(n,) offsets. Raises DataError for a hole, an infinity, or what is too large to be squared."""
    offset = _read(table, name, "--offset")
    _refuse_large(offset, name, "--offset", table.place)
    return offset


def _read(table: Table, name: str, role: str) -> np.ndarray:
    out = read_numbers(table, name, role)
    refuse_infinite(out, name, role, table.place)
    return out


def read_numbers(table: Table, name: str, role: str) -> np.ndarray:
    """(n,) the numbers of a column that an option gives a role, NaN where there is a hole.

    Raises DataError for a column that is not there, or holds something else, with row and value.
    """
    kind = table.require(name, role)
    if kind != "number":
        text = hole_sql(f"trim({table.sql(name)}::VARCHAR)", DEFAULT_MISSING)
        found = table.first_row(f"{text} IS NOT NULL AND TRY_CAST({text} AS DOUBLE) IS NULL", name)
        value = f"holds {found[1]!r}" if found else f"holds {kind}s"
        where = table.place(found[0]) if found else table.name
        raise DataError(f"{where}: column {name!r} {value}, but {role} needs numbers.")
    out = np.empty(table.n)
    for places, batch in table.batches([table.number(name)]):
        out[places] = batch.column(0).to_numpy(zero_copy_only=False)
    return out


def _refuse_large(values: np.ndarray, name: str, role: str, place: Callable[[int], str]) -> None:
    large = np.abs(values) > LARGEST
    if large.any():
        row = int(np.argmax(large))
        raise DataError(
            f"{place(row)}: column {name!r} holds {values[row]:g}, but {role} needs numbers of at most {LARGEST:g}."
        )


def refuse_infinite(values: np.ndarray, name: str, role: str, place: Callable[[int], str]) -> None:
    """Raise DataError for the first of the values (n,) that is a hole or an infinity."""
    bad = ~np.isfinite(values)
    if bad.any():
        row = int(np.argmax(bad))
        value = "no value" if np.isnan(values[row]) else f"{values[row]}"
        raise DataError(f"{place(row)}: column {name!r} holds {value}, but {role} needs a finite number.")
