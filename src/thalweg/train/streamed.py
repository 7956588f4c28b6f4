"""What both fits of a stream need: its labels, a look at its texts, and an account of the rows left out."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from thalweg.errors import DataError
from thalweg.readers.stream import Stream
from thalweg.recipe.target import TwoLabels, infinite_label, is_infinite, label_key, two_labels
from thalweg.train.row_check import Roles, RowCheck

_TOLD = 3  # bad rows quoted in full
_ENOUGH, _CHUNKS = 10, 50  # rows of the rarer label that make it one of the two; else so many chunks are looked at
_STRAY = 0.1  # share of the rows; more are classes of their own


class Skipped:
    """How many rows were left out, and what was wrong with the first of them."""

    def __init__(self) -> None:
        self.count = 0
        self._told: list[str] = []

    def add(self, bad: Sequence[str]) -> None:
        """Take note of bad rows."""
        self.count += len(bad)
        self._told += bad[: max(0, _TOLD - len(self._told))]

    def notes(self) -> list[str]:
        """The account, if there is anything to tell."""
        if not self.count:
            return []
        rows = f"{self.count:,} row{' was' if self.count == 1 else 's were'} skipped"
        return [f"{rows} (--on-bad-row skip): {' '.join(self._told)}"]

    def state(self) -> list[Any]:
        """As JSON can hold it."""
        return [self.count, *self._told]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a `state`, which is as `SKIPPED` says."""
        self.count, self._told = int(state[0]), list(state[1:])


def classes_in(stream: Stream, target: str, positive: Any, skip: bool) -> tuple[Any, Any]:
    """The two labels of a stream, read only until both have been met, and the rarer one more than by accident.

    Raises DataError for a target of one class, or of more than two; for a stray label among two others, or a number
    that is not finite, its row.
    """
    kind = stream.require(target, "--target")
    words: dict[str, str] = {}
    rows: Counter[str] = Counter()
    for looked, chunk in enumerate(stream.chunks({target: "text"}, skip=skip)):
        codes, dictionary = chunk.codes(target)
        counts = np.bincount(codes, minlength=len(dictionary) + 1)
        for code in np.flatnonzero(counts[:-1]):
            word = dictionary[int(code)].as_py()
            if kind == "number" and is_infinite(word):
                if skip:
                    continue
                row = int(np.argmax(codes == code))
                raise DataError(f"{chunk.place(row)}: {infinite_label(target, word)}")
            words.setdefault(label_key(word), word)
            rows[label_key(word)] += int(counts[code])
        if len(words) > 1 and (rows.most_common(2)[1][1] >= _ENOUGH or looked >= _CHUNKS):
            break
    keys = [key for key, _ in rows.most_common()]
    keys.sort(key=lambda key: key != label_key(positive))  # the label that is asked for is one of the two
    two = [words[key] for key in keys[:2]]
    strays = rows.total() - sum(rows[key] for key in keys[:2])
    if skip or strays <= _STRAY * rows.total():
        classes = two_labels(two, kind, target, stream.name, positive)
        if strays and not skip:
            RowCheck(Roles(TwoLabels(target, classes)), (), False)(chunk)  # says where
        return classes
    return two_labels(list(words.values()), kind, target, stream.name, positive)


def first_texts(stream: Stream, name: str, skip: bool) -> list[str]:
    """Some texts of a column, which tell how texts are read."""
    chunk = next(iter(stream.chunks({name: "text"}, skip=skip)), None)
    return [] if chunk is None else [str(text) for text in chunk.codes(name)[1].to_pylist()]
