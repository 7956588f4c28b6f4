"""Arrays as rows: X as a matrix of numbers, dense or sparse; labels, weights and offsets checked."""

from collections.abc import Iterable, Sequence
from math import isfinite, isinf
from numbers import Real
from typing import Any

import numpy as np

from thalweg.errors import DataError, UsageError
from thalweg.output import is_text
from thalweg.rows import Csr, of_one_class


def matrix(X: Any) -> np.ndarray | Csr:
    """X as an (n, p) array of numbers, without a copy where it already is one; a SciPy sparse matrix as `Csr`.

    Raises DataError for anything that is not a table of real numbers.
    """
    if hasattr(X, "tocsr"):
        return _sparse(X)
    if isinstance(X, np.ma.MaskedArray) and np.ma.is_masked(X):
        row, column = (int(i) for i in np.argwhere(np.ma.getmaskarray(X))[0])
        raise DataError(
            f"X is masked in row {row}, column {column}: fill it or drop the row; a data frame takes holes."
        )
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


def _sparse(X: Any) -> Csr:
    if X.ndim != 2:
        raise DataError(f"X has shape {X.shape}, but must be a table of n rows and p columns.")
    if X.dtype.kind not in "fiub":
        raise DataError(f"X holds {X.dtype} values, but must hold real numbers.")
    if X.shape[0] == 0:
        raise DataError("X has no rows: there is nothing to learn from.")
    try:
        return Csr.of_scipy(X)
    except ValueError as error:
        raise DataError(str(error)) from None


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


