"""Request in, model out: the one assembly every face calls."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np

from thalweg.errors import UsageError
from thalweg.events import Observer
from thalweg.metrics import evaluate
from thalweg.model import Model, probabilities
from thalweg.observers import Trace
from thalweg.recipe import TextOptions
from thalweg.rows import MemoryRows
from thalweg.train.data import Prepared, Source, prepare
from thalweg.train.options import Options, flag
from thalweg.train.run import Run, run

_LIBRARIES = ("thalweg", "numpy", "scipy", "duckdb", "pyarrow")


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
    missing: Sequence[str] | None = None,
    seed: int = 0,
    threads: int | None = None,
    kernel: str = "auto",
    observers: Sequence[Observer] = (),
) -> Model:
    """Fit a logistic regression and prove how close to the optimum it is.

    It minimises 1/S·Σ sᵢ·loss(yᵢ, zᵢ) + l2/2·‖w‖² + l1·‖w‖₁ over w and an unpenalised intercept, w on standardised
    columns unless `standardize` is false.

    rows          a path (csv, tsv, parquet, json lines, libsvm), SQL with `database` or `connection`, a pandas or
                  polars frame, an Arrow table, or arrays (X, y) of shapes (n, p) and (n,), X a SciPy sparse matrix too
    target        the column to learn; not for (X, y), and libsvm files have their own
    method        "auto", "gd", "minibatch", "sgd", "nesterov", "lbfgs", "newton", "newton-cg" or
                  "orthant-newton"
    l2, l1        per-mean penalty strengths; l2 None means 1/S, S the total weight
    tol           relative certified gap to stop at; gradient_tol: gradient norm to stop at
    weights       column of sample weights, or an (n,) array for (X, y); offset likewise, added to the margins
    class_weight  None, "balanced", or a weight for each label
    holdout       share of the rows, or rows of their own, that only judge; `patience` stops on them
    rate, schedule, batch_size, epochs, average, seed
                  of the gradient methods; an option the method has no use for is refused
    only, drop    columns to use or to leave out; categorical: number columns that are names
    max_levels    most levels of a category with a column each, 100 unless told; rarer ones are pooled
    text          columns of text, each word of which becomes a column; how: tokens ("auto", "words", "characters"),
                  ngrams (longest run of tokens that counts as one), text_weights ("tfidf", "counts"), min_rows (rows
                  a word must stand in)
    kernel        "auto", or one of `thalweg.kernels.KERNELS`: how sums are computed; the result is the same
    positive      the label that is 1; classes: both labels, for (X, y) that may lack one
    header, format, database, connection, missing
                  how to read; missing: texts that are holes
    threads       None for all this process may use; the result has the same bits on any number
    observers     called with each `thalweg.events.Event`

    Ctrl-C ends the run and returns the best model so far. Raises UsageError for options that contradict each other,
    DataError for rows that cannot be used, RunError where the objective overflows.
    """
    given = {name: value for name, value in locals().items() if name not in ("rows", "observers")}
    request = requested(rows, given)
    trace = Trace()
    ran = run(request.prepared.rows, request.options, (trace, *observers), request.prepared.holdout)
    return model_of(request, ran, trace)


@dataclass(frozen=True)
class Request:
    """What a fit was asked for, and the rows it runs on."""

    options: Options
    source: Source
    prepared: Prepared


def requested(rows: Any, given: Mapping[str, Any]) -> Request:
    """The keywords of `fit` checked, and the rows read and encoded."""
    holdout, max_levels = given["holdout"], given["max_levels"]
    share = float(holdout) if isinstance(holdout, int | float) and not isinstance(holdout, bool) else None
    own_rows = None if share is not None else holdout
    options = Options(**{field.name: given[field.name] for field in fields(Options) if field.name != "holdout"},
                      holdout=share)  # fmt: skip
    options.check_patience(holdout is not None)
    missing = given["missing"]
    read = {name: given[name] for name in ("header", "format", "database", "connection")}
    read["missing"] = None if missing is None else _names(missing)
    reading = {key: value for key, value in read.items() if value is not None and (key, value) != ("header", True)}
    if max_levels is not None and (not isinstance(max_levels, int) or max_levels < 2):
        raise UsageError(f"--max-levels is {max_levels!r}, but must be a whole number of at least 2.")
    for name, value in (("tokens", "auto"), ("ngrams", None), ("text_weights", "tfidf"), ("min_rows", 2)):
        if given[name] != value and not given["text"]:
            raise UsageError(f"{flag(name)} says how --text is read, but no column is named by --text.")
    source = Source(
        target=_name(given["target"], "--target"),
        weights=_name(given["weights"], "--weights"),
        offset=_name(given["offset"], "--offset"),
        only=_names(given["only"]),
        drop=_names(given["drop"]),
        categorical=_names(given["categorical"]),
        max_levels=max_levels,
        positive=given["positive"],
        classes=given["classes"],
        text=TextOptions(
            _names(given["text"]), given["tokens"], given["ngrams"], given["text_weights"], given["min_rows"]
        ),
        reading=reading,
    )
    return Request(options, source, prepare(rows, source, options, own_rows))


def _name(given: Any, option: str) -> Any:
    """A column's name; frames may have numbers for names. Arrays, of weights or offsets, pass."""
    if isinstance(given, bool | float | dict):
        raise UsageError(f"{option} is {given!r}, but must be the name of a column.")
    return str(given) if isinstance(given, int) else given


