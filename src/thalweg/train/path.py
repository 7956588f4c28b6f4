"""A path over l1, from the strength that keeps all weights at zero downwards, each begun where the last one ended."""

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from inspect import signature
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from thalweg.engines import Threads
from thalweg.errors import ConvergenceWarning, RunError, UsageError
from thalweg.events import Observer
from thalweg.kernels import Want
from thalweg.model import Model
from thalweg.objective import Objective
from thalweg.observers import Trace
from thalweg.optimizers import OPTIMIZERS, Newton, OrthantNewton
from thalweg.penalties import penalty
from thalweg.readers.arrays import refuse_non_finite
from thalweg.rows import DenseRows, MemoryRows
from thalweg.solve import Clock, Solution, solve
from thalweg.stopping import Outcome, Rules
from thalweg.train.assembly import fit
from thalweg.train.options import Options, plain
from thalweg.train.plan import kernel_for
from thalweg.train.request import Request, model_of, requested
from thalweg.train.run import Run, held_out_loss, make_ready

_METHOD = "orthant-newton"
_MOST = 100_000  # points: each keeps a model


@dataclass(frozen=True)
class Path:
    """Optima for k strengths of l1, the largest first.

    l1, l2         (k,) strengths
    coef           (k, p) weights in the raw columns' units, as a SciPy CSR array; intercept (k,)
    nonzero        (k,) how many weights are not zero
    objective      (k,) P; gap: (k,) upper bounds on P - P*, NaN where there is none
    holdout_loss   (k,) mean log-loss on the held-out rows, or None
    passes, seconds  for the whole path
    interrupted    whether Ctrl-C ended it before its last strength
    """

    l1: np.ndarray
    l2: np.ndarray
    coef: csr_array
    intercept: np.ndarray
    nonzero: np.ndarray
    objective: np.ndarray
    gap: np.ndarray
    holdout_loss: np.ndarray | None
    passes: float
    seconds: float
    interrupted: bool
    _request: Request = field(repr=False)
    _runs: tuple[tuple[Run, Trace], ...] = field(repr=False)

    def model(self, i: int) -> Model:
        """The model of the i-th strength, complete."""
        run, trace = self._runs[i]
        options = replace(self._request.options, l1=float(self.l1[i]))
        return model_of(replace(self._request, options=options), run, trace)

    @property
    def converged(self) -> bool:
        """Whether every strength was fitted to its tolerance, and none was left out."""
        return not self.interrupted and all(run.solution.outcome.converged for run, _ in self._runs)

    @property
    def best(self) -> int:
        """Which strength has the lowest held-out loss. Raises UsageError where no rows were held out."""
        if self.holdout_loss is None:
            raise UsageError("no rows were held out to choose by; give holdout=0.2, or rows of their own.")
        return int(np.argmin(self.holdout_loss))


