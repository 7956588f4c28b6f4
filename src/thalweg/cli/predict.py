"""`thalweg predict`: probabilities and labels for new rows."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from thalweg.cli.options import as_json, print_json, reading, rows_and_reading
from thalweg.errors import OutputError, UsageError

if TYPE_CHECKING:
    from thalweg.model import Model


@click.command("predict", short_help="Predict new rows with a model.")
@click.argument("model")
@click.argument("rows", required=False)
@click.option("-o", "--output", metavar="OUT", help="A .csv or .parquet file.  [default: csv on stdout]")
@click.option("--threshold", type=float, default=0.5, show_default=True, help="Above it, the positive label.")
@reading
@as_json
def command(model: str, rows: str | None, output: str | None, threshold: float, json_: bool, **given: Any) -> None:
    """Predict ROWS with MODEL: a column with the label, and one with the probability of the positive label.

    \b
    thalweg predict loans.thalweg new.csv -o scored.csv
    """
    source, keywords = rows_and_reading(rows, "ROWS", given)
    if not 0.0 <= threshold <= 1.0:
        raise UsageError(f"--threshold is {threshold:g}, but must lie between 0 and 1.")
    if output is not None and Path(output).suffix not in (".csv", ".parquet"):
        raise UsageError(f"-o {output}: the ending must be .csv or .parquet.")

    from thalweg.model_file import load
    from thalweg.output import refuse_unwritable

    if output is not None:
        refuse_unwritable(Path(output))
        for name in (model, source):
            if Path(output).exists() and Path(name).exists() and Path(output).samefile(name):
                raise OutputError(f"{output}: this is the file that is read; choose another name with -o.")
    judge: Model = load(model)
    probability = judge.predict_proba(source, **keywords)[:, 1]
    labels = judge.labels(probability, threshold)
    if json_:
        print_json(
            {
                "rows": len(probability),
                "positive": judge.classes[1],
                "prediction": labels.tolist(),
                "probability": probability.tolist(),
            }
        )
        if output is None:
            return
    _write(labels, probability, output)


def _write(labels: Any, probability: Any, output: str | None) -> None:
    import io

    import pyarrow
    from pyarrow.csv import write_csv
    from pyarrow.parquet import write_table

    table = pyarrow.Table.from_pydict({"prediction": labels, "probability": probability})
    buffer = io.BytesIO()
    if output is not None and Path(output).suffix == ".parquet":
        write_table(table, buffer)
    else:
        write_csv(table, buffer)
    if output is None:
        click.echo(buffer.getvalue(), nl=False)
        return
    from thalweg.output import write_whole

    write_whole(Path(output), buffer.getvalue(), "the predictions")
