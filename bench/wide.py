"""Far more columns than rows, under l1 alone: thalweg against skglm and celer, a single fit and a path of 30 strengths.

Every contestant minimises the same P on columns that are standardised beforehand, without an intercept, which celer
does not have. A peer is timed at the loosest of its tolerances that reaches a true relative suboptimality of 1e-6,
which is found before the clock starts, with its code compiled and its columns laid out as it wants them. Ours is timed
as a whole call, to its certificate. Contestants take turns.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import scipy.sparse as sp

import thalweg
from bench.sparse import ACCURACY, Problem
from bench.timing import paired, ratio, show

POINTS = 30
SHARES = (0.1, 0.01, 0.001)  # of the least l1 that keeps every weight at zero
PATIENCE = 5.0  # seconds of one call after which no tighter tolerance is tried
TOLERANCES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)

Fitted = Callable[[float], np.ndarray]  # tolerance -> weights (p,), or (points, p)


def tables() -> dict[str, tuple[Any, np.ndarray]]:
    """Rows and labels by name: noise, a few factors under log-normal columns as in gene expression, sparse counts."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((60, 1500))
    labels = noise[:, 0] - noise[:, 1] + 0.5 * rng.standard_normal(60) > 0
    factors = rng.standard_normal((38, 20))
    genes = np.exp(0.3 * (factors @ (rng.standard_normal((20, 7129)) * rng.exponential(size=(20, 1)))))
    genes *= np.exp(0.45 * rng.standard_normal(genes.shape))
    wide = rng.standard_normal((200, 10_000))
    counts = sp.random(200, 3000, 0.01, format="csr", random_state=rng, data_rvs=rng.standard_exponential)
    return {
        "60 x 1,500": (_scaled(noise), labels.astype(float)),
        "38 x 7,129": (_scaled(genes), (factors[:, 0] > 0.4).astype(float)),
        "200 x 10,000": (_scaled(wide), _drawn(rng, wide)),
        "200 x 3,000, 1 % filled": (counts, _drawn(rng, counts)),
    }


def _scaled(X: np.ndarray) -> np.ndarray:
    return np.asarray((X - X.mean(axis=0)) / X.std(axis=0))


def _drawn(rng: np.random.Generator, X: Any) -> np.ndarray:
    """Labels from a logistic model of every twentieth column."""
    w = np.where(np.arange(X.shape[1]) % 20 == 0, rng.standard_normal(X.shape[1]), 0.0)
    z = X @ w
    return (rng.random(len(z)) < 1.0 / (1.0 + np.exp(-3.0 * z / z.std()))).astype(float)


def run(options: argparse.Namespace) -> None:
    """Print a table for every problem."""
    warnings.simplefilter("ignore")  # what did not converge shows in its suboptimality
    columns = ["", "seconds", "times ours", "suboptimality", "passes"]
    note = "l1 is a share of the largest; the floor is the time of reading X once, and of as many passes as were made"
    for name, (X, y) in tables().items():
        largest = float(np.abs(X.T @ (0.5 - y)).max()) / len(y)
        lines = []
        for share in SHARES:
            lines += _fits(f"l1 = {share:g}", X, y, share * largest, options.repeats)
        l1s = largest * np.geomspace(1.0, SHARES[-1], POINTS)
        lines += _paths(f"path of {POINTS} down to {SHARES[-1]:g}", X, y, l1s, options.repeats)
        show(name, columns, lines, note)


def _fits(title: str, X: Any, y: np.ndarray, l1: float, repeats: int) -> list[list[str]]:
    same = {"l1": l1, "l2": 0.0, "standardize": False, "intercept": False}
    problem = Problem(X, y, 0.0, l1, thalweg.fit((X, y), tol=1e-10, **same).objective)
    model = thalweg.fit((X, y), **same)
    laid = _by_columns(X)
    peers = {"skglm": _tuned(_skglm(laid, y, [l1]), [problem]), "celer": _tuned(_celer(laid, y, [l1]), [problem])}
    ours = ("thalweg", lambda: thalweg.fit((X, y), **same), problem.excess(model.standardized_coef), model.passes)
    return _table(title, X, ours, peers, repeats)


