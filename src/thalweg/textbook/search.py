"""Parameters against hyperparameters: descent learns w and b; η, the batch size and the schedule are chosen by us."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from thalweg.schedules import schedule as named_schedule
from thalweg.textbook import checks, minibatch
from thalweg.textbook.definitions import cross_entropy_of_margin


@dataclass(frozen=True)
class Trial:
    """One choice of hyperparameters, the parameters learnt with it, and the losses they have.

    theta     (f + 1,) w and b, learnt from the training rows
    training  mean training loss; `holdout` mean loss on the held-out rows, which choose
    """

    eta: float
    batch_size: int
    schedule: str
    theta: np.ndarray
    training: float
    holdout: float

    def __str__(self) -> str:
        return (
            f"η = {self.eta:<8.4g} batch {self.batch_size:<6d} {self.schedule:<9s} "
            f"training {self.training:#.5g}  held out {self.holdout:#.5g}"
        )


@dataclass(frozen=True)
class Search:
    """Every trial, in the order tried."""

    trials: tuple[Trial, ...]

    @property
    def chosen(self) -> Trial:
        """The trial with the lowest held-out loss, the first of equals."""
        return min(self.trials, key=lambda trial: trial.holdout)

    def __str__(self) -> str:
        best = self.chosen
        if not np.isfinite(best.holdout):
            return "\n".join(["  " + str(trial) for trial in self.trials] + ["every combination left the numbers."])
        lines = [("* " if trial is best else "  ") + str(trial) for trial in self.trials]
        return "\n".join(
            [
                *lines,
                f"hyperparameters, chosen on held-out rows: η = {best.eta:g}, batch size {best.batch_size}, "
                f"schedule {best.schedule}",
                f"parameters, learnt from training rows: {len(best.theta) - 1} weights and b = {best.theta[-1]:.4g}",
            ]
        )


def search(
    X: Any,
    y: Any,
    holdout: tuple[Any, Any],
    *,
    etas: Sequence[float] = (0.01, 0.1, 1.0),
    batch_sizes: Sequence[int] = (1, 32, 512),
    schedules: Sequence[str] = ("constant", "1/sqrt"),
    epochs: int = 5,
    seed: int = 0,
) -> Search:
    """Every combination of η, batch size and schedule, by mini-batch descent, judged on rows it never trained on.

    X, y       training rows (m, f) and labels (m,); batch sizes above m stand for m
    holdout    (X, y) of the held-out rows
    epochs     the same for all, so that each sees every row equally often

    A combination that leaves the numbers is kept, with infinite losses. Raises DataError for shapes and labels,
    UsageError for η ≤ 0 or an empty list. Source: SLP 5.6.2 on hyperparameters.
    """
    X, y = checks.samples(("X", "y"), X, y)
    held_X, held_y = checks.held_out(holdout, X.shape[1])
    checks.labels("held-out y", held_y)
    rates = [checks.rate("eta", eta) for eta in checks.choices("etas", etas)]
    sizes = [min(checks.count("batch size", size), len(X)) for size in checks.choices("batch_sizes", batch_sizes)]
    names = checks.choices("schedules", schedules)
    for name in names:
        named_schedule(name)
    trials = []
    for eta, size, schedule in product(rates, dict.fromkeys(sizes), names):
        run = minibatch.descend(X, y, batch_size=size, eta=eta, epochs=epochs, schedule=schedule, seed=seed)
        theta = run.theta[-1]
        losses = (np.inf, np.inf) if run.stopped else (_loss(X, y, theta), _loss(held_X, held_y, theta))
        trials.append(Trial(eta, size, schedule, theta, *losses))
    return Search(tuple(trials))


@np.errstate(over="ignore", invalid="ignore")
def _loss(X: np.ndarray, y: np.ndarray, theta: np.ndarray) -> float:
    z = X @ theta[:-1] + theta[-1]
    return float(np.mean(cross_entropy_of_margin(z, y))) if np.isfinite(z).all() else np.inf
