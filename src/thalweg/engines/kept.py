"""Passes over a stream that can be gone on from: what is done is remembered, and done again without reading."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from copy import deepcopy
from dataclasses import fields
from operator import attrgetter
from typing import Any

import numpy as np

from thalweg.checkpoint import POSITION
from thalweg.engines.threads import Task, Threads
from thalweg.kernels.sums import Sums
from thalweg.rows.block import Block, Rows
from thalweg.schema import Array, OrNone, Record, SchemaError, Whole

Place = dict[str, Any]

_BEGINNING: Place = {"at": None, "parts": 0}
PLACE = Record({"at": OrNone(POSITION), "parts": Whole()})
_SUM = Array(np.float64, None, -1e150, 1e150)  # whose squares do not overflow
_PASS = Record(
    {"loss": _SUM},
    {part.name: _SUM for part in fields(Sums)[1:]} | {"hessian": Array(np.float64, ("k", "p", "p"))},
    {"a Hessian whose columns can be scaled": lambda sums: all(map(can_be_scaled, sums.get("hessian", ())))},
)


def can_be_scaled(hessian: np.ndarray) -> bool:
    """Whether a Hessian (d, d) stays finite with its diagonal scaled to 1, as its solvers do."""
    scale = np.sqrt(np.maximum(np.diag(hessian), 1e-300))
    with np.errstate(over="ignore"):
        return bool(np.isfinite(hessian / scale / scale[:, None]).all())


def _fitting(sums: Sums, number: int, rows: Rows, task: Task) -> Sums:
    """Those sums. Raises SchemaError where they are not of the parts and shapes that the task makes of no rows."""
    made = task(Block(np.zeros((0, rows.p)), np.zeros(0)))
    for part in fields(Sums):
        found, wanted = (None if value is None else value.shape for value in map(attrgetter(part.name), (sums, made)))
        if found != wanted:
            raise SchemaError(f"pass.{number}.{part.name} has the shape {found}, but this pass has {wanted}")
    return sums


class Kept:
    """An engine that keeps a log of its passes over streamed rows; others it hands to `Threads`.

    log      the sums of the passes done, in order, where they are to be kept; a run that goes on is given those of the
             run before
    partial  the place reached in the pass in hand, and the sums up to it
    tell     called after each block with its share of the pass, if known, between two blocks' sums, and before each
             pass over rows in memory; what it raises ends the pass, with `partial` as it is then
    """

    def __init__(self, threads: Threads, tell: Callable[[float | None], None], keep: bool) -> None:
        self.threads, self.tell, self._keep = threads, tell, keep
        self.log: list[Sums] = []
        self.partial: tuple[Place, Sums] | None = None
        self._next = 0

    def running(self) -> AbstractContextManager[None]:
        return self.threads.running()

    def fold(self, rows: Rows, task: Task) -> Sums:
        if not getattr(rows, "streamed", False):
            self.tell(None)
            return self.threads.fold(rows, task)
        self._next += 1
        if self._next <= len(self.log):
            return deepcopy(_fitting(self.log[self._next - 1], self._next - 1, rows, task))
        place, begin = self.partial if self.partial is not None else (_BEGINNING, None)
        if begin is not None:
            _fitting(begin, self._next - 1, rows, task)
        reached: list[tuple[Place, float | None]] = []

        def blocks() -> Iterator[Any]:
            at, skipped = place["at"], int(place["parts"])
            for after, share, parts in rows.pieces(place["at"]):  # type: ignore[attr-defined]
                for i, part in enumerate(parts):
                    if i >= skipped:
                        last = i + 1 == len(parts)
                        here = {"at": after, "parts": 0} if last else {"at": at, "parts": i + 1}
                        reached.append((here, share if last else None))
                        yield part
                at, skipped = after, 0

        def keeper(number: int, total: Sums) -> None:
            here, share = reached[number - 1]
            reached[number - 1] = (here, None)
            self.partial = (here, total)
            self.tell(share)

        total = self.threads.fold_on(blocks(), task, None if begin is None else deepcopy(begin), keeper)
        self.partial = None  # first, so that the pass is never both in the log and in hand
        if self._keep:
            self.log.append(deepcopy(total))
        return total

    def state(self) -> tuple[dict[str, np.ndarray], Place | None]:
        """The log and the sums so far as arrays, and the place they are of; to be asked for between blocks."""
        arrays = {}
        sums = [*self.log, *([] if self.partial is None else [self.partial[1]])]
        for i, one in enumerate(sums):
            for part in fields(one):
                if (value := getattr(one, part.name)) is not None:
                    arrays[f"pass.{i}.{part.name}"] = value
        return arrays, None if self.partial is None else self.partial[0]

    def restore(self, arrays: dict[str, np.ndarray], place: Place | None) -> None:
        """Go on from a `state`. Raises SchemaError for what is none, or, in the pass that meets it, of another pass."""
        OrNone(PLACE).check(place, "place")
        sums: list[Sums] = []
        left = {name: value for name, value in arrays.items() if name.startswith("pass.")}
        while left:
            names = {part.name: f"pass.{len(sums)}.{part.name}" for part in fields(Sums)}
            found = {part: left.pop(name) for part, name in names.items() if name in left}
            _PASS.check(found, f"pass.{len(sums)}")
            sums.append(Sums(**found))
        if place is not None and not sums:
            raise SchemaError("place must stand with the sums up to it")
        self.partial = None if place is None else (place, sums.pop())
        self.log = sums
