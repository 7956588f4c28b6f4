"""What a raw column becomes: a number with an indicator for holes, a column for each level, or one for each word.

Each kind says its `width`, the raw columns it comes from (`sources`), and its `terms`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from thalweg.names import TEXT_WEIGHT_NAMES, TOKEN_NAMES
from thalweg.schema import Flag, Number, OneOf, OrNone, Record, Several, Text, Whole

OTHER = "(other)"
MISSING = "(missing)"
UNSEEN = -1
_MANY = 1000  # levels from which an unseen value is the reference: as the average row it would fill them all


@dataclass(frozen=True)
class Term:
    """One column of the matrix.

    name     "age", "age is missing", "job=technician", "review:great"
    column   the raw column it comes from
    kind     "number", "date", "missing", "level" or "word"
    level    the category's level, or the word; None for the other kinds
    """

    name: str
    column: str
    kind: str
    level: str | None = None


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

    SCHEMA: ClassVar = Record({"name": Text(), "kind": OneOf(("number", "date")), "fill": Number(), "holes": Flag()})

    @property
    def width(self) -> int:
        return 1 + int(self.holes)

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.name,)

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
    """A category: one column for each level, 1 where a row has it and 0 elsewhere.

    boolean    whether the raw column holds booleans rather than words
    levels     those with a column of their own; "(missing)" is the level of holes, "(other)" of pooled rare values
    reference  the level that goes without a column, or None: the most frequent by weight (false, for booleans) where
               there are two levels, and in a fit without a penalty, as all columns add up to the intercept's
    shares     (len(levels),) weighted share of each level in training

    A value that training never saw belongs to "(other)" where rare values were pooled. Else it has no level: all
    columns are 0, as in scikit-learn's one-hot code. Where there is a reference, 0 in all columns would be the
    reference, so every column takes its training mean instead: the average row, which after centring contributes
    nothing. Of over 1,000 levels it is the reference nevertheless.
    """

    name: str
    boolean: bool
    levels: tuple[str, ...]
    reference: str | None
    shares: tuple[float, ...]

    SCHEMA: ClassVar = Record(
        {
            "name": Text(),
            "boolean": Flag(),
            "levels": Several(Text(), "levels", distinct=True),
            "reference": OrNone(Text()),
            "shares": Several(Number(0.0, 1.0 + 1e-9), "levels"),  # of weights that were added up in another order
        },
        rules={"a reference that is none of its levels": lambda c: c["reference"] not in c["levels"]},
    )

    @property
    def width(self) -> int:
        return len(self.levels)

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.name,)

    def codes(self) -> tuple[dict[str, int], int, int]:
        """Known value -> place among the levels, and the places of a hole and of an unseen value.

        The place after them all stands for 0 in every column, as of the reference, `UNSEEN` for the average row.
        """
        places = {level: i for i, level in enumerate(self.levels)}
        zeros = len(self.levels)
        if self.reference is not None:
            places[self.reference] = zeros
        average = self.reference is not None and len(self.levels) <= _MANY
        unseen = places.pop(OTHER, UNSEEN if average else zeros)
        return places, places.pop(MISSING, unseen), unseen

    def terms(self) -> Iterator[Term]:
        """A term for each level."""
        for level in self.levels:
            yield Term(f"{self.name}={level}", self.name, "level", level)

    def values(self, codes: np.ndarray) -> Iterator[np.ndarray]:
        """The raw matrix columns, (m,) each, from codes (m,)."""
        for code, share in enumerate(self.shares):
            yield np.where(codes == UNSEEN, share, (codes == code).astype(np.float64))


@dataclass(frozen=True)
class TextColumn:
    """A text: one column for each word, n-gram or run of characters that training saw often enough.

    tokens   "words" or "characters"
    ngrams   longest run of tokens that counts as one
    weights  "tfidf": count times idf, each row scaled to length 1; or "counts"
    words    in the order of their columns
    idf      (len(words),) inverse document frequencies; empty for counts
    """

    name: str
    tokens: str
    ngrams: int
    weights: str
    words: tuple[str, ...]
    idf: tuple[float, ...]

    SCHEMA: ClassVar = Record(
        {
            "name": Text(),
            "tokens": OneOf(TOKEN_NAMES[1:]),  # "auto" is settled before
            "ngrams": Whole(1),
            "weights": OneOf(TEXT_WEIGHT_NAMES),
            "words": Several(Text(), distinct=True, least=1),
            "idf": Several(Number(0.0, 1000.0)),  # 1 + the logarithm of a ratio of weights
        },
        rules={
            "an idf for each word, or none for counts": lambda c: (
                len(c["idf"]) == (len(c["words"]) if c["weights"] == "tfidf" else 0)
            )
        },
    )

    @property
    def width(self) -> int:
        return len(self.words)

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.name,)

    def terms(self) -> Iterator[Term]:
        """A term for each word."""
        for word in self.words:
            yield Term(f"{self.name}:{word}", self.name, "word", word)


@dataclass(frozen=True)
class MatrixColumns:
    """The columns of a bare matrix, numbers without holes, which need no description each.

    names    a frame's names, or None: then column j is called prefix + (first + j)
    """

    width: int
    names: tuple[str, ...] | None = None
    prefix: str = "x"
    first: int = 0

    SCHEMA: ClassVar = Record(
        {"width": Whole(0, 2**31 - 1), "names": OrNone(Several(Text())), "prefix": Text(), "first": Whole(0, 1)},
        rules={"a name for each column, or none": lambda c: c["names"] is None or len(c["names"]) == c["width"]},
    )

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(term.name for term in self.terms())

    def terms(self) -> Iterator[Term]:
        """A term for each column."""
        for j in range(self.width):
            name = f"{self.prefix}{self.first + j}" if self.names is None else self.names[j]
            yield Term(name, name, "number")
