"""What users give that cannot work, and names that used to collide: each a sentence, or simply right."""

import gzip
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp

import thalweg
from thalweg.cli import run
from thalweg.errors import DataError, UsageError
from thalweg.readers import open_table

RNG = np.random.default_rng(11)
X = RNG.standard_normal((60, 3))
Y = (X[:, 0] + RNG.standard_normal(60) > 0).astype(int)


@pytest.mark.parametrize(
    "name", ["rowid", "ROWID", "__weight", "__row", "weight", "row", "training", "is_positive", "c0", "v0", "w", "y2"]
)
def test_a_column_may_be_called_anything(name: str) -> None:
    frame = pd.DataFrame({name: X[:, 0], "x": X[:, 1], "word": np.where(X[:, 2] > 0, "a", "b"), "y": Y})
    plain = frame.rename(columns={name: "plain"})
    model, other = thalweg.fit(frame, target="y"), thalweg.fit(plain, target="y")
    assert model.predict_proba(frame).tobytes() == other.predict_proba(plain).tobytes()


def test_file_names_are_names_not_patterns(tmp_path: Path) -> None:
    for name, value in (("a*b.csv", 1), ("aXb.csv", 2), ("q[1]?.csv", 3), ("qx.csv", 4)):
        (tmp_path / name).write_text(f"x\n{value}\n")
        table = open_table(tmp_path / name)
        assert table.database.run(f"SELECT {table.sql('x')} FROM rows") == [(value,)]


def test_an_instant_is_the_same_number_whatever_the_time_zone_of_its_column() -> None:
    seconds = np.array([0, 86400, 10**9])
    for unit, factor in (("us", 10**6), ("ns", 10**9), ("s", 1)):
        for zone in (None, "Asia/Tokyo", "America/New_York"):
            table = open_table(pa.table({"t": pa.array(seconds * factor, pa.timestamp(unit, zone))}))
            found = [row[0] for row in table.database.run(f"SELECT {table.number('t')} FROM rows ORDER BY rowid")]
            assert found == (seconds / 86400).tolist()


@pytest.mark.parametrize("make", [lambda f: f, pa.Table.from_pandas], ids=["pandas", "arrow"])
def test_levels_that_are_numbers_are_levels(make: Any) -> None:
    frame = pd.DataFrame({"c": pd.Categorical([3, 1, 2] * 20), "y": Y})
    model = thalweg.fit(make(frame), target="y")
    assert {term.kind for term in model.recipe.terms} == {"level"}
    assert np.array_equal(model.predict_proba(make(frame)), model.predict_proba(frame.assign(c=frame.c.astype(int))))


def test_columns_without_a_type_or_of_an_odd_one() -> None:
    frame = pd.DataFrame({"x": X[:, 0], "empty": [None] * 60, "p": pd.period_range("2020", periods=60), "y": Y})
    with pytest.raises(DataError, match=r"column 'p' holds period.*--drop p"):
        thalweg.fit(frame, target="y")
    model = thalweg.fit(frame, target="y", drop=["p"])
    assert "'empty' is empty: dropped." in model.notes
    half = thalweg.fit(frame.assign(x=X[:, 0].astype(np.float16), p=0).drop(columns="p"), target="y")
    assert half.feature_names == ("x",)
    for name, column in (
        ("decimal", pa.array([1, 2] * 30, pa.decimal256(50, 2))),
        ("half", pa.array(np.arange(60, dtype=np.float16))),
    ):
        table = open_table(pa.table({name: column}))
        assert table.columns == {name: "number"}
    assert open_table(pl.DataFrame({"i": pl.Series(range(3), dtype=pl.Int128)})).columns == {"i": "number"}
    assert open_table(pl.LazyFrame({"i": [1, 2]})).n == 2


