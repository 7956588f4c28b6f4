"""One step under an l1 penalty: a direction, and how far along it."""

import numpy as np

from thalweg.errors import RunError
from thalweg.kernels import Want
from thalweg.objective import Evaluation, Objective
from thalweg.optimizers.l1_directions import by_columns, by_hessian, by_products, steepest
from thalweg.optimizers.l1_slopes import orthant, violation
from thalweg.optimizers.workplace import Workplace

NOISE = 1e-13  # relative rounding of P, summed over blocks that are cut otherwise on other columns
IDLE = 0.9  # what a step that lowers P by no more than that may leave of the violation
_HALVINGS = 40
_SHORTEST = 3  # halvings of a step to a model's minimum, before the model is damped and solved again
_DAMPINGS = 12
_KEPT = 0.2  # of what the slope promised, below which the quadratic model is not to be trusted that far
_DAMPING = 1e-2  # added to the model then, as a share of its largest diagonal
_SUFFICIENT = 1e-4  # share of the predicted decrease that counts as enough
_BLIND = 3  # points whose decrease rounding hides, after which none is looked for

Found = tuple[Evaluation, np.ndarray, float, float]  # a point, its curvatures, the step's length, and the next damping


def step_on(
    work: Workplace, onto: Objective, at: Evaluation, curvatures: np.ndarray, aim: float, damping: float
) -> Found | None:
    """A step from `at`, seen on `onto`: the workplace's columns, or all; None where nothing goes down any more.

    aim: the violation to reach; damping: of the quadratic model, as a share of its largest diagonal.
    """
    search = _Search(work, onto, at, aim)
    for _ in range(_DAMPINGS if work.exact else 1):
        direction = _direction(work, at, curvatures, aim, damping)
        if direction is None:
            break
        found = search.along(direction, curvatures, _SHORTEST if work.exact else _HALVINGS, not work.exact)
        if found is not None:
            seen, left, rate, kept = found
            return seen, left, rate, _damped(damping, kept if rate == 1.0 else 0.0)
        if search.blind:
            break
        damping = _damped(damping, 0.0)
    found = search.along(steepest(work.objective, at), curvatures, _HALVINGS, True)
    return None if found is None else (*found[:3], damping)


def _direction(
    work: Workplace, at: Evaluation, curvatures: np.ndarray, aim: float, damping: float
) -> np.ndarray | None:
    objective = work.objective
    if not work.exact:
        return by_products(objective, at, curvatures, aim, damping)
    if work.by_columns is not None:
        found = by_columns(objective, work.by_columns, at, curvatures, aim, damping, patient=not work.formed)
        if found is not None:
            return found
    return by_hessian(objective, at, aim, damping)


def _damped(damping: float, kept: float) -> float:
    """More damping after a step that was cut short or kept less than its slope promised (an exact one keeps half)."""
    if kept < _KEPT:
        return max(_DAMPING, 8.0 * damping)
    return damping / 8.0 if damping > _DAMPING / 8.0 else 0.0


class _Search:
    """For points where P is lower than at one; `blind` says that rounding hides what there is left to fall."""

    def __init__(self, work: Workplace, onto: Objective, at: Evaluation, aim: float) -> None:
        self.work, self.onto, self.at, self.blind = work, onto, at, False
        self.violation = violation(at, work.objective)
        self.signs, _ = orthant(at, work.objective)
        # an exact step about squares the violation: what is not near then goes on with the Hessian of the same pass
        near = self.violation * self.violation <= aim
        same = onto is work.objective and work.formed and work.by_columns is None
        self.want = Want.HESSIAN if same and not near else Want.BORDER

    def along(
        self, direction: np.ndarray, curvatures: np.ndarray, halvings: int, in_orthant: bool
    ) -> tuple[Evaluation, np.ndarray, float, float] | None:
        """The first of the points t = 1, ½, ¼ ... along the direction where P is low enough; None where there is none.

        It comes with its curvatures, t, and the share of the promised decrease that it kept. in_orthant: whether a
        weight that would cross zero stops there. Where P's own rounding hides the decrease, the violation counts.
        """
        value, left, hidden, t = float(self.at.value[0]), np.empty_like(curvatures), 0, 1.0
        noise = NOISE * value
        for _ in range(halvings):
            theta = self._point(direction, t, in_orthant)
            predicted = self._predicted(theta)
            try:
                want = self.want if t == 1.0 else Want.BORDER
                new = self.onto.evaluate(self._outside(theta), want, curvatures=left)
            except RunError:  # an overflowing margin: this step is far too long
                t *= 0.1
                continue
            rise = float(new.value[0]) - value
            if rise <= _SUFFICIENT * min(predicted, 0.0) and rise < 0.0:
                return new, left, t, rise / min(predicted, rise)
            if abs(rise) <= noise and violation(self._inside(new), self.work.objective) < IDLE * self.violation:
                return new, left, t, 0.5
            hidden += -predicted <= noise
            if hidden >= _BLIND:
                self.blind = True
                return None
            t *= 0.5
        return None

    def _point(self, direction: np.ndarray, t: float, in_orthant: bool) -> np.ndarray:
        theta, p = self.at.theta + t * direction, len(self.signs)
        if in_orthant:
            theta[:p] = np.where(theta[:p] * self.signs > 0.0, theta[:p], 0.0)
        return theta

    def _predicted(self, theta: np.ndarray) -> float:
        """What P changes by, as far as its slopes say."""
        p, at = len(self.signs), self.at
        assert at.gradient is not None
        heavier = np.abs(theta[:p]) - np.abs(at.theta[:p])
        return float(np.vdot(at.gradient, theta - at.theta)) + self.work.objective.penalty.l1 * float(heavier.sum())

    def _outside(self, theta: np.ndarray) -> np.ndarray:
        return theta if self.onto is self.work.objective else self.work.outside(theta, self.onto.d)

    def _inside(self, new: Evaluation) -> Evaluation:
        return new if self.onto is self.work.objective else self.work.inside(new)
