"""What a kernel returns, and the contract it fulfils.

A point is theta, (p + 1, k): k models at once, the last row their intercepts (0 where a model has none). With
z = X·w + b + o, r = s(σ(z) - y) and h = sσ(z)(1 - σ(z)) a pass over a block sums, for each model,

    loss        (k,)         Σ s·loss(y, z)
    gradient    (p + 1, k)   Xᵀr, and Σ r in the last row
    border      (p + 1, k)   Xᵀh, and Σ h in the last row: the intercept's row of the Hessian
    hessian     (k, p, p)    Xᵀ diag(h) X

and, when told the step Δ that led to theta (old margins z - δ, δ = XΔ_w + Δ_b), what certificate C3 asks:

    reach       (k,)         max |δ|
    divergence  (k,)         Σ s·KL(q ‖ σ(z)) with q = p + p(1 - p)δ at the old margins, an upper bound
    product     (p + 1, k)   Xᵀ(hδ) and Σ hδ with h at the old margins: the old Hessian times Δ

A kernel that is given `curvatures` (m, k) leaves h there, row by row; `product` then multiplies that Hessian with
any vector v (p + 1, k): Xᵀ(h·Xv), and Σ h·Xv in the last row, in one pass of its own.

Sums add up, in block order: a thread, a process and a cluster are the same fold.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, Protocol

import numpy as np

from thalweg.rows.block import Block


class Want(IntEnum):
    """How much of a pass is needed; each level includes those before it."""

    LOSS = 0
    GRADIENT = 1
    BORDER = 2
    HESSIAN = 3


@dataclass(slots=True)
class Sums:
    """The sums of one pass (shapes above); None for what was not asked."""

    loss: np.ndarray
    gradient: np.ndarray | None = None
    border: np.ndarray | None = None
    hessian: np.ndarray | None = None
    reach: np.ndarray | None = None
    divergence: np.ndarray | None = None
    product: np.ndarray | None = None

    def add(self, other: "Sums") -> None:
        """Add the sums of the next block to these, in place."""
        for part in fields(self):
            mine, more = getattr(self, part.name), getattr(other, part.name)
            if mine is None:
                continue
            if part.name == "reach":
                np.maximum(mine, more, out=mine)
            else:
                mine += more

    @classmethod
    def zeros(cls, p: int, k: int, want: Want, with_step: bool) -> "Sums":
        """The sums over no rows."""
        return cls(
            loss=np.zeros(k),
            gradient=np.zeros((p + 1, k)) if want >= Want.GRADIENT else None,
            border=np.zeros((p + 1, k)) if want >= Want.BORDER else None,
            hessian=np.zeros((k, p, p)) if want >= Want.HESSIAN else None,
            reach=np.zeros(k) if with_step else None,
            divergence=np.zeros(k) if with_step else None,
            product=np.zeros((p + 1, k)) if with_step else None,
        )


def add_rows(sums: np.ndarray, XT: Any, values: np.ndarray, times: Callable[..., np.ndarray] = operator.matmul) -> None:
    """Add Xᵀv (p, k) and, in the last row, Σv to sums (p + 1, k); XT is (p, m), values (m, k)."""
    sums[:-1] += times(XT, values)
    sums[-1] += values.sum(axis=0)


@dataclass(frozen=True, slots=True)
class Updates:
    """How a sweep updates: θ ← θ - rate_j·(scale·(batch mean of s·∇loss) + l2·w) for its j-th mini-batch.

    size        rows in a mini-batch; the last one of a block may be shorter
    rates       (number of mini-batches,) learning rates
    scale       n/S, which makes the mean over rows estimate the mean over weights
    l2          strength of the penalty l2/2·‖w‖²
    intercept   whether the last row of theta moves
    """

    size: int
    rates: np.ndarray
    scale: float
    l2: float
    intercept: bool


class Kernel(Protocol):
    """One pass over one block."""

    def sums(
        self,
        block: Block,
        theta: np.ndarray,
        want: Want,
        step: np.ndarray | None = None,
        curvatures: np.ndarray | None = None,
    ) -> Sums:
        """The sums of the block at theta; `step` is the Δ that led there, (p + 1, k)."""
        ...

    def product(self, block: Block, curvatures: np.ndarray, v: np.ndarray) -> np.ndarray:
        """(p + 1, k): the block's Hessian, with these curvatures (m, k), times v (p + 1, k)."""
        ...

    def squares(self, block: Block) -> np.ndarray:
        """(p,) Σ s·x² of every column of the block."""
        ...

    def sweep(self, block: Block, theta: np.ndarray, updates: Updates) -> tuple[np.ndarray, np.ndarray]:
        """Mini-batches of the block one after another; returns theta after the last, and the sum of all thetas."""
        ...
