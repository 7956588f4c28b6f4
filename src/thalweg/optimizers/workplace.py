"""Where an l1 run works between two full passes: on a copy of the columns that may move, or on all of them."""

from dataclasses import dataclass, replace

import numpy as np

from thalweg.objective import Evaluation, Objective

_NEAR = 0.5  # share of l1 from which a slope puts a column into the copy
_SMALL = 0.6  # share of the stored cells up to which a copy is worth making


@dataclass(frozen=True)
class Workplace:
    """The problem on some columns: a copy of them, or all."""

    objective: Objective
    columns: np.ndarray | None = None

    def moved_to(self, objective: Objective) -> "Workplace":
        """The same columns under another penalty."""
        if self.columns is None:
            return Workplace(objective)
        part = self.objective.with_penalty(objective.penalty)
        part.counter = objective.counter
        return Workplace(part, self.columns)

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
    assert at.gradient is not None
    slope, support = np.abs(at.gradient[:p, 0]), at.theta[:p, 0] != 0.0
    if old is not None:
        held = np.ones(p, dtype=bool) if old.columns is None else np.isin(np.arange(p), old.columns)
        if not ((support | (slope > l1)) & ~screened & ~held).any():
            return old
    wanted = np.flatnonzero(support | ((slope > _NEAR * l1) & ~screened))
    if objective.cells(wanted) > _SMALL * objective.cells(np.arange(p)):
        return Workplace(objective)
    return Workplace(objective.restricted(wanted), wanted)
