"""The only loop: step, certify, stop, tell the observers."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from thalweg.certificate import Certificate, certify
from thalweg.errors import RunError
from thalweg.events import Event, Observer
from thalweg.kernels import Want
from thalweg.objective import Evaluation, Objective
from thalweg.optimizers import Optimizer
from thalweg.optimizers.linear import solve_symmetric
from thalweg.probe import probe, worth_probing
from thalweg.stopping import DivergenceWatch, HoldoutWatch, Outcome, Rules

DEFAULT_GRADIENT_TOL = 1e-8  # for runs without a certificate (l2 = l1 = 0)


@dataclass(frozen=True)
class Solution:
    """Where a run ended.

    theta        (d, 1) the point kept
    at           its evaluation, with gradient and border
    certificate  how far from the optimum it can be
    outcome      why the run ended, and `sentence`, which adds the particulars
    steps        taken in this run
    state        the optimizer's last state
    """

    theta: np.ndarray
    at: Evaluation
    certificate: Certificate
    outcome: Outcome
    sentence: str
    steps: int
    state: Any


@dataclass
class Clock:
    """What several runs on the way to one model share: when it began, and the passes of the stages done."""

    start: float
    passes: float = 0.0
    stage: str = "all rows"


def solve(
    objective: Objective,
    optimizer: Optimizer,
    theta: np.ndarray,
    rules: Rules,
    observers: Sequence[Observer] = (),
    holdout: Callable[[np.ndarray], float] | None = None,
    clock: Clock | None = None,
) -> Solution:
    """Go down from theta (d, 1) until a rule ends it.

    `holdout` gives the held-out loss of a point. Ctrl-C ends the run with the best point so far, and raises
    KeyboardInterrupt where that is zero. Raises RunError only when the very first evaluation fails.
    """
    run = _Run(objective, optimizer, rules, observers, holdout, clock or Clock(time.perf_counter()))
    # a point that overflows ends the run in words; NumPy's warnings on the way would only come before them
    with objective.engine.running(), np.errstate(over="ignore", invalid="ignore"):
        return run.go(theta)


class _Run:
    """One run of `solve`: the best point so far, and the watches."""

    def __init__(
        self,
        objective: Objective,
        optimizer: Optimizer,
        rules: Rules,
        observers: Sequence[Observer],
        holdout: Callable[[np.ndarray], float] | None,
        clock: Clock,
    ) -> None:
        self.objective, self.optimizer, self.rules = objective, optimizer, rules
        self.observers, self.holdout, self.clock = observers, holdout, clock
        self.watch = HoldoutWatch(rules.patience)
        self.divergence = DivergenceWatch()
        self.steps = 0
        self.best: tuple[Evaluation, Certificate, float | None] | None = None
        self.best_score = np.inf
        self.latest: tuple[Evaluation, Certificate, float | None]

    def go(self, theta: np.ndarray) -> Solution:
        state = None
        extra = ""
        try:
            state = self.optimizer.init(self.objective, theta)
            outcome = self.look(state, "start")
            while outcome is None:
                try:
                    state = self.optimizer.step(self.objective, state)
                except RunError as error:
                    if self.optimizer.rate is None:
                        raise
                    outcome, extra = Outcome.DIVERGING, str(error)
                    break
                self.steps += 1
                outcome = self.look(state, "step")
        except KeyboardInterrupt:
            if self.best is None or not self.best[0].theta.any():  # of zero there is nothing to keep
                raise
            outcome = Outcome.INTERRUPTED
        return self.end(state, outcome, extra)

    def look(self, state: Any, kind: str) -> Outcome | None:
        """Certify the state's point, keep it if it is the best, tell the observers, and say whether the run is over."""
        at: Evaluation = state.at
        certificate = certify(at, self.objective.penalty, self.objective.intercept, state.before)
        if self.probes(state) and worth_probing(self.objective, at, certificate, self.rules.tol):
            certificate = probe(self.objective, at, certificate)
        value = float(at.value[0])
        loss = self.holdout(at.theta) if self.holdout is not None else None
        self.latest = (at, certificate, loss)
        judged_by_holdout = loss is not None and self.rules.patience is not None
        better = self.watch.improved(loss) if loss is not None and judged_by_holdout else value <= self.best_score
        if self.best is None or better:
            self.best, self.best_score = self.latest, value
        self.tell(kind, state, certificate, loss)
        return self.verdict(state, certificate)

    def probes(self, state: Any) -> bool:
        """At every doubling of the steps, so that probes stay a small share of the passes; and where a run is stuck."""
        return not self.optimizer.second_order and (
            state.stuck or (self.steps >= 16 and self.steps & (self.steps - 1) == 0)
        )

    def verdict(self, state: Any, certificate: Certificate) -> Outcome | None:
        value = float(state.at.value[0])
        gradient_tol = self.rules.gradient_tol
        if gradient_tol is None and self.objective.penalty.l2 == self.objective.penalty.l1 == 0.0:
            gradient_tol = DEFAULT_GRADIENT_TOL
        if certificate.relative_gap is not None and certificate.relative_gap <= self.rules.tol:
            return Outcome.CERTIFIED
        if gradient_tol is not None and certificate.gradient_norm <= gradient_tol:
            return Outcome.SMALL_GRADIENT
        if not np.isfinite(value):
            return Outcome.DIVERGING
        if self.watch.lost_patience:
            return Outcome.HOLDOUT_ROSE
        if state.stuck:
            return Outcome.STALLED
        if self.diverging(state, value):
            return Outcome.DIVERGING
        if self.steps >= self.rules.epochs:
            return Outcome.EPOCHS_SPENT
        return None

    def separated(self, at: Evaluation) -> bool:
        """Whether the loss alone proves it: with S·loss < log 2 times the smallest weight, every row is on its side."""
        objective = self.objective
        if objective.penalty.l2 > 0.0 or objective.penalty.l1 > 0.0:
            return False
        smallest = objective.separating_weight
        return float(at.loss[0]) * objective.total_weight < np.log(2.0) * smallest

    def diverging(self, state: Any, value: float) -> bool:
        if self.optimizer.rate is None or state.rate is None:
            return False
        return self.divergence.suspicious(value) and state.rate > self.largest_stable_rate()

    def largest_stable_rate(self) -> float:
        return 2.0 / self.objective.smoothness

    def tell(self, kind: str, state: Any, certificate: Certificate, loss: float | None) -> None:
        if not self.observers:
            return
        self.send(self.event(kind, state.at, certificate, rate=state.rate, holdout_loss=loss, state=state))

    def event(self, kind: str, at: Evaluation, certificate: Certificate, **more: Any) -> Event:
        return Event(
            kind=kind,
            stage=self.clock.stage,
            step=self.steps,
            passes=self.clock.passes + self.objective.passes,
            seconds=time.perf_counter() - self.clock.start,
            objective=float(at.value[0]),
            gradient_norm=certificate.gradient_norm,
            gap=certificate.gap,
            tol=self.rules.tol,
            limit=self.rules.epochs,
            theta=at.theta,
            **more,
        )

    def send(self, event: Event) -> None:
        for observer in self.observers:
            observer(event)

    def end(self, state: Any, outcome: Outcome, extra: str) -> Solution:
        assert self.best is not None
        # the point that was certified, though P's rounding may rank another first
        at, certificate, loss = self.latest if outcome is Outcome.CERTIFIED else self.best
        if outcome in (Outcome.SMALL_GRADIENT, Outcome.EPOCHS_SPENT, Outcome.STALLED) and self.separated(at):
            outcome = Outcome.SEPARATED
        sentence = outcome.value
        if outcome is Outcome.DIVERGING:
            used = self.optimizer.rate or 0.0
            sentence += f" The largest stable rate is {self.largest_stable_rate():.3g}; the run used {used:.3g}."
        if extra:
            sentence += f" ({extra})"
        if outcome is not Outcome.INTERRUPTED:  # who pressed Ctrl-C does not wait for two more passes
            if worth_probing(self.objective, at, certificate, self.rules.tol):
                certificate = probe(self.objective, at, certificate)
            if certificate.gap is None:
                certificate = self.with_decrement(at, certificate)
        self.send(self.event("end", at, certificate, holdout_loss=loss, state=state, outcome=sentence))
        return Solution(at.theta, at, certificate, outcome, sentence, self.steps, state)

    def with_decrement(self, at: Evaluation, certificate: Certificate) -> Certificate:
        """Where no bound exists, the Newton decrement, as long as its Hessian is affordable."""
        if self.objective.d == 0 or self.objective.d > 1000:
            return certificate
        hessian = self.objective.evaluate(at.theta, Want.HESSIAN).hessian
        assert hessian is not None and at.gradient is not None
        square = float(np.vdot(at.gradient, solve_symmetric(hessian[0], at.gradient)))
        return replace(certificate, newton_decrement=float(np.sqrt(max(square, 0.0))))
