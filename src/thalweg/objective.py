"""The objective every method minimises, and the sole owner of 1/S, the intercept, offsets, weights and the penalty.

    P(w, b) = 1/S · Σᵢ sᵢ · loss(yᵢ, zᵢ)  +  l2/2 · ‖w‖²  +  l1 · ‖w‖₁        zᵢ = xᵢ·w + b + oᵢ,   S = Σᵢ sᵢ

loss(y, z) = softplus(z) - y·z with y in [0, 1]; the intercept b is never penalised. A point is theta, (d, k): k
models at once, rows 0 to p - 1 their weights w, and, with an intercept, row p their b, so d is p + 1, else p.
"""

from copy import copy
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import eigvalsh
from scipy.sparse.linalg import LinearOperator, eigsh

from thalweg.cached import cached_property
from thalweg.engines import Engine
from thalweg.errors import RunError
from thalweg.kernels import Kernel, Want
from thalweg.kernels.sums import Sums, Updates
from thalweg.penalties import Penalty
from thalweg.rows import Block, MemoryRows, RandomAccessRows, Rows, SparseRows, labels_of, null_model

_GRAM_COLUMNS = 1000  # up to here one pass for the whole Gram matrix is cheaper than the passes of a Lanczos run

_TOO_LARGE = "a sum of squares overflows: some column or sample weight is too large. Scale it down."


@dataclass(frozen=True)
class Evaluation:
    """P and what was asked of its derivatives at theta; all of them means (divided by S), k models at once.

    theta       (d, k)
    value       (k,)        P
    loss        (k,)        the data's part of P
    gradient    (d, k)      ∇P, without the kinks of l1
    border      (d, k)      the data's Hessian times the intercept's unit vector: H_wb above H_bb (p + 1 rows always)
    hessian     (k, d, d)   ∇²P, without the kinks of l1
    step        (d, k)      the Δ that led here, where it was told
    reach       (k,)        max |XΔ_w + Δ_b|
    divergence  (k,)        mean KL(q ‖ σ(z)), q the tangent at the old margins
    product     (d, k)      the old point's ∇²P times Δ
    """

    theta: np.ndarray
    value: np.ndarray
    loss: np.ndarray
    gradient: np.ndarray | None = None
    border: np.ndarray | None = None
    hessian: np.ndarray | None = None
    step: np.ndarray | None = None
    reach: np.ndarray | None = None
    divergence: np.ndarray | None = None
    product: np.ndarray | None = None

    @property
    def gradient_norm(self) -> float:
        """‖∇P‖₂ over all models."""
        assert self.gradient is not None
        return float(np.linalg.norm(self.gradient))


