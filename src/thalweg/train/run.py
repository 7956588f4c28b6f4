"""From rows of numbers to a solution: the stages of the plan, one after another. Every face's fit ends here."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

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
from thalweg.train.plan import Stage, choose, kernel_for, sample, stages, start
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
) -> Run:
    """Minimise P on the rows.

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
            solution = run_stages(rows, plan, options, l2, observers, holdout, clock, engine)
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
) -> Solution:
    """The stages of a plan, one after another; `begun` stands for those on samples.

    `tell` hears where they led: at their end, or where they were interrupted. Streamed rows raise KeyboardInterrupt
    where no pass over all of them has ended.
    """
    theta = start(rows.p, options.intercept)
    warm: dict[str, Any] = {}
    best, value, sampled = theta, np.nan, 0
    if begun is not None:
        theta, warm, plan = begun.theta, begun.warm, plan[-1:]
    for stage in plan:
        last = stage is plan[-1]
        part = rows if last and isinstance(rows, StreamRows) else sample(rows, stage.stride)
        if part.total_weight <= 0.0:
            continue
        if last and begun is None and tell is not None:
            tell(Begun(theta, warm, best, value, sampled))
        objective = Objective(
            part,
            kernel_for(rows, options.kernel),
            engine,
            penalty(l2, options.l1),
            options.intercept,
            part.n / rows.n,
        )
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
            theta, metric = warm_start(theta, solution.state.metric, part, options.standardize)
            warm = {"metric": metric, "expected": objective.d / (2.0 * part.n)}
    return solution


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
