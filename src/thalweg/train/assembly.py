"""Request in, model out: the one assembly every face calls."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from thalweg.errors import ConvergenceWarning, UsageError
from thalweg.events import Observer
from thalweg.model import Model
from thalweg.observers import Trace
from thalweg.train.options import flag, plain
from thalweg.train.request import model_of, requested, source_of
from thalweg.train.run import run


def fit(
    rows: Any,
    target: str | None = None,
    *,
    method: str = "auto",
    l2: float | None = None,
    l1: float = 0.0,
    tol: float = 1e-6,
    gradient_tol: float | None = None,
    intercept: bool = True,
    standardize: bool = True,
    soft: bool = False,
    successes: str | None = None,
    trials: str | None = None,
    weights: Any = None,
    offset: Any = None,
    class_weight: Any = None,
    holdout: Any = None,
    patience: int | None = None,
    rate: float | None = None,
    schedule: str | None = None,
    batch_size: int | None = None,
    epochs: int | None = None,
    average: bool = False,
    only: Sequence[str] = (),
    drop: Sequence[str] = (),
    categorical: Sequence[str] = (),
    max_levels: int | None = None,
    text: Sequence[str] = (),
    tokens: str = "auto",
    ngrams: int | None = None,
    text_weights: str = "tfidf",
    min_rows: int = 2,
    positive: Any = None,
    classes: tuple[Any, Any] | None = None,
    header: bool = True,
    format: str | None = None,
    database: Any = None,
    connection: Any = None,
    sql_files: bool = False,
    missing: Sequence[str] | None = None,
    seed: int = 0,
    threads: int | None = None,
    kernel: str = "auto",
    stream: bool = False,
    bits: int | None = None,
    cross: Sequence[Any] = (),
    on_bad_row: str = "stop",
    cache: Any = None,
    checkpoint: Any = None,
    every: str | float = "60s",
    resume: bool = False,
    observers: Sequence[Observer] = (),
) -> Model:
    """Fit a logistic regression and prove how close to the optimum it is.

    It minimises 1/S·Σ sᵢ·loss(yᵢ, zᵢ) + l2/2·‖w‖² + l1·‖w‖₁ over w and an unpenalised intercept, w on standardised
    columns unless `standardize` is false: numbers divided by their deviation, levels and indicators 0 or 1, centred.

    rows          a path (csv, tsv, parquet, json lines, libsvm), SQL with `database` or `connection`, a pandas or
                  polars frame, an Arrow table, or arrays (X, y) of shapes (n, p) and (n,), X a SciPy sparse matrix too
    target        the column to learn; not for (X, y), and libsvm files have their own
    method        "auto", "gd", "minibatch", "sgd", "nesterov", "lbfgs", "newton", "newton-cg" or
                  "orthant-newton"
    soft          the target is not one of two labels but the share of label 1, a number from 0 to 1; arrays (X, y) need
                  no word where y has numbers strictly between. A share y of weight s counts as two rows, one of label 1
                  and weight s·y and one of label 0 and weight s·(1 - y)
    successes, trials
                  in place of a target, two columns of binomial counts: a row is of so many trials, of which so many
                  had label 1, and its weight is multiplied by its trials
    l2, l1        per-mean penalty strengths; l2 None means 1/S, S the total weight
    tol           relative certified gap to stop at; gradient_tol: gradient norm to stop at
    weights       column of sample weights, or an (n,) array for (X, y); offset likewise, added to the margins
    class_weight  None, "balanced", or a weight for each label
    holdout       share of the rows, or rows of their own, that only judge; `patience` stops on them
    rate, schedule, batch_size, epochs, average, seed
                  of the gradient methods; an option the method has no use for is refused
    only, drop    columns to use or to leave out; categorical: number columns that are names
    max_levels    most levels of a category with a column each, None: no limit; the rarest are pooled, and always those
                  seen in one row only
    text          columns of text, each word of which becomes a column; how: tokens ("auto", "words", "characters"),
                  ngrams (longest run of tokens that counts as one), text_weights ("tfidf", "counts"), min_rows (rows
                  a word must stand in)
    kernel        "auto", or one of `thalweg.kernels.KERNELS`: how sums are computed; the result is the same
    positive      the label that is 1; classes: both labels, for (X, y) that may lack one
    header, format, database, connection, sql_files, missing
                  how to read. A query is one SELECT: on `database` it reads nothing else, unless `sql_files` lets it
                  read files, and loads no extension; a `connection` is used with the settings it has. missing: texts
                  that are holes
    threads       None for all this process may use; the result has the same bits on any number
    stream        read the rows in pieces, never all of them: files, folders of files, and SQL with `database`. With
                  method "sgd" they are learnt online: words hashed to 2^bits columns (22 unless told), `cross` pairs of
                  columns together, rates adaptive. With any other method the optimum is the one in memory, certified
    on_bad_row    of a stream: "stop", or "skip", which leaves rows out that cannot be read, and counts them
    cache         of a stream, not for "sgd": a folder for a binary copy of the rows, read instead of the source
    checkpoint    of a stream: a folder to keep the run's place in, `every` so often ("60s", "5m"); `resume` goes on
    observers     called with each `thalweg.events.Event`

    A run that ends above its tolerance warns with a ConvergenceWarning; the model's `outcome` and `sentence` say why.
    Ctrl-C ends the run, warns, and returns the best model so far. Raises UsageError for options that contradict each
    other, DataError for rows that cannot be used, RunError where the objective overflows.
    """
    given = plain({name: value for name, value in locals().items() if name not in ("rows", "observers")})
    if stream:
        # streams need readers that arrays and tables in memory do not
        from thalweg.train.stream import fit_stream

        model = fit_stream(rows, given, source_of(given), observers)
    else:
        _refuse_stream_options(given)
        request = requested(rows, given)
        trace, prepared = Trace(), request.prepared
        ran = run(prepared.rows, request.options, (trace, *observers), prepared.holdout, prepared.recipe.mean_squares)
        model = model_of(request, ran, trace)
    warn_unfinished(model)
    return model


def warn_unfinished(model: Model) -> None:
    """Warn the caller of `fit` of a model that is not what was asked for."""
    if not model.outcome.converged:
        warnings.warn(model.sentence, ConvergenceWarning, stacklevel=3)


def _refuse_stream_options(given: Mapping[str, Any]) -> None:
    """Raise UsageError for what only a stream has a use for."""
    for name, default in _OF_STREAMS.items():
        if given.get(name, default) != default:
            raise UsageError(f"{flag(name)} goes with --stream.")


_OF_STREAMS = {
    "bits": None, "cross": (), "on_bad_row": "stop", "cache": None, "checkpoint": None, "every": "60s", "resume": False,
}  # fmt: skip
