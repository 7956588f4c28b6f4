"""Sparse rows in memory: one CSR matrix, cut into blocks by its entries."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from thalweg.cached import cached_property
from thalweg.rows.block import Block, part
from thalweg.rows.csr import Csr

_MOST_BLOCKS = 16  # each brings sums of p columns that are folded
_FAR = 1e3  # deviations from 0 from which a square keeps fewer than ten digits of a column's spread
_ENTRIES = 1 << 18  # below this a block is not worth a thread


@dataclass(frozen=True)
class SparseRows:
    """n rows with labels, weights and offsets (n,); what `DenseRows` is for an array.

    Blocks are cut at equal numbers of entries, as many as their (p,) sums stay cheap for.
    """

    X: Csr
    y: np.ndarray
    weight: np.ndarray | None = None
    offset: np.ndarray | None = None

    @property
    def n(self) -> int:
        return self.X.shape[0]

    @property
    def p(self) -> int:
        return self.X.p

    @property
    def centre(self) -> np.ndarray | None:
        return self.X.centre

    @property
    def scale(self) -> np.ndarray | None:
        return self.X.scale

    @property
    def entries(self) -> int:
        """How many numbers are stored."""
        return int(self.X.indptr[-1] - self.X.indptr[0])

    @cached_property
    def column_entries(self) -> np.ndarray:
        """(p,) how many numbers each column stores."""
        first, last = int(self.X.indptr[0]), int(self.X.indptr[-1])
        counts = np.zeros(self.p, dtype=np.int64)
        for start in range(first, last, 1 << 22):
            counts += np.bincount(self.X.indices[start : min(start + (1 << 22), last)], minlength=self.p)
        return counts

    @property
    def total_weight(self) -> float:
        return float(self.n if self.weight is None else self.weight.sum())

    @cached_property
    def _cuts(self) -> list[int]:
        count = min(_MOST_BLOCKS, max(1, self.entries // max(_ENTRIES, 4 * self.p)))
        at = self.X.indptr[0] + np.arange(count + 1) * (self.entries / count)
        cuts = np.searchsorted(self.X.indptr, at)
        cuts[0], cuts[-1] = 0, self.n
        return sorted({int(cut) for cut in cuts})

    def blocks(self) -> Iterator[Block]:
        for start, stop in zip(self._cuts[:-1], self._cuts[1:], strict=True):
            rows = slice(start, stop)
            X = self.X.rows(start, stop)
            yield Block(X, self.y[rows], part(self.weight, rows), part(self.offset, rows), start)

    def take(self, indices: np.ndarray) -> Block:
        """The rows of those indices, in their order, as one block (a copy)."""
        return Block(self.X.take(indices), self.y[indices], part(self.weight, indices), part(self.offset, indices))

    def every(self, stride: int) -> "SparseRows":
        """Each `stride`-th row (a copy)."""
        block = self.take(np.arange(0, self.n, stride))
        return SparseRows(block.X, block.y, block.weight, block.offset)

    def columns(self, chosen: np.ndarray) -> "SparseRows":
        """Those columns only (a copy of their entries)."""
        return replace(self, X=self.X.columns(chosen))

    def standardized(self, centre: np.ndarray, scale: np.ndarray) -> "SparseRows":
        """These rows, standing for (x - centre) / scale.

        Centring is implicit, and costs a column far from 0 its digits: where such a column has no zeros to leave out,
        its entries are centred instead.
        """
        X, far = self.X, (np.abs(centre) > _FAR * scale) & np.isfinite(scale) & (self.column_entries == self.n)
        if far.any():
            data = X.data.astype(np.float64)
            data -= np.where(far, centre, 0.0)[X.indices]
            X, centre = replace(X, data=data), np.where(far, 0.0, centre)
        return replace(self, X=replace(X, centre=centre, scale=scale))
