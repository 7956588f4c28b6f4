"""Parquet files, one or a folder of them, in batches: what is read at a time is small whatever their row groups are."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow

from thalweg.errors import DataError
from thalweg.readers.chunk import WORDY, Chunk, Position
from thalweg.readers.forms import kind_of_type, readable
from thalweg.readers.stream import Stream, Watched, refuse_other_columns
from thalweg.schema import OrNone, Record, SchemaError, Whole

ROWS = 20_000  # read at a time, fewer of wide tables
_CELLS, _FEWEST = 40 * ROWS, 1000
_BUFFER = 1 << 18


class ParquetStream(Stream):
    """A stream of files of the same columns."""

    def __init__(self, name: str, files: Sequence[Path], fingerprint: str, missing: tuple[str, ...]) -> None:
        self.name, self.files, self.fingerprint, self._missing = name, files, fingerprint, missing
        self._files = [Watched(path) for path in files]
        self._rows: list[int] = []
        kinds: dict[str, str | None] = {}
        for file in self._files:
            with _opened(file, ()) as parquet:
                _refuse_twice(file.path, parquet.schema_arrow.names)
                found = {field.name: _kind(field.type) for field in parquet.schema_arrow}
                self._rows.append(int(parquet.metadata.num_rows))
            kinds = kinds or found
            refuse_other_columns(file.path, found, self._files[0].path, kinds)
            kinds = {name: kind or found[name] for name, kind in kinds.items()}
        self.columns = {name: kind or "number" for name, kind in kinds.items()}
        self.n = sum(self._rows)
        if not self.n:
            raise DataError(f"{name}: there are no rows, only {len(self.columns)} column names.")

    def check_position(self, at: Position | None) -> None:
        file, count = Whole(0, len(self._files) - 1), Whole()
        OrNone(Record({"file": file, "group": count, "batch": count, "read": count})).check(at, "the position")
        if at is not None:
            with _opened(self._files[at["file"]], ()) as parquet:
                Whole(0, parquet.num_row_groups - 1).check(at["group"], "the position.group")

    def chunks(self, forms: Mapping[str, str], at: Position | None = None, skip: bool = False) -> Generator[Chunk]:
        begin = at or {"file": 0, "group": 0, "batch": 0, "read": 0}
        read, names = begin["read"], list(forms)
        seen: dict[str, Any] = {}
        words = [name for name in names if forms[name] in WORDY and self.columns[name] == "text"]
        for f in range(begin["file"], len(self._files)):
            file, before = self._files[f], sum(self._rows[:f])
            with _opened(file, words) as parquet:
                here = f == begin["file"]
                ends = list(accumulate(parquet.metadata.row_group(g).num_rows for g in range(parquet.num_row_groups)))
                for g in range(begin["group"] if here else 0, parquet.num_row_groups):
                    skipped = begin["batch"] if here and g == begin["group"] else 0
                    for b, batch in enumerate(_batches(file, parquet, g, names)):
                        if b < skipped or batch.num_rows == 0:
                            continue
                        after = {"file": f, "group": g, "batch": b + 1, "read": read + batch.num_rows}
                        place = _Place(file.path, read - before)
                        share = after["read"] / (self.n or 1)
                        try:
                            chunk = readable(batch, forms, self._missing, place, skip, self.complaint, seen)
                        except _UNREADABLE as error:  # a word's place in its dictionary, or its letters
                            raise _in_words(file, error) from None
                        yield replace(chunk, after=after, share=share)
                        read += batch.num_rows
                    if at is not None and read != before + ends[g]:
                        raise SchemaError(f"the position is after {begin['read']:,} rows, where no batch ends")


_UNREADABLE = (pyarrow.ArrowException, OSError, UnicodeDecodeError)


def _kind(of: Any) -> str | None:
    """None for a column of nothing but holes, which may be of any kind."""
    return None if str(of) == "null" else kind_of_type(of)


def _refuse_twice(path: Path, names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            raise DataError(f"{path}: the column name {name!r} stands twice (case does not count); rename one.")
        seen.add(name.lower())


class _Place:
    def __init__(self, path: Path, first: int) -> None:
        self.path, self.first = path, first

    def __call__(self, row: int) -> str:
        return f"{self.path}, row {self.first + row + 1}"


def _opened(file: Watched, words: Sequence[str]) -> Any:
    from pyarrow.parquet import ParquetFile

    try:
        # the whole name: what begins like a URL would be taken for one
        return ParquetFile(file.path.absolute(), read_dictionary=list(words), pre_buffer=False, buffer_size=_BUFFER)
    except _UNREADABLE as error:
        raise _in_words(file, error) from None


def _batches(file: Watched, parquet: Any, group: int, names: Sequence[str]) -> Iterator[Any]:
    try:
        file.check()
        rows = min(ROWS, max(_FEWEST, _CELLS // len(names)))
        yield from parquet.iter_batches(rows, row_groups=[group], columns=list(names), use_threads=False)
        file.check()
    except _UNREADABLE as error:
        raise _in_words(file, error) from None


def _in_words(file: Watched, error: BaseException) -> DataError:
    file.check()
    if "magic bytes" in str(error) or "footer" in str(error) or "smaller than" in str(error):
        return DataError(f"{file.path}: this is not a parquet file, or it was cut short.")
    return DataError(f"{file.path}: the file cannot be read ({str(error).splitlines()[0].rstrip('.')}); is it whole?")
