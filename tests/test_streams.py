"""Streams: the same values as in memory whatever the pieces, gone on from anywhere, and bad rows told exactly."""

import gzip
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import thalweg
from thalweg.cli import run
from thalweg.errors import DataError, UsageError
from thalweg.readers import delimited_records, delimited_stream, open_rows, parquet_stream, query_stream
from thalweg.readers.database import named_files
from thalweg.readers.open_stream import open_stream
from thalweg.readers.stream import Stream

FORMS = {"number": "number", "date": "date", "text": "text", "boolean": "text"}


@contextmanager
def pieces(size: int) -> Iterator[None]:
    """Pieces of so many bytes, and batches of so few rows that there are many of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited_stream, "_PIECE", size)
        patch.setattr(delimited_records, "BLOCK", max(size // 2, 8))
        patch.setattr(parquet_stream, "ROWS", 3)
        patch.setattr(query_stream, "_ROWS", 3)
        yield


@pytest.fixture
def tiny() -> Iterator[None]:
    with pieces(64):
        yield


def values(chunk: Any, name: str, form: str) -> list[Any]:
    """A column of a chunk in Python: numbers, words, None for holes."""
    if form not in ("text", "words"):
        return [None if np.isnan(x) else x for x in chunk.numbers(name).tolist()]
    if pa.types.is_string(chunk.columns[name].type):
        return list(chunk.columns[name].to_pylist())
    codes, words = chunk.codes(name)
    known = [*words.to_pylist(), None]
    return [known[code] for code in codes.tolist()]


def forms_of(stream: Any) -> dict[str, str]:
    return {name: FORMS[kind] for name, kind in stream.columns.items()}


def streamed(stream: Stream, forms: dict[str, str] | None = None, at: Any = None, skip: bool = False) -> list[Any]:
    """(values by column, bad, after) of each chunk."""
    forms = forms_of(stream) if forms is None else forms
    chunks = stream.chunks(forms, at, skip)
    return [({name: values(c, name, form) for name, form in forms.items()}, c.bad, c.after) for c in chunks]


def joined(chunks: list[Any]) -> dict[str, list[Any]]:
    return {name: [value for chunk, _, _ in chunks for value in chunk[name]] for name in chunks[0][0]}


def in_memory(source: Any, **reading: Any) -> dict[str, list[Any]]:
    """What `open_rows` holds, in the same shape."""
    table = open_rows(source, **reading)
    sql = {n: table.number(n) if k in ("number", "date") else table.text(n) for n, k in table.columns.items()}
    rows = table.database.run(f"SELECT {', '.join(sql.values())} FROM rows ORDER BY rowid")
    return {name: [row[i] for row in rows] for i, name in enumerate(sql)}


def written(path: Path, content: str | bytes) -> Path:
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


WORDS = st.text(st.sampled_from("abé,;\"\n |'电6"), min_size=1, max_size=8).map(str.strip).filter(bool)
CELLS = {
    "number": st.one_of(st.floats(-1e9, 1e9, allow_nan=False).map(repr), st.integers(-99, 99).map(str)),
    "date": st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(
        lambda d: d.replace(microsecond=0).isoformat()
    ),
    "boolean": st.sampled_from(["true", "false"]),
    "text": WORDS,
}
HOLES = st.sampled_from(["", "NA", "null", "?"])


@st.composite
def tables(draw: Any) -> dict[str, list[str]]:
    """Columns of written values, each with its first row filled, so that its kind is known."""
    n = draw(st.integers(1, 30))
    kinds = draw(st.lists(st.sampled_from(list(CELLS)), min_size=1, max_size=4))
    columns = {}
    for j, kind in enumerate(["number", *kinds]):
        rest = draw(st.lists(st.one_of(CELLS[kind], HOLES), min_size=n - 1, max_size=n - 1))
        columns[f"{kind}{j}"] = ["w" if kind == "text" else draw(CELLS[kind]), *rest]
    return columns


def quoted(cell: str, delimiter: str, always: bool) -> str:
    return '"' + cell.replace('"', '""') + '"' if always or set(cell) & {delimiter, '"', "\n", "\r"} else cell


STYLES = st.fixed_dictionaries(
    {
        "end": st.sampled_from(["\n", "\r\n"]),
        "last": st.booleans(),
        "bom": st.booleans(),
        "always": st.booleans(),
        "space": st.sampled_from(["", " ", "  "]),
        "behind": st.sampled_from(["", " "]),
    }
)


def as_text(table: dict[str, list[str]], delimiter: str, style: dict[str, Any]) -> str:
    """The table as a delimited file of that style."""

    def cell(text: str) -> str:
        written = quoted(text, delimiter, style["always"])
        return style["space"][:1] + written + style["behind"] if written.startswith('"') else style["space"] + written

    rows = [list(table), *map(list, zip(*table.values(), strict=True))]
    head, *lines = [delimiter.join(map(cell, row)) for row in rows]
    text = style["end"].join([head.replace(" ", ""), *lines])
    return ("\ufeff" if style["bom"] else "") + text + (style["end"] if style["last"] else "")


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.tsv"])
@given(table=tables(), style=STYLES, size=st.sampled_from([8, 64, 300]))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_delimited_chunks_hold_what_memory_holds(name: str, table: Any, style: Any, size: int, tmp_path: Path) -> None:
    path = written(tmp_path / name, as_text(table, "\t" if "tsv" in name else ",", style))
    stream = open_stream(path)
    plainly = {name: "words" if form == "text" else form for name, form in forms_of(stream).items()}
    with pieces(size):
        chunks, plain = streamed(stream), streamed(stream, plainly)
    expected = open_rows(path)
    assert stream.columns == expected.columns
    assert joined(chunks) == joined(plain) == in_memory(path)
    assert not any(bad for _, bad, _ in chunks)


def arrow_column(kind: str, cells: list[str]) -> pa.Array:
    """Written values as typed ones, holes as nulls."""
    parse = {"number": float, "date": datetime.fromisoformat, "boolean": lambda t: t == "true", "text": str}[kind]
    of = {"number": pa.float64(), "date": pa.timestamp("us"), "boolean": pa.bool_(), "text": pa.string()}[kind]
    return pa.array([None if cell in ("", "NA", "null", "?") else parse(cell) for cell in cells], of)


def arrow_table(table: dict[str, list[str]]) -> pa.Table:
    return pa.table({name: arrow_column(name.rstrip("0123456789"), cells) for name, cells in table.items()})


@given(table=tables(), group=st.sampled_from([2, 7, 100]), dictionary=st.booleans())
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_parquet_chunks_hold_what_memory_holds(table: Any, group: int, dictionary: bool, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(arrow_table(table), path, row_group_size=group, use_dictionary=dictionary)
    with pieces(64):
        stream = open_stream(path)
        chunks = streamed(stream)
    assert stream.columns == open_rows(path).columns and stream.n == len(table["number0"])
    assert joined(chunks) == in_memory(path)
    assert all(len(chunk["number0"]) <= 3 for chunk, _, _ in chunks)


@given(table=tables())
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_queries_and_json_lines_hold_what_memory_holds(table: Any, tmp_path: Path) -> None:
    rows = arrow_table(table)
    (tmp_path / "t.duckdb").unlink(missing_ok=True)
    with duckdb.connect(str(tmp_path / "t.duckdb")) as connection:
        connection.register("source", rows)
        connection.execute("CREATE TABLE t AS SELECT * FROM source")
    plain = [{k: v.isoformat() if isinstance(v, datetime) else v for k, v in row.items()} for row in rows.to_pylist()]
    written(tmp_path / "t.jsonl", "".join(json.dumps(row) + "\n" for row in plain))
    for source, reading in (("SELECT * FROM t;", {"database": tmp_path / "t.duckdb"}), (tmp_path / "t.jsonl", {})):
        with pieces(64):
            stream = open_stream(source, **reading)
            assert stream.columns == open_rows(str(source).rstrip(";"), **reading).columns
            assert joined(streamed(stream)) == in_memory(str(source).rstrip(";"), **reading)


def test_words_without_spaces_stay_as_they_stand_where_no_dictionary_is_asked_for(tmp_path: Path) -> None:
    stream = open_stream(written(tmp_path / "t.csv", "a,b\nx, y\nNA,z\nx,z\n"))
    (chunk,) = stream.chunks({"a": "words", "b": "words"})
    assert pa.types.is_string(chunk.columns["a"].type) and pa.types.is_dictionary(chunk.columns["b"].type)
    assert [values(chunk, name, "words") for name in "ab"] == [["x", None, "x"], ["y", "z", "z"]]


def test_a_word_with_spaces_about_it_is_the_same_in_every_kind_of_file(tmp_path: Path) -> None:
    cells = ["a", " -", "-", "a "]
    written(tmp_path / "t.csv", "c\n" + "\n".join(cells) + "\n")
    pq.write_table(pa.table({"c": cells}), tmp_path / "t.parquet")
    for missing, expected in (((" -",), ["a", "-", "-", "a"]), (("-",), ["a", None, None, "a"])):
        for name in ("t.csv", "t.parquet"):
            for form in ("text", "words"):
                chunks = open_stream(tmp_path / name, missing=missing).chunks({"c": form})
                assert [value for chunk in chunks for value in values(chunk, "c", form)] == expected, (name, missing)


def test_long_numbers_as_words_keep_their_digits(tmp_path: Path) -> None:
    cells = [10**16 + i for i in range(4)]
    written(tmp_path / "t.csv", "c\n" + "".join(f"{cell}\n" for cell in cells))
    pq.write_table(pa.table({"c": cells}), tmp_path / "t.parquet")
    for name in ("t.csv", "t.parquet"):
        assert joined(streamed(open_stream(tmp_path / name), {"c": "text"})) == {"c": [str(cell) for cell in cells]}


def test_a_word_that_is_not_in_its_dictionary_is_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"c": ["a", "b", "a"]}), path)
    damaged = pa.DictionaryArray.from_arrays(pa.array([0, 7, 1], pa.int32()), pa.array(["a", "b"]), safe=False)
    batch = pa.RecordBatch.from_arrays([damaged], ["c"])
    monkeypatch.setattr(parquet_stream, "_batches", lambda *_: iter([batch]))
    with pytest.raises(DataError, match=r"t\.parquet: the file cannot be read .* is it whole\?"):
        streamed(open_stream(path))


def test_rows_of_wide_parquet_tables_come_in_fewer_at_a_time(tmp_path: Path) -> None:
    pq.write_table(pa.table({f"x{i}": np.arange(3000.0) for i in range(400)}), tmp_path / "t.parquet")
    stream = open_stream(tmp_path / "t.parquet")
    assert [chunk.n for chunk in stream.chunks(forms_of(stream))] == [2000, 1000]
    assert [chunk.n for chunk in stream.chunks({"x0": "number"})] == [3000]


ROWS = [(0.5 * i - 7, "ab c,d"[i % 6], i % 2) for i in range(40)]


def lines_of(rows: list[Any]) -> str:
    return "".join(f'{x},"{c}",{y}\n' for x, c, y in rows)


def sample(kind: str, folder: Path) -> tuple[Any, dict[str, Any]]:
    """The rows in a source of that kind, and how it is read."""
    table = pa.table({"x": [r[0] for r in ROWS], "c": [r[1] for r in ROWS], "y": [r[2] for r in ROWS]})
    text, head = lines_of(ROWS), "x,c,y\n"
    if kind in ("csv", "csv.gz"):
        return written(folder / f"t.{kind}", head + text), {}
    if kind == "parquet":
        pq.write_table(table, folder / "t.parquet", row_group_size=11)
        return folder / "t.parquet", {}
    if kind == "jsonl":
        return written(folder / "t.jsonl", "".join(json.dumps(row) + "\n" for row in table.to_pylist())), {}
    if kind == "sql":
        with duckdb.connect(str(folder / "t.duckdb")) as connection:
            connection.register("source", table)
            connection.execute("CREATE TABLE t AS SELECT * FROM source")
        return "SELECT * FROM t", {"database": folder / "t.duckdb"}
    many = folder / "many"
    (many / "b").mkdir(parents=True)
    for i, part in enumerate(("a", "b/1", "b/2", "c")):
        if kind == "parquet folder":
            pq.write_table(table.slice(10 * i, 10), many / f"{part}.parquet")
        else:
            written(many / f"{part}.csv", head + lines_of(ROWS[10 * i : 10 * i + 10]))
    (many / "_SUCCESS").touch()
    (many / ".hidden").touch()
    return many, {}


KINDS = ["csv", "csv.gz", "parquet", "csv folder", "parquet folder", "jsonl", "sql"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_source_gives_the_rows_in_their_order(kind: str, tmp_path: Path, tiny: None) -> None:
    source, reading = sample(kind, tmp_path)
    found = joined(streamed(open_stream(source, **reading), {"x": "number", "c": "text", "y": "number"}))
    expected = [[x, c.strip() or None, y] for x, c, y in ROWS]
    assert list(map(list, zip(*found.values(), strict=True))) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_going_on_from_any_chunk_gives_exactly_the_chunks_that_follow(kind: str, tmp_path: Path, tiny: None) -> None:
    source, reading = sample(kind, tmp_path)
    stream = open_stream(source, **reading)
    chunks = streamed(stream)
    assert len(chunks) > 5 or kind in ("jsonl", "sql")
    for i, (_, _, after) in enumerate(chunks):
        assert streamed(open_stream(source, **reading), at=json.loads(json.dumps(after))) == chunks[i + 1 :]


@given(table=tables(), style=STYLES, packed=st.booleans(), size=st.sampled_from([8, 64]))
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_going_on_works_within_any_delimited_file(
    table: Any, style: Any, packed: bool, size: int, tmp_path: Path
) -> None:
    path = written(tmp_path / ("t.csv.gz" if packed else "t.csv"), as_text(table, ",", style))
    stream = open_stream(path)
    with pieces(size):
        chunks = streamed(stream)
        for i, (_, _, after) in enumerate(chunks):
            assert streamed(stream, at=after) == chunks[i + 1 :]


@pytest.mark.parametrize("kind", ["csv", "parquet", "csv folder", "jsonl", "sql"])
def test_the_fingerprint_tells_sources_apart(kind: str, tmp_path: Path) -> None:
    source, reading = sample(kind, tmp_path)
    before = open_stream(source, **reading).fingerprint
    assert open_stream(source, **reading).fingerprint == before
    changed = reading.get("database", source)
    changed = sorted(changed.rglob("*.csv"))[1] if changed.is_dir() else changed
    if kind == "sql":
        with duckdb.connect(str(changed)) as connection:
            connection.execute("INSERT INTO t VALUES (1, 'a', 0)")
    elif kind == "parquet":
        pq.write_table(pq.read_table(changed).slice(1), changed)
    else:
        changed.write_text(changed.read_text() + changed.read_text().splitlines()[1] + "\n")
    assert open_stream(source, **reading).fingerprint != before


BESIDE = [
    "SELECT * FROM '{}/b/1.csv'",
    "SELECT coalesce(c, '') AS c, x FROM '{}/b/1.csv' -- it's",
    "SELECT * FROM read_csv('{}/*/*.csv')",
    'SELECT * FROM "{}/b/1.csv"',
    "FROM v",
]


@pytest.mark.parametrize("query", BESIDE)
def test_files_that_a_query_reads_are_part_of_the_input(query: str, tmp_path: Path) -> None:
    source, _ = sample("csv folder", tmp_path)
    with duckdb.connect(str(tmp_path / "t.duckdb")) as connection:
        connection.execute(f"CREATE VIEW v AS SELECT * FROM '{source}/b/1.csv'")
    sql, file, database = query.format(source), source / "b" / "1.csv", tmp_path / "t.duckdb"
    before = open_stream(sql, database=database, sql_files=True).fingerprint
    assert open_stream(sql, database=database, sql_files=True).fingerprint == before
    chunks = open_stream(sql, database=database, sql_files=True).chunks({"x": "number"})
    next(chunks)
    file.write_text(file.read_text() + file.read_text().splitlines()[1] + "\n")
    with pytest.raises(DataError, match=r"1.csv: the file .* while it was read"):
        list(chunks)
    assert open_stream(sql, database=database, sql_files=True).fingerprint != before


def test_one_word_among_the_numbers_of_json_lines_is_a_bad_row(tmp_path: Path) -> None:
    values = [*range(30), "oops", *range(30), None]
    path = written(tmp_path / "t.jsonl", "".join(json.dumps({"x": x, "y": i % 2}) + "\n" for i, x in enumerate(values)))
    with pytest.raises(DataError, match=r"row 31: column 'x' holds 'oops', but a number was expected"):
        streamed(open_stream(path))
    with pytest.raises(DataError, match=r"row 31: column 'x' holds 'oops'.*as in 60 of its 61"):
        thalweg.fit(path, target="y")
    chunks = streamed(open_stream(path), skip=True)
    assert joined(chunks)["x"] == [*range(30), *range(30), None] and len(chunks[0][1]) == 1
    assert thalweg.fit(path, target="y", categorical=["x"]).rows == 62


def test_the_kinds_of_json_lines_are_those_of_all_rows(tmp_path: Path) -> None:
    rows = [{"x": i % 7, "n": None, "y": i % 2} for i in range(25_000)]
    rows += [{"x": 1.5, "n": None, "y": 1, "late": 3}, {"x": 2.7, "n": None, "y": 0}]
    path = written(tmp_path / "t.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    stream = open_stream(path)
    assert stream.columns == dict.fromkeys(["x", "n", "y", "late"], "number") == open_rows(path).columns
    found = joined(streamed(stream))
    assert found["x"][-2:] == [1.5, 2.7] and found["late"][-2:] == [3.0, None] and found == in_memory(path)


def test_lists_among_the_values_of_json_lines_are_no_column(tmp_path: Path) -> None:
    path = written(tmp_path / "t.jsonl", '{"x": 1, "y": 0}\n{"x": [2], "y": 1}\n{"x": "a", "y": 1}\n')
    for stream in (True, False):
        with pytest.raises(DataError, match=r"column 'x' holds .*--drop x"):
            thalweg.fit(path, target="y", stream=stream)


def test_texts_of_a_query_that_name_no_rows_are_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("log").write_text("")
    assert named_files([f"SELECT replace(a, '*', 'log') FROM t WHERE b <> '{'a' * 300}.csv' AND c = 'no.csv'"]) == []
    Path("it's.csv").write_text("x\n1\n")
    assert named_files(["/* 'log' */ FROM 'it''s.csv'"]) == [Path("it's.csv")]


NUMBERED = {"x": "number", "c": "text"}
BAD_LINES: list[tuple[bytes, str]] = [
    (b"1", "the line has 1 fields, but the first line has 2; a field that holds the delimiter must stand in quotes"),
    (b"1,a,b", "the line has 3 fields, but the first line has 2"),
    (
        b"five,a",
        "column 'x' holds 'five', but a number was expected; --missing 'five'.*--categorical x.*--on-bad-row skip",
    ),
    (b"1,\xff", "this is not UTF-8 text; save the file as UTF-8"),
    (b"\xff,a", "this is not UTF-8 text"),
    (b'1,"a', "a quoted field does not end, or text follows its closing quote; a quote .* must be doubled"),
    (b'1,"a"b', "a quoted field does not end, or text follows its closing quote"),
    (b'1,"""', "a quoted field does not end, or text follows its closing quote"),
]


