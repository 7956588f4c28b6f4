"""`thalweg path`: many strengths of l1, each with its proof."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from thalweg import signals
from thalweg.cli.commands import interrupted
from thalweg.cli.fit import output_path, refuse_output, save
from thalweg.cli.keeping import Keeping
from thalweg.cli.needs import check_libraries, check_work
from thalweg.cli.options import UNFINISHED, as_json, held_out, learning, print_json, reading, rows_and_reading
from thalweg.errors import UsageError

if TYPE_CHECKING:
    from thalweg.events import Observer


@click.command("path", short_help="Fit a table for many strengths of l1.")
@click.argument("train", required=False)
@click.option("--target", metavar="COLUMN", help="The column to learn (libsvm files have their own).")
@click.option("-o", "--output", metavar="MODEL", help="Write the model with the lowest held-out loss; with --holdout.")
@click.option("--points", type=int, help="Strengths of l1.  [default: 100]")
@click.option("--ratio", type=float, default=1e-3, show_default=True, help="The smallest over the largest.")
@click.option("--l1-ratio", type=float, default=1.0, show_default=True, help="l1/(l1 + l2); below 1, an elastic net.")
@click.option("--tol", type=float, default=1e-6, show_default=True, help="Relative certified gap to reach.")
@learning
@reading
@as_json
def command(
    train: str | None, output: str | None, progress: str, json_: bool, holdout: str | None, **given: Any
) -> int:
    """Fit TRAIN for many strengths of l1, from the one that keeps every weight at zero downwards.

    \b
    thalweg path reviews.csv --target stars --text review --holdout 0.2 -o best.thalweg
    """
    check_libraries()
    rows, keywords = rows_and_reading(train, "TRAIN", given)
    if output is not None:
        if holdout is None:
            raise UsageError("-o writes the model that is best on held-out rows, so it needs --holdout.")
        refuse_output(output_path(train, output), train)

    from thalweg.observers.progress import progress_observer
    from thalweg.train.path import fit_path

    check_work()
    with progress_observer(progress) as observers:
        watching: tuple[Observer, ...] = (*observers, Keeping(many=True))
        path = fit_path(rows, holdout=held_out(holdout), observers=watching, **given, **keywords)
    if output is not None:
        save(path.model(path.best), Path(output))
    if json_:
        print_json(
            {
                "points": [
                    {
                        "l1": float(path.l1[i]),
                        "l2": float(path.l2[i]),
                        "nonzero": int(path.nonzero[i]),
                        "objective": float(path.objective[i]),
                        "gap": float(path.gap[i]),
                        "holdout_loss": None if path.holdout_loss is None else float(path.holdout_loss[i]),
                    }
                    for i in range(len(path.l1))
                ],
                "best": None if path.holdout_loss is None else path.best,
                "passes": path.passes,
                "seconds": path.seconds,
                "model": output,
            }
        )
    else:
        from thalweg.report import path_table, show

        show(path_table(path, output))
    if path.interrupted or signals.asked():
        return interrupted(f"Strengths done: {len(path.l1)}.")
    return 0 if path.converged else UNFINISHED
