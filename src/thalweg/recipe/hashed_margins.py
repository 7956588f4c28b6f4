"""Margins of rows with hashed words, without their matrix: what a model that learnt online predicts with."""

from collections.abc import Sequence

import numpy as np
from pyarrow.types import is_dictionary

from thalweg.errors import DataError
from thalweg.readers.chunk import Chunk, infinite
from thalweg.recipe.arrow_memory import located
from thalweg.recipe.hasher import Hasher, Known, number_loops, word_loops
from thalweg.recipe.hashing import HashedColumns


class HashedMargins:
    """X·w of chunk after chunk for a model with hashed columns.

    holes  whether each of the numbers has a column for holes; coef: weights (p,) of the model's columns
    """

    def __init__(self, column: HashedColumns, holes: Sequence[bool], coef: np.ndarray) -> None:
        spec = column.hashing  # and nothing else of the column, whose words are as large as the weights
        self._hasher = Hasher(spec)
        self._means, self._scales = np.array(column.means), np.array(column.scales)
        kept = [2 * i + j for i, hole in enumerate(holes) for j in range(1 + hole)]
        self._weights = np.zeros(spec.width)
        self._weights[np.concatenate([np.array(kept, np.int64), column.slots])] = coef
        self._last: dict[str, tuple[Known, np.ndarray]] = {}  # categories' dictionaries, and the weights of their words

    def __call__(self, chunk: Chunk) -> np.ndarray:
        """(n,) margins without the intercept. Raises DataError for an infinite number."""
        hasher, weights, z = self._hasher, self._weights, np.zeros(chunk.n)
        numbers = hasher.numbers(chunk)
        number_loops().add_numbers(numbers, self._means, self._scales, weights, z)
        self._add_words(chunk, z)
        for hashes, factors, _ in hasher.crosses(chunk, numbers, self._means, self._scales):
            w = weights[hasher.split(hashes)[0]]
            z += w if factors is None else w * factors
        for counts, _, hashes in hasher.texts(chunk):
            z += counts @ weights[hasher.split(hashes)[0]]
        if not np.isfinite(z).all():
            self._refuse_infinite(chunk, numbers)
        return z

    def _add_words(self, chunk: Chunk, z: np.ndarray) -> None:
        """Those of categories."""
        hashes = np.empty(chunk.n, np.uint64)
        for name in self._hasher.hashing.categories:
            array = chunk.columns[name]
            if not is_dictionary(array.type):
                self._hasher.add_strings(name, array, self._weights, hashes, z)
                continue
            known, last = self._hasher.known(name, array.dictionary), self._last.get(name)
            if last is None or last[0] is not known:
                last = self._last[name] = (known, self._weights[known.slots])
            word_loops().add_coded(located([array.indices])[0], last[1], z)

    def _refuse_infinite(self, chunk: Chunk, numbers: np.ndarray) -> None:
        for name, values in zip(self._hasher.hashing.numbers, numbers, strict=True):
            if np.isinf(values).any():
                row = int(np.argmax(np.isinf(values)))
                raise DataError(f"{chunk.place(row)}: {infinite(name, values[row])}")
