"""Queries that a caller writes: one SELECT, which reads the database and nothing else, through every door."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

import thalweg
from thalweg.cli import run
from thalweg.errors import DataError, ThalwegError, UsageError
from thalweg.readers import open_rows
from thalweg.readers.open_stream import open_stream

VICTIM = "precious"
ALL = "SELECT a, b, y FROM loans"
RUNS = "json_execute_serialized_sql(json_serialize_sql('{}'))"

WRITE = [
    ("COPY loans TO 'victim.txt'", "reads; found COPY"),
    ("COPY (SELECT 1) TO 'victim.txt'; " + ALL, r"2 statements \(COPY, SELECT\)"),
    (ALL + "; COPY (SELECT 1) TO 'victim.txt'", r"2 statements \(SELECT, COPY\)"),
    (ALL + "; " + ALL, "2 statements"),
    ("WITH w AS (COPY (SELECT 1) TO 'victim.txt') " + ALL, "WITH in it holds a COPY statement"),
    ("WITH w AS (DELETE FROM loans RETURNING *) SELECT * FROM w", "WITH in it holds a data-modifying statement"),
    ("WITH w AS (SELECT 1) INSERT INTO loans SELECT * FROM loans", "reads; found INSERT"),
    ("DELETE FROM loans RETURNING *", "reads; found DELETE"),
    ("CREATE TABLE more AS FROM loans", "reads; found CREATE"),
    ("EXPORT DATABASE 'exported'", "reads; found EXPORT"),
    ("ATTACH 'other.db'", "reads; found ATTACH"),
    ("INSTALL httpfs", "reads; found LOAD"),
    ("LOAD httpfs", "reads; found LOAD"),
    ("SET enable_external_access = true", "reads; found SET"),
    ("PRAGMA enable_profiling", "reads; found PRAGMA"),
    ("CALL enable_logging()", "reads; found CALL"),
    ("EXPLAIN ANALYZE " + ALL, "reads; found EXPLAIN"),
    ("PIVOT loans ON a USING sum(b)", "name the values of a PIVOT"),
    ("-- nothing", "holds no statement"),
    (
        "SELECT * FROM " + RUNS.format("WITH w AS (COPY (SELECT 1) TO ''victim.txt'') SELECT * FROM w"),
        r"json_execute_serialized_sql|reads victim.txt, which is not in the database",
    ),
    ("SELECT * FROM query('FROM json_execute' || '_serialized_sql(json_serialize_sql(''SELECT 1''))')", "may run any"),
]
SET_UP = [
    ("SELECT * FROM enable_logging(storage='file', storage_path='logged')", "configuration has been locked"),
    ("SELECT * FROM enable_profiling(save_location='victim.txt')", "configuration has been locked"),
    ("SELECT nextval('numbers') AS n", "read-only mode"),
]
OUTSIDE = [
    "SELECT * FROM 'loans.csv'",
    "SELECT * FROM read_csv('loans.csv')",
    "SELECT * FROM beside",
    "SELECT content FROM read_text('loans.csv')",
    "SELECT * FROM glob('*')",
    "SELECT * FROM 'https://example.org/loans.parquet'",
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with loans.db (a table, a view of a file beside it, a sequence), loans.csv, and victim.txt."""
    monkeypatch.chdir(tmp_path)
    rows = [(i % 7, (i * 3) % 5, int(i % 3 == 0)) for i in range(60)]
    Path("loans.csv").write_text("a,b,y\n" + "".join(f"{a},{b},{y}\n" for a, b, y in rows))
    Path("victim.txt").write_text(VICTIM)
    with duckdb.connect("loans.db") as connection:
        connection.execute("CREATE TABLE loans AS FROM 'loans.csv'; CREATE VIEW beside AS FROM 'loans.csv'")
        connection.execute("CREATE SEQUENCE numbers")
    return tmp_path


def doors(files: bool = False) -> dict[str, Callable[[str], Any]]:
    """Every way in Python by which a query comes in, and the caller's own connection."""
    reading = {"database": "loans.db", "sql_files": files}
    return {
        "memory": lambda sql: thalweg.fit(sql, "y", **reading),
        "path": lambda sql: thalweg.fit_path(sql, "y", points=2, **reading),
        "stream": lambda sql: thalweg.fit(sql, "y", stream=True, **reading),
        "online": lambda sql: thalweg.fit(sql, "y", stream=True, method="sgd", bits=8, **reading),
        "predict": lambda sql: judge().predict(sql, **reading),
        "evaluate": lambda sql: judge().evaluate(sql, **reading),
    }


