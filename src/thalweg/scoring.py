"""Predictions for rows of any number: read in chunks, judged, and written in the same order."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
from pyarrow.csv import CSVWriter
from pyarrow.parquet import ParquetWriter

from thalweg.ahead import ahead
from thalweg.engines.blas import one_blas_thread
from thalweg.errors import DataError, OutputError
from thalweg.model import Model, predicted, probabilities, refuse_overflow
from thalweg.output import reason, written_whole
from thalweg.readers.forms import not_as_learnt
from thalweg.readers.open_stream import open_stream
from thalweg.readers.stream import Stream
from thalweg.recipe.roles import refuse_infinite
from thalweg.rows import rows_per_block


def rows_for(model: Model, source: Any, **reading: Any) -> Stream:
    """Rows to be scored; source and reading as for `thalweg.readers.open_stream.open_stream`.

    Raises DataError where they have not the model's columns.
    """
    recipe = model.recipe
    if recipe.matrix is not None and recipe.offset is not None:
        raise DataError("this model was fitted on arrays with an offset: give the rows as an array, with offset=.")
    stream = open_stream(source, **reading)
    stream.complaint = not_as_learnt
    for name in _forms(model):
        stream.require(name, "this model" if name != recipe.offset else "--offset")
    return stream


def _forms(model: Model) -> dict[str, str]:
    recipe = model.recipe
    return {**recipe.forms, **({} if recipe.offset is None else {recipe.offset: "number"})}


def score(model: Model, stream: Stream, threshold: float = 0.5) -> Generator[tuple[np.ndarray, np.ndarray]]:
    """Labels and probabilities (m,) of the positive one, chunk after chunk, memory bounded whatever the rows.

    stream  as `rows_for` opens it

    Raises DataError where the rows do not fit the model, with file, row and value.
    """
    recipe, classes, intercept, forms = model.recipe, model.classes, model.standardized_intercept, _forms(model)
    if not forms:  # an intercept alone: any column tells how many rows there are
        forms = {next(iter(stream.columns)): "text"}
    margins, offset_name = recipe.margins_of(model.standardized_coef), recipe.offset
    part_rows = None if recipe.hashed is not None or recipe.compressed else rows_per_block(recipe.p)
    del model, recipe  # of a model with hashed words more than half is names
    with one_blas_thread(), ahead(stream.chunks(forms), 2) as chunks:
        for chunk in chunks:
            size = part_rows or max(chunk.n, 1)  # dense rows may be far wider than read
            for start in range(0, chunk.n, size):
                part = chunk.part(start, min(start + size, chunk.n))
                with np.errstate(over="ignore", invalid="ignore"):
                    z = margins(part) + intercept
                    if offset_name is not None:
                        offset = part.numbers(offset_name)
                        refuse_infinite(offset, offset_name, "--offset", part.place)
                        z = z + offset
                refuse_overflow(z, part.place)
                probability = probabilities(z)[:, 1]
                yield predicted(probability, classes, threshold), probability


def write_scores(scores: Generator[tuple[np.ndarray, np.ndarray]], output: Path) -> int:
    """A .csv or .parquet file of them, whole or not at all; how many rows. Raises OutputError where it cannot be."""
    rows = 0
    with ahead(scores, 2) as coming, written_whole(output, "the predictions") as temporary:
        first = _table(*next(coming))
        kind = ParquetWriter if output.suffix == ".parquet" else CSVWriter
        try:
            with kind(temporary, first.schema) as writer:
                writer.write_table(first)
                rows += first.num_rows
                for labels, probability in coming:
                    writer.write_table(_table(labels, probability))
                    rows += len(labels)
        except pyarrow.ArrowException as error:
            raise OutputError(f"{output}: the predictions could not be written: {reason(error)}.") from None
    return rows


def as_csv(scores: Iterator[tuple[np.ndarray, np.ndarray]]) -> Iterator[bytes]:
    """The same as CSV, piece after piece."""
    header = True
    for labels, probability in scores:
        sink = pyarrow.BufferOutputStream()
        table = _table(labels, probability)
        with CSVWriter(sink, table.schema, write_options=pyarrow.csv.WriteOptions(include_header=header)) as writer:
            writer.write_table(table)
        header = False
        yield bytes(sink.getvalue())


def _table(labels: np.ndarray, probability: np.ndarray) -> Any:
    return pyarrow.table({"prediction": labels, "probability": probability})
