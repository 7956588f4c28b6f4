"""Arrays in: (X, y) checked, labels turned into 0 and 1, columns centred and scaled without a copy of X."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from thalweg.errors import DataError
from thalweg.recipe.target import label_key
from thalweg.rows import DenseRows


def matrix(X: Any) -> np.ndarray:
    """X as an (n, p) array of numbers, without a copy where it already is one.

    Raises DataError for anything that is not a table of real numbers.
    """
    if hasattr(X, "toarray"):
        raise DataError("X is sparse; sparse rows are not fitted yet. X.toarray() makes it dense, where it fits.")
    try:
        array = np.asarray(X)
    except ValueError as error:
        raise DataError(f"X cannot be made an array: {error}.") from None
    if array.ndim != 2:
        raise DataError(f"X has shape {array.shape}, but must be a table of n rows and p columns.")
    if array.dtype.kind == "O":
        array = _numbers(array)
    if array.dtype.kind not in "fiub":
        raise DataError(
            f"X holds {array.dtype} values, but arrays must hold real numbers; give a data frame to have words encoded."
        )
    if len(array) == 0:
        raise DataError("X has no rows: there is nothing to learn from.")
    return array


def _numbers(array: np.ndarray) -> np.ndarray:
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError):
        for (row, column), value in np.ndenumerate(array):
            try:
                float(value)
            except (TypeError, ValueError):
                raise DataError(
                    f"X holds {value!r} in row {row}, column {column}, but arrays must hold numbers; "
                    "give a data frame to have words encoded."
                ) from None
        raise


def per_row(values: Any, n: int, name: str) -> np.ndarray | None:
    """Weights or offsets as an (n,) float64 array; None stays None.

    Raises DataError where they are too few, too many, or not finite numbers.
    """
    if values is None:
        return None
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{name} must be an array of {n} numbers, one for each row of X; found {values!r}.") from None
    if array.shape != (n,):
        raise DataError(f"{name} has shape {array.shape}, but must be ({n},): one number for each row of X.")
    bad = ~np.isfinite(array)
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(f"{name} holds {array[row]} for row {row}; every row needs a finite number.")
    return array


def sample_weights(values: Any, n: int) -> np.ndarray | None:
    """`per_row` for weights, which may not be negative, nor all zero."""
    weight = per_row(values, n, "weights")
    if weight is not None:
        if (weight < 0).any():
            row = int(np.argmax(weight < 0))
            raise DataError(f"weights holds {weight[row]:g} for row {row}; a weight cannot be negative.")
        if not (weight > 0).any():
            raise DataError("weights are all zero: no row counts, so there is nothing to learn from.")
    return weight


def labels(
    y: Any, n: int, positive: Any = None, classes: Sequence[Any] | None = None
) -> tuple[np.ndarray, tuple[Any, Any]]:
    """y as (n,) numbers in [0, 1], and the (negative, positive) labels they stand for.

    Two distinct values are classes, the greater one positive unless `positive` says otherwise. Fractions between 0
    and 1 are soft labels, the probability of the positive class 1. Raises DataError for one class, more than two, or
    holes.
    """
    array = np.asarray(y)
    if array.shape != (n,):
        if array.shape != (n, 1):
            raise DataError(f"y has shape {array.shape}, but must be ({n},): one label for each row of X.")
        array = array[:, 0]
    _refuse_holes(array)
    if classes is None and array.dtype.kind == "f" and _soft(array):
        return array.astype(np.float64), (0, 1)
    found = list(np.unique(array))
    names = [_plain(value) for value in (classes if classes is not None else found)]
    if len(names) > 2:
        first = ", ".join(repr(name) for name in names[:5])
        raise DataError(
            f"y has {len(names)} classes ({first}{' ...' if len(names) > 5 else ''}); two-class targets only."
        )
    if len(names) < 2:
        raise DataError(
            f"y has one class only, {names[0]!r}: nothing tells classes apart. "
            "If the other class exists but not in these rows, name both: classes=(negative, positive)."
        )
    for value in found:
        if _plain(value) not in names:
            raise DataError(f"y holds {_plain(value)!r}, which is none of the classes {names[0]!r} and {names[1]!r}.")
    if positive is not None:
        matching = [name for name in names if name == positive or str(name) == str(positive)]
        if not matching:
            raise DataError(f"positive is {positive!r}, but the labels are {names[0]!r} and {names[1]!r}.")
        names.sort(key=lambda name: name == matching[0])
    return (array == names[1]).astype(np.float64), (names[0], names[1])


def _refuse_holes(array: np.ndarray) -> None:
    if array.dtype.kind == "f":
        holes = ~np.isfinite(array)
    elif array.dtype.kind == "O":
        holes = np.array([value is None or value != value for value in array])
    else:
        return
    if holes.any():
        row = int(np.argmax(holes))
        raise DataError(f"y holds {array[row]} in row {row} ({int(holes.sum())} in all); every row needs a label.")


def _soft(array: np.ndarray) -> bool:
    """Whether y holds probabilities: all in [0, 1], and some strictly between."""
    inside = (array >= 0) & (array <= 1)
    return bool(inside.all() and ((array > 0) & (array < 1)).any())


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def centre_and_scale(rows: DenseRows, centre: bool) -> tuple[np.ndarray, np.ndarray]:
    """(p,) weighted means and standard deviations of the columns; a constant column has scale 1.

    One pass, block by block, merged without the cancellation of Σx² - (Σx)² (Chan, Golub and LeVeque, 1983). With
    `centre` false the means are 0, and the scale is the root of the mean square, so that no intercept slips in.
    """
    total, mean, spread = 0.0, np.zeros(rows.p), np.zeros(rows.p)
    for block in rows.blocks():
        X = np.asarray(block.X, dtype=np.float64)
        s = np.ones(len(X)) if block.weight is None else block.weight
        weight = float(s.sum())
        if weight == 0.0:
            continue
        block_mean = s @ X / weight if centre else np.zeros(rows.p)
        block_spread = s @ np.square(X - block_mean)
        moved = block_mean - mean
        total += weight
        mean += moved * (weight / total)
        spread += block_spread + moved**2 * (weight * (total - weight) / total)
    scale = np.sqrt(spread / total)
    # spread no larger than rounding leaves a constant column: dividing by it would make a column of noise
    constant = scale <= 1e-13 * np.abs(mean)
    return mean, np.where(constant | (scale == 0.0), 1.0, scale)


def refuse_non_finite(rows: DenseRows) -> None:
    """Raise DataError for the first NaN or infinity in X."""
    first = 0
    for block in replace(rows, centre=None, scale=None).blocks():
        bad = ~np.isfinite(np.asarray(block.X, dtype=np.float64))
        if bad.any():
            row, column = (int(i) for i in np.argwhere(bad)[0])
            value = float(block.X[row, column])
            raise DataError(
                f"X holds {value} in row {first + row}, column {column}: NaN or infinity is no number to learn from. "
                "Fill or drop it; thalweg.fit on a data frame fills holes with the mean and an indicator column."
            )
        first += len(block.y)


def class_weights(
    weight: np.ndarray | None, y: np.ndarray, how: str | Mapping[Any, float] | None, classes: tuple[Any, Any]
) -> np.ndarray | None:
    """Sample weights times class weights; "balanced" gives both classes half of the total weight.

    Raises DataError for soft labels, or a label that is none of the classes.
    """
    if how is None:
        return weight
    if not np.isin(y, (0.0, 1.0)).all():
        raise DataError("--class-weight needs labels of two classes; these are soft labels between 0 and 1.")
    s = np.ones(len(y)) if weight is None else weight
    if isinstance(how, str):
        total, positive = float(s.sum()), float(s @ y)
        factors = (total / (2.0 * (total - positive)), total / (2.0 * positive))
    else:
        given = {label_key(label): float(value) for label, value in how.items()}
        keys = [label_key(label) for label in classes]
        for label in how:
            if label_key(label) not in keys:
                raise DataError(
                    f"--class-weight names {label!r}, but the labels are {classes[0]!r} and {classes[1]!r}."
                )
        factors = (given.get(keys[0], 1.0), given.get(keys[1], 1.0))
        if min(factors) < 0.0 or max(factors) == 0.0:
            raise DataError("--class-weight needs weights of at least 0, not all of them 0.")
    return s * np.where(y == 1.0, factors[1], factors[0])
