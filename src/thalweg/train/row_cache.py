"""A compact binary copy of a stream's checked rows, made while they are first read and memory-mapped from then on.

The file is one block after another, each an Arrow stream of its own that is mapped alone, so that memory holds a few
blocks however long the file; then a JSON footer that says what the copy is of, where its blocks are, and their
checksums. Every column of a block has the smallest type that holds all of its values: nothing is rounded.
"""

import hashlib
import json
import mmap
import shutil
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow
from pyarrow import compute

from thalweg.checkpoint import POSITION
from thalweg.errors import DataError, OutputError
from thalweg.json_text import parsed
from thalweg.output import written_whole
from thalweg.readers.chunk import WORDY, Chunk, Position
from thalweg.readers.stream import Watched
from thalweg.schema import Named, Plain, Record, SchemaError, Several, Text, Whole
from thalweg.train.arrow_bytes import check_rows, check_words, packed
from thalweg.train.row_check import LARGEST, CheckedRows, check_labels, check_values
from thalweg.train.stream_rows import Source

NAME = "rows.cache"
_MAGIC = b"thalweg2"
_WHOLE = ("int8", "int16", "int32")
_CODES = tuple(getattr(pyarrow, name)() for name in _WHOLE)
_NUMBERS = (*_CODES, pyarrow.float32(), pyarrow.float64())
_WORDS = tuple(pyarrow.dictionary(codes, pyarrow.string()) for codes in _CODES)
_ROLES = {"\0s": "weights", "\0o": "offset"}
_FOOTER = Record(
    {
        "identity": Named(Plain()),
        "blocks": Several(
            Record(
                {
                    "begin": Whole(),
                    "end": Whole(),
                    "crc32": Whole(0, 2**32 - 1),
                    "after": POSITION,
                    "bad": Several(Text()),
                }
            ),
            least=1,
        ),
    }
)


class CachedRows:
    """Checked rows from a cache. Raises DataError where it is of other rows, damaged, or cut short."""

    def __init__(self, path: Path, identity: Mapping[str, Any]) -> None:
        self._path = path
        footer = _footer(path)
        self._watched = Watched(path)
        try:
            _FOOTER.check(footer, "")
            _check_blocks(footer["blocks"], self._watched.size)
        except SchemaError as error:
            raise _refused(path, error) from None
        self._checked: set[int] = set()  # where blocks begin whose checksums were met
        for name in dict.fromkeys((*footer["identity"], *identity)):
            then, now = footer["identity"].get(name), json.loads(json.dumps(identity.get(name)))
            if then != now:
                raise DataError(
                    f"{path}: this cache was made with another {name} ({_short(then)}; now {_short(now)}); remove it, "
                    "or name another --cache folder."
                )
        self._blocks: list[dict[str, Any]] = footer["blocks"]
        forms = identity["columns"]
        self._kinds = {name: _WORDS if form in WORDY else _NUMBERS for name, form in forms.items()}
        target = identity["target"]
        counts, soft = "successes" in target, "soft" in target
        self._kinds |= {"\0y": _NUMBERS if counts or soft else (pyarrow.int8(),)}
        for name, role in _ROLES.items():
            if identity[role] is not None or (counts and name == "\0s"):
                self._kinds[name] = (pyarrow.float64(),)

    def check_position(self, at: Position | None) -> None:
        """Raise SchemaError where no block ends there."""
        if at is not None and all(block["after"] != at for block in self._blocks):
            raise SchemaError(f"the position is {at}, but no block of {self._path} ends there")

    def rows(self, at: Position | None = None) -> Generator[CheckedRows]:
        """Block after block, from where a stream's position says."""
        ends = [None, *(block["after"] for block in self._blocks)]
        if at not in ends:
            raise DataError(f"{self._path}: no block of the cache ends where this run is to go on; remove the cache.")
        for i in range(ends.index(at), len(self._blocks)):
            yield self._block(self._blocks[i], (i + 1) / len(self._blocks))

    def _block(self, block: Mapping[str, Any], share: float) -> CheckedRows:
        begin = block["begin"] // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
        self._watched.check()
        try:
            with self._path.open("rb") as file:
                mapped = mmap.mmap(file.fileno(), block["end"] - begin, access=mmap.ACCESS_READ, offset=begin)
        except (OSError, ValueError) as error:
            raise DataError(f"{self._path}: the cache cannot be read ({error}); remove it.") from None
        buffer = pyarrow.py_buffer(mapped).slice(block["begin"] - begin)
        if block["begin"] not in self._checked and crc32(buffer) != block["crc32"]:
            raise DataError(
                f"{self._path}: the content does not match its checksum: it was altered or damaged; remove it."
            )
        try:
            batch = pyarrow.ipc.open_stream(buffer).read_next_batch()
            if block["begin"] not in self._checked:
                self._check(batch)
        except (pyarrow.ArrowException, OSError, ValueError, StopIteration) as error:
            raise _refused(self._path, error) from None
        self._checked.add(block["begin"])
        columns = {name: _wide(batch.column(name)) for name in batch.schema.names}
        y, s, o = (columns.pop(name, None) for name in ("\0y", "\0s", "\0o"))
        assert y is not None
        bad, after = tuple(block["bad"]), block["after"]
        chunk = Chunk(columns, batch.num_rows, lambda row: f"{self._path}, row {row + 1} of a block", after, bad, share)
        return CheckedRows(
            chunk, y.to_numpy(), None if s is None else s.to_numpy(), None if o is None else o.to_numpy()
        )

    def _check(self, batch: Any) -> None:
        """Raise SchemaError for a block that is not of rows that were checked."""
        check_rows(batch, self._kinds)
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            if pyarrow.types.is_dictionary(array.type):
                check_words(array, name)
            elif name == "\0y":
                check_labels(array.to_numpy(zero_copy_only=False))
            else:
                low, values = 0.0 if name == "\0s" else -LARGEST, _wide(array).to_numpy(zero_copy_only=False)
                check_values(values, _ROLES.get(name, name), low, holes=name not in _ROLES)


