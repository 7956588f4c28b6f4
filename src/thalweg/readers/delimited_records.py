"""A piece of a CSV file parsed by Arrow, and what is wrong with some of its records, told by their lines."""

import csv
import io
import threading
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
from pyarrow import csv as arrow_csv

from thalweg.readers.delimited import wrong_width

BLOCK = 1 << 19  # bytes parsed at a time: Arrow sets as many aside for every column of words
_LIMIT = threading.Lock()  # the longest field that `csv` takes is one for all threads


class Records:
    """A piece of a file being parsed, and what is wrong with some of its records."""

    def __init__(self, path: Path, names: Sequence[str], delimiter: str, data: bytes, line: int) -> None:
        self.path, self.names, self.delimiter, self.data, self.line = path, names, delimiter, data, line
        self.left_out: set[int] = set()  # numbers of records, from 0, that are no rows
        self._left_out: list[int] = []
        self.bad: dict[int, str] = {}

    def read(self, typed: Mapping[str, Any], missing: tuple[str, ...]) -> Any:
        """The columns wanted, as one batch. Raises ArrowInvalid for a value of another type."""
        if not self.data.strip(b"\r\n"):
            return pyarrow.RecordBatch.from_pylist([], schema=pyarrow.schema(list(typed.items())))
        try:
            table = self._parsed(typed, missing, BLOCK)
        except pyarrow.ArrowCancelled:  # Arrow hands Ctrl-C on to whom it is meant for, but drops what it parsed
            table = self._parsed(typed, missing, len(self.data) + 1)
        except pyarrow.ArrowInvalid as error:
            if "straddl" not in str(error):  # no record is longer than a block: it is a value
                raise
            table = self._parsed(typed, missing, len(self.data) + 1)
        batches = table.combine_chunks().to_batches()
        return batches[0] if batches else pyarrow.RecordBatch.from_pylist([], schema=table.schema)

    def _parsed(self, typed: Mapping[str, Any], missing: tuple[str, ...], block: int) -> Any:
        self.left_out, self.bad = set(), {}
        return arrow_csv.read_csv(
            pyarrow.BufferReader(self.data),
            arrow_csv.ReadOptions(use_threads=False, column_names=self.names, block_size=block),
            arrow_csv.ParseOptions(
                delimiter=self.delimiter,
                newlines_in_values=b'"' in self.data,
                invalid_row_handler=self._wrong_width,
            ),
            arrow_csv.ConvertOptions(
                column_types=dict(typed),
                include_columns=list(typed),
                null_values=[word for word in missing if word == word.strip(" ")],  # others are no words, once trimmed
                strings_can_be_null=True,
            ),
        )

    def _wrong_width(self, row: Any) -> str:
        record = int(row.number) - 1
        self.left_out.add(record)
        place = f"{self.path}, line {self._line(record)}"
        self.bad[record] = wrong_width(place, row.actual_columns, row.expected_columns)
        return "skip"

    def decoded(self, batch: Any) -> Any:
        """Columns of bytes as text, without the rows that are not UTF-8."""
        columns, good = [], np.ones(batch.num_rows, dtype=bool)
        for column in batch.columns:
            try:
                columns.append(column.cast(pyarrow.string()))
            except pyarrow.ArrowInvalid:
                texts = [None if value is None else _text(value) for value in column.to_pylist()]
                columns.append(pyarrow.array(texts, pyarrow.string()))
                good &= np.equal(columns[-1].is_null(), column.is_null())
        lost = [self._record(int(row)) for row in np.flatnonzero(~good)]
        for record in lost:
            self.bad[record] = (
                f"{self.path}, line {self._line(record)}: this is not UTF-8 text; save the file as UTF-8 "
                "(iconv -f latin1 -t utf-8 does)."
            )
        self.left_out.update(lost)
        return pyarrow.RecordBatch.from_arrays(columns, batch.schema.names).filter(pyarrow.array(good))

    def place(self, row: int) -> str:
        """Where a row of the batch stands."""
        return f"{self.path}, line {self._line(self._record(row))}"

    def _record(self, row: int) -> int:
        """The number of the record that a row of the batch is: those left out come on top."""
        if len(self._left_out) != len(self.left_out):
            self._left_out = sorted(self.left_out)
        low, high = row, row + len(self._left_out)
        while low < high:
            middle = (low + high) // 2
            if middle - bisect_right(self._left_out, middle) < row:
                low = middle + 1
            else:
                high = middle
        return low

    def _line(self, record: int) -> int:
        """The line a record begins on."""
        if self._plain:
            return self.line + record
        return self._lines[min(record, len(self._lines) - 1)]

    @cached_property
    def _plain(self) -> bool:
        """Whether every line is a record."""
        gaps = b"\n\n" in self.data or b"\n\r\n" in self.data or self.data.startswith((b"\n", b"\r\n"))
        return b'"' not in self.data and not gaps

    @cached_property
    def _lines(self) -> list[int]:
        """The line every record begins on, found by reading the piece once more."""
        text = io.TextIOWrapper(io.BytesIO(self.data), "utf-8", "replace", newline="")
        reader, lines, ended = csv.reader(text, delimiter=self.delimiter), [], 0
        with _LIMIT:
            limit = csv.field_size_limit(len(self.data) + 1)
            try:
                for fields in reader:
                    if fields:
                        lines.append(self.line + ended)
                    ended = reader.line_num
            finally:
                csv.field_size_limit(limit)
        return lines or [self.line]


def _text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None
