"""The two shapes of data every kernel and engine agree on: one block of rows, and a source of blocks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np


@dataclass(frozen=True, slots=True)
class Block:
    """A run of consecutive rows.

    X        (m, p) samples as rows: an array, or `Csr`
    y        (m,) labels in [0, 1]
    weight   (m,) sample weights s ≥ 0, or None for all ones
    offset   (m,) added to the margins, or None for zeros
    first    where the run begins: the number of its first row, where it is a run
    """

    X: Any
    y: np.ndarray
    weight: np.ndarray | None = None
    offset: np.ndarray | None = None
    first: int = 0


@runtime_checkable
class RandomAccessRows(Protocol):
    """Rows that can also hand out any selection: what the stochastic methods and growing samples need."""

    def take(self, indices: np.ndarray) -> Block:
        """The rows of those indices, in their order, as one block."""
        ...


class Rows(Protocol):
    """A source of blocks: n rows, p columns, weights adding up to `total_weight`.

    `blocks()` yields the same blocks in the same order every time.
    """

    @property
    def n(self) -> int: ...

    @property
    def p(self) -> int: ...

    @property
    def total_weight(self) -> float: ...

    def blocks(self) -> Iterator[Block]: ...


def part(values: np.ndarray | None, rows: slice | np.ndarray) -> np.ndarray | None:
    """Those rows of an array that may not be there."""
    return None if values is None else values[rows]
