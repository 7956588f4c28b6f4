"""Parameters against hyperparameters: descent learns w and b; η, the batch size and the schedule are chosen by us."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from thalweg.errors import DataError, UsageError
from thalweg.textbook import checks, minibatch


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
            f"training {self.training:.5f}  held out {self.holdout:.5f}"
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

    A combination whose losses are not numbers is kept, with an infinite held-out loss. Raises DataError for shapes and
    labels, UsageError for η ≤ 0 or an empty list. Source: SLP 5.6.2 on hyperparameters.
    """
    X, y = checks.numbers("X", X), checks.numbers("y", y)
    held_X, held_y = checks.numbers("held-out X", holdout[0]), checks.numbers("held-out y", holdout[1])
    checks.shape("X", X, ("m", "f"), "samples are rows and features are columns")
    checks.shape("held-out X", held_X, ("m", X.shape[1]), "the features of X")
    if not (len(etas) and len(batch_sizes) and len(schedules)):
        raise UsageError("etas, batch_sizes and schedules must each name at least one choice.")
    sizes = list(dict.fromkeys(min(checks.count("batch size", size), len(X)) for size in batch_sizes))
    trials = []
    for eta, size, schedule in product(etas, sizes, schedules):
        run = minibatch.descend(X, y, batch_size=size, eta=eta, epochs=epochs, schedule=schedule, seed=seed)
        theta = run.theta[-1]
        try:
            losses = (
                minibatch.batch_cost(X, y, theta[:-1], theta[-1]),
                minibatch.batch_cost(held_X, held_y, theta[:-1], theta[-1]),
            )
        except DataError:
            if np.isfinite(theta).all():
                raise
            losses = (np.inf, np.inf)
        trials.append(Trial(eta, size, schedule, theta, *losses))
    return Search(tuple(trials))