class Objective:
    """P on given rows: `evaluate` is one pass.

    rows        (n, p) samples, labels, weights, offsets
    kernel      how a block is summed
    engine      how blocks are shared out
    penalty     on w
    intercept   whether b exists
    share       what one pass over these rows counts in `passes`: 1, or less for a sample of the rows

    Raises RunError when P is not a number at some point, or its Hessian not finite, naming the likely cause.
    """

    def __init__(
        self, rows: Rows, kernel: Kernel, engine: Engine, penalty: Penalty, intercept: bool = True, share: float = 1.0
    ) -> None:
        self.rows = rows
        self.kernel = kernel
        self.engine = engine
        self.penalty = penalty
        self.intercept = intercept
        self.share = share
        self.counter = [0.0]
        self.total_weight = rows.total_weight

    @property
    def passes(self) -> float:
        """Passes over the rows so far."""
        return self.counter[0]

    @property
    def d(self) -> int:
        """Rows of a point: p weights, and b where there is an intercept."""
        return self.rows.p + int(self.intercept)

    def evaluate(
        self, theta: np.ndarray, want: Want, step: np.ndarray | None = None, curvatures: np.ndarray | None = None
    ) -> Evaluation:
        """One pass: P at theta (d, k), with as many derivatives as wanted; `step` is the Δ (d, k) that led to theta.

        `curvatures`, where given, are left there for `product`; `new_curvatures` makes them.
        """
        if curvatures is not None and self.streamed:
            curvatures[:], curvatures = theta, None
        sums = self._fold(
            self._padded(theta), want, None if step is None else self._padded(step), curvatures=curvatures
        )
        S, p, d = self.total_weight, self.rows.p, self.d
        w = theta[:p]
        loss = sums.loss / S
        parts: dict[str, np.ndarray | None] = {}
        if sums.gradient is not None:
            parts["gradient"] = gradient = sums.gradient[:d] / S
            gradient[:p] += self.penalty.gradient(w)
        if sums.border is not None:
            parts["border"] = border = sums.border / S
            if sums.hessian is not None:
                parts["hessian"] = self._hessian(sums.hessian / S, border)
        if step is not None and sums.product is not None and sums.divergence is not None:
            product = sums.product[:d] / S
            product[:p] += self.penalty.gradient(step[:p])
            parts |= {"step": step, "reach": sums.reach, "divergence": sums.divergence / S, "product": product}
        return Evaluation(theta, loss + self.penalty.value(w), loss, **parts)

    @property
    def streamed(self) -> bool:
        """Whether the rows are read anew in each pass, and nothing may be kept that is as long as they are."""
        return bool(getattr(self.rows, "streamed", False))

    def new_curvatures(self) -> np.ndarray:
        """Where `evaluate` leaves what `product` needs: h (n, 1); of a stream, the point (d, 1) itself."""
        return np.empty((self.d if self.streamed else self.rows.n, 1))

    def product(self, curvatures: np.ndarray, v: np.ndarray) -> np.ndarray:
        """∇²P·v (d, k) for v (d, k), at the point that left those curvatures: one pass."""
        if self.streamed:
            return self._product_at(curvatures, v)
        point = self._padded(v)

        def task(block: Block) -> Sums:
            part = curvatures[block.first : block.first + len(block.y)]
            return Sums(np.zeros(0), product=self.kernel.product(block, part, point))

        sums = self.engine.fold(self.rows, task)
        self.counter[0] += self.share
        assert sums.product is not None
        product = sums.product[: self.d] / self.total_weight
        product[: self.rows.p] += self.penalty.gradient(v[: self.rows.p])
        return product

    def _product_at(self, theta: np.ndarray, v: np.ndarray) -> np.ndarray:
        """∇²P(theta)·v: what the step v from theta would report. A short one, for margins that do not overflow."""
        short = 1.0 / max(float(np.abs(v).max(initial=0.0)), 1e-300)
        step = self._padded(v * short)
        sums = self._fold(self._padded(theta) + step, Want.LOSS, step)
        assert sums.product is not None
        product = sums.product[: self.d] / (self.total_weight * short)
        product[: self.rows.p] += self.penalty.gradient(v[: self.rows.p])
        return product

    def sweep(
        self, order: np.ndarray, theta: np.ndarray, size: int, rates: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mini-batches of `size` rows, one after another in that order of row indices, with one rate each.

        Returns theta (d, k) after the last update and the mean of all thetas on the way.
        """
        assert isinstance(self.rows, RandomAccessRows)
        point, total = self._padded(theta), np.zeros((self.rows.p + 1, theta.shape[1]))
        chunk = size * max(1, 8192 // size)  # rows gathered at a time: whole mini-batches, a small copy
        with self.engine.running():
            for start in range(0, len(order), chunk):
                indices = order[start : start + chunk]
                first = start // size
                updates = Updates(
                    size=size,
                    rates=rates[first : first + -(-len(indices) // size)],
                    scale=self.rows.n / self.total_weight,
                    l2=self.penalty.l2,
                    intercept=self.intercept,
                )
                point, thetas = self.kernel.sweep(self.rows.take(indices), point, updates)
                total += thetas
        self.counter[0] += self.share
        return point[: self.d], total[: self.d] / len(rates)

    def with_penalty(self, penalty: Penalty) -> "Objective":
        """P on the same rows with another penalty; what is known of the rows stays known, passes count from 0."""
        other = copy(self)
        other.penalty, other.counter = penalty, [0.0]
        for name in ("smoothness", "largest_hessian"):
            other.__dict__.pop(name, None)
        return other

    def revalued(self, at: Evaluation, before: Penalty) -> Evaluation:
        """An evaluation made with another penalty, as this one has it: P and ∇P of the same sums."""
        w = at.theta[: self.rows.p]
        assert at.gradient is not None
        gradient = at.gradient.copy()
        gradient[: self.rows.p] += self.penalty.gradient(w) - before.gradient(w)
        return Evaluation(at.theta, at.loss + self.penalty.value(w), at.loss, gradient, at.border)

    def restricted(self, columns: np.ndarray) -> "Objective":
        """P with the weights of all other columns at zero; its passes count here too, by their share of the columns."""
        if len(columns) == self.rows.p:
            return self
        assert isinstance(self.rows, MemoryRows)
        share = self.share * self.cells(columns) / max(self.cells(np.arange(self.rows.p)), 1)
        part = Objective(self.rows.columns(columns), self.kernel, self.engine, self.penalty, self.intercept, share)
        part.counter = self.counter
        return part

    def cells(self, columns: np.ndarray) -> int:
        """How many numbers those columns hold; a stream is read whole whatever the columns."""
        if self.streamed:
            return self.rows.n * self.rows.p
        if isinstance(self.rows, SparseRows):
            return int(self.rows.column_entries[columns].sum())
        return self.rows.n * len(columns)

    @cached_property
    def start(self) -> np.ndarray:
        """(d, 1) where a run starts: zero weights, and the best intercept for them where rows have offsets.

        Offsets may put all margins at zero weights far from 0, where the loss has no curvature.
        """
        theta = np.zeros((self.d, 1))
        theta[self.rows.p :] = self._null[0]
        return theta

    @property
    def null_value(self) -> float:
        """P at zero weights and the best intercept, or at `start` where there is none."""
        return self._null[1]

    @cached_property
    def _null(self) -> tuple[float, float]:
        memory = getattr(self.rows, "sample", None) if self.streamed else self.rows
        if isinstance(memory, MemoryRows) and memory.offset is not None:
            return null_model(memory, self.intercept)
        if not self.intercept:
            return 0.0, float(np.log(2.0))
        rate = labels_of(self.rows).positive / self.total_weight
        return 0.0, -sum(q * float(np.log(q)) for q in (rate, 1.0 - rate) if q > 0.0)

    @cached_property
    def separating_weight(self) -> float:
        """The smallest positive weight, if a loss can prove separation at all; else 0.

        Soft labels are never separated, and with offsets a row may be on its side by its offset alone.
        """
        labels = labels_of(self.rows)
        return labels.smallest if labels.hard else 0.0

    @cached_property
    def largest_hessian(self) -> np.ndarray:
        """(d, d) XᵀSX/(4S) + l2, which no ∇²P exceeds anywhere: the Hessian at margins 0. One pass."""
        sums = self._fold(np.zeros((self.rows.p + 1, 1)), Want.HESSIAN, None, with_offset=False)
        assert sums.hessian is not None and sums.border is not None
        return np.asarray(self._hessian(sums.hessian / self.total_weight, sums.border / self.total_weight)[0])

    @cached_property
    def smoothness(self) -> float:
        """L, the largest eigenvalue ∇²P can have anywhere: λmax(XᵀSX)/(4S) + l2; 1/L and 2/L are the safe rates."""
        if self.d == 0:
            return 1.0
        if self.d <= _GRAM_COLUMNS:
            return float(eigvalsh(self.largest_hessian, subset_by_index=[self.d - 1, self.d - 1])[0])
        operator = LinearOperator((self.d, self.d), matvec=self._quarter_product, dtype=np.float64)
        start = np.random.default_rng(0).standard_normal(self.d)
        top = eigsh(operator, k=1, v0=start, tol=1e-3, return_eigenvectors=False)
        return float(top[0]) * (1.0 + 1e-3)  # Lanczos comes from below

    @property
    def squares(self) -> np.ndarray:
        """(d,) the diagonal of the same largest Hessian: Σ s·x²/(4S) + l2 per column, 1/4 for the intercept."""
        diagonal = self.data_squares + self.penalty.l2
        return np.append(diagonal, 0.25) if self.intercept else diagonal

    @cached_property
    def data_squares(self) -> np.ndarray:
        """(p,) Σ s·x²/(4S) of every column: one pass, once."""
        sums = self.engine.fold(self.rows, lambda block: Sums(np.zeros(0), product=self.kernel.squares(block)))
        self.counter[0] += self.share
        total = sums.product
        assert total is not None
        if not np.isfinite(total).all():
            raise RunError(_TOO_LARGE)
        return np.asarray(total / (4.0 * self.total_weight))

    def _quarter_product(self, v: np.ndarray) -> np.ndarray:
        """∇²P at margins 0 times v: the product that a step v from 0 reports, where every curvature is 1/4."""
        step = self._padded(np.asarray(v, dtype=np.float64).reshape(-1, 1))
        sums = self._fold(step, Want.LOSS, step, with_offset=False)
        assert sums.product is not None
        product = sums.product[: self.d, 0] / self.total_weight
        product[: self.rows.p] += self.penalty.gradient(step[: self.rows.p])[:, 0]
        return product

    def _fold(
        self,
        theta: np.ndarray,
        want: Want,
        step: np.ndarray | None,
        with_offset: bool = True,
        curvatures: np.ndarray | None = None,
    ) -> Sums:
        def task(block: Block) -> Sums:
            part = None if curvatures is None else curvatures[block.first : block.first + len(block.y)]
            return self.kernel.sums(block if with_offset else replace(block, offset=None), theta, want, step, part)

        sums = self.engine.fold(self.rows, task)
        self.counter[0] += self.share
        if np.isnan(sums.loss).any():
            raise RunError(
                "the objective is not a number at this point: some margin overflowed. "
                "Scale columns, weights or offsets of extreme size down, or use a smaller --rate."
            )
        if sums.hessian is not None and not np.isfinite(sums.hessian).all():
            raise RunError(_TOO_LARGE)
        return sums

    def _padded(self, theta: np.ndarray) -> np.ndarray:
        return theta if self.intercept else np.vstack([theta, np.zeros((1, theta.shape[1]))])

    def _hessian(self, data: np.ndarray, border: np.ndarray) -> np.ndarray:
        k, p, d = len(data), self.rows.p, self.d
        full = np.empty((k, d, d))
        full[:, :p, :p] = data
        full[:, range(p), range(p)] += self.penalty.l2
        if self.intercept:
            full[:, p, :] = full[:, :, p] = border.T
        return full
