"""What a user may set about a method, and the entry each method has in the list."""

from collections.abc import Callable
from dataclasses import dataclass

from thalweg.optimizers.optimizer import Optimizer


@dataclass(frozen=True)
class Settings:
    """rate None: the method's own; batch_size, average and seed serve the stochastic methods only; tol is the aim."""

    rate: float | None = None
    schedule: str = "constant"
    epochs: int = 1
    batch_size: int = 1
    average: bool = False
    seed: int = 0
    tol: float = 1e-6


@dataclass(frozen=True)
class Method:
    """One entry of `OPTIMIZERS`.

    make        settings -> optimizer
    options     which of "rate", "schedule", "batch_size", "average" it takes; any other is refused
    epochs      how many steps it may take when nobody says
    batch_size  rows in a mini-batch when nobody says
    schedule    of the rate, when nobody says
    summary     one line for the command's help
    """

    make: Callable[[Settings], Optimizer]
    epochs: int
    summary: str
    options: frozenset[str] = frozenset()
    batch_size: int = 1
    schedule: str = "constant"
