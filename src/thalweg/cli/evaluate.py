"""`thalweg evaluate`: how good a model is on labelled rows."""

from typing import Any

import click

from thalweg.cli.needs import check_libraries, check_work
from thalweg.cli.options import as_json, labels, print_json, reading, rows_and_reading
from thalweg.errors import UsageError


@click.command("evaluate", short_help="Judge a model on labelled rows.")
@click.argument("model")
@click.argument("rows", required=False)
@click.option("--target", metavar="COLUMN", help="The labels.  [default: the column the model learnt]")
@labels
@click.option("--weights", metavar="COLUMN", help="Sample weights.  [default: the column of the fit, where present]")
@click.option("--threshold", type=float, default=0.5, show_default=True, help="Above it, the positive label.")
@reading
@as_json
def command(
    model: str,
    rows: str | None,
    target: str | None,
    soft: bool,
    successes: str | None,
    trials: str | None,
    weights: str | None,
    threshold: float,
    json_: bool,
    **given: Any,
) -> None:
    """Judge MODEL on ROWS: log-loss, Brier score, AUC, accuracy, confusion, calibration.

    \b
    thalweg evaluate loans.thalweg test.csv
    """
    check_libraries()
    source, keywords = rows_and_reading(rows, "ROWS", given)
    if not 0.0 <= threshold <= 1.0:
        raise UsageError(f"--threshold is {threshold:g}, but must lie between 0 and 1.")

    from thalweg.model_file import load

    check_work()
    judge = load(model)
    found = judge.evaluate(
        source, target, soft=soft, successes=successes, trials=trials, weights=weights, threshold=threshold, **keywords
    )
    if json_:
        print_json(found.to_dict())
    else:
        from thalweg.report import quality, show

        show(quality(found, judge.classes))
