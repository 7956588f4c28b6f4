"""From rows of numbers to a solution: the stages of the plan, one after another. Every face's fit ends here."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from thalweg import memory
from thalweg.certificate import certify
from thalweg.engines import Engine, Threads
from thalweg.errors import RunError
from thalweg.events import Event, Observer
from thalweg.kernels import Want
from thalweg.kernels.compiled import Compiled, get_ready
from thalweg.objective import Objective
from thalweg.optimizers import Newton
from thalweg.penalties import penalty
from thalweg.readers.arrays import refuse_non_finite
from thalweg.rows import MemoryRows, SparseRows
from thalweg.solve import Clock, Solution, solve
from thalweg.stopping import Outcome
from thalweg.train.options import Options
from thalweg.train.plan import SECOND_EPOCHS, Stage, choose, kernel_for, sample, second_method, stages
from thalweg.train.stream_rows import StreamRows
from thalweg.train.warm_start import warm_start


@dataclass(frozen=True)
class Run:
    """What came of it: the solution, and what it took.

    solution  where the last stage ended; theta on the scale the rows were given in
    method    that ran
    reason    why `auto` chose it
    l2        the strength used
    passes    over the full rows, samples counted by their share
    seconds   wall clock
    """

    solution: Solution
    method: str
    reason: str
    l2: float
    passes: float
    seconds: float


def run(
    rows: MemoryRows,
    options: Options,
    observers: Sequence[Observer] = (),
    holdout: MemoryRows | None = None,
    squares: np.ndarray | None = None,
) -> Run:
    """Minimise P on the rows.

    squares  (p,) mean squares of the columns, NaN where they are not known

    Raises DataError where X holds NaN or infinity, naming row and column: looked for only when P says so, since a
    search costs a pass.
    """
    make_ready(rows, options, observers)
    l2 = 1.0 / rows.total_weight if options.l2 is None else float(options.l2)
    method, reason = choose(options, rows)
    clock = Clock(time.perf_counter())
    engine = Threads(options.threads)
    try:
        with engine.running():
            plan = stages(options, method, rows.n, rows.p)
            solution = run_stages(rows, plan, options, l2, observers, holdout, clock, engine, squares=squares)
    except RunError:
        refuse_non_finite(rows.X)
        raise
    if solution.outcome is Outcome.DIVERGING:
        refuse_non_finite(rows.X)
    return Run(solution, method, reason, l2, clock.passes, time.perf_counter() - clock.start)


def make_ready(rows: MemoryRows, options: Options, observers: Sequence[Observer]) -> None:
    """What has to be compiled is, before the clock starts, and observers hear why nothing moves."""
    if isinstance(rows, SparseRows) and isinstance(kernel_for(rows, options.kernel), Compiled):

        def tell(what: str) -> None:
            for observer in observers:
                observer(Event("wait", what, 0, 0.0, 0.0))

        get_ready(rows.X, tell)


@dataclass(frozen=True)
class Begun:
    """Where the samples have led: theta (d, 1) to go on from, and what a Newton run on all rows takes over from them.

    best          (d, 1) the best point for the last sample; value, rows: P of the sample there, and its rows
    """

    theta: np.ndarray
    warm: dict[str, Any]
    best: np.ndarray
    value: float
    rows: int


def run_stages(
    rows: MemoryRows | StreamRows,
    plan: Sequence[Stage],
    options: Options,
    l2: float,
    observers: Sequence[Observer],
    holdout: MemoryRows | None,
    clock: Clock,
    engine: Engine,
    begun: Begun | None = None,
    tell: Callable[[Begun], None] | None = None,
    squares: np.ndarray | None = None,
) -> Solution:
    """The stages of a plan, one after another; `begun` stands for those on samples.

    `tell` hears where they led: at their end, or where they were interrupted. Streamed rows raise KeyboardInterrupt
    where no pass over all of them has ended.
    """
    if any(isinstance(stage.optimizer, Newton) for stage in plan):
        # the Hessian, scaled, and a copy that LAPACK works on
        words, way_out = f"for the Hessian of {rows.p:,} columns", "--method lbfgs and newton-cg need none"
        memory.require(words, 3 * 8 * rows.p**2, way_out)
    theta: np.ndarray | None = None
    warm: dict[str, Any] = {}
    if begun is not None:
        theta, warm, plan = begun.theta, begun.warm, plan[-1:]
    best, value, sampled = theta, np.nan, 0
    for stage in plan:
        last = stage is plan[-1]
        part = rows if last and isinstance(rows, StreamRows) else sample(rows, stage.stride)
        if part.total_weight <= 0.0:
            continue
        objective = Objective(
            part,
            kernel_for(rows, options.kernel),
            engine,
            penalty(l2, options.l1),
            options.intercept,
            part.n / rows.n,
        )
        if theta is None or best is None:
            theta = best = objective.start
        if last and begun is None and tell is not None:
            tell(Begun(theta, warm, best, value, sampled))
        optimizer = replace(stage.optimizer, **warm) if isinstance(stage.optimizer, Newton) else stage.optimizer
        loss = held_out_loss(holdout, options, engine) if holdout is not None and last else None
        clock.stage = stage.name
        try:
            solution = solve(objective, optimizer, theta, stage.rules, observers, loss, clock)
        except KeyboardInterrupt:  # there is no point of this stage's own yet
            if not last and theta.any() and tell is not None:
                tell(Begun(theta, {}, best, value, sampled))
            if not theta.any() or isinstance(rows, StreamRows):
                raise
            return _at_all_rows(rows, solution, options, l2, engine)
        clock.passes += objective.passes
        if solution.outcome is Outcome.INTERRUPTED and not last:
            if tell is not None:
                tell(Begun(solution.theta, {}, solution.theta, float(solution.at.value[0]), part.n))
            if isinstance(rows, StreamRows):
                raise KeyboardInterrupt
            return _at_all_rows(rows, solution, options, l2, engine)
        theta = best = solution.theta
        value, sampled = float(solution.at.value[0]), part.n
        if not last and isinstance(stage.optimizer, Newton):
            # the gap that a sample's optimum has on all rows is about d/(2·rows of the sample)
            known = np.full(rows.p, 1.0 if options.standardize else np.nan) if squares is None else squares
            theta, metric = warm_start(theta, solution.state.metric, part, known)
            warm = {"metric": metric, "expected": objective.d / (2.0 * part.n)}
    if solution.outcome is Outcome.STALLED:
        solution = _by_another(objective, solution, stage, options, observers, loss, clock)
    return solution


def _by_another(
    objective: Objective,
    stalled: Solution,
    stage: Stage,
    options: Options,
    observers: Sequence[Observer],
    loss: Callable[[np.ndarray], float] | None,
    clock: Clock,
) -> Solution:
    """Where a method found no better point, another one from the same point; the better of the two."""
    other = second_method(stage.optimizer, objective.d, options.tol)
    clock.stage = f"all rows, by {other.name} since {stage.optimizer.name} stalled"
    again = objective.with_penalty(objective.penalty)
    rules = replace(stage.rules, epochs=min(stage.rules.epochs, SECOND_EPOCHS), patience=None)
    try:
        found = solve(again, other, stalled.theta, rules, observers, loss, clock)
    except (KeyboardInterrupt, RunError):
        return stalled
    clock.passes += again.passes
    if not found.outcome.converged and not found.at.value[0] < stalled.at.value[0]:
        return stalled
    return replace(found, steps=stalled.steps + found.steps)


def _at_all_rows(rows: MemoryRows, solution: Solution, options: Options, l2: float, engine: Engine) -> Solution:
    """An interrupted sample stage, judged on all rows: one pass, so that the model tells the truth about itself."""
    outcome = Outcome.INTERRUPTED
    objective = Objective(rows, kernel_for(rows, options.kernel), engine, penalty(l2, options.l1), options.intercept)
    at = objective.evaluate(solution.theta, Want.BORDER)
    certificate = certify(at, objective.penalty, options.intercept)
    return replace(solution, at=at, certificate=certificate, outcome=outcome, sentence=outcome.value)


def held_out_loss(rows: MemoryRows, options: Options, engine: Engine) -> Callable[[np.ndarray], float]:
    """theta (d, 1) -> mean log-loss on the held-out rows."""
    objective = Objective(rows, kernel_for(rows, options.kernel), engine, penalty(0.0, 0.0), options.intercept)
    return lambda theta: float(objective.evaluate(theta, Want.LOSS).loss[0])
