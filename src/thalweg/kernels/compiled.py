"""CSR rows by compiled loops: one pass over the entries, as few as memory can be read in. For large sparse problems."""

import threading
from collections.abc import Callable
from contextlib import suppress

import numpy as np

from thalweg import native
from thalweg.ahead import start
from thalweg.kernels.sparse import Sparse, standardized_gram
from thalweg.kernels.sums import Sums, Updates, Want
from thalweg.rows.block import Block
from thalweg.rows.csr import Csr

_NONE = np.empty(0)
_UNNOTICED = 1.0  # seconds that nobody needs to be told of: loading takes less, compiling more


class Compiled:
    """k models one after another; the block is compressed where it is not yet."""

    def sums(
        self,
        block: Block,
        theta: np.ndarray,
        want: Want,
        step: np.ndarray | None = None,
        curvatures: np.ndarray | None = None,
    ) -> Sums:
        csr = Csr.of(block.X)
        total = Sums.zeros(csr.p, theta.shape[1], want, step is not None)
        raw, raw_step = csr.raw_point(theta), None if step is None else csr.raw_point(step)
        for j in range(theta.shape[1]):
            h = _NONE if curvatures is None and want < Want.HESSIAN else np.empty(csr.shape[0])
            self._add(total, csr, block, raw, want, j, h)
            if curvatures is not None:
                curvatures[:, j] = h
            if total.hessian is not None and total.border is not None:
                gram = np.zeros((csr.p, csr.p))
                passes().gram_pass(csr.indptr, csr.indices, csr.data, h, gram)
                gram += np.tril(gram, -1).T
                border = csr.standardized(total.border[:, [j]])[:, 0]
                total.hessian[j] = standardized_gram(csr, gram, border)
            if raw_step is not None:
                self._add_step(total, csr, block, raw, raw_step, j)
        for name in ("gradient", "border", "product"):
            if getattr(total, name) is not None:
                setattr(total, name, csr.standardized(getattr(total, name)))
        return total

    def product(self, block: Block, curvatures: np.ndarray, v: np.ndarray) -> np.ndarray:
        csr = Csr.of(block.X)
        raw, total = csr.raw_point(v), np.zeros_like(v)
        for j in range(v.shape[1]):
            w, b, columns = _column(raw, j), float(raw[-1, j]), np.zeros(csr.p)
            h = np.ascontiguousarray(curvatures[:, j])
            total[-1, j] = passes().product_pass(csr.indptr, csr.indices, csr.data, h, w, b, columns)
            total[:-1, j] = columns
        return csr.standardized(total)

    def squares(self, block: Block) -> np.ndarray:
        csr = Csr.of(block.X)
        columns, weight = np.zeros((csr.p, 2)), _labels(block)[1]
        passes().squares_pass(csr.indptr, csr.indices, csr.data, weight, columns)
        total = float(weight.sum()) if len(weight) else float(csr.shape[0])
        return csr.standardized_squares(columns[:, 0], columns[:, 1], total)

    def sweep(self, block: Block, theta: np.ndarray, updates: Updates) -> tuple[np.ndarray, np.ndarray]:
        csr = Csr.of(block.X)
        if csr.centre is not None or csr.scale is not None:  # a centre makes every update touch every column
            return Sparse().sweep(block, theta, updates)
        after, sums = theta.copy(), np.zeros_like(theta)
        for j in range(theta.shape[1]):
            w, total = _column(theta, j).copy(), np.zeros(csr.p)
            after[-1, j], sums[-1, j] = passes().sweep_pass(
                csr.indptr, csr.indices, csr.data, *_labels(block), updates.size, np.asarray(updates.rates, float),
                updates.scale, updates.l2, updates.intercept, w, float(theta[-1, j]), total, np.empty(updates.size),
            )  # fmt: skip
            after[:-1, j], sums[:-1, j] = w, total
        return after, sums

    def _add(
        self, total: Sums, csr: Csr, block: Block, raw: np.ndarray, want: Want, j: int, curvatures: np.ndarray
    ) -> None:
        columns = np.zeros((csr.p, 2)) if want >= Want.GRADIENT else np.zeros((0, 2))
        loss, r, h = passes().sums_pass(
            csr.indptr, csr.indices, csr.data, *_labels(block), _column(raw, j), float(raw[-1, j]), int(want),
            curvatures, columns,
        )  # fmt: skip
        total.loss[j] = loss
        for i, (sums, last) in enumerate(((total.gradient, r), (total.border, h))):
            if sums is not None:
                sums[:-1, j], sums[-1, j] = columns[:, i], last

    def _add_step(self, total: Sums, csr: Csr, block: Block, raw: np.ndarray, step: np.ndarray, j: int) -> None:
        assert total.reach is not None and total.divergence is not None and total.product is not None
        columns = np.zeros(csr.p)
        total.reach[j], total.divergence[j], total.product[-1, j] = passes().step_pass(
            csr.indptr, csr.indices, csr.data, *_labels(block)[1:], _column(raw, j), float(raw[-1, j]),
            _column(step, j), float(step[-1, j]), columns,
        )  # fmt: skip
        total.product[:-1, j] = columns


def passes() -> native.Loops:
    """The compiled loops."""
    return native.loops("thalweg.kernels.passes")


def get_ready(csr: Csr, tell: Callable[[str], None]) -> None:
    """Compile what passes over such rows need, or load it; `tell` hears of it where that takes a while."""

    def load() -> None:
        with suppress(Exception):  # what cannot be compiled is met again, and said, by the run itself
            _call_on_nothing(csr.data.dtype)

    worker = threading.Thread(target=load, daemon=True)
    start(worker)
    worker.join(_UNNOTICED)
    if worker.is_alive():
        tell("compiling loops for sparse rows, once: a few seconds")
    worker.join()


def _call_on_nothing(dtype: np.dtype) -> None:
    empty = Csr(np.zeros(1, np.int64), np.empty(0, np.int32), np.empty(0, dtype), 1)
    block, theta, kernel = Block(empty, _NONE), np.zeros((2, 1)), Compiled()
    kernel.sums(block, theta, Want.HESSIAN, theta)
    kernel.product(block, np.zeros((0, 1)), theta)
    kernel.squares(block)


def _labels(block: Block) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y, weight and offset as float64; empty where there are none."""
    return tuple(
        _NONE if values is None else np.ascontiguousarray(values, dtype=np.float64)
        for values in (block.y, block.weight, block.offset)
    )  # type: ignore[return-value]


def _column(values: np.ndarray, j: int) -> np.ndarray:
    """The weights of model j, contiguous."""
    return np.ascontiguousarray(values[:-1, j])
