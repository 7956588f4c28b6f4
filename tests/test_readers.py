"""The readers: rows in their order, values as they stand, holes and kinds recognised."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thalweg.errors import DataError, UsageError
from thalweg.readers import open_rows, open_table
from thalweg.readers.libsvm import read_libsvm
from thalweg.recipe import learn


def column(table, name: str) -> list:
    return [value for (value,) in table.database.run(f"SELECT {table.sql(name)} FROM rows ORDER BY rowid")]


def test_rows_keep_the_order_of_the_file(tmp_path: Path) -> None:
    n = 200_000
    frame = pd.DataFrame({"i": np.arange(n), "word": [f"w{i % 7}" for i in range(n)], "y": np.arange(n) % 2})
    frame.to_csv(tmp_path / "t.csv.gz", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    for _ in range(3):
        for name in ("t.csv.gz", "t.parquet"):
            table = open_table(tmp_path / name)
            recipe = learn(table, target="y", standardize=False, only=["i"])
            assert np.array_equal(recipe.encode(table)[:, 0], np.arange(n))
            assert np.array_equal(recipe.encode_target(table), np.arange(n) % 2)


def test_spaces_and_hole_words_do_not_make_a_number_column_words(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a, b,c\n 1, x ,?\n NA, ?,2020-01-05\n3.5,y,2021-02-03\n")
    table = open_table(path)
    assert table.columns == {"a": "number", "b": "text", "c": "date"}
    assert column(table, "a") == [1.0, None, 3.5]
    assert column(table, "b") == ["x", None, "y"]


def test_a_header_can_be_absent_and_the_delimiter_is_found(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("1;2;x\n3;4;y\n")
    assert open_table(path, header=False).columns == {"column0": "number", "column1": "number", "column2": "text"}
    path.write_text('"a;b",c\n"1;2",3\n')
    assert list(open_table(path).columns) == ["a;b", "c"]


def test_names_and_labels_with_quotes_and_foreign_letters_work(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = "".join(f'{i},it\'s,"say ""hi""",{"ja" if i % 3 else "nö"}\n' for i in range(12))
    path.write_text('"a ""q""",b\'c,收入,ziel\n' + rows.replace("it's", "it's", 1))
    table = open_table(path)
    assert list(table.columns) == ['a "q"', "b'c", "收入", "ziel"]
    recipe = learn(table, target="ziel", positive="nö")
    assert recipe.target is not None and recipe.target.classes == ("ja", "nö")
    assert recipe.encode(table).shape == (12, 1)


@pytest.mark.parametrize("make", [lambda d: d, pl.from_pandas, pa.Table.from_pandas])
def test_frames_of_every_kind_are_tables(make) -> None:
    frame = pd.DataFrame(
        {
            "n": [1.0, np.nan, 3.0],
            "s": ["x", None, "y"],
            "b": [True, False, True],
            "d": pd.to_datetime(["2020-01-01", "2021-01-01", None]),
        }
    )
    table = open_table(make(frame))
    assert table.columns == {"n": "number", "s": "text", "b": "boolean", "d": "date"}
    assert table.n == 3


def test_a_query_runs_on_somebodys_connection_and_leaves_it_open() -> None:
    import duckdb

    connection = duckdb.connect()
    connection.execute("CREATE TABLE t AS SELECT range AS x FROM range(10)")
    assert column(open_table("SELECT x * 2 AS x2 FROM t", connection=connection), "x2") == list(range(0, 20, 2))
    assert connection.execute("SELECT count(*) FROM t").fetchall() == [(10,)]


def test_a_broken_query_and_a_file_that_is_no_database_are_named(tmp_path: Path) -> None:
    import duckdb

    with pytest.raises(DataError, match="the query failed"):
        open_table("SELECT nothing FROM nowhere", connection=duckdb.connect())
    (tmp_path / "no.duckdb").write_text("hello, this is not a database at all" * 100)
    with pytest.raises(DataError, match="the query failed"):
        open_table("SELECT 1", database=tmp_path / "no.duckdb")
    with pytest.raises(DataError, match="no such file"):
        open_table("SELECT 1", database=tmp_path / "missing.duckdb")


