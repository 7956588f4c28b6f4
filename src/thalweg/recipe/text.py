"""Text as counts of words: scikit-learn's vectorisers, learnt once and replayed from the words kept."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from thalweg.errors import DataError, UsageError
from thalweg.names import TEXT_WEIGHT_NAMES, TOKEN_NAMES
from thalweg.recipe.columns import TextColumn

_WHAT = {"words": "words of two letters or more", "characters": "characters"}
_MOST = 1_000_000_000  # rows and tokens
_LOOKED_AT = 1000  # texts that tell which script it is
_NO_SPACES = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")


@dataclass(frozen=True)
class TextOptions:
    """How text columns are read.

    columns   their names
    tokens    "auto": characters where the script has no spaces (Chinese, Japanese), else words
    ngrams    longest run of tokens; None: 1 for words, 2 for characters
    weights   "tfidf" or "counts"
    min_rows  rows a word must stand in to have a column
    """

    columns: tuple[str, ...] = ()
    tokens: str = "auto"
    ngrams: int | None = None
    weights: str = "tfidf"
    min_rows: int = 2

    def __post_init__(self) -> None:
        for option, value, known in (
            ("--tokens", self.tokens, TOKEN_NAMES),
            ("--text-weights", self.weights, TEXT_WEIGHT_NAMES),
        ):
            if value not in known:
                raise UsageError(f"{option} is {value!r}, but must be one of {', '.join(known)}.")
        for option, number in (("--ngrams", self.ngrams), ("--min-rows", self.min_rows)):
            whole = isinstance(number, int) and not isinstance(number, bool)
            if number is not None and not (whole and 1 <= number < _MOST):
                raise UsageError(
                    f"{option} is {number!r}, but must be a whole number of at least 1, and below {_MOST:,}."
                )


def learn_text(name: str, texts: Sequence[str], weight: np.ndarray, options: TextOptions, place: str) -> TextColumn:
    """The words of those texts, which weigh (n,) each. Raises DataError where no word is left."""
    tokens, ngrams = how_to_read(texts, options)
    vectorizer = _vectorizer(tokens, ngrams)
    try:
        counts = vectorizer.fit_transform(texts)
    except ValueError:  # an empty vocabulary
        return text_column(name, WordCounts([], np.zeros(0), np.zeros(0), 0.0), tokens, ngrams, options, place)
    rows = np.bincount(counts.indices, minlength=counts.shape[1])
    found = np.bincount(counts.indices, np.repeat(weight, np.diff(counts.indptr)), counts.shape[1])
    words = vectorizer.get_feature_names_out()
    read = WordCounts(words, rows, found, float(weight.sum()))
    return text_column(name, read, tokens, ngrams, options, place)


@dataclass(frozen=True)
class WordCounts:
    """Words in order, the rows (w,) they stand in, what these weigh (w,), and what all rows weigh."""

    words: Any
    rows: np.ndarray
    weights: np.ndarray
    total: float


def text_column(name: str, found: WordCounts, tokens: str, ngrams: int, options: TextOptions, place: str) -> TextColumn:
    """The words that stand in rows enough. Raises DataError where there are none."""
    kept = np.flatnonzero(found.rows >= options.min_rows)
    if not len(found.words):
        raise DataError(f"{place}: column {name!r} holds no {_WHAT[tokens]}; leave it out with --drop {name}.")
    if not len(kept):
        raise DataError(
            f"{place}: no word of column {name!r} stands in {options.min_rows} rows; --min-rows 1 keeps them all."
        )
    idf = np.empty(0)
    if options.weights == "tfidf":
        idf = np.log((1.0 + found.total) / (1.0 + found.weights[kept])) + 1.0
    words = tuple(str(found.words[i]) for i in kept)
    return TextColumn(name, tokens, ngrams, options.weights, words, tuple(idf.tolist()))


class Counter:
    """A text column's words counted, as learnt."""

    def __init__(self, column: TextColumn) -> None:
        self._vectorizer = _vectorizer(column.tokens, column.ngrams, column.words)
        self._idf = np.array(column.idf)

    def __call__(self, texts: Sequence[str]) -> Any:
        """(m, words) CSR of float64."""
        counts = self._vectorizer.transform(texts).astype(np.float64)
        if not len(self._idf):
            return counts
        counts.data *= self._idf[counts.indices]
        return unit_rows(counts)


def unit_rows(counts: Any) -> Any:
    """The rows of a CSR matrix scaled to length 1; empty ones stay empty."""
    from sklearn.preprocessing import normalize

    return normalize(counts, copy=False) if counts.nnz else counts


def with_empty_row(counts: Any) -> Any:
    """One empty row more, which the code of a hole takes."""
    from scipy.sparse import csr_array

    indptr = np.append(counts.indptr, counts.indptr[-1])
    return csr_array((counts.data, counts.indices, indptr), shape=(counts.shape[0] + 1, counts.shape[1]))


def tokens_of(texts: Sequence[str], tokens: str, ngrams: int) -> tuple[Any, Sequence[str]]:
    """(m, tokens) CSR counts of all the tokens of those texts, and the tokens."""
    vectorizer = _vectorizer(tokens, ngrams)
    try:
        counts = vectorizer.fit_transform(texts)
    except ValueError:  # no token at all
        from scipy.sparse import csr_array

        return csr_array((len(texts), 0), dtype=np.float64), []
    return counts.astype(np.float64), vectorizer.get_feature_names_out().tolist()


def _vectorizer(tokens: str, ngrams: int, words: Sequence[str] | None = None) -> Any:
    from sklearn.feature_extraction.text import CountVectorizer

    return CountVectorizer(analyzer="word" if tokens == "words" else "char", ngram_range=(1, ngrams), vocabulary=words)


def how_to_read(texts: Sequence[str], options: TextOptions) -> tuple[str, int]:
    """Tokens and ngrams, where the options leave them to the texts."""
    tokens = options.tokens if options.tokens != "auto" else _tokens(texts)
    return tokens, options.ngrams or (2 if tokens == "characters" else 1)


def _tokens(texts: Sequence[str]) -> str:
    sample = "".join(texts[:_LOOKED_AT])
    letters = sum(letter.isalpha() for letter in sample)
    return "characters" if letters and len(_NO_SPACES.findall(sample)) > 0.3 * letters else "words"
