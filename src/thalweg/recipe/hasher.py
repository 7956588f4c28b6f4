"""Chunks of a stream into hashed rows, in one pass and without a list of levels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
import pyarrow
from scipy.sparse import csr_array

from thalweg.errors import DataError
from thalweg.readers.chunk import Chunk, infinite
from thalweg.recipe.columns import MISSING
from thalweg.recipe.hashing import HashedColumns, Hashing
from thalweg.recipe.text import tokens_of, unit_rows, with_empty_row
from thalweg.rows import Csr

_SEED = 0xCBF29CE484222325  # FNV's offset basis


@dataclass(frozen=True)
class Words:
    """The different words of a chunk that come from one source.

    source  its place among `Hashing.sources`
    slots   (m,) their columns in the matrix
    marks   (m,) uint16, which tell words of one slot apart; the last two bits are set
    named   places (k,) -> k words
    dictionary  that they are the words of, with a hole's or without; the same object in chunks that share it
    """

    source: int
    slots: np.ndarray
    marks: np.ndarray
    named: Any = field(repr=False)
    dictionary: Any = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class _Known:
    """A dictionary of a category, and after its words that of a hole: hashes, columns and marks (words + 1,)."""

    words: Any
    hashes: np.ndarray
    slots: np.ndarray
    marks: np.ndarray
    named: Any


@dataclass(frozen=True)
class _Coded:
    """A category of a chunk: codes (n,), the last one for holes, into what is known."""

    codes: np.ndarray
    known: _Known
    has_hole: bool


class HashedMargins:
    """X·w of chunk after chunk for a model with hashed columns, whose matrix is never cut down to those it has."""

    def __init__(self, column: HashedColumns, holes: Sequence[bool], coef: np.ndarray) -> None:
        spec = column.hashing
        self._column, self._hasher = column, Hasher(spec)
        self._means, self._scales = np.array(column.means), np.array(column.scales)
        kept = [2 * i + j for i, hole in enumerate(holes) for j in range(1 + hole)]
        self._weights = np.zeros(spec.width)
        self._weights[np.concatenate([np.array(kept, np.int64), column.slots])] = coef

    def __call__(self, chunk: Chunk) -> np.ndarray:
        """(n,) margins without the intercept."""
        for name in self._column.hashing.numbers:
            values = chunk.numbers(name)
            if np.isinf(values).any():
                row = int(np.argmax(np.isinf(values)))
                raise DataError(f"{chunk.place(row)}: {infinite(name, values[row])}")
        X, _ = self._hasher.rows(chunk, self._means, self._scales, np.float64)
        return X @ self._weights


class HashedEncoder:
    """Chunks into the (n, p) hashed columns of a model."""

    def __init__(self, column: HashedColumns) -> None:
        self._column, self._hasher = column, Hasher(column.hashing)
        self._places = np.full(column.hashing.width, -1, dtype=np.int32)
        self._places[column.slots] = np.arange(len(column.slots), dtype=np.int32)

    def __call__(self, chunk: Chunk) -> Any:
        """CSR, what has no weight left out."""
        column = self._column
        X, _ = self._hasher.rows(chunk, np.array(column.means), np.array(column.scales), np.float64)
        at = self._places[X.indices]
        kept = at >= 0
        indptr = np.concatenate([[0], np.cumsum(kept)])[X.indptr]
        return csr_array((X.data[kept], at[kept], indptr), shape=(chunk.n, column.width))


class Hasher:
    """Chunks into rows of the matrix."""

    def __init__(self, hashing: Hashing) -> None:
        self.hashing = hashing
        self._mask = np.uint64((1 << hashing.bits) - 1)
        self._last: dict[str, tuple[Any, _Known]] = {}

    def rows(
        self, chunk: Chunk, mean: np.ndarray, scale: np.ndarray, dtype: type = np.float32
    ) -> tuple[Csr, list[Words]]:
        """(n, width) rows, numbers centred and scaled by mean and scale (numbers,); and the words they hold."""
        spec, n = self.hashing, chunk.n
        numbers = {name: chunk.numbers(name) for name in spec.numbers}
        coded = {name: self._coded(name, *chunk.codes(name)) for name in spec.categories}
        texts = [self._text(chunk, name) for name in spec.texts]
        fixed = len(spec.numbers) + len(spec.categories) + len(spec.crosses)
        lengths = np.full(n, fixed, dtype=np.int64)
        for counts, _, _ in texts:
            lengths += np.diff(counts.indptr)
        indptr = np.concatenate([[0], np.cumsum(lengths)])
        indices = np.empty(indptr[-1], dtype=np.int32)
        data = np.ones(indptr[-1], dtype=dtype)
        start, at, words = indptr[:-1], len(numbers) + len(coded), []
        if numbers:
            passes().place_numbers(np.stack(list(numbers.values())), mean, scale, start, indices, data)
        if coded:
            ends = np.cumsum([len(column.known.slots) for column in coded.values()])
            slots = np.concatenate([column.known.slots for column in coded.values()])
            codes = np.stack([column.codes for column in coded.values()])
            passes().place_words(codes, slots, ends, start, len(numbers), indices)
        for source, column in enumerate(coded.values()):
            known = column.known
            met = len(known.slots) - 1 + column.has_hole
            words.append(Words(source, known.slots[:met], known.marks[:met], known.named, known))
        crossed = {name for pair in spec.crosses for name in pair}
        standard = {
            name: _filled((values - mean[i]) / scale[i])
            for i, (name, values) in enumerate(numbers.items())
            if name in crossed
        }
        for source, pair in enumerate(spec.crosses, len(spec.categories) + len(spec.texts)):
            hashes, factors, named = _crossed(pair, coded, standard, n)
            slots = self._slots(hashes)
            indices[start + at] = slots
            if factors is not None:
                data[start + at] = factors
            words.append(Words(source, slots, _marks(hashes), named))
            at += 1
        for source, (counts, tokens, hashes) in enumerate(texts, len(spec.categories)):
            slots = self._slots(hashes)
            places = _within(start + at, counts.indptr)
            indices[places], data[places] = slots[counts.indices], counts.data
            start = start + np.diff(counts.indptr)
            words.append(Words(source, slots, _marks(hashes), _Taken(tokens)))
        return Csr(indptr, indices, data, spec.width), words

    def _coded(self, name: str, codes: np.ndarray, dictionary: Any) -> _Coded:
        """The category's codes; a dictionary that is the last chunk's is not hashed again."""
        last = self._last.get(name)
        if last is None or not _same(last[0], dictionary):
            words = pyarrow.concat_arrays([dictionary, pyarrow.array([MISSING])])
            hashes = _hashed(words, _seed(name))
            known = _Known(words, hashes, self._slots(hashes), _marks(hashes), _Taken(words))
            last = self._last[name] = (dictionary, known)
        return _Coded(codes, last[1], bool((codes == len(dictionary)).any()))

    def _slots(self, hashes: np.ndarray) -> np.ndarray:
        return (hashes & self._mask).astype(np.int32) + np.int32(self.hashing.offset)

    def _text(self, chunk: Chunk, name: str) -> tuple[Any, Any, np.ndarray]:
        """(n, tokens) counts, the tokens, and their hashes."""
        codes, texts = chunk.codes(name)
        counts, tokens = tokens_of(texts.to_pylist(), self.hashing.tokens, self.hashing.ngrams)
        if self.hashing.weights == "tfidf":  # lengths of 1 without idf, which one pass cannot know
            counts = unit_rows(counts)
        counts = with_empty_row(counts)[codes]
        words = pyarrow.array(tokens, pyarrow.string())
        return counts, words, _hashed(words, _seed(name))


@dataclass(frozen=True)
class _Taken:
    words: Any

    def __call__(self, places: np.ndarray) -> Any:
        return self.words.take(pyarrow.array(places))


def _same(one: Any, other: Any) -> bool:
    """Whether two Arrow arrays are the same memory."""
    buffers = [[None if b is None else b.address for b in array.buffers()] for array in (one, other)]
    return buffers[0] == buffers[1] and (len(one), one.offset) == (len(other), other.offset)


def _crossed(
    pair: tuple[str, str], coded: Mapping[str, _Coded], numbers: Mapping[str, np.ndarray], n: int
) -> tuple[np.ndarray, np.ndarray | None, Any]:
    """The hash of each row's pair, the number that goes with it, and how a pair is called."""
    left, right = pair
    seed = _seed(f"{left}\0{right}")
    if left in coded and right in coded:
        a, b = coded[left], coded[right]

        def called(rows: np.ndarray) -> Any:
            words = zip(a.known.named(a.codes[rows]).to_pylist(), b.known.named(b.codes[rows]).to_pylist(), strict=True)
            return pyarrow.array([f"{one},{other}" for one, other in words], pyarrow.string())

        return passes().hash_pairs(a.known.hashes, a.codes, b.known.hashes, b.codes, seed), None, called
    if left in coded or right in coded:
        words, values = (coded[left], numbers[right]) if left in coded else (coded[right], numbers[left])
        hashes = passes().hash_pairs(
            words.known.hashes, words.codes, np.zeros(1, np.uint64), np.zeros(n, np.int32), seed
        )
        return hashes, values, lambda rows: words.known.named(words.codes[rows])
    product = np.full(n, _hashed(pyarrow.array([""]), seed)[0])
    return product, numbers[left] * numbers[right], lambda rows: pyarrow.array(["product"] * len(rows))


