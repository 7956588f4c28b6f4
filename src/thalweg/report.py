"""What people read of a model: rich renderables, one function each, and `show`, which prints them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from thalweg.certificate import WORDS, Certificate
from thalweg.metrics import Report
from thalweg.model import Model
from thalweg.recipe import CategoryColumn, NumberColumn, TextColumn
from thalweg.recipe.hashing import HashedColumns
from thalweg.train.path import Path as L1Path


def show(renderable: RenderableType) -> None:
    """Print to stdout; without a terminal, plain and wide enough that no cell is cut."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    console.print(renderable)


def fitted(model: Model, path: Path) -> RenderableType:
    """What `thalweg fit` ends with."""
    return Group(
        outcome(model),
        facts(
            {
                "rows x columns": f"{model.rows:,} x {model.columns:,}",
                "method": effort(model),
                **({"chosen since": model.reason} if model.reason else {}),
                **({} if model.objective is None else {"objective": f"{model.objective:.10g}"}),
                **({} if model.holdout is None else held_out(model.holdout)),
                "model": str(path),
            }
        ),
        notes(model),
    )


def outcome(model: Model) -> RenderableType:
    """The two sentences: how the run ended, and how far from the optimum it can be."""
    colour = "green" if model.outcome.converged else "yellow"
    return Group(Text(model.sentence, style=colour), Text(certificate_sentence(model.objective, model.certificate)))


def certificate_sentence(objective: float | None, certificate: Certificate) -> str:
    """The certificate, said in words."""
    if objective is None:
        return f"There is no bound: {certificate.reason}."
    if certificate.gap is not None and certificate.kind is not None:
        return (
            f"The objective {objective:.10g} is at most {certificate.gap:.1e} above its minimum "
            f"(relative gap {certificate.relative_gap:.1e}; certificate {certificate.kind}: {WORDS[certificate.kind]})."
        )
    if np.isnan(certificate.gradient_norm):
        return f"There is no bound: {certificate.reason}."
    decrement = certificate.newton_decrement
    return (
        f"The objective is {objective:.10g}; {certificate.reason}: gradient norm {certificate.gradient_norm:.1e}"
        + ("" if decrement is None else f", Newton decrement {decrement:.1e}")
        + "."
    )


def held_out(quality: Mapping[str, Any]) -> dict[str, str]:
    """Held-out quality in one line."""
    auc = "no AUC (one class)" if quality["auc"] is None else f"AUC {quality['auc']:.4f}"
    loss = "infinite" if quality["log_loss"] is None else f"{quality['log_loss']:.4f}"
    return {
        f"held out ({quality['rows']:,} rows)": (
            f"log-loss {loss}, {auc}, Brier {quality['brier']:.4f}, accuracy {quality['accuracy']:.4f}"
        )
    }


