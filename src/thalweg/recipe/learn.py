"""Learning a recipe: which columns there are, what is in them, and what deserves a note."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np

from thalweg.errors import DataError
from thalweg.readers import DEFAULT_MISSING, Table
from thalweg.readers.database import literal
from thalweg.readers.forms import mostly
from thalweg.recipe.columns import MISSING, OTHER, CategoryColumn, NumberColumn, TextColumn
from thalweg.recipe.encode import Column
from thalweg.recipe.recipe import Recipe
from thalweg.recipe.roles import chosen
from thalweg.recipe.statistics import LevelCounts, NumberStatistics, level_counts, number_statistics
from thalweg.recipe.target import LabelColumn, Target, find, row_weights
from thalweg.recipe.text import TextOptions, learn_text

_IDENTIFIER_ROWS = 20  # fewer distinct words than this may well be a category that happens not to repeat
_MOST = 0.5  # share of the rows with values of their own from which these are pooled (docs/decisions/0010-levels.md)


def learn(
    table: Table,
    *,
    target: str | LabelColumn | Target,
    weights: str | None = None,
    offset: str | None = None,
    only: Sequence[str] = (),
    drop: Sequence[str] = (),
    positive: Any = None,
    categorical: Sequence[str] = (),
    max_levels: int | None = None,
    standardize: bool = True,
    intercept: bool = True,
    reference: bool = False,
    training: np.ndarray | None = None,
    missing: tuple[str, ...] = DEFAULT_MISSING,
    text: TextOptions | None = None,
) -> Recipe:
    """Learn from the rows of the mask `training` (n,), or all, that have a weight above 0.

    positive    the label that is 1, where the target is the name of a column
    max_levels  most levels of a category with a column each; None: no limit
    reference   whether the most frequent level of every category goes without a column, as a fit without a penalty
                needs it; else only that of a category of two levels does

    Raises UsageError where roles contradict each other, DataError where a column cannot be used.
    """
    text = text or TextOptions()
    asked = LabelColumn(target, positive) if isinstance(target, str) else target
    names = chosen(table, asked.columns, weights, offset, only, drop, categorical, text.columns)
    weight = _prepare_view(table, row_weights(table, weights, asked), training)
    labels = asked.found(lambda name, positive: find(table, name, _CONDITION, positive))
    texts = [name for name in names if table.columns[name] in ("text", "boolean") or name in categorical]
    texts = [name for name in texts if name not in text.columns]
    builder = Builder(standardize, intercept, max_levels, reference)
    for name in texts:
        if name not in categorical and table.columns[name] == "text":
            _refuse_mostly_numbers(table, name, missing)
            builder.notes += _looks_like(table, name, missing)
    numbers = {name: table.columns[name] for name in names if name not in texts and name not in text.columns}
    side = labels.side(table)
    described = number_statistics(table, numbers, side, _CONDITION)
    counted = level_counts(table, texts, missing, side, _CONDITION)
    for name in names:
        if name in text.columns:
            builder.text(learn_text(name, *_texts(table, name, missing, weight), text, table.name))
        elif name in numbers:
            builder.number(described[name])
        else:
            builder.category(counted[name], table.columns[name] == "boolean")
    return builder.recipe(labels, weights, offset, tuple(missing))


_CONDITION = "training AND weight > 0"


def _prepare_view(table: Table, weights: np.ndarray | None, training: np.ndarray | None) -> np.ndarray:
    """The view `learning`: the rows with their weight and whether they are trained on; (n,) weights, 0 if not."""
    import pyarrow

    weight = np.ones(table.n) if weights is None else weights
    mask = np.ones(table.n, dtype=bool) if training is None else training
    table.database.register("roles", pyarrow.table({"weight": weight, "training": mask, "row": np.arange(table.n)}))
    table.database.run("CREATE OR REPLACE TEMP VIEW learning AS SELECT * FROM rows POSITIONAL JOIN roles")
    if not (weight[mask] > 0).any():
        raise DataError(f"{table.name}: no training row has a weight above 0.")
    return np.where(mask, weight, 0.0)


def _texts(table: Table, name: str, missing: tuple[str, ...], weight: np.ndarray) -> tuple[list[str], np.ndarray]:
    """The texts of the rows that have a weight, holes empty, and those weights."""
    texts = np.empty(table.n, dtype=object)
    for places, batch in table.batches([f"coalesce({table.text(name, missing)}, '')"]):
        texts[places] = batch.column(0).to_numpy(zero_copy_only=False)
    return texts[weight > 0.0].tolist(), weight[weight > 0.0]


def _refuse_mostly_numbers(table: Table, name: str, missing: tuple[str, ...]) -> None:
    text = table.text(name, missing)
    filled, numbers = table.database.run(f"SELECT count({text}), count(TRY_CAST({text} AS DOUBLE)) FROM rows")[0]
    if numbers == filled or not mostly(numbers, filled):
        return
    found = table.first_row(f"{text} IS NOT NULL AND TRY_CAST({text} AS DOUBLE) IS NULL", name)
    assert found is not None
    raise DataError(
        f"{table.place(found[0])}: column {name!r} holds {found[1]!r}, but a number was expected, as in {numbers:,} of "
        f"its {filled:,} values; --missing {found[1]!r} counts it as a hole, "
        f"--categorical {name} takes the column as words."
    )


_SHAPES = {
    r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$": "numbers with a comma between thousands, which must go: 1234.5",
    r"^[+-]?\d+,\d+$": "numbers with a decimal comma, which must be a point: 1.5",
    r"^\d{1,2}[/.-]\d{1,2}[/.-](\d{4}|\d{2})$": "dates, which must be written year first: 2024-01-31",
    r"^[+-]?[$€£]?\s*\d+(\.\d+)?\s*[%$€£]?$": "numbers with a sign for a unit, which must go: 12.5",
}


def _looks_like(table: Table, name: str, missing: tuple[str, ...]) -> list[str]:
    """A note where words were probably meant to be numbers or dates, by their first thousand."""
    text = table.text(name, missing)
    tests = ", ".join(f"count(*) FILTER (regexp_matches(t, {literal(shape)}))" for shape in _SHAPES)
    source = f"(SELECT {text} AS t FROM rows WHERE {text} IS NOT NULL LIMIT 1000)"
    example, filled, *found = table.database.run(f"SELECT any_value(t), count(*), {tests} FROM {source}")[0]
    for words, count in zip(_SHAPES.values(), found, strict=True):
        if filled and mostly(count, filled):
            return [f"{name!r} is taken as words, as in {example!r}; they look like {words}."]
    return []


class Builder:
    """A recipe being learnt: columns, their means and scales, and notes, gathered in the order of the table."""

    def __init__(self, standardize: bool, intercept: bool, max_levels: int | None, reference: bool) -> None:
        self.standardize, self.intercept = standardize, intercept
        self.max_levels, self.reference = max_levels, reference
        self.columns: list[Column] = []
        self.mean: list[float] = []
        self.scale: list[float] = []
        self.notes: list[str] = []

    def number(self, found: NumberStatistics) -> None:
        if found.unfit is not None:
            raise DataError(found.unfit)
        if found.filled == 0:
            self.notes.append(f"{found.name!r} is empty: dropped.")
            return
        if not isfinite(found.mean * found.mean + found.variance):
            raise DataError(
                f"the squares of column {found.name!r} times the weights overflow; divide the column or the weights by "
                "a power of ten."
            )
        holes = found.holes > 0
        if found.low == found.high and not holes and (self.intercept or found.low == 0.0):
            self.notes.append(f"{found.name!r} is constant ({found.low:g}): dropped.")
            return
        if found.row_number:
            self.notes.append(f"{found.name!r} counts the rows; if it is an identifier, --drop {found.name}.")
        if found.separates:
            self.notes.append(f"{found.name!r} alone separates the classes: does it leak the answer?")
        column = NumberColumn(found.name, found.kind, found.mean, holes)
        square = found.variance if self.intercept else found.variance + found.mean * found.mean
        scale = square**0.5 if self.standardize and square > 0.0 else 1.0
        self._add(column, [found.mean, found.hole_weight / found.weight][: column.width], scale)

    def category(self, found: LevelCounts, boolean: bool) -> None:
        if len(found.levels) == 1 and not found.lost:
            self.notes.append(f"{found.name!r} is constant ({found.levels[0].name}): dropped.")
            return
        words = [level for level in found.levels if level.name != MISSING]
        once = all(level.rows == 1 for level in words) and found.lost == found.lost_rows
        if not boolean and (different := len(words) + found.lost) >= _IDENTIFIER_ROWS and once:
            self.notes.append(
                f"{found.name!r} is an identifier, {different:,} different words in {different:,} rows: dropped. "
                f"If it is text, --text {found.name} learns its words."
            )
            return
        if found.separates:
            self.notes.append(f"{found.name!r} alone separates the classes: does it leak the answer?")
        shares = self._shares(found)
        if not shares:
            self.notes.append(f"{found.name!r} has no value that enough rows share: dropped.")
            return
        reference = None
        if self.reference or len(shares) == 2:  # two columns would say the same twice
            reference = "false" if boolean and "false" in shares else next(iter(shares))
        names = sorted(name for name in shares if name not in (reference, OTHER, MISSING))
        names += [name for name in (MISSING, OTHER) if name in shares and name != reference]
        column = CategoryColumn(found.name, boolean, tuple(names), reference, tuple(shares[name] for name in names))
        self._add(column, column.shares)

    def _shares(self, found: LevelCounts) -> dict[str, float]:
        """Shares of the weight of the levels that get a column, the most frequent first, and of the pooled ones."""
        levels = sorted(found.levels, key=lambda level: (-level.weight, level.name))
        single = _single(found)
        shared = [level for level in levels if level.name not in single]
        kept = shared[: self.max_levels]
        total = sum(level.weight for level in levels) + found.lost_weight
        shares = {level.name: level.weight / total for level in kept}
        if kept and (len(kept) < len(levels) or found.lost):
            pooled = sum(level.weight for level in levels if level.name not in shares) + found.lost_weight
            shares[OTHER] = pooled / total
            why = {
                "beyond --max-levels": len(shared) - len(kept),
                "that one row has alone": len(single),
                "of the rarest, too many to remember": found.lost,
            }
            counts = ", ".join(f"{count:,} {words}" for words, count in why.items() if count)
            self.notes.append(f"{found.name!r} has {len(levels) + found.lost:,} levels; pooled as {OTHER}: {counts}.")
        return shares

    def text(self, column: TextColumn, lost: int = 0, at_most: int = 0) -> None:
        """Words are not standardised: their weights are of one scale already, and a rare word is not to be blown up.

        lost  how many words were forgotten while they were counted, as they stood in so few rows
        """
        if lost:
            self.notes.append(
                f"{column.name!r} has more different words than there is memory for: {lost:,}, in no more than "
                f"{at_most:,} rows each when they were counted, were forgotten and may be missing among those learnt."
            )
        self.columns.append(column)
        self.mean += [0.0] * column.width
        self.scale += [1.0] * column.width

    def recipe(self, target: Target, weights: str | None, offset: str | None, missing: tuple[str, ...]) -> Recipe:
        """What was gathered."""
        if not self.columns:
            self.notes.append("No column is left to learn from: the model is its intercept alone.")
        return Recipe(
            columns=tuple(self.columns),
            mean=np.array(self.mean),
            scale=np.array(self.scale),
            target=target,
            weights=weights,
            offset=offset,
            standardized=self.standardize,
            notes=tuple(self.notes),
            missing=missing,
        )

    def _add(self, column: Column, means: Sequence[float], scale: float = 1.0) -> None:
        """The column with its means, and the scale of a number.

        What is 0 or 1, a level or an indicator, is not scaled: divided by its deviation, a level of few rows would
        hardly be held by the penalty. Without an intercept nothing is centred, or one would slip in.
        """
        self.columns.append(column)
        self.mean += means if self.standardize and self.intercept else [0.0] * column.width
        self.scale += [scale, *[1.0] * (column.width - 1)]


def _single(found: LevelCounts) -> set[str]:
    """The values that one row has alone, where most rows have such a value: then they tell rows apart, not kinds.

    A weight of 2 is two rows.
    """
    words = [level for level in found.levels if level.name != MISSING]
    single = [level for level in words if max(level.rows, level.weight) < 2]
    alone = sum(level.weight for level in single) + found.lost_weight
    total = sum(level.weight for level in words) + found.lost_weight
    many = len(single) + found.lost >= _IDENTIFIER_ROWS
    return {level.name for level in single} if many and (found.lost or alone > _MOST * total) else set()
