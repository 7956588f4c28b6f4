"""How a fit runs: the stages it goes through, and what `auto` picks and why."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from thalweg.kernels import Kernel, kernel
from thalweg.optimizers import OPTIMIZERS, Method, Optimizer, Settings
from thalweg.rows import MemoryRows, Rows, SparseRows
from thalweg.stopping import Rules
from thalweg.train.options import Options
from thalweg.train.stream_rows import StreamRows

_NEWTON_COLUMNS = 1500  # a Hessian of 18 MB, factorised in a fraction of a second
_NEWTON_CELLS = 60  # stored cells of a sparse row, whose pairs the Hessian adds up
_COMPILED_ENTRIES = 200_000  # below, SciPy is done before compiled code is loaded (0.07 s)
_SAMPLED = ("newton", "newton-cg")
_ROWS_PER_PARAMETER = 250  # a sample's optimum is about d/(2·rows) too high on all rows: here 0.002
_FEWEST_SAMPLED_ROWS = 5000
SECOND_EPOCHS = 100  # of the method that goes on where another one stalled
_GROWTH = (16, 4, 1)  # of a stream's sample: from a sixteenth of it to all
_STRIDES = (32, 16, 8, 4)  # the sparsest that leaves enough rows; one stage measured faster than two


@dataclass(frozen=True)
class Stage:
    """One run on the way: every `stride`-th row, by `optimizer`, under `rules`; `name` is what observers read."""

    name: str
    stride: int
    optimizer: Optimizer
    rules: Rules


def choose(options: Options, rows: MemoryRows | StreamRows) -> tuple[str, str]:
    """The method `auto` means for these rows, and why; a method that was asked for needs no reason.

    Newton's few passes each cost p flops a stored cell more than a gradient's, so it wins while its Hessian is small
    and the rows fill it. A product with the Hessian costs no more than a gradient, whatever p.
    """
    if options.method != "auto":
        return options.method, ""
    n, p = rows.n, rows.p
    if options.l1 > 0.0:
        return "orthant-newton", "with l1 most weights are zero, and it works on the others only"
    if p <= _NEWTON_COLUMNS and p <= 4 * n and _cells_per_row(rows) <= _NEWTON_CELLS:
        return "newton", f"a Hessian of {p:,} columns is cheap to build and to factorise"
    if isinstance(rows, StreamRows):
        return "lbfgs", f"a Hessian of {p:,} columns is too large, and every product with it would read the rows again"
    return "newton-cg", f"for {p:,} columns, products with the Hessian cost less than the Hessian"


def methods_for(options: Options) -> tuple[str, ...]:
    """Those that `choose` may give for a stream."""
    if options.method != "auto":
        return (options.method,)
    return ("orthant-newton",) if options.l1 > 0.0 else ("newton", "lbfgs")


def _cells_per_row(rows: MemoryRows | StreamRows) -> float:
    if isinstance(rows, StreamRows):
        return _cells_per_row(rows.sample) if rows.sample is not None else 0.0
    return rows.entries / rows.n if isinstance(rows, SparseRows) else 0.0


def kernel_for(rows: MemoryRows | StreamRows, asked: str) -> Kernel:
    """The kernel `auto` means: compiled loops only where they are worth loading."""
    if asked != "auto":
        return kernel(asked)
    if isinstance(rows, StreamRows):
        return kernel("compiled" if rows.recipe.compressed else "blocked")
    if not isinstance(rows, SparseRows):
        return kernel("blocked")
    return kernel("compiled" if rows.entries >= _COMPILED_ENTRIES else "sparse")


def stages(options: Options, method: str, n: int, p: int, sampled: int | None = None) -> list[Stage]:
    """The stages of a fit; all but the last are on samples, and only warm the start.

    sampled   of streamed rows: the stride of the sample that is in memory, which is always worth a stage or more
    """
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
    if sampled is not None:
        return [*_growing(entry, settings, rules, n, p, sampled), last]
    if options.method != "auto" or method not in _SAMPLED:
        return [last]
    enough = max(_FEWEST_SAMPLED_ROWS, _ROWS_PER_PARAMETER * (p + 1))
    stride = next((stride for stride in _STRIDES if n // stride >= enough), None)
    if stride is None:
        return [last]
    # no closer than a fraction of the sample's own error, which is an absolute log-loss
    loose = replace(rules, tol=max(options.tol, 0.1 * (p + 1) * stride / n), epochs=20, patience=None)
    first = entry.make(replace(settings, tol=loose.tol))
    return [Stage(f"1/{stride} of the rows", stride, first, loose), last]


def _growing(entry: Method, settings: Settings, rules: Rules, n: int, p: int, sampled: int) -> Iterator[Stage]:
    """Samples of a stream, each some times larger than the one before, up to all that is in memory."""
    enough = max(_FEWEST_SAMPLED_ROWS, _ROWS_PER_PARAMETER * (p + 1))
    for times in _GROWTH:
        stride = sampled * times
        if times > 1 and n // stride < enough:
            continue
        loose = replace(rules, tol=max(settings.tol, 0.1 * (p + 1) * stride / n), patience=None)
        name = f"1/{stride} of the rows" if stride > 1 else "all rows, in memory"
        yield Stage(name, stride, entry.make(replace(settings, tol=loose.tol)), loose)


def sample(rows: MemoryRows | StreamRows, stride: int) -> Rows:
    """Every `stride`-th row."""
    if isinstance(rows, StreamRows):
        return rows.every(stride)
    return rows if stride == 1 else rows.every(stride)


def second_method(stalled: Optimizer, d: int, tol: float) -> Optimizer:
    """What may still find a better point where that method found none."""
    settings = Settings(epochs=SECOND_EPOCHS, tol=tol)
    if not stalled.smooth_only:
        return OPTIMIZERS["nesterov"].make(settings)
    if stalled.name == "lbfgs" and d <= _NEWTON_COLUMNS:
        return OPTIMIZERS["newton"].make(settings)
    return OPTIMIZERS["lbfgs" if stalled.name == "newton-cg" else "newton-cg"].make(settings)
