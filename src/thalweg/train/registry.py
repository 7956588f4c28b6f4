"""Which words stand behind the hashed columns: remembered as they are met, the strongest when there are too many."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow

from thalweg.recipe.hasher import Words
from thalweg.train.learner import passes

_MOST = 1 << 20  # words; with their names a few ten megabytes


class Registry:
    """Up to two words for each column; a third shares it unnamed.

    owners  (width, 2) the marks of those two, 0 where there is none; the lowest bit is set while the word is known
    """

    def __init__(self, width: int) -> None:
        self.owners = np.zeros((width, 2), dtype=np.uint16)
        self._met: dict[int, tuple[Any, int]] = {}  # the last dictionary of each source, and how much of it
        self._slots: list[np.ndarray] = []
        self._marks: list[np.ndarray] = []
        self._origins: list[np.ndarray] = []
        self._names: list[Any] = []
        self._count = 0

    def meet(self, words: Sequence[Words], weights: np.ndarray) -> None:
        """Remember the new ones among the words; weights (width, 2) say which to keep when there are too many."""
        for found in words:
            if isinstance(found.source, int):
                if found.dictionary is not None and self._met.get(found.source) == (found.dictionary, len(found.slots)):
                    continue
                self._met[found.source] = (found.dictionary, len(found.slots))
            new = np.empty(len(found.slots), np.int64)
            new = new[: passes().register(found.slots, found.marks, self.owners, new)]
            if len(new):
                self._slots.append(found.slots[new])
                self._marks.append(found.marks[new])
                source = found.source
                of = source[new] if isinstance(source, np.ndarray) else np.full(len(new), source, dtype=np.int16)
                self._origins.append(of)
                self._names.append(found.named(new))
                self._count += len(new)
        if self._count > _MOST:
            self._forget(weights)

    @property
    def used(self) -> int:
        """Columns that any word was hashed to."""
        return int(np.count_nonzero(self.owners[:, 0]))

    @property
    def shared(self) -> int:
        """Columns that more than one word was hashed to."""
        return int(np.count_nonzero(self.owners[:, 1]))

    def all(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(m,) columns and sources of the words known, their letters in UTF-8 one after another, and their ends."""
        self._join()
        if not self._count:
            return np.zeros(0, np.int32), np.zeros(0, np.int16), np.zeros(0, np.uint8), np.zeros(0, np.int64)
        return (self._slots[0], self._origins[0], *_letters(self._names[0]))

    def state(self) -> dict[str, np.ndarray]:
        """All it takes to go on."""
        slots, origins, letters, ends = self.all()
        marks = self._marks[0] if self._count else np.zeros(0, np.uint16)
        return {"owners": self.owners, "word_slots": slots, "word_origins": origins, "word_marks": marks,
                "letters": letters, "ends": ends}  # fmt: skip

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Go on from a `state`."""
        self.owners = arrays["owners"]
        self._slots, self._origins, self._marks = (
            [arrays[name]] for name in ("word_slots", "word_origins", "word_marks")
        )
        self._names, self._count = [_names(arrays["letters"], arrays["ends"])], len(arrays["ends"])

    def _join(self) -> None:
        if len(self._slots) > 1:
            self._slots, self._marks, self._origins = (
                [np.concatenate(parts)] for parts in (self._slots, self._marks, self._origins)
            )
            self._names = [pyarrow.concat_arrays(self._names)]

    def _forget(self, weights: np.ndarray) -> None:
        """Keep the half whose weights are the largest; the others are new again when they come back."""
        self._join()
        self._met = {}
        slots, marks = self._slots[0], self._marks[0]
        strength = np.abs(weights[slots, 0])
        kept = np.sort(np.argsort(-strength, kind="stable")[: _MOST // 2])
        gone = np.setdiff1d(np.arange(len(slots)), kept)
        for place in (0, 1):
            mine = gone[self.owners[slots[gone], place] == marks[gone]]
            self.owners[slots[mine], place] &= np.uint16(0xFFFE)
        self._slots, self._marks = [slots[kept]], [marks[kept]]
        self._origins, self._names = [self._origins[0][kept]], [self._names[0].take(pyarrow.array(kept))]
        self._count = len(kept)


def _letters(names: Any) -> tuple[np.ndarray, np.ndarray]:
    _, offsets, letters = names.buffers()
    ends = np.frombuffer(offsets, np.int32)[names.offset : names.offset + len(names) + 1].astype(np.int64)
    if letters is None:
        return np.zeros(0, np.uint8), ends[1:]
    return np.frombuffer(letters, np.uint8)[ends[0] : ends[-1]].copy(), ends[1:] - ends[0]


def _names(letters: np.ndarray, ends: np.ndarray) -> Any:
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    return pyarrow.StringArray.from_buffers(len(ends), pyarrow.py_buffer(offsets), pyarrow.py_buffer(letters))
