"""Odd files through every door: a model, or a sentence; never another exception, and nothing that Python ignores."""

import gzip
import io
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import thalweg
from thalweg.cli import run
from thalweg.errors import ThalwegError

NUMBERS = [
    "--1", "+-1", "-", "+", ".", "5.", ".5", "e5", "1e", "1e5", "1E+2", "1d5", "1f", "1_0", "1__0", "_1", "0x10", "0b1",
    "１", "٣", "01", "1.0", "2", "-0", "1,5", "inf", "-inf", "Infinity", "nan", "NaN", "1e309", "-1e309", "1e-400",
    "1e150", "1e160", "-1e160", "1e308", "5e-324", "9007199254740993", "9223372036854775808", "1" * 400,
]  # fmt: skip
WORDS = [
    "", " ", "?", "null", "None", "true", "TRUE", "yes", "2020-01-01", "2020-13-01", "0000-00-00", "9999-12-31",
    "-290000-01-01", "infinity", "epoch", "2020-01-01T00:00:00+99:00", "2020-01-01 10:00:00.123456789", "1:1", "1:nan",
    "1:1e309", "-1:1", "99999999999:1", "qid:1", "#", "\\", "\\N", "'", "a'b", "\u00a0", "\u2028", "\U0001f600", "{}",
    "[1]", '{"a": 1}', '"\\ud800"',
]  # fmt: skip
BYTES = [
    b"\xe9", b"caf\xe9", b"\xff\xfe", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\x00", b"\x1a", b'"', b'""', b'"a', b'a"b',
    b'"a"b', b"\r", b"\n", b"\r\n", b",", b"\t", b",,,", b" ",
]  # fmt: skip
CELLS = [word.encode() for word in NUMBERS + WORDS] + BYTES
KINDS = ("csv", "tsv", "jsonl", "libsvm", "parquet")
OPTIONS: list[dict[str, Any]] = [
    {}, {}, {}, {"intercept": False}, {"standardize": False}, {"intercept": False, "standardize": False}, {"l1": 0.01},
    {"class_weight": "balanced"}, {"weights": "c"}, {"offset": "c"}, {"categorical": ["c"]}, {"text": ["b"]},
    {"holdout": 0.3}, {"max_levels": 2}, {"positive": "1"}, {"header": False}, {"only": ["a"], "missing": ["0"]},
]  # fmt: skip
OF_LIBSVM = ("intercept", "standardize", "l1", "class_weight", "holdout", "positive")
NOT_STREAMED = ("holdout",)
NOT_ONLINE = ("holdout", "standardize", "max_levels")


def plain(n: int) -> list[list[bytes]]:
    """Rows a, b, c, y of a table, of numbers, words, whole numbers and labels."""
    words = ("u", "v", "w x")
    return [
        [b"%.2f" % (i * 7 % 11 / 3.0), words[i % 3].encode(), b"%d" % (i % 4), b"%d" % (i * i % 3 % 2)]
        for i in range(n)
    ]


def written(kind: str, rows: list[list[bytes]]) -> bytes:
    """The rows as the bytes of a file; cells of JSON and Parquet are put in as they are where that can be."""
    if kind in ("csv", "tsv"):
        comma = b"," if kind == "csv" else b"\t"
        return b"".join(comma.join(row) + b"\n" for row in [[b"a", b"b", b"c", b"y"], *rows])
    if kind == "libsvm":
        return b"".join(
            row[-1] + b"".join(b" %d:%s" % entry for entry in enumerate(row[:-1:2], 1)) + b"\n" for row in rows
        )
    if kind == "jsonl":
        return b"".join(_json(row) + b"\n" for row in rows)
    columns = {name: [cell(row, i) for row in rows] for i, name in enumerate("abcy")}
    sink = io.BytesIO()
    pq.write_table(pa.table({name: _column(values) for name, values in columns.items()}), sink)
    return sink.getvalue()


def cell(row: list[bytes], i: int) -> str:
    return row[i].decode("utf-8", "replace") if i < len(row) else ""


def _json(row: list[bytes]) -> bytes:
    names = ("a", "b", "c", "y")
    parts = []
    for name, value in zip(names, row, strict=False):
        bare = value if name != "b" else json.dumps(value.decode("latin-1")).encode()
        parts.append(json.dumps(name).encode() + b": " + (bare or b"null"))
    return b"{" + b", ".join(parts) + b"}"


def _column(values: list[str]) -> Any:
    try:
        return pa.array([float(value) for value in values])
    except ValueError:
        return pa.array(values)


