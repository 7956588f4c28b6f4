"""DuckDB, behind the few calls the readers and the recipe need; the only file that imports it."""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from glob import glob
from pathlib import Path
from typing import Any

from thalweg import memory
from thalweg.errors import DataError, OutOfMemoryError

# no extension is fetched or loaded because a statement mentions it, and no variable of Python's is taken for a table
_PRIVATE: dict[str, Any] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
}


class Database:
    """A private in-memory DuckDB, or a connection that the caller opened; `name` is what messages call the source."""

    def __init__(self, name: str, connection: Any = None) -> None:
        import duckdb

        self.name = name
        self._errors, self._interrupted = duckdb.Error, duckdb.InterruptException
        self._out_of_memory = duckdb.OutOfMemoryException
        config = _config()
        self._all_threads = f"SET threads = {config['threads']}" if config else "RESET threads"
        with self._in_words():
            self._connection = duckdb.connect(config={**_PRIVATE, **config}) if connection is None else connection

    @classmethod
    def reading(cls, file: Path, *, files: bool, threads: int | None = None) -> "Database":
        """A database file that can be read only, by statements that can change no setting.

        In a private DuckDB to which the file is attached, so that other connections to it keep their settings.

        files    whether statements may read files besides it
        threads  None for all
        """
        database = cls(f"{file}: the query failed")
        if threads is not None:
            database.run(f"SET threads = {threads}")
        name = file.name.split(".")[0]
        known = {row[0] for row in database.run("SELECT database_name FROM duckdb_databases()")}
        # named by the file as DuckDB does, but for the one name that the private database has already
        alias = f" AS {name}_db" if name.lower() in known else ""
        database.run(f"ATTACH {literal(str(file.absolute()))}{alias} (READ_ONLY)")
        (attached,) = database.run(
            "SELECT database_name FROM duckdb_databases() WHERE path IS NOT NULL AND NOT internal"
        )
        database.run(f"USE {identifier(attached[0])}")
        if not files:
            database.run("SET enable_external_access = false")
        database.run("SET lock_configuration = true")
        return database

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a statement's result. Raises DataError with the first line of DuckDB's complaint."""
        with self._in_words():
            return self._connection.execute(sql).fetchall()

    def statements(self, sql: str) -> list[str]:
        """What each of the statements of a text is, as DuckDB's parser has it: SELECT, COPY, ..."""
        with self._in_words():
            return [statement.type.name for statement in self._connection.extract_statements(sql)]

    def first_statement(self, sql: str) -> str:
        """The text up to the semicolon that ends its first statement."""
        import duckdb

        text = sql.encode()  # offsets count bytes
        ends = (at for at, of in duckdb.tokenize(sql) if of == duckdb.token_type.operator and text[at : at + 1] == b";")
        return text[: next(ends, len(text))].decode()

    def plan(self, select: str) -> str:
        """How DuckDB would run a select: JSON, with views, macros and nested queries resolved."""
        with self._in_words():
            return str(self._connection.sql(f"EXPLAIN (FORMAT json) {select}").fetchall()[0][1])

    def table(self, select: str) -> Any:
        """All rows of a select as an Arrow table."""
        with self._in_words():
            return self._connection.sql(select).to_arrow_table()

    def close(self) -> None:
        """Let go of the files; the database is of no more use."""
        self._connection.close()

    def create_rows(self, select: str) -> list[str]:
        """The table `rows` of a select, and the names of its columns, which in the table are c0, c1, ...

        Names of our own: a column may be called anything, also what DuckDB or a query of ours uses. Instants with a
        time zone become UTC, and columns without any type, which hold nothing, numbers.
        """
        described = self.run(f"DESCRIBE {select}")
        values = []
        for i, (_, of_type, *_) in enumerate(described):
            value = f"v{i}"
            if "WITH TIME ZONE" in of_type or of_type.startswith("TIMESTAMPTZ"):
                value = f"make_timestamp(epoch_us(v{i}::TIMESTAMPTZ))"
            elif of_type in ('"NULL"', "NULL"):
                value = f"v{i}::DOUBLE"
            values.append(f"{value} AS c{i}")
        inner = ", ".join(f"v{i}" for i in range(len(described)))
        self.create_in_order("rows", f"SELECT {', '.join(values)} FROM ({select}) AS source({inner})")
        return [str(row[0]) for row in described]

    def create_in_order(self, table: str, select: str) -> None:
        """A table whose rowids count the rows of the select in the order of its source.

        On one thread: DuckDB 2.0 appends what several threads made in an order of their own, now and then.
        """
        self.run("SET threads = 1")
        try:
            self.run(f"CREATE TABLE {table} AS {select}")
        finally:
            self.run(self._all_threads)

    def views(self) -> list[str]:
        """The statements of its views."""
        return [str(row[0]) for row in self.run("SELECT sql FROM duckdb_views() WHERE NOT internal")]

    def batches(self, sql: str, rows: int = 65536) -> Iterator[Any]:
        """The result as Arrow record batches, in row order."""
        with self._in_words():
            yield from self._connection.sql(sql).to_arrow_reader(rows)

    def register(self, name: str, frame: Any) -> None:
        """Make a pandas or polars frame or an Arrow table visible under that name."""
        with self._in_words():
            self._connection.register(name, frame)
            self._connection.execute(f"DESCRIBE SELECT * FROM {name}").fetchall()

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """DuckDB's complaints as sentences, and its answer to Ctrl-C as Ctrl-C."""
        try:
            yield
        except self._errors as error:
            if isinstance(error, self._interrupted):
                raise KeyboardInterrupt from None
            if isinstance(error, self._out_of_memory):
                raise OutOfMemoryError(f"{self.name}: {memory.shortage(error)}") from None
            raise DataError(f"{self.name}: {first_sentence(error)}") from None
        except (RuntimeError, OSError) as error:  # an Arrow reader has these for what DuckDB complains of
            if "interrupt" in str(error).lower():
                raise KeyboardInterrupt from None
            if isinstance(error, RuntimeError):
                raise
            raise DataError(f"{self.name}: {first_sentence(error)}") from None


