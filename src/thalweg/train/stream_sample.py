"""A sample of a stream: every so many-th row, so many that they fit into a few megabytes."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

import numpy as np
import pyarrow

from thalweg.readers.chunk import WORDY
from thalweg.train.arrow_bytes import check_words, packed, unpacked
from thalweg.train.row_check import LARGEST, CheckedRows, check_labels, check_values

_WORDS = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
_SAMPLE_BYTES = 20 << 20
_MOST_ROWS = 400_000
_JOINED = 5_000  # rows of a batch


class StreamSample:
    """Every `stride`-th row, the stride doubling as the rows grow; `forms` names the columns kept, and their forms."""

    def __init__(self, forms: Mapping[str, str]) -> None:
        self._forms = forms
        self.stride = 1
        self._batches: list[Any] = []
        self._bytes = 0

    @property
    def rows(self) -> int:
        """How many there are in it."""
        return sum(batch.num_rows for batch in self._batches)

    def add(self, rows: CheckedRows, before: int, s: np.ndarray) -> None:
        """Take the stream's next rows, weights s (n,), `before` of which came earlier; too many are thinned."""
        places = np.arange(-before % self.stride, rows.chunk.n, self.stride)
        if len(places):
            self._batches.append(self._batch(rows, s, places))
            self._bytes += _size(self._batches[-1])
            few = list(takewhile(lambda batch: batch.num_rows < _JOINED, reversed(self._batches)))
            if sum(batch.num_rows for batch in few) >= _JOINED:  # kept one by one they would pin the memory around them
                self._batches[-len(few) :] = [_joined(few[::-1])]
                self._bytes += _size(self._batches[-1]) - sum(map(_size, few))
        while self._bytes > _SAMPLE_BYTES or self.rows > _MOST_ROWS:
            self._thin()

    def given_away(self) -> Iterator[tuple[dict[str, Any], np.ndarray, np.ndarray, np.ndarray]]:
        """The rows, none of which is kept: columns as a chunk has them, y, weights and offsets (m,)."""
        for batch in _given_away(self._batches):
            columns = {name: batch.column(f"c{i}") for i, name in enumerate(self._forms)}
            y, s, o = (batch.column(name).to_numpy(zero_copy_only=False) for name in ("y", "s", "o"))
            yield columns, y, s, o

    def state(self) -> np.ndarray:
        """The rows as bytes; `stride` goes beside them."""
        if not self._batches:
            return np.zeros(0, np.uint8)
        return np.frombuffer(packed(pyarrow.Table.from_batches(self._batches)), np.uint8)

    def restore(self, content: np.ndarray, stride: int) -> None:
        """Go on from a `state`. Raises SchemaError for what is none."""
        self.stride = stride
        kinds = {f"c{i}": _WORDS if form in WORDY else pyarrow.float64() for i, form in enumerate(self._forms.values())}
        kinds |= dict.fromkeys(("y", "s", "o"), pyarrow.float64())
        batches = unpacked(content, kinds).to_batches() if len(content) else []
        for batch in batches:
            _check(batch)
        self._batches = [_compact(batch) for batch in batches]
        self._bytes = sum(map(_size, self._batches))

    def weights(self) -> tuple[np.ndarray, np.ndarray]:
        """(m,) labels and weights of the rows in it."""
        none = np.zeros(0)
        y, s = (
            [none, *(batch.column(name).to_numpy(zero_copy_only=False) for batch in self._batches)] for name in "ys"
        )
        return np.concatenate(y), np.concatenate(s)

    def _thin(self) -> None:
        """Keep every other row."""
        batches, self._batches, few, first = self._batches, [], [], 0
        for batch in _given_away(batches):
            at = np.arange(first, batch.num_rows, 2)
            first += 2 * len(at) - batch.num_rows
            if len(at):
                few.append(batch.take(pyarrow.array(at)))
            if sum(part.num_rows for part in few) >= _JOINED:
                self._batches.append(_joined(few))
                few = []
        self._batches += [_joined(few)] if few else []
        self.stride *= 2
        self._bytes = sum(map(_size, self._batches))

    def _batch(self, rows: CheckedRows, s: np.ndarray, places: np.ndarray) -> Any:
        at = pyarrow.array(places)
        arrays = {f"c{i}": rows.chunk.columns[name].take(at) for i, name in enumerate(self._forms)}
        for i, form in enumerate(self._forms.values()):
            if form not in WORDY:
                arrays[f"c{i}"] = arrays[f"c{i}"].cast(pyarrow.float64(), safe=False)  # files may differ in width
        offset = np.zeros(rows.chunk.n) if rows.offset is None else rows.offset
        batch = pyarrow.RecordBatch.from_pydict({**arrays, "y": rows.y[places], "s": s[places], "o": offset[places]})
        return _compact(batch)


def _check(batch: Any) -> None:
    """Raise SchemaError for rows that no `RowCheck` lets pass."""
    for name, array in zip(batch.schema.names, batch.columns, strict=True):
        if pyarrow.types.is_dictionary(array.type):
            check_words(array, name)
            continue
        values = array.to_numpy(zero_copy_only=False)
        if name == "y":
            check_labels(values)
        else:
            check_values(values, name, 0.0 if name == "s" else -LARGEST, holes=name not in ("s", "o"))


def _given_away(batches: list[Any]) -> Iterator[Any]:
    """The batches one by one, none of which the list holds any longer."""
    batches.reverse()
    while batches:
        yield batches.pop()


def _size(batch: Any) -> int:
    """Bytes, about: told by what is in the batch alone, however it came to be where it is."""
    size = 0
    for column in batch.columns:
        size += 8 * len(column)
        if pyarrow.types.is_dictionary(column.type):
            size += column.dictionary.nbytes - 4 * len(column)
    return int(size)


def _joined(batches: Sequence[Any]) -> Any:
    """Batches as one, its dictionaries without words that no row has."""
    (chunked,) = pyarrow.Table.from_batches(batches).unify_dictionaries().combine_chunks().to_batches()
    return _compact(chunked)


def _compact(batch: Any) -> Any:
    """Dictionaries without the words that no row has."""
    columns = []
    for column in batch.columns:
        if pyarrow.types.is_dictionary(column.type):
            column = column.cast(pyarrow.string()).dictionary_encode()
        columns.append(column)
    return pyarrow.RecordBatch.from_arrays(columns, batch.schema.names)