FILES = [
    ("t.csv", "a,b\n1,2\n".encode("utf-16"), "UTF-16 text"),
    ("t.csv", b"PK\x03\x04 and more", "a zip archive"),
    ("t.csv", b"a,b\n1,\x00\n", "line 2: there is a byte 0"),
    ("t.parquet", b"a,b\n1,2\n" * 9, "not a parquet file"),
    ("t.jsonl", b'{"a": 1}\n{"a": \n', "not JSON"),
    ("t.csv", b'a,b\n1,"2\n', "line 2: a quoted field does not end"),
    ("t.csv", b"a,b\n1,2\n\n\n3\n", "line 5: the line has 1 fields, but the first line has 2"),
    ("t.csv", b"a,b\n1," + b"2" * 2_500_000 + b"\n", "line 2: the line is longer than 2 MB"),
    ("t.csv", b"a,b\n1,2\r\n3,4\r\n", "line 2: this line ends otherwise"),
]


@pytest.mark.parametrize(("name", "content", "words"), FILES)
def test_a_file_of_another_kind_is_told_what_it_is(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words):
        open_table(tmp_path / name)


def test_headers_over_two_lines_and_old_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('"a\nb",c\n1,x\n2,y\n')
    table = open_table(path)
    assert list(table.columns) == ["a\nb", "c"] and table.place(0).endswith("row 1 (line 3)")
    path.write_bytes(b"a,b\r1,2\r3,4\r")
    assert open_table(path).n == 2
    path.write_bytes(gzip.compress(b"a,b\n1,2\n"))  # packed, whatever its name says
    assert open_table(path).n == 1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["1,234", "5,678"], "comma between thousands"),
        (["1,5", "2,25"], "decimal comma"),
        (["01/31/2024", "02/28/2024"], "year first"),
        (["5%", "7.5%"], "sign for a unit"),
    ],
)
def test_words_that_were_meant_to_be_numbers_get_a_note(values: list[str], words: str) -> None:
    model = thalweg.fit(pd.DataFrame({"v": values * 30, "x": X[:, 0], "y": Y}), target="y")
    assert any(words in note for note in model.notes), model.notes


USAGE: list[tuple[dict[str, Any], str]] = [
    ({"tol": None}, "--tol is None"),
    ({"seed": None}, "--seed is None"),
    ({"seed": 1.5}, "--seed is 1.5"),
    ({"l2": "x"}, "--l2 is 'x'"),
    ({"l2": float("nan")}, "--l2 is nan"),
    ({"epochs": 2.5}, "--epochs is 2.5"),
    ({"class_weight": [1, 2]}, r"--class-weight is \[1, 2\]"),
    ({"max_levels": 7}, "--max-levels goes with a table"),
    ({"text": ["x0"]}, "--text goes with a table"),
    ({"kernel": "none"}, "kernel 'none' is not known"),
]


@pytest.mark.parametrize(("options", "words"), USAGE)
def test_options_of_the_wrong_kind_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        thalweg.fit((X, Y), **options)


TABLES: list[tuple[dict[str, Any], str]] = [
    ({"max_levels": 0}, "--max-levels is 0"),
    ({"max_levels": -3}, "--max-levels is -3"),
    ({"target": 1.5}, "--target is 1.5"),
    ({"tokens": "letters", "text": ["t"]}, "--tokens is 'letters'"),
    ({"ngrams": 0, "text": ["t"]}, "--ngrams is 0"),
    ({"ngrams": 2}, "--ngrams says how --text is read"),
    ({"min_rows": 5}, "--min-rows says how --text is read"),
    ({"connection": 5}, "connection is 5"),
]


@pytest.mark.parametrize(("options", "words"), TABLES)
def test_options_of_tables_are_checked(options: dict[str, Any], words: str) -> None:
    frame = pd.DataFrame({"x": X[:, 0], "y": Y})
    rows: Any = "SELECT 1" if "connection" in options else frame
    with pytest.raises(UsageError, match=words):
        thalweg.fit(rows, **{"target": "y", **options})


