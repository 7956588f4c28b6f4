"""A run of rows of a stream, as Arrow arrays of two forms: numbers, and words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

WORDY = ("text", "words")  # forms of words; the second asks for no dictionary, where that is cheaper
Position = dict[str, int]  # where a stream goes on from: what each kind of source needs, as JSON can hold it


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows; what could not be read is left out and told.

    columns  name -> numbers of any width (dates in days since 1970-01-01), a dictionary of trimmed words, or trimmed
             words one by one; holes are null
    n        rows
    after    where the next chunk begins
    place    row of the chunk -> "file, row 12 (line 13)"
    bad      a sentence for each row left out
    share    of the source that is read once this chunk is, 0 to 1; None where nobody knows
    """

    columns: Mapping[str, Any]
    n: int
    place: Callable[[int], str]
    after: Position
    bad: tuple[str, ...] = ()
    share: float | None = None
    _numbers: dict[str, np.ndarray] = field(default_factory=dict, init=False, repr=False, compare=False)

    def numbers(self, name: str) -> np.ndarray:
        """(n,) the numbers of a column, NaN where there is a hole; made once."""
        if name not in self._numbers:
            array = self.columns[name]
            self._numbers[name] = _filled(array, array.type.to_pandas_dtype(), np.nan, np.float64)
        return self._numbers[name]

    def codes(self, name: str) -> tuple[np.ndarray, Any]:
        """(n,) places in the dictionary, its length where there is a hole; and the dictionary, an array of words."""
        array = self.columns[name]
        words = array.dictionary
        return _filled(array.indices, np.int32, len(words), np.int32), words

    def part(self, start: int, stop: int) -> "Chunk":
        """Consecutive rows of it, sharing their memory."""
        columns = {name: array.slice(start, stop - start) for name, array in self.columns.items()}
        place = self.place
        return replace(self, columns=columns, n=stop - start, bad=(), place=lambda row: place(start + row))

    def kept(self, rows: np.ndarray, bad: Sequence[str] = ()) -> "Chunk":
        """The rows of the mask (n,); `bad` says why the others are not, where that is not said yet."""
        places = np.flatnonzero(rows)
        columns = {name: array.filter(rows) for name, array in self.columns.items()}
        place = self.place
        return replace(
            self, columns=columns, n=len(places), bad=(*self.bad, *bad), place=lambda row: place(int(places[row]))
        )


def _filled(array: Any, held: Any, hole: float, dtype: type) -> np.ndarray:
    """(n,) an Arrow array's values, held as one type, as another; and `hole` where there is none.

    From its buffers, since `fill_null` takes ten times as long to begin with, and a chunk has many columns.
    """
    valid, values = array.buffers()
    found: np.ndarray = np.frombuffer(values, held)[array.offset : array.offset + len(array)].astype(dtype, copy=False)
    if not array.null_count:
        return found
    bits = np.unpackbits(np.frombuffer(valid, np.uint8), count=array.offset + len(array), bitorder="little")
    return np.where(bits[array.offset :].view(np.bool_), found, dtype(hole))


LARGEST = 1e150  # of which squares can be summed


def infinite(name: str, value: float) -> str:
    """The sentence about a number that is none."""
    return f"column {name!r} holds {value}; a finite number was expected, or nothing at all for a hole."


def too_large(name: str, value: float) -> str:
    """The sentence about a number above `LARGEST`."""
    return f"column {name!r} holds {value:g}, whose square overflows; divide the column by a power of ten"
