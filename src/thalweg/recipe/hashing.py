"""Categories, texts and crosses hashed to 2^bits columns: what is hashed how, and what a model keeps of it.

The matrix has, for each number, its value (centred and scaled) and an indicator of its holes, and after these the
hashed columns. A category's hole is a word like any other, "(missing)".
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from thalweg.errors import UsageError
from thalweg.recipe.columns import Term

MOST_BITS = 28


@dataclass(frozen=True)
class Hashing:
    """What is hashed, and how.

    bits        2^bits columns
    numbers     number and date columns, which are not hashed themselves; crosses need their names
    categories  columns of words
    texts       columns of text: each row's tokens counted, scaled to length 1 unless weights is "counts"
    crosses     pairs of numbers or categories: a column for each pair of words, or a number times each word
    tokens, ngrams, weights  how texts are read
    """

    bits: int
    numbers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    crosses: tuple[tuple[str, str], ...] = ()
    tokens: str = "words"
    ngrams: int = 1
    weights: str = "tfidf"

    def __post_init__(self) -> None:
        if isinstance(self.bits, bool) or not isinstance(self.bits, int) or not 1 <= self.bits <= MOST_BITS:
            raise UsageError(f"--bits is {self.bits!r}, but must be a whole number from 1 to {MOST_BITS}.")
        for left, right in self.crosses:
            for name in (left, right):
                if name not in (*self.numbers, *self.categories):
                    raise UsageError(f"--cross {left},{right}: {name!r} is not among the numbers and categories.")
            if left == right:
                raise UsageError(f"--cross {left},{right} names one column twice.")

    @classmethod
    def from_dict(cls, body: dict[str, Any]) -> "Hashing":
        """What `dataclasses.asdict` made of it, after JSON."""
        given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in body.items()}
        return cls(**{**given, "crosses": tuple((left, right) for left, right in body["crosses"])})

    @property
    def offset(self) -> int:
        """Where the hashed columns begin: after a value and an indicator for each number."""
        return 2 * len(self.numbers)

    @property
    def width(self) -> int:
        """Columns of the matrix."""
        return self.offset + (1 << self.bits)

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """What hashed words may come from: categories, texts, crosses, in the order they are told apart by."""
        return (*self.categories, *self.texts, *(f"{left} x {right}" for left, right in self.crosses))


@dataclass(frozen=True, eq=False)
class HashedColumns:
    """The hashed columns of a model: those that have a weight, and the words that are known to stand behind them.

    hashing      how words become columns
    means, scales  of the numbers that crosses multiply with, in the order of `hashing.numbers`
    slots        (p,) increasing: which columns of the hashed matrix these are
    named        (m,) the columns that words are known of, and (m,) the `sources` those words come from
    letters      the words one after another in UTF-8, word i ending at ends[i]
    used, shared columns that any word was hashed to, and that more than one was
    """

    hashing: Hashing
    means: tuple[float, ...]
    scales: tuple[float, ...]
    slots: np.ndarray = field(repr=False)
    named: np.ndarray = field(repr=False)
    origin: np.ndarray = field(repr=False)
    letters: np.ndarray = field(repr=False)
    ends: np.ndarray = field(repr=False)
    used: int = 0
    shared: int = 0

    @property
    def width(self) -> int:
        return len(self.slots)

    @property
    def sources(self) -> tuple[str, ...]:
        crossed = [name for pair in self.hashing.crosses for name in pair]
        return tuple(dict.fromkeys((*self.hashing.categories, *self.hashing.texts, *crossed)))

    @property
    def collisions(self) -> float:
        """Share of the columns in use that more than one word was hashed to."""
        return self.shared / self.used if self.used else 0.0

    def terms(self) -> Iterator[Term]:
        """A term for each column, named after the words behind it."""
        words: dict[int, list[str]] = {}
        sources: dict[int, str] = {}
        begin = 0
        for slot, source, end in zip(self.named.tolist(), self.origin.tolist(), self.ends.tolist(), strict=True):
            word = self.letters[begin:end].tobytes().decode()
            words.setdefault(slot, []).append(f"{self.hashing.sources[source]}={word}")
            sources.setdefault(slot, self.hashing.sources[source])
            begin = end
        for slot in self.slots.tolist():
            behind = words.get(slot, [f"hashed column {slot - self.hashing.offset}"])
            yield Term(" or ".join(behind), sources.get(slot, behind[0]), "hashed")
