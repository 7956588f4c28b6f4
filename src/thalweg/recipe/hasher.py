"""Chunks of a stream into hashed rows, in one pass and without a list of levels."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pyarrow
from pyarrow.types import is_dictionary
from scipy.sparse import csr_array

from thalweg import native
from thalweg.readers.chunk import Chunk
from thalweg.recipe.arrow_memory import located, same_memory
from thalweg.recipe.columns import MISSING
from thalweg.recipe.hashing import HashedColumns, Hashing
from thalweg.recipe.text import tokens_of, unit_rows, with_empty_row
from thalweg.rows import Csr

_NONE = np.empty(0)
_REMEMBERED = 1 << 11  # hashes of each column of a chunk, so that most words are met once
_SEED = 0xCBF29CE484222325  # FNV's offset basis


@dataclass(frozen=True)
class Words:
    """The different words of a chunk, or some of them more than once.

    source  its place among `Hashing.sources`; or (m,) that of each word
    slots   (m,) their columns in the matrix
    marks   (m,) uint16, which tell words of one slot apart; the last two bits are set
    named   places (k,) -> k words
    dictionary  that they are the words of, with a hole's or without; the same object in chunks that share it
    """

    source: int | np.ndarray
    slots: np.ndarray
    marks: np.ndarray
    named: Any = field(repr=False)
    dictionary: Any = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class Known:
    """A dictionary of a category, and after its words that of a hole: hashes, columns and marks (words + 1,)."""

    hashes: np.ndarray
    slots: np.ndarray
    marks: np.ndarray
    named: Any


@dataclass(frozen=True, eq=False)
class _Category:
    """A category of a chunk: its codes (n,), and the hashes they point at."""

    codes: np.ndarray
    hashes: np.ndarray
    named: Any


class HashedEncoder:
    """Chunks into the (n, p) hashed columns of a model."""

    def __init__(self, column: HashedColumns) -> None:
        self._column, self._hasher = column, Hasher(column.hashing)
        self._places = np.full(column.hashing.width, -1, dtype=np.int32)
        self._places[column.slots] = np.arange(len(column.slots), dtype=np.int32)

    def __call__(self, chunk: Chunk) -> Any:
        """CSR, what has no weight left out."""
        column = self._column
        numbers = self._hasher.numbers(chunk)
        X, _ = self._hasher.rows(chunk, numbers, np.array(column.means), np.array(column.scales), np.float64)
        at = self._places[X.indices]
        kept = at >= 0
        indptr = np.concatenate([[0], np.cumsum(kept)])[X.indptr]
        return csr_array((X.data[kept], at[kept], indptr), shape=(chunk.n, column.width))


class Hasher:
    """Chunks into rows of the matrix."""

    def __init__(self, hashing: Hashing) -> None:
        self.hashing = hashing
        self._mask = np.uint64((1 << hashing.bits) - 1)
        self._last: dict[str, tuple[Any, Known]] = {}

    def numbers(self, chunk: Chunk) -> np.ndarray:
        """(numbers, n) of a chunk, holes NaN."""
        found = np.empty((len(self.hashing.numbers), chunk.n))
        number_loops().fill_numbers(located([chunk.columns[name] for name in self.hashing.numbers]), found)
        return found

    def rows(
        self, chunk: Chunk, numbers: np.ndarray, mean: np.ndarray, scale: np.ndarray, dtype: type = np.float32
    ) -> tuple[Csr, list[Words]]:
        """(n, width) rows, the numbers (k, n) centred and scaled by mean and scale (k,); and the words they hold."""
        spec, n = self.hashing, chunk.n
        texts = self.texts(chunk)
        at = len(spec.numbers) + len(spec.categories)
        lengths = np.full(n, at + len(spec.crosses), dtype=np.int64)
        for counts, _, _ in texts:
            lengths += np.diff(counts.indptr)
        indptr = np.concatenate([[0], np.cumsum(lengths)])
        indices = np.empty(indptr[-1], dtype=np.int32)
        data = np.ones(indptr[-1], dtype=dtype)
        start = indptr[:-1]
        number_loops().place_numbers(numbers, mean, scale, start, indices, data)
        words = self._place_words(chunk, start, indices)
        crosses = self.crosses(chunk, numbers, mean, scale)
        for source, (hashes, factors, named) in enumerate(crosses, len(spec.categories) + len(spec.texts)):
            slots, marks = self.split(hashes)
            indices[start + at] = slots
            if factors is not None:
                data[start + at] = factors
            words.append(Words(source, slots, marks, named))
            at += 1
        for source, (counts, tokens, hashes) in enumerate(texts, len(spec.categories)):
            slots, marks = self.split(hashes)
            places = _within(start + at, counts.indptr)
            indices[places], data[places] = slots[counts.indices], counts.data
            start = start + np.diff(counts.indptr)
            words.append(Words(source, slots, marks, _Taken(tokens)))
        return Csr(indptr, indices, data, spec.width), words

    def crosses(
        self, chunk: Chunk, numbers: np.ndarray, mean: np.ndarray, scale: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray | None, Any]]:
        """For each cross the hashes (n,) of its rows' pairs, the numbers (n,) that go with them, and pairs' names."""
        spec = self.hashing
        crossed = {name for pair in spec.crosses for name in pair}
        categories = {name: self._category(chunk, name) for name in spec.categories if name in crossed}
        standard = {
            name: _filled((numbers[i] - mean[i]) / scale[i]) for i, name in enumerate(spec.numbers) if name in crossed
        }
        for pair in spec.crosses:
            yield _crossed(pair, categories, standard, chunk.n)

    def texts(self, chunk: Chunk) -> list[tuple[Any, Any, np.ndarray]]:
        """For each text column (n, tokens) counts, the tokens, and their hashes."""
        return [self._text(chunk, name) for name in self.hashing.texts]

    def add_strings(self, name: str, array: Any, weights: np.ndarray, hashes: np.ndarray, z: np.ndarray) -> None:
        """Add to z (n,) the weights (width,) of plain words that stand in a column; hashes (n,) is room to work in."""
        seed, hole = _seed(name), _hash_of_hole(name)
        word_loops().add_strings(located([array])[0], seed, hole, self._mask, self.hashing.offset, weights, hashes, z)

    def _place_words(self, chunk: Chunk, start: np.ndarray, indices: np.ndarray) -> list[Words]:
        """The categories' columns into indices, each row's from start + numbers on; and the words they hold."""
        spec = self.hashing
        words: list[Words] = []
        coded: list[tuple[int, Any, Known]] = []
        plain: list[tuple[int, Any]] = []
        for source, name in enumerate(spec.categories):
            array = chunk.columns[name]
            if not is_dictionary(array.type):
                plain.append((source, array))
                continue
            known = self.known(name, array.dictionary)
            coded.append((source, array.indices, known))
            met = len(known.slots) - (array.null_count == 0)  # the hole's only where there is one
            words.append(Words(source, known.slots[:met], known.marks[:met], known.named, known))
        if coded:
            sources, codes, dictionaries = zip(*coded, strict=True)
            ends = np.cumsum([len(known.slots) for known in dictionaries])
            slots = np.concatenate([known.slots for known in dictionaries])
            at = np.array(sources) + len(spec.numbers)
            word_loops().place_words(located(codes), slots, ends, start, at, indices)
        if plain:
            chosen, arrays = zip(*plain, strict=True)
            seeds = np.array([_seed(spec.categories[source]) for source in chosen])
            holes = np.array([_hash_of_hole(spec.categories[source]) for source in chosen])
            where, to, size = located(arrays), np.array(chosen) + len(spec.numbers), len(plain) * chunk.n
            last = np.zeros((len(plain), _REMEMBERED), np.uint64)
            of, rows = np.empty(size, np.int16), np.empty(size, np.int32)
            slots, marks = np.empty(size, np.int32), np.empty(size, np.uint16)
            count = word_loops().place_strings(
                where, seeds, holes, self._mask, spec.offset, start, to, indices, last, of, rows, slots, marks
            )
            of = of[:count].copy()  # the rest of what was set aside is given back
            named = _Strings(arrays, where, of, rows[:count].copy())
            met = np.array(chosen, np.int16)[of]
            words.append(Words(met, slots[:count].copy(), marks[:count].copy(), named))
        return words

    def known(self, name: str, dictionary: Any) -> Known:
        """What is known of a category's dictionary, which is not hashed again where it is the last chunk's."""
        last = self._last.get(name)
        if last is None or not same_memory(last[0], dictionary):
            words = pyarrow.concat_arrays([dictionary, pyarrow.array([MISSING])])
            hashes = _hashed(words, name)
            last = self._last[name] = (dictionary, Known(hashes, *self.split(hashes), _Taken(words)))
        return last[1]

    def _category(self, chunk: Chunk, name: str) -> _Category:
        array = chunk.columns[name]
        if not is_dictionary(array.type):
            return _Category(np.arange(chunk.n, dtype=np.int32), _hashed(array, name), _Taken(array))
        known = self.known(name, array.dictionary)
        return _Category(chunk.codes(name)[0], known.hashes, known.named)

    def split(self, hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Columns and marks (m,) of hashes."""
        slots, marks = np.empty(len(hashes), np.int32), np.empty(len(hashes), np.uint16)
        word_loops().split(hashes, self._mask, self.hashing.offset, slots, marks)
        return slots, marks

    def _text(self, chunk: Chunk, name: str) -> tuple[Any, Any, np.ndarray]:
        codes, texts = chunk.codes(name)
        counts, tokens = tokens_of(texts.to_pylist(), self.hashing.tokens, self.hashing.ngrams)
        if self.hashing.weights == "tfidf":  # lengths of 1 without idf, which one pass cannot know
            counts = unit_rows(counts)
        counts = with_empty_row(counts)[codes]
        words = pyarrow.array(tokens, pyarrow.string())
        return counts, words, _hashed(words, name)


