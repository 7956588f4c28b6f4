"""What DuckDB reads for us in batches: JSON lines, and queries on a database file."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

from thalweg.errors import DataError
from thalweg.readers.chunk import Chunk, Position
from thalweg.readers.database import Database, identifier
from thalweg.readers.forms import readable
from thalweg.readers.sources import in_words
from thalweg.readers.stream import Stream, Watched
from thalweg.readers.table import kind
from thalweg.schema import OrNone, Record, SchemaError, Whole

_ROWS = 1 << 15
_POSITION = Record({"batch": Whole(), "read": Whole()})


class QueryStream(Stream):
    """A stream of what a select gives, on a database of one thread; `words` has complaints in its words."""

    def __init__(
        self,
        database: Database,
        select: str,
        files: Sequence[Path],
        name: str,
        fingerprint: str,
        missing: tuple[str, ...],
        words: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self.name, self.files, self.fingerprint, self._missing = name, files, fingerprint, missing
        self._database, self._watched = database, [Watched(file) for file in files]
        self._rows, self._words = f"({select})", words
        with words():
            self.columns = {str(row[0]): kind(str(row[1])) for row in database.run(f"DESCRIBE {select}")}

    def count(self) -> None:
        with self._words():
            self.n = int(self._database.run(f"SELECT count(*) FROM {self._rows}")[0][0])

    def check_position(self, at: Position | None) -> None:
        OrNone(_POSITION).check(at, "the position")

    def chunks(self, forms: Mapping[str, str], at: Position | None = None, skip: bool = False) -> Generator[Chunk]:
        begin = at or {"batch": 0, "read": 0}
        read = count = 0
        wanted = ", ".join(map(identifier, forms))
        with self._words():
            for b, batch in enumerate(self._database.batches(f"SELECT {wanted} FROM {self._rows}", _ROWS)):
                if b == begin["batch"] and read != begin["read"]:
                    raise SchemaError(f"the position is after {begin['read']:,} rows, but its batches hold {read:,}")
                if b >= begin["batch"] and batch.num_rows:
                    self._check()
                    after = {"batch": b + 1, "read": read + batch.num_rows}
                    chunk = readable(batch, forms, self._missing, _Place(self.name, read), skip, self.complaint)
                    yield replace(chunk, after=after, share=min(1.0, after["read"] / self.n) if self.n else None)
                read, count = read + batch.num_rows, b + 1
        self._check()
        if at is not None and count <= begin["batch"] and (count, read) != (begin["batch"], begin["read"]):
            raise SchemaError(f"the position is after {begin['read']:,} rows, but there are {read:,} in fewer batches")
        if read == 0:
            raise DataError(f"{self.name}: there are no rows, only {len(self.columns)} column names.")

    def close(self) -> None:
        self._database.close()

    def _check(self) -> None:
        for watched in self._watched:
            watched.check()


@contextmanager
def json_in_words(path: Path) -> Iterator[None]:
    """What DuckDB says of broken JSON, in our words."""
    try:
        yield
    except DataError as error:
        if "Malformed JSON" not in str(error):
            raise
        told = in_words(path, "jsonl", str(error))
        raise DataError(f"{told[:-1]}; mend it: --on-bad-row skip leaves out rows, not broken lines.") from None


class _Place:
    def __init__(self, name: str, first: int) -> None:
        self.name, self.first = name, first

    def __call__(self, row: int) -> str:
        return f"{self.name}, row {self.first + row + 1}"
