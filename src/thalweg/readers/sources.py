"""Where a table may come from: which reader a path, a query or a frame gets."""

import hashlib
from pathlib import Path
from typing import Any

from thalweg.errors import DataError, UsageError
from thalweg.readers.database import Database, file_literal
from thalweg.readers.delimited import read_delimited
from thalweg.readers.files import FORMATS, fingerprint, kind_of, refuse_foreign, refuse_unreadable
from thalweg.readers.frames import frame_rows
from thalweg.readers.json_lines import json_lines
from thalweg.readers.libsvm import Matrix, read_libsvm
from thalweg.readers.query import open_query
from thalweg.readers.table import Table, missing_words


def open_rows(
    source: Any,
    *,
    database: str | Path | None = None,
    connection: Any = None,
    sql_files: bool = False,
    header: bool = True,
    format: str | None = None,
    missing: Any = None,
) -> Table | Matrix:
    """Read a source once: into a table, or, for libsvm, into a matrix with its labels.

    source      a path (csv, tsv, parquet, json lines, libsvm; .gz too), SQL with `database` or `connection`, a pandas
                or polars frame, an Arrow table
    database    a DuckDB file, opened read-only; connection: an open DuckDB connection, whose settings are not changed
    sql_files   whether a query on `database` may read files besides it, as views over files need
    header      whether a csv or tsv file begins with its column names; without, they are column0, column1, ...
    format      one of `FORMATS`; None: by the file's ending, or by how it begins
    missing     texts that are holes; None for `DEFAULT_MISSING`

    Raises DataError naming file, row, column and value; UsageError for options that do not go together.
    """
    holes = missing_words(missing)
    if format is not None and format not in FORMATS:
        raise UsageError(f"--format {format!r} is not known; choose one of {', '.join(FORMATS)}.")
    of_query = database is not None or connection is not None
    if sql_files and not of_query:
        raise UsageError("--sql-files goes with --sql and --database.")
    if isinstance(source, str | Path) and not of_query:
        return _from_file(Path(source), header, format, holes)
    if not header or format is not None:
        kind = "a query" if of_query else "a data frame"
        raise UsageError(f"--no-header and --format go with files; this is {kind}.")
    if of_query:
        return _from_query(source, database, connection, sql_files)
    return _from_frame(source)


def open_table(source: Any, **reading: Any) -> Table:
    """`open_rows` where only a table with named columns will do. Raises DataError for a libsvm file."""
    rows = open_rows(source, **reading)
    if isinstance(rows, Matrix):
        raise DataError(f"{rows.name}: a libsvm file has no named columns, but a table with names was expected.")
    return rows


def _from_query(sql: Any, database: str | Path | None, connection: Any, sql_files: bool) -> Table:
    query = open_query(sql, database, connection, sql_files)
    own = Database(query.name)
    try:
        own.register("source", query.table())
    finally:
        if connection is None:
            query.database.close()
    return Table.of(own, own.create_rows("SELECT * FROM source"), _described(own))


def _from_frame(frame: Any) -> Table:
    database, names, unreadable = frame_rows(frame)
    return Table.of(database, names, _described(database), unreadable=unreadable)


def _described(database: Database) -> str:
    about = f"{database.run('DESCRIBE rows')}{database.run('SELECT count(*) FROM rows')}"
    return f"frame:{hashlib.sha256(about.encode()).hexdigest()[:32]}"


def _from_file(path: Path, header: bool, format: str | None, missing: tuple[str, ...]) -> Table | Matrix:
    refuse_unreadable(path)
    kind = format or kind_of(path)
    if not header and kind not in ("csv", "tsv"):
        raise UsageError(f"--no-header goes with csv and tsv files, but {path} is {kind}.")
    if kind != "parquet":
        refuse_foreign(path)
    if kind == "libsvm":
        return read_libsvm(path)
    print_of_it = fingerprint(path)
    database = Database(str(path))
    if kind in ("csv", "tsv"):
        names, first_line = read_delimited(database, path, header, "\t" if kind == "tsv" else None, missing)
        return Table.of(database, names, print_of_it, first_line=first_line)
    try:
        parquet = f"SELECT * FROM read_parquet({file_literal(path)})"
        names = database.create_rows(parquet if kind == "parquet" else json_lines(database, path)[0])
    except DataError as error:
        raise DataError(in_words(path, kind, str(error))) from None
    return Table.of(database, names, print_of_it)


def in_words(path: Path, kind: str, complaint: str) -> str:
    """DuckDB's complaint about a parquet or JSON file, in our words."""
    if kind == "parquet" and any(words in complaint for words in ("magic bytes", "too small", "footer", "metadata")):
        return f"{path}: this is not a parquet file, or it was cut short."
    if kind == "jsonl" and "Malformed JSON" in complaint:
        detail = complaint.split("Malformed JSON", 1)[1].split("Try ")[0].strip(" .")
        return f"{path}: this is not JSON, one object a line (malformed JSON {detail})."
    return complaint
