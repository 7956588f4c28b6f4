"""The first pass over a stream: all that `recipe.learn` asks of a table, gathered chunk by chunk, and a sample of rows.

Its memory does not grow with the rows: of columns with too many levels the rarest are forgotten and pooled.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow

from thalweg.checkpoint import MARK
from thalweg.errors import DataError
from thalweg.recipe import Recipe, Target, TextOptions
from thalweg.recipe.arrow_memory import same_memory
from thalweg.recipe.columns import MISSING
from thalweg.recipe.learn import Builder
from thalweg.recipe.statistics import Level, LevelCounts, NumberStatistics
from thalweg.recipe.text import WordCounts, text_column, tokens_of
from thalweg.rows import is_hard
from thalweg.schema import Array, Flag, Number, OrNone, Record, Row, Schema, SchemaError, Several, Whole
from thalweg.train.arrow_bytes import packed, unpacked
from thalweg.train.row_check import LARGEST, CheckedRows
from thalweg.train.stream_rows import marked
from thalweg.train.stream_sample import StreamSample

_MOST_LEVELS = 400_000  # in all columns together: some ten megabytes


@dataclass(frozen=True)
class ToLearn:
    """Which columns are learnt, and how: numbers and dates -> kind, categories (with whether they are booleans), texts.

    tokens, ngrams  how the texts are read
    """

    numbers: Mapping[str, str]
    categories: Mapping[str, bool]
    texts: tuple[str, ...]
    text: TextOptions
    tokens: str
    ngrams: int

    @property
    def forms(self) -> dict[str, str]:
        """Each column in the form a stream has to give it."""
        return {**self.numbers, **dict.fromkeys((*self.categories, *self.texts), "text")}


class _Number:
    """Statistics of one number column; moments merged as by Chan, Golub and LeVeque (1983)."""

    def __init__(self) -> None:
        # filled rows, their weight, mean, spread, low, high, then low and high of each class
        self.state = np.array([0.0, 0.0, 0.0, 0.0, *(np.inf, -np.inf) * 3])
        self.counting = True  # whether every value so far is the one before plus 1

    def update(self, values: np.ndarray, y: np.ndarray, s: np.ndarray) -> None:
        x, before = values, self.state.copy()
        filled = ~np.isnan(values)
        whole = bool(filled.all())
        if not whole:
            x, s, y = values[filled], s[filled], y[filled]
        if not len(x):
            self.counting = False
            return
        if self.counting:
            follows = before[0] == 0.0 or x[0] == before[5] + 1.0
            self.counting = whole and bool(follows) and bool((np.diff(x) == 1.0).all())
        state, weight = self.state, float(s.sum())
        mean = float(s @ x) / weight
        moved, both = mean - before[2], before[1] + weight
        state[0] += len(x)
        state[3] += float(s @ np.square(x - mean)) + moved**2 * before[1] * weight / both
        state[2] += moved * weight / both
        state[1] = both
        parts = [(4, x)]
        if not self.mixed:  # once the classes' ranges overlap they always will
            parts += [(6, x[y < 1.0]), (8, x[y > 0.0])]
        for place, part in parts:
            if len(part):
                state[place] = min(state[place], float(part.min()))
                state[place + 1] = max(state[place + 1], float(part.max()))

    @property
    def mixed(self) -> bool:
        """Whether neither class lies wholly below the other."""
        return bool(self.state[7] >= self.state[8] and self.state[9] >= self.state[6])

    def statistics(self, name: str, kind: str, rows: int, total: float) -> NumberStatistics:
        filled, weight, mean, spread, low, high, low0, high0, low1, high1 = self.state.tolist()
        known = np.isfinite([low0, low1]).all()
        return NumberStatistics(
            name=name,
            kind=kind,
            filled=int(filled),
            holes=rows - int(filled),
            weight=total,
            hole_weight=total - weight,
            mean=mean,
            variance=spread / total if filled else 0.0,  # holes sit at the mean
            low=low if filled else 0.0,
            high=high if filled else 0.0,
            unfit=None,
            row_number=self.counting and rows >= 20,
            separates=bool(known and (high1 < low0 or high0 < low1)),
        )


class _Words:
    """Rows, weight and positives of every different word of a column; the place of a hole is the word `MISSING`."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}
        self.sums = np.zeros((64, 3))
        self.forgotten = np.zeros(3)
        self.lost = 0  # how many words were forgotten
        self.rarest = 0  # rows that the most frequent of them stood in
        self._last: tuple[Any, np.ndarray] | None = None  # a dictionary, and where its words are: chunks may share it

    def add(self, words: Sequence[str], sums: np.ndarray) -> None:
        """sums (m, 3) of these words."""
        places = np.array([self.places.setdefault(word, len(self.places)) for word in words], dtype=np.int64)
        self._grow()
        self.sums[places] += sums  # the words are different ones

    def add_coded(self, dictionary: Any, sums: np.ndarray) -> None:
        """sums (words + 1, 3) of the words of a dictionary, two of which may be the same, and of a hole."""
        met = np.flatnonzero(sums[:, 0])
        if self._last is None or not same_memory(self._last[0], dictionary):
            self._last = dictionary, np.full(len(dictionary) + 1, -1)
        places = self._last[1]
        new = met[places[met] < 0]
        words = dictionary.take(pyarrow.array(new[new < len(dictionary)])).to_pylist()
        words += [MISSING] * (len(new) - len(words))
        places[new] = [self.places.setdefault(word, len(self.places)) for word in words]
        self._grow()
        np.add.at(self.sums, places[met], sums[met])

    def _grow(self) -> None:
        while len(self.places) > len(self.sums):
            self.sums = np.concatenate([self.sums, np.zeros_like(self.sums)])

    def forget(self, rows: int) -> None:
        """Words that stand in no more rows than that."""
        self._last = None
        words = list(self.places)
        kept = np.flatnonzero(self.sums[: len(words), 0] > rows)
        gone = np.setdiff1d(np.arange(len(words)), kept)
        self.forgotten += self.sums[gone].sum(axis=0)
        self.lost += len(gone)
        self.rarest = max(self.rarest, int(self.sums[gone, 0].max(initial=0.0)))
        self.places = {words[place]: i for i, place in enumerate(kept)}
        self.sums = np.concatenate([self.sums[kept], np.zeros((64, 3))])

    def levels(self, name: str) -> LevelCounts:
        found = zip(self.places, self.sums.tolist(), strict=False)
        levels = [Level(word, int(rows), weight, positives) for word, (rows, weight, positives) in found]
        return LevelCounts(name, levels, self.lost, int(self.forgotten[0]), float(self.forgotten[1]))


