"""Queries that a caller writes: one SELECT, on a database file that is only read, or on the caller's own connection."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thalweg.errors import DataError, UsageError
from thalweg.output import is_text
from thalweg.readers.database import Database
from thalweg.readers.files import refuse_unreadable

_ONE = "--sql must be one SELECT, which only reads"
_WRITES = re.compile(r"WITH clause containing an? (.+?)(?: statement)? must be at the top level")
_OUTSIDE = re.compile(r'Cannot access (?:file|directory) "(.*?)" - file system operations are disabled')
_LACKS = re.compile(r"requires the extension \w+ to be loaded|exists in the \w+ extension")
# runs SQL that is handed to it as data, also what writes
_RUNS_SQL = re.compile(r'"Function":\s*"JSON_EXECUTE_SERIALIZED_SQL"')


@dataclass(frozen=True)
class Query:
    """One SELECT that has been looked at.

    name      for messages
    database  where it runs
    rows      the query as it stands behind FROM. There DuckDB refuses a WITH that writes; and a comment may end it
    """

    name: str
    database: Database
    rows: str

    def table(self) -> Any:
        """Its rows as an Arrow table."""
        with query_in_words():
            return self.database.table(f"SELECT * FROM {self.rows}")


def open_query(sql: Any, database: Any, connection: Any, files: bool, threads: int | None = None) -> Query:
    """A query where it is to be run: on a database file, opened read-only, or on a connection, which is left as it is.

    files    whether it may read files besides the database; a connection has its own setting
    threads  that the database file is read by; None for all

    Raises UsageError for what is not one SELECT, DataError where DuckDB does not understand it.
    """
    if not isinstance(sql, str):
        raise UsageError(
            f"with a database or a connection, the rows are a SQL query as text; found {type(sql).__name__}."
        )
    if not sql.strip():
        raise UsageError("--sql is empty; give a query, as in SELECT * FROM loans.")
    if "\0" in sql or not is_text(sql):
        raise UsageError("--sql holds bytes that are not UTF-8 text.")
    where = _where(database, connection, files, threads)
    try:
        return Query(f"query {sql!r}" if len(sql) < 60 else "query", where, _one_select(sql, where))
    except BaseException:
        if connection is None:
            where.close()
        raise


def _where(database: Any, connection: Any, files: bool, threads: int | None) -> Database:
    if connection is None:
        refuse_unreadable(Path(database))
        try:
            return Database.reading(Path(database), files=files, threads=threads)
        except DataError as error:
            if "Unique file handle conflict" not in str(error):
                raise
            raise DataError(
                f"{database}: a connection of this process has the database open for writing; close it, or give it as "
                "connection=."
            ) from None
    if database is not None:
        raise UsageError("give either a database file or a connection, not both.")
    if not (hasattr(connection, "sql") and hasattr(connection, "extract_statements")):
        raise UsageError(
            f"connection is {connection!r}, but must be an open DuckDB connection; database= takes a file."
        )
    if files:
        raise UsageError("--sql-files goes with --database; a connection of your own has its own settings.")
    return Database("the query failed", connection)


def _one_select(sql: str, database: Database) -> str:
    """The query as it stands behind FROM. Raises UsageError for what would write, or is not one statement."""
    kinds = database.statements(sql)
    if not kinds:
        raise UsageError("--sql holds no statement; give a query, as in SELECT * FROM loans.")
    if kinds == ["MULTI"]:
        raise UsageError(f"{_ONE}; name the values of a PIVOT, as in PIVOT t ON x IN (1, 2) USING sum(y).")
    if kinds != ["SELECT"]:
        found = kinds[0] if len(kinds) == 1 else f"{len(kinds)} statements ({', '.join(kinds)})"
        raise UsageError(f"{_ONE}; found {found}.")
    rows = f"({database.first_statement(sql)}\n)"
    with query_in_words():
        if _RUNS_SQL.search(database.plan(f"SELECT * FROM {rows}")):
            raise UsageError(f"{_ONE}; json_execute_serialized_sql may run anything.")
    return rows


@contextmanager
def query_in_words() -> Iterator[None]:
    """What DuckDB says of a query that asks for more than it may, with the way out."""
    try:
        yield
    except DataError as error:
        complaint = str(error)
        if writing := _WRITES.search(complaint):
            raise UsageError(f"{_ONE}; the WITH in it holds a {writing[1]} statement.") from None
        if outside := _OUTSIDE.search(complaint):
            raise UsageError(
                f"the query reads {outside[1]}, which is not in the database; --sql-files lets it read files."
            ) from None
        if _LACKS.search(complaint):
            raise DataError(
                f"{complaint.rstrip('.')}; extensions are not loaded: save the rows to a file, or give a "
                "connection= that has loaded it."
            ) from None
        raise
