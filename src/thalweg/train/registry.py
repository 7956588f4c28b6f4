"""Which words stand behind the hashed columns: remembered as they are met, the strongest when there are too many."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from thalweg.recipe.hasher import Words
from thalweg.recipe.hashing import are_words
from thalweg.schema import Array, Schema
from thalweg.train.learner import passes

_MOST = 1 << 20  # words; with their names a few ten megabytes


class Registry:
    """Up to two words for each column; a third shares it unnamed.

    owners  (width, 2) the marks of those two, 0 where there is none; the lowest bit is set while the word is known
    """

    ARRAYS: ClassVar[dict[str, Schema]] = {
        "owners": Array(np.uint16, ("width", 2)),
        "word_slots": Array(np.int32, ("words",), "first_slot", "last_slot"),
        "word_marks": Array(np.uint16, ("words",)),
        "word_origins": Array(np.int16, ("words",), 0, "last_source"),
        "ends": Array(np.int64, ("words",)),
        "letters": Array(np.uint8, ("letters",)),
    }
    RULES: ClassVar[dict[str, Callable[[Mapping[str, Any]], bool]]] = {
        "letters that end where its words end, in UTF-8": lambda r: are_words(r["letters"], r["ends"])
    }

    def __init__(self, width: int) -> None:
        self.owners = np.zeros((width, 2), dtype=np.uint16)
        self._met: dict[int, tuple[Any, int]] = {}  # the last dictionary of each source, and how much of it
        self._slots, self._marks = _Growing(np.int32), _Growing(np.uint16)
        self._origins, self._ends, self._letters = _Growing(np.int16), _Growing(np.int64), _Growing(np.uint8)

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
                letters, ends = _letters(found.named(new))
                self._slots.add(found.slots[new])
                self._marks.add(found.marks[new])
                source = found.source
                self._origins.add(source[new] if isinstance(source, np.ndarray) else np.full(len(new), source))
                self._ends.add(ends + len(self._letters.values))
                self._letters.add(letters)
        if len(self._slots.values) > _MOST:
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
        return self._slots.values, self._origins.values, self._letters.values, self._ends.values

    def state(self) -> dict[str, np.ndarray]:
        """All it takes to go on."""
        slots, origins, letters, ends = self.all()
        return {"owners": self.owners, "word_slots": slots, "word_origins": origins,
                "word_marks": self._marks.values, "letters": letters, "ends": ends}  # fmt: skip

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Go on from a `state`, which is as `ARRAYS` and `RULES` say."""
        self.owners = arrays["owners"]
        self._slots, self._marks, self._origins, self._ends, self._letters = (
            _Growing(arrays[name].dtype, arrays[name])
            for name in ("word_slots", "word_marks", "word_origins", "ends", "letters")
        )

    def _forget(self, weights: np.ndarray) -> None:
        """Keep the half whose weights are the largest; the others are new again when they come back."""
        self._met = {}
        slots, marks, ends = self._slots.values, self._marks.values, self._ends.values
        strength = np.abs(weights[slots, 0])
        kept = np.sort(np.argsort(-strength, kind="stable")[: _MOST // 2])
        gone = np.setdiff1d(np.arange(len(slots)), kept)
        for place in (0, 1):
            mine = gone[self.owners[slots[gone], place] == marks[gone]]
            self.owners[slots[mine], place] &= np.uint16(0xFFFE)
        lengths = np.diff(ends, prepend=0)
        stays = np.zeros(len(slots), dtype=bool)
        stays[kept] = True
        self._letters = _Growing(np.uint8, self._letters.values[np.repeat(stays, lengths)])
        self._ends = _Growing(np.int64, np.cumsum(lengths[kept]))
        self._slots, self._marks = _Growing(np.int32, slots[kept]), _Growing(np.uint16, marks[kept])
        self._origins = _Growing(np.int16, self._origins.values[kept])


class _Growing:
    """An array that others are put at the end of; small ones kept one by one would pin the memory around them."""

    def __init__(self, dtype: Any, values: np.ndarray | None = None) -> None:
        self._room = np.empty(1 << 12, dtype) if values is None else values
        self._count = 0 if values is None else len(values)

    @property
    def values(self) -> np.ndarray:
        """What is in it, for as long as nothing is added."""
        return self._room[: self._count]

    def add(self, values: Any) -> None:
        """At the end."""
        count = self._count + len(values)
        if count > len(self._room):
            room = np.empty(max(count, len(self._room) * 3 // 2), self._room.dtype)
            room[: self._count] = self.values
            self._room = room
        self._room[self._count : count] = values
        self._count = count


def _letters(names: Any) -> tuple[np.ndarray, np.ndarray]:
    _, offsets, letters = names.buffers()
    ends = np.frombuffer(offsets, np.int32)[names.offset : names.offset + len(names) + 1].astype(np.int64)
    if letters is None:
        return np.zeros(0, np.uint8), ends[1:]
    return np.frombuffer(letters, np.uint8)[ends[0] : ends[-1]], ends[1:] - ends[0]
