"""A dense table in memory, columns on very different scales: thalweg's auto against scikit-learn's solvers.

Every contestant minimises the same P (C = 1/(n·l2) = 1, intercept unpenalised, columns as they are). Suboptimality is
measured for all of them by one pass of our objective against an optimum certified to 1e-12.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from bench.timing import ratio, show
from thalweg.engines import Threads
from thalweg.kernels import Want, kernel
from thalweg.objective import Objective
from thalweg.penalties import penalty
from thalweg.rows import DenseRows
from thalweg.train.options import Options
from thalweg.train.run import run as fit_rows

ACCURACY = 1e-8  # relative suboptimality that a contestant must reach to be compared
COLUMNS = 50


def table(n: int) -> tuple[np.ndarray, np.ndarray]:
    """n rows of 50 normal columns with scales spread over e^±2, labels from a logistic model."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, COLUMNS))
    scale = np.exp(rng.uniform(-2, 2, COLUMNS))
    X *= scale
    w = 2.0 * rng.standard_normal(COLUMNS) / scale / np.sqrt(COLUMNS)
    y = (rng.random(n) < 1.0 / (1.0 + np.exp(-(X @ w + 0.5)))).astype(np.float64)
    return X, y


def run(options: argparse.Namespace) -> None:
    """Print the table of times, ratios and suboptimalities."""
    X, y = table(options.rows)
    rows = DenseRows(X, y)
    grown = peak_growth(lambda: _ours(rows))  # a round that does not count
    best = fit_rows(rows, Options(tol=1e-12, standardize=False)).solution.at.value[0]
    tol = next(
        tol for tol in (1e-4, 1e-6, 1e-8, 1e-10) if _peer(rows, best, solver="newton-cholesky", tol=tol)[1] <= ACCURACY
    )
    ours, newton, default = [], [], []
    for turn in range(options.repeats):
        ours.append(_ours(rows))
        newton.append(_peer(rows, best, solver="newton-cholesky", tol=tol))
        if turn < 2:  # the slow one runs twice
            default.append(_peer(rows, best, solver="lbfgs"))
    result = ours[-1][1]
    times = [seconds for seconds, _ in ours]
    lines = [_line("thalweg auto", times, times, (result.solution.at.value[0] - best) / best, f"{result.passes:.1f}")]
    for name, runs in ((f"newton-cholesky, tol {tol:g}", newton), ("lbfgs, default (unconverged)", default)):
        _, gap, iterations = runs[-1]
        lines.append(_line(f"scikit-learn {name}", [run[0] for run in runs], times, gap, str(iterations)))
    certified = result.solution.certificate
    floor, seconds = _pass_seconds(X), median(times)
    note = (
        f"certified: relative gap at most {certified.relative_gap:.1e} by {certified.kind}; peak memory beyond X "
        f"{grown}; reading X once takes {floor:.3f} s, so auto is {seconds / floor:.1f} times its floor"
    )
    columns = ["", "seconds", "times ours", "relative suboptimality", "passes / iterations"]
    show(f"{options.rows:,} x {COLUMNS} float64, columns scaled over e^±2, l2 = 1/n", columns, lines, note)


def peak_growth(work: Callable[[], Any]) -> str:
    """How far the process's peak memory rises above where it stood before; Linux can start a peak afresh."""
    marks = Path("/proc/self/clear_refs")
    status = Path("/proc/self/status")
    if not marks.exists():
        return "not measured on this system"
    marks.write_text("5")
    before = _kibibytes(status, "VmRSS")
    work()
    return f"{(_kibibytes(status, 'VmHWM') - before) / 1024:.0f} MB"


def _kibibytes(status: Path, name: str) -> int:
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith(name + ":"))


def _ours(rows: DenseRows) -> tuple[float, Any]:
    start = time.perf_counter()
    result = fit_rows(rows, Options(tol=ACCURACY, standardize=False))
    return time.perf_counter() - start, result


def _peer(rows: DenseRows, best: float, **settings: Any) -> tuple[float, float, int]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "failed to converge" is what the suboptimality column shows
        start = time.perf_counter()
        peer = LogisticRegression(C=1.0, **settings).fit(rows.X, rows.y)
        seconds = time.perf_counter() - start
    theta = np.append(peer.coef_[0], peer.intercept_)[:, None]
    objective = Objective(rows, kernel("blocked"), Threads(), penalty(1.0 / rows.n, 0.0))
    value = objective.evaluate(theta, Want.LOSS).value[0]
    return seconds, float((value - best) / best), int(peer.n_iter_[0])


def _pass_seconds(X: np.ndarray) -> float:
    """The floor of one pass: the bytes of X read once, by as many threads as a fit uses."""
    from concurrent.futures import ThreadPoolExecutor

    threads = Threads().count
    parts = np.array_split(X, threads)
    with ThreadPoolExecutor(threads) as pool:
        times = []
        for _ in range(3):
            start = time.perf_counter()
            list(pool.map(np.sum, parts))
            times.append(time.perf_counter() - start)
    return min(times)


def _line(name: str, theirs: list[float], ours: list[float], gap: float, count: str) -> list[str]:
    times_ours = ratio(ours[: len(theirs)], theirs)
    return [name, f"{median(theirs):.2f}", f"{times_ours:.1f}", f"{max(gap, 0.0):.1e}", count]