def fit_path(
    rows: Any,
    target: str | None = None,
    *,
    points: int | None = None,
    ratio: float = 1e-3,
    l1s: Sequence[float] | None = None,
    l1_ratio: float = 1.0,
    observers: Sequence[Observer] = (),
    **options: Any,
) -> Path:
    """Fit the same rows for many strengths of l1, each proved like any fit.

    points     strengths, equally spaced on the logarithmic scale; 100 unless told
    ratio      the smallest as a share of the largest, which is the least that keeps every weight at zero
    l1s        the strengths themselves instead, in any order
    l1_ratio   l1/(l1 + l2) at every strength, in (0, 1]; below 1 it is an elastic net
    options    every other keyword of `thalweg.fit` but method, l1, l2 and patience, with the same meaning

    Raises UsageError for strengths that are none, and all that `thalweg.fit` raises. Ctrl-C ends the path with the
    strengths done so far. It warns with a ConvergenceWarning where a strength ends above its tolerance, or is left out.

    Source: Friedman, Hastie and Tibshirani, Regularization Paths, 2010.
    """
    own = {name: parameter.default for name, parameter in signature(fit).parameters.items()}
    refused = {"method": f"a path is fitted by {_METHOD}", "l1": "l1s gives the strengths", "l2": "l1_ratio gives it",
               "patience": "every strength is fitted to its optimum"}  # fmt: skip
    for name in options:
        if name in refused:
            raise UsageError(f"{name} has no place in a path: {refused[name]}.")
        if name not in own:
            raise TypeError(f"fit_path() got an unexpected keyword argument {name!r}")
    if points is not None and l1s is not None:
        raise UsageError("points has no meaning beside l1s, which are the points.")
    if points is not None and not (isinstance(points, Integral) and 2 <= points <= _MOST):
        raise UsageError(f"points is {points!r}, but must be a whole number of at least 2, and at most {_MOST:,}.")
    for name, share in (("ratio", ratio), ("l1_ratio", l1_ratio)):
        if not (isinstance(share, Real) and not isinstance(share, bool) and 0.0 < share <= 1.0):
            raise UsageError(f"{name} is {share!r}, but must lie above 0 and not above 1.")
    request = requested(rows, plain({**own, **options, "target": target, "method": _METHOD}))
    try:
        path = _Walk(request, float(l1_ratio), observers).go(int(points or 100), float(ratio), l1s)
    except RunError:
        refuse_non_finite(request.prepared.rows.X)
        raise
    if not path.converged:
        warnings.warn(_unfinished(path), ConvergenceWarning, stacklevel=2)
    return path


def _unfinished(path: Path) -> str:
    if path.interrupted:
        return f"Interrupted: the {len(path.l1)} strengths done so far were kept."
    short = [i for i, (run, _) in enumerate(path._runs) if not run.solution.outcome.converged]
    first = path._runs[short[0]][0].solution.sentence
    return f"{len(short)} of {len(path.l1)} strengths ended early; the first, l1 = {path.l1[short[0]]:.3g}: {first}"


