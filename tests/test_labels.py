"""Labels: two of them, finite, the same through every door, and such that a model file can keep them."""

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import thalweg
from thalweg.errors import DataError, ThalwegError, UsageError
from thalweg.recipe import label_key

N = 40
X = np.random.default_rng(5).standard_normal(N)
Y = (np.arange(N) * 7 % 3 == 0).astype(int)
STREAMS: list[dict[str, Any]] = [{"stream": True}, {"stream": True, "method": "sgd", "bits": 8}]
WAYS: list[dict[str, Any]] = [{}, *STREAMS]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def labelled(words: list[str], name: str = "t.csv") -> str:
    """A file of one column and the labels, as they are."""
    comma = "\t" if name.endswith("tsv") else ","
    if name.endswith("jsonl"):
        lines = [f'{{"x": {x:.3f}, "y": {word}}}' for x, word in zip(X, words, strict=False)]
    else:
        lines = [f"x{comma}y", *(f"{x:.3f}{comma}{word}" for x, word in zip(X, words, strict=False))]
    Path(name).write_text("\n".join(lines) + "\n")
    return name


@pytest.mark.parametrize("word", ["inf", "-inf", "Infinity", "1e309", "-1e309"])
@pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
def test_a_label_that_is_no_finite_number_is_named_with_its_row(name: str, word: str) -> None:
    good = labelled([str(y) for y in Y], f"good.{name}")
    model = thalweg.fit(good, "y")
    for bad in (word, "0"):  # one such label among others, or one of two
        words = [word if y and (i > 20 or bad == "0") else str(y) for i, y in enumerate(Y)]
        labelled(words, name)
        for way in WAYS:
            with pytest.raises(DataError, match=r"line \d+.*(must be finite|was expected)"):
                thalweg.fit(name, "y", **way)
        with pytest.raises(DataError, match=r"line \d+.*must be finite"):
            thalweg.fit_path(name, "y", points=2)
        with pytest.raises(DataError, match=r"line \d+.*must be finite"):
            model.evaluate(name)


@pytest.mark.parametrize("way", STREAMS)
def test_rows_with_such_labels_can_be_left_out_of_a_stream(way: dict[str, Any]) -> None:
    words = [str(y) for y in Y]
    good = thalweg.fit(labelled(words), "y", **way)
    data = Path(labelled(words)).read_text().splitlines()
    Path("t.csv").write_text("\n".join([data[0], "0.5,-1e309", *data[1:], "0.5,inf"]) + "\n")
    model = thalweg.fit("t.csv", "y", on_bad_row="skip", **way)
    assert model.classes == good.classes == (0, 1)
    assert np.array_equal(model.coef, good.coef) and any("2 rows were skipped" in note for note in model.notes)


def test_labels_of_tables_and_arrays_are_finite() -> None:
    for low in (np.inf, -np.inf):
        y = np.where(Y == 1, 1.0, low)
        for make in (pd.DataFrame, pl.DataFrame, pa.table):
            frame = make({"x": X, "y": y})
            with pytest.raises(DataError, match=r"row 2: the target 'y' holds -?inf, but a label .* must be finite"):
                thalweg.fit(frame, "y")
            with pytest.raises(DataError, match=r"'y' holds -?inf, but a label .* must be finite"):
                thalweg.Online("y", bits=8).partial_fit(frame)
        for labels in (y, y.astype(object)):
            with pytest.raises(DataError, match=r"y holds -?inf in row 1"):
                thalweg.fit((X[:, None], labels))
            with pytest.raises(DataError, match="must be finite"):
                thalweg.Online(bits=8).partial_fit((X[:, None], labels))
            with pytest.raises(ValueError, match=r"infinity|Unknown label type"):
                thalweg.LogisticRegression().fit(X[:, None], labels)
        with pytest.raises(DataError, match=r"classes holds -?inf"):
            thalweg.fit((X[:, None], Y), classes=(0, low))
        with pytest.raises(DataError, match="must be finite"):
            thalweg.Online(bits=8).partial_fit((X[:, None], Y), classes=(0, low))


@pytest.mark.parametrize("line", ["1e309 1:2", "inf 1:2", "-1e309 1:2", "１ 1:2"])
def test_labels_of_libsvm_files_are_finite(line: str) -> None:
    Path("t.libsvm").write_text("0 1:1\n1 1:2\n" + line + "\n")
    with pytest.raises(DataError, match=r"line 3: the line starts with .* but a number, its label, was expected"):
        thalweg.fit("t.libsvm")


