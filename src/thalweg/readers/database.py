"""DuckDB, behind the few calls the readers and the recipe need; the only file that imports it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from thalweg.errors import DataError


class Database:
    """A private in-memory DuckDB; `name` is what error messages call the source."""

    def __init__(self, name: str) -> None:
        import duckdb

        self.name = name
        self._connection = duckdb.connect()
        self._errors = duckdb.Error

    def run(self, sql: str, values: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows of a statement's result. Raises DataError with the first line of DuckDB's complaint."""
        try:
            return self._connection.execute(sql, values).fetchall()
        except self._errors as error:
            raise DataError(f"{self.name}: {first_sentence(error)}") from None

    def create_in_order(self, table: str, select: str) -> None:
        """A table whose rowids count the rows of the select in the order of its source.

        On one thread: DuckDB 2.0 appends what several threads made in an order of their own, now and then.
        """
        self.run("SET threads = 1")
        try:
            self.run(f"CREATE TABLE {table} AS {select}")
        finally:
            self.run("RESET threads")

    def batches(self, sql: str, rows: int = 65536) -> Iterator[Any]:
        """The result as Arrow record batches, in row order."""
        try:
            yield from self._connection.sql(sql).to_arrow_reader(rows)
        except self._errors as error:
            raise DataError(f"{self.name}: {first_sentence(error)}") from None

    def register(self, name: str, frame: Any) -> None:
        """Make a pandas or polars frame or an Arrow table visible under that name."""
        try:
            self._connection.register(name, frame)
        except (self._errors, NotImplementedError, TypeError, ValueError) as error:
            raise DataError(f"{self.name}: this cannot be read as a table: {first_sentence(error)}") from None


def query_elsewhere(sql: str, database: str | Path | None, connection: Any) -> Any:
    """The Arrow table a query gives, on a database file opened read-only, or on somebody's own connection."""
    import duckdb

    own = connection is None
    try:
        if own:
            connection = duckdb.connect(str(database), read_only=True)
        result = connection.sql(sql)
        if result is None:
            raise DataError(f"--sql: {sql!r} gives no rows; a SELECT does.")
        return result.to_arrow_table()
    except duckdb.Error as error:
        where = f"{database}: " if own else ""
        raise DataError(f"{where}the query failed: {first_sentence(error)}") from None
    finally:
        if own and connection is not None:
            connection.close()


def first_sentence(error: BaseException) -> str:
    """DuckDB's complaint without its echo of the statement and its settings."""
    lines = [line.strip() for line in str(error).split("\n")]
    kept = []
    for line in lines:
        if not line or line.startswith(("LINE ", "Possible ", "file =", "^")):
            break
        kept.append(line)
    return " ".join(kept) or type(error).__name__


def quoted(name: str) -> str:
    """A column's name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """A text as SQL takes it."""
    return "'" + value.replace("'", "''") + "'"
