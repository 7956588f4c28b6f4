"""How a fit runs: the stages it goes through, and what `auto` picks and why."""

from dataclasses import dataclass, replace

import numpy as np

from thalweg.optimizers import OPTIMIZERS, Newton, Optimizer, Settings
from thalweg.rows import DenseRows
from thalweg.stopping import Rules
from thalweg.train.options import Options

_NEWTON_COLUMNS = 1500  # a Hessian of 18 MB, factorised in a fraction of a second
_ROWS_PER_PARAMETER = 250  # a sample's optimum is about d/(2·rows) too high on all rows: here 0.002
_FEWEST_SAMPLED_ROWS = 5000
_STRIDES = (32, 16, 8, 4)  # the sparsest that leaves enough rows; one stage measured faster than two


@dataclass(frozen=True)
class Stage:
    """One run on the way: every `stride`-th row, by `optimizer`, under `rules`; `name` is what observers read."""

    name: str
    stride: int
    optimizer: Optimizer
    rules: Rules


def choose(options: Options, n: int, p: int) -> str:
    """The method `auto` means for n rows and p columns.

    With l1: nesterov, whose proximal steps set weights exactly to zero. Newton, whose few passes each cost p flops a
    cell more, wins while its Hessian is small and the rows fill it; beyond that, lbfgs.
    """
    if options.method != "auto":
        return options.method
    if options.l1 > 0.0:
        return "nesterov"
    return "newton" if p <= _NEWTON_COLUMNS and p <= 4 * n else "lbfgs"


def stages(options: Options, method: str, n: int, p: int) -> list[Stage]:
    """The stages of a fit; all but the last are on samples, and only warm the start."""
    entry = OPTIMIZERS[method]
    epochs = options.epochs or entry.epochs
    settings = Settings(
        rate=options.rate,
        schedule=options.schedule or entry.schedule,
        epochs=epochs,
        batch_size=options.batch_size or entry.batch_size,
        average=options.average,
        seed=options.seed,
        tol=options.tol,
    )
    rules = Rules(options.tol, options.gradient_tol, epochs, options.patience)
    last = Stage("all rows", 1, entry.make(settings), rules)
    if options.method != "auto" or method != "newton":
        return [last]
    enough = max(_FEWEST_SAMPLED_ROWS, _ROWS_PER_PARAMETER * (p + 1))
    stride = next((stride for stride in _STRIDES if n // stride >= enough), None)
    if stride is None:
        return [last]
    # no closer than a fraction of the sample's own error, which is an absolute log-loss
    loose = replace(rules, tol=max(options.tol, 0.1 * (p + 1) * stride / n), epochs=20, patience=None)
    return [Stage(f"1/{stride} of the rows", stride, Newton(tol=loose.tol), loose), last]


def sample(rows: DenseRows, stride: int) -> DenseRows:
    """Every `stride`-th row."""
    return rows if stride == 1 else rows.every(stride)


def start(p: int, intercept: bool) -> np.ndarray:
    """Where every fit starts: zero, (d, 1)."""
    return np.zeros((p + int(intercept), 1))