@st.composite
def odd_files(draw: st.DrawFn) -> tuple[str, bytes]:
    """A kind of file, and the bytes of one of that kind with something odd in it."""
    kind = draw(st.sampled_from(KINDS))
    rows = plain(draw(st.sampled_from([3, 12, 30])))
    for _ in range(draw(st.integers(0, 3))):
        row = draw(st.sampled_from(rows))
        place = draw(st.sampled_from([3, 3, 0, 1, 2]))
        row[min(place, len(row) - 1)] = draw(st.sampled_from(CELLS))
        change = draw(st.sampled_from(["none", "none", "none", "longer", "shorter"]))
        if change == "longer":
            row.append(draw(st.sampled_from(CELLS)))
        elif change == "shorter" and len(row) > 1:
            del row[draw(st.integers(0, len(row) - 1))]
    if draw(st.integers(0, 5)) == 0:  # a whole column of few odd values
        values = draw(st.lists(st.sampled_from(CELLS), min_size=1, max_size=2))
        place = draw(st.sampled_from([3, 0, 1]))
        for i, row in enumerate(rows):
            row[min(place, len(row) - 1)] = values[i % len(values)]
    data = bytearray(written(kind, rows))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2, 4])) if kind != "parquet" else draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        what = draw(st.sampled_from(["put", "replace", "cut", "end"]))
        if what == "put":
            data[at:at] = draw(st.sampled_from(CELLS))
        elif what == "replace":
            data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
        elif what == "cut":
            del data[at : at + draw(st.sampled_from([1, 2, 10]))]
        else:
            del data[at:]
    if kind != "parquet" and draw(st.integers(0, 9)) == 0:
        return kind, gzip.compress(bytes(data))
    return kind, bytes(data)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with models of good files: of a table, of libsvm, and one learnt online."""
    folder = tmp_path_factory.mktemp("odd")
    for kind in ("csv", "libsvm"):
        (folder / f"good.{kind}").write_bytes(written(kind, plain(60)))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        thalweg.fit("good.csv", "y").save("csv.thalweg")
        thalweg.fit("good.libsvm").save("libsvm.thalweg")
        thalweg.fit("good.csv", "y", stream=True, method="sgd", bits=8).save("sgd.thalweg")
        yield folder


def doors(name: str, kind: str, options: dict[str, Any], skip: str) -> dict[str, Callable[[], Any]]:
    """Everything that reads a file of rows."""
    target = None if kind == "libsvm" else "y"
    if kind == "libsvm":
        options = {key: value for key, value in options.items() if key in OF_LIBSVM}
    if kind not in ("csv", "tsv"):
        options = {key: value for key, value in options.items() if key != "header"}
    streamed = {key: value for key, value in options.items() if key not in NOT_STREAMED}
    online = {key: value for key, value in options.items() if key not in NOT_ONLINE}
    model = "libsvm.thalweg" if kind == "libsvm" else "csv.thalweg"
    rest = [] if target is None else ["--target", target]
    quiet = ["--progress", "off"]
    return {
        "fit": lambda: thalweg.fit(name, target, **options),
        "path": lambda: thalweg.fit_path(name, target, points=2, **_no_l1(options)),
        "exact": lambda: thalweg.fit(name, target, stream=True, on_bad_row=skip, **streamed),
        "sgd": lambda: thalweg.fit(name, target, stream=True, method="sgd", bits=8, on_bad_row=skip, **online),
        "predict": lambda: thalweg.load(model).predict(name),
        "evaluate": lambda: thalweg.load(model).evaluate(name),
        "$ fit": lambda: command(["fit", name, *rest, *quiet, "-o", "new.thalweg", "--json"]),
        "$ exact": lambda: command(["fit", name, *rest, *quiet, "-o", "new.thalweg", "--stream", "--on-bad-row", skip]),
        "$ path": lambda: command(["path", name, *rest, *quiet, "--points", "2"]),
        "$ predict": lambda: command(["predict", model, name]),
        "$ predict online": lambda: command(["predict", "sgd.thalweg", name, "-o", "out.csv"]),
        "$ evaluate": lambda: command(["evaluate", model, name]),
        "$ show": lambda: command(["show", name]),
    }


def _no_l1(options: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key != "l1"}


def command(arguments: list[str]) -> None:
    """Run a command line; its exit code and what it says are as they should be."""
    said, printed = io.StringIO(), io.TextIOWrapper(io.BytesIO())
    with redirect_stderr(said), redirect_stdout(printed):
        code = run(arguments)
    assert code in (0, 1, 2, 3), code
    if code:
        assert said.getvalue().startswith("thalweg: ") and said.getvalue().count("\n") == 1, said.getvalue()


@contextmanager
def nothing_ignored() -> Iterator[None]:
    """Fail where Python wrote "Exception ignored in", or warned."""
    ignored: list[Any] = []
    before = sys.unraisablehook
    sys.unraisablehook = ignored.append
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
    finally:
        sys.unraisablehook = before
    assert not ignored, [(one.exc_value, one.object) for one in ignored]


def through(door: str, kind: str, data: bytes, options: dict[str, Any], skip: str) -> None:
    """A file goes through a door."""
    name = f"odd.{kind}"
    Path(name).write_bytes(data)
    known = doors(name, kind, options, skip)
    with nothing_ignored():
        try:
            found = known[door]()
        except ThalwegError as error:
            assert ".py" not in str(error) and str(error), error
            return
        if isinstance(found, thalweg.Model) and found.outcome.name != "DIVERGING":
            found.save("new.thalweg")
            again = thalweg.load("new.thalweg")
            assert again.classes == found.classes


def odd(examples: int) -> Any:
    return settings(max_examples=examples, suppress_health_check=list(HealthCheck))


NAMES = list(doors("", "csv", {}, "stop"))


@odd(80)
@given(odd_files(), st.sampled_from(NAMES), st.sampled_from(OPTIONS), st.sampled_from(["stop", "skip"]))
def test_an_odd_file_gives_a_model_or_a_sentence(
    folder: Path, file: tuple[str, bytes], door: str, options: dict[str, Any], skip: str
) -> None:
    through(door, *file, options, skip)


@pytest.mark.slow
@odd(4000)
@given(odd_files(), st.sampled_from(NAMES), st.sampled_from(OPTIONS), st.sampled_from(["stop", "skip"]))
def test_thousands_of_odd_files_give_a_model_or_a_sentence(
    folder: Path, file: tuple[str, bytes], door: str, options: dict[str, Any], skip: str
) -> None:
    through(door, *file, options, skip)
