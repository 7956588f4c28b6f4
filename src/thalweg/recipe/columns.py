"""What a raw column becomes: numbers with an indicator for holes, or a column for each level of a category."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

OTHER = "(other)"
MISSING = "(missing)"


@dataclass(frozen=True)
class Term:
    """One column of the matrix: (raw - mean) / scale.

    name     "age", "age is missing", "job=technician"
    column   the raw column it comes from
    kind     "number", "date", "missing" or "level"
    level    of a category; None for the other kinds
    mean     weighted mean of the raw matrix column over the training rows; 0 where nothing is centred
    scale    its weighted standard deviation; 1 where nothing is scaled
    """

    name: str
    column: str
    kind: str
    level: str | None = None
    mean: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True)
class NumberColumn:
    """A number, or a date as days since 1970-01-01.

    fill     what holes are filled with: the weighted mean over the training rows
    holes    whether training saw holes, and so an indicator column exists; holes elsewhere are only filled
    """

    name: str
    kind: str
    fill: float
    holes: bool

    def terms(self) -> Iterator[Term]:
        """The number, then the indicator."""
        yield Term(self.name, self.name, self.kind)
        if self.holes:
            yield Term(f"{self.name} is missing", self.name, "missing")

    def values(self, raw: np.ndarray) -> Iterator[np.ndarray]:
        """The raw matrix columns, (m,) each, of m values where holes are NaN."""
        missing = np.isnan(raw)
        yield np.where(missing, self.fill, raw)
        if self.holes:
            yield missing.astype(np.float64)


@dataclass(frozen=True)
class CategoryColumn:
    """A category: one column for each level but the reference, which all-zeros stands for.

    boolean    whether the raw column holds booleans rather than words
    levels     those with a column of their own; "(missing)" is the level of holes, "(other)" of pooled rare values
    reference  the most frequent level by weight (false, for booleans)
    shares     (len(levels),) weighted share of each level in training

    A value that training never saw belongs to "(other)" where rare values were pooled. Else every column takes its
    training mean: the average row, which after centring contributes nothing.
    """

    name: str
    boolean: bool
    levels: tuple[str, ...]
    reference: str
    shares: tuple[float, ...]

    @property
    def codes(self) -> tuple[str, ...]:
        """All known values; codes count from 0 in this order."""
        return (*self.levels, self.reference)

    def terms(self) -> Iterator[Term]:
        """A term for each level."""
        for level in self.levels:
            yield Term(f"{self.name}={level}", self.name, "level", level)

    def values(self, codes: np.ndarray) -> Iterator[np.ndarray]:
        """The raw matrix columns, (m,) each, from codes (m,): -1 is a hole, -2 a value never seen."""
        hole = self.codes.index(MISSING) if MISSING in self.codes else -2
        unseen = self.codes.index(OTHER) if OTHER in self.codes else -2
        codes = np.where(codes == -1, hole, codes)
        codes = np.where(codes == -2, unseen, codes)
        for code, share in enumerate(self.shares):
            yield np.where(codes == -2, share, (codes == code).astype(np.float64))


Column = NumberColumn | CategoryColumn
