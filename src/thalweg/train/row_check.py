"""What has to hold for every row of a stream: a known label, a weight, an offset, finite numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thalweg.errors import DataError
from thalweg.readers.chunk import LARGEST, Chunk, infinite, too_large
from thalweg.recipe import Target
from thalweg.schema import SchemaError


@dataclass(frozen=True)
class Roles:
    """The columns that are not learnt from."""

    target: Target
    weights: str | None = None
    offset: str | None = None

    @property
    def forms(self) -> dict[str, str]:
        """Each column in the form a stream has to give it."""
        return {**self.target.forms, **dict.fromkeys(self.options, "number")}

    @property
    def options(self) -> dict[str, str]:
        """Column that has to hold numbers -> the option that asks for it."""
        roles = {"--weights": self.weights, "--offset": self.offset}
        return {**self.target.numbers, **{name: role for role, name in roles.items() if name is not None}}


def check_values(values: np.ndarray, name: str, low: float = -LARGEST, holes: bool = True) -> None:
    """Raise SchemaError where stored numbers (n,) are not those of rows that were checked; holes are NaN."""
    if not (((values >= low) & (values <= LARGEST)) | (np.isnan(values) & holes)).all():
        raise SchemaError(f"the rows' column {name!r} holds a number that is not from {low:g} to {LARGEST:g}")


def check_labels(y: np.ndarray) -> None:
    """Raise SchemaError where stored labels (n,) do not lie in [0, 1]."""
    if not ((y >= 0) & (y <= 1)).all():
        raise SchemaError("the rows have a label outside [0, 1]")


def _fit(values: np.ndarray) -> bool:
    """Whether all are numbers that fit; False also where there are holes."""
    return bool(values.max(initial=0.0) <= LARGEST and values.min(initial=0.0) >= -LARGEST)


@dataclass(frozen=True)
class CheckedRows:
    """The rows of a chunk that are as they should be: y (n,) in [0, 1]; weight and offset (n,) or None."""

    chunk: Chunk
    y: np.ndarray
    weight: np.ndarray | None
    offset: np.ndarray | None


class RowCheck:
    """Checks chunk after chunk; with `skip` bad rows are left out and told, without the first one is refused."""

    def __init__(self, roles: Roles, numbers: Sequence[str], skip: bool) -> None:
        self._roles, self._numbers, self._skip = roles, numbers, skip

    def __call__(self, chunk: Chunk, suspected: Sequence[str] | None = None) -> CheckedRows:
        """The good rows. Raises DataError for the first bad one, unless it may be left out.

        suspected  the columns of numbers whose sizes are looked at; all of them unless told
        """
        sentences: dict[int, str] = {}
        y, trials = self._roles.target.of_chunk(chunk, sentences)
        weight = self._role(chunk, self._roles.weights, "--weights", sentences)
        if trials is not None:
            weight = trials if weight is None else weight * trials
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
