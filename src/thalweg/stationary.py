"""Where a run without a penalty has arrived. No bound on P - P* exists there, so a Newton step is judged, not taken.

Gradients have the units of the columns and of the weights; margins have none. So a point counts as stationary where a
full Newton step would move no row's margin by more than a small number. And where the margins go on moving though P
hardly falls, the step may point along a direction of recession: no row's loss rises along it however far one goes, and
P has no minimum.
"""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cholesky, eigh

from thalweg.errors import RunError
from thalweg.kernels import Want
from thalweg.objective import Evaluation, Objective
from thalweg.optimizers import State
from thalweg.optimizers.linesearch import ROUNDING
from thalweg.probe import COLUMNS, newton_ahead
from thalweg.stopping import Outcome

SEPARATIONS = (Outcome.SEPARATED, Outcome.QUASI_SEPARATED)

_SMALL = 1e-8  # P of separated rows from which going on shows nothing new; a gradient in the columns' own units
_FAR = 100.0  # margins: a finite optimum that close to a direction of recession has weights no float64 sum can tell
_LIMIT = 20.0  # margins: the curvature of a row there is 2e-9
_WEAK = 1e-9  # eigenvalue of a scaled Hessian, relative to the largest, from which a Newton step may have left it out


@dataclass(frozen=True)
class View:
    """What a Newton step from a point shows.

    step       (d, 1)
    reach      by how much it moves the margins at most
    decrement  √(∇P·H⁻¹∇P)
    recedes    whether P does not rise along the step though it moves a margin by 100
    hidden     whether P can still fall in a direction that the Hessian's rounding hides
    """

    step: np.ndarray
    reach: float
    decrement: float
    recedes: bool
    hidden: bool


def aim(tol: float) -> float:
    """How little a Newton step moves the margins at a stationary point: it lowers P by tol/800 at most."""
    return max(0.1 * float(np.sqrt(tol)), 1e-9)


class Arrival:
    """Watches a run without a penalty for the place where it ends: a stationary point, or none at all."""

    def __init__(self, objective: Objective, tol: float) -> None:
        self._objective, self._tol = objective, tol
        self._affordable = 0 < objective.d <= COLUMNS
        self._seen: tuple[Evaluation, View | None] | None = None  # the latest point that a Newton step judged

    def outcome(self, state: State, now: bool) -> Outcome | None:
        """Why the run is over at that state, or None; `now` asks for a Newton step to judge by."""
        at, tol, reach = state.at, self._tol, state.newton_reach
        value = float(at.value[0])
        if value <= _SMALL and self._separated(at):
            return Outcome.SEPARATED
        if not self._affordable:
            arrived = (reach is not None and reach <= aim(tol)) or self._flat(at)
            return Outcome.STATIONARY if arrived else None
        before = state.before
        if reach is not None and before is not None and before.hessian is not None and reach <= aim(tol):
            assert at.gradient is not None
            return None if hidden(before.hessian[0], at.gradient, value, tol) else Outcome.STATIONARY
        if reach is not None and (reach <= aim(tol) or (before is not None and self._in_vain(before, value, reach))):
            now = True
        return self._judged(at) if now else None

    def last_word(self, outcome: Outcome, at: Evaluation, by_steps: bool) -> Outcome:
        """The outcome of a run that ended there, once a Newton step has judged the point; `by_steps`: may it end it."""
        short = outcome in (Outcome.EPOCHS_SPENT, Outcome.STALLED)
        if not (short or outcome in (Outcome.SMALL_GRADIENT, Outcome.HOLDOUT_ROSE)):
            return outcome
        if self._separated(at):
            return Outcome.SEPARATED
        found = self._judged(at)
        if found in SEPARATIONS or (found is Outcome.STATIONARY and short and by_steps):
            return found
        return outcome

    def decrement(self, at: Evaluation) -> float | None:
        """√(∇P·H⁻¹∇P), where its Hessian is affordable."""
        seen = self._view(at)
        return None if seen is None else seen.decrement

    def recession(self, outcome: Outcome) -> np.ndarray | None:
        """(p,) how much each column moves the margins along the direction that was found, the most being 1."""
        seen = None if self._seen is None else self._seen[1]
        if seen is None or not seen.recedes or outcome not in SEPARATIONS:
            return None
        moved = np.abs(seen.step[: self._objective.rows.p, 0]) * np.sqrt(self._objective.data_squares)
        return np.asarray(moved / max(float(moved.max(initial=0.0)), 1e-300))

    def _in_vain(self, before: Evaluation, value: float, reach: float) -> bool:
        """Whether the last step moved the margins, but P hardly fell."""
        return reach > 0.1 and float(before.value[0]) - value <= max(self._tol, _SMALL) * value

    def _judged(self, at: Evaluation) -> Outcome | None:
        seen = self._view(at)
        if seen is None:
            return None
        if seen.recedes:
            return Outcome.SEPARATED if self._separated(at) else Outcome.QUASI_SEPARATED
        return Outcome.STATIONARY if seen.reach <= aim(self._tol) and not seen.hidden else None

    def _view(self, at: Evaluation) -> View | None:
        if not self._affordable:
            return None
        if self._seen is None or self._seen[0] is not at:
            self._seen = at, view(self._objective, at, self._tol)
        return self._seen[1]

    def _separated(self, at: Evaluation) -> bool:
        """Whether the loss alone proves it: with S·loss < log 2 times the smallest weight, every row is on its side."""
        objective = self._objective
        return float(at.loss[0]) * objective.total_weight < np.log(2.0) * objective.separating_weight

    def _flat(self, at: Evaluation) -> bool:
        """Whether the gradient is small in the columns' own units: a column's is at most √(Σsx²/S·Σsr²/S)."""
        assert at.gradient is not None
        scale = np.sqrt(4.0 * self._objective.squares[:, None] * 2.0 * float(at.loss[0]))
        return bool((np.abs(at.gradient) <= _SMALL * scale).all())