_LOST = Row((Whole(), Whole(), Row((Number(0.0),) * 3)))  # of a column's words: how many, in how many rows, their sums


class StreamLearning:
    """Gathers what a recipe needs, and a sample."""

    PARTS: ClassVar[dict[str, Schema]] = {  # of a `state`, arrays and all, in a checkpoint
        "numbers": Array(np.float64, ("numbers", 10), infinite=True),
        "sums": Array(np.float64, ("words", 3), 0.0),
        "words": Array(np.uint8, ("bytes of words",)),
        "sample": Array(np.uint8, ("bytes of the sample",)),
        "rows": Whole(0, 2**53),
        "weighed": Whole(0, 2**53),
        "total": Number(0.0),
        "positive": Number(0.0),
        "smallest": OrNone(Number(above=0.0)),
        "offsets": Flag(),
        "hard": Flag(),
        "mark": MARK,
        "stride": Whole(1),
        "counting": Several(Flag(), "numbers"),
    }
    RULES: ClassVar[dict[str, Callable[[Mapping[str, Any]], bool]]] = {
        "rows, of which some weigh anything, and weights of both classes": lambda s: (
            s["weighed"] <= s["rows"]
            and (s["weighed"] > 0) == (s["total"] > 0.0) == (s["smallest"] is not None)
            and s["positive"] <= s["total"] * (1.0 + 1e-9)
        ),
        "moments of the numbers in the rows": lambda s: _are_moments(s["numbers"], s["weighed"], s["total"]),
    }

    def __init__(self, what: ToLearn) -> None:
        self.what = what
        self.rows = self.weighed = 0  # rows, and those with a weight above 0
        self.total = self.positive = 0.0
        self.smallest = np.inf  # positive weight
        self.offsets, self.hard = False, True  # whether there are offsets; whether all labels are 0 or 1
        self.mark = 0  # of the labels
        self._numbers = {name: _Number() for name in what.numbers}
        self._words = {name: _Words() for name in (*what.categories, *what.texts)}
        self.sample = StreamSample(what.forms)

    def update(self, rows: CheckedRows) -> None:
        """Take note of checked rows."""
        chunk, y = rows.chunk, rows.y
        s = np.ones(chunk.n) if rows.weight is None else rows.weight
        self.sample.add(rows, self.rows, s)
        self.mark = marked(y, self.mark)
        self.rows += chunk.n
        self.weighed += int((s > 0.0).sum())
        self.total += float(s.sum())
        self.positive += float(s @ y)
        if (s > 0.0).any():
            self.smallest = min(self.smallest, float(s[s > 0.0].min()))
        self.offsets |= rows.offset is not None
        self.hard = self.hard and is_hard(y)
        side = 0.5 * (y > 0.0) + 0.5 * (y >= 1.0)  # of a row of both classes half counts as positive
        counted = s > 0.0
        for name, number in self._numbers.items():
            values = chunk.numbers(name)
            number.update(*((values, y, s) if counted.all() else (values[counted], y[counted], s[counted])))
        for name in self.what.categories:
            codes, words = chunk.codes(name)
            self._words[name].add_coded(words, _sums(codes, len(words) + 1, s, side, counted))
        for name in self.what.texts:
            codes, texts = chunk.codes(name)
            sums = _sums(codes, len(texts) + 1, s, side, counted)[:-1]
            counts, tokens = tokens_of(texts.to_pylist(), self.what.tokens, self.what.ngrams)
            counts.data[:] = 1.0
            self._words[name].add(tokens, counts.T @ sums)
        self._forget()

    def recipe(
        self,
        target: Target,
        order: Sequence[str],
        standardize: bool,
        intercept: bool,
        max_levels: int | None,
        reference: bool,
        weights: str | None,
        offset: str | None,
        missing: tuple[str, ...],
        place: str,
    ) -> Recipe:
        """What `recipe.learn` learns from the same rows in memory."""
        if not self.total > 0.0:
            raise DataError(f"{place}: no row has a weight above 0.")
        builder = Builder(standardize, intercept, max_levels, reference)
        for name in order:
            if name in self._numbers:
                builder.number(self._numbers[name].statistics(name, self.what.numbers[name], self.weighed, self.total))
            elif name in self.what.texts:
                words = self._words[name]
                ordered = sorted(words.places)
                sums = words.sums[[words.places[word] for word in ordered]] if ordered else np.zeros((0, 3))
                found = WordCounts(ordered, sums[:, 0], sums[:, 1], self.total)
                column = text_column(name, found, self.what.tokens, self.what.ngrams, self.what.text, place)
                builder.text(column, words.lost, words.rarest)
            else:
                builder.category(self._words[name].levels(name), self.what.categories[name])
        return builder.recipe(target, weights, offset, missing)

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """All it takes to go on: arrays, and what JSON can hold."""
        words = {name: list(found.places) for name, found in self._words.items()}
        table = pyarrow.table(
            {
                "column": pyarrow.array([i for i, name in enumerate(words) for _ in words[name]], pyarrow.int32()),
                "word": pyarrow.array([word for name in words for word in words[name]], pyarrow.string()),
            }
        )
        sums = [self._words[name].sums[: len(words[name])] for name in words]
        arrays = {
            "numbers": np.array([number.state for number in self._numbers.values()]).reshape(-1, 10),
            "sums": np.concatenate([*sums, np.zeros((0, 3))]),
            "words": np.frombuffer(packed(table), np.uint8),
            "sample": self.sample.state(),
        }
        return arrays, {
            "rows": self.rows,
            "weighed": self.weighed,
            "total": self.total,
            "positive": self.positive,
            "smallest": None if np.isinf(self.smallest) else self.smallest,
            "offsets": self.offsets,
            "hard": self.hard,
            "mark": self.mark,
            "stride": self.sample.stride,
            "lost": {name: [found.lost, found.rarest, found.forgotten.tolist()] for name, found in self._words.items()},
            "counting": [number.counting for number in self._numbers.values()],
        }

    def restore(self, arrays: Mapping[str, np.ndarray], body: Mapping[str, Any]) -> None:
        """Go on from a `state`. Raises SchemaError for what is none of the same columns."""
        lost = Record(dict.fromkeys(self._words, _LOST))
        Record({**self.PARTS, "lost": lost}, rules=self.RULES).check(
            {**arrays, **body}, "", {"numbers": len(self._numbers)}
        )
        self.rows, self.weighed = body["rows"], body["weighed"]
        self.total, self.positive = body["total"], body["positive"]
        self.smallest = np.inf if body["smallest"] is None else body["smallest"]
        self.offsets, self.hard, self.mark = body["offsets"], body["hard"], body["mark"]
        for number, state, counting in zip(self._numbers.values(), arrays["numbers"], body["counting"], strict=True):
            number.state, number.counting = state.copy(), counting
        table, begin = unpacked(arrays["words"], {"column": pyarrow.int32(), "word": pyarrow.string()}), 0
        columns, words = table.column("column").to_numpy(), table.column("word").to_pylist()
        if not (len(words) == len(arrays["sums"]) and None not in words and _grouped(columns, len(self._words))):
            raise SchemaError("words must be those of each column in turn, with sums for each")
        for i, (name, found) in enumerate(self._words.items()):
            end = begin + int((columns == i).sum())
            found.places = {word: place for place, word in enumerate(words[begin:end])}
            found.sums = np.concatenate([arrays["sums"][begin:end], np.zeros((64, 3))])
            found.lost, found.rarest, forgotten = body["lost"][name]
            found.forgotten = np.array(forgotten)
            self._check_words(name, found, end - begin)
            begin = end
        self.sample.restore(arrays["sample"], body["stride"])
        if self.sample.rows != -(-self.rows // self.sample.stride):
            raise SchemaError("sample must have every so many-th of the rows read, as stride says")
        y, s = self.sample.weights()
        more = np.array([self.total - self.positive - s @ (1.0 - y), self.positive - s @ y])  # of each class, not in it
        if (more < -1e-9 * self.total).any() or s[s > 0.0].min(initial=np.inf) < self.smallest:
            raise SchemaError("total, positive and smallest must be of rows among which are those of sample")

    def _check_words(self, name: str, found: "_Words", count: int) -> None:
        """Raise SchemaError where a column's words are not what the rows read so far hold."""
        rows, weight, positives = found.sums[:count].T
        if len(found.places) < count:
            raise SchemaError(f"words must hold each word of {name!r} once")
        fit = (rows <= self.weighed) & (positives <= rows) & ((weight > 0.0) == (rows > 0.0))
        if not (fit.all() and (weight <= self.total * (1.0 + 1e-9)).all()):
            raise SchemaError(f"sums must be rows, weights and positives of the words of {name!r}")
        if name in self.what.categories and float(rows.sum() + found.forgotten[0]) != self.weighed:
            raise SchemaError(f"sums must add up to the rows read, of which each has one word of {name!r}")

    def _forget(self) -> None:
        threshold = 1
        while sum(len(found.places) for found in self._words.values()) > _MOST_LEVELS:
            for found in self._words.values():
                found.forget(threshold)
            threshold *= 2


def _are_moments(states: np.ndarray, rows: int, total: float) -> bool:
    """Whether states (k, 10) are what `_Number` gathers from that many rows of that weight."""
    filled, weight, mean, spread, low, high = states.T[:6]
    some = filled > 0.0
    counts = (filled >= 0.0) & (filled <= rows) & (weight >= 0.0) & (weight <= total * (1.0 + 1e-9))
    ends = np.where(some[:, None], states[:, :6], 0.0)  # those of no rows are infinite
    if not (np.isfinite(ends).all() and counts.all() and ((weight > 0.0) == some).all() and (spread >= 0.0).all()):
        return False
    size = np.maximum(np.abs(low), np.abs(high))[some] * (1.0 + 1e-9)
    inside = (low <= high)[some] & (size <= LARGEST * (1.0 + 1e-8)) & (np.abs(mean[some]) <= size)
    return bool((inside & (np.sqrt(spread[some] / weight[some]) <= 2.0 * size)).all())


def _grouped(columns: np.ndarray, count: int) -> bool:
    """Whether the numbers of columns never fall, and are those of that many."""
    inside = bool(((columns >= 0) & (columns < count)).all())
    return inside and bool((columns[1:] >= columns[:-1]).all())


def _sums(codes: np.ndarray, width: int, s: np.ndarray, side: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """(width, 3): rows that count, their weight, and those of the positive class, for each code."""
    return np.column_stack(
        [
            np.bincount(codes, counted.astype(np.float64), width),
            np.bincount(codes, s, width),
            np.bincount(codes, counted * side, width),
        ]
    )
