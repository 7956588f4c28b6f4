"""Dense rows in memory: views of one array, and the two adapters that stay views: standardised and sampled."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from thalweg.rows.block import Block, part

_BLOCK_CELLS = 1 << 20  # 8 MiB of float64: enough blocks to share out, few enough that Python's part stays unseen
_FEWEST_ROWS = 512  # below this the (p, p) sums of a block cost more than the block itself


def rows_per_block(p: int) -> int:
    """How many rows one block of p columns holds: a function of p alone, so the cut never depends on threads."""
    return max(_FEWEST_ROWS, _BLOCK_CELLS // max(p, 1))


@dataclass(frozen=True)
class DenseRows:
    """An (n, p) array with labels, weights and offsets; blocks are views, nothing is copied.

    X        (n, p) any real dtype, any strides
    y        (n,) labels in [0, 1]
    weight   (n,) or None
    offset   (n,) or None
    centre   (p,) or None: subtracted from each row, block by block
    scale    (p,) or None: each row is divided by it, block by block
    """

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None = None
    offset: np.ndarray | None = None
    centre: np.ndarray | None = None
    scale: np.ndarray | None = None

    @property
    def n(self) -> int:
        return int(self.X.shape[0])

    @property
    def p(self) -> int:
        return int(self.X.shape[1])

    @property
    def total_weight(self) -> float:
        return float(self.n if self.weight is None else self.weight.sum())

    def blocks(self) -> Iterator[Block]:
        size = rows_per_block(self.p)
        for start in range(0, self.n, size):
            yield self._block(slice(start, start + size), start)

    def take(self, indices: np.ndarray) -> Block:
        """The rows of those indices, in their order, as one block (a copy)."""
        return self._block(indices)

    def every(self, stride: int) -> "DenseRows":
        """Each `stride`-th row: a systematic sample, spread over the whole table, sharing its memory."""
        rows = slice(None, None, stride)
        return replace(
            self, X=self.X[rows], y=self.y[rows], weight=part(self.weight, rows), offset=part(self.offset, rows)
        )

    def columns(self, chosen: np.ndarray) -> "DenseRows":
        """Those columns only, as they stand for (a copy)."""
        X = _standardized(self.X[:, chosen], part(self.centre, chosen), part(self.scale, chosen))
        return replace(self, X=X, centre=None, scale=None)

    def standardized(self, centre: np.ndarray, scale: np.ndarray) -> "DenseRows":
        """These rows, standing for (x - centre) / scale."""
        return replace(self, centre=centre, scale=scale)

    def _block(self, rows: slice | np.ndarray, first: int = 0) -> Block:
        X = _standardized(self.X[rows], self.centre, self.scale)
        return Block(X, self.y[rows], part(self.weight, rows), part(self.offset, rows), first)


def _standardized(X: np.ndarray, centre: np.ndarray | None, scale: np.ndarray | None) -> np.ndarray:
    """(x - centre) / scale, a copy; X itself where there is neither."""
    if centre is None or scale is None:
        return X
    X = X - centre
    X /= scale  # in place: new memory costs more than the division
    return X