BAD = [
    ("t.csv", b"a,a\n1,2\n", "stands 2 times"),
    ("t.csv", b"a,,c\n1,2,3\n", "column 2 has no name"),
    ("t.csv", b"", "is empty"),
    ("t.csv", b"a,b\n", "there are no rows"),
    ("t.csv", b"a,b\n1\n", "line 2: the line has 1 fields, but the first line has 2"),
    ("t.csv", b"a,b\n1,\xe9\n", "line 2: this is not UTF-8"),
    ("t.csv", b"a,\xe9\n1,2\n", "line 1: byte 0xe9"),
    ("t.csv.gz", b"not gzip", "cannot be unpacked"),
    ("t.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 9999)[:60], "cannot be unpacked"),
    ("t.parquet", b"PAR1 not really", "t.parquet"),
    ("t.libsvm", b"1 1:2\n1 3:3 2:1\n", "line 2: index 2 follows 3"),
]


@pytest.mark.parametrize(("name", "content", "words"), BAD)
def test_a_file_that_cannot_be_read_is_named_with_the_line(
    name: str, content: bytes, words: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as refusal:
        open_table(tmp_path / name)
    assert words in str(refusal.value) and str(tmp_path / name) in str(refusal.value)


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read; give a path"):
        open_table(42)
    with pytest.raises(DataError, match="this is a folder"):
        open_table(tmp_path)
    with pytest.raises(UsageError, match="--no-header goes with csv"):
        (tmp_path / "t.libsvm").write_bytes(b"1 1:2\n")
        open_table(tmp_path / "t.libsvm", header=False)


LINES = [
    (b"1 2:x\n", "'x' at index 2 is not a finite number"),
    (b"1 2:nan\n", "not a finite number"),
    (b"1 3:1 2:1\n", "index 2 follows 3"),
    (b"1 3:1 3:1\n", "index 3 follows 3"),
    (b"+1 a:1\n", "found 'a:1', but index:value was expected"),
    (b"2:1 3:1\n", "a number, its label, was expected"),
    (b"1 2147483648:1\n", "index 2147483648 is above"),
    (b"1 99999999999999999999999:1\n", "is above"),
    (b"# only a comment\n", "no rows"),
]


@pytest.mark.parametrize(("line", "words"), LINES)
def test_a_bad_libsvm_line_is_named(line: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "t.libsvm"
    path.write_bytes(line)
    with pytest.raises(DataError) as refusal:
        read_libsvm(path)
    assert words in str(refusal.value)


@given(
    st.lists(st.tuples(st.sampled_from([-1, 1]), st.dictionaries(st.integers(1, 9), st.floats(-9, 9)), st.booleans()))
)
def test_libsvm_lines_come_back_as_written(tmp_path_factory: pytest.TempPathFactory, rows: list) -> None:
    path = tmp_path_factory.mktemp("svm") / "t.libsvm"
    lines = []
    for label, entries, comment in rows:
        words = " ".join(f"{index}:{value!r}" for index, value in sorted(entries.items()))
        lines.append(f"{label} qid:3 {words}{' # note' if comment else ''}")
    path.write_text("\n".join(lines) + "\n")
    if not rows:
        return
    matrix = read_libsvm(path)
    assert matrix.y.tolist() == [label for label, _, _ in rows]
    for i, (_, entries, _) in enumerate(rows):
        row = matrix.X.rows(i, i + 1)
        entry = slice(row.indptr[0], row.indptr[1])
        found = zip((row.indices[entry] + matrix.first).tolist(), row.data[entry].tolist(), strict=True)
        assert dict(found) == entries


@given(st.binary(max_size=200))
def test_garbage_never_ends_in_anything_but_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, garbage: bytes
) -> None:
    folder = tmp_path_factory.mktemp("garbage")
    for name in ("t.libsvm", "t.csv", "t.parquet", "t.jsonl", "t.unknown"):
        (folder / name).write_bytes(garbage)
        try:
            open_rows(folder / name)
        except DataError as error:
            assert "\n" not in str(error)
