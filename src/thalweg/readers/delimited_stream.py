"""CSV and TSV files, one or a folder of them, in pieces of whole records, each parsed by Arrow.

A piece is what begins where the one before ended and fits into a fixed number of bytes, so a run that goes on from any
of them cuts the rest of the file as a run that never stopped.
"""

from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow

from thalweg.ahead import in_order
from thalweg.errors import DataError
from thalweg.readers.chunk import WORDY, Chunk, Position
from thalweg.readers.delimited import LONGEST, Heading, heading, too_long
from thalweg.readers.delimited_records import Divided, Records, divided
from thalweg.readers.files import is_packed, opened, pieces
from thalweg.readers.forms import Complaint, as_read, days, mostly, number, readable
from thalweg.readers.stream import Stream, Watched, refuse_other_columns
from thalweg.schema import OrNone, Record, SchemaError, Whole

_PIECE = 3 << 19
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
        self.name, self.files, self.fingerprint, self._missing = name, files, fingerprint, missing
        self._files = [_File(path, header, delimiter) for path in files]
        first = self._files[0]
        for file in self._files[1:]:
            refuse_other_columns(
                file.path, dict.fromkeys(file.names, "text"), first.path, dict.fromkeys(first.names, "text")
            )
        self.columns = self._kinds([first, self._files[-1]] if len(files) > 1 else [first])

    def check_position(self, at: Position | None) -> None:
        last = len(self._files) - 1
        OrNone(Record({"file": Whole(0, last), "offset": Whole(), "line": Whole(1)})).check(at, "the position")
        if at is not None and not self._files[at["file"]].may_begin(at["offset"]):
            raise SchemaError(f"the position is byte {at['offset']:,} of a file, where no record begins")

    def chunks(self, forms: Mapping[str, str], at: Position | None = None, skip: bool = False) -> Generator[Chunk]:
        def parsed(piece: _Piece) -> Chunk:
            file, found = piece.file, piece.records
            chunk = file.parse(found, forms, self._missing, piece.line, skip, self.complaint, self.columns)
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
            for found, following, place in file.records(offset, line):
                offset += found.end
                after = {"file": f, "offset": offset, "line": following}
                yield _Piece(file, found, line, after, (read + place) / total)
                line = following
            read += file.size

    def _kinds(self, files: Sequence["_File"]) -> dict[str, str]:
        """Numbers, dates or text, by what stands in samples; a column of holes is one of numbers."""
        words: dict[str, Counter[str]] = {name: Counter() for name in self._files[0].names}
        for file in files:
            for found in file.samples():
                text = dict.fromkeys(file.names, "text")
                try:
                    chunk = file.parse(found, text, self._missing, -_UNKNOWN, True)
                except DataError:
                    continue
                for name in text:
                    codes, known = chunk.codes(name)
                    counts = np.bincount(codes, minlength=len(known))
                    words[name].update(dict(zip(known.to_pylist(), counts.tolist(), strict=False)))
        return {name: _kind(found) for name, found in words.items()}


def _kind(words: Counter[str]) -> str:
    values, parsed = words.total(), sum(count for word, count in words.items() if number(word) is not None)
    if mostly(parsed, values):
        return "number"
    return "date" if parsed == 0 and all(days(word) is not None for word in words) else "text"