def _paths(title: str, X: Any, y: np.ndarray, l1s: np.ndarray, repeats: int) -> list[list[str]]:
    same = {"standardize": False, "intercept": False}
    best = thalweg.fit_path((X, y), l1s=l1s, tol=1e-10, **same).objective
    problems = [Problem(X, y, 0.0, l1, value) for l1, value in zip(l1s, best, strict=True)]
    path = thalweg.fit_path((X, y), l1s=l1s, **same)
    worst = max(problem.excess(w) for problem, w in zip(problems, path.coef.toarray(), strict=True))
    laid = _by_columns(X)
    peers = {"skglm": _tuned(_skglm(laid, y, l1s), problems), "celer": _tuned(_celer(laid, y, l1s), problems)}
    ours = ("thalweg", lambda: thalweg.fit_path((X, y), l1s=l1s, **same), worst, path.passes)
    return _table(title, X, ours, peers, repeats)


def _table(
    title: str,
    X: Any,
    ours: tuple[str, Callable[[], Any], float, float],
    peers: dict[str, tuple[Callable[[], Any], float]],
    repeats: int,
) -> list[list[str]]:
    name, fit, excess, passes = ours
    seconds = paired({name: fit, **{peer: found[0] for peer, found in peers.items()}}, repeats)
    floor = _read(X)
    lines = [
        [title, "", "", "", ""],
        [f"  {name}", f"{median(seconds[name]):.4f}", "1.0", f"{max(excess, 0.0):.0e}", f"{passes:.1f}"],
        ["  floor", f"{floor:.5f}", "", "", f"{floor * passes:.4f} s"],
    ]
    for peer, (_, far) in peers.items():
        short = "" if far <= ACCURACY else " (not reached)"
        times = f"{ratio(seconds[name], seconds[peer]):.2f}"
        lines.append([f"  {peer}{short}", f"{median(seconds[peer]):.4f}", times, f"{max(far, 0.0):.0e}", ""])
    return lines


def _read(X: Any) -> float:
    """Seconds to read the numbers of X once."""
    cells = X.data if sp.issparse(X) else X
    times = []
    for _ in range(5):
        start = time.perf_counter()
        cells.sum()
        times.append(time.perf_counter() - start)
    return min(times)


def _by_columns(X: Any) -> Any:
    return X.tocsc() if sp.issparse(X) else np.asfortranarray(X)


def _tuned(peer: Fitted, problems: list[Problem]) -> tuple[Callable[[], Any], float]:
    """The peer at the loosest tolerance that is good enough for all problems, or at the last, and how far off it is."""
    worst = np.inf
    peer(TOLERANCES[0])  # compiles
    for tolerance in TOLERANCES:
        start = time.perf_counter()
        found = np.atleast_2d(peer(tolerance))
        seconds = time.perf_counter() - start
        worst = max(problem.excess(w) for problem, w in zip(problems, found, strict=True))
        if worst <= ACCURACY or seconds > PATIENCE:
            break
    return lambda: peer(tolerance), worst


def _skglm(X: Any, y: np.ndarray, l1s: Any) -> Fitted:
    from skglm import GeneralizedLinearEstimator
    from skglm.datafits import Logistic
    from skglm.penalties import L1
    from skglm.solvers import ProxNewton

    def fit(tolerance: float) -> np.ndarray:
        solver = ProxNewton(tol=tolerance, fit_intercept=False, max_iter=200, warm_start=True)
        model = GeneralizedLinearEstimator(Logistic(), L1(l1s[0]), solver)
        found = []
        for l1 in l1s:
            model.penalty = L1(l1)
            found.append(model.fit(X, 2.0 * y - 1.0).coef_.ravel().copy())
        return np.array(found)

    return fit


def _celer(X: Any, y: np.ndarray, l1s: Any) -> Fitted:
    from celer import LogisticRegression
    from celer.homotopy import celer_path

    def fit(tolerance: float) -> np.ndarray:
        labels = 2.0 * y - 1.0
        if len(l1s) == 1:
            model = LogisticRegression(C=1.0 / (l1s[0] * len(y)), tol=tolerance)
            return np.asarray(model.fit(X, labels).coef_).ravel()
        return np.asarray(celer_path(X, labels, "logreg", alphas=np.asarray(l1s), tol=tolerance)[1]).T

    return fit