def refuse_non_finite(X: np.ndarray | Csr) -> None:
    """Raise DataError for the first NaN or infinity in X, naming row and column."""
    if isinstance(X, Csr):
        found = X.first_non_finite()
        if found is not None:
            raise _no_number(*found)
        return
    step = max(1, (1 << 20) // max(X.shape[1], 1))
    for start in range(0, len(X), step):
        bad = ~np.isfinite(np.asarray(X[start : start + step], dtype=np.float64))
        if bad.any():
            row, column = (int(i) for i in np.argwhere(bad)[0])
            raise _no_number(start + row, column, float(X[start + row, column]))


def _no_number(row: int, column: int, value: float) -> DataError:
    return DataError(
        f"X holds {value} in row {row}, column {column}: NaN or infinity is no number to learn from or to judge. "
        "Fill or drop it; thalweg.fit on a data frame fills holes with the mean and an indicator column."
    )


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
    """`per_row` for weights, which may not be negative, all zero, or too large to be added up."""
    weight = per_row(values, n, "weights")
    if weight is not None:
        if (weight < 0).any():
            row = int(np.argmax(weight < 0))
            raise DataError(f"weights holds {weight[row]:g} for row {row}; a weight cannot be negative.")
        if not (weight > 0).any():
            raise DataError("weights are all zero: no row counts, so there is nothing to learn from.")
        with np.errstate(over="ignore"):
            total = float(weight.sum())
        if not np.isfinite(total):
            raise DataError(f"weights of up to {weight.max():g} add up to infinity; divide them all by the largest.")
    return weight


def label_array(y: Any, n: int) -> np.ndarray:
    """y as an (n,) array of anything. Raises DataError for another shape."""
    try:
        array = np.asarray(y)
    except ValueError as error:
        raise DataError(f"y cannot be made an array: {error}.") from None
    if array.shape not in ((n,), (n, 1)):
        raise DataError(f"y has shape {array.shape}, but must be ({n},): one label for each row of X.")
    return array.reshape(n)


def both(classes: Any) -> list[Any]:
    """The labels that a caller names. Raises UsageError for anything but two."""
    named = list(classes) if isinstance(classes, Iterable) and not isinstance(classes, str) else []
    if len(named) != 2:
        raise UsageError(f"classes is {classes!r}, but must be the two labels.")
    return named


def labels(
    y: Any, n: int, positive: Any = None, classes: Sequence[Any] | None = None, soft: bool = False
) -> tuple[np.ndarray, tuple[Any, Any]]:
    """y as (n,) numbers in [0, 1], and the (negative, positive) labels they stand for.

    Two distinct values are classes, the greater one positive unless `positive` says otherwise. Of the classes 0 and 1
    y may be soft, each value the share of label 1: so it is read where all are numbers in [0, 1], and some lie
    between; with `soft` always, and of any classes. Raises DataError for one class, more than two, holes, or labels
    that are neither numbers, words nor booleans.
    """
    array = label_array(y, n)
    _refuse_holes(array)
    classes = None if classes is None else both(classes)
    shares = _shares(array, classes, soft)
    if shares is not None:
        if positive is not None and not (positive == 1 or str(positive) == "1"):
            raise DataError(f"positive is {positive!r}, but y holds soft labels, the shares of label 1.")
        if classes is None and of_one_class(shares):
            raise DataError(_one_class(int(shares[0])))
        return shares, (0, 1) if classes is None else (_plain(classes[0]), _plain(classes[1]))
    try:
        found = list(np.unique(array))
    except (TypeError, ValueError):
        kinds = " and ".join(sorted({type(value).__name__ for value in array.tolist()}))
        raise DataError(f"y mixes labels of the types {kinds}; give labels of one type.") from None
    names = [_plain(value) for value in (found if classes is None else classes)]
    for name in names:
        _refuse_odd(name)
    if len(names) > 2:
        first = ", ".join(repr(name) for name in names[:5])
        raise DataError(
            f"y has {len(names)} classes ({first}{' ...' if len(names) > 5 else ''}); two-class targets only."
        )
    if len(names) < 2:
        raise DataError(_one_class(names[0]))
    unknown = [value for value in found if _plain(value) not in names]
    if unknown:
        outside = [value for value in unknown if array.dtype.kind == "f" and not 0.0 <= value <= 1.0]
        value = (outside or unknown)[0]  # one that is no soft label either
        raise DataError(
            f"y holds {_plain(value)!r} in row {int(np.argmax(array == value))}, which is none of the classes "
            f"{names[0]!r} and {names[1]!r}."
        )
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
        holes = np.fromiter(map(_is_missing, array), bool, len(array))
    else:
        return
    if holes.any():
        row = int(np.argmax(holes))
        raise DataError(f"y holds {array[row]} in row {row} ({int(holes.sum())} in all); every row needs a label.")


def _one_class(name: Any) -> str:
    return (
        f"y has one class only, {name!r}: nothing tells classes apart. "
        "If the other class exists but not in these rows, name both: classes=(negative, positive)."
    )


def _shares(array: np.ndarray, classes: Sequence[Any] | None, soft: bool) -> np.ndarray | None:
    """(n,) shares of label 1, or None where y holds labels: the rule that `labels` states."""
    if not soft and classes is not None and tuple(classes) != (0, 1):
        return None
    numbers = array
    if array.dtype.kind == "O" and all(isinstance(value, Real) and not isinstance(value, bool) for value in array):
        numbers = array.astype(np.float64)
    if numbers.dtype.kind not in ("fiu" if soft else "f"):
        if soft:
            raise DataError(f"y holds {_plain(array[0])!r}, but soft labels are numbers from 0 to 1.")
        return None
    outside = ~((numbers >= 0) & (numbers <= 1))
    if soft and outside.any():
        row = int(np.argmax(outside))
        raise DataError(f"y holds {_plain(array[row])!r} in row {row}, but soft labels are numbers from 0 to 1.")
    if soft or (((numbers > 0) & (numbers < 1)).any() and not outside.any()):
        return numbers.astype(np.float64) + 0.0  # without the sign of -0.0
    return None


def _is_missing(value: Any) -> bool:
    try:
        return value is None or bool(value != value) or (isinstance(value, float) and isinf(value))
    except TypeError:  # pandas.NA, which is neither
        return True
    except ValueError:  # an array, which is no label
        return False


def _refuse_odd(name: Any) -> None:
    """Raise DataError for what no model could keep as a label."""
    if not isinstance(name, str | int | float | bool):
        raise DataError(f"y holds {name!r}, but a label must be a number, a word, or true or false.")
    if isinstance(name, float) and not isfinite(name):
        raise DataError(f"classes holds {name!r}, but a label that is a number must be finite.")
    if isinstance(name, int) and not -(2**63) <= name < 2**64:
        raise DataError(f"y holds {name!r}, but a label that is a whole number must fit into 64 bits.")
    if isinstance(name, str) and not is_text(name):
        raise DataError(f"y holds {name!r}, whose letters cannot be written as UTF-8.")


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
