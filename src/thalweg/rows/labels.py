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


def labels_of(rows: Rows) -> Labels:
    """Those of rows that know them, or a look at every block."""
    known = getattr(rows, "labels", None)
    if isinstance(known, Labels):
        return known
    positive, smallest, hard = 0.0, np.inf, True
    for block in rows.blocks():
        positive += float(block.y.sum() if block.weight is None else block.weight @ block.y)
        hard &= block.offset is None and bool(np.isin(block.y, (0.0, 1.0)).all())
        weights = np.ones(1) if block.weight is None else block.weight[block.weight > 0.0]
        smallest = min(smallest, float(weights.min(initial=np.inf)))
    return Labels(positive, smallest, hard)