_CONNECTION = 64 << 20  # what DuckDB takes before it has read a row: with less it ends the process
_THREAD = 16 << 20  # and for each of its threads


def _config() -> dict[str, Any]:
    """Fewer threads than DuckDB would take, where memory is limited. Raises OutOfMemoryError."""
    if not memory.limited():
        return {}
    memory.require("for DuckDB", _CONNECTION + _THREAD)
    return {"threads": max(1, memory.threads(os.cpu_count() or 1, _THREAD, _CONNECTION))}


def first_sentence(error: BaseException) -> str:
    """DuckDB's complaint without its echo of the statement and its settings."""
    lines = [line.strip() for line in str(error).split("\n")]
    kept = []
    for line in lines:
        if line.startswith(("LINE ", "Possible ", "file =", "^")):
            break
        kept.append(line)
    return " ".join(filter(None, kept)) or type(error).__name__


def literal(value: str) -> str:
    """A text as SQL takes it."""
    return "'" + value.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as SQL takes it, whatever letters it has."""
    return '"' + name.replace('"', '""') + '"'


def named_files(statements: Iterable[str]) -> list[Path]:
    """The files of rows that stand in quotes in statements, by their names or as patterns of names."""
    found: set[Path] = set()
    for token in (token for text in statements for token in _TOKENS.findall(text)):
        quote, name = token[0], token[1:-1].replace(2 * token[0], token[0])
        if quote in "'\"" and _DATA.search(name):
            found |= {Path(name), *map(Path, glob(name, recursive=True))}  # noqa: PTH207 patterns may be absolute
    return sorted(path for path in found if _is_file(path))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a text that is no name of a file
        return False


# comments are told from texts, so that an apostrophe in one opens none
_TOKENS = re.compile(r'''--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|"(?:[^"]|"")*"''', re.DOTALL)
_DATA = re.compile(r"\.(csv|tsv|txt|parquet|pq|json|jsonl|ndjson)(\.gz|\.zst)?$", re.IGNORECASE)


def file_literal(path: Path) -> str:
    """A file's name as DuckDB takes it: its own characters, not a pattern for many files, a home folder or a URL."""
    return literal("".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path.absolute())))