def with_bad(bad: bytes, at: int, n: int = 60) -> tuple[bytes, int]:
    """A file of n rows, every third over two lines, with a bad one in it; and the line that one stands on."""
    lines = [b'%d,"a\nb"' % i if i % 3 == 0 else b"%d,c" % i for i in range(n)]
    lines.insert(at, bad)
    return b"x,c\n" + b"\n".join(lines) + b"\n", 2 + sum(1 + line.count(b"\n") for line in lines[:at])


@pytest.mark.parametrize(("bad", "words"), BAD_LINES)
@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
@pytest.mark.parametrize("size", [64, 8 << 20])
def test_a_bad_row_is_told_with_its_line(bad: bytes, words: str, name: str, size: int, tmp_path: Path) -> None:
    content, line = with_bad(bad, 41)
    path = written(tmp_path / name, content)
    with pieces(size), pytest.raises(DataError, match=f"{name}, line {line}: .*{words}"):
        streamed(open_stream(path), NUMBERED)


@pytest.mark.parametrize(("bad", "words"), BAD_LINES)
@pytest.mark.parametrize("size", [64, 8 << 20])
def test_skipping_leaves_exactly_the_bad_row_out(bad: bytes, words: str, size: int, tmp_path: Path) -> None:
    content, line = with_bad(bad, 41)
    path = written(tmp_path / "t.csv", content)
    with pieces(size):
        chunks = streamed(open_stream(path), NUMBERED, skip=True)
    told = [sentence for _, bad, _ in chunks for sentence in bad]
    assert len(told) == 1 and f"line {line}: " in told[0]
    assert joined(chunks)["x"] == list(range(60))


