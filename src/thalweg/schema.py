"""What a stored document must be: names, types, ranges, lengths and shapes, stated as values, checked before any use.

    LEVELS = Record({"levels": Several(Text(), "k", distinct=True), "shares": Several(Number(0.0, 1.0), "k")})
    LEVELS.check(found, "columns[2]")   # SchemaError: columns[2].shares has 3 entries, but must have 2

A length, a side of an array or a bound may be a name: it has one value in a record, and in the records within it.
"""

import sys
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_LARGEST = sys.float_info.max

Sizes = dict[str, int]
Bound = float | str  # or the name of a size


class SchemaError(ValueError):
    """A document is not what its schema says; the message names the place, what was found and what was expected."""


class Schema(ABC):
    """What a value must be."""

    @property
    @abstractmethod
    def words(self) -> str:
        """The same as messages say it: "a text"."""

    @abstractmethod
    def check(self, value: Any, place: str, sizes: Sizes | None = None) -> None:
        """Raise SchemaError where the value, which stands at that place, is another. `sizes` gives names their size."""

    def refuse(self, value: Any, place: str, expected: str | None = None) -> None:
        """Raise SchemaError for that value."""
        raise SchemaError(f"{place} is {_shown(value)}, but must be {expected or self.words}")


def taken(parts: Mapping[str, Schema], value: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Those parts of a mapping, checked, and the others. Raises SchemaError where one of them is missing or another."""
    own = {name: value[name] for name in parts if name in value}
    Record(parts).check(own, "")
    return own, {name: one for name, one in value.items() if name not in parts}


class Scalar(Schema):
    """What needs no look at what stands beside it."""

    @abstractmethod
    def fits(self, value: Any) -> bool: ...

    def check(self, value: Any, place: str, sizes: Sizes | None = None) -> None:
        if not self.fits(value):
            self.refuse(value, place)


@dataclass(frozen=True)
class Flag(Scalar):
    words = "true or false"

    def fits(self, value: Any) -> bool:
        return isinstance(value, bool)


@dataclass(frozen=True)
class Text(Scalar):
    """A text that can be written as UTF-8."""

    words = "a text"

    def fits(self, value: Any) -> bool:
        return isinstance(value, str) and (value.isascii() or _has_bytes(value))


@dataclass(frozen=True)
class OneOf(Scalar):
    known: tuple[str, ...]

    @property
    def words(self) -> str:
        return f"one of {', '.join(self.known)}"

    def fits(self, value: Any) -> bool:
        return isinstance(value, str) and value in self.known


@dataclass(frozen=True)
class Number(Scalar):
    """A number from low to high; finite unless `infinite`, which lets NaN pass too."""

    low: float = -_LARGEST
    high: float = _LARGEST
    above: float | None = None
    infinite: bool = False

    @property
    def words(self) -> str:
        return "a number" if self.infinite else _in_words("a finite number", self.low, self.high, self.above)

    def fits(self, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if isinstance(value, float) and self.infinite:
            return True
        return self.low <= value <= self.high and (self.above is None or value > self.above)


@dataclass(frozen=True)
class Whole(Scalar):
    low: int = 0
    high: int = 2**62

    @property
    def words(self) -> str:
        bounds = f"from {self.low:,} to {self.high:,}" if self.high < 2**53 else f"of at least {self.low:,}"
        return f"a whole number {bounds}"

    def fits(self, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high


@dataclass(frozen=True)
class Either(Scalar):
    kinds: tuple[Scalar, ...]

    @property
    def words(self) -> str:
        return " or ".join(kind.words for kind in self.kinds)

    def fits(self, value: Any) -> bool:
        return any(kind.fits(value) for kind in self.kinds)


@dataclass(frozen=True)
class Anything(Scalar):
    """What somebody else checks."""

    words = "anything"

    def fits(self, value: Any) -> bool:
        return True


_SIMPLE = (Flag(), Text(), Number())


@dataclass(frozen=True)
class Plain(Scalar):
    """Whatever JSON holds, its numbers finite; no code relies on what it is."""

    words = "texts, finite numbers, true, false, null, and lists and mappings of these"

    def fits(self, value: Any) -> bool:
        if isinstance(value, list):
            return all(map(self.fits, value))
        if isinstance(value, dict):
            return all(map(_SIMPLE[1].fits, value)) and all(map(self.fits, value.values()))
        return value is None or any(kind.fits(value) for kind in _SIMPLE)


@dataclass(frozen=True)
class OrNone(Schema):
    kind: Schema

    @property
    def words(self) -> str:
        return f"{self.kind.words}, or null"

    def check(self, value: Any, place: str, sizes: Sizes | None = None) -> None:
        if value is not None:
            self.kind.check(value, place, sizes)


@dataclass(frozen=True)
class Several(Schema):
    """A list of such values; its length may have a name."""

    kind: Schema
    length: int | str | None = None
    distinct: bool = False
    least: int = 0

    @property
    def words(self) -> str:
        return "a list"

    def check(self, value: Any, place: str, sizes: Sizes | None = None) -> None:
        if not isinstance(value, list | tuple):
            self.refuse(value, place)
        _measure(len(value), self.length, f"{place} has {len(value):,} entries", {} if sizes is None else sizes)
        if len(value) < self.least:
            raise SchemaError(f"{place} has {len(value):,} entries, but must have at least {self.least}")
        if not (isinstance(self.kind, Scalar) and all(map(self.kind.fits, value))):
            for i, one in enumerate(value):
                self.kind.check(one, f"{place}[{i}]", sizes)
        if self.distinct and len(set(value)) < len(value):
            ((twice, _),) = Counter(value).most_common(1)
            raise SchemaError(f"{place} holds {_shown(twice)} twice, but its entries must differ")


@dataclass(frozen=True)
class Row(Schema):
    """A list of so many values, each of a kind of its own; where there may be more, these are of the kind `more`."""

    kinds: tuple[Schema, ...]
    more: Schema | None = None

    @property
    def words(self) -> str:
        return f"a list of {len(self.kinds)} values{' or more' if self.more else ''}"

    def check(self, value: Any, place: str, sizes: Sizes | None = None) -> None:
        least = len(self.kinds)
        if not isinstance(value, list | tuple) or len(value) < least or (len(value) > least and self.more is None):
            self.refuse(value, place)
        for i, one in enumerate(value):
            kind = self.kinds[i] if i < least else self.more
            assert kind is not None
            kind.check(one, f"{place}[{i}]", sizes)


@dataclass(frozen=True)
class Named(Schema):
    """A mapping from any names to such values."""

    kind: Schema
    words = "a mapping"

    def check(self, value: Any, place: str, sizes: Sizes | None = None) -> None:
        if not isinstance(value, dict):
            self.refuse(value, place)
        for name, one in value.items():
            Text().check(name, f"a name in {place}")
            self.kind.check(one, f"{place}.{name}", sizes)


@dataclass(frozen=True)
class Record(Schema):
    """A mapping of exactly these names; those of `optional` may be left out. Names of sizes are its own.

    rules  what must hold of the whole record, once its parts are as they should be: words -> whether it does
    """

    parts: Mapping[str, Schema]
    optional: Mapping[str, Schema] = field(default_factory=dict)
    rules: Mapping[str, Callable[[Mapping[str, Any]], bool]] = field(default_factory=dict)
    words = "a mapping"

    def check(self, value: Any, place: str, sizes: Sizes | None = None) -> None:
        if not isinstance(value, Mapping):
            self.refuse(value, place)
        sizes, within = dict(sizes or {}), f"{place}." if place else ""
        for name in value:
            if name not in self.parts and name not in self.optional:
                raise SchemaError(f"{within}{_short(str(name))} is there, but no such name is known")
        for name, kind in (*self.parts.items(), *self.optional.items()):
            if name in value:
                kind.check(value[name], within + name, sizes)
            elif name in self.parts:
                raise SchemaError(f"{within}{name} is missing")
        for words, holds in self.rules.items():
            if not holds(value):
                raise SchemaError(f"{place or 'the content'} must have {words}")


@dataclass(frozen=True)
class Tagged(Schema):
    """One of several records, told apart by a name in it; its other names are the record's."""

    tag: str
    kinds: Mapping[str, Record]
    words = "a mapping"

    def check(self, value: Any, place: str, sizes: Sizes | None = None) -> None:
        if not isinstance(value, dict):
            self.refuse(value, place)
        OneOf(tuple(self.kinds)).check(value.get(self.tag), f"{place}.{self.tag}")
        record = self.kinds[value[self.tag]]
        record.check({name: one for name, one in value.items() if name != self.tag}, place, sizes)


@dataclass(frozen=True)
class Array(Schema):
    """An array of that type and shape (None is any), its numbers from low to high; a bound may be the name of a size.

    infinite, nan  whether infinities and NaN may stand in it
    """

    dtype: type
    shape: tuple[int | str, ...] | None
    low: Bound | None = None
    high: Bound | None = None
    above: float | None = None
    infinite: bool = False
    nan: bool = False

    @property
    def words(self) -> str:
        shape = "" if self.shape is None else f" with the shape ({', '.join(map(str, self.shape))})"
        return f"an array of {np.dtype(self.dtype)}{shape}"

    def check(self, value: Any, place: str, sizes: Sizes | None = None) -> None:
        sizes = {} if sizes is None else sizes
        known = isinstance(value, np.ndarray) and value.dtype == np.dtype(self.dtype)
        shape = value.shape if known and self.shape is None else self.shape
        if not known or shape is None or value.ndim != len(shape):
            self.refuse(value, place)
            return
        for found, wanted in zip(value.shape, shape, strict=True):
            _measure(found, wanted, f"{place} has the shape {value.shape}", sizes)
        if not value.size:
            return
        low, high = self._bounds(sizes)
        least, most = value.min().item(), value.max().item()  # NaN, where there is one
        if not (low <= least and most <= high and (self.above is None or least > self.above)):
            wide = value.astype(np.float64)
            bad = ~((wide >= low) & (wide <= high)) | (False if self.above is None else wide <= self.above)
            bad &= ~(np.isnan(wide) & self.nan)
            for at in np.argwhere(bad)[:1].tolist():
                kind = (
                    "a number" if self.infinite else "a finite number" if value.dtype.kind == "f" else "a whole number"
                )
                where = f"{place}[{', '.join(map(str, at))}]"
                self.refuse(value[tuple(at)].item(), where, _in_words(kind, low, high, self.above))

    def _bounds(self, sizes: Sizes) -> tuple[float, float]:
        low, high = (sizes[bound] if isinstance(bound, str) else bound for bound in (self.low, self.high))
        edge = np.inf if self.infinite else _LARGEST
        return -edge if low is None else low, edge if high is None else high


def _measure(found: int, wanted: int | str | None, told: str, sizes: Sizes) -> None:
    """Raise SchemaError for another size than that, or than the one a name stands for by now."""
    size = sizes.setdefault(wanted, found) if isinstance(wanted, str) else wanted
    if size is not None and found != size:
        raise SchemaError(f"{told}, but must have {size:,}" + (f" ({wanted})" if isinstance(wanted, str) else ""))


def _in_words(kind: str, low: float, high: float, above: float | None) -> str:
    words = [f"above {above:g}"] if above is not None else [f"of at least {low:g}"] if low > -_LARGEST else []
    return " ".join([kind, *words, *([f"and at most {high:g}"] if high < _LARGEST else [])])


def _has_bytes(text: str) -> bool:
    try:
        return bool(text.encode())
    except UnicodeEncodeError:
        return False


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} with the shape {value.shape}"
    return _short(repr(value)) if not isinstance(value, int) or abs(value) < 10**30 else "a very large number"


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
