"""Class weights: "balanced", or one for each label, multiplied into the sample weights."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from thalweg.errors import DataError, UsageError
from thalweg.recipe import label_key
from thalweg.rows import is_hard

_SOFT = "--class-weight needs labels of two classes; these are soft labels between 0 and 1."


def refuse_soft(how: Any, soft: bool) -> None:
    """Raise UsageError for class weights beside soft labels."""
    if how is not None and soft is True:
        raise UsageError(_SOFT)


def class_weights(
    y: np.ndarray,
    weight: np.ndarray | None,
    how: str | Mapping[Any, float] | None,
    classes: tuple[Any, Any],
    counted: bool = False,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Labels, and sample weights times class weights; "balanced" gives both classes half of the total weight.

    counted  whether a label between 0 and 1 counts rows of either class, each of which has its class's weight

    Raises DataError for soft labels, or a label that is none of the classes.
    """
    if how is None:
        return y, weight
    if not counted and not is_hard(y):
        raise DataError(_SOFT)
    s = np.ones(len(y)) if weight is None else weight
    positive = float(s @ y)
    return by_class(y, s, class_factors(how, classes, (float(s.sum()) - positive, positive)))


def by_class(
    y: np.ndarray, weight: np.ndarray | None, factors: tuple[float, float] | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Labels and weights (n,) once the rows of each class are multiplied by its factor; None for both is 1.

    A label y of weight s is a row of label 1 and weight s·y, and one of label 0 and weight s·(1 - y).
    """
    if factors is None:
        return y, weight
    positive, negative = factors[1] * y, factors[0] * (1.0 - y)
    both = positive + negative
    y = np.divide(positive, both, out=y.copy(), where=both > 0.0)
    return y, both if weight is None else weight * both


def class_factors(
    how: str | Mapping[Any, float], classes: tuple[Any, Any], totals: tuple[float, float]
) -> tuple[float, float]:
    """What the weights of each class are multiplied by; `totals` are what the two classes weigh.

    While one class weighs nothing, "balanced" leaves the other as it is. Raises DataError for a label that is none of
    the classes.
    """
    if isinstance(how, str):
        negative, positive = totals
        if min(totals) <= 0.0:
            return 1.0, 1.0
        return (negative + positive) / (2.0 * negative), (negative + positive) / (2.0 * positive)
    given = {label_key(label): float(value) for label, value in how.items()}
    keys = [label_key(label) for label in classes]
    for label in how:
        if label_key(label) not in keys:
            raise DataError(f"--class-weight names {label!r}, but the labels are {classes[0]!r} and {classes[1]!r}.")
    factors = (given.get(keys[0], 1.0), given.get(keys[1], 1.0))
    if not (min(factors) >= 0.0 and 0.0 < max(factors) < np.inf):
        raise DataError(f"--class-weight {dict(how)} needs finite weights of at least 0, not all of them 0.")
    if not totals[0] * factors[0] + totals[1] * factors[1] < np.inf:
        raise DataError(
            f"--class-weight {dict(how)} makes the weights add up to infinity; divide them all by one number."
        )
    return factors
