"""CSV and TSV through DuckDB: read once as text, then every column gets the type all of its values have.

DuckDB's own guesses look at a sample and at spaces as they are; reading text first lets a column be judged by all of
its values, after trimming and after the holes, and lets an error name the row and the value.
"""

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from thalweg.errors import DataError
from thalweg.readers.database import Database, file_literal, literal
from thalweg.readers.files import is_packed, opened
from thalweg.readers.table import hole_sql

LONGEST = 2_000_000  # bytes of a record, DuckDB's own limit
_DELIMITERS = (",", "\t", ";", "|")


def read_delimited(
    database: Database, path: Path, header: bool, delimiter: str | None, missing: tuple[str, ...]
) -> tuple[list[str], int]:
    """Create the table `rows`; returns the columns' names, and the line the first row stands on.

    Raises DataError for duplicate names, lines of another length, text that is not UTF-8, a file cut short.
    """
    top = heading(path, header, delimiter)
    names = top.names
    try:
        database.create_in_order("raw", _statement(path, len(names), header, top.delimiter))
    except DataError as error:
        raise DataError(_in_words(path, str(error))) from None
    _type(database, len(names), missing)
    database.run("DROP TABLE raw")
    return names, top.lines + 1


@dataclass(frozen=True)
class Heading:
    """How a delimited file begins.

    names      of its columns
    delimiter  between fields
    lines      that the column names take, 0 where there are none
    """

    names: list[str]
    delimiter: str
    lines: int


def heading(path: Path, header: bool, delimiter: str | None) -> Heading:
    """The names and the delimiter of a file: the one told, or that which cuts the first record into the most fields.

    Raises DataError for duplicate names and for text that is not UTF-8.
    """
    candidates = [delimiter] if delimiter else list(_DELIMITERS)
    records = {one: _first_record(path, one) for one in candidates}
    delimiter = max(candidates, key=lambda one: len(records[one][0]))
    fields, lines = records[delimiter]
    names = [name.strip() for name in fields] if header else [f"column{i}" for i in range(len(fields))]
    _refuse_duplicates(path, names)
    return Heading(names, delimiter, lines if header else 0)


def _statement(path: Path, width: int, header: bool, delimiter: str) -> str:
    columns = ", ".join(f"c{i}: 'VARCHAR'" for i in range(width))
    return (
        f"SELECT * FROM read_csv({file_literal(path)}, delim={literal(delimiter)}, "
        f"quote='\"', escape='\"', header={str(header).lower()}, columns={{{columns}}}, auto_detect=false, "
        f"strict_mode=true, null_padding=false, compression='{'gzip' if is_packed(path) else 'none'}')"
    )


def _in_words(path: Path, complaint: str) -> str:
    """DuckDB's complaint about a line, in our words."""
    line = re.search(r"CSV Error on Line: (\d+)", complaint)
    width = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", complaint)
    if line and width:
        return wrong_width(f"{path}, line {line[1]}", width[2], width[1])
    if "not utf-8" in complaint.lower() or "unicode" in complaint.lower():
        where = f", line {line[1]}" if line else ""
        return f"{path}{where}: this is not UTF-8 text; save the file as UTF-8 (iconv -f latin1 -t utf-8 does)."
    if (mixed := _mixed_ends(path)) is not None:
        return (
            f"{path}, line {mixed}: this line ends otherwise than line 1 (LF or CR LF); dos2unix makes them all alike."
        )
    if line and "maximum line size" in complaint.lower():
        return too_long(f"{path}, line {line[1]}")
    if line and '"' in complaint.split("Original Line:", 1)[-1]:
        return wrong_quotes(f"{path}, line {line[1]}")
    if "GZIP" in complaint:
        return f"{path}: the file cannot be unpacked (unexpected end of the gzip stream); is it whole?"
    return complaint


def wrong_width(place: str, found: int | str, expected: int | str) -> str:
    """The sentence about a line of another length."""
    return (
        f"{place}: the line has {found} fields, but the first line has {expected}; "
        "a field that holds the delimiter must stand in quotes."
    )


def wrong_quotes(place: str) -> str:
    """The sentence about a line with a quote too many or too few."""
    return (
        f"{place}: a quoted field does not end, or text follows its closing quote; "
        "a quote that is part of the text must be doubled."
    )


def too_long(place: str) -> str:
    """The sentence about a line of more than `LONGEST` bytes."""
    return f"{place}: the line is longer than 2 MB; is a closing quote missing, or is this no table?"


def _mixed_ends(path: Path) -> int | None:
    """The first line that does not end as the first one does, by LF or by CR LF."""
    with opened(path) as file:
        ends = [line.endswith(b"\r\n") for line in file.read(1 << 20).splitlines(keepends=True)[:-1]]
    return next((i for i, end in enumerate(ends, 1) if end != ends[0]), None)


def _first_record(path: Path, delimiter: str) -> tuple[list[str], int]:
    """The fields of the first record, and how many lines it takes: a quoted field may hold line breaks."""
    with opened(path) as file, io.TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline="") as text:
        reader = csv.reader(text, delimiter=delimiter)
        try:
            fields = next(reader, [""]) or [""]
        except csv.Error as error:
            raise DataError(f"{path}, line 1: the first line is no row of a table ({error}).") from None
    for letter in "".join(fields):
        if 0xDC80 <= ord(letter) <= 0xDCFF:  # a byte that is not UTF-8
            raise DataError(
                f"{path}, line 1: byte 0x{ord(letter) - 0xDC00:02x} is not UTF-8; "
                "save the file as UTF-8 (iconv -f latin1 -t utf-8 does)."
            )
    return fields, reader.line_num


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


def _type(database: Database, width: int, missing: tuple[str, ...]) -> None:
    """`rows` from `raw`: a column whose every value is a number is DOUBLE, whose every value is a date TIMESTAMP."""
    columns = [f"c{i}" for i in range(width)]
    trimmed = ", ".join(f"trim({c}) AS {c}" for c in columns)
    values = ", ".join(f"{hole_sql(c, missing)} AS {c}" for c in columns)
    database.run(f"CREATE TEMP VIEW filled AS SELECT {values} FROM (SELECT {trimmed} FROM raw)")
    asked = ", ".join(f"count({v}), count(TRY_CAST({v} AS DOUBLE))" for v in columns)
    found = database.run(f"SELECT {asked} FROM filled")[0]
    words = [v for i, v in enumerate(columns) if found[2 * i] > found[2 * i + 1] == 0]
    asked = ", ".join(f"count({v}) = count(TRY_CAST({v} AS TIMESTAMP))" for v in words)
    dates = dict(zip(words, database.run(f"SELECT {asked} FROM filled")[0], strict=True)) if words else {}
    typed = []
    for i, v in enumerate(columns):
        if found[2 * i] == found[2 * i + 1]:
            value = f"CAST({v} AS DOUBLE)"
        else:
            value = f"CAST({v} AS TIMESTAMP)" if dates.get(v) else v
        typed.append(f"{value} AS {v}")
    database.create_in_order("rows", f"SELECT {', '.join(typed)} FROM filled")
    database.run("DROP VIEW filled")