def view(objective: Objective, at: Evaluation, tol: float) -> View | None:
    """Two passes, one of them with the Hessian, and a third one where P may have no minimum.

    None where the step leads to margins that overflow.
    """
    ahead = newton_ahead(objective, at)
    if ahead is None:
        return None
    here, there, decrement = ahead.here, ahead.there, ahead.decrement
    assert there.reach is not None and there.step is not None
    assert here.hessian is not None and here.gradient is not None
    step, reach, value, recedes = there.step, float(there.reach[0]), float(at.value[0]), False
    if reach > aim(tol):
        if 0.5 * decrement**2 <= max(tol, 1e-9) * value:
            recedes = _recedes(objective, at, step, reach)
    elif (without := _without_curvature(objective, here)) is not None:
        moved = objective.evaluate(at.theta, Want.LOSS, without).reach
        assert moved is not None
        if float(moved[0]) > _LIMIT and _recedes(objective, at, without, float(moved[0])):
            step, reach, recedes = without, float(moved[0]), True
    return View(step, reach, decrement, recedes, hidden(here.hessian[0], here.gradient, value, tol))


def _recedes(objective: Objective, at: Evaluation, step: np.ndarray, reach: float) -> bool:
    """Whether P does not rise along a step that moves the margins by `reach` though they go 100 that way."""
    with suppress(RunError):  # margins that overflow on the way prove nothing
        far = objective.evaluate(at.theta + step * (_FAR / reach), Want.LOSS)
        return float(far.value[0]) <= float(at.value[0]) * (1.0 + ROUNDING)
    return False


def _without_curvature(objective: Objective, here: Evaluation) -> np.ndarray | None:
    """(d, 1) the part of the point in directions where P has no curvature left: where it may have gone too far to see.

    Rows that are at their limits have none, and nor have columns that are linear combinations of others.
    """
    assert here.hessian is not None
    lengths = np.append(np.sqrt(4.0 * objective.data_squares), 1.0)[: objective.d, None]
    lengths = np.where(lengths > 0.0, lengths, 1.0)
    values, vectors = eigh(here.hessian[0] / lengths / lengths.T)
    weak = vectors[:, values <= _WEAK * float(values[-1])]
    if not weak.size:
        return None
    return np.asarray(weak @ (weak.T @ (here.theta * lengths)) / lengths)


def hidden(hessian: np.ndarray, gradient: np.ndarray, value: float, tol: float) -> bool:
    """Whether P may fall by more than tol·P in a direction whose curvature is below the rounding of the Hessian.

    hessian (d, d), gradient (d, 1). Columns that are near copies of each other have such directions: a Newton step
    leaves them out, and only the gradient still tells them from exact copies.
    """
    scale = np.sqrt(np.maximum(np.diag(hessian), 1e-300))[:, None]
    scaled, slope = hessian / scale / scale.T, gradient / scale
    try:
        if np.diag(cholesky(scaled, lower=True)).min(initial=1.0) ** 2 > _WEAK:
            return False
    except np.linalg.LinAlgError:
        pass
    values, vectors = eigh(scaled)
    top = float(values[-1])
    weak = values <= _WEAK * top
    floor = np.maximum(values[weak], len(values) * np.finfo(np.float64).eps * top)
    fall = float(np.sum((vectors[:, weak].T @ slope)[:, 0] ** 2 / (2.0 * floor)))
    return fall > max(tol, 1e-9) * value