def test_frames_may_have_numbers_for_names() -> None:
    model = thalweg.fit(pd.DataFrame({0: X[:, 0], 1: Y}), target=1)
    assert model.feature_names == ("0",)


def test_labels_that_cannot_be_labels_are_refused() -> None:
    with pytest.raises(DataError, match="mixes labels of the types int and str"):
        thalweg.fit((X, np.array([1, "a"] * 30, dtype=object)))
    with pytest.raises(DataError, match="must be a number, a word"):
        thalweg.fit((X, np.array(["2020-01-01", "2020-01-02"] * 30, dtype="datetime64[D]")))


def test_an_offset_is_never_dropped_in_silence() -> None:
    offset = RNG.standard_normal(60)
    with pytest.raises(UsageError, match="have an offset, which held-out arrays"):
        thalweg.fit((X, Y), offset=offset, holdout=(X, Y))
    model = thalweg.fit((X, Y), offset=offset, holdout=0.2)
    with pytest.raises(DataError, match="fitted with an offset"):
        model.predict_proba(X)
    with pytest.raises(DataError, match=r"offset has shape \(3,\)"):
        model.predict_proba(X, offset=np.ones(3))
    assert model.predict_proba(X, offset=offset).shape == (60, 2)


def test_predicting_arrays_names_what_is_no_number() -> None:
    model = thalweg.fit((X, Y))
    bad = X.copy()
    bad[7, 2] = np.nan
    with pytest.raises(DataError, match="nan in row 7, column 2"):
        model.predict_proba(bad)
    masked = np.ma.masked_array(X, mask=np.zeros_like(X, dtype=bool))
    masked[4, 1] = np.ma.masked
    for judge in (lambda: model.predict(masked), lambda: thalweg.fit((masked, Y))):
        with pytest.raises(DataError, match="masked in row 4, column 1"):
            judge()
    assert model.predict(X.astype(object)).tolist() == model.predict(X).tolist()
    with pytest.raises(UsageError, match="header goes with files"):
        model.predict(X, header=False)
    with pytest.raises(UsageError, match="threshold is 2"):
        model.predict(X, threshold=2)


def test_evaluating_arrays_checks_weights_and_target() -> None:
    model = thalweg.fit((X, Y))
    for weights, words in ((-np.ones(60), "cannot be negative"), (np.ones(3), "shape"), ([np.nan] * 60, "finite")):
        with pytest.raises(DataError, match=words):
            model.evaluate((X, Y), weights=weights)
    with pytest.raises(UsageError, match="target goes with a table"):
        model.evaluate((X, Y), target="y")


