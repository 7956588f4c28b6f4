"""The columns that are neither learnt from nor learnt: sample weights and offsets."""

import numpy as np

from thalweg.errors import DataError
from thalweg.readers import DEFAULT_MISSING, Table
from thalweg.readers.table import hole_sql


def read_weights(table: Table, name: str) -> np.ndarray:
    """(n,) sample weights. Raises DataError for a hole, a negative, or nothing but zeros."""
    weights = _read(table, name, "--weights")
    if (weights < 0).any():
        row = int(np.argmax(weights < 0))
        raise DataError(f"{table.place(row)}: the weight in {name!r} is {weights[row]:g}; a weight must be at least 0.")
    if not (weights > 0).any():
        raise DataError(f"{table.name}: the weights in {name!r} are all zero: no row counts.")
    with np.errstate(over="ignore"):
        if not np.isfinite(weights.sum()):
            raise DataError(
                f"{table.name}: the weights in {name!r}, up to {weights.max():g}, add up to infinity; divide them all "
                "by the largest."
            )
    return weights


def read_offset(table: Table, name: str) -> np.ndarray:
    """(n,) offsets. Raises DataError for a hole or an infinity."""
    return _read(table, name, "--offset")


def _read(table: Table, name: str, role: str) -> np.ndarray:
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
    bad = ~np.isfinite(out)
    if bad.any():
        row = int(np.argmax(bad))
        value = "no value" if np.isnan(out[row]) else f"{out[row]}"
        raise DataError(f"{table.place(row)}: column {name!r} holds {value}, but {role} needs a finite number.")
    return out
