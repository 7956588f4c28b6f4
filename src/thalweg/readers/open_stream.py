"""Which stream a path, a folder or a query gets."""

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

from thalweg.errors import DataError, UsageError
from thalweg.readers.database import Database, named_files
from thalweg.readers.delimited_stream import DelimitedStream
from thalweg.readers.files import files_in, fingerprint, is_folder, kind_of, refuse_foreign, refuse_unreadable
from thalweg.readers.json_lines import json_lines
from thalweg.readers.parquet_stream import ParquetStream
from thalweg.readers.query import open_query, query_in_words
from thalweg.readers.query_stream import QueryStream, json_in_words
from thalweg.readers.stream import Stream
from thalweg.readers.table import missing_words


def open_stream(
    source: Any,
    *,
    database: str | Path | None = None,
    connection: Any = None,
    sql_files: bool = False,
    header: bool = True,
    format: str | None = None,
    missing: Any = None,
) -> Stream:
    """A source to be read in chunks: what `open_rows` reads into memory, and folders of files of one kind.

    Raises DataError for files that cannot be read or disagree on their columns; UsageError for what cannot be streamed.
    """
    holes = missing_words(missing)
    if connection is not None or not isinstance(source, str | Path):
        raise UsageError(
            "--stream reads files, folders and queries on a --database file; rows that are in memory already are "
            "fitted without it, or handed piece by piece to thalweg.Online.partial_fit."
        )
    if database is not None:
        return _of_query(str(source), Path(database), sql_files, holes)
    if sql_files:
        raise UsageError("--sql-files goes with --sql and --database.")
    path = Path(source)
    if is_folder(path):
        files = files_in(path)
        kinds = {format or kind_of(file): file for file in reversed(files) if _readable(file)}
        if len(kinds) > 1:
            told = ", ".join(f"{file.name} is {kind}" for kind, file in sorted(kinds.items()))
            raise DataError(f"{path}: the files of the folder are of several kinds ({told}); give those of one.")
        kind = next(iter(kinds))
    else:
        refuse_unreadable(path)
        files, kind = [path], format or kind_of(path)
    for file in files:
        if kind != "parquet":
            refuse_foreign(file)
    if kind == "libsvm":
        raise UsageError(f"{path} is a libsvm file, which --stream does not read; fit it without, or make it parquet.")
    if not header and kind not in ("csv", "tsv"):
        raise UsageError(f"--no-header goes with csv and tsv files, but {path} is {kind}.")
    mark = fingerprint(path) if not path.is_dir() else _of_folder(path, files)
    stream: Stream
    if kind == "parquet":
        stream = ParquetStream(str(path), files, mark, holes)
    elif kind == "jsonl":
        stream = _of_json(path, files, mark, holes)
    else:
        stream = DelimitedStream(str(path), files, mark, header, "\t" if kind == "tsv" else None, holes)
    stream.folder = path if path.is_dir() else None
    return stream


def _readable(file: Path) -> bool:
    refuse_unreadable(file)
    return True


def _of_folder(folder: Path, files: list[Path]) -> str:
    """One fingerprint of all files, by their names in the folder."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(folder)}:{fingerprint(file)}\n".encode())
    return f"sha256-of-files:{digest.hexdigest()}:{len(files)}"


def _of_query(sql: str, file: Path, files: bool, missing: tuple[str, ...]) -> Stream:
    query = open_query(sql, file, None, files, threads=1)  # on one thread rows come in the order of the source
    log = file.with_name(f"{file.name}.wal")  # what was written to the database and is not in its file yet
    read = [file, *(named_files([sql, *query.database.views()]) if files else ())]
    marks = [fingerprint(path) for path in (*read, log) if path.exists()]
    mark = hashlib.sha256(f"{sql}:{marks}".encode()).hexdigest()
    select = f"SELECT * FROM {query.rows}"
    return QueryStream(query.database, select, read, query.name, f"query:{mark}", missing, query_in_words)


def _of_json(path: Path, files: list[Path], mark: str, missing: tuple[str, ...]) -> Stream:
    if len(files) > 1:
        raise UsageError(f"{path}: a folder of JSON files is not streamed; give one file, or make them parquet.")
    database = Database(str(path))
    with json_in_words(files[0]):
        select, numbers = json_lines(database, files[0])
    database.run("SET threads = 1")  # so that rows come in the order of the file
    stream = QueryStream(database, select, files, str(path), mark, missing, partial(json_in_words, files[0]))
    stream.columns |= dict.fromkeys(numbers, "number")
    return stream