class _Walk:
    """The path on its way: one objective after another, over the same rows."""

    def __init__(self, request: Request, l1_ratio: float, observers: Sequence[Observer]) -> None:
        self.request, self.l1_ratio, self.observers = request, l1_ratio, observers
        self.options: Options = request.options
        self.rows: MemoryRows = request.prepared.rows
        make_ready(self.rows, self.options, observers)
        self.clock = Clock(time.perf_counter())
        self.engine = Threads(self.options.threads)
        kernel = kernel_for(self.rows, self.options.kernel)
        self.objective = Objective(self.rows, kernel, self.engine, penalty(0.0, 0.0), self.options.intercept)

    def go(self, points: int, ratio: float, l1s: Sequence[float] | None) -> Path:
        with self.engine.running():
            theta, largest = self._null()
            strengths = largest * np.geomspace(1.0, ratio, points) if l1s is None else _strengths(l1s)
            held_out = self.request.prepared.holdout
            judge = None if held_out is None else held_out_loss(held_out, self.options, self.engine)
            runs: list[tuple[Run, Trace]] = []
            losses, start = [], None
            for i, l1 in enumerate(strengths):
                self.clock.stage = f"l1 = {l1:.3g} ({i + 1} of {len(strengths)})"
                before_it = self.objective
                self.objective = before_it.with_penalty(penalty(float(l1) * (1.0 / self.l1_ratio - 1.0), float(l1)))
                trace = Trace()
                before, began = self.clock.passes, time.perf_counter()
                try:
                    solution = self._solve(theta, None if start is None else (before_it, start), trace)
                except KeyboardInterrupt:
                    if not runs:
                        raise
                    break
                self.clock.passes += self.objective.passes
                theta, start = solution.theta, solution.state
                # of use to the next strength only, and as large as the rows or as the square of the columns
                kept = replace(solution, state=None, at=replace(solution.at, hessian=None))
                run = Run(kept, _METHOD, "", self.objective.penalty.l2, self.clock.passes - before,
                          time.perf_counter() - began)  # fmt: skip
                try:
                    losses.append(np.nan if judge is None else judge(theta))
                except KeyboardInterrupt:
                    break
                runs.append((run, trace))
                if solution.outcome is Outcome.INTERRUPTED:
                    break
            interrupted = len(runs) < len(strengths) or runs[-1][0].solution.outcome is Outcome.INTERRUPTED
            judged = np.array(losses) if judge is not None else None
            return self._path(strengths[: len(runs)], runs, judged, interrupted)

    def _null(self) -> tuple[np.ndarray, float]:
        """The point whose weights are all zero, the intercept at its optimum, and the least l1 that keeps it."""
        p = self.rows.p
        theta = np.zeros((self.objective.d, 1))
        if self.options.intercept:
            alone = DenseRows(np.zeros((self.rows.n, 0)), self.rows.y, self.rows.weight, self.rows.offset)
            constant = Objective(alone, kernel_for(alone, "auto"), self.engine, penalty(0.0, 0.0))
            theta[p:] = solve(constant, Newton(1e-12), constant.start, Rules(gradient_tol=1e-14)).theta
        at = self.objective.evaluate(theta, Want.GRADIENT)
        self.clock.passes += self.objective.passes
        assert at.gradient is not None
        return theta, float(np.abs(at.gradient[:p]).max(initial=0.0))

    def _solve(self, theta: np.ndarray, start: Any, trace: Trace) -> Solution:
        optimizer = OrthantNewton(self.options.tol, start=start)
        epochs = self.options.epochs or OPTIMIZERS[_METHOD].epochs
        rules = Rules(self.options.tol, self.options.gradient_tol, epochs)
        return solve(self.objective, optimizer, theta, rules, (trace, *self.observers), None, self.clock)

    def _path(
        self, l1s: np.ndarray, runs: list[tuple[Run, Trace]], losses: np.ndarray | None, interrupted: bool
    ) -> Path:
        p, recipe = self.rows.p, self.request.prepared.recipe
        raw = [csr_array(run.solution.theta[None, :p, 0] / recipe.scale) for run, _ in runs]
        intercepts = [float(run.solution.theta[p:, 0].sum()) for run, _ in runs]
        gaps = [run.solution.certificate.gap for run, _ in runs]
        coef = csr_array(np.zeros((0, p))) if not raw else _stacked(raw)
        return Path(
            l1=np.array(l1s),
            l2=np.array([run.l2 for run, _ in runs]),
            coef=coef,
            intercept=np.array(intercepts) - coef @ recipe.mean,
            nonzero=np.diff(coef.indptr),
            objective=np.array([float(run.solution.at.value[0]) for run, _ in runs]),
            gap=np.array([np.nan if gap is None else gap for gap in gaps]),
            holdout_loss=losses,
            passes=self.clock.passes,
            seconds=time.perf_counter() - self.clock.start,
            interrupted=interrupted,
            _request=self.request,
            _runs=tuple(runs),
        )


def _stacked(rows: list[csr_array]) -> csr_array:
    indptr = np.concatenate([[0], np.cumsum([row.nnz for row in rows])])
    parts = (np.concatenate([row.data for row in rows]), np.concatenate([row.indices for row in rows]), indptr)
    return csr_array(parts, shape=(len(rows), rows[0].shape[1]))


def _strengths(l1s: Sequence[float]) -> np.ndarray:
    try:
        strengths = np.sort(np.asarray(list(l1s), dtype=np.float64))[::-1]
    except (TypeError, ValueError):
        raise UsageError(f"l1s is {l1s!r}, but must be numbers above 0.") from None
    if not len(strengths) or not (np.isfinite(strengths) & (strengths > 0.0)).all():
        raise UsageError(f"l1s is {list(l1s)!r}, but must be numbers above 0, at least one.")
    return strengths