@dataclass(frozen=True)
class _Piece:
    """Some records of a file, the line they begin on, and where the next piece begins."""

    file: "_File"
    records: Divided
    line: int
    after: Position
    share: float


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

    def may_begin(self, offset: int) -> bool:
        """Whether a record may begin there: behind the end of a line, which of a packed file nobody can see."""
        if self.packed or offset in (self.begins, self.size):
            return True
        with self.path.open("rb") as file:
            file.seek(max(min(offset, self.size) - 1, 0))
            return self.begins < offset < self.size and file.read(1) in (b"\n", b"\r")

    def records(self, offset: int, line: int) -> Iterator[tuple[Divided, int, float]]:
        """The records from there on, which is on that line, in pieces; and the line after each.

        And how many bytes of the file have been read by then: of a packed one about.
        """
        self._watched.check()
        buffer = _Buffer(self.path, offset, self.packed)
        while data := buffer.read(_PIECE):
            self._watched.check()
            while (found := self.divided(data, buffer.over)).end == 0:
                if len(data) > LONGEST:
                    raise DataError(too_long(f"{self.path}, line {line}"))
                data += buffer.read(len(data))
            buffer.give_back(data[found.end :])
            line += int(np.count_nonzero(np.frombuffer(data, np.uint8, found.end) == 10))
            yield found, line, buffer.place
        self._watched.check()

    def divided(self, data: bytes, whole: bool = True) -> Divided:
        """The records of some of its bytes."""
        return divided(data, self.top.delimiter, whole, LONGEST, len(self.names) == 1)

    def samples(self) -> Iterator[Divided]:
        """The first records; and, where the file can be entered anywhere, some from its middle and its end."""
        yield next(self.records(self.begins, 1), (self.divided(b""), 1, 0.0))[0]
        size = _PIECE // 2
        if not self.packed and self.size > 8 * _PIECE:
            for offset in (self.size // 2, self.size - size):
                data = _Buffer(self.path, offset, False).read(size)
                data = data[data.find(b"\n") + 1 : data.rfind(b"\n") + 1]
                if data.count(b'"') % 2 == 0:  # else it begins or ends within a quoted field
                    yield self.divided(data)

    def parse(
        self,
        found: Divided,
        forms: Mapping[str, str],
        missing: tuple[str, ...],
        line: int,
        skip: bool,
        complaint: Complaint | None = None,
        kinds: Mapping[str, str] | None = None,
    ) -> Chunk:
        """The records as a chunk; `line` is the file's line they begin on, `kinds` what the columns hold."""
        records = Records(self.path, self.names, self.top.delimiter, found, line)
        typed = {name: _TYPES.get(form, pyarrow.string()) for name, form in forms.items()}
        try:
            batch = records.read(typed, missing)
        except pyarrow.ArrowInvalid:  # some value is not what was expected: now every column as bytes
            batch = records.read(dict.fromkeys(forms, pyarrow.binary()), missing)
        batch = records.decoded(batch)
        columns, settled = [], set()
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            kind = (kinds or {}).get(name, "text")
            if forms[name] == "words" and kind == "text" and _trimmed(column):
                settled.add(name)
            elif forms[name] in WORDY:
                column = as_read(column.dictionary_encode(), kind)
            columns.append(column)
        batch = pyarrow.RecordBatch.from_arrays(columns, batch.schema.names)
        return readable(
            batch, forms, missing, records.place, skip, complaint,
            settled=settled, lost=records.bad, number=records.number,
        )  # fmt: skip


_TYPES = {"number": pyarrow.float64(), "date": pyarrow.timestamp("us")}


def _trimmed(strings: Any) -> bool:
    """Whether they are for sure as a `Chunk` has words: without a space at their ends, since there is none at all."""
    letters = strings.buffers()[2]
    return letters is None or b" " not in memoryview(letters).tobytes()


class _Buffer:
    """The bytes of a file from an offset on, unpacked; what was read too much can be given back."""

    def __init__(self, path: Path, offset: int, packed: bool) -> None:
        self._begin = self._read = 0 if packed else offset
        self._pieces = pieces(path, 1 << 20, self._begin)
        self._rest, self._skip, self.ended = b"", offset if packed else 0, False
        self._unpacked = 0

    @property
    def over(self) -> bool:
        """Whether nothing is left to be read."""
        return self.ended and not self._rest

    @property
    def place(self) -> float:
        """Bytes of the file that were taken, supposing that those not taken yet are packed like those before."""
        packing = (self._read - self._begin) / max(self._unpacked, 1)
        return self._read - len(self._rest) * packing

    def read(self, size: int) -> bytes:
        """The next bytes, fewer only at the end of the file."""
        parts, have = [self._rest], len(self._rest)
        while have < size:
            piece, self._read = next(self._pieces, (None, self._read))
            if piece is None:
                self.ended = True
                if self._skip:
                    raise SchemaError("the position is beyond the end of the file")
                break
            self._unpacked += len(piece)
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
