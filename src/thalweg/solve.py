"""The only loop: step, certify, stop, tell the observers."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from thalweg.certificate import Certificate, certify
from thalweg.errors import RunError
from thalweg.events import Event, Observer
from thalweg.objective import Evaluation, Objective
from thalweg.optimizers import Optimizer
from thalweg.optimizers.newton import NewtonState
from thalweg.probe import probe, worth_probing
from thalweg.rounding import rounded
from thalweg.stationary import SEPARATIONS, Arrival
from thalweg.stopping import DivergenceWatch, HoldoutWatch, Outcome, Rules

_SHORT = (Outcome.EPOCHS_SPENT, Outcome.STALLED)


@dataclass(frozen=True)
class Solution:
    """Where a run ended.

    theta        (d, 1) the point kept
    at           its evaluation, with gradient and border
    certificate  how far from the optimum it can be
    outcome      why the run ended, and `sentence`, which adds the particulars
    steps        taken in this run
    state        the optimizer's last state
    recession    (p,) where the rows are separated along a direction: how much each column moves the margins along it,
                 as a share of the most that any does
    """

    theta: np.ndarray
    at: Evaluation
    certificate: Certificate
    outcome: Outcome
    sentence: str
    steps: int
    state: Any
    recession: np.ndarray | None = None


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
    KeyboardInterrupt where that is zero. Raises RunError where P overflows at the starting point.
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
        unpenalised = objective.penalty.l2 == objective.penalty.l1 == 0.0
        self.arrival = Arrival(objective, rules.tol) if unpenalised else None

    def go(self, theta: np.ndarray) -> Solution:
        state = None
        extra: tuple[str, ...] = ()
        try:
            state = self.optimizer.init(self.objective, theta)
            outcome = self.look(state, "start")
            while outcome is None:
                try:
                    state = self.optimizer.step(self.objective, state)
                except RunError as error:
                    if self.optimizer.rate is None:
                        raise
                    outcome, extra = Outcome.DIVERGING, (f"({error})",)
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
            certificate = probe(self.objective, at, certificate, self.rules.tol)
        elif self.within(certificate):
            certificate = self.rounded(state, certificate)
        value = float(at.value[0])
        loss = self.holdout(at.theta) if self.holdout is not None else None
        self.latest = (at, certificate, loss)
        judged_by_holdout = loss is not None and self.rules.patience is not None
        better = self.watch.improved(loss) if loss is not None and judged_by_holdout else value <= self.best_score
        if self.best is None or better:
            self.best, self.best_score = self.latest, value
        self.tell(kind, state, certificate, loss)
        return self.verdict(state, certificate)

    def within(self, certificate: Certificate) -> bool:
        return certificate.relative_gap is not None and certificate.relative_gap <= self.rules.tol

    def rounded(self, state: Any, certificate: Certificate) -> Certificate:
        """With room for rounding; where there is no Hessian at hand it may cost a pass that measures the columns."""
        hessian = state.metric if isinstance(state, NewtonState) else None
        return rounded(certificate, self.objective, state.at, self.rules.tol, hessian)

    def probes(self, state: Any) -> bool:
        """At every doubling of the steps, so that probes stay a small share of the passes; and where a run is stuck."""
        return not self.optimizer.second_order and (
            state.stuck or (self.steps >= 16 and self.steps & (self.steps - 1) == 0)
        )

    def verdict(self, state: Any, certificate: Certificate) -> Outcome | None:
        value = float(state.at.value[0])
        gradient_tol = self.rules.gradient_tol
        if self.within(certificate):
            return Outcome.CERTIFIED
        if gradient_tol is not None and certificate.gradient_norm <= gradient_tol:
            return Outcome.SMALL_GRADIENT
        if not np.isfinite(value):
            if self.steps == 0:
                raise RunError(
                    "the objective is infinite at the starting point: some margin or the sum of the losses overflows. "
                    "Use smaller offsets, weights or columns."
                )
            return Outcome.DIVERGING
        if gradient_tol is None and self.arrival is not None:
            arrived = self.arrival.outcome(state, state.stuck or self.probes(state))
            if arrived is not None:
                return arrived
        if self.watch.lost_patience:
            return Outcome.HOLDOUT_ROSE
        if state.stuck:
            return Outcome.STALLED
        if self.diverging(state, value):
            return Outcome.DIVERGING
        if self.steps >= self.rules.epochs:
            return Outcome.EPOCHS_SPENT
        return None

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

    def end(self, state: Any, outcome: Outcome, extra: tuple[str, ...]) -> Solution:
        assert self.best is not None
        # the point that was certified, though P's rounding may rank another first
        arrived = outcome in (Outcome.CERTIFIED, Outcome.STATIONARY)
        at, certificate, loss = self.latest if arrived else self.best
        recession = None
        if outcome is not Outcome.INTERRUPTED and np.isfinite(at.value[0]):  # Ctrl-C does not wait for more passes
            if worth_probing(self.objective, at, certificate, self.rules.tol):
                certificate = probe(self.objective, at, certificate, self.rules.tol)
            elif outcome is not Outcome.CERTIFIED:
                certificate = rounded(certificate, self.objective, at, self.rules.tol)
            if (
                outcome in _SHORT
                and certificate.relative_gap is not None
                and certificate.relative_gap <= self.rules.tol
            ):
                outcome = Outcome.CERTIFIED
            if self.arrival is not None:
                outcome = self.arrival.last_word(outcome, at, self.rules.gradient_tol is None)
                certificate = replace(certificate, newton_decrement=self.arrival.decrement(at))
                recession = self.arrival.recession(outcome)
        sentence = " ".join((outcome.value, *self.particulars(outcome, at, certificate), *extra))
        self.send(self.event("end", at, certificate, holdout_loss=loss, state=state, outcome=sentence))
        return Solution(at.theta, at, certificate, outcome, sentence, self.steps, state, recession)

    def particulars(self, outcome: Outcome, at: Evaluation, certificate: Certificate) -> Iterator[str]:
        """What was reached, and what may help, where that is not all that was asked."""
        if outcome is Outcome.DIVERGING and self.optimizer.rate is not None:
            used = self.optimizer.rate
            yield f"The largest stable rate is {self.largest_stable_rate():.3g}; the run used {used:.3g}."
        if outcome.converged or outcome in SEPARATIONS:
            return
        if certificate.relative_gap is not None:
            yield f"The certified gap is {certificate.relative_gap:.2g} of P; tol asks {self.rules.tol:g}."
        elif certificate.newton_decrement is not None:
            share = 0.5 * certificate.newton_decrement**2 / max(float(at.value[0]), 1e-300)
            yield f"P may still fall by about {share:.2g} of itself."
        if outcome.advice:
            yield outcome.advice
