"""libsvm files, `label index:value ...`: parsed here, since no reader of tables knows the format.

Large files go through compiled code; whatever that does not take at once, a bad line or a number with more digits than
it can round, is left to the parser below, which also knows the words for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from thalweg.errors import DataError
from thalweg.readers.files import fingerprint, opened
from thalweg.rows import Csr

_LARGEST = 2**31 - 2  # columns are counted by int32
_CHUNK = 16 << 20
_COMPILED_FROM = 4 << 20  # bytes; below, the parser in Python is done before compiled code is loaded


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
    """The rows of that file.

    Raises DataError naming file and line: a missing label, an index that is not a whole number, not greater than the
    one before, or too large, a value that is not a finite number.
    """
    rows, entries, size = _counts(path)
    out = _Arrays(np.empty(rows), np.zeros(rows + 1, np.int64), np.empty(entries, np.int32), np.empty(entries))
    line = 0
    for chunk in _chunks(path):
        if size < _COMPILED_FROM or not _compiled(out, chunk):
            _plainly(path, out, chunk, line)
        line += chunk.count(b"\n")
    if out.rows == 0:
        raise DataError(f"{path}: there are no rows.")
    indices, data = out.indices[: out.entries], out.data[: out.entries]
    first = 0 if len(indices) and indices.min() == 0 else 1
    indices -= np.int32(first)
    X = Csr(out.indptr[: out.rows + 1], indices, data, int(indices.max(initial=-1)) + 1)
    return Matrix(str(path), X, out.labels[: out.rows], first, fingerprint(path))


@dataclass
class _Arrays:
    """What is filled line by line; `rows` and `entries` count how far."""

    labels: np.ndarray
    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray
    rows: int = 0
    entries: int = 0


def _counts(path: Path) -> tuple[int, int, int]:
    """Lines, colons and bytes: upper bounds of rows and entries, so that the arrays are made once."""
    rows, colons, size = 1, 0, 0
    for chunk in _chunks(path):
        rows, colons, size = rows + chunk.count(b"\n"), colons + chunk.count(b":"), size + len(chunk)
    return rows, colons, size


def _chunks(path: Path) -> Iterator[bytes]:
    """The file in pieces that end where a line ends."""
    with opened(path) as file:
        rest = b""
        while piece := file.read(_CHUNK):
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
    passes: Any = import_module("thalweg.readers.libsvm_passes")
    rows, entries, odd = passes.parse(
        np.frombuffer(chunk, np.uint8), passes.TENS, out.labels, out.indptr, out.indices, out.data, out.rows,
        out.entries, odd_numbers := np.empty((1000, 3), np.int64),
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


def _plainly(path: Path, out: _Arrays, chunk: bytes, line: int) -> None:
    """Parse a chunk that begins after that many lines."""
    for number, raw in enumerate(chunk.split(b"\n"), line + 1):
        try:
            parts = raw.split(b"#", 1)[0].decode("utf-8").split()
        except UnicodeDecodeError:
            raise DataError(f"{path}, line {number}: this is not UTF-8 text.") from None
        if not parts:
            continue
        out.labels[out.rows] = _label(path, number, parts[0])
        for place, value in _entries(path, number, parts[1:]):
            out.indices[out.entries], out.data[out.entries] = place, value
            out.entries += 1
        out.rows += 1
        out.indptr[out.rows] = out.entries


def _label(path: Path, number: int, text: str) -> float:
    value = _number(text)
    if value is None:
        raise DataError(f"{path}, line {number}: the line starts with {text!r}, but a number, its label, was expected.")
    return value


def _entries(path: Path, number: int, parts: list[str]) -> Iterator[tuple[int, float]]:
    before = -1
    for part in parts:
        index, colon, text = part.partition(":")
        if index == "qid":
            continue
        if not colon or not (index.isascii() and index.isdigit()):
            raise DataError(f"{path}, line {number}: found {part!r}, but index:value was expected, as in 3:0.5.")
        place = int(index) if len(index) < 20 else _LARGEST + 1
        if place > _LARGEST:
            raise DataError(f"{path}, line {number}: index {index} is above {_LARGEST:,}, the largest column there is.")
        if place <= before:
            raise DataError(f"{path}, line {number}: index {place} follows {before}; indices must increase.")
        value = _number(text)
        if value is None:
            raise DataError(f"{path}, line {number}: {text!r} at index {place} is not a finite number.")
        before = place
        yield place, value


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) and "_" not in text else None