def _names(names: Any) -> tuple[str, ...]:
    return (str(names),) if isinstance(names, str | int) else tuple(str(name) for name in names)


def model_of(request: Request, ran: Run, trace: Trace) -> Model:
    """The model of a run."""
    prepared, options, source = request.prepared, request.options, request.source
    solution, p = ran.solution, prepared.rows.p
    theta = solution.theta[:, 0]
    told = {
        "target": source.target,
        "weights": source.weights if isinstance(source.weights, str) else None,
        "offset": source.offset if isinstance(source.offset, str) else None,
        "only": list(source.only),
        "drop": list(source.drop),
        "categorical": list(source.categorical),
        "max_levels": source.max_levels,
        **({} if not source.text.columns else {"text": list(source.text.columns)}),
    }
    return Model(
        recipe=prepared.recipe,
        classes=prepared.classes,
        standardized_coef=theta[:p].copy(),
        standardized_intercept=float(theta[p]) if options.intercept else 0.0,
        objective=float(solution.at.value[0]),
        outcome=solution.outcome,
        sentence=solution.sentence,
        certificate=solution.certificate,
        method=ran.method,
        reason=ran.reason,
        steps=solution.steps,
        passes=ran.passes,
        seconds=ran.seconds,
        rows=prepared.rows.n,
        history=tuple(trace.rows),
        holdout=None if prepared.holdout is None else held_out_quality(prepared.holdout, theta, options.intercept),
        options={**options.to_dict(), "l2": ran.l2, **told},
        data={
            **prepared.origin,
            "rows": prepared.rows.n,
            "total_weight": prepared.rows.total_weight,
            "holdout_rows": 0 if prepared.holdout is None else prepared.holdout.n,
        },
        versions=library_versions(),
    )


def held_out_quality(rows: MemoryRows, theta: np.ndarray, intercept: bool) -> dict[str, Any]:
    """Log-loss, AUC, Brier score and accuracy of theta (d,) on the held-out rows."""
    p = rows.p
    margins = np.concatenate([block.X @ theta[:p] for block in rows.blocks()])
    if intercept:
        margins += theta[p]
    if rows.offset is not None:
        margins += rows.offset
    report = evaluate(rows.y, probabilities(margins)[:, 1], rows.weight)
    return {name: getattr(report, name) for name in ("log_loss", "auc", "brier", "accuracy", "rows")}


@cache
def library_versions() -> dict[str, str]:
    """What a fit was made with."""
    return {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}}
