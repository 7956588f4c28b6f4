"""A table: named columns of four kinds, rows in their order, held by DuckDB and asked by SQL."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import numpy as np

from thalweg.cached import cached_property
from thalweg.errors import DataError, UsageError
from thalweg.output import is_text
from thalweg.readers.database import Database, literal

DEFAULT_MISSING = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "?")

_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_FLOATS = ("UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "REAL")
_TEXTS = ("VARCHAR", "ENUM", "UUID")
_DATES = ("DATE", "TIMESTAMP")


def missing_words(missing: Any) -> tuple[str, ...]:
    """The texts that are missing values: one or several that a caller names, or `DEFAULT_MISSING` for None."""
    if missing is None:
        return DEFAULT_MISSING
    several = isinstance(missing, Iterable) and not isinstance(missing, str)
    words = tuple(map(str, missing if several else (missing,)))
    for word in words:
        if not is_text(word):
            raise UsageError(f"--missing is {word!r}, which is not UTF-8 text.")
    return words


@dataclass(frozen=True)
class Table:
    """Rows in DuckDB's table `rows`, columns c0, c1, ..., whose rowid counts the rows from 0.

    name         for messages: a path, "data frame", "query"
    columns      name -> "number", "text", "boolean", "date" or "other", in the order of the source
    n            rows
    fingerprint  tells two sources apart: a hash of the file, or of a frame's names, types and size
    database     where they are
    first_line   line of the file that row 0 stands on, or None where rows have no lines
    unreadable   name -> type of the columns that DuckDB cannot hold; among `columns` they are "other"
    """

    name: str
    columns: dict[str, str]
    n: int
    fingerprint: str
    database: Database = field(repr=False)
    first_line: int | None = None
    unreadable: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, database: Database, names: Sequence[str], fingerprint: str, **more: Any) -> "Table":
        """The table `rows` of that database, kinds read off its types."""
        kinds = [kind(str(row[1])) for row in database.run("DESCRIBE rows")]
        filled = ", ".join(f"count(c{i})" if kind == "other" else "1" for i, kind in enumerate(kinds))
        n, *counts = database.run(f"SELECT count(*), {filled} FROM rows")[0]
        if n == 0:
            raise DataError(f"{database.name}: there are no rows, only {len(names)} column names.")
        # a column of nothing but holes is no list and no structure, whatever its type
        columns = {name: kind if count else "number" for name, kind, count in zip(names, kinds, counts, strict=True)}
        columns |= dict.fromkeys(more.get("unreadable", ()), "other")
        return cls(database.name, columns, int(n), fingerprint, database, **more)

    @cached_property
    def _places(self) -> dict[str, str]:
        return {name: f"c{i}" for i, name in enumerate(self.columns) if name not in self.unreadable}

    def sql(self, column: str) -> str:
        """What the column is called in SQL."""
        return self._places[column]

    def number(self, column: str) -> str:
        """The SQL of a number or date column as DOUBLE, dates in days since 1970-01-01; NaN is a hole."""
        value = self.sql(column)
        if self.columns[column] == "date":
            return f"(epoch_us({value}::TIMESTAMP) / 86400e6)"
        return f"(CASE WHEN isnan({value}::DOUBLE) THEN NULL ELSE {value}::DOUBLE END)"

    def text(self, column: str, missing: tuple[str, ...] = DEFAULT_MISSING) -> str:
        """The SQL of a text, number or boolean column as trimmed VARCHAR; the texts of `missing` are holes."""
        value, kind = self.sql(column), self.columns[column]
        if kind == "number":
            return f"(CASE WHEN isnan({value}::DOUBLE) THEN NULL ELSE {value}::VARCHAR END)"
        return hole_sql(f"trim({value}::VARCHAR)", missing) if kind == "text" else f"{value}::VARCHAR"

    def words(self, column: str, missing: tuple[str, ...] = DEFAULT_MISSING) -> str:
        """`text` for a column of levels: of numbers, 1 and 1.0 are one level."""
        text = self.text(column, missing)
        return f"regexp_replace({text}, '\\.0$', '')" if self.columns[column] == "number" else text

    def require(self, column: str, role: str) -> str:
        """The column's kind. Raises DataError where it is not there, with the names that come close."""
        if column not in self.columns:
            raise DataError(unknown_column(self.name, self.columns, column, role))
        if self.columns[column] == "other":
            held = self.unreadable.get(column) or self._type(column)
            raise DataError(
                f"{self.name}: column {column!r} holds {held}, which is neither number, text, boolean nor date; "
                f"leave it out with --drop {column}."
            )
        return self.columns[column]

    def _type(self, column: str) -> str:
        return str(self.database.run(f"SELECT typeof({self.sql(column)}) FROM rows LIMIT 1")[0][0])

    def listing(self) -> str:
        """The columns, in a sentence."""
        return listing(self.columns)

    def place(self, row: int) -> str:
        """Where a row (from 0) stands, as a person counts."""
        line = f" (line {row + self.first_line})" if self.first_line is not None else ""
        return f"{self.name}, row {row + 1}{line}"

    def first_row(self, condition: str, column: str) -> tuple[int, Any] | None:
        """Row number and value of the first row a condition holds for."""
        value = self.sql(column)
        found = self.database.run(f"SELECT rowid, {value} FROM rows WHERE {condition} ORDER BY rowid LIMIT 1")
        return (int(found[0][0]), found[0][1]) if found else None

    def batches(self, expressions: list[str]) -> Iterator[tuple[np.ndarray | slice, Any]]:
        """Arrow batches of these SQL expressions over all rows, each with the places (from 0) of its rows.

        DuckDB streams batches from several threads, whatever ORDER BY says, so each row brings its own number.
        """
        for batch in self.database.batches(f"SELECT {', '.join(expressions)}, rowid FROM rows"):
            places = batch.column(len(expressions)).to_numpy(zero_copy_only=False)
            if len(places):
                start, stop = int(places[0]), int(places[-1]) + 1
                in_order = stop - start == len(places) and bool((np.diff(places) == 1).all())
                yield (slice(start, stop) if in_order else places), batch


def unknown_column(source: str, columns: Mapping[str, str], column: str, role: str) -> str:
    """The sentence about a column that is not there, with the names that come close."""
    close = get_close_matches(column, columns, n=3)
    hint = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
    return f"{source}: there is no column {column!r} for {role}; {hint}{listing(columns)}"


def listing(columns: Mapping[str, str]) -> str:
    """The columns, in a sentence."""
    names = [name if name.isprintable() else repr(name) for name in columns]
    shown = ", ".join(names[:20])
    return f"the columns are {shown}{f' and {len(names) - 20} more' if len(names) > 20 else ''}."


def kind(duckdb_type: str) -> str:
    """What a DuckDB type is to us."""
    base = duckdb_type.upper().split("(")[0].split(" ")[0]
    if base in ("NULL", '"NULL"'):  # nothing but holes
        return "number"
    if base in _NUMBERS or base in _FLOATS:
        return "number" if not duckdb_type.endswith("]") else "other"
    if base == "BOOLEAN":
        return "boolean"
    if base in _TEXTS:
        return "text" if not duckdb_type.endswith("]") else "other"
    return "date" if base in _DATES or base.startswith("TIMESTAMP") else "other"


def hole_sql(text: str, missing: tuple[str, ...]) -> str:
    """NULL where that text expression is one of the texts of `missing`."""
    return f"(CASE WHEN {text} IN ({', '.join(literal(word) for word in missing)}) THEN NULL ELSE {text} END)"
