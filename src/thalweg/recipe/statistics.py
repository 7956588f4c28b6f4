"""What learning asks of the columns: one statement for all numbers, one for all categories."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

from thalweg.readers import Table
from thalweg.readers.chunk import LARGEST, infinite, too_large
from thalweg.recipe.columns import MISSING


@dataclass(frozen=True)
class NumberStatistics:
    """Of one number column, over the training rows; moments are weighted.

    unfit       the sentence about its first value that is infinite or too large to be squared, or None
    row_number  whether it is whole numbers, all different, without gaps
    separates   whether one class lies wholly below the other
    """

    name: str
    kind: str
    filled: int
    holes: int
    weight: float
    hole_weight: float
    mean: float
    variance: float
    low: float
    high: float
    unfit: str | None
    row_number: bool
    separates: bool


@dataclass(frozen=True)
class Level:
    """One level of a category; of `positives`, a row of both classes is half a one."""

    name: str
    rows: int
    weight: float
    positives: float


@dataclass
class LevelCounts:
    """The levels of one category, holes among them as "(missing)".

    lost, lost_rows, lost_weight  of rare levels that were too many to remember one by one
    """

    name: str
    levels: list[Level] = field(default_factory=list)
    lost: int = 0
    lost_rows: int = 0
    lost_weight: float = 0.0

    @property
    def separates(self) -> bool:
        """Whether every level has rows of one class only, and some level repeats."""
        pure = not self.lost and all(level.positives in (0, level.rows) for level in self.levels)
        return pure and len(self.levels) > 1 and len(self.levels) < sum(level.rows for level in self.levels)


def number_statistics(table: Table, kinds: Mapping[str, str], side: str, condition: str) -> dict[str, NumberStatistics]:
    """Statistics of each number or date column of `kinds`; side as `Target.side` gives it."""
    if not kinds:
        return {}
    values = ", ".join(f"{table.number(name)} AS v{i}" for i, name in enumerate(kinds))
    source = f"(SELECT {values}, weight AS w, {side} AS y FROM learning WHERE {condition})"
    columns = [f"v{i}" for i in range(len(kinds))]
    # moments about a value of the column itself: about 0 they would cancel for a timestamp, 1.6e9 ± 1e3
    picked = ", ".join(f"any_value({v})" for v in columns)
    shift = table.database.run(f"SELECT {picked} FROM (FROM {source} LIMIT 1000)")[0]
    asked = []
    for v, about in zip(columns, shift, strict=True):
        about = float(about) if about is not None and isfinite(about) else 0.0
        x = f"({v} - {about!r}::DOUBLE)"
        asked += [
            f"count({v})",
            f"sum(CASE WHEN {v} IS NULL THEN 0 ELSE w END)",
            f"sum(w * {x})",
            f"sum(w * {x} * {x})",
            f"min({v})",
            f"max({v})",
            f"max(CASE WHEN y > 0 THEN {v} END)",
            f"min(CASE WHEN y > 0 THEN {v} END)",
            f"max(CASE WHEN y < 1 THEN {v} END)",
            f"min(CASE WHEN y < 1 THEN {v} END)",
        ]
    width = len(asked) // len(columns)
    found = table.database.run(f"SELECT count(*), sum(w), {', '.join(asked)} FROM {source}")[0]
    rows, total = int(found[0]), float(found[1])
    result = {}
    for i, (name, kind) in enumerate(kinds.items()):
        result[name] = _number(table, name, kind, found[2 + i * width : 2 + (i + 1) * width], shift[i], rows, total)
    return result


def _number(
    table: Table, name: str, kind: str, found: Sequence, about: float | None, rows: int, total: float
) -> NumberStatistics:
    filled, weight, first, second, low, high, top1, bottom1, top0, bottom0 = found
    if not filled or max(-low, high) > LARGEST:
        unfit = _unfit(table, name) if filled else None
        return NumberStatistics(name, kind, filled, rows - filled, total, total, 0, 0, 0, 0, unfit, False, False)
    mean = first / weight
    known = None not in (top1, bottom1, top0, bottom0)
    return NumberStatistics(
        name=name,
        kind=kind,
        filled=filled,
        holes=rows - filled,
        weight=total,
        hole_weight=total - weight,
        mean=(float(about) if about is not None and isfinite(about) else 0.0) + mean,
        variance=max(second / weight - mean * mean, 0.0) * weight / total,  # holes sit at the mean
        low=low,
        high=high,
        unfit=None,
        row_number=rows >= 20 and filled == rows and high - low == rows - 1 and _all_different(table, name, rows),
        separates=known and (top1 < bottom0 or top0 < bottom1),
    )


def _unfit(table: Table, name: str) -> str:
    """What is wrong with the first value of a column that is infinite or too large, and where it stands."""
    found = table.first_row(f"abs({table.number(name)}) > {LARGEST!r}", name)
    assert found is not None
    row, value = found[0], float(found[1])
    return f"{table.place(row)}: {f'{too_large(name, value)}.' if isfinite(value) else infinite(name, value)}"


def _all_different(table: Table, name: str, rows: int) -> bool:
    """Asked only of a column whose range is as long as the table."""
    return bool(table.database.run(f"SELECT count(DISTINCT {table.sql(name)}) FROM rows")[0][0] >= rows)


def level_counts(
    table: Table, names: Sequence[str], missing: tuple[str, ...], side: str, condition: str
) -> dict[str, LevelCounts]:
    """Levels of each of these columns, with rows, weight and positives, in one statement of grouping sets."""
    result = {name: LevelCounts(name) for name in names}
    if not names:
        return result
    texts = [f"{table.words(name, missing)} AS v{i}" for i, name in enumerate(names)]
    columns = [f"v{i}" for i in range(len(names))]
    picked = " ".join(f"WHEN GROUPING({column}) = 0 THEN {i}" for i, column in enumerate(columns))
    value = " ".join(f"WHEN GROUPING({column}) = 0 THEN {column}" for column in columns)
    found = table.database.run(
        f"SELECT CASE {picked} END, CASE {value} END, count(*), sum(w), sum(side) "
        f"FROM (SELECT {', '.join(texts)}, weight AS w, {side} AS side "
        f"FROM learning WHERE {condition}) "
        f"GROUP BY GROUPING SETS ({', '.join(f'({column})' for column in columns)})"
    )
    for i, level, rows, weight, positives in found:
        result[names[i]].levels.append(
            Level(MISSING if level is None else str(level), int(rows), float(weight), float(positives))
        )
    return result
