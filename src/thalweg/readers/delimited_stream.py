"""CSV and TSV files, one or a folder of them, in pieces of whole records, each parsed by Arrow.

A piece is what begins where the one before ended and fits into a fixed number of bytes, so a run that goes on from any
of them cuts the rest of the file as a run that never stopped.
"""

import csv
import io
import threading
from bisect import bisect_right
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
from pyarrow import csv as arrow_csv

from thalweg.ahead import in_order
from thalweg.errors import DataError
from thalweg.readers.chunk import Chunk, Position
from thalweg.readers.delimited import Heading, heading, wrong_width
from thalweg.readers.files import is_packed, opened, pieces
from thalweg.readers.forms import WORDS, Complaint, as_read, days, number, readable
from thalweg.readers.stream import Stream, Watched, refuse_other_columns

_PIECE = 3 << 20
_LONGEST = 64 << 20
_LIMIT = threading.Lock()  # the longest field that `csv` takes is one for all threads
_UNKNOWN = 1 << 30  # records of a sample that fail are no matter


class DelimitedStream(Stream):
    """A stream of files of the same columns.

    A column is of the kind that all its values in the first, the middle and the last piece have.
    """

    def __init__(
        self,
        name: str,
        files: Sequence[Path],
        fingerprint: str,
        header: bool,
        delimiter: str | None,
        missing: tuple[str, ...],
    ) -> None:
        self.name, self.fingerprint, self._missing = name, fingerprint, missing
        self._files = [_File(path, header, delimiter) for path in files]
        first = self._files[0]
        for file in self._files[1:]:
            refuse_other_columns(
                file.path, dict.fromkeys(file.names, "text"), first.path, dict.fromkeys(first.names, "text")
            )
        self.columns = self._kinds([first, self._files[-1]] if len(files) > 1 else [first])

    def chunks(self, forms: Mapping[str, str], at: Position | None = None, skip: bool = False) -> Generator[Chunk]:
        def parsed(piece: _Piece) -> Chunk:
            chunk = piece.file.parse(piece.data, forms, self._missing, piece.line, skip, self.complaint, self.columns)
            return replace(chunk, after=piece.after, share=piece.share)

        some = False
        for chunk in in_order(parsed, self._pieces(at)):
            some |= chunk.n > 0 or len(chunk.bad) > 0
            yield chunk
        if at is None and not some:
            raise DataError(f"{self.name}: there are no rows, only {len(self.columns)} column names.")

    def _pieces(self, at: Position | None) -> Iterator["_Piece"]:
        begin = at or {"file": 0, "offset": -1, "line": 0}
        total, read = sum(file.size for file in self._files), 0
        for f, file in enumerate(self._files):
            if f < begin["file"]:
                read += file.size
                continue
            here = f == begin["file"] and begin["offset"] >= 0
            offset, line = (begin["offset"], begin["line"]) if here else (file.begins, file.top.lines + 1)
            for data, following in file.records(offset, line):
                offset += len(data)
                after = {"file": f, "offset": offset, "line": following}
                yield _Piece(file, data, line, after, None if file.packed else (read + offset) / total)
                line = following
            read += file.size

    def _kinds(self, files: Sequence["_File"]) -> dict[str, str]:
        """Numbers, dates or text, by what stands in samples; a column of holes is one of numbers."""
        words: dict[str, set[str]] = {name: set() for name in self._files[0].names}
        for file in files:
            for data in file.samples():
                text = dict.fromkeys(file.names, "text")
                try:
                    chunk = file.parse(data, text, self._missing, -_UNKNOWN, True)
                except DataError:
                    continue
                for name in text:
                    words[name].update(chunk.columns[name].dictionary.to_pylist())
        holes = set(self._missing)
        return {name: _kind(found - holes) for name, found in words.items()}


def _kind(words: set[str]) -> str:
    """Nine numbers in ten make a column of numbers, of which the others are bad values: as in memory."""
    parsed = sum(number(word) is not None for word in words)
    if not words or parsed > 0.9 * len(words):
        return "number"
    return "date" if parsed == 0 and all(days(word) is not None for word in words) else "text"


@dataclass(frozen=True)
class _Piece:
    """Some records of a file, the line they begin on, and where the next piece begins."""

    file: "_File"
    data: bytes
    line: int
    after: Position
    share: float | None


