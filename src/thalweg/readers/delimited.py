"""CSV and TSV through DuckDB: read once as text, then every column gets the type all of its values have.

DuckDB's own guesses look at a sample and at spaces as they are; reading text first lets a column be judged by all of
its values, after trimming and after the holes, and lets an error name the row and the value.
"""

import csv
import gzip
import re
from collections import Counter
from pathlib import Path

from thalweg.errors import DataError
from thalweg.readers.database import Database, literal, quoted
from thalweg.readers.table import hole_sql

_DELIMITERS = (",", "\t", ";", "|")


def read_delimited(
    database: Database, path: Path, header: bool, delimiter: str | None, missing: tuple[str, ...]
) -> int:
    """Create the table `rows`; returns the line its first row stands on.

    Raises DataError for duplicate names, lines of another length, text that is not UTF-8, a file cut short.
    """
    first = _first_line(path)
    delimiter = delimiter or max(_DELIMITERS, key=lambda one: len(_fields(first, one)))
    fields = _fields(first, delimiter)
    names = [name.strip() for name in fields] if header else [f"column{i}" for i in range(len(fields))]
    _refuse_duplicates(path, names)
    try:
        database.create_in_order("raw", _statement(path, names, header, delimiter))
    except DataError as error:
        raise DataError(_in_words(path, str(error))) from None
    _type(database, names, missing)
    database.run("DROP TABLE raw")
    return 2 if header else 1


def _statement(path: Path, names: list[str], header: bool, delimiter: str) -> str:
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    packed = ", compression='gzip'" if path.suffix.lower() == ".gz" else ""
    return (
        f"SELECT * FROM read_csv({literal(str(path))}, delim={literal(delimiter)}, "
        f"quote='\"', escape='\"', header={str(header).lower()}, columns={{{columns}}}, "
        f"auto_detect=false, strict_mode=true, null_padding=false{packed})"
    )


def _in_words(path: Path, complaint: str) -> str:
    """DuckDB's complaint about a line, in our words."""
    line = re.search(r"CSV Error on Line: (\d+)", complaint)
    width = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", complaint)
    if line and width:
        return (
            f"{path}, line {line[1]}: the line has {width[2]} fields, but the first line has {width[1]}; "
            "a field that holds the delimiter must stand in quotes."
        )
    if "not utf-8" in complaint.lower() or "unicode" in complaint.lower():
        where = f", line {line[1]}" if line else ""
        return f"{path}{where}: this is not UTF-8 text; save the file as UTF-8 (iconv -f latin1 -t utf-8 does)."
    if "GZIP" in complaint:
        return f"{path}: the file cannot be unpacked (unexpected end of the gzip stream); is it whole?"
    return complaint


def _first_line(path: Path) -> str:
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            line = file.readline()
    except (EOFError, OSError) as error:
        raise DataError(f"{path}: the file cannot be unpacked ({error}); is it whole?") from None
    try:
        return line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}, line 1: byte 0x{line[error.start]:02x} at position {error.start + 1} is not UTF-8; "
            "save the file as UTF-8 (iconv -f latin1 -t utf-8 does)."
        ) from None


def _fields(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter), [""])


def _refuse_duplicates(path: Path, names: list[str]) -> None:
    counts = Counter(name.lower() for name in names)
    for i, name in enumerate(names):
        if not name:
            raise DataError(f"{path}, line 1: column {i + 1} has no name; name it, or read with --no-header.")
        if counts[name.lower()] > 1:
            raise DataError(
                f"{path}, line 1: the column name {name!r} stands {counts[name.lower()]} times (case does not count); "
                "rename all but one."
            )


def _type(database: Database, names: list[str], missing: tuple[str, ...]) -> None:
    """`rows` from `raw`: a column whose every value is a number is DOUBLE, whose every value is a date TIMESTAMP."""
    trimmed = ", ".join(f"trim({quoted(name)}) AS v{i}" for i, name in enumerate(names))
    values = ", ".join(f"{hole_sql(f'v{i}', missing)} AS v{i}" for i in range(len(names)))
    database.run(f"CREATE TEMP VIEW filled AS SELECT {values} FROM (SELECT {trimmed} FROM raw)")
    columns = [f"v{i}" for i in range(len(names))]
    asked = ", ".join(f"count({v}), count(TRY_CAST({v} AS DOUBLE))" for v in columns)
    found = database.run(f"SELECT {asked} FROM filled")[0]
    words = [v for i, v in enumerate(columns) if found[2 * i] > found[2 * i + 1] == 0]
    asked = ", ".join(f"count({v}) = count(TRY_CAST({v} AS TIMESTAMP))" for v in words)
    dates = dict(zip(words, database.run(f"SELECT {asked} FROM filled")[0], strict=True)) if words else {}
    typed = []
    for i, (name, v) in enumerate(zip(names, columns, strict=True)):
        if found[2 * i] == found[2 * i + 1]:
            value = f"CAST({v} AS DOUBLE)"
        else:
            value = f"CAST({v} AS TIMESTAMP)" if dates.get(v) else v
        typed.append(f"{value} AS {quoted(name)}")
    database.create_in_order("rows", f"SELECT {', '.join(typed)} FROM filled")
    database.run("DROP VIEW filled")
