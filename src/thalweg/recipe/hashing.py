"""Categories, texts and crosses hashed to 2^bits columns: what is hashed how, and what a model keeps of it.

The matrix has, for each number, its value (centred and scaled) and an indicator of its holes, and after these the
hashed columns. A category's hole is a word like any other, "(missing)".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from thalweg.cached import cached_property
from thalweg.errors import UsageError
from thalweg.names import TEXT_WEIGHT_NAMES, TOKEN_NAMES
from thalweg.recipe.columns import Term
from thalweg.schema import Array, Number, OneOf, Record, Row, Several, Text, Whole

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

    SCHEMA: ClassVar = Record(
        {
            "bits": Whole(1, MOST_BITS),
            "numbers": Several(Text()),
            "categories": Several(Text()),
            "texts": Several(Text()),
            "crosses": Several(Row((Text(), Text()))),
            "tokens": OneOf(TOKEN_NAMES[1:]),  # "auto" is settled before
            "ngrams": Whole(1),
            "weights": OneOf(TEXT_WEIGHT_NAMES),
        },
        rules={
            "a name of its own for each column": lambda h: _differ([*h["numbers"], *h["categories"], *h["texts"]]),
            "crosses of two of its numbers and categories": lambda h: all(
                left != right and {left, right} <= {*h["numbers"], *h["categories"]} for left, right in h["crosses"]
            ),
        },
    )

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

    SCHEMA: ClassVar = Record(
        {
            "hashing": Hashing.SCHEMA,
            "means": Several(Number(), "numbers"),
            "scales": Several(Number(above=0.0), "numbers"),
            "slots": Array(np.int32, ("slots",)),
            "named": Array(np.int32, ("words",)),
            "origin": Array(np.int16, ("words",), low=0),
            "letters": Array(np.uint8, ("letters",)),
            "ends": Array(np.int64, ("words",)),
            "used": Whole(),
            "shared": Whole(),
        },
        rules={
            "means and scales for each number": lambda c: len(c["means"]) == len(c["hashing"]["numbers"]),
            "slots and words in its hashed columns, each slot once": lambda c: _are_slots(
                Hashing.from_dict(c["hashing"]), c["slots"], c["named"]
            ),
            "words of its sources": lambda c: (
                c["origin"].max(initial=-1) < len(Hashing.from_dict(c["hashing"]).sources)
            ),
            "letters that end where its words end, in UTF-8": lambda c: are_words(c["letters"], c["ends"]),
        },
    )

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


def are_words(letters: np.ndarray, ends: np.ndarray) -> bool:
    """Whether those letters are words in UTF-8, one after another, word i ending at ends[i]."""
    begins = np.concatenate([[0], ends])
    if (begins[1:] < begins[:-1]).any() or begins[-1] != len(letters):
        return False
    starts = letters[begins[begins < len(letters)]]
    try:
        letters.tobytes().decode()
    except UnicodeDecodeError:
        return False
    return not ((starts & 0xC0) == 0x80).any()  # no word begins within a letter


def _are_slots(hashing: Hashing, slots: np.ndarray, named: np.ndarray) -> bool:
    places = np.concatenate([slots, named])
    inside = bool(((places >= hashing.offset) & (places < hashing.width)).all())
    return inside and bool((slots[1:] > slots[:-1]).all())


def _differ(names: Sequence[str]) -> bool:
    return len(set(names)) == len(names)
