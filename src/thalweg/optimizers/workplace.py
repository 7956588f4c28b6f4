"""Where an l1 run works between two full passes: on a copy of the columns that may move, or on all of them."""

from dataclasses import dataclass, replace

import numpy as np

from thalweg.objective import Evaluation, Objective
from thalweg.optimizers.l1_columns import Columns
from thalweg.optimizers.l1_slopes import slopes
from thalweg.rows import MemoryRows, SparseRows

_NEAR = 0.5  # share of l1 from which a slope puts a column into the copy
_SMALL = 0.6  # share of the stored cells up to which a copy is worth making
_DETERMINED = 3  # rows a column, from which they determine the weights well enough for conjugate gradients
_FIRST = 100  # columns of the first copy, where rows do not determine the weights of all that may move
_GROWTH = 2  # columns of each later one, over the weights that are not zero
_STREAMED = 1500  # columns up to which one pass over a stream for a Hessian costs less than one for each product
_MOST = 5000  # columns of a Hessian that is formed: 200 MB
_OVERHEAD = 100_000  # nanoseconds of a product, beyond what its rows take
_PRODUCTS = 60  # with a Hessian, which a quadratic model takes where it is only multiplied with


@dataclass(frozen=True)
class Workplace:
    """The problem on some columns: a copy of them, or all.

    formed      whether its Hessian is cheap enough to form
    by_columns  its columns, where sweeps over these are tried first
    """

    objective: Objective
    columns: np.ndarray | None = None
    formed: bool = False
    by_columns: Columns | None = None

    @property
    def exact(self) -> bool:
        return self.formed or self.by_columns is not None

    def moved_to(self, objective: Objective) -> "Workplace":
        """The same columns under another penalty."""
        if self.columns is None:
            return replace(self, objective=objective)
        part = self.objective.with_penalty(objective.penalty)
        part.counter = objective.counter
        return replace(self, objective=part)

    def inside(self, at: Evaluation) -> Evaluation:
        """An evaluation on all columns, as one on these."""
        if self.columns is None:
            return at
        return replace(at, theta=self._part(at.theta), gradient=self._part(at.gradient), border=self._border(at.border))

    def outside(self, theta: np.ndarray, d: int) -> np.ndarray:
        """A point on these columns, as one on all."""
        if self.columns is None:
            return theta
        full = np.zeros((d, 1))
        full[self.columns] = theta[: len(self.columns)]
        full[d - (len(theta) - len(self.columns)) :] = theta[len(self.columns) :]
        return full

    def _part(self, values: np.ndarray | None) -> np.ndarray:
        assert values is not None and self.columns is not None
        tail = values[len(values) - int(self.objective.intercept) :] if self.objective.intercept else values[:0]
        return np.vstack([values[self.columns], tail])

    def _border(self, border: np.ndarray | None) -> np.ndarray | None:
        assert self.columns is not None
        return None if border is None else np.vstack([border[self.columns], border[-1:]])


def workplace(objective: Objective, at: Evaluation, screened: np.ndarray, old: Workplace | None) -> Workplace:
    """The old one where it holds all columns that may move; else a new one."""
    p, l1 = objective.rows.p, objective.penalty.l1
    if l1 == 0.0:
        return Workplace(objective, None, formed(objective, np.arange(p)))
    slope, support = np.abs(slopes(at, objective)), at.theta[:p, 0] != 0.0
    if old is not None:
        lacking = (support | (slope > l1)) & ~screened
        lacking[slice(None) if old.columns is None else old.columns] = False
        if not lacking.any():
            return old
    wanted = np.flatnonzero(support | ((slope > _NEAR * l1) & ~screened))
    few = not objective.streamed and _DETERMINED * len(wanted) > objective.rows.n
    size = max(_FIRST, _GROWTH * int(np.count_nonzero(support)))
    limited = few and len(wanted) > size
    if limited:
        first = np.argpartition(-np.where(support[wanted], np.inf, slope[wanted]), size)[:size]
        wanted = np.sort(wanted[first])
    if limited or objective.cells(wanted) <= _SMALL * objective.cells(np.arange(p)):
        return _placed(objective.restricted(wanted), wanted, few)
    return _placed(objective, None, few)


def _placed(objective: Objective, columns: np.ndarray | None, few: bool) -> Workplace:
    """The way to the minimum of the quadratic model that costs least.

    Where rows are few, conjugate gradients are led astray: columns depend on each other, and l1 alone slopes.
    """
    rows = objective.rows
    forms = formed(objective, np.arange(rows.p))
    if few and isinstance(rows, MemoryRows) and (isinstance(rows, SparseRows) or not forms):
        return Workplace(objective, columns, forms, Columns(rows))
    return Workplace(objective, columns, forms)


def formed(objective: Objective, columns: np.ndarray) -> bool:
    """Whether to form the Hessian on those columns: it costs less than the products that it saves."""
    rows, k = objective.rows, len(columns)
    if objective.streamed:
        return k <= _STREAMED
    if k > _MOST:
        return False
    cells = objective.cells(columns)
    # in nanoseconds: BLAS multiplies in a tenth of the time of what waits for memory, as products do
    pairs = cells * cells / rows.n if isinstance(rows, SparseRows) else 0.05 * cells * k
    return pairs + 0.05 * k**3 <= _PRODUCTS * (2 * cells + _OVERHEAD)
