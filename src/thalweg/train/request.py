"""What a fit was asked for, checked and with its rows; and the model that comes of its run."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from thalweg.errors import UsageError
from thalweg.metrics import evaluate
from thalweg.model import Model
from thalweg.model_file import refuse_unsavable
from thalweg.observers import Trace
from thalweg.recipe import Recipe, TextOptions, asked_target
from thalweg.rows import MemoryRows
from thalweg.solve import Solution
from thalweg.stopping import separated_by
from thalweg.train.class_weights import refuse_soft
from thalweg.train.data import Prepared, Source, prepare
from thalweg.train.options import Options, flag
from thalweg.train.run import Run
from thalweg.train.versions import library_versions


@dataclass(frozen=True)
class Request:
    """What a fit was asked for, and the rows it runs on."""

    options: Options
    source: Source
    prepared: Prepared


def requested(rows: Any, given: Mapping[str, Any]) -> Request:
    """The keywords of `fit` checked, and the rows read and encoded."""
    holdout = given["holdout"]
    share = float(holdout) if isinstance(holdout, int | float) and not isinstance(holdout, bool) else None
    own_rows = None if share is not None else holdout
    options = Options(**{field.name: given[field.name] for field in fields(Options) if field.name != "holdout"},
                      holdout=share)  # fmt: skip
    options.check_patience(holdout is not None)
    source = source_of(given)
    request = Request(options, source, prepare(rows, source, options, own_rows))
    named = {flag(name): value for name, value in {**options.to_dict(), **_column_options(source)}.items()}
    refuse_unsavable(named, request.prepared.classes, request.prepared.recipe)
    return request


_BY_DEFAULT = {"header": True, "sql_files": False}


def source_of(given: Mapping[str, Any]) -> Source:
    """The keywords of `fit` that are about the rows, checked."""
    missing, max_levels = given["missing"], given["max_levels"]
    read = {name: given[name] for name in ("header", "format", "database", "connection", "sql_files")}
    read["missing"] = None if missing is None else _names(missing)
    reading = {key: value for key, value in read.items() if value is not _BY_DEFAULT.get(key)}
    if max_levels is not None and (not isinstance(max_levels, int) or max_levels < 2):
        raise UsageError(f"--max-levels is {max_levels!r}, but must be a whole number of at least 2.")
    for name, value in (("tokens", "auto"), ("ngrams", None), ("text_weights", "tfidf"), ("min_rows", 2)):
        if given[name] != value and not given["text"]:
            raise UsageError(f"{flag(name)} says how --text is read, but no column is named by --text.")
    refuse_soft(given["class_weight"], given["soft"])
    columns = {name: _name(given[name], flag(name)) for name in ("target", "successes", "trials")}
    asked_target(columns["target"], given["positive"], given["soft"], columns["successes"], columns["trials"])
    return Source(
        **columns,
        soft=given["soft"],
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
    return Model(
        recipe=prepared.recipe,
        classes=prepared.classes,
        standardized_coef=theta[:p].copy(),
        standardized_intercept=float(theta[p]) if options.intercept else 0.0,
        objective=float(solution.at.value[0]),
        outcome=solution.outcome,
        sentence=_sentence(solution, prepared.recipe),
        certificate=solution.certificate,
        method=ran.method,
        reason=ran.reason,
        steps=solution.steps,
        passes=ran.passes,
        seconds=ran.seconds,
        rows=prepared.rows.n,
        history=tuple(trace.rows),
        holdout=None if prepared.holdout is None else held_out_quality(prepared.holdout, theta, options.intercept),
        options={**options.to_dict(), "l2": ran.l2, **_column_options(source)},
        data={
            **prepared.origin,
            "rows": prepared.rows.n,
            "total_weight": prepared.rows.total_weight,
            "holdout_rows": 0 if prepared.holdout is None else prepared.holdout.n,
        },
        versions=library_versions(),
    )


def _sentence(solution: Solution, recipe: Recipe) -> str:
    """How the run ended, with the columns named along which the rows are separated."""
    if solution.recession is None:
        return solution.sentence
    return f"{solution.sentence} {separated_by(solution.recession, lambda j: repr(recipe.terms[j].name))}"


def _column_options(source: Source) -> dict[str, Any]:
    """What a model keeps of what was asked about its columns."""
    return {
        **{name: getattr(source, name) for name in ("target", "soft", "successes", "trials")},
        "weights": source.weights if isinstance(source.weights, str) else None,
        "offset": source.offset if isinstance(source.offset, str) else None,
        "only": list(source.only),
        "drop": list(source.drop),
        "categorical": list(source.categorical),
        "max_levels": source.max_levels,
        **({} if not source.text.columns else {"text": list(source.text.columns)}),
    }


def held_out_quality(rows: MemoryRows, theta: np.ndarray, intercept: bool) -> dict[str, Any]:
    """Log-loss, AUC, Brier score and accuracy of theta (d,) on the held-out rows."""
    p = rows.p
    margins = np.concatenate([block.X @ theta[:p] for block in rows.blocks()])
    if intercept:
        margins += theta[p]
    if rows.offset is not None:
        margins += rows.offset
    report = evaluate(rows.y, margins, rows.weight)
    return {name: getattr(report, name) for name in ("log_loss", "auc", "brier", "accuracy", "rows")}
