"""Where rows may come from: which reader a path, a query or a frame gets."""

import gzip
import hashlib
from pathlib import Path
from typing import Any

from thalweg.errors import DataError, UsageError
from thalweg.readers.database import Database, literal, query_elsewhere
from thalweg.readers.delimited import read_delimited
from thalweg.readers.libsvm import looks_like_libsvm, read_libsvm
from thalweg.readers.table import DEFAULT_MISSING, Table

FORMATS = ("csv", "tsv", "parquet", "jsonl", "libsvm")
_ENDINGS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".libsvm": "libsvm",
    ".svm": "libsvm",
    ".svmlight": "libsvm",
}
_WHOLE = 64 << 20  # files up to here are hashed whole; larger ones by size, first and last MiB


def open_table(
    source: Any,
    *,
    database: str | Path | None = None,
    connection: Any = None,
    header: bool = True,
    format: str | None = None,
    missing: Any = None,
) -> Table:
    """Read a source once into a table.

    source      a path (csv, tsv, parquet, json lines, libsvm; .gz too), SQL with `database` or `connection`, a pandas
                or polars frame, an Arrow table
    database    a DuckDB file, opened read-only; connection: an open DuckDB connection
    header      whether a csv or tsv file begins with its column names; without, they are column0, column1, ...
    format      one of `FORMATS`; None: by the file's ending, or by its first lines
    missing     texts that are holes; None for `DEFAULT_MISSING`

    Raises DataError naming file, row, column and value; UsageError for options that do not go together.
    """
    holes = DEFAULT_MISSING if missing is None else tuple(missing) if not isinstance(missing, str) else (missing,)
    if format is not None and format not in FORMATS:
        raise UsageError(f"--format {format!r} is not known; choose one of {', '.join(FORMATS)}.")
    if database is not None or connection is not None:
        return _from_query(source, database, connection)
    if isinstance(source, str | Path):
        return _from_file(Path(source), header, format, holes)
    if not header or format is not None:
        raise UsageError("--no-header and --format go with files; this is a data frame.")
    return _from_frame(source)


def _from_query(sql: Any, database: str | Path | None, connection: Any) -> Table:
    if not isinstance(sql, str):
        raise UsageError(
            f"with a database or a connection, the rows are a SQL query as text; found {type(sql).__name__}."
        )
    if database is not None:
        if connection is not None:
            raise UsageError("give either a database file or a connection, not both.")
        _refuse_unreadable(Path(database))
    return _from_arrow(query_elsewhere(sql, database, connection), f"query {sql!r}" if len(sql) < 60 else "query")


def _from_frame(frame: Any) -> Table:
    home = type(frame).__module__.split(".")[0]
    if home not in ("pandas", "polars", "pyarrow"):
        raise DataError(
            f"rows of type {type(frame).__name__} cannot be read; give a path, a pandas or polars frame, "
            "an Arrow table, SQL with a connection, or arrays (X, y)."
        )
    if home == "pyarrow" and hasattr(frame, "read_all"):
        frame = frame.read_all()
    return _from_arrow(frame, "data frame")


def _from_arrow(frame: Any, name: str) -> Table:
    names = getattr(frame, "column_names", None) or list(getattr(frame, "columns", []))
    seen: set[str] = set()
    for column in map(str, names):
        if column.lower() in seen:
            raise DataError(f"{name}: the column name {column!r} stands twice (case does not count); rename one.")
        seen.add(column.lower())
    if not names:
        raise DataError(f"{name}: there are no columns.")
    own = Database(name)
    own.register("source", frame)
    own.create_in_order("rows", "SELECT * FROM source")
    described = own.run("DESCRIBE rows")
    fingerprint = hashlib.sha256(f"{described}{own.run('SELECT count(*) FROM rows')}".encode()).hexdigest()
    return Table.of(own, f"frame:{fingerprint[:32]}")


def _from_file(path: Path, header: bool, format: str | None, missing: tuple[str, ...]) -> Table:
    _refuse_unreadable(path)
    kind = format or _kind(path)
    if not header and kind not in ("csv", "tsv"):
        raise UsageError(f"--no-header goes with csv and tsv files, but {path} is {kind}.")
    print_of_it = fingerprint(path)
    database = Database(str(path))
    if kind in ("csv", "tsv"):
        first_line = read_delimited(database, path, header, "\t" if kind == "tsv" else None, missing)
        return Table.of(database, print_of_it, first_line=first_line)
    if kind == "libsvm":
        database.register("source", read_libsvm(path))
        database.create_in_order("rows", "SELECT * FROM source")
        return Table.of(database, print_of_it, first_line=None, label="label", absent_is_zero=True)
    reader = "read_parquet" if kind == "parquet" else "read_json_auto"
    database.create_in_order("rows", f"SELECT * FROM {reader}({literal(str(path))})")
    return Table.of(database, print_of_it)


def _refuse_unreadable(path: Path) -> None:
    if not path.exists():
        near = sorted(p.name for p in path.parent.iterdir() if p.is_file())[:8] if path.parent.is_dir() else []
        hint = f" The folder holds {', '.join(near)}." if near else ""
        raise DataError(f"{path}: no such file.{hint}")
    if path.is_dir():
        raise DataError(f"{path}: this is a folder, not a file of rows.")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise DataError(f"{path}: the file cannot be opened: {error.strerror}.") from None
    if empty:
        raise DataError(f"{path}: the file is empty.")


def _kind(path: Path) -> str:
    endings = [ending.lower() for ending in path.suffixes if ending.lower() != ".gz"]
    if endings and endings[-1] in _ENDINGS:
        return _ENDINGS[endings[-1]]
    return "libsvm" if looks_like_libsvm(first_lines(path)) else "csv"


def first_lines(path: Path, count: int = 5) -> list[bytes]:
    """The first lines of a file that may be gzipped. Raises DataError where the gzip stream is broken."""
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            return [line for _, line in zip(range(count), file, strict=False)]
    except (EOFError, gzip.BadGzipFile, OSError) as error:
        raise DataError(f"{path}: the file cannot be unpacked ({error}); is it whole?") from None


def fingerprint(path: Path) -> str:
    """SHA-256 of a file with its size; of its first and last MiB for files over 64 MiB."""
    size = path.stat().st_size
    digest = hashlib.sha256()
    with path.open("rb") as file:
        if size <= _WHOLE:
            digest.update(file.read())
            return f"sha256:{digest.hexdigest()}:{size}"
        digest.update(file.read(1 << 20))
        file.seek(-(1 << 20), 2)
        digest.update(file.read())
    return f"sha256-of-ends:{digest.hexdigest()}:{size}"
