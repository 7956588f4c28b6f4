"""A piece of a CSV file parsed by Arrow, and what is wrong with some of its records, told by their lines."""

import itertools
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
from pyarrow import compute, types
from pyarrow import csv as arrow_csv

from thalweg import native
from thalweg.cached import cached_property
from thalweg.readers.delimited import wrong_quotes, wrong_width

_PRIVATE_USE = range(0xE000, 0xF900)  # letters of Unicode that mean nothing
BLOCK = 1 << 19  # bytes parsed at a time: Arrow sets as many aside for every column of words


@dataclass(frozen=True)
class Divided:
    """The whole records at the beginning of some bytes.

    end     bytes that they take
    data    they themselves, without those broken
    lines   (records,) the line, from 0, that each begins on; None where that is not known yet
    broken  the numbers of those whose quotes are wrong
    """

    end: int
    data: bytes
    lines: np.ndarray | None = None
    broken: Sequence[int] = ()


def divided(data: bytes, delimiter: str, whole: bool, longest: int, blanks: bool) -> Divided:
    """The records of the data, of which quoted fields may take `longest` bytes.

    whole  whether nothing comes after the data; blanks: whether empty lines are records
    """
    if b'"' in data:
        return _looked_through(data, delimiter, whole, longest, blanks)
    end = len(data) if whole else data.rfind(b"\n") + 1
    return Divided(end, data[:end])


def _looked_through(data: bytes, delimiter: str, whole: bool, longest: int, blanks: bool) -> Divided:
    letters = np.frombuffer(data, np.uint8)
    most = data.count(b"\n") + data.count(b"\r") + 1
    kept, lines, broken = np.empty(len(data), np.uint8), np.empty(most, np.int32), np.empty(most, np.int32)
    loops = native.loops("thalweg.readers.delimited_passes")
    fates = np.zeros(most + 1, np.uint8)
    end, size, count, odd = loops.divide(letters, ord(delimiter), whole, longest, blanks, kept, lines, broken, fates)
    text = kept[:size].tobytes() if size < end else data[:end]
    return Divided(end, text, lines[:count].copy(), broken[:odd].tolist())


class Records:
    """A piece of a file being parsed, and what is wrong with some of its records."""

    def __init__(self, path: Path, names: Sequence[str], delimiter: str, found: Divided, line: int) -> None:
        self.path, self.names, self.delimiter, self.line = path, names, delimiter, line
        self.data, self._mark = _marked(found.data)
        self._divided, self._blanks = found, len(names) == 1
        self._begin()

    def _begin(self) -> None:
        self.bad = {i: wrong_quotes(f"{self.path}, line {self._line(i)}") for i in self._divided.broken}
        self.left_out = set(self.bad)  # numbers of records, from 0, that are no rows
        self._left_out: list[int] = []

    def read(self, typed: Mapping[str, Any], missing: tuple[str, ...]) -> Any:
        """The columns wanted, as one batch. Raises ArrowInvalid for a value of another type."""
        if not (self.data if self._blanks else self.data.strip(b"\r\n")):
            return pyarrow.RecordBatch.from_pylist([], schema=pyarrow.schema(list(typed.items())))
        block = BLOCK
        while b"\r" in self.data[block - 1 :: block]:  # Arrow would lose the LF behind it, also between quotes
            block += 1
        try:
            table = self._parsed(typed, missing, block)
        except pyarrow.ArrowCancelled:  # Arrow hands Ctrl-C on to whom it is meant for, but drops what it parsed
            table = self._parsed(typed, missing, len(self.data) + 1)
        except pyarrow.ArrowInvalid as error:
            if "straddl" not in str(error):  # no record is longer than a block: it is a value
                raise
            table = self._parsed(typed, missing, len(self.data) + 1)
        batches = table.combine_chunks().to_batches()
        return batches[0] if batches else pyarrow.RecordBatch.from_pylist([], schema=table.schema)

    def _parsed(self, typed: Mapping[str, Any], missing: tuple[str, ...], block: int) -> Any:
        self._begin()
        return arrow_csv.read_csv(
            pyarrow.BufferReader(self.data),
            arrow_csv.ReadOptions(use_threads=False, column_names=self.names, block_size=block),
            arrow_csv.ParseOptions(
                delimiter=self.delimiter,
                ignore_empty_lines=not self._blanks,
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
        record = _number(int(row.number) - 1, self._divided.broken)
        self.left_out.add(record)
        place = f"{self.path}, line {self._line(record)}"
        self.bad[record] = wrong_width(place, row.actual_columns, row.expected_columns)
        return "skip"

    def decoded(self, batch: Any) -> Any:
        """Columns of bytes as text; without the rows that have bytes in them which are not UTF-8."""
        texts = [types.is_binary(column.type) or types.is_string(column.type) for column in batch.columns]
        columns = [
            column.cast(pyarrow.string()) if text else column for text, column in zip(texts, batch.columns, strict=True)
        ]
        batch = pyarrow.RecordBatch.from_arrays(columns, batch.schema.names)
        if self._mark is None:
            return batch
        good = np.ones(batch.num_rows, dtype=bool)
        for column in itertools.compress(columns, texts):
            marked = compute.match_substring(column, self._mark).fill_null(False)
            good &= ~marked.to_numpy(zero_copy_only=False)
        lost = [self.number(int(row)) for row in np.flatnonzero(~good)]
        for record in lost:
            self.bad[record] = (
                f"{self.path}, line {self._line(record)}: this is not UTF-8 text; save the file as UTF-8 "
                "(iconv -f latin1 -t utf-8 does)."
            )
        self.left_out.update(lost)
        return batch.filter(pyarrow.array(good))

    def place(self, row: int) -> str:
        """Where a row of the batch stands."""
        return f"{self.path}, line {self._line(self.number(row))}"

    def number(self, row: int) -> int:
        """The number of the record that a row of the batch is."""
        if len(self._left_out) != len(self.left_out):
            self._left_out = sorted(self.left_out)
        return _number(row, self._left_out)

    def _line(self, record: int) -> int:
        """The line a record begins on."""
        return self.line + int(self._lines[record])

    @cached_property
    def _lines(self) -> np.ndarray:
        """The line every record begins on, from 0; where it is not known yet, the piece is gone through once more."""
        if self._divided.lines is not None:
            return self._divided.lines
        lines = _looked_through(self.data, self.delimiter, True, len(self.data), self._blanks).lines
        assert lines is not None
        return lines


def _number(place: int, left_out: Sequence[int]) -> int:
    """The number of a record, counted with those left out (increasing), from its place among the others."""
    low, high = place, place + len(left_out)
    while low < high:
        middle = (low + high) // 2
        if middle - bisect_right(left_out, middle) < place:
            low = middle + 1
        else:
            high = middle
    return low


def _marked(data: bytes) -> tuple[bytes, str | None]:
    """Data as UTF-8: a letter that is nowhere else in it for each byte that is none; and that letter, if needed.

    Arrow decodes rows of another length before it hands them over, and loses its place where that fails.
    """
    ends = pyarrow.py_buffer(np.array([0, len(data)], np.int32))
    try:
        pyarrow.Array.from_buffers(pyarrow.string(), 1, [None, ends, pyarrow.py_buffer(data)]).validate(full=True)
    except pyarrow.ArrowInvalid:
        text = data.decode("utf-8", "surrogateescape")
        mark = next((letter for letter in map(chr, _PRIVATE_USE) if letter not in text), "\ufffd")
        return re.sub("[\udc80-\udcff]", mark, text).encode(), mark
    return data, None
