"""A run of rows in compressed form (CSR): only what is not zero is stored; centred and scaled without filling it in."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from thalweg.rows.block import part


@dataclass(frozen=True, slots=True)
class Csr:
    """m rows of p columns, standing for (x - centre) / scale.

    indptr   (m + 1,) int64: row i holds the entries indptr[i] to indptr[i + 1] - 1
    indices  (entries,) int32 columns, no column twice in a row
    data     (entries,) float64 or float32
    p        columns
    centre   (p,) or None; scale (p,) or None
    """

    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray
    p: int
    centre: np.ndarray | None = None
    scale: np.ndarray | None = None

    @classmethod
    def of(cls, X: Any) -> "Csr":
        """Those rows as they are, or a dense (m, p) array compressed."""
        if isinstance(X, Csr):
            return X
        matrix = csr_array(np.asarray(X, dtype=np.float64))
        return cls(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data, matrix.shape[1])

    @classmethod
    def stacked(cls, parts: "Sequence[Csr]") -> "Csr":
        """The rows of all of them, which have the same columns, centre and scale."""
        begins = np.cumsum([0, *(part.indptr[-1] for part in parts)])
        indptr = [part.indptr[1:] + begin for part, begin in zip(parts, begins, strict=False)]
        indices, data = (np.concatenate([getattr(part, name) for part in parts]) for name in ("indices", "data"))
        return replace(parts[0], indptr=np.concatenate([[0], *indptr]), indices=indices, data=data)

    @classmethod
    def of_scipy(cls, X: Any) -> "Csr":
        """A SciPy sparse matrix; entries of one place are added up. Nothing is copied that need not be.

        Raises ValueError where an index lies outside the matrix.
        """
        matrix = X.tocsr()
        p = int(matrix.shape[1])
        indptr, indices = matrix.indptr, matrix.indices
        counts = np.diff(indptr)
        if indptr[0] != 0 or indptr[-1] > len(indices) or (counts < 0).any():
            raise ValueError(f"X.indptr must rise from 0 to the {len(indices)} entries there are.")
        filled = np.flatnonzero(counts)
        tidy = bool(matrix.has_canonical_format)  # then the ends of each row are its smallest and its largest index
        low = indices[indptr[:-1][filled]] if tidy else indices
        high = indices[indptr[1:][filled] - 1] if tidy else indices
        if len(low) and not (int(low.min()) >= 0 and int(high.max()) < p):
            entry = int(np.argmax((indices < 0) | (indices >= p)))
            row = int(np.searchsorted(indptr, entry, side="right")) - 1
            raise ValueError(f"X has the index {indices[entry]} in row {row}, but its columns are 0 to {p - 1}.")
        if p > np.iinfo(np.int32).max:
            raise ValueError(f"X has {p:,} columns, more than int32 counts.")
        if not tidy:
            matrix = matrix.copy()
            matrix.sum_duplicates()
        kept = int(matrix.indptr[-1])
        data = matrix.data if matrix.dtype in (np.float32, np.float64) else matrix.data.astype(np.float64)
        indices = np.ascontiguousarray(matrix.indices[:kept], np.int32)
        return cls(matrix.indptr.astype(np.int64), indices, np.ascontiguousarray(data[:kept]), p)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.indptr) - 1, self.p

    @property
    def raw(self) -> Any:
        """As scipy's array, neither centred nor scaled; no entry is copied."""
        first, last = int(self.indptr[0]), int(self.indptr[-1])
        return csr_array((self.data[first:last], self.indices[first:last], self.indptr - first), shape=self.shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """(m, p) with every zero filled in: for small blocks, and for the kernels of dense rows."""
        X = self.raw.toarray().astype(np.float64)
        if self.centre is not None:
            X -= self.centre
        if self.scale is not None:
            X /= self.scale
        return X if dtype is None else X.astype(dtype)

    def __matmul__(self, w: np.ndarray) -> np.ndarray:
        """(m,) products of the rows with w (p,)."""
        raw = w if self.scale is None else w / self.scale
        product = np.asarray(self.raw @ raw)
        return product if self.centre is None else product - self.centre @ raw

    def __getitem__(self, rows: slice) -> "Csr":
        """Consecutive rows, as of an array."""
        start, stop, _ = rows.indices(self.shape[0])
        return self.rows(start, max(start, stop))

    def rows(self, start: int, stop: int) -> "Csr":
        """Consecutive rows, sharing the entries."""
        return replace(self, indptr=self.indptr[start : stop + 1])

    def take(self, rows: np.ndarray) -> "Csr":
        """Any rows, in that order; their entries are copied."""
        chosen = self.raw[rows]
        return replace(
            self, indptr=chosen.indptr.astype(np.int64), indices=chosen.indices.astype(np.int32), data=chosen.data
        )

    def first_columns(self, p: int) -> "Csr":
        """The first p columns; columns that are not there are zero."""
        if p >= self.p:
            return replace(self, p=p)
        kept = self.raw[:, :p]
        return replace(self, indptr=kept.indptr.astype(np.int64), indices=kept.indices, data=kept.data, p=p)

    def columns(self, chosen: np.ndarray) -> "Csr":
        """Those columns, in that order."""
        kept = self.raw[:, chosen]
        return Csr(
            kept.indptr.astype(np.int64),
            kept.indices.astype(np.int32, copy=False),
            kept.data,
            len(chosen),
            part(self.centre, chosen),
            part(self.scale, chosen),
        )

    def first_non_finite(self) -> tuple[int, int, float] | None:
        """Row, column and value of the first entry that is NaN or infinite."""
        first, last = int(self.indptr[0]), int(self.indptr[-1])
        for start in range(first, last, 1 << 20):
            bad = ~np.isfinite(self.data[start : min(start + (1 << 20), last)])
            if bad.any():
                entry = start + int(np.argmax(bad))
                row = int(np.searchsorted(self.indptr, entry, side="right")) - 1
                return row, int(self.indices[entry]), float(self.data[entry])
        return None

    def squares(self, weight: np.ndarray | None) -> np.ndarray:
        """(p,) Σ s·x² of every column, weights s (m,) or all ones."""
        raw, weight = self.raw, np.ones(self.shape[0]) if weight is None else weight
        square = csr_array((np.square(raw.data, dtype=np.float64), raw.indices, raw.indptr), shape=raw.shape)
        return self.standardized_squares(raw.T @ weight, square.T @ weight, float(weight.sum()))

    def standardized_squares(self, sums: np.ndarray, squares: np.ndarray, weight: float) -> np.ndarray:
        """(p,) Σ s·x² of the standardised columns from Σ s·x and Σ s·x² of the raw ones, and Σ s.

        Where a mean is far from 0 the sum cancels; what rounding may have taken is added: it is never too small.
        """
        if self.centre is not None:
            about_zero = squares + self.centre**2 * weight
            squares = np.maximum(about_zero - 2.0 * self.centre * sums, 0.0) + 1e-13 * about_zero
        return np.asarray(squares if self.scale is None else squares / self.scale**2)

    def raw_point(self, theta: np.ndarray) -> np.ndarray:
        """(p + 1, k): the point whose margins on the raw rows are those of theta on the standardised ones."""
        if self.centre is None and self.scale is None:
            return theta
        raw = theta.copy()
        if self.scale is not None:
            raw[:-1] /= self.scale[:, None]
        if self.centre is not None:
            raw[-1] -= self.centre @ raw[:-1]
        return raw

    def standardized(self, sums: np.ndarray) -> np.ndarray:
        """(p + 1, k): Xᵀv of the standardised rows from that of the raw ones, Σv in the last row of both."""
        if self.centre is None and self.scale is None:
            return sums
        result = sums.copy()
        if self.centre is not None:
            result[:-1] -= self.centre[:, None] * sums[-1]
        if self.scale is not None:
            result[:-1] /= self.scale[:, None]
        return result