@dataclass(frozen=True)
class _Taken:
    words: Any

    def __call__(self, places: np.ndarray) -> Any:
        return self.words.take(pyarrow.array(places)).fill_null(MISSING)


@dataclass(frozen=True)
class _Strings:
    """Words that stand in rows (m,) of arrays (m,), which stand in memory where the table says."""

    arrays: Any
    where: np.ndarray
    of: np.ndarray
    rows: np.ndarray

    def __call__(self, places: np.ndarray) -> Any:
        words = self.where, self.of[places], self.rows[places], np.frombuffer(MISSING.encode(), np.uint8)
        ends = np.zeros(len(places) + 1, np.int32)
        word_loops().measure_words(*words, ends[1:])
        letters = np.empty(ends[-1], np.uint8)
        word_loops().copy_words(*words, ends[1:], letters)
        return pyarrow.StringArray.from_buffers(len(places), pyarrow.py_buffer(ends), pyarrow.py_buffer(letters))


def _crossed(
    pair: tuple[str, str], coded: Mapping[str, _Category], numbers: Mapping[str, np.ndarray], n: int
) -> tuple[np.ndarray, np.ndarray | None, Any]:
    """The hash of each row's pair, the number that goes with it, and how a pair is called."""
    left, right = pair
    seed = _seed(f"{left}\0{right}")
    if left in coded and right in coded:
        a, b = coded[left], coded[right]

        def called(rows: np.ndarray) -> Any:
            words = zip(a.named(a.codes[rows]).to_pylist(), b.named(b.codes[rows]).to_pylist(), strict=True)
            return pyarrow.array([f"{one},{other}" for one, other in words], pyarrow.string())

        return _of_pairs(a.hashes, a.codes, b.hashes, b.codes, seed), None, called
    if left in coded or right in coded:
        words, values = (coded[left], numbers[right]) if left in coded else (coded[right], numbers[left])
        hashes = _of_pairs(words.hashes, words.codes, np.zeros(1, np.uint64), np.zeros(n, np.int32), seed)
        return hashes, values, lambda rows: words.named(words.codes[rows])
    product = np.full(n, _hashed(pyarrow.array([""]), f"{left}\0{right}")[0])
    return product, numbers[left] * numbers[right], lambda rows: pyarrow.array(["product"] * len(rows))


