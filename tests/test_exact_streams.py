"""Exact fits of streamed rows: the optimum in memory, from a few full passes, through kills, caches and full disks."""

import contextlib
import gzip
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv as arrow_csv
from pyarrow import parquet

import thalweg
from thalweg import checkpoint
from thalweg.cli import run
from thalweg.errors import CheckpointError, DataError, UsageError
from thalweg.kernels.sums import Sums
from thalweg.readers import delimited_stream, parquet_stream
from thalweg.readers.chunk import Chunk
from thalweg.recipe import TextOptions
from thalweg.train import row_cache
from thalweg.train.row_cache import CachingRows
from thalweg.train.row_check import CheckedRows
from thalweg.train.stream_learning import StreamLearning, ToLearn
from thalweg.train.stream_rows import StreamSource

SHARED = Path(__file__).parents[2] / "shared" / "data"
beside_shared_data = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not there")


def table(n: int = 3000, seed: int = 0) -> pa.Table:
    """Numbers of several scales with holes, a rare and a common category, dates, weights and an offset."""
    rng = np.random.default_rng(seed)
    age, income = rng.normal(40.0, 12.0, n), np.exp(rng.normal(10.0, 1.0, n))
    town = rng.choice(["Ulm", "Bonn", "Köln", "Trier"], n, p=[0.5, 0.3, 0.15, 0.05])
    z = 0.05 * (age - 40.0) + 0.4 * np.log(income / 22_000.0) + (town == "Bonn") - 0.7
    return pa.table(
        {
            "age": pa.array(age.round(1), mask=rng.random(n) < 0.1),
            "income": pa.array(income.round(2)),
            "since": pa.array(np.datetime64("2020-01-01") + rng.integers(0, 900, n)),
            "town": pa.array(town, mask=rng.random(n) < 0.05),
            "rows": pa.array(rng.integers(1, 4, n)),
            "known": pa.array(rng.normal(0.0, 0.3, n).round(3)),
            "bought": pa.array(np.where(rng.random(n) < 1.0 / (1.0 + np.exp(-z)), "yes", "no")),
        }
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to be in, and pieces small enough for a table of thousands of rows to have many."""
    monkeypatch.setattr(delimited_stream, "_PIECE", 8 << 10)
    monkeypatch.setattr(parquet_stream, "ROWS", 300)
    monkeypatch.chdir(tmp_path)
    arrow_csv.write_csv(table(), "train.csv")
    parquet.write_table(table(), "train.parquet", row_group_size=700)
    yield tmp_path


def assert_same_optimum(streamed: thalweg.Model, memory: thalweg.Model) -> None:
    """Within what the two certificates leave open, on the same columns."""
    gaps = (streamed.certificate.gap or 0.0) + (memory.certificate.gap or 0.0)
    assert streamed.outcome.converged and memory.outcome.converged
    assert streamed.feature_names == memory.feature_names
    assert abs(streamed.objective - memory.objective) <= gaps + 1e-13
    assert np.allclose(streamed.recipe.mean, memory.recipe.mean, rtol=1e-10, atol=1e-12)
    assert np.allclose(streamed.recipe.scale, memory.recipe.scale, rtol=1e-10)


OPTIONS: list[dict[str, Any]] = [
    {},
    {"l2": 1e-3},
    {"l1": 1e-3, "l2": 0.0},
    {"l1": 1e-3, "l2": 1e-3, "class_weight": "balanced"},
    {"weights": "rows", "offset": "known"},
    {"weights": "rows", "class_weight": {"yes": 3.0, "no": 1.0}},
    {"intercept": False},
    {"standardize": False, "drop": ["income", "since"]},
    {"max_levels": 2, "categorical": ["rows"]},
    {"method": "lbfgs"},
    {"method": "newton"},
    {"method": "newton-cg", "l2": 1e-2},
    {"method": "gd", "l2": 0.1},
    {"method": "nesterov", "l2": 0.1},
    {"text": ["town"], "l2": 1e-3},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("name", ["train.csv", "train.parquet"])
def test_a_stream_ends_at_the_optimum_of_the_same_rows_in_memory(
    folder: Path, name: str, options: dict[str, Any]
) -> None:
    streamed = thalweg.fit(name, target="bought", stream=True, **options)
    assert_same_optimum(streamed, thalweg.fit(name, target="bought", **options))


@pytest.mark.parametrize("rows", [60, 1200])
def test_also_where_the_sample_is_a_part_of_the_rows_only(
    folder: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr("thalweg.train.stream_sample._MOST_ROWS", rows)
    streamed = thalweg.fit("train.csv", target="bought", stream=True)
    assert_same_optimum(streamed, thalweg.fit("train.csv", target="bought"))
    stages = list(dict.fromkeys(row["stage"] for row in streamed.history))
    assert stages[-1] == "all rows" and all("of the rows" in stage for stage in stages[:-1]) and len(stages) > 1


def test_a_large_sample_leaves_two_full_passes_to_do(folder: Path) -> None:
    model = thalweg.fit("train.parquet", target="bought", stream=True)
    full = [row for row in model.history if row["stage"] == "all rows"]
    assert len(full) <= 3, "the pass that learns, and these, are all the times the file is read"


def gathered(chunks: list[CheckedRows], stop: int) -> tuple[int, list[Any]]:
    """Stride and sample after those rows, the learning saved and restored after some of them."""
    what = ToLearn({"x": "number"}, {"c": False}, (), TextOptions(), "words", 1)
    learning = StreamLearning(what)
    for i, rows in enumerate(chunks):
        if i == stop:
            state = learning.state()
            learning = StreamLearning(what)
            learning.restore(*state)
        learning.update(rows)
    sample = [
        (columns["x"].to_pylist(), columns["c"].to_pylist(), y.tolist())
        for columns, y, _, _ in learning.sample.given_away()
    ]
    return learning.sample.stride, [list(chain(*parts)) for parts in zip(*sample, strict=True)]


@settings(max_examples=40, deadline=None)
@given(sizes=st.lists(st.sampled_from([1, 1, 2, 7, 40]), min_size=1, max_size=40), stop=st.integers(0, 40),
       most=st.integers(60, 4000))  # fmt: skip
def test_the_sample_is_every_so_many_th_row_whatever_the_chunks_and_the_stops(
    sizes: list[int], stop: int, most: int
) -> None:
    rng, chunks, n = np.random.default_rng(0), [], 0
    for size in sizes:
        x, y = pa.array(np.arange(n, n + size, dtype=float)), rng.integers(0, 2, size).astype(float)
        words = pa.array([f"w{i * i % 50}" for i in range(n, n + size)]).dictionary_encode()
        chunks.append(CheckedRows(Chunk({"x": x, "c": words}, size, str, {}), y, None, None))
        n += size
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("thalweg.train.stream_sample._SAMPLE_BYTES", most)
        patch.setattr("thalweg.train.stream_sample._JOINED", 5)
        stride, (x, c, y) = gathered(chunks, -1)
        assert gathered(chunks, stop) == (stride, [x, c, y])
    assert x == [float(i) for i in range(0, n, stride)] and c == [f"w{int(i * i) % 50}" for i in x]
    assert y == [np.concatenate([rows.y for rows in chunks])[int(i)] for i in x]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**16), n=st.integers(40, 400), size=st.integers(600, 20_000))
def test_how_the_file_is_cut_changes_nothing_but_rounding(
    tmp_path_factory: pytest.TempPathFactory, seed: int, n: int, size: int
) -> None:
    path = tmp_path_factory.mktemp("cut") / "rows.csv"
    arrow_csv.write_csv(table(n, seed), path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited_stream, "_PIECE", size)
        streamed = thalweg.fit(path, target="bought", stream=True, l2=1e-2, tol=1e-10)
    whole = thalweg.fit(path, target="bought", l2=1e-2, tol=1e-10)
    apart = np.linalg.norm(streamed.standardized_coef - whole.standardized_coef)
    gaps = [model.certificate.gap or 0.0 for model in (streamed, whole)]
    assert apart <= sum(np.sqrt(2.0 * gap / 1e-2) for gap in gaps) + 1e-9, "l2/2·‖w - w*‖² is at most the gap"


def test_the_number_of_threads_changes_no_bit(folder: Path) -> None:
    one, two = (thalweg.fit("train.csv", target="bought", stream=True, threads=count) for count in (1, 2))
    assert np.array_equal(one.standardized_coef, two.standardized_coef)
    assert one.certificate == two.certificate


def test_a_folder_is_one_stream_in_the_order_of_its_files(folder: Path) -> None:
    (folder / "parts").mkdir()
    for i in range(4):
        parquet.write_table(table().slice(750 * i, 750), f"parts/part-{i}.parquet")
    streamed = thalweg.fit("parts", target="bought", stream=True)
    assert streamed.rows == 3000
    assert_same_optimum(streamed, thalweg.fit("train.parquet", target="bought"))


def test_packed_csv_and_json_lines_are_streamed_too(folder: Path) -> None:
    import gzip

    Path("train.csv.gz").write_bytes(gzip.compress(Path("train.csv").read_bytes()))
    Path("train.jsonl").write_text(table().to_pandas().to_json(orient="records", lines=True, date_format="iso"))
    whole = thalweg.fit("train.csv", target="bought", drop=["since"])
    for name in ("train.csv.gz", "train.jsonl"):
        assert_same_optimum(thalweg.fit(name, target="bought", stream=True, drop=["since"]), whole)


@beside_shared_data
@pytest.mark.parametrize(
    ("file", "options"),
    [
        ("adult/adult.data.gz", {"target": "column14", "header": False}),
        ("brfss/diabetes_binary.csv.gz", {"target": "Diabetes_binary"}),
        ("bank/bank-full.csv.gz", {"target": "y", "l1": 1e-3, "l2": 0.0}),
        ("credit/UCI_Credit_Card.csv.gz", {"target": "default.payment.next.month"}),
    ],
)
def test_real_tables_have_one_optimum_streamed_or_not(file: str, options: dict[str, Any]) -> None:
    assert_same_optimum(thalweg.fit(SHARED / file, stream=True, **options), thalweg.fit(SHARED / file, **options))


def test_levels_too_many_to_remember_are_pooled_as_rare_ones(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    names = np.array([f"n{k}" for k in np.minimum(rng.zipf(1.3, 5000), 10**6)])
    y = np.where(names == "n1", rng.random(5000) < 0.7, rng.random(5000) < 0.3).astype(int)
    arrow_csv.write_csv(pa.table({"name": names, "y": y}), "names.csv")
    monkeypatch.setattr("thalweg.train.stream_learning._MOST_LEVELS", 300)
    streamed = thalweg.fit("names.csv", target="y", stream=True, max_levels=10)
    assert_same_optimum(streamed, thalweg.fit("names.csv", target="y", max_levels=10))
    assert any("pooled as (other)" in note for note in streamed.notes)


# caches


def test_words_of_texts_that_were_forgotten_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = pa.table({"t": [f"common{i % 3} rare{i}" for i in range(3000)], "bought": ["yes", "no"] * 1500})
    parquet.write_table(words, "words.parquet")
    monkeypatch.setattr("thalweg.train.stream_learning._MOST_LEVELS", 500)
    model = thalweg.fit("words.parquet", target="bought", text=["t"], stream=True, l2=0.1)
    assert set(model.feature_names) == {"t:common0", "t:common1", "t:common2"}
    (note,) = [note for note in model.notes if "different words" in note]
    assert "in no more than 1 rows each when they were counted, were forgotten" in note


@pytest.mark.parametrize("method", ["auto", "sgd"])
@pytest.mark.parametrize("empty", [0, 1])
def test_a_file_in_which_a_column_is_empty_fits_those_where_it_is_not(folder: Path, method: str, empty: int) -> None:
    whole, half = table(), 1500
    Path("parts").mkdir()
    for i in range(2):
        part = whole.slice(i * half, half)
        if i == empty:
            part = part.set_column(part.schema.get_field_index("town"), "town", pa.nulls(half))
        parquet.write_table(part, f"parts/{i}.parquet")
    model = thalweg.fit("parts", target="bought", stream=True, method=method, drop=["rows", "known"])
    assert model.rows == 3000
    if method == "auto":
        assert {"town=Bonn", "town=(missing)"} & set(model.feature_names)


def names_in(folder: str) -> list[str]:
    """What stands there, hidden files too."""
    return sorted(path.name for path in Path(folder).iterdir())


def test_a_cache_gives_the_same_bits_and_spares_the_source(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = thalweg.fit("train.csv", target="bought", stream=True)
    first = thalweg.fit("train.csv", target="bought", stream=True, cache="cache")
    assert names_in("cache") == ["rows.cache"]
    assert Path("cache/rows.cache").stat().st_size < Path("train.csv").stat().st_size
    whole, read = delimited_stream.DelimitedStream.chunks, []

    def watched(stream: Any, forms: Any, *more: Any, **named: Any) -> Any:
        read.append(forms)
        return whole(stream, forms, *more, **named)

    monkeypatch.setattr(delimited_stream.DelimitedStream, "chunks", watched)
    second = thalweg.fit("train.csv", target="bought", stream=True, cache="cache", l2=1e-2)
    assert all(list(forms) == ["bought"] for forms in read), "only the labels are looked up in the source"
    assert np.array_equal(plain.standardized_coef, first.standardized_coef)
    assert_same_optimum(second, thalweg.fit("train.csv", target="bought", l2=1e-2))


def test_what_a_killed_run_left_beside_a_cache_is_removed(folder: Path) -> None:
    thalweg.fit("train.csv", target="bought", stream=True, cache="cache")
    Path("cache/.rows.cache.killed").write_bytes(b"half")
    thalweg.fit("train.csv", target="bought", stream=True, cache="cache")
    assert names_in("cache") == ["rows.cache"]


def test_a_cache_of_other_rows_is_refused_with_the_difference(folder: Path) -> None:
    thalweg.fit("train.csv", target="bought", stream=True, cache="cache")
    with pytest.raises(DataError, match=r"cache was made with another input"):
        thalweg.fit("train.parquet", target="bought", stream=True, cache="cache")
    with pytest.raises(DataError, match=r"cache was made with another columns"):
        thalweg.fit("train.csv", target="bought", stream=True, cache="cache", drop=["age"])
    Path("cache/rows.cache").write_bytes(Path("cache/rows.cache").read_bytes()[:-5])
    with pytest.raises(DataError, match=r"rows.cache: this is not a cache of thalweg, or it was cut short; remove it"):
        thalweg.fit("train.csv", target="bought", stream=True, cache="cache")


@pytest.mark.parametrize("place", [0.2, 0.5, 0.7])
def test_a_damaged_cache_is_noticed_wherever_the_damage_is(folder: Path, place: float) -> None:
    thalweg.fit("train.csv", target="bought", stream=True, cache="cache")
    content = bytearray(Path("cache/rows.cache").read_bytes())
    content[int(place * len(content))] ^= 1
    Path("cache/rows.cache").write_bytes(content)
    with pytest.raises(DataError, match=r"^cache/rows\.cache: the content does not match its checksum"):
        thalweg.fit("train.csv", target="bought", stream=True, cache="cache")


def test_a_cache_cut_short_while_it_is_read_is_told(folder: Path) -> None:
    thalweg.fit("train.csv", target="bought", stream=True, cache="cache")
    cached = CachingRows(StreamSource(None, {}, None, False), Path("cache"), identity_of("cache"), print)  # type: ignore[arg-type]
    rows = cached.rows()
    next(rows)
    with Path("cache/rows.cache").open("r+b") as file:
        file.truncate(2000)
    with pytest.raises(DataError, match=r"rows\.cache: the file went from"):
        list(rows)


def identity_of(cache: str) -> Any:
    """What the footer of a cache says that it is of."""
    return row_cache._footer(Path(cache) / row_cache.NAME)["identity"]


def test_a_run_killed_before_its_cache_was_whole_makes_it_in_a_later_pass(folder: Path) -> None:
    arrow_csv.write_csv(table(12_000), "many.csv")
    fit = ["fit", "many.csv", "--target", "bought", "--stream", "--progress", "off", "--cache", "cache",
           "--checkpoint", "place", "--every", "0s"]  # fmt: skip
    process = start(*fit, "-o", "m.thalweg")
    while not Path("place/run.checkpoint").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert "rows.cache" not in names_in("cache")
    again = start(*fit, "-o", "m.thalweg", "--resume")
    _, complaint = again.communicate()
    assert again.returncode == 0, complaint
    assert names_in("cache") == ["rows.cache"]
    assert same_bits(thalweg.load("m.thalweg"), thalweg.fit("many.csv", target="bought", stream=True, cache="cache"))


@pytest.mark.parametrize(
    "roles",
    [
        {"offset": "known", "only": ["age", "rows"]},
        {"weights": "known", "only": ["age", "rows"]},
        {"target": "late"},
        {},
    ],
    ids=str,
)
def test_a_cache_of_the_same_columns_in_other_roles_is_refused(folder: Path, roles: dict[str, Any]) -> None:
    parquet.write_table(table().append_column("late", table()["bought"]), "t.parquet")
    first = {"target": "bought", "weights": "rows", "only": ["age", "known"], "stream": True, "cache": "cache"}
    if roles.get("target") == "late":
        first = {**first, "only": ["age", "late"]}
        roles = {**roles, "weights": "rows", "only": ["age", "bought"]}
    thalweg.fit("t.parquet", **first)
    second = {**first, "weights": None, "only": ["age", "known", "rows"], **roles}
    with pytest.raises(DataError, match="this cache was made with another"):
        thalweg.fit("t.parquet", **second)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.95])
def test_a_cache_cut_short_is_none(folder: Path, share: float) -> None:
    thalweg.fit("train.csv", target="bought", stream=True, cache="cache")
    content = Path("cache/rows.cache").read_bytes()
    Path("cache/rows.cache").write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match="this is not a cache of thalweg, or it was cut short"):
        thalweg.fit("train.csv", target="bought", stream=True, cache="cache")


def test_a_cache_without_room_is_given_up_and_the_fit_is_not(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**6, 10**6, 1000))
    model = thalweg.fit("train.csv", target="bought", stream=True, cache="cache")
    assert any("would take about" in note and "goes on without a cache" in note for note in model.notes)
    assert names_in("cache") == []
    assert_same_optimum(model, thalweg.fit("train.csv", target="bought"))


def test_a_disk_that_fills_up_under_a_cache_costs_the_cache_only(folder: Path, small_disk: Path) -> None:
    def filling(event: Any) -> None:
        with contextlib.suppress(OSError), (small_disk / "ballast").open("ab", buffering=0) as file:
            while event.kind == "rows" and event.share > 0.5:
                file.write(bytes(4096))

    arrow_csv.write_csv(table(40_000), "many.csv")
    events: list[Any] = []
    fit = {"target": "bought", "stream": True}
    model = thalweg.fit("many.csv", **fit, cache=small_disk, observers=[events.append, filling])
    sizes = [event.stage for event in events if event.kind == "note"]
    assert "a cache of about" in sizes[0], "it would have had room"
    assert any("No space left on device" in note and "without a cache" in note for note in model.notes)
    assert names_in(small_disk) == ["ballast"]
    assert same_bits(model, thalweg.fit("many.csv", **fit))


def test_a_disk_that_fills_up_under_checkpoints_leaves_the_last_one_and_the_run(folder: Path, small_disk: Path) -> None:
    filler = small_disk / "filler"

    def fill(event: Any) -> None:
        if event.stage == "all rows" and not filler.exists():
            with contextlib.suppress(OSError):
                filler.write_bytes(bytes(2 << 20))

    fit = {"target": "bought", "stream": True, "checkpoint": small_disk / "place", "every": 0, "l1": 1e-3}
    model = thalweg.fit("train.csv", **fit, observers=[fill])
    assert model.outcome is thalweg.Outcome.CERTIFIED
    assert any("No space left on device" in note and "The last one is kept" in note for note in model.notes)
    filler.unlink()
    assert same_bits(thalweg.fit("train.csv", **fit, resume=True), model)


@pytest.mark.parametrize("kind", ["csv.gz", "jsonl", "sql"])
def test_the_size_of_a_cache_is_told_before_it_is_made_whatever_the_source(folder: Path, kind: str) -> None:
    arrow_csv.write_csv(table(20_000), "many.csv")
    source: dict[str, Any] = {}
    if kind == "csv.gz":
        Path("many.csv.gz").write_bytes(gzip.compress(Path("many.csv").read_bytes()))
    elif kind == "jsonl":
        duckdb.sql("COPY (SELECT * FROM 'many.csv') TO 'many.jsonl'")
    else:
        with duckdb.connect("many.duckdb") as connection:
            connection.execute("CREATE TABLE many AS SELECT * FROM 'many.csv'")
        source = {"database": "many.duckdb"}
    events: list[Any] = []
    rows = "SELECT * FROM many" if kind == "sql" else f"many.{kind}"
    thalweg.fit(rows, target="bought", stream=True, cache="cache", observers=[events.append], **source)
    told = next(event.stage for event in events if event.kind == "note")
    size = Path("cache/rows.cache").stat().st_size / 1e6
    assert re.search(r"a cache of about ([\d.]+) MB", told), told
    assert float(re.search(r"about ([\d.]+) MB", told)[1]) == pytest.approx(size, rel=0.3, abs=0.1)
    shares = [event.share for event in events if event.kind == "rows" and event.stage == "reading"]
    assert shares == sorted(shares) and shares[0] > 0.0 and shares[-1] == 1.0


@settings(max_examples=40, deadline=None)
@given(values=st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**40), 2**40)))
def test_what_a_cache_holds_is_never_rounded(values: list[float | None]) -> None:
    from thalweg.train.row_cache import _narrow, _wide

    array = pa.array(values, pa.float64())
    back = _wide(_narrow(array))
    assert [None if v is None else np.float64(v).tobytes() for v in back.to_pylist()] == [
        None if v is None else np.float64(v).tobytes() for v in array.to_pylist()
    ]


# checkpoints

DRIVER = """
import sys
from thalweg.readers import delimited_stream, parquet_stream
delimited_stream._PIECE, parquet_stream.ROWS = 8 << 10, 300
from thalweg.cli import main
main(sys.argv[1:])
"""


def start(*arguments: str) -> subprocess.Popen[str]:
    """The command line in a process of its own, with small pieces."""
    command = [sys.executable, "-c", DRIVER, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def interrupted_at(text: str, *arguments: str) -> tuple[int, str, str]:
    """The command line, Ctrl-C pressed once it tells such an event: exit code, stdout, and the rest of stderr."""
    process = start(*arguments, "--progress", "json")
    assert process.stderr is not None
    next(line for line in process.stderr if text in line)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def same_bits(one: thalweg.Model, other: thalweg.Model) -> bool:
    """Everything but the seconds."""
    rows = [[{k: v for k, v in row.items() if k != "seconds"} for row in model.history] for model in (one, other)]
    return (
        np.array_equal(one.standardized_coef, other.standardized_coef)
        and one.standardized_intercept == other.standardized_intercept
        and (one.objective, one.certificate, one.passes) == (other.objective, other.certificate, other.passes)
        and rows[0] == rows[1]
    )


@pytest.mark.parametrize(
    ("extra", "wanted"),
    [
        pytest.param(["--method", "lbfgs"], 20, id="lbfgs", marks=pytest.mark.slow),
        pytest.param(["--l1", "1e-3", "--cache", "cache"], 20, id="l1 with a cache", marks=pytest.mark.slow),
        pytest.param(["--cache", "cache"], 3, id="three times only"),
    ],
)
def test_a_run_killed_at_random_moments_ends_in_the_bits_of_one_never_stopped(
    folder: Path, extra: list[str], wanted: int
) -> None:
    arrow_csv.write_csv(table(12_000), "many.csv")
    fit = ["fit", "many.csv", "--target", "bought", "--stream", "--progress", "off", *extra]
    begun = time.monotonic()
    whole = start(*fit, "-o", "whole.thalweg")
    whole.communicate()
    assert whole.returncode == 0
    seconds = time.monotonic() - begun
    rng, kills = random.Random(0), 0
    while kills < wanted:
        for left in ("place", "cache"):
            shutil.rmtree(left, ignore_errors=True)
        while True:
            process = start(*fit, "-o", "killed.thalweg", "--checkpoint", "place", "--every", "0s", "--resume")
            try:
                _, complaint = process.communicate(timeout=rng.uniform(0.3, 0.7) * seconds)
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                kills += 1
                seconds *= 1.05  # a machine that has become slower still lets the run get further each time
        assert process.returncode == 0, complaint
        assert same_bits(thalweg.load("whole.thalweg"), thalweg.load("killed.thalweg"))
    assert names_in("place") == ["run.checkpoint"]


def test_ctrl_c_keeps_the_point_the_place_and_the_exit_code(folder: Path) -> None:
    arrow_csv.write_csv(table(20_000), "many.csv")
    fit = ["fit", "many.csv", "--target", "bought", "--stream", "--method", "gd", "--tol", "1e-13"]
    arguments = [*fit, "-o", "stopped.thalweg", "--checkpoint", "place"]
    code, out, _ = interrupted_at('"stage": "all rows", "step": 2', *arguments)
    assert code == 130
    assert "Interrupted: the best point so far was kept" in out
    model = thalweg.load("stopped.thalweg")
    assert model.objective < 0.7 and model.certificate.gap is not None
    assert Path("place/run.checkpoint").stat().st_size > 0


def stopping_at(stage: str, kind: str, times: int = 1, share: float = 0.0) -> Any:
    """An observer that presses Ctrl-C, so many times at once, at the first such event from that share on."""

    def observer(event: Any) -> None:
        if (event.kind, event.stage) == (kind, stage) and (event.share or 0.0) >= share and not pressed:
            pressed.append(event)
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)

    pressed: list[Any] = []
    return observer


@pytest.mark.parametrize("place", [None, "place"])
@pytest.mark.parametrize(("stage", "kind"), [("reading", "rows"), ("1/16 of the rows", "start")])
@pytest.mark.filterwarnings("ignore:Interrupted")
def test_ctrl_c_before_all_rows_were_seen_keeps_the_model_of_a_sample(
    folder: Path, stage: str, kind: str, place: str | None
) -> None:
    arrow_csv.write_csv(table(120_000), "many.csv")
    fit = {"target": "bought", "stream": True, "method": "lbfgs", "checkpoint": place}
    with pytest.warns(thalweg.ConvergenceWarning, match="a sample of .* rows was kept"):
        model = thalweg.fit("many.csv", **fit, observers=[stopping_at(stage, kind)])
    assert model.outcome is thalweg.Outcome.INTERRUPTED and "sample" in model.sentence
    assert model.standardized_coef.any() and model.objective < 0.68 and model.certificate.gap is None
    assert len(model.predict_proba("train.csv")) == 3000
    if place is not None:
        resumed = thalweg.fit("many.csv", **fit, resume=True)
        assert same_bits(resumed, thalweg.fit("many.csv", target="bought", stream=True, method="lbfgs"))


@pytest.mark.filterwarnings("ignore:Interrupted")
def test_what_an_interrupted_run_says_of_its_point_is_true(folder: Path) -> None:
    rows = table(3000).append_column("who", pa.array([f"w{i % 700}" for i in range(3000)]))
    arrow_csv.write_csv(rows, "who.csv")
    at_the_last_row = stopping_at("reading", "rows", share=1.0)
    with pytest.warns(thalweg.ConvergenceWarning):
        model = thalweg.fit("who.csv", target="bought", stream=True, max_levels=800, observers=[at_the_last_row])
    assert model.outcome is thalweg.Outcome.INTERRUPTED
    bought, p = np.array(rows["bought"].to_pylist()) == "yes", model.predict_proba("who.csv")[:, 1]
    loss = -np.log(np.where(bought, p, 1.0 - p)).mean()
    assert model.objective == pytest.approx(loss + np.square(model.standardized_coef).sum() / 6000.0, rel=1e-6)


def test_ctrl_c_where_there_is_no_model_yet_says_so(folder: Path) -> None:
    rows = table(3000).sort_by("bought")
    arrow_csv.write_csv(rows, "sorted.csv")
    fit = {"target": "bought", "stream": True, "checkpoint": "place"}
    with pytest.raises(KeyboardInterrupt, match=r"read so far: .* one class only\. place/run.checkpoint: the place"):
        thalweg.fit("sorted.csv", **fit, observers=[stopping_at("reading", "rows")])
    with pytest.raises(KeyboardInterrupt, match="the place is kept; --resume goes on from it"):
        thalweg.fit("sorted.csv", **fit, resume=True, observers=[stopping_at("reading", "rows", times=2)])
    code, _, complaint = interrupted_at('"reading"', "fit", "sorted.csv", "--target", "bought", "--stream")
    assert code == 130 and not Path("sorted.thalweg").exists()
    last = complaint.splitlines()[-1]
    assert last.startswith("thalweg: interrupted. There is no model yet to keep. Of the rows read so far: sorted.csv:")


def test_a_run_killed_in_its_samples_need_not_read_again(folder: Path) -> None:
    def killed(event: Any) -> None:
        if event.stage.startswith("all rows, in memory"):
            raise RuntimeError("as if killed")

    events: list[Any] = []
    fit = {"target": "bought", "stream": True, "checkpoint": "place"}
    with pytest.raises(RuntimeError):
        thalweg.fit("train.csv", **fit, observers=[killed])
    resumed = thalweg.fit("train.csv", **fit, resume=True, observers=[events.append])
    assert "reading" not in {event.stage for event in events}
    assert same_bits(resumed, thalweg.fit("train.csv", target="bought", stream=True))


@pytest.mark.filterwarnings("ignore:Interrupted")
def test_a_second_ctrl_c_leaves_the_checkpoint_of_the_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def impatient(total: Sums, other: Sums) -> None:
        added(total, other)
        if Path("place/run.checkpoint").exists() and random.random() < 0.2:
            raise KeyboardInterrupt  # as the second Ctrl-C, which does not wait, may come where sums are being added

    added = Sums.add
    fit = {"target": "bought", "stream": True, "checkpoint": "place", "every": "0s", "resume": True, "threads": 1}
    monkeypatch.setattr(Sums, "add", impatient)
    for seed in range(8):
        random.seed(seed)
        with contextlib.suppress(KeyboardInterrupt):
            thalweg.fit("train.csv", **fit)
    monkeypatch.setattr(Sums, "add", added)
    assert same_bits(thalweg.fit("train.csv", **fit), thalweg.fit("train.csv", target="bought", stream=True))


def test_a_large_file_written_anew_is_another_input(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thalweg.readers.files._WHOLE", 1000)
    monkeypatch.setattr("thalweg.readers.files._ENDS", 100)
    thalweg.fit("train.csv", target="bought", stream=True, cache="cache")
    content = Path("train.csv").read_text()
    middle = content.index("yes", len(content) // 2)
    Path("train.csv").write_text(content[:middle] + "no\n" + content[middle + 3 :])
    with pytest.raises(DataError, match="this cache was made with another input"):
        thalweg.fit("train.csv", target="bought", stream=True, cache="cache")


def test_a_changed_file_option_or_a_newer_schema_is_refused_with_the_difference(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(**options: Any) -> thalweg.Model:
        return thalweg.fit("train.csv", **{"target": "bought", "stream": True, "checkpoint": "place", **options})

    fit()
    for options, difference in (
        ({"l2": 0.5}, r"--l2 was not given when this run began, and is 0.5 now"),
        ({"drop": ["age"]}, r"--drop was \[\] when this run began, and is \['age'\] now"),
        ({"method": "newton"}, r"--method was 'auto' when this run began, and is 'newton' now"),
        ({"max_levels": 3}, r"--max-levels was not given"),
    ):
        with pytest.raises(CheckpointError, match=difference):
            fit(resume=True, **options)
    with Path("train.csv").open("a") as file:
        file.write("33,20000,2021-01-01,Ulm,1,0.1,yes\n")
    with pytest.raises(CheckpointError, match=r"the input was 'sha256:.*' when this run began, and is 'sha256:"):
        fit(resume=True)
    monkeypatch.setattr("thalweg.checkpoint._FORMAT", replace(checkpoint._FORMAT, schema=0))
    with pytest.raises(CheckpointError, match=r"has schema 1, but this thalweg reads up to 0; update thalweg"):
        fit(resume=True)


def test_numpy_scalars_among_the_options_are_kept_in_checkpoints(folder: Path) -> None:
    arrow_csv.write_csv(table().append_column("y", pa.array(np.arange(3000) % 2)).drop(["bought"]), "numbers.csv")
    fit = {"target": "y", "stream": True, "checkpoint": "place", "positive": np.int64(1), "l2": np.float32(0.1),
           "class_weight": {np.int64(0): 1, np.int64(1): np.float64(2.0)}, "max_levels": np.int64(9)}  # fmt: skip
    model = thalweg.fit("numbers.csv", **fit)
    assert same_bits(thalweg.fit("numbers.csv", resume=True, **fit), model)
    model.save("m.thalweg")
    assert thalweg.load("m.thalweg").options["class_weight"] == {"0": 1.0, "1": 2.0}


def test_resuming_needs_a_folder_and_an_unfinished_run_is_not_overwritten(folder: Path) -> None:
    with pytest.raises(UsageError, match="--resume goes with --checkpoint"):
        thalweg.fit("train.csv", target="bought", stream=True, resume=True)
    process = start("fit", "train.csv", "--target", "bought", "--stream", "--checkpoint", "place", "--every", "0s",
                    "--method", "gd", "--tol", "1e-14")  # fmt: skip
    while not Path("place/run.checkpoint").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.kill()
    process.communicate()
    with pytest.raises(UsageError, match=r"holds a run that was not finished; --resume goes on from it"):
        thalweg.fit("train.csv", target="bought", stream=True, checkpoint="place", method="gd", tol=1e-14)


# refused


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--stream", "--bits", "20"], "--bits goes with --method sgd and --stream"),
        (["--stream", "--cross", "age,town"], "--cross goes with --method sgd and --stream"),
        (["--stream", "--holdout", "0.2"], "--holdout does not go with --stream"),
        (["--stream", "--seed", "5"], "--seed has no meaning with --stream"),
        (["--stream", "--method", "newton-cg", "--seed", "5"], "--seed has no meaning with --stream"),
        (["--stream", "--method", "minibatch"], "draws rows at random, which a stream cannot give"),
        (["--cache", "there"], "--cache goes with --stream"),
        (["--checkpoint", "there"], "--checkpoint goes with --stream"),
        (["--resume"], "--resume goes with --stream"),
        (["--stream", "--checkpoint", "there", "--every", "soon"], "--every is 'soon', but must be a time such as 60s"),
    ],
    ids=str,
)
def test_options_that_would_do_nothing_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    assert run(["fit", "train.csv", "--target", "bought", *options]) == 2
    assert sentence in capsys.readouterr().err
    assert not list(folder.glob("*.thalweg"))


@pytest.mark.parametrize("method", ["auto", "sgd"])
@pytest.mark.parametrize("line", [2, 6, 2001, 3001])
def test_a_third_label_stops_or_is_skipped_and_told_wherever_it_is(folder: Path, line: int, method: str) -> None:
    lines = Path("train.csv").read_text().splitlines()
    lines[line - 1] = lines[line - 1].rsplit(",", 1)[0] + ",maybe"
    Path("late.csv").write_text("\n".join(lines))
    fit = {"target": "bought", "stream": True, "method": method}
    told = f"late.csv, line {line}: column 'bought' holds 'maybe', but 'no' or 'yes' was expected; --on-bad-row skip"
    with pytest.raises(DataError, match=told):
        thalweg.fit("late.csv", **fit)
    model = thalweg.fit("late.csv", **fit, on_bad_row="skip")
    assert model.rows == 2999
    assert any(note.startswith(f"1 row was skipped (--on-bad-row skip): late.csv, line {line}") for note in model.notes)


@pytest.mark.parametrize("method", ["auto", "sgd"])
def test_a_stray_label_before_both_others_is_not_one_of_the_two(folder: Path, method: str) -> None:
    rows = table(3000).sort_by("bought")
    arrow_csv.write_csv(rows, "sorted.csv")
    lines = Path("sorted.csv").read_text().splitlines()
    Path("sorted.csv").write_text("\n".join([lines[0], lines[1].rsplit(",", 1)[0] + ",maybe", *lines[1:]]))
    fit = {"target": "bought", "stream": True, "method": method}
    with pytest.raises(DataError, match="line 2: column 'bought' holds 'maybe', but 'no' or 'yes' was"):
        thalweg.fit("sorted.csv", **fit)
    assert thalweg.fit("sorted.csv", **fit, on_bad_row="skip").rows == 3000


def test_the_label_that_is_asked_for_is_one_of_the_two_however_rare(folder: Path) -> None:
    lines = Path("train.csv").read_text().splitlines()
    lines[3] = lines[3].rsplit(",", 1)[0] + ",fraud"
    Path("rare.csv").write_text("\n".join(lines))
    with pytest.raises(DataError, match="the target 'bought' has 3 classes"):
        thalweg.fit("rare.csv", target="bought", stream=True, positive="fraud")


def test_a_target_of_three_classes_is_called_that(folder: Path) -> None:
    rows = Path("train.csv").read_text().splitlines()
    rows[1::3] = [row.rsplit(",", 1)[0] + ",maybe" for row in rows[1::3]]
    Path("three.csv").write_text("\n".join(rows))
    with pytest.raises(DataError, match="the target 'bought' has 3 classes"):
        thalweg.fit("three.csv", target="bought", stream=True)


# scoring


@pytest.mark.parametrize("name", ["train.csv", "train.parquet", "parts"])
@pytest.mark.parametrize("out", ["scores.csv", "scores.parquet"])
def test_scores_come_in_the_order_of_the_rows_and_as_in_memory(folder: Path, name: str, out: str) -> None:
    (folder / "parts").mkdir()
    for i in range(3):
        parquet.write_table(table().slice(1000 * i, 1000), f"parts/{i}.parquet")
    model = thalweg.fit("train.parquet", target="bought", text=["town"])
    model.save("m.thalweg")
    assert run(["predict", "m.thalweg", name, "-o", out]) == 0
    found = parquet.read_table(out) if out.endswith("parquet") else arrow_csv.read_csv(out)
    expected = model.predict_proba("train.parquet")[:, 1]
    assert np.allclose(found["probability"].to_numpy(), expected, rtol=1e-13)
    assert found["prediction"].to_pylist() == model.labels(expected).tolist()


def test_scoring_stops_at_a_value_of_another_kind_and_leaves_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    thalweg.fit("train.csv", target="bought").save("m.thalweg")
    lines = Path("train.csv").read_text().splitlines()
    lines[1500] = "old" + lines[1500][lines[1500].index(",") :]
    Path("new.csv").write_text("\n".join(lines))
    assert run(["predict", "m.thalweg", "new.csv", "-o", "scores.csv"]) == 1
    assert (
        "new.csv, line 1501: column 'age' holds 'old', but the model learnt a number there." in capsys.readouterr().err
    )
    assert not list(folder.glob("*scores*"))


def test_a_query_that_gives_other_rows_each_time_is_refused(folder: Path) -> None:
    import duckdb

    with duckdb.connect("rows.duckdb") as database:
        database.execute("CREATE TABLE rows AS SELECT * FROM 'train.parquet'")
    with pytest.raises(DataError, match="the rows were others in this pass than in the first one"):
        thalweg.fit("SELECT * FROM rows ORDER BY random()", database="rows.duckdb", target="bought", stream=True)
    assert_same_optimum(
        thalweg.fit("SELECT * FROM rows", database="rows.duckdb", target="bought", stream=True),
        thalweg.fit("train.parquet", target="bought"),
    )


def test_with_skip_the_two_labels_met_most_are_the_classes(folder: Path) -> None:
    lines = Path("train.csv").read_text().splitlines()
    lines[1] = lines[1].rsplit(",", 1)[0] + ",?!"
    Path("odd.csv").write_text("\n".join(lines))
    model = thalweg.fit("odd.csv", target="bought", stream=True, on_bad_row="skip")
    assert model.classes == ("no", "yes") and model.rows == 2999


def test_with_skip_a_stray_label_is_no_class_where_each_file_holds_one_of_the_two(folder: Path) -> None:
    whole = table().to_pandas()
    Path("parts").mkdir()
    for name, label in (("a", "no"), ("b", "yes")):
        part = whole[whole.bought == label]
        if label == "yes":
            part.iloc[0, part.columns.get_loc("bought")] = "banana"
        part.to_csv(f"parts/{name}.csv", index=False)
    model = thalweg.fit("parts", target="bought", stream=True, on_bad_row="skip")
    assert model.classes == ("no", "yes") and model.rows == 2999


@pytest.mark.parametrize("method", ["sgd", "auto"])
def test_a_number_whose_square_overflows_is_a_bad_row(folder: Path, method: str) -> None:
    lines = Path("train.csv").read_text().splitlines()
    lines[2500] = "1e200" + lines[2500][lines[2500].index(",") :]
    Path("huge.csv").write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"huge.csv, line 2501: column 'age' holds 1e\+200, whose square overflows"):
        thalweg.fit("huge.csv", target="bought", stream=True, method=method)


def test_a_parquet_file_with_a_name_twice_is_refused(folder: Path) -> None:
    parquet.write_table(pa.Table.from_arrays([pa.array([1, 2]), pa.array([0, 1])], ["y", "y"]), "twice.parquet")
    with pytest.raises(DataError, match=r"twice.parquet: the column name 'y' stands twice"):
        thalweg.fit("twice.parquet", target="y", stream=True)
