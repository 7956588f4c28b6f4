"""Class weights: "balanced", or one for each label, multiplied into the sample weights."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from thalweg.errors import DataError
from thalweg.recipe import label_key


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
    positive = float(s @ y)
    factors = class_factors(how, classes, (float(s.sum()) - positive, positive))
    return s * np.where(y == 1.0, factors[1], factors[0])


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
