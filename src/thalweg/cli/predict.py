"""`thalweg predict`: probabilities and labels for new rows."""

import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from thalweg.cli.needs import check_libraries, check_work
from thalweg.cli.options import as_json, print_json, reading, rows_and_reading
from thalweg.errors import UsageError

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

    ROWS may be a file of any size, or a folder of files: it is read in pieces, and scored in its order.
    """
    check_libraries()
    source, keywords = rows_and_reading(rows, "ROWS", given)
    if not 0.0 <= threshold <= 1.0:
        raise UsageError(f"--threshold is {threshold:g}, but must lie between 0 and 1.")
    if output is not None and Path(output).suffix not in (".csv", ".parquet"):
        raise UsageError(f"-o {output}: the ending must be .csv or .parquet.")

    from thalweg.model_file import load
    from thalweg.output import refuse_unwritable
    from thalweg.readers.stream import refuse_read

    check_work()
    to = None if output is None else Path(output)
    if to is not None:
        refuse_unwritable(to)
        refuse_read(to, (Path(model), *(() if "database" in keywords else (Path(source),))))
    positive, scores = _scores(load(model), source, keywords, threshold, to)
    if json_:
        print_json(_as_json(positive, scores, output))
        return
    from thalweg.scoring import as_csv, write_scores

    if to is not None:
        write_scores(scores, to)
        return
    for piece in as_csv(scores):
        click.echo(piece, nl=False)


def _scores(
    judge: "Model", source: str, keywords: dict[str, Any], threshold: float, output: Path | None
) -> tuple[Any, Generator[Any]]:
    """The positive label; and labels and probabilities, chunk after chunk, of which a libsvm file is one.

    The model is not kept for longer than it is needed. Raises OutputError for an output that is read.
    """
    from thalweg.readers.files import is_folder, kind_of, refuse_unreadable
    from thalweg.scoring import rows_for, score

    path = Path(source)
    if "database" not in keywords and not is_folder(path):
        refuse_unreadable(path)
        if (keywords.get("format") or kind_of(path)) == "libsvm":
            probability = judge.predict_proba(source, **keywords)[:, 1]
            return judge.classes[1], (scored for scored in [(judge.labels(probability, threshold), probability)])
    stream = rows_for(judge, source, **keywords)
    if output is not None:
        stream.refuse_output(output)
    return judge.classes[1], score(judge, stream, threshold)


def _as_json(positive: Any, scores: Generator[Any], output: str | None) -> dict[str, Any]:
    """What --json prints: every prediction, or, where they go to a file, how many there are."""
    from thalweg.scoring import write_scores

    if output is not None:
        begun = time.perf_counter()
        rows = write_scores(scores, Path(output))
        seconds = time.perf_counter() - begun
        return {"rows": rows, "positive": positive, "output": output, "seconds": seconds}
    pieces = list(scores)
    return {
        "rows": sum(len(labels) for labels, _ in pieces),
        "positive": positive,
        "prediction": [label for labels, _ in pieces for label in labels.tolist()],
        "probability": [value for _, probability in pieces for value in probability.tolist()],
    }
