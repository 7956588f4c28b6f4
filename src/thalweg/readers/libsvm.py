"""libsvm files, `label index:value ...`: parsed here, since no reader of tables knows the format.

Large files go through compiled code; whatever that does not take at once, a bad line or a number with more digits than
it can round, is left to the parser below, which also knows the words for it.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np

from thalweg import native
from thalweg.ahead import ahead
from thalweg.errors import DataError
from thalweg.readers.files import fingerprint, pieces
from thalweg.readers.forms import number
from thalweg.rows import Csr

_LARGEST = 2**31 - 2  # columns are counted by int32
_CHUNK = 16 << 20
_COMPILED_FROM = 1 << 19  # bytes; below, the parser in Python is done before compiled code is loaded


@dataclass(frozen=True)
class Matrix:
    """Labelled rows without names of columns.

    name         for messages: the path
    X            (n, p), as it stands in the file
    y            (n,) labels as numbers
    first        the file's number of column 0: 1, as the format says, or 0 where an index 0 stands in it
    fingerprint  of the file
    """

    name: str
    X: Csr
    y: np.ndarray
    first: int
    fingerprint: str

    @property
    def n(self) -> int:
        return len(self.y)

    def place(self, row: int) -> str:
        """Where a row (from 0) stands, as a person counts."""
        return f"{self.name}, row {row + 1}"

    def counted_from(self, first: int, p: int) -> Csr:
        """X as a model of p columns counted from `first` reads it: columns it never saw weigh nothing there.

        Raises DataError where an index 0 stands in a file for a model that counts from 1.
        """
        if self.first < first:
            entry = int(np.argmax(self.X.indices == 0))
            row = int(np.searchsorted(self.X.indptr, entry, side="right")) - 1
            raise DataError(f"{self.place(row)}: there is an index 0, but the model's columns are counted from 1.")
        shift = self.first - first
        X = self.X if shift == 0 else replace(self.X, indices=self.X.indices + np.int32(shift), p=self.X.p + shift)
        return X.first_columns(p)


def read_libsvm(path: Path) -> Matrix:
    """The rows of that file, read once, from its beginning to its end.

    Raises DataError naming file and line: a missing label, an index that is not a whole number, not greater than the
    one before, or too large, a value that is not a finite number.
    """
    parts: list[_Arrays] = []
    line = 0
    large = path.stat().st_size >= _COMPILED_FROM
    with ahead(_chunks(path)) as chunks:
        for chunk in chunks:
            part = _Arrays.room_for(chunk)
            if not large or not _compiled(part, chunk):
                _plainly(path, part, chunk, line)
            parts.append(part)
            line += chunk.count(b"\n")
    if not sum(part.rows for part in parts):
        raise DataError(f"{path}: there are no rows.")
    labels = np.concatenate([part.labels[: part.rows] for part in parts])
    counts = np.concatenate([np.diff(part.indptr[: part.rows + 1]) for part in parts])
    indices = np.concatenate([part.indices[: part.entries] for part in parts])
    for part in parts:  # given back before the values, twice their size, are put together
        part.indices = part.labels
    data = np.concatenate([part.data[: part.entries] for part in parts])
    first = 0 if len(indices) and indices.min() == 0 else 1
    indices -= np.int32(first)
    X = Csr(np.concatenate([[0], np.cumsum(counts)]), indices, data, int(indices.max(initial=-1)) + 1)
    return Matrix(str(path), X, labels, first, fingerprint(path))


@dataclass
class _Arrays:
    """What a chunk is parsed into; `rows` and `entries` count how far."""

    labels: np.ndarray
    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray
    rows: int = 0
    entries: int = 0

    @classmethod
    def room_for(cls, chunk: bytes) -> "_Arrays":
        """As many rows as the chunk has lines, and as many entries as it has colons."""
        rows, entries = chunk.count(b"\n") + 1, chunk.count(b":")
        return cls(np.empty(rows), np.zeros(rows + 1, np.int64), np.empty(entries, np.int32), np.empty(entries))


def _chunks(path: Path) -> Generator[bytes]:
    """The file in pieces that end where a line ends."""
    rest = b""
    for piece, _ in pieces(path, _CHUNK):
        cut = piece.rfind(b"\n") + 1
        if cut:
            yield rest + piece[:cut]
            rest = piece[cut:]
        else:
            rest += piece
    if rest:
        yield rest


def _compiled(out: _Arrays, chunk: bytes) -> bool:
    """Parse a chunk by compiled code; False, and nothing kept, where there is a line it does not take."""
    rows, entries, odd = native.loops("thalweg.readers.libsvm_passes").parse(
        np.frombuffer(chunk, np.uint8), _tens(), out.labels, out.indptr, out.indices, out.data,
        odd_numbers := np.empty((1000, 3), np.int64),
    )  # fmt: skip
    if rows < 0:
        return False
    for where, start, stop in odd_numbers[:odd]:
        value = _number(chunk[start:stop].decode("ascii"))
        if value is None:
            return False
        out.data[where] = value
    out.rows, out.entries = rows, entries
    return True


@cache
def _tens() -> np.ndarray:
    """(401, 2): the powers of ten from -200 to 200, as doubles, and what those are short of them."""
    rows = []
    for e in range(-200, 201):
        exact = Fraction(10) ** e
        high = float(exact)
        rows.append((high, float(exact - Fraction(high))))
    return np.array(rows)


def _plainly(path: Path, out: _Arrays, chunk: bytes, line: int) -> None:
    """Parse a chunk that begins after that many lines."""
    for at, raw in enumerate(chunk.split(b"\n"), line + 1):
        try:
            parts = raw.split(b"#", 1)[0].decode("utf-8").split()
        except UnicodeDecodeError:
            raise DataError(f"{path}, line {at}: this is not UTF-8 text.") from None
        if not parts:
            continue
        out.labels[out.rows] = _label(path, at, parts[0])
        for place, value in _entries(path, at, parts[1:]):
            out.indices[out.entries], out.data[out.entries] = place, value
            out.entries += 1
        out.rows += 1
        out.indptr[out.rows] = out.entries


def _label(path: Path, line: int, text: str) -> float:
    value = _number(text)
    if value is None:
        raise DataError(f"{path}, line {line}: the line starts with {text!r}, but a number, its label, was expected.")
    return value


def _entries(path: Path, line: int, parts: list[str]) -> Iterator[tuple[int, float]]:
    before = -1
    for part in parts:
        index, colon, text = part.partition(":")
        if index == "qid" and colon and (not text or (text.isascii() and text.isdigit())):
            continue
        if not colon or not (index.isascii() and index.isdigit()):
            raise DataError(f"{path}, line {line}: found {part!r}, but index:value was expected, as in 3:0.5.")
        place = int(index) if len(index) < 20 else _LARGEST + 1
        if place > _LARGEST:
            raise DataError(f"{path}, line {line}: index {index} is above {_LARGEST:,}, the largest column there is.")
        if place <= before:
            raise DataError(f"{path}, line {line}: index {place} follows {before}; indices must increase.")
        value = _number(text)
        if value is None:
            raise DataError(f"{path}, line {line}: {text!r} at index {place} is not a finite number.")
        before = place
        yield place, value


def _number(text: str) -> float | None:
    value = number(text)
    return value if value is not None and np.isfinite(value) else None
