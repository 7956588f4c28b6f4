"""`thalweg fit`: rows in, a model file out."""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from thalweg import signals
from thalweg.cli.commands import interrupted
from thalweg.cli.footprint import give_back
from thalweg.cli.keeping import Keeping
from thalweg.cli.needs import check_libraries, check_work
from thalweg.cli.options import UNFINISHED, as_json, held_out, learning, print_json, reading, rows_and_reading
from thalweg.errors import OutputError, UsageError
from thalweg.names import METHOD_NAMES, SCHEDULE_NAMES

if TYPE_CHECKING:
    from thalweg.events import Observer


@click.command("fit", short_help="Fit a model to a table of rows.")
@click.argument("train", required=False)
@click.option("--target", metavar="COLUMN", help="The column to learn (libsvm files have their own).")
@click.option("-o", "--output", metavar="MODEL", help="Where to write the model.  [default: TRAIN's name + .thalweg]")
@click.option("--method", type=click.Choice(["auto", *METHOD_NAMES]), default="auto", show_default=True)
@click.option("--rate", type=float, help="Learning rate of gd, nesterov, minibatch and sgd.  [default: a safe one]")
@click.option("--schedule", type=click.Choice(SCHEDULE_NAMES), help="How the rate falls.")
@click.option("--batch-size", type=int, help="Rows in a mini-batch.  [default: 512]")
@click.option("--average", is_flag=True, help="minibatch, sgd: average the points since the second epoch.")
@click.option("--epochs", type=int, help="Most steps (epochs, for minibatch and sgd).")
@click.option("--l2", type=float, help="Strength of l2/2·‖w‖².  [default: 1/S, S the total weight]")
@click.option("--l1", type=float, default=0.0, help="Strength of l1·‖w‖₁.  [default: 0]")
@click.option("--tol", type=float, default=1e-6, show_default=True, help="Relative certified gap to reach.")
@click.option("--gradient-tol", type=float, help="Gradient norm to stop at.")
@click.option("--stream", is_flag=True, help="Read the rows in pieces, never all at once; also folders of files.")
@click.option("--bits", type=int, help="sgd --stream: words are hashed to 2^bits columns.  [default: 22]")
@click.option("--cross", multiple=True, metavar="A,B", help="sgd --stream: learn two columns together; repeatable.")
@click.option("--on-bad-row", type=click.Choice(["stop", "skip"]), default="stop", help="Of a stream.  [default: stop]")
@click.option("--cache", metavar="FOLDER", help="--stream: keep a binary copy of the rows, read in later passes.")
@click.option("--checkpoint", metavar="FOLDER", help="--stream: keep the run's place there.")
@click.option("--every", default="60s", show_default=True, metavar="TIME", help="Between two checkpoints.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint.")
@click.option("--patience", type=int, help="Stop after so many held-out evaluations without improvement.")
@learning
@reading
@as_json
def command(
    train: str | None, output: str | None, progress: str, json_: bool, holdout: str | None, **given: Any
) -> int:
    """Fit a logistic regression to TRAIN (csv, tsv, parquet, json lines or libsvm; .gz too).

    \b
    thalweg fit loans.csv --target default --holdout 0.2
    thalweg fit reviews.csv --target stars --text review
    thalweg fit clicks.parquet --target click --method sgd --stream
    thalweg fit --sql "SELECT * FROM loans" --database bank.duckdb --target default -o loans.thalweg
    """
    check_libraries()
    rows, keywords = rows_and_reading(train, "TRAIN", given)
    path = output_path(train, output)
    refuse_output(path, train)
    from thalweg.observers.progress import progress_observer
    from thalweg.stopping import Outcome
    from thalweg.train.assembly import fit

    check_work()
    try:
        with progress_observer(progress) as observers:
            watching: tuple[Observer, ...] = (*observers, give_back, Keeping())
            model = fit(rows, holdout=held_out(holdout), observers=watching, **given, **keywords)
    except KeyboardInterrupt as early:
        raise KeyboardInterrupt(f"There is no model yet to keep. {early}".rstrip()) from None
    if model.outcome is Outcome.DIVERGING:
        click.echo(f"thalweg: {model.sentence} No model was written.", err=True)
        return 1
    save(model, path)
    signals.keep(signals.NOTHING, f"The model is in {path}.")
    if json_:
        print_json(summary(model, path))
    else:
        from thalweg.report import fitted, show

        show(fitted(model, path))
    if model.outcome is Outcome.INTERRUPTED:
        return interrupted(f"The best point so far is in {path}.")
    if signals.asked():
        return interrupted(f"The run had ended: its model is in {path}.")
    return 0 if model.outcome.converged else UNFINISHED


def output_path(train: str | None, output: str | None) -> Path:
    """Where the model goes: as asked, or TRAIN's name with .thalweg, in the current folder."""
    if output is not None:
        return Path(output)
    if train is None:
        raise UsageError("-o is missing: with --sql there is no file to name the model after.")
    return Path(Path(train).name.split(".")[0] + ".thalweg")


def refuse_output(path: Path, train: str | None) -> None:
    """Raise before the run what would be found out after it; a file that is no model is never replaced by one."""
    from thalweg.model_file import is_model
    from thalweg.output import refuse_unwritable
    from thalweg.readers.files import is_folder
    from thalweg.readers.stream import refuse_among

    if train is not None and is_folder(Path(train)):
        refuse_among(path, Path(train))
    refuse_unwritable(path)
    if path.exists() and path.stat().st_size > 0 and not is_model(path):
        raise OutputError(f"{path}: the file is there and is not a thalweg model; choose another name with -o.")


def save(model: Any, path: Path) -> None:
    """Write a model; where that fails after all, into the system's folder for temporary files, so that it is not lost.

    Raises OutputError in either case, naming the place.
    """
    try:
        model.save(path)
    except OutputError as error:
        elsewhere = _saved_elsewhere(model, path)
        more = "No other place was found for it." if elsewhere is None else f"The model was written to {elsewhere}."
        raise OutputError(f"{error} {more}") from None


def _saved_elsewhere(model: Any, path: Path) -> Path | None:
    try:
        handle, name = tempfile.mkstemp(".thalweg", f"{path.stem[:32]}-")
    except OSError:
        return None
    os.close(handle)
    try:
        model.save(name)
    except OutputError:
        Path(name).unlink(missing_ok=True)
        return None
    return Path(name)


def summary(model: Any, path: Path) -> dict[str, Any]:
    """What `fit --json` prints."""
    certificate = model.certificate
    return {
        "outcome": model.outcome.name.lower(),
        "sentence": model.sentence,
        "objective": model.objective,
        "certificate": {
            "gap": certificate.gap,
            "relative_gap": certificate.relative_gap,
            "kind": certificate.kind,
            "reason": certificate.reason,
        },
        "gradient_norm": certificate.gradient_norm,
        "newton_decrement": certificate.newton_decrement,
        "method": model.method,
        "method_reason": model.reason,
        "rows": model.rows,
        "columns": model.columns,
        "steps": model.steps,
        "passes": model.passes,
        "seconds": model.seconds,
        "holdout": model.holdout,
        "progressive": model.progressive,
        "notes": list(model.notes),
        "model": str(path),
    }
