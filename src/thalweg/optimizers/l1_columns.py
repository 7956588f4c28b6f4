"""The minimum of the quadratic model with an l1 penalty, on columns read one by one: no Hessian is formed."""

import numpy as np
from scipy.sparse import csc_array

from thalweg import native
from thalweg.cached import cached_property
from thalweg.objective import Evaluation, Objective
from thalweg.optimizers.conjugate_gradients import Reduced
from thalweg.rows import MemoryRows, SparseRows

_CANCELLED = 1e-12  # of a column's square, below which what is left of it about its mean is rounding


class Columns:
    """Rows by columns: entries (CSC) of the raw rows, which stand for raw·factor - shift."""

    def __init__(self, rows: MemoryRows) -> None:
        matrix = csc_array(rows.X.raw if isinstance(rows, SparseRows) else rows.X)
        self.indptr, self.indices = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32)
        self.data = matrix.data.astype(np.float64)
        scale = np.ones(rows.p) if rows.scale is None else rows.scale
        self.factor = 1.0 / scale
        self.shift = np.zeros(rows.p) if rows.centre is None else rows.centre / scale

    @cached_property
    def of_entries(self) -> np.ndarray:
        """The column of each entry."""
        return np.repeat(np.arange(len(self.factor)), np.diff(self.indptr))

    def minimum(
        self, objective: Objective, at: Evaluation, curvatures: np.ndarray, tol: float, damping: float, sweeps: int
    ) -> tuple[np.ndarray, bool]:
        """The weights (p,) at the minimum of the model of P there, and whether they were found within the sweeps.

        tol      how far an optimality condition may be violated, relative to l1
        damping  added to the model, as a share of its largest diagonal
        """
        assert at.gradient is not None
        p, penalty = objective.rows.p, objective.penalty
        reduced = Reduced(objective, at, curvatures, damping=damping)
        w = np.ascontiguousarray(at.theta[:p, 0])
        g = np.ascontiguousarray(reduced.of_gradient(at.gradient)[:, 0])
        border, at_rest = reduced.H_wb[:, 0], reduced.H_bb
        weighted = self.data * (curvatures[:, 0] / objective.total_weight)[self.indices]
        squares = self.factor**2 * np.bincount(self.of_entries, weighted * self.data, p)
        sums = border + self.shift * at_rest
        centred = squares - self.shift * (2.0 * sums - self.shift * at_rest)
        follow = border / at_rest if reduced.follows else np.zeros(p)
        ridge = penalty.l2 + reduced.damping[:, 0]
        curvature = np.maximum(centred - follow * border, _CANCELLED * squares) + ridge
        u = w.copy()
        taken = native.loops("thalweg.optimizers.coordinate_passes").column_sweeps(
            self.indptr, self.indices, self.data, weighted, self.factor, self.shift, self.shift + follow,
            np.zeros(p) if reduced.follows else border, sums, curvature, g, w, u, ridge, penalty.l1,
            np.empty(p, dtype=np.int64), np.zeros(objective.rows.n), sweeps, tol,
        )  # fmt: skip
        return u, bool(taken < sweeps)
