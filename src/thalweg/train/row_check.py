"""What has to hold for every row of a stream: a known label, a weight, an offset, finite numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from thalweg.errors import DataError
from thalweg.readers.chunk import LARGEST, Chunk, infinite, too_large
from thalweg.recipe import label_key


@dataclass(frozen=True)
class Roles:
    """The columns that are not learnt from, and the labels (negative, positive)."""

    target: str
    classes: tuple[Any, Any]
    weights: str | None = None
    offset: str | None = None

    @property
    def forms(self) -> dict[str, str]:
        """Each column in the form a stream has to give it."""
        numbers = [name for name in (self.weights, self.offset) if name is not None]
        return {self.target: "text", **dict.fromkeys(numbers, "number")}


def _fit(values: np.ndarray) -> bool:
    """Whether all are numbers that fit; False also where there are holes."""
    return bool(values.max(initial=0.0) <= LARGEST and values.min(initial=0.0) >= -LARGEST)


@dataclass(frozen=True)
class CheckedRows:
    """The rows of a chunk that are as they should be: y (n,) 0 or 1; weight and offset (n,) or None."""

    chunk: Chunk
    y: np.ndarray
    weight: np.ndarray | None
    offset: np.ndarray | None


class RowCheck:
    """Checks chunk after chunk; with `skip` bad rows are left out and told, without the first one is refused."""

    def __init__(self, roles: Roles, numbers: Sequence[str], skip: bool) -> None:
        self._roles, self._numbers, self._skip = roles, numbers, skip
        self._known = {label_key(label): float(i) for i, label in enumerate(roles.classes)}

    def __call__(self, chunk: Chunk, suspected: Sequence[str] | None = None) -> CheckedRows:
        """The good rows. Raises DataError for the first bad one, unless it may be left out.

        suspected  the columns of numbers whose sizes are looked at; all of them unless told
        """
        sentences: dict[int, str] = {}
        y = self._labels(chunk, sentences)
        weight = self._role(chunk, self._roles.weights, "--weights", sentences)
        offset = self._role(chunk, self._roles.offset, "--offset", sentences)
        for name in self._numbers if suspected is None else suspected:
            values = chunk.numbers(name)
            if not _fit(values) and not np.nanmax(np.abs(values), initial=0.0) <= LARGEST:
                for row in np.flatnonzero(np.isinf(values)):
                    sentences.setdefault(int(row), infinite(name, values[row]))
                for row in np.flatnonzero(np.abs(values) > LARGEST):
                    sentences.setdefault(
                        int(row),
                        f"{too_large(name, values[row])}, or leave such rows out with --on-bad-row skip.",
                    )
        if sentences:
            told = [f"{chunk.place(row)}: {sentences[row]}" for row in sorted(sentences)]
            if not self._skip:
                raise DataError(told[0])
            good = np.ones(chunk.n, dtype=bool)
            good[list(sentences)] = False
            chunk, y = chunk.kept(good, told), y[good]
            weight = None if weight is None else weight[good]
            offset = None if offset is None else offset[good]
        return CheckedRows(chunk, y, weight, offset)

    def _labels(self, chunk: Chunk, sentences: dict[int, str]) -> np.ndarray:
        codes, words = chunk.codes(self._roles.target)
        known = [self._known.get(label_key(word), -1.0) for word in words.to_pylist()]
        y = np.array([*known, -2.0])[codes]
        expected = " or ".join(repr(label) for label in self._roles.classes)
        for row in np.flatnonzero(y < 0.0):
            found = f"the target {self._roles.target!r} has no value"
            if y[row] == -1.0:
                found = f"column {self._roles.target!r} holds {words[int(codes[row])].as_py()!r}"
            sentences[int(row)] = f"{found}, but {expected} was expected; --on-bad-row skip leaves such rows out."
        return y

    def _role(self, chunk: Chunk, name: str | None, role: str, sentences: dict[int, str]) -> np.ndarray | None:
        if name is None:
            return None
        values = chunk.numbers(name)
        least = 0.0 if role == "--weights" else -LARGEST
        expected = "of at least 0" if role == "--weights" else f"of at least {least:g}"
        for row in np.flatnonzero(~((values >= least) & (values <= LARGEST))):
            value = "no value" if np.isnan(values[row]) else f"{values[row]:g}"
            sentences[int(row)] = (
                f"column {name!r} holds {value}, but {role} needs a number {expected} and at most {LARGEST:g}."
            )
        return values