@given(
    rows=st.lists(st.sampled_from([b"1,a", b'1,"a\nb"', b'1,"a\r\n""b"', b"x,a", b"1", b"1,a,b"]), max_size=40),
    size=st.sampled_from([8, 64, 8 << 20]),
)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lines_are_right_after_line_breaks_in_quotes_and_after_bad_rows(
    rows: list[bytes], size: int, tmp_path: Path
) -> None:
    path = written(tmp_path / "t.csv", b"x,c\n" + b"".join(row + b"\n" for row in [b"1,a", *rows, b"2,a"]))
    line, good, bad = 2, [], []
    for row in [b"1,a", *rows, b"2,a"]:
        (good if row in (b"1,a", b"2,a") or b'"' in row else bad).append(line)
        line += 1 + row.count(b"\n")
    with pieces(size):
        chunks = list(open_stream(path).chunks(NUMBERED, None, True))
    places = [chunk.place(row) for chunk in chunks for row in range(chunk.n)]
    assert places == [f"{path}, line {found}" for found in good]
    told = [sentence.split(":")[0] for chunk in chunks for sentence in chunk.bad]
    assert sorted(told) == sorted(f"{path}, line {found}" for found in bad)


@pytest.mark.parametrize(
    "blank",
    [b"1,a\n\n\nx,a\n", b"\n1,a\nx,a\n"],
    ids=["within", "first"],
)
def test_empty_lines_are_counted(blank: bytes, tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", b"x,c\n" + blank)
    line = 2 + blank[: blank.index(b"x")].count(b"\n")
    with pytest.raises(DataError, match=f"line {line}: column 'x' holds 'x'"):
        streamed(open_stream(path), NUMBERED)


@pytest.mark.parametrize("hole", ["", "NA"])
def test_a_byte_that_is_no_text_is_told_beside_a_hole(hole: str, tmp_path: Path) -> None:
    lines = ["y,a", *(f"{i % 2},w{i % 3}" for i in range(20)), f"1,{hole}", "0,caf\xe9", f"0,{hole}", "1,w1"]
    path = written(tmp_path / "t.csv", "\n".join(lines).encode("latin1") + b"\n")
    with pytest.raises(DataError, match="line 23: this is not UTF-8"):
        streamed(open_stream(path))
    (chunk,) = open_stream(path).chunks({"y": "number", "a": "text"}, skip=True)
    assert chunk.n == 23 and len(chunk.bad) == 1 and values(chunk, "a", "text")[-3:] == [None, None, "w1"]


def test_a_bad_row_is_told_beside_a_long_field(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", 'x,c\n1,"' + "long\n" * 40_000 + '"\nfive,a\n')
    with pytest.raises(DataError, match="line 40003: column 'x' holds 'five'"):
        streamed(open_stream(path), NUMBERED)


@pytest.mark.parametrize("longest", [1 << 14, 2_000_000], ids=["too long", "to the end of the file"])
@pytest.mark.parametrize("size", [1 << 10, 8 << 20])
def test_a_quote_that_is_not_closed_costs_its_own_line_only(
    longest: int, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited_stream, "LONGEST", longest)
    path = written(tmp_path / "t.csv", 'x,c\n1,a\n2,"open\n' + "3,b\n" * 20_000)
    with pieces(size), pytest.raises(DataError, match=r"t\.csv, line 3: a quoted field does not end"):
        streamed(open_stream(path), NUMBERED)
    with pieces(size):
        chunks = streamed(open_stream(path), NUMBERED, skip=True)
    assert [sentence.split(": ")[0] for _, bad, _ in chunks for sentence in bad] == [f"{path}, line 3"]
    assert joined(chunks) == {"x": [1.0] + [3.0] * 20_000, "c": ["a"] + ["b"] * 20_000}


@pytest.mark.parametrize("row", [b"1," + b"a" * 40_000, b'1,"' + b"a" * 40_000], ids=["plain", "quoted"])
def test_a_line_without_end_is_no_row(row: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited_stream, "LONGEST", 1 << 14)
    path = written(tmp_path / "t.csv", b"x,c\n1,a\n" + row + b"\n")
    with pieces(1 << 10), pytest.raises(DataError, match=r"t\.csv, line 3: the line is longer than 2 MB"):
        streamed(open_stream(path), NUMBERED)


@pytest.mark.parametrize("packed", [False, True])
def test_lines_whose_outer_quotes_were_lost_are_bad_one_by_one(packed: bool, tmp_path: Path) -> None:
    """Each of them opens a field that the next line closes; 40,000 of them are not gone through 40,000 times."""
    name = "t.csv.gz" if packed else "t.csv"
    path = written(tmp_path / name, "a,b,c\n1,2,3\n" + 'x","y","z\n' * 40_000)
    forms = dict.fromkeys("abc", "text")
    chunks = streamed(open_stream(path), forms, skip=True)
    assert joined(chunks) == {"a": ["1"], "b": ["2"], "c": ["3"]}
    assert sum(len(bad) for _, bad, _ in chunks) == 40_000
    assert "line 40002: a quoted field" in chunks[-1][1][-1]


def test_line_breaks_in_quotes_stay_whole_wherever_arrow_cuts(tmp_path: Path) -> None:
    for length in range(60, 70):
        path = written(tmp_path / "t.csv", 'x,c\r\n1,"' + "y" * length + '\r\nz"\r\n2,b\r\n')
        with pieces(1 << 20), pytest.MonkeyPatch.context() as patch:
            patch.setattr(delimited_records, "BLOCK", 64)
            assert joined(streamed(open_stream(path))) == in_memory(path)


@given(
    lines=st.lists(st.sampled_from(["", "1", "2.5", '""', '"3"']), max_size=20), size=st.sampled_from([2, 8, 8 << 20])
)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_empty_lines_of_one_column_are_holes(lines: list[str], size: int, tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "x\n7\n" + "".join(f"{line}\n" for line in lines))
    with pieces(size):
        assert joined(streamed(open_stream(path))) == in_memory(path)


@pytest.mark.parametrize("size", [64, 8 << 20])
def test_a_quote_within_a_field_is_text(size: int, tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", 'x,c\n1,6" pipe\n' + "2,a\n" * 50 + '3,2"x4"\n4,"5"" pipe" \n')
    with pieces(size):
        chunks = streamed(open_stream(path), NUMBERED)
    assert (
        joined(chunks)
        == in_memory(path)
        == {"x": [1, *[2] * 50, 3, 4], "c": ['6" pipe', *"a" * 50, '2"x4"', '5" pipe']}
    )


def test_the_first_of_several_bad_rows_is_told_and_skipped_ones_are_in_their_order(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", 'x,c\n1,a\nfive,a\n1\n1,"a"b\n1,\xff\nsix,b\n2,b\n'.encode("latin1"))
    with pytest.raises(DataError, match="line 3: column 'x' holds 'five'"):
        streamed(open_stream(path), NUMBERED)
    ((columns, bad, _),) = streamed(open_stream(path), NUMBERED, skip=True)
    assert columns["x"] == [1, 2] and [sentence.split(":")[0][-1] for sentence in bad] == list("34567")


def test_one_word_among_numbers_is_bad_wherever_it_stands(tmp_path: Path) -> None:
    for at in (3, 900):
        lines = [str(i % 6) for i in range(1000)]
        lines[at] = "oops"
        path = written(tmp_path / "t.csv", "x\n" + "\n".join(lines))
        with pytest.raises(DataError, match=f"line {at + 2}: column 'x' holds 'oops', but a number was expected"):
            streamed(open_stream(path))


@pytest.mark.parametrize(("row", "words"), [("7,", "the target 'y' has no value"), ("7,2", "holds '2', but 0 or 1")])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_labels_are_checked_row_by_row(row: str, words: str, kind: str, tmp_path: Path, tiny: None) -> None:
    lines = [f"{i},{i % 2}" for i in range(40)]
    lines[30] = row
    path = written(tmp_path / "t.csv", "x,y\n" + "\n".join(lines))
    place = "line 32"
    if kind == "parquet":
        labels = [None if not line.split(",")[1] else int(line.split(",")[1]) for line in lines]
        path, place = tmp_path / "t.parquet", "row 31"
        pq.write_table(pa.table({"x": range(40), "y": pa.array(labels, pa.int64())}), path)
    with pytest.raises(DataError, match=f"{place}: .*{words}.*--on-bad-row skip"):
        learnt(path)
    model = learnt(path, on_bad_row="skip")
    assert model.rows == 39 and model.progressive["skipped"] == 1
    assert model.notes[0].startswith("1 row was skipped") and place in model.notes[0]


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [("x", "inf", "inf; a finite number was expected"), ("x", "-1e999", "-inf; a finite number was expected"),
     ("w", "-1", "-1, but --weights needs a number of at least 0"), ("w", "", "no value, but --weights"),
     ("w", "inf", "inf, but --weights needs"), ("o", "inf", "inf, but --offset needs a number of at least -1e")],
)  # fmt: skip
def test_numbers_that_cannot_be_learnt_from_are_told(
    column: str, value: str, words: str, tmp_path: Path, tiny: None
) -> None:
    lines = [{"x": str(i), "w": "1", "o": "0", "y": str(i % 2)} for i in range(40)]
    lines[25][column] = value
    path = written(tmp_path / "t.csv", "x,w,o,y\n" + "".join(",".join(line.values()) + "\n" for line in lines))
    with pytest.raises(DataError, match=f"line 27: column '{column}' holds {words}"):
        learnt(path, weights="w", offset="o")
    model = learnt(path, weights="w", offset="o", on_bad_row="skip")
    assert model.rows == 39 and model.progressive["skipped"] == 1


def learnt(path: Any, **options: Any) -> thalweg.Model:
    return thalweg.fit(path, **{"target": "y", "method": "sgd", "stream": True, "bits": 8, **options})


def told_by_the_command_line(folder: Path, capsys: Any, *arguments: str) -> tuple[int, str]:
    """Exit code and complaint; nothing may be left behind."""
    before = sorted(folder.rglob("*"))
    os.chdir(folder)
    code = run(["fit", *arguments, "--target", "y", "--progress", "off", "--bits", "8", "-o", "m.thalweg"])
    told = capsys.readouterr().err
    assert told.startswith("thalweg: ") and "Traceback" not in told and told.count("\n") == 1
    assert sorted(folder.rglob("*")) == before
    return code, told


def cut(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-20])
    return path


def broken(what: str, folder: Path) -> Path:
    """A file or a folder that cannot be streamed."""
    good, other = "x,c,y\n" + lines_of(ROWS), pa.table({"x": [1.0, 2.0], "c": ["a", "b"], "y": [0, 1]})
    path = folder / "many"
    if what in ("a.csv.gz", "a.parquet"):
        path = sample(what[2:], folder)[0]
        return cut(path)
    if what.startswith("empty."):
        return written(folder / what, b"") if not what.endswith("gz") else written(folder / what, "")
    path.mkdir()
    if what != "no files":
        written(path / "a.csv", good)
    contents = {"missing column": "x,y\n1,0\n", "extra column": "x,c,z,y\n1,a,2,0\n", "empty file": ""}
    if what in contents:
        written(path / "b.csv", contents[what])
    if what == "several kinds":
        pq.write_table(other, path / "b.parquet")
    if what == "other kind":
        (path / "a.csv").unlink()
        pq.write_table(other, path / "a.parquet")
        pq.write_table(other.set_column(0, "x", pa.array(["u", "v"])), path / "b.parquet")
    if what == "cut file":
        (path / "a.csv").unlink()
        pq.write_table(other, path / "a.parquet")
        pq.write_table(other, path / "b.parquet")
        cut(path / "b.parquet")
    return path


@pytest.mark.parametrize(
    ("what", "name", "words"),
    [
        ("a.csv.gz", "t.csv.gz", "cannot be unpacked.*is it whole"),
        ("a.parquet", "t.parquet", "not a parquet file, or it was cut short"),
        ("empty.csv", "empty.csv", "the file is empty"),
        ("empty.parquet", "empty.parquet", "the file is empty"),
        ("no files", "many", "holds no files"),
        ("missing column", "b.csv", "no column 'c', which a.csv has; all files must have it"),
        ("extra column", "b.csv", "'z' is not in a.csv; all files must have the same"),
        ("empty file", "b.csv", "the file is empty"),
        ("several kinds", "many", "a.csv is csv, b.parquet is parquet.*give those of one"),
        ("other kind", "b.parquet", "column 'x' holds texts, but numbers in a.parquet"),
        ("cut file", "b.parquet", "not a parquet file, or it was cut short"),
    ],
)
def test_files_that_cannot_be_streamed_are_named(what: str, name: str, words: str, tmp_path: Path, capsys: Any) -> None:
    path = broken(what, tmp_path)
    code, told = told_by_the_command_line(tmp_path, capsys, str(path), "--method", "sgd", "--stream")
    assert code == 1 and name in told
    with pytest.raises(DataError, match=words):
        learnt(path)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root is nobody for a while, since root may read every file; others stay who they are."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_file_of_a_folder_that_may_not_be_read_is_named(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where to be again when that folder is gone
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        folder, _ = sample("csv folder", Path(name))
        (folder / "c.csv").chmod(0)
        with as_nobody():
            code, told = told_by_the_command_line(Path(name), capsys, str(folder), "--method", "sgd", "--stream")
    assert code == 1 and "c.csv: the file cannot be opened: Permission denied" in told


def test_a_libsvm_file_is_not_streamed(tmp_path: Path, capsys: Any) -> None:
    path = written(tmp_path / "t.libsvm", "1 1:1\n0 2:1\n")
    code, told = told_by_the_command_line(tmp_path, capsys, str(path), "--method", "sgd", "--stream")
    assert code == 2 and "t.libsvm is a libsvm file" in told and "fit it without, or make it parquet" in told


def test_a_folder_without_stream_is_refused_with_the_way_out(tmp_path: Path) -> None:
    folder, _ = sample("csv folder", tmp_path)
    with pytest.raises(DataError, match=r"this is a folder.*--stream"):
        thalweg.fit(folder, target="y")


def test_what_is_in_memory_already_is_not_streamed() -> None:
    with pytest.raises(UsageError, match="rows that are in memory already"):
        learnt(pa.table({"x": [1, 2], "y": [0, 1]}))


@pytest.mark.parametrize("content", ["x,y\n", "x,y", "x,y\n\n\n"])
def test_a_file_of_names_only_is_told(content: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there are no rows"):
        learnt(written(tmp_path / "t.csv", content))


def test_a_target_of_holes_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'y' has no value"):
        learnt(written(tmp_path / "t.csv", "x,y\n1,\n2,NA\n"))


def test_old_line_ends_are_refused_with_the_way_out(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "x,c\r1,a\r2,b\r")
    with pytest.raises(DataError, match="the lines end by CR alone; tr"):
        open_stream(path)


def test_headers_over_two_lines_are_read(tmp_path: Path, tiny: None) -> None:
    path = written(tmp_path / "t.csv", '"x\ny",c\n1,a\n2,b\nthree,c\n')
    with pytest.raises(DataError, match="line 5: column 'x\\\\ny' holds 'three'"):
        streamed(open_stream(path), {"x\ny": "number"})


def test_files_without_names_begin_with_their_first_row(tmp_path: Path, tiny: None) -> None:
    for mark in ("", "\ufeff"):
        path = written(tmp_path / "t.csv", mark + lines_of(ROWS))
        found = joined(streamed(open_stream(path, header=False)))
        assert list(found) == ["column0", "column1", "column2"] and found["column0"] == [row[0] for row in ROWS]


@pytest.mark.parametrize("values", [["2024/1/5", "2024/1/6"], ["\tx", "y"], ["１２", "7"]])
def test_odd_values_are_what_they_are_in_memory(values: list[str], tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "x,v\n" + "".join(f"1,{value}\n" for value in values))
    stream = open_stream(path)
    assert stream.columns == open_rows(path).columns
    assert joined(streamed(stream)) == in_memory(path)


def changed(how: str, path: Path) -> None:
    content = path.read_bytes()
    if how == "shrunk":
        os.truncate(path, len(content) // 2)
    elif how == "appended to":
        with path.open("ab") as file:
            file.write(content[-30:])
    elif how == "replaced":
        copy = path.with_name("copy")
        copy.write_bytes(content[::-1])
        copy.replace(path)
    else:
        path.unlink()


CHANGES = [
    (kind, how)
    for kind in ("csv", "csv.gz", "parquet", "csv folder")
    for how in ("shrunk", "appended to", "replaced", "removed")
]


@pytest.mark.parametrize(("kind", "how"), CHANGES)
def test_a_file_that_changes_while_it_is_read_is_told(kind: str, how: str, tmp_path: Path, tiny: None) -> None:
    source, reading = sample(kind, tmp_path)
    file = source / "b" / "1.csv" if source.is_dir() else source
    chunks = open_stream(source, **reading).chunks({"x": "number"})
    next(chunks)
    changed(how, file)
    with pytest.raises(DataError, match=rf"{file.name}: the file .* while it was read"):
        list(chunks)


def test_the_command_line_leaves_nothing_of_a_stream_that_failed_half_way(tmp_path: Path, capsys: Any) -> None:
    path = written(tmp_path / "t.csv", "x,c,y\n" + lines_of(ROWS) + "five,a,1\n" + lines_of(ROWS))
    code, told = told_by_the_command_line(tmp_path, capsys, str(path), "--method", "sgd", "--stream")
    assert code == 1 and "t.csv, line 42: column 'x' holds 'five'" in told