def test_weights_are_checked_by_their_own_values(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,s,y\n" + "".join(f"{i},{'heavy' if i == 5 else i},{i % 2}\n" for i in range(9)))
    with pytest.raises(DataError, match=r"row 6 \(line 7\): column 's' holds 'heavy'"):
        thalweg.fit(path, target="y", weights="s")
    model = thalweg.fit(pd.DataFrame({"x": X[:, 0], "y": Y}), target="y")
    with pytest.raises(DataError, match="no column 'nope'"):
        model.evaluate(pd.DataFrame({"x": X[:, 0], "y": Y}), weights="nope")
    with pytest.raises(DataError, match="add up to infinity"):
        thalweg.fit((X, Y), weights=np.full(60, 1e308))
    with pytest.raises(DataError, match="finite weights"):
        thalweg.fit((X, Y), class_weight={0: np.nan})
    with pytest.raises(DataError, match="x1 holds numbers so large"):
        thalweg.fit((np.where(X > 0.0, 1.0, -1.0) * [1.0, 1.7e308, 1.0], Y))


def test_held_out_arrays_say_where_they_fail() -> None:
    bad = X.copy()
    bad[3, 0] = np.inf
    with pytest.raises(DataError, match=r"in the held-out rows: X holds inf in row 3, column 0"):
        thalweg.fit((X, Y), holdout=(bad, Y))


def test_reading_options_that_do_nothing_are_refused() -> None:
    import duckdb

    with pytest.raises(UsageError, match="go with files; this is a query"):
        thalweg.fit("SELECT 1", connection=duckdb.connect(), header=False)
    with pytest.raises(UsageError, match="--sql is empty"):
        thalweg.fit("  ", connection=duckdb.connect(), target="y")


def test_a_sparse_matrix_that_is_broken_is_named() -> None:
    matrix = sp.csr_matrix((np.ones(3), np.array([0, 1, 2]), np.array([0, 1, 2, 3])), shape=(3, 3))
    matrix.indices[2] = 7
    with pytest.raises(DataError, match="index 7 in row 2"):
        thalweg.fit((matrix, [0, 1, 0]))
    matrix.indices[2], matrix.data[1] = 2, np.nan
    with pytest.raises(DataError, match="nan in row 1, column 1"):
        thalweg.fit((matrix, [0, 1, 0]))
    with pytest.raises(DataError, match="complex"):
        thalweg.fit((sp.eye(3, dtype=complex, format="csr"), [0, 1, 0]))


@pytest.mark.parametrize("way", [{"stream": True}, {"stream": True, "method": "sgd", "bits": 8}], ids=["exact", "sgd"])
def test_a_line_too_short_in_another_encoding_is_a_bad_row_like_any_other(
    way: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ignored: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    good = [f"{x:.2f},{'uv'[y]},{y}" for x, y in zip(X[:, 0], Y, strict=True)]
    for odd, words in (
        ("caf\xe9,1", "the line has 2 fields, but the first line has 3"),
        ("\xe9,caf\xe9,1,\xe9", "the line has 4 fields, but the first line has 3"),
        ("1,\xe9\ue000,1", "this is not UTF-8 text"),
        ('1,"\xe9\n",1', "this is not UTF-8 text"),
        ('1,"\xe9" x,1', "a quoted field does not end, or text follows its closing quote"),
    ):
        lines = ["a,b,y", *good[:30], odd, *good[30:], "1.0,\ue000,1"]
        path = tmp_path / "t.csv"
        path.write_bytes(b"\n".join(_latin(line) for line in lines) + b"\n")
        with pytest.raises(DataError, match=f"line 32: {words}"):
            thalweg.fit(path, target="y", **way)
        model = thalweg.fit(path, target="y", on_bad_row="skip", **way)
        assert any(f"1 row was skipped (--on-bad-row skip): {path}, line 32: {words}" in note for note in model.notes)
        assert model.rows == 61
    assert not ignored


def _latin(line: str) -> bytes:
    """Latin letters of one byte, which is not UTF-8, among letters that are."""
    return b"".join(letter.encode("latin-1" if letter < "\u0100" else "utf-8") for letter in line)


@pytest.mark.parametrize("value", ["1e151", "-1e160", "1e308"])
@pytest.mark.parametrize("options", [{}, {"intercept": False}, {"standardize": False, "intercept": False}])
def test_a_number_that_is_too_large_is_the_same_bad_value_in_memory_and_streamed(
    value: str, options: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    for constant in (False, True):
        cells = [value if constant or i == 8 else f"{abs(x):.2f}" for i, x in enumerate(X[:, 0])]
        path.write_text("a,b,y\n" + "".join(f"{a},{i},{y}\n" for i, (a, y) in enumerate(zip(cells, Y, strict=True))))
        line = 2 if constant else 10
        for way in ({}, {"stream": True}):
            with pytest.raises(DataError, match=rf"line {line}\)?: column 'a' holds \S+, whose square overflows"):
                thalweg.fit(path, target="y", **options, **way)
        for role in ("weights", "offset"):
            for way in ({}, {"stream": True}):
                with pytest.raises(DataError, match=rf"line {line}\)?: .*'a'.*(at most 1e\+150|at least 0)"):
                    thalweg.fit(path, target="y", **{role: "a"}, **options, **way)


def test_weights_that_make_squares_overflow_are_no_reason_to_drop_a_column_in_silence() -> None:
    frame = pd.DataFrame({"x": X[:, 0] * 1e100, "w": np.abs(X[:, 1]) * 1e140, "y": Y})
    with pytest.raises(DataError, match="squares of column 'x' times the weights overflow"):
        thalweg.fit(frame, target="y", weights="w")


def test_held_out_rows_that_weigh_nothing_judge_nothing() -> None:
    weights = np.ones(60)
    weights[np.random.default_rng([0, 60]).permutation(60)[:12]] = 0.0
    with pytest.raises(DataError, match="all held-out rows have weight 0"):
        thalweg.fit((X, Y), weights=weights, holdout=0.2)


HUGE: list[dict[str, Any]] = [
    {"l2": 10**400}, {"epochs": 10**400}, {"seed": 10**400}, {"class_weight": {0: "x"}}, {"class_weight": {0: 10**400}},
    {"class_weight": {0: 1e308, 1: 1e308}}, {"class_weight": {(0,): 1}}, {"missing": ["\ud800"]}, {"max_levels": "x"},
    {"text": ["x"], "min_rows": 10**400}, {"text": ["x"], "ngrams": 10**400},
]  # fmt: skip


@pytest.mark.parametrize("options", HUGE)
def test_options_of_any_size_and_kind_end_in_a_sentence(options: dict[str, Any]) -> None:
    rows: Any = pd.DataFrame({"x": X[:, 0], "y": Y})
    with pytest.raises(
        (UsageError, DataError), match=r"--(l2|epochs|seed|class-weight|missing|max-levels|min-rows|ngrams)"
    ):
        thalweg.fit(rows, target="y", **options)


def test_a_path_has_no_more_points_than_memory_holds() -> None:
    with pytest.raises(UsageError, match="at most 100,000"):
        thalweg.fit_path((X, Y), points=10**400)


def test_frames_with_text_that_is_none_are_refused_in_words(tmp_path: Path) -> None:
    letters, ends = b"u" * 59 + b"\xe9", np.arange(61, dtype=np.int32)
    broken = pa.Array.from_buffers(pa.string(), 60, [None, pa.py_buffer(ends), pa.py_buffer(letters)])
    table = pa.table({"x": X[:, 0], "b": broken, "y": Y})
    pq.write_table(table, tmp_path / "t.parquet")
    for rows, ways in (
        (tmp_path / "t.parquet", ({}, {"stream": True}, {"stream": True, "method": "sgd"})),
        (table, ({},)),
    ):
        for way in ways:
            with pytest.raises(DataError, match=r"(?i)utf-?8|unicode"):
                thalweg.fit(rows, target="y", **way)
    with pytest.raises(DataError, match="column 'b' cannot be read"):
        thalweg.Online("y", bits=8).partial_fit(table)
    for make in (pd.DataFrame, pl.DataFrame, pa.table):
        with pytest.raises(DataError, match=r"column name 'a\\x00b' is not UTF-8 text"):
            thalweg.Online("y", bits=8).partial_fit(make({"a\0b": X[:, 0], "y": Y}))


def test_names_with_line_breaks_stay_on_the_line_of_a_complaint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a\nb.csv"
    path.write_text('"a\nb",y\n' + "".join(f"{x:.2f},{y}\n" for x, y in zip(X[:, 0], Y, strict=True)))
    for arguments in (
        ["--target", "z"],
        ["--target", "y", "--drop", "c\nd"],
        ["--target", "y", "--stream", "--holdout", "x"],
    ):
        assert run(["fit", str(path), *arguments]) in (1, 2)
        assert capsys.readouterr().err.count("\n") == 1
