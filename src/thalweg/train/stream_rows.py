"""Rows that are read anew in every pass: a stream through a recipe, in blocks that are encoded as they are summed."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol
from zlib import crc32

import numpy as np

from thalweg.errors import DataError
from thalweg.readers.chunk import Position
from thalweg.readers.stream import Stream
from thalweg.recipe import Recipe
from thalweg.rows import Block, Labels, MemoryRows, rows_per_block
from thalweg.train.class_weights import by_class
from thalweg.train.row_check import CheckedRows, RowCheck

Deferred = Callable[[], Block]

_COMPRESSED_ROWS = 5_000  # of a block at least: compressed they take little room, and each block adds up p sums


class OtherRows(DataError):
    """A pass met other rows than the first one did."""


@dataclass
class StreamRows:
    """n rows with p columns; what `DenseRows` is for an array.

    source   gives checked rows from a position on
    recipe   raw columns -> matrix
    factors  (2,) what the classes' weights are multiplied by, or None
    n, total_weight, labels  counted in a pass before
    mark     a checksum of the labels in their order, which every pass has to meet again
    sample   every `stride`-th row, in memory
    """

    source: "Source"
    recipe: Recipe
    factors: tuple[float, float] | None
    n: int
    total_weight: float
    labels: Labels
    mark: int
    sample: MemoryRows | None = None
    stride: int = 1

    streamed = True

    @property
    def p(self) -> int:
        return self.recipe.p

    def blocks(self, at: Position | None = None) -> Iterator[Any]:
        """Functions that each make a block, in order."""
        for _, _, parts in self.pieces(at):
            yield from parts

    def pieces(self, at: Position | None = None) -> Iterator[tuple[Position, float | None, list[Deferred]]]:
        """For each chunk where the next one begins, the share of the rows then read, and its blocks."""
        size, mark = rows_per_block(self.p), 0
        if self.recipe.compressed:
            size = max(size, _COMPRESSED_ROWS)
        for rows in self.source.rows(at):
            mark = marked(rows.y, mark)
            count = max(1, -(-rows.chunk.n // size))
            cuts = [rows.chunk.n * i // count for i in range(count + 1)]
            parts = [self._deferred(rows, a, b) for a, b in pairwise(cuts)]
            yield rows.chunk.after, rows.chunk.share, parts
        if at is None and mark != self.mark:
            raise OtherRows(
                "the rows were others in this pass than in the first one; a query has to give the same rows in the "
                "same order every time: without random(), and with ORDER BY where the order is not the table's."
            )

    def every(self, stride: int) -> MemoryRows:
        """Each `stride`-th row, a multiple of the sample's own stride."""
        assert self.sample is not None
        return self.sample if stride == self.stride else self.sample.every(stride // self.stride)

    def _deferred(self, rows: CheckedRows, start: int, stop: int) -> Deferred:
        def make() -> Block:
            y, weight, offset = (None if v is None else v[start:stop] for v in (rows.y, rows.weight, rows.offset))
            assert y is not None
            y, weight = by_class(y, weight, self.factors)
            return Block(self.recipe.encode_chunk(rows.chunk.part(start, stop)), y, weight, offset)

        return make


def marked(y: np.ndarray, mark: int) -> int:
    """A running checksum of labels (n,)."""
    return crc32(y.tobytes(), mark)


class Source(Protocol):
    """Where checked rows come from: the stream, or a cache of it."""

    def rows(self, at: Position | None = None) -> Generator[CheckedRows]: ...

    def check_position(self, at: Position | None) -> None:
        """Raise SchemaError where no chunk ends there."""


@dataclass
class StreamSource:
    """Checked rows of a stream, from any position on."""

    stream: Stream
    forms: dict[str, str]
    check: RowCheck
    skip: bool

    def rows(self, at: Position | None = None) -> Generator[CheckedRows]:
        """Chunk after chunk."""
        for chunk in self.stream.chunks(self.forms, at, self.skip):
            yield self.check(chunk)

    def check_position(self, at: Position | None) -> None:
        """As the stream's."""
        self.stream.check_position(at)