def facts(rows: Mapping[str, str]) -> Table:
    """Names and values in two columns."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def notes(model: Model) -> RenderableType:
    """What the recipe found."""
    return Group(*(Text(f"note: {note}", style="cyan") for note in model.notes))


def path_table(path: L1Path, output: str | None) -> RenderableType:
    """What `thalweg path` prints."""
    table = Table(title="Strengths of l1, the strongest first", title_justify="left")
    held_out = path.holdout_loss is not None
    for name in ("l1", "weights not zero", "objective", "relative gap", *(["held-out loss"] if held_out else [])):
        table.add_column(name, justify="right")
    for i, l1 in enumerate(path.l1):
        cells = [f"{l1:.4g}", f"{path.nonzero[i]:,}", f"{path.objective[i]:.8g}"]
        cells.append(f"{path.gap[i] / path.objective[i]:.1e}")
        if path.holdout_loss is not None:
            cells.append(f"{path.holdout_loss[i]:.6f}")
        table.add_row(*cells, style="bold" if held_out and i == path.best else None)
    words = f"{count(len(path.l1), 'strength')}, {path.passes:.1f} passes, {path.seconds:.2f} s."
    if held_out:
        words += f" The lowest held-out loss is at l1 = {path.l1[path.best]:.4g}."
    if path.interrupted:
        words = f"Interrupted: the strengths done so far were kept. {words}"
    return Group(table, Text(words + (f" Model: {output}" if output is not None else "")))


def quality(found: Report, classes: tuple[Any, Any]) -> RenderableType:
    """What `thalweg evaluate` prints."""
    head = {
        "rows": f"{found.rows:,}",
        "log-loss": f"{found.log_loss:.6f}",
        "Brier score": f"{found.brier:.6f}",
        "AUC": "only one class is present" if found.auc is None else f"{found.auc:.6f}",
        "accuracy": f"{found.accuracy:.6f}",
    }
    negative, positive = classes
    confusion = Table(title=f"Confusion at threshold {found.threshold:g}", title_justify="left")
    for column in ("", f"predicted {negative}", f"predicted {positive}"):
        confusion.add_column(column, justify="right" if column else "left")
    cells = {name: f"{weight:,.10g}" for name, weight in found.confusion.items()}
    confusion.add_row(f"is {negative}", cells["true_negative"], cells["false_positive"])
    confusion.add_row(f"is {positive}", cells["false_negative"], cells["true_positive"])
    calibration = Table(title="Calibration, by tenths of the rows", title_justify="left")
    for column in ("probability from", "to", "rows", "mean predicted", "share observed"):
        calibration.add_column(column, justify="right")
    for row in found.calibration:
        calibration.add_row(
            f"{row['from']:.4f}",
            f"{row['to']:.4f}",
            f"{row['rows']:,}",
            f"{row['predicted']:.4f}",
            f"{row['observed']:.4f}",
        )
    return Group(facts(head), confusion, calibration)


def model_report(model: Model, top: int) -> RenderableType:
    """What `thalweg show` prints."""
    parts: list[RenderableType] = [outcome(model), coefficients(model, top)]
    if model.recipe.matrix is None:
        parts.append(recipe(model))
    parts += [notes(model), provenance(model)]
    return Group(*parts)


def coefficients(model: Model, top: int) -> Table:
    """The strongest columns in raw units, with odds ratios, and on the standardised scale penalties act on."""
    order = np.argsort(-np.abs(model.standardized_coef), kind="stable")[:top]
    hidden = len(model.coef) - len(order)
    table = Table(
        title=f"Log-odds of {model.classes[1]!r} against {model.classes[0]!r}, strongest first",
        title_justify="left",
        caption=f"{count(hidden, 'weaker column')} not shown; --all lists them" if hidden else None,
        caption_justify="left",
    )
    table.add_column("column", overflow="fold")
    for name in ("coefficient", "odds ratio", "standardized"):
        table.add_column(name, justify="right")
    table.add_row("(intercept)", f"{model.intercept:.6g}", "", f"{model.standardized_intercept:.6g}")
    with np.errstate(over="ignore"):
        ratios = np.exp(model.coef)
    terms = model.recipe.terms
    for j in order:
        table.add_row(terms[j].name, f"{model.coef[j]:.6g}", f"{ratios[j]:.6g}", f"{model.standardized_coef[j]:.6g}")
    return table


def recipe(model: Model) -> Table:
    """What each raw column became."""
    table = Table(title="Recipe", title_justify="left")
    for name in ("column", "becomes"):
        table.add_column(name, overflow="fold")
    for column, words in recipe_lines(model):
        table.add_row(column, words)
    return table


def recipe_lines(model: Model) -> Iterator[tuple[str, str]]:
    """Raw column and, in words, what it became."""
    j = 0
    for column in model.recipe.columns:
        if isinstance(column, NumberColumn):
            unit = "a number" if column.kind == "number" else "days since 1970-01-01"
            words = f"{unit}, mean {model.recipe.mean[j]:.6g}, scale {model.recipe.scale[j]:.6g}"
            words += f"; holes become {column.fill:.6g} with an indicator" if column.holes else ""
            yield column.name, words
        elif isinstance(column, CategoryColumn):
            shown = ", ".join(column.levels[:8]) + (" ..." if len(column.levels) > 8 else "")
            against = "" if column.reference is None else f" against {column.reference!r}"
            yield column.name, f"{count(len(column.levels), 'level')}{against}: {shown}"
        elif isinstance(column, TextColumn):
            what = "word" if column.tokens == "words" else "run of characters"
            weights = "tf-idf, rows of length 1" if column.weights == "tfidf" else "counts"
            longest = f" in runs of up to {column.ngrams}" if column.ngrams > 1 else ""
            yield column.name, f"{count(len(column.words), what)}{longest}, as {weights}"
        elif isinstance(column, HashedColumns):
            of = f"2^{column.hashing.bits} columns, {column.used:,} in use, {column.width:,} with a weight"
            yield (
                ", ".join(column.hashing.sources),
                f"hashed to {of}; more than one word in {column.shared:,} of them ({column.collisions:.1%})",
            )
        j += column.width


def provenance(model: Model) -> RenderableType:
    """Data, options and versions the model was fitted with."""
    given = {name: value for name, value in model.options.items() if value not in (None, [], (), "", False)}
    source, weight = model.data.get("source", "?"), model.data["total_weight"]
    target = model.recipe.target
    lines = {
        "target": "" if target is None else target.words(),
        "fitted on": f"{source}, {model.rows:,} rows, total weight {weight:g}",
        "fingerprint": str(model.data.get("fingerprint", "")),
        "method": effort(model),
        "chosen since": model.reason,
        "options": ", ".join(f"{name}={value}" for name, value in given.items()),
        "versions": ", ".join(f"{name} {number}" for name, number in model.versions.items()),
    }
    if model.holdout is not None:
        lines |= held_out(model.holdout)
    return facts({name: value for name, value in lines.items() if value})


def effort(model: Model) -> str:
    """What the run took."""
    steps = "" if model.progressive is not None else f"{count(model.steps, 'step')}, "
    return f"{model.method}, {steps}{model.passes:.1f} passes, {model.seconds:.2f} s"


def count(number: int, thing: str) -> str:
    """1 step, 2 steps."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