def _filled(values: np.ndarray) -> np.ndarray:
    """Holes at the mean."""
    return np.where(np.isnan(values), 0.0, values)


def _within(starts: np.ndarray, indptr: np.ndarray) -> np.ndarray:
    """starts[i], starts[i] + 1, ... as many as row i has entries."""
    counts = np.diff(indptr)
    return np.repeat(starts - indptr[:-1], counts) + np.arange(indptr[-1])


def measured(numbers: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """(5, k) of numbers (k, n), holes NaN: weight, mean, spread about it, whether there is a hole, and largest size."""
    found = np.empty((5, len(numbers)))
    number_loops().measure(numbers, _NONE if weight is None else weight, found)
    return found


def _of_pairs(left: np.ndarray, lefts: np.ndarray, right: np.ndarray, rights: np.ndarray, seed: Any) -> np.ndarray:
    """(n,) uint64 of pairs of words, whose hashes are given, and their places in each row."""
    hashes = np.empty(len(lefts), np.uint64)
    word_loops().hash_pairs(left, lefts, right, rights, seed, hashes)
    return hashes


def _hashed(words: Any, name: str) -> np.ndarray:
    """(m,) uint64 of an Arrow array of strings that stand in a column."""
    hashes = np.empty(len(words), np.uint64)
    word_loops().hash_words(located([words])[0], _seed(name), _hash_of_hole(name), hashes)
    return hashes


@cache
def _hash_of_hole(name: str) -> np.uint64:
    """That of the word a column's holes are."""
    hashes, words = np.empty(1, np.uint64), pyarrow.array([MISSING])
    word_loops().hash_words(located([words])[0], _seed(name), np.uint64(0), hashes)
    return np.uint64(hashes[0])


@cache
def _seed(name: str) -> np.uint64:
    """What makes one word another in each column."""
    seed = _SEED
    for letter in (*name.encode(), 0):
        seed = ((seed ^ letter) * 0x100000001B3) % (1 << 64)
    return np.uint64(seed)


def word_loops() -> native.Loops:
    return native.loops("thalweg.recipe.hashing_passes", "thalweg.recipe.number_passes")


def number_loops() -> native.Loops:
    return native.loops("thalweg.recipe.number_passes")
