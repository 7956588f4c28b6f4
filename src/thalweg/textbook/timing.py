"""Loop against vectorised against blocked: the same pass three times, timed. The one file here that times a kernel."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from thalweg.errors import RunError, UsageError
from thalweg.textbook import checks, loop, vectorized

_STEPS = 10  # in a row, as a run takes them: what is checked once a run is then shared

SIZES = ((2, 100), (2, 10_000), (50, 1_000), (50, 10_000), (500, 2_000))


@dataclass(frozen=True)
class Timing:
    """Seconds of one pass (J, dw and db) over m samples of n features, by each of the three.

    None pays for the check of its input: the loop's pass is timed without it, and the other two take ten passes in a
    row that are checked once. A single `loop.step` or `vectorized.step` looks for NaN in X as well.
    """

    n: int
    m: int
    loop: float
    vectorized: float
    blocked: float

    @property
    def ratio(self) -> float:
        """How many times the vectorised pass's time the loop takes."""
        return self.loop / self.vectorized


def time_passes(sizes: Sequence[tuple[int, int]] = SIZES, seed: int = 0) -> list[Timing]:
    """One pass by the loop, by the vectorised form and by the blocked kernel, on the same random samples.

    sizes  pairs (n, m): features and samples

    Each is the fastest of several. Raises UsageError for other sizes, RunError if the three disagree about J, dw or
    db: then a time would mean nothing.
    """
    rng = np.random.default_rng(checks.count("seed", seed, least=0))
    return [_time(n, m, rng) for n, m in map(_size, checks.choices("sizes", sizes))]


def _size(value: Any) -> tuple[int, int]:
    try:
        n, m = value
    except (TypeError, ValueError):
        raise UsageError(f"a size must be a pair (n, m), features and samples; it is {value!r:.80}.") from None
    return checks.count("n", n), checks.count("m", m)


def _time(n: int, m: int, rng: np.random.Generator) -> Timing:
    from thalweg.engines import Threads
    from thalweg.kernels import Want, kernel
    from thalweg.objective import Objective
    from thalweg.penalties import penalty
    from thalweg.rows import DenseRows

    X = rng.standard_normal((n, m))
    w, b = 0.1 * rng.standard_normal((n, 1)), 0.1
    Y = (rng.random((1, m)) < 0.5).astype(float)
    lists = (w[:, 0].tolist(), b, X.T.tolist(), Y[0].tolist())
    rows = DenseRows(np.ascontiguousarray(X.T), Y[0])
    objective = Objective(rows, kernel("blocked"), Threads(), penalty(0.0, 0.0), True)
    theta = np.vstack([w, [[b]]])
    with objective.engine.running():
        J, dw, db = loop.accumulate(*lists)
        by_columns = vectorized.propagate(w, b, X, Y)
        by_blocks = objective.evaluate(theta, Want.GRADIENT)
        assert by_blocks.gradient is not None
        for other in (
            [*by_columns.dw[:, 0], by_columns.db, by_columns.J],
            [*by_blocks.gradient[:, 0], by_blocks.value[0]],
        ):
            if not np.allclose([*dw, db, J], other, rtol=0, atol=1e-9):
                raise RunError(
                    f"loop, vectorised and blocked pass disagree about J or its gradient at n = {n}, m = {m}."
                )
        return Timing(
            n,
            m,
            _fastest(lambda: loop.accumulate(*lists), 3),
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