@cache
def judge() -> thalweg.Model:
    """A model of the loans, which are the same in every test."""
    return thalweg.fit("loans.csv", "y")


def untouched(folder: Path) -> bool:
    """Whether no file was made or written over, and the table has its rows."""
    with duckdb.connect("loans.db", read_only=True) as connection:
        rows = connection.execute("SELECT count(*) FROM loans").fetchall()
    files = sorted(path.name for path in folder.iterdir() if path.name != ".tmp")
    known = files == ["loans.csv", "loans.db", "victim.txt"]
    return known and Path("victim.txt").read_text() == VICTIM and rows == [(60,)]


@pytest.mark.parametrize("files", [False, True])
@pytest.mark.parametrize(("sql", "words"), WRITE)
def test_only_one_select_is_run_wherever_it_comes_in(sql: str, words: str, files: bool, folder: Path) -> None:
    for door in doors(files).values():
        with pytest.raises(UsageError, match=words):
            door(sql)
    assert untouched(folder)


@pytest.mark.parametrize(("sql", "words"), WRITE)
def test_a_connection_of_the_callers_gets_one_select_too(sql: str, words: str, folder: Path) -> None:
    with duckdb.connect("loans.db") as connection, pytest.raises(UsageError, match=words):
        open_rows(sql, connection=connection)
    assert untouched(folder)


@pytest.mark.parametrize("files", [False, True])
@pytest.mark.parametrize(("sql", "words"), SET_UP)
def test_a_select_can_change_no_setting_and_no_database(sql: str, words: str, files: bool, folder: Path) -> None:
    for open_it in (open_rows, open_stream):
        with pytest.raises(DataError, match=words):
            list(open_it(sql, database="loans.db", sql_files=files).chunks({}))  # type: ignore[union-attr]
    assert untouched(folder)


@pytest.mark.parametrize("sql", OUTSIDE)
def test_a_query_reads_files_only_where_it_is_let(sql: str, folder: Path) -> None:
    for door in doors().values():
        with pytest.raises(UsageError, match="which is not in the database; --sql-files lets it read files"):
            door(sql)
    if "https" in sql:
        for door in doors(files=True).values():
            with pytest.raises(DataError, match="extensions are not loaded"):
                door(sql)
    elif "content" in sql:
        assert open_rows(sql, database="loans.db", sql_files=True).n == 1
    elif "glob" not in sql:
        assert open_rows(sql, database="loans.db", sql_files=True).n == 60
        assert list(open_stream(sql, database="loans.db", sql_files=True).columns) == ["a", "b", "y"]
    assert untouched(folder)


def test_the_command_line_refuses_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database = ["--database", "loans.db"]
    assert run(["fit", "--sql", ALL, *database, "--target", "y", "-o", "m.thalweg"]) == 0
    commands = {
        "fit": ["fit", "--target", "y", "-o", "new.thalweg"],
        "stream": ["fit", "--target", "y", "-o", "new.thalweg", "--stream", "--method", "lbfgs"],
        "path": ["path", "--target", "y", "--points", "2"],
        "predict": ["predict", "m.thalweg", "-o", "out.csv"],
        "evaluate": ["evaluate", "m.thalweg"],
    }
    capsys.readouterr()
    for arguments in commands.values():
        for sql in ("COPY loans TO 'victim.txt'; " + ALL, "SELECT * FROM 'loans.csv'"):
            assert run([*arguments, "--sql", sql, *database]) == 2
            said = capsys.readouterr().err
            assert said.startswith("thalweg: ") and said.count("\n") == 1 and "--sql" in said
        assert run([*arguments, "--sql", "SELECT * FROM 'loans.csv'", *database, "--sql-files"]) == 0
        capsys.readouterr()
        Path("new.thalweg").unlink(missing_ok=True)
        Path("out.csv").unlink(missing_ok=True)
    assert run(["evaluate", "m.thalweg", "loans.csv", "--sql-files"]) == 2
    assert "--sql-files goes with --sql" in capsys.readouterr().err
    Path("m.thalweg").unlink()
    assert untouched(folder)