class _File:
    """One file: where its rows begin, and its records in pieces."""

    def __init__(self, path: Path, header: bool, delimiter: str | None) -> None:
        self.path, self.packed = path, is_packed(path)
        self.top: Heading = heading(path, header, delimiter)
        self.names = self.top.names
        self._watched = Watched(path)
        self.size = self._watched.size
        with opened(path) as file:
            mark = file.read(1 << 16)
            if b"\n" not in mark and b"\r" in mark:
                raise DataError(f"{path}: the lines end by CR alone; tr '\\r' '\\n' makes them ordinary ones.")
            self.begins = 3 if mark.startswith(b"\xef\xbb\xbf") and not header else 0
        if header:
            with opened(path) as file:
                self.begins = sum(len(file.readline()) for _ in range(self.top.lines))

    def records(self, offset: int, line: int, size: int | None = None) -> Iterator[tuple[bytes, int]]:
        """The bytes from there on, which is on that line, in pieces of whole records; and the line after each."""
        self._watched.check()
        buffer, size = _Buffer(self.path, offset, self.packed), size or _PIECE
        while data := buffer.read(size):
            self._watched.check()
            length = size
            while (cut := _last_end(data)) == 0 and not buffer.ended:
                if length >= _LONGEST:
                    raise DataError(_endless(self.path, data, line))
                data += buffer.read(length)
                length *= 2
            if cut == 0 or (buffer.ended and buffer.empty):
                cut = len(data)
            buffer.give_back(data[cut:])
            line += data.count(b"\n", 0, cut)
            yield data[:cut], line
        self._watched.check()

    def samples(self) -> Iterator[bytes]:
        """The first records; and, where the file can be entered anywhere, some from its middle and its end."""
        size = _PIECE // 2
        yield next(self.records(self.begins, 1, size), (b"", 1))[0]
        if not self.packed and self.size > 8 * _PIECE:
            for offset in (self.size // 2, self.size - size):
                data = _Buffer(self.path, offset, False).read(size)
                data = data[data.find(b"\n") + 1 : data.rfind(b"\n") + 1]
                if data.count(b'"') % 2 == 0:  # else it begins or ends within a quoted field
                    yield data

    def parse(
        self,
        data: bytes,
        forms: Mapping[str, str],
        missing: tuple[str, ...],
        line: int,
        skip: bool,
        complaint: Complaint | None = None,
        kinds: Mapping[str, str] | None = None,
    ) -> Chunk:
        """The records as a chunk; `line` is the file's line they begin on, `kinds` what the columns hold."""
        records = _Records(self, data, line)
        typed = {name: _TYPES[form] for name, form in forms.items()}
        try:
            batch = records.read(typed, missing)
        except pyarrow.ArrowInvalid:  # some value is not what was expected: now every column as bytes
            batch = records.read(dict.fromkeys(forms, pyarrow.binary()), missing)
            batch = records.decoded(batch)
        if records.bad and not skip:
            raise DataError(records.bad[min(records.bad)])
        told = tuple(records.bad[key] for key in sorted(records.bad))
        columns = []
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if forms[name] == "text":
                column = as_read(_as_dictionary(column), (kinds or {}).get(name, "text"))
            columns.append(column)
        batch = pyarrow.RecordBatch.from_arrays(columns, batch.schema.names)
        chunk = readable(batch, forms, missing, records.place, skip, complaint)
        return replace(chunk, bad=(*told, *chunk.bad))


_TYPES = {"number": pyarrow.float64(), "date": pyarrow.timestamp("us"), "text": WORDS}


class _Records:
    """A piece of a file being parsed, and what is wrong with some of its records."""

    def __init__(self, file: _File, data: bytes, line: int) -> None:
        self.file, self.data, self.line = file, data, line
        self.left_out: set[int] = set()  # numbers of records, from 0, that are no rows
        self._left_out: list[int] = []
        self.bad: dict[int, str] = {}

    def read(self, typed: Mapping[str, Any], missing: tuple[str, ...]) -> Any:
        """The columns wanted, as one batch. Raises ArrowInvalid for a value of another type."""
        self.left_out, self.bad = set(), {}
        if not self.data.strip(b"\r\n"):
            return pyarrow.RecordBatch.from_pylist([], schema=pyarrow.schema(list(typed.items())))
        try:
            table = self._parsed(typed, missing)
        except pyarrow.ArrowCancelled:  # Arrow hands Ctrl-C on to whom it is meant for, but drops what it parsed
            self.left_out, self.bad = set(), {}
            table = self._parsed(typed, missing)
        batches = table.combine_chunks().to_batches()
        return batches[0] if batches else pyarrow.RecordBatch.from_pylist([], schema=table.schema)

    def _parsed(self, typed: Mapping[str, Any], missing: tuple[str, ...]) -> Any:
        return arrow_csv.read_csv(
            pyarrow.BufferReader(self.data),
            arrow_csv.ReadOptions(
                use_threads=False, column_names=self.file.names, block_size=max(len(self.data), 1) + 1
            ),
            arrow_csv.ParseOptions(
                delimiter=self.file.top.delimiter,
                newlines_in_values=b'"' in self.data,
                invalid_row_handler=self._wrong_width,
            ),
            arrow_csv.ConvertOptions(
                column_types=dict(typed),
                include_columns=list(typed),
                null_values=list(missing),
                strings_can_be_null=False,
            ),
        )

    def _wrong_width(self, row: Any) -> str:
        record = int(row.number) - 1
        self.left_out.add(record)
        place = f"{self.file.path}, line {self._line(record)}"
        self.bad[record] = wrong_width(place, row.actual_columns, row.expected_columns)
        return "skip"

    def decoded(self, batch: Any) -> Any:
        """Columns of bytes as text, without the rows that are not UTF-8."""
        columns, good = [], np.ones(batch.num_rows, dtype=bool)
        for column in batch.columns:
            try:
                columns.append(column.cast(pyarrow.string()))
            except pyarrow.ArrowInvalid:
                texts = [_text(value) for value in column.to_pylist()]
                good &= np.array([text is not None for text in texts], dtype=bool)
                columns.append(pyarrow.array(texts, pyarrow.string()))
        lost = [self._record(int(row)) for row in np.flatnonzero(~good)]
        for record in lost:
            self.bad[record] = (
                f"{self.file.path}, line {self._line(record)}: this is not UTF-8 text; save the file as UTF-8 "
                "(iconv -f latin1 -t utf-8 does)."
            )
        self.left_out.update(lost)
        return pyarrow.RecordBatch.from_arrays(columns, batch.schema.names).filter(pyarrow.array(good))

    def place(self, row: int) -> str:
        """Where a row of the batch stands."""
        return f"{self.file.path}, line {self._line(self._record(row))}"

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
        reader, lines, ended = csv.reader(text, delimiter=self.file.top.delimiter), [], 0
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


def _as_dictionary(column: Any) -> Any:
    return column.dictionary_encode() if pyarrow.types.is_string(column.type) else column


def _last_end(data: bytes) -> int:
    """Where the last whole record ends: after a line break outside of quotes."""
    if b'"' not in data:
        return data.rfind(b"\n") + 1
    letters = np.frombuffer(data, np.uint8)
    breaks, quotes = np.flatnonzero(letters == 10), np.flatnonzero(letters == 34)
    outside = breaks[np.searchsorted(quotes, breaks) % 2 == 0]
    return int(outside[-1]) + 1 if len(outside) else 0


def _endless(path: Path, data: bytes, line: int) -> str:
    """What is wrong with data that no record ends in."""
    if b'"' not in data:
        return f"{path}, line {line}: the line is longer than 64 MB; are these rows, and is the file whole?"
    return (
        f"{path}, line {line}: a quote is opened on this line and not closed within 64 MB; close it, or double it if "
        "it is part of the text."
    )


class _Buffer:
    """The bytes of a file from an offset on, unpacked; what was read too much can be given back."""

    def __init__(self, path: Path, offset: int, packed: bool) -> None:
        self._pieces = pieces(path, 1 << 20, 0 if packed else offset)
        self._rest, self._skip, self.ended = b"", offset if packed else 0, False

    @property
    def empty(self) -> bool:
        return not self._rest

    def read(self, size: int) -> bytes:
        """The next bytes, fewer only at the end of the file."""
        parts, have = [self._rest], len(self._rest)
        while have < size:
            piece = next(self._pieces, None)
            if piece is None:
                self.ended = True
                break
            if self._skip:
                dropped = min(self._skip, len(piece))
                piece, self._skip = piece[dropped:], self._skip - dropped
            parts.append(piece)
            have += len(piece)
        data = b"".join(parts)
        self._rest = data[size:]
        return data[:size]

    def give_back(self, data: bytes) -> None:
        """Put bytes before those to come."""
        self._rest = data + self._rest
