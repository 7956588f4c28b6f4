"""Targets that are numbers: shares of label 1 (soft labels), and successes among trials (binomial counts).

A share y in a row of weight s says what two rows say, one of label 1 and weight s·y, one of label 0 and weight
s·(1 - y). So do k successes of n trials, with y = k/n and s = n.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from thalweg.errors import DataError, UsageError
from thalweg.readers import Matrix, Table
from thalweg.readers.chunk import Chunk
from thalweg.recipe.roles import read_numbers
from thalweg.recipe.target import CLASSES, SKIP, Label, LabelColumn, Target, TwoLabels, refuse_named
from thalweg.schema import Flag, Record, Schema, Sizes, Text

_MOST = 2.0**53  # trials; above, not every whole number is one of float64's
_ZERO_ONE: tuple[Label, Label] = (0, 1)


class _Numbers(Target):
    """What targets of numbers have in common: they are read, and refused by row and value, in one way."""

    @property
    def forms(self) -> dict[str, str]:
        return dict.fromkeys(self.numbers, "number")

    def encode(self, rows: Table | Matrix) -> np.ndarray:
        return self._labels(self._read(rows))[0]

    def weights_by(self, table: Table) -> np.ndarray | None:
        return self._labels(self._read(table))[1]

    def of_chunk(self, chunk: Chunk, bad: dict[int, str]) -> tuple[np.ndarray, np.ndarray | None]:
        values = [chunk.numbers(name) for name in self.numbers]
        for row in np.flatnonzero(self._wrong(values)):
            bad[int(row)] = f"{self._why([float(v[row]) for v in values])}; {SKIP}"
        with np.errstate(invalid="ignore"):  # of bad rows, which are left out
            return self._labels(values)

    def _read(self, rows: Table | Matrix) -> list[np.ndarray]:
        values = self._of_matrix(rows) if isinstance(rows, Matrix) else self._of_table(rows)
        wrong = self._wrong(values)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(f"{rows.place(row)}: {self._why([float(v[row]) for v in values])}.")
        return values

    def _of_table(self, table: Table) -> list[np.ndarray]:
        return [read_numbers(table, name, option) for name, option in self.numbers.items()]

    @abstractmethod
    def _of_matrix(self, rows: Matrix) -> list[np.ndarray]:
        """The numbers of a libsvm file."""

    @abstractmethod
    def _wrong(self, values: Sequence[np.ndarray]) -> np.ndarray:
        """(n,) where the numbers of the columns cannot be."""

    @abstractmethod
    def _why(self, values: Sequence[float]) -> str:
        """What is wrong with the numbers of such a row."""

    @abstractmethod
    def _labels(self, values: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray | None]:
        """y and weights, as `Target` has them."""


@dataclass(frozen=True)
class Shares(_Numbers):
    """A column of soft labels: each value is the share of label 1."""

    name: str
    classes: tuple[Label, Label] = _ZERO_ONE

    @property
    def columns(self) -> dict[str, str]:
        return {"--target": self.name}

    @property
    def numbers(self) -> dict[str, str]:
        return {self.name: "--soft"}

    def side(self, table: Table) -> str:
        y = table.number(self.name)
        return f"(CASE WHEN {y} >= 1 THEN 1.0 WHEN {y} > 0 THEN 0.5 ELSE 0.0 END)::DOUBLE"

    def named(self, column: str) -> "Shares":
        return Shares(column, self.classes)

    def words(self) -> str:
        return f"{self.name!r}: the share of label {self.classes[1]!r}, from 0 to 1"

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "soft": True, "classes": list(self.classes)}

    def _of_matrix(self, rows: Matrix) -> list[np.ndarray]:
        refuse_named(self.name)
        return [rows.y]

    def _wrong(self, values: Sequence[np.ndarray]) -> np.ndarray:
        (y,) = values
        return ~((y >= 0.0) & (y <= 1.0))

    def _why(self, values: Sequence[float]) -> str:
        return (
            f"column {self.name!r} holds {_shown(values[0])}, but --soft needs a number from 0 to 1, "
            f"the share of label {self.classes[1]!r}"
        )

    def _labels(self, values: Sequence[np.ndarray]) -> tuple[np.ndarray, None]:
        return values[0] + 0.0, None  # without the sign of -0.0, so that every door has the same bits


@dataclass(frozen=True)
class Counts(_Numbers):
    """Two columns of binomial counts: so many successes, which are of label 1, in so many trials."""

    successes: str
    trials: str
    classes: tuple[Label, Label] = _ZERO_ONE

    @property
    def columns(self) -> dict[str, str]:
        return {"--successes": self.successes, "--trials": self.trials}

    @property
    def numbers(self) -> dict[str, str]:
        return {self.successes: "--successes", self.trials: "--trials"}

    def side(self, table: Table) -> str:
        k, n = table.number(self.successes), table.number(self.trials)
        return f"(CASE WHEN {k} >= {n} THEN 1.0 WHEN {k} > 0 THEN 0.5 ELSE 0.0 END)::DOUBLE"

    def named(self, column: str) -> TwoLabels:
        return TwoLabels(column, self.classes)

    def words(self) -> str:
        return f"{self.successes!r} successes of {self.trials!r} trials, which is what a row weighs"

    def to_dict(self) -> dict[str, Any]:
        return {"successes": self.successes, "trials": self.trials, "classes": list(self.classes)}

    def _of_matrix(self, rows: Matrix) -> list[np.ndarray]:
        raise UsageError("--successes and --trials go with tables; a libsvm file has labels and columns only.")

    def _wrong(self, values: Sequence[np.ndarray]) -> np.ndarray:
        k, n = values
        return ~(_countable(k) & _countable(n) & (k <= n))

    def _why(self, values: Sequence[float]) -> str:
        for (name, option), value in zip(self.numbers.items(), values, strict=True):
            if not _countable(np.array(value)):
                return (
                    f"column {name!r} holds {_shown(value)}, but {option} needs a whole number from 0 to 2^53; "
                    "shares of label 1 are learnt with --soft, and weighed with --weights"
                )
        k, n = values
        return (
            f"column {self.successes!r} holds {_shown(k)}, but --successes needs no more than the {_shown(n)} "
            f"in {self.trials!r}, the column of --trials"
        )

    def _labels(self, values: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        k, n = values
        return k / np.maximum(n, 1.0) + 0.0, n + 0.0  # without trials a row says nothing, whatever y


def _countable(values: np.ndarray) -> np.ndarray:
    return np.asarray((values == np.rint(values)) & (values >= 0.0) & (values <= _MOST))


def _shown(value: float) -> str:
    return "no value" if np.isnan(value) else repr(value).removesuffix(".0")


def asked_target(
    name: str | None,
    positive: Any,
    soft: bool,
    successes: str | None,
    trials: str | None,
    classes: tuple[Label, Label] = _ZERO_ONE,
) -> LabelColumn | Target | None:
    """What is to be learnt, as it was asked for; None where no column is named.

    classes  of shares and counts (negative, positive)

    Raises UsageError for options that contradict each other.
    """
    if not isinstance(soft, bool):
        raise UsageError(f"--soft is {soft!r}, but must be true or false.")
    counted = successes is not None or trials is not None
    if counted and (successes is None or trials is None):
        raise UsageError("--successes and --trials go together: a column of each.")
    for option, given in (("--target", name is not None), ("--soft", soft)):
        if counted and given:
            raise UsageError(f"{option} does not go with --successes and --trials, which are the target themselves.")
    if (soft or counted) and positive is not None:
        told = "--soft, whose values are shares of label 1" if soft else "--successes, which are of label 1"
        raise UsageError(f"--positive names one of two labels, so it does not go with {told}.")
    if successes is not None and trials is not None:
        return Counts(successes, trials, classes)
    if name is None:
        return None
    return Shares(name, classes) if soft else LabelColumn(name, positive)


def target_of(body: dict[str, Any]) -> Target:
    """The target that `to_dict` described. Raises KeyError for anything else."""
    negative, positive = body["classes"]
    if "successes" in body:
        return Counts(body["successes"], body["trials"], (negative, positive))
    return (Shares if body.get("soft") else TwoLabels)(body["name"], (negative, positive))


class _TargetSchema(Schema):
    """What `to_dict` of a target gives."""

    @property
    def words(self) -> str:
        return "a target"

    def check(self, value: Any, place: str, sizes: Sizes | None = None) -> None:
        if isinstance(value, dict) and "successes" in value:
            _COUNTS.check(value, place, sizes)
        elif isinstance(value, dict) and "soft" in value:
            _SHARES.check(value, place, sizes)
        else:
            TwoLabels.SCHEMA.check(value, place, sizes)


_COUNTS = Record({"successes": Text(), "trials": Text(), "classes": CLASSES})
_SHARES = Record({"name": Text(), "soft": Flag(), "classes": CLASSES})
TARGET = _TargetSchema()