def _filled(values: np.ndarray) -> np.ndarray:
    """Holes at the mean."""
    return np.where(np.isnan(values), 0.0, values)


def _within(starts: np.ndarray, indptr: np.ndarray) -> np.ndarray:
    """starts[i], starts[i] + 1, ... as many as row i has entries."""
    counts = np.diff(indptr)
    return np.repeat(starts - indptr[:-1], counts) + np.arange(indptr[-1])


def _hashed(words: Any, seed: np.uint64) -> np.ndarray:
    """(m,) uint64 of an Arrow array of words."""
    _, offsets, letters = words.buffers()
    ends = np.frombuffer(offsets, np.int32)[words.offset : words.offset + len(words) + 1]
    return np.asarray(passes().hash_words(ends, np.frombuffer(letters or b"\0", np.uint8), seed))


def _marks(hashes: np.ndarray) -> np.ndarray:
    """The half of a hash that is not its slot; the last two bits are 1: they say that there is a word, and known."""
    return (hashes >> np.uint64(48)).astype(np.uint16) | np.uint16(3)


@cache
def _seed(name: str) -> np.uint64:
    """What makes one word another in each column."""
    seed = _SEED
    for letter in (*name.encode(), 0):
        seed = ((seed ^ letter) * 0x100000001B3) % (1 << 64)
    return np.uint64(seed)


@cache
def passes() -> Any:
    """The compiled loops; Numba is imported when something is hashed, not before."""
    return import_module("thalweg.recipe.hashing_passes")
