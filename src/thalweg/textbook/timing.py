"""Loop against vectorised against blocked: the same pass three times, timed. The one file here that meets a kernel."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from thalweg.engines import Threads
from thalweg.kernels import Want, kernel
from thalweg.objective import Objective
from thalweg.penalties import penalty
from thalweg.rows import DenseRows
from thalweg.textbook import checks, loop, vectorized

_STEPS = 10  # in a row, as a run takes them: what is checked once a run is then shared

SIZES = ((2, 100), (2, 10_000), (50, 1_000), (50, 10_000), (500, 2_000))


@dataclass(frozen=True)
class Timing:
    """Seconds of one pass (J, dw and db) over m samples of n features, by each of the three."""

    n: int
    m: int
    loop: float
    vectorized: float
    blocked: float

    @property
    def ratio(self) -> float:
        """How many times the loop's time the vectorised pass takes."""
        return self.loop / self.vectorized


def time_passes(sizes: Sequence[tuple[int, int]] = SIZES, seed: int = 0) -> list[Timing]:
    """One step by the loop, by the vectorised form, and one pass of the blocked kernel, on the same random samples.

    sizes  (n, m): features and samples

    Raises RuntimeError if the three disagree about J, dw or db: then a time would mean nothing.
    """
    rng = np.random.default_rng(seed)
    return [_time(checks.count("n", n), checks.count("m", m), rng) for n, m in sizes]


def _time(n: int, m: int, rng: np.random.Generator) -> Timing:
    X = rng.standard_normal((n, m))
    w, b = 0.1 * rng.standard_normal((n, 1)), 0.1
    Y = (rng.random((1, m)) < 0.5).astype(float)
    lists = (w[:, 0].tolist(), b, X.T.tolist(), Y[0].tolist())
    rows = DenseRows(np.ascontiguousarray(X.T), Y[0])
    objective = Objective(rows, kernel("blocked"), Threads(), penalty(0.0, 0.0), True)
    theta = np.vstack([w, [[b]]])
    with objective.engine.running():
        by_loop = loop.step(*lists, 0.1)
        by_columns = vectorized.propagate(w, b, X, Y)
        by_blocks = objective.evaluate(theta, Want.GRADIENT)
        assert by_blocks.gradient is not None
        for other in (np.append(by_columns.dw[:, 0], by_columns.db), by_blocks.gradient[:, 0]):
            if not np.allclose([*by_loop.dw, by_loop.db], other, rtol=0, atol=1e-9):
                raise RuntimeError("loop, vectorised and blocked pass disagree about the gradient")
        return Timing(
            n,
            m,
            _fastest(lambda: loop.step(*lists, 0.1), 1),
            _fastest(lambda: vectorized.descend(X, Y, 0.1, _STEPS, w, b), 5) / (_STEPS + 1),
            _fastest(lambda: [objective.evaluate(theta, Want.GRADIENT) for _ in range(_STEPS)], 5) / _STEPS,
        )


def _fastest(work: Callable[[], Any], repeats: int) -> float:
    """Seconds of the fastest repeat."""
    times = []
    for _ in range(repeats):
        began = perf_counter()
        work()
        times.append(perf_counter() - began)
    return min(times)