class CachingRows:
    """Rows of another source, cached in the first pass that reads them all, and read from the cache from then on.

    tell    is told the cache's size before it is written, and why there is none where that fails
    """

    def __init__(self, source: Source, folder: Path, identity: Mapping[str, Any], tell: Callable[[str], None]) -> None:
        self.path = folder / NAME
        self.failed = ""
        self._source, self._identity, self._tell = source, identity, tell
        self._cached: CachedRows | None = None
        for stale in folder.glob(f".{NAME}.*"):  # of a run that was killed
            stale.unlink(missing_ok=True)
        if self.path.exists():
            self._cached = CachedRows(self.path, identity)
            tell(f"reading the rows from {self.path}")

    @property
    def made(self) -> bool:
        """Whether the cache is there."""
        return self._cached is not None

    def rows(self, at: Position | None = None) -> Generator[CheckedRows]:
        """Block after block, from where a stream's position says."""
        if self._cached is not None:
            return self._cached.rows(at)
        rows = self._source.rows(at)
        return rows if at is not None or self.failed else self._beside(rows)

    def check_position(self, at: Position | None) -> None:
        """Raise SchemaError where no block ends there."""
        (self._source if self._cached is None else self._cached).check_position(at)

    def _beside(self, source: Generator[CheckedRows]) -> Generator[CheckedRows]:
        """The rows as they come, each block written before it is handed on; the file is there once all have come."""
        first = next(source, None)
        if first is None:
            return
        blocks: list[dict[str, Any]] = []
        left = [first]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._check_space(first)
            with written_whole(self.path, "the cache") as temporary, temporary.open("wb") as file:
                file.write(_MAGIC)
                while left:
                    block = left[0]
                    begin, content = file.tell(), _packed(block)
                    file.write(content)
                    blocks.append({"begin": begin, "end": file.tell(), "crc32": crc32(content),
                                   "after": block.chunk.after, "bad": list(block.chunk.bad)})  # fmt: skip
                    left = []
                    yield block
                    left = [block for block in [next(source, None)] if block is not None]
                body = json.dumps({"identity": dict(self._identity), "blocks": blocks}).encode()
                file.write(body)
                file.write(len(body).to_bytes(8, "little") + hashlib.sha256(body).digest() + _MAGIC)
            self._cached = CachedRows(self.path, self._identity)
            return
        except OutputError as error:
            self.failed = f"{error} The run goes on without a cache."
        except OSError as error:
            self.failed = f"{self.path}: no cache ({error.strerror or error}). The run goes on without it."
        self._tell(self.failed)
        yield from left
        yield from source

    def _check_space(self, first: CheckedRows) -> None:
        """Say how large the cache will be. Raises OutputError where the disk has no room for it."""
        free = shutil.disk_usage(self.path.parent).free
        size = len(_packed(first)) / (first.chunk.share or 1.0)
        if size > free:
            raise OutputError(
                f"{self.path}: the cache would take about {_megabytes(size)}, but {_megabytes(free)} are free."
            )
        self._tell(f"{self.path}: a cache of about {_megabytes(size)}")