def test_words_that_sound_like_numbers_are_labels_among_words() -> None:
    for pair in (
        ("inf", "low"),
        ("nan!", "x"),
        ("--1", "+-1"),
        ("1_0", "x"),
        ("１", "٣"),
        ("0x10", "0x11"),
    ):
        name = labelled([pair[y] for y in Y])
        for way in WAYS:
            model = thalweg.fit(name, "y", **way)
            assert set(model.classes) == set(pair)
            model.save("m.thalweg")
            assert thalweg.load("m.thalweg").classes == model.classes


@pytest.mark.parametrize("word", ["--1", "+-1", "1__0", "0x10", "1d5", "１", "٣", "5e", "+"])
@pytest.mark.parametrize("way", WAYS)
def test_an_odd_word_among_labels_that_are_numbers_is_named(word: str, way: dict[str, Any]) -> None:
    name = labelled([word if i == 30 else str(y) for i, y in enumerate(Y)])
    with pytest.raises(DataError, match=r"3 classes|line 32: column 'y' holds .*, but 0 or 1 was expected"):
        thalweg.fit(name, "y", **way)


@pytest.mark.parametrize(
    "words", [["--1", "+-1", "--1.0"], ["1__0", "0x10", "1d5"], ["１", "٣", "1"], ["+", "-", "e5"]]
)
def test_odd_words_are_the_same_levels_in_memory_and_streamed(words: list[str]) -> None:
    for extra in ([], [str(i) for i in range(30)]):  # also where most of the column are numbers
        c = [*words, *extra]
        Path("t.csv").write_text("c,y\n" + "".join(f"{c[i % len(c)]},{Y[i % N]}\n" for i in range(4 * N)))
        memory, streamed = (thalweg.fit("t.csv", "y", categorical=["c"], **way) for way in WAYS[:2])
        assert memory.feature_names == streamed.feature_names
        thalweg.fit("t.csv", "y", categorical=["c"], **WAYS[2])


def test_labels_that_differ_as_whole_numbers_are_two() -> None:
    big = [2**53, 2**53 + 1]
    wide = [0, 2**64 - 1]
    for pair in (big, wide, [-(2**63), 2**63 - 1]):
        frame = pa.table(
            {"x": X, "y": pa.array([pair[y] for y in Y], pa.uint64() if max(pair) >= 2**63 else pa.int64())}
        )
        assert thalweg.fit(frame, "y").classes == thalweg.Online("y", bits=8).partial_fit(frame).model().classes
        assert thalweg.fit(frame, "y").classes == tuple(pair)
    assert label_key(1) == label_key("1.0") == label_key(" 01 ") == label_key(np.float64(1)) != label_key("1_")
    assert label_key("1e3") == label_key(1000) and label_key("1_0") != label_key(10) and label_key("１") != label_key(1)
    assert label_key("inf") != label_key("Infinity")


ODD: list[tuple[Any, str]] = [
    (np.where(Y == 1, "a", "\ud800"), "cannot be written as UTF-8"),
    (np.array([10**100 if y else 0 for y in Y], object), "must fit into 64 bits"),
    (np.array([np.zeros(2) if y else None for y in Y], object), "y holds None in row 1"),
    (np.array([pd.NA if y else 1 for y in Y], object), "y holds <NA> in row 0"),
    ([[1], [1, 2]] * (N // 2), "y cannot be made an array"),
    ([datetime.date(2020, 1, 1 + int(y)) for y in Y], "must be a number, a word"),
    (5, r"y has shape \(\)"),
]  # fmt: skip


@pytest.mark.parametrize(("labels", "words"), ODD)
def test_what_can_be_no_label_is_refused_in_words(labels: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        thalweg.fit((X[:, None], labels))
    if not isinstance(labels, list) or not isinstance(labels[0], datetime.date):  # which are words online
        with pytest.raises(ThalwegError):
            thalweg.Online(bits=8).partial_fit((X[:, None], labels)).model()


@pytest.mark.parametrize("classes", [5, "ab", (0,), (0, 1, 2), [None]])
def test_classes_are_two_labels(classes: Any) -> None:
    learners: list[Callable[[], Any]] = [
        lambda: thalweg.fit((X[:, None], Y), classes=classes),
        lambda: thalweg.Online(bits=8).partial_fit((X[:, None], Y), classes=classes),
    ]
    for learn in learners:
        with pytest.raises(UsageError, match=r"classes is .*, but must be the two labels"):
            learn()


def test_json_numbers_that_overflow_are_no_labels() -> None:
    words = ["1e309" if i == 30 else json.dumps(int(y)) for i, y in enumerate(Y)]
    labelled(words, "t.jsonl")
    for way in WAYS:
        with pytest.raises(DataError, match=r"must be finite|was expected|JSON"):
            thalweg.fit("t.jsonl", "y", **way)
