"""The definition: the textbook's nested loops over samples and features, plain Python over the scalar formulas."""

from dataclasses import replace

import numpy as np

from thalweg import formulas
from thalweg.kernels.sums import Sums, Updates, Want
from thalweg.rows.block import Block
from thalweg.rows.squares import column_squares


class Loops:
    """Slow and readable: every other kernel is tested against this one."""

    def sums(
        self,
        block: Block,
        theta: np.ndarray,
        want: Want,
        step: np.ndarray | None = None,
        curvatures: np.ndarray | None = None,
    ) -> Sums:
        block = replace(block, X=np.asarray(block.X))
        n, p = block.X.shape
        k = theta.shape[1]
        total = Sums.zeros(p, k, want, step is not None)
        with np.errstate(over="ignore", invalid="ignore"):  # seen in the sums, where the objective says it in words
            for i in range(n):
                row = _row(block, i)
                for j in range(k):
                    if curvatures is not None:
                        x, _, weight, offset = row
                        z = _margin(x, [float(t) for t in theta[:, j]], offset)
                        curvatures[i, j] = weight * formulas.curvature(z)
                    _add_sample(total, row, j, [float(t) for t in theta[:, j]], want)
                    if step is not None:
                        _add_step(total, row, j, [float(t) for t in theta[:, j]], [float(t) for t in step[:, j]])
        return total

    def product(self, block: Block, curvatures: np.ndarray, v: np.ndarray) -> np.ndarray:
        block, total = replace(block, X=np.asarray(block.X)), np.zeros_like(v)
        for i in range(block.X.shape[0]):
            x = _row(block, i)[0]
            for j in range(v.shape[1]):
                u = float(curvatures[i, j]) * _margin(x, [float(t) for t in v[:, j]], 0.0)
                for c in range(len(x)):
                    total[c, j] += u * x[c]
        return total

    def squares(self, block: Block) -> np.ndarray:
        return column_squares(block)

    def sweep(self, block: Block, theta: np.ndarray, updates: Updates) -> tuple[np.ndarray, np.ndarray]:
        theta, sum_of_thetas = theta.copy(), np.zeros_like(theta)
        block = replace(block, X=np.asarray(block.X))
        n, p = block.X.shape
        for number, start in enumerate(range(0, n, updates.size)):
            rows = range(start, min(start + updates.size, n))
            total = Sums.zeros(p, theta.shape[1], Want.GRADIENT, False)
            for i in rows:
                for j in range(theta.shape[1]):
                    _add_sample(total, _row(block, i), j, [float(t) for t in theta[:, j]], Want.GRADIENT)
            assert total.gradient is not None
            penalty = updates.l2 * theta[:p]
            for j in range(theta.shape[1]):
                for c in range(p + 1 if updates.intercept else p):
                    slope = updates.scale * total.gradient[c, j] / len(rows) + (penalty[c, j] if c < p else 0.0)
                    theta[c, j] -= updates.rates[number] * slope
            sum_of_thetas += theta
        return theta, sum_of_thetas


_Row = tuple[list[float], float, float, float]  # x with a 1 behind it, y, weight, offset


def _row(block: Block, i: int) -> _Row:
    x = [float(value) for value in block.X[i]] + [1.0]
    weight = 1.0 if block.weight is None else float(block.weight[i])
    offset = 0.0 if block.offset is None else float(block.offset[i])
    return x, float(block.y[i]), weight, offset


def _margin(x: list[float], point: list[float], offset: float) -> float:
    return sum(a * b for a, b in zip(x, point, strict=True)) + offset


def _add_sample(total: Sums, row: _Row, j: int, point: list[float], want: Want) -> None:
    x, y, weight, offset = row
    z = _margin(x, point, offset)
    total.loss[j] += weight * formulas.log_loss(y, z)
    h = weight * formulas.curvature(z)
    for c in range(len(x)):
        if total.gradient is not None:
            total.gradient[c, j] += weight * formulas.residual(y, z) * x[c]
        if total.border is not None:
            total.border[c, j] += h * x[c]
        if total.hessian is not None and c < len(x) - 1:
            for d in range(len(x) - 1):
                total.hessian[j, c, d] += h * x[c] * x[d]


def _add_step(total: Sums, row: _Row, j: int, point: list[float], step: list[float]) -> None:
    x, _, weight, offset = row
    d = _margin(x, step, 0.0)
    old = _margin(x, point, offset) - d
    assert total.reach is not None and total.divergence is not None and total.product is not None
    total.reach[j] = max(total.reach[j], abs(d))
    if abs(d) <= 1.0:
        total.divergence[j] += weight * formulas.divergence(old, d)
    else:
        total.divergence[j] = np.inf
    for c in range(len(x)):
        total.product[c, j] += weight * formulas.curvature(old) * d * x[c]
