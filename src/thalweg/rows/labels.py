"""What the labels of rows add up to, whatever the point: counted once, or known to rows that are streamed."""

from dataclasses import dataclass

import numpy as np

from thalweg.rows.block import Rows


@dataclass(frozen=True)
class Labels:
    """positive: Σ s·y; smallest: the least positive weight; hard: every y is 0 or 1, and there are no offsets."""

    positive: float
    smallest: float
    hard: bool


def is_hard(y: np.ndarray) -> bool:
    """Whether all labels (n,) are 0 or 1."""
    return bool(((y == 0.0) | (y == 1.0)).all())


def of_one_class(y: np.ndarray, weight: np.ndarray | None = None) -> bool:
    """Whether the rows that have a weight are all of one class; a label between 0 and 1 is of both."""
    counted = y if weight is None else y[weight > 0.0]
    return not ((counted > 0.0).any() and (counted < 1.0).any())


def labels_of(rows: Rows) -> Labels:
    """Those of rows that know them, or a look at every block."""
    known = getattr(rows, "labels", None)
    if isinstance(known, Labels):
        return known
    positive, smallest, hard = 0.0, np.inf, True
    for block in rows.blocks():
        positive += float(block.y.sum() if block.weight is None else block.weight @ block.y)
        hard &= block.offset is None and is_hard(block.y)
        weights = np.ones(1) if block.weight is None else block.weight[block.weight > 0.0]
        smallest = min(smallest, float(weights.min(initial=np.inf)))
    return Labels(positive, smallest, hard)