def _packed(rows: CheckedRows) -> Any:
    """A block as a buffer: an Arrow stream of one batch."""
    columns = {name: _narrow(array) for name, array in rows.chunk.columns.items()}
    columns["\0y"] = _narrow(pyarrow.array(rows.y))
    for name, values in (("\0s", rows.weight), ("\0o", rows.offset)):
        if values is not None:
            columns[name] = pyarrow.array(values)
    return packed(pyarrow.RecordBatch.from_pydict(columns))


def _narrow(array: Any) -> Any:
    """The same values in the smallest type that holds them all."""
    if pyarrow.types.is_dictionary(array.type):
        used = array.cast(pyarrow.string()).dictionary_encode()  # without the words that no row of the block has
        return pyarrow.DictionaryArray.from_arrays(_narrow_whole(used.indices), used.dictionary)
    array = array.cast(pyarrow.float64(), safe=False)
    values = array.fill_null(0.0).to_numpy(zero_copy_only=False)
    if (values == np.rint(values)).all() and np.abs(values).max(initial=0.0) < 2**31 and not _minus_zero(values):
        return _narrow_whole(array.cast(pyarrow.int64()))
    with np.errstate(over="ignore"):
        exact = bool((values.astype(np.float32) == values).all())
    return array.cast(pyarrow.float32(), safe=False) if exact else array


def _minus_zero(values: np.ndarray) -> bool:
    return bool((np.signbit(values) & (values == 0.0)).any())


def _narrow_whole(array: Any) -> Any:
    bounds = compute.min_max(array).as_py()
    low, high = bounds["min"] or 0, bounds["max"] or 0
    for name in _WHOLE:
        if np.iinfo(name).min <= low and high <= np.iinfo(name).max:
            return array.cast(getattr(pyarrow, name)())
    return array


def _wide(array: Any) -> Any:
    """As `Chunk` has it."""
    if pyarrow.types.is_dictionary(array.type):
        return pyarrow.DictionaryArray.from_arrays(array.indices.cast(pyarrow.int32()), array.dictionary)
    return array.cast(pyarrow.float64())


def _footer(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
            file.seek(-(8 + 32 + len(_MAGIC)), 2)
            tail = file.read()
            size = int.from_bytes(tail[:8], "little")
            file.seek(-(len(tail) + size), 2)
            body = file.read(size)
        if head == _MAGIC == tail[40:] and hashlib.sha256(body).digest() == tail[8:40]:
            return parsed(body.decode())
    except (OSError, ValueError, OverflowError):  # what stands where the size should may be any number
        pass
    raise DataError(f"{path}: this is not a cache of thalweg, or it was cut short; remove it, or name another folder.")


def _check_blocks(blocks: Sequence[Mapping[str, int]], size: int) -> None:
    """Raise SchemaError where the blocks do not stand one after another in a file of that size."""
    ends = [len(_MAGIC), *(block["end"] for block in blocks)]
    if [block["begin"] for block in blocks] != ends[:-1] or ends != sorted(set(ends)) or ends[-1] > size:
        raise SchemaError("blocks must stand in the file one after another")


def _refused(path: Path, error: BaseException) -> DataError:
    told = str(error).splitlines()[0] if str(error) else "a block holds no rows"
    return DataError(f"{path}: the cache cannot be understood: {told}; remove it.")


def _megabytes(size: float) -> str:
    return f"{size / 1e6:,.1f} MB"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 80 else text[:77] + "..."
