"""What every stream is: named columns, read in chunks, in order, as often as asked and from anywhere on."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from thalweg.errors import DataError, OutputError
from thalweg.output import refuse_name
from thalweg.readers.chunk import Chunk, Position
from thalweg.readers.files import is_among
from thalweg.readers.forms import Complaint
from thalweg.readers.table import unknown_column


@dataclass
class Columns:
    """Named columns somewhere: name -> "number", "text", "boolean", "date" or "other"; and what messages call them."""

    name: str
    columns: dict[str, str]

    def require(self, column: str, role: str) -> str:
        """The column's kind. Raises DataError where it is not there, or holds nothing to learn from."""
        if column not in self.columns:
            raise DataError(unknown_column(self.name, self.columns, column, role))
        if self.columns[column] == "other":
            raise DataError(
                f"{self.name}: column {column!r} holds neither numbers, text, booleans nor dates; "
                f"leave it out with --drop {column}."
            )
        return self.columns[column]


class Stream(Columns, ABC):
    """A source that may be larger than memory; the same chunks come in the same order every time.

    fingerprint  tells two sources apart
    files        that are read
    folder       whose files these are, where the source is one
    complaint    what is said of a value that is not of its form; None for what somebody who learns can do about it
    n            rows, where that is known before reading, or they were counted; else None
    """

    fingerprint: str
    files: Sequence[Path] = ()
    folder: Path | None = None
    n: int | None = None
    complaint: Complaint | None = None

    def close(self) -> None:
        """Let go of what is open between two reads, if anything."""

    def count(self) -> None:
        """Make sure that chunks know their share of the rows, where that takes counting them."""

    def refuse_output(self, path: Path) -> None:
        """Raise OutputError where a file written there would replace some of the rows, or be read as some."""
        refuse_name(path)
        refuse_read(path, self.files)
        if self.folder is not None:
            refuse_among(path, self.folder)

    @abstractmethod
    def check_position(self, at: Position | None) -> None:
        """Raise SchemaError where no chunk can end there, as far as that is seen without reading what comes before."""

    @abstractmethod
    def chunks(self, forms: Mapping[str, str], at: Position | None = None, skip: bool = False) -> Generator[Chunk]:
        """The rows from a position on, or all; `forms` says of each column wanted "number", "date", "text" or "words".

        Raises DataError, with file, row, column and value, for what cannot be read; with `skip` a row that cannot is
        left out.
        """


def refuse_read(path: Path, files: Iterable[Path]) -> None:
    """Raise OutputError for an output that is one of the files read."""
    if any(path.exists() and file.exists() and path.samefile(file) for file in files):
        raise OutputError(f"{path}: this is a file that is read; choose another name.")


def refuse_among(path: Path, folder: Path) -> None:
    """Raise OutputError for a file that would be one of the rows' files from then on."""
    if is_among(path, folder):
        raise OutputError(f"{path}: all files in {folder} are read as rows, so nothing else may stand there.")


class Watched:
    """A file that must stay as it was when it was first looked at."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen = self._look()

    @property
    def size(self) -> int:
        """Bytes."""
        return self._seen[0]

    def check(self) -> None:
        """Raise DataError where the file has changed since."""
        try:
            now = self._look()
        except OSError as error:
            raise DataError(f"{self.path}: the file went away while it was read ({error.strerror}).") from None
        if now != self._seen:
            what = "was written to" if now[0] == self._seen[0] else f"went from {self._seen[0]:,} to {now[0]:,} bytes"
            raise DataError(f"{self.path}: the file {what} while it was read; read a copy that nobody writes to.")

    def _look(self) -> tuple[int, int, int]:
        found = self.path.stat()
        return found.st_size, found.st_mtime_ns, found.st_ino


def refuse_other_columns(
    path: Path, found: Mapping[str, str | None], first: Path, expected: Mapping[str, str | None]
) -> None:
    """Raise DataError where a file of a folder has other columns than the first one; None fits every kind."""
    for name, kind in expected.items():
        if name not in found:
            raise DataError(f"{path}: there is no column {name!r}, which {first.name} has; all files must have it.")
        if found[name] != kind and None not in (found[name], kind):
            raise DataError(
                f"{path}: column {name!r} holds {found[name]}s, but {kind}s in {first.name}; "
                "all files must have the same columns."
            )
    for name in found:
        if name not in expected:
            raise DataError(
                f"{path}: the column {name!r} is not in {first.name}; all files must have the same columns."
            )