@pytest.mark.parametrize(
    "sql",
    [
        ALL + ";",
        ALL + "; -- it's the last; truly",
        "/* first; */ " + ALL + " -- ';'",
        "WITH x AS (FROM loans) FROM x",
        "FROM loans",
        "TABLE loans",
        "(SELECT * FROM loans)",
        "FROM loans.main.loans",
        "SELECT a AS \"é;\", b, y FROM loans WHERE ';' = $$;$$",
    ],
)
def test_every_way_to_write_a_select_gives_the_same_rows_in_order(sql: str, folder: Path) -> None:
    names = list(open_rows("loans.csv").columns)  # type: ignore[union-attr]
    expected = np.loadtxt("loans.csv", delimiter=",", skiprows=1)
    table = open_rows(sql, database="loans.db")
    found = table.database.run("SELECT * FROM rows ORDER BY rowid")  # type: ignore[union-attr]
    assert np.array_equal(np.array(found, dtype=float), expected)
    stream = open_stream(sql, database="loans.db")
    assert list(stream.columns)[1:] == names[1:]
    (chunk,) = stream.chunks(dict.fromkeys(stream.columns, "number"))
    assert np.array_equal(np.column_stack([chunk.numbers(name) for name in stream.columns]), expected)


def test_two_columns_of_one_name_are_told_apart_alike_in_memory_and_streamed(folder: Path) -> None:
    sql = "SELECT a, b AS a, y FROM loans"
    assert list(open_rows(sql, database="loans.db").columns) == list(open_stream(sql, database="loans.db").columns)  # type: ignore[union-attr]


def test_a_connection_keeps_its_settings_and_its_place(folder: Path) -> None:
    with duckdb.connect("loans.db") as connection:
        before = connection.execute("SELECT name, value FROM duckdb_settings() ORDER BY name").fetchall()
        thalweg.fit(ALL, "y", connection=connection)
        thalweg.fit("FROM 'loans.csv'", "y", connection=connection)  # its settings let it
        assert connection.execute("SELECT name, value FROM duckdb_settings() ORDER BY name").fetchall() == before
        with pytest.raises(UsageError, match="--sql-files goes with --database"):
            open_rows(ALL, connection=connection, sql_files=True)
        with pytest.raises(DataError, match="has the database open for writing; close it"):
            thalweg.fit(ALL, "y", database="loans.db")
    with duckdb.connect("loans.db", read_only=True) as connection:  # beside another reader, with settings of its own
        thalweg.fit(ALL, "y", database="loans.db")
        thalweg.fit("FROM beside", "y", database="loans.db", sql_files=True, stream=True)
        assert connection.execute("FROM beside").fetchall()


def test_the_database_is_let_go_of_when_a_fit_ends_or_fails(folder: Path) -> None:
    for reading in ({}, {"stream": True}, {"stream": True, "method": "sgd"}):
        thalweg.fit(ALL, "y", database="loans.db", **reading)
        for sql in (ALL + " LIMIT 1", "SELECT nothing", "DELETE FROM loans"):
            with pytest.raises(ThalwegError) as refusal:
                thalweg.fit(sql, "y", database="loans.db", **reading)
        with duckdb.connect("loans.db") as connection:  # for writing, which nobody else may hold it for
            connection.execute("CREATE OR REPLACE TABLE more AS SELECT 1")
        del refusal


def test_python_variables_are_no_tables(folder: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        open_rows("SELECT * FROM database", database="loans.db", sql_files=True)


def test_options_of_queries_are_refused_elsewhere(folder: Path) -> None:
    for stream in (False, True):
        with pytest.raises(UsageError, match="--sql-files goes with --sql and --database"):
            thalweg.fit("loans.csv", "y", sql_files=True, stream=stream)
        for sql in ("SELECT '\udce9'", "SELECT 1\0"):
            with pytest.raises(UsageError, match="not UTF-8 text"):
                thalweg.fit(sql, "y", database="loans.db", stream=stream)


@pytest.mark.parametrize("name", ["memory.db", "Temp.db", "a'b.db", 'a"b.db', "x*[1]?.db", "~.db", "md:x.db", "é x.db"])
def test_a_database_may_have_any_name(name: str, folder: Path) -> None:
    Path("loans.db").rename(name)
    assert open_rows(ALL, database=name).n == open_rows(ALL, database=folder / name).n == 60
    assert len(list(open_stream(ALL, database=name).chunks({"a": "number"}))) == 1


def test_an_answer_to_json_is_still_one_object(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["fit", "--sql", "FROM beside", "--sql-files", "--database", "loans.db", "--target", "y", "--json"]
    assert run([*arguments, "-o", "m.thalweg", "--progress", "off"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 60
