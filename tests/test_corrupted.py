"""A file with a right checksum and a wrong content is refused in words, or what comes of it can be used."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import thalweg
from corrupted import KINDS, Bench
from thalweg import checkpoint
from thalweg.errors import RunError
from thalweg.readers import delimited_stream, parquet_stream, query_stream
from thalweg.readers.chunk import Position
from thalweg.readers.open_stream import open_stream
from thalweg.rows import Csr
from thalweg.schema import SchemaError
from thalweg.train.learner import Learner, Progress

SCRIPT = Path(__file__).with_name("corrupted.py")
MODELS = [kind for kind in KINDS if kind.startswith("model ")]
RUNS = [kind for kind in KINDS if kind.startswith("run ")]
OTHERS = [kind for kind in KINDS if kind not in (*MODELS, *RUNS)]


def tried(first: int, last: int, kinds: list[str]) -> None:
    """In a process of its own, which compiled code may end."""
    environment = {**os.environ, "PYTHONPATH": str(Path(thalweg.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(first), str(last), *kinds], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"the process ended in {done.stderr.splitlines()[-1]}: {done.returncode}"
    assert "bad:" not in done.stdout, done.stdout
    for kind in kinds:
        assert f"{kind}: {{" in done.stdout, "all cases were tried"


@pytest.mark.parametrize(
    ("kinds", "cases"),
    [
        pytest.param(MODELS, 16, id="models"),
        pytest.param(RUNS, 5, id="checkpoints"),
        pytest.param(OTHERS, 8, id="caches"),
    ],
)
def test_a_changed_file_that_is_signed_again_is_refused_or_usable(kinds: list[str], cases: int) -> None:
    tried(0, cases, kinds)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_no_change_of_thousands_ends_in_a_traceback_or_a_wrong_number(kind: str) -> None:
    tried(100, 1100 if kind in MODELS else 400, [kind])


def at(array: str, place: Any, value: float) -> Callable[[Any, dict[str, np.ndarray]], None]:
    """A change of one number of an array."""

    def change(state: Any, arrays: dict[str, np.ndarray]) -> None:
        arrays[array] = arrays[array].copy()
        arrays[array][place] = value

    return change


def to(name: str, value: Any) -> Callable[[Any, dict[str, np.ndarray]], None]:
    """A change of what stands under a name."""
    return lambda state, arrays: state.__setitem__(name, value)


def without(array: str) -> Callable[[Any, dict[str, np.ndarray]], None]:
    return lambda state, arrays: arrays.__delitem__(array)


WRONG: list[tuple[str, Any, str]] = [
    (
        "sgd",
        at("word_slots", 0, 1 << 20),
        "word_slots[0] is 1048576, but must be a whole number of at least 8 and at most",
    ),
    ("sgd", at("word_origins", 0, 9), "word_origins[0] is 9, but must be a whole number of at least 0 and at most 2"),
    ("sgd", at("ends", -1, 1 << 40), "the content must have letters that end where its words end, in UTF-8"),
    ("sgd", at("letters", 0, 0xFF), "the content must have letters that end where its words end, in UTF-8"),
    ("sgd", at("weights", (5, 1), 0.0), "the content must have sums of squared gradients above 0"),
    ("sgd", at("weights", (5, 0), np.nan), "weights[5, 0] is nan, but must be a finite number"),
    ("sgd", at("scale", 0, 1e-200), "the content must have a scaling that is that of its moments"),
    ("sgd", at("bins", (0, 7), -1.0), "bins[0, 7] is -1.0, but must be a finite number of at least 0"),
    ("sgd", to("passes", 2), "the content must have an account of the first pass, once there is a second"),
    ("sgd", to("done", [[0, 0.0], None]), "the content must have rows, and weights of their margins, or neither"),
    (
        "sgd",
        to("after", {"file": 1, "offset": 0, "line": 1}),
        "the position.file is 1, but must be a whole number from 0",
    ),
    (
        "sgd",
        to("after", {"file": 0, "offset": 3001, "line": 1}),
        "the position is byte 3,001 of a file, where no record",
    ),
    ("sgd with penalties", at("touched", 3, 1 << 40), "the content must have weights touched by rows that were seen"),
    ("learning", at("sums", (0, 0), 1e6), "sums must be rows, weights and positives of the words of 'town'"),
    ("learning", at("numbers", (0, 3), 1e300), "the content must have moments of the numbers in the rows"),
    ("learning", at("sample", slice(None), 0), "the rows are no Arrow stream"),
    ("learning", to("stride", 2), "sample must have every so many-th of the rows read, as stride says"),
    ("learning", to("positive", 0.0), "total, positive and smallest must be of rows among which are those of sample"),
    ("newton", without("pass.1.hessian"), "pass.1.hessian has the shape None, but this pass has (1, 7, 7)"),
    ("newton", without("pass.0.loss"), "pass.0.loss is missing"),
    ("newton", at("pass.0.loss", 0, np.inf), "pass.0.loss[0] is inf, but must be a finite number"),
    ("newton", at("metric", (0, 1), 1.7e308), "the content must have a Hessian whose columns can be scaled"),
    ("newton", to("method", ["sgd", ""]), "method is 'sgd', but must be newton or lbfgs"),
    ("newton", to("factors", [1.0, 1.0]), "factors must be there where classes have weights, and only there"),
    ("newton", to("phase", "done"), "phase is 'done', but must be one of learning, passes"),
]


@pytest.fixture(scope="module")
def benches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Bench]]:
    """Real files by kind, each in a folder of its own, which becomes the working one."""
    made: dict[str, tuple[Path, Bench]] = {}
    before = Path.cwd()

    def bench(kind: str) -> Bench:
        folder = made[kind][0] if kind in made else tmp_path_factory.mktemp("bench")
        os.chdir(folder)
        if kind not in made:
            made[kind] = folder, Bench(kind)
        return made[kind][1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited_stream, "_PIECE", 3000)
        yield bench
    os.chdir(before)


@pytest.mark.parametrize(("kind", "change", "words"), WRONG, ids=[words for _, _, words in WRONG])
def test_a_wrong_value_in_a_checkpoint_is_refused_with_its_place(
    kind: str, change: Any, words: str, benches: Callable[[str], Bench]
) -> None:
    bench, path = benches(f"run {kind}"), Path("place") / checkpoint.NAME
    text, arrays = bench.real
    body, changed = json.loads(text), dict(arrays)
    change(body["state"], changed)
    checkpoint._FORMAT.write(path, json.dumps(body), changed)
    refusal = f"refused: {path}: the run cannot go on from what this checkpoint holds: {words}"
    assert bench.judge().startswith(refusal)


KEYS = {"t.csv": ("file", "offset"), "t.csv.gz": ("file",), "t.parquet": ("file", "group", "batch", "read"),
        "t.jsonl": ("batch", "read")}  # fmt: skip


@pytest.mark.parametrize("name", KEYS)
def test_a_stream_goes_on_from_where_its_chunks_end_and_from_nowhere_else(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited_stream, "_PIECE", 500)
    monkeypatch.setattr(parquet_stream, "ROWS", 100)
    monkeypatch.setattr(query_stream, "_ROWS", 100)
    frame = pd.DataFrame({"x": np.arange(500), "y": np.arange(500) % 2})
    path = tmp_path / name
    if name.endswith("parquet"):
        frame.to_parquet(path, row_group_size=250)
    elif name.endswith("jsonl"):
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_csv(path, index=False)
    stream = open_stream(path)

    def rows(at: Position | None) -> list[float]:
        stream.check_position(at)
        return [x for chunk in stream.chunks({"x": "number"}, at) for x in chunk.numbers("x").tolist()]

    ends = [(chunk.after, chunk.n) for chunk in stream.chunks({"x": "number"})]
    assert len(ends) > 2
    for i, (after, _) in enumerate(ends):
        left = list(range(sum(n for _, n in ends[: i + 1]), 500))
        assert rows(after) == left
        for key in KEYS[name]:
            for value in (after[key] + 1, after[key] + 1000, after[key] - 1, -1, 1 << 60, "x"):
                with contextlib.suppress(SchemaError):  # or the same place: behind a group's last batch there are none
                    assert rows({**after, key: value}) == left
        for wrong in ({}, {**after, "more": 0}, [], 0):
            with pytest.raises(SchemaError):
                rows(wrong)  # type: ignore[arg-type]


def test_learning_from_a_margin_that_overflows_ends_in_words() -> None:
    learner = Learner(4, 1, None, 0.0, 0.0, True)
    learner.weights[:, 0] = 3e38
    X = Csr(np.array([0, 2]), np.array([0, 3], np.int32), np.array([3e38, -3e38], np.float32), 4)
    with pytest.raises(RunError, match="the margin of some row overflowed"):
        learner.learn(X, np.ones(1), None, None, Progress.none())
