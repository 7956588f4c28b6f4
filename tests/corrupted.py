"""Files with a right checksum and a wrong content: real ones, changed at random and signed again.

`python tests/corrupted.py FIRST LAST KIND ...` tries the cases of those numbers on a file of each kind, in a folder of
its own, and prints those that end in anything but a refusal in words or something usable.
"""

import copy
import hashlib
import io
import json
import math
import os
import re
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
import pyarrow as pa
from rich.console import Console

import thalweg
from thalweg import checkpoint, model_file
from thalweg.cli.show import described
from thalweg.errors import CheckpointError, DataError, ModelFileError, OutputError
from thalweg.readers import delimited_stream
from thalweg.report import model_report
from thalweg.train import row_cache
from thalweg.train.arrow_bytes import packed

ROWS = 400
DEEP = "\0deep"  # stands for brackets too many to be written by a library
_VALUES: list[Any] = [
    None, True, False, -1, 0, 1, 2, 3, 0.5, -0.5, 1e-300, 1e300, -1e308, math.nan, math.inf, 2**31, 2**63, 10**400, "",
    "x", "\ud800", "a\nb", "\0", "number", [], {}, [[]], [1, 2], ["a"], {"a": 1}, DEEP,
]  # fmt: skip
_NUMBERS = [math.nan, math.inf, -math.inf, 1e308, -1e308, 1e200, -1.0, 0.0, 1.0, 5.0, -7.0, 1e-310, 2.0**31, 1e12]
_TYPES = [np.float64, np.float32, np.float16, np.int64, np.int32, np.int16, np.int8, np.uint8, np.uint16, np.bool_]


def table(seed: int = 0) -> pd.DataFrame:
    """Numbers with missing values, a category, dates, a text, weights, an offset and labels."""
    rng = np.random.default_rng(seed)
    x, z = rng.standard_normal(ROWS), rng.exponential(size=ROWS).round(3)
    town = rng.choice(["Ulm", "Bonn", "Köln"], ROWS)
    text = np.array(["good film", "bad film", "dull plot", "good plot"])[rng.integers(0, 4, ROWS)]
    margin = 1.5 * x - z + 2.0 * (town == "Ulm") + np.char.startswith(text, "good") + rng.logistic(size=ROWS)
    return pd.DataFrame(
        {
            "x": np.where(rng.random(ROWS) < 0.1, np.nan, x.round(4)),
            "z": z,
            "since": np.datetime64("2020-01-01") + rng.integers(0, 900, ROWS).astype("timedelta64[D]"),
            "town": town,
            "text": text,
            "w": rng.integers(1, 4, ROWS),
            "known": rng.normal(0.0, 0.3, ROWS).round(3),
            "y": np.where(margin > 0.5, "yes", "no"),
        }
    )


# ------------------------------------------------------------------------------------------------ real files


def models() -> dict[str, tuple[Callable[[], thalweg.Model], Any]]:
    """What makes a model, and rows it can judge, by kind; rows.csv and rows.svm are there."""
    frame = table()
    X, y = frame[["z", "w", "known"]].to_numpy(), (frame.y == "yes").to_numpy().astype(int)
    plain, online = {"target": "y", "drop": ["text"]}, {"target": "y", "method": "sgd", "stream": True, "bits": 6}
    counts = {"target": "y", "text": ["text"], "tokens": "characters", "text_weights": "counts"}

    return {
        "plain": (lambda: thalweg.fit(frame, **plain, holdout=0.2), frame),
        "weighed": (lambda: thalweg.fit(frame, **plain, weights="w", offset="known"), frame),
        "raw": (lambda: thalweg.fit(frame, **plain, standardize=False, l1=1e-3), frame),
        "text": (lambda: thalweg.fit(frame, target="y", text=["text"]), frame),
        "counts": (lambda: thalweg.fit(frame, **counts), frame),
        "l1": (lambda: thalweg.fit((X, y), l1=0.01), X),
        "soft": (lambda: thalweg.fit((X, np.clip(y + X[:, 2] / 9, 0, 1))), X),
        "named": (lambda: thalweg.fit((frame[["z", "w"]], y), classes=(0, 1)), X[:, :2]),
        "libsvm": (lambda: thalweg.fit("rows.svm"), "rows.svm"),
        "online": (lambda: thalweg.fit("rows.csv", **online, text=["text"], cross=["x,town"]), frame),
        "online arrays": (lambda: thalweg.Online().partial_fit((X, y)).model(), X),
    }  # fmt: skip


class Stopped(Exception):
    """What ends a run half-way."""


def _stopping(stages: str, times: int) -> Callable[[Any], None]:
    """An observer that ends a run at its so-manieth event of some stages."""
    met: list[Any] = []

    def observer(event: Any) -> None:
        if re.fullmatch(stages, event.stage) and event.kind in ("rows", "step"):
            met.append(event)
            if len(met) == times:
                raise Stopped

    return observer


_SGD = {"target": "y", "stream": True, "method": "sgd", "bits": 6, "text": ["text"], "weights": "w"}
_EXACT = {"target": "y", "stream": True, "drop": ["text"], "weights": "w", "offset": "known"}
CHECKPOINTS: dict[str, tuple[dict[str, Any], str, int]] = {
    "sgd": ({**_SGD, "cross": ["x,town"]}, "rows", 3),
    "sgd with penalties": ({**_SGD, "l1": 1e-4, "class_weight": "balanced"}, "rows", 3),
    "sgd, second pass": ({**_SGD, "epochs": 2, "intercept": False}, "pass 2 of 2", 2),
    "learning": ({**_EXACT}, "reading", 3),
    "learning texts": ({**_EXACT, "drop": [], "text": ["text"]}, "reading", 3),
    "newton": ({**_EXACT, "tol": 1e-14}, "all rows", 20),
    "lbfgs": ({**_EXACT, "method": "lbfgs", "tol": 1e-12}, "all rows", 26),
    "lbfgs, texts": ({**_EXACT, "drop": [], "text": ["text"], "method": "lbfgs", "tol": 1e-12}, "all rows", 26),
    "l1": ({**_EXACT, "l1": 0.01, "class_weight": "balanced", "tol": 1e-12}, "all rows", 16),
    "newton with a cache": ({**_EXACT, "cache": "cache"}, "all rows", 4),
}
CACHES: dict[str, dict[str, Any]] = {
    "cache": {**_EXACT},
    "cache with texts": {"target": "y", "stream": True, "text": ["text"], "method": "lbfgs"},
}
KINDS = [*(f"model {name}" for name in ("plain", "weighed", "raw", "text", "counts", "l1", "soft", "named", "libsvm",
         "online", "online arrays")), *(f"run {name}" for name in CHECKPOINTS), *CACHES]  # fmt: skip


# ------------------------------------------------------------------------------------------------ changes


def changed(body: Any, arrays: dict[str, np.ndarray], rng: np.random.Generator) -> tuple[Any, dict[str, np.ndarray]]:
    """A document and its arrays with one to three changes."""
    body, arrays = copy.deepcopy(body), dict(arrays)
    for _ in range(1 + int(rng.random() < 0.2) + int(rng.random() < 0.1)):
        if arrays and rng.random() < 0.4:
            _change_array(arrays, rng)
        else:
            body = _change_json(body, rng)
    return body, arrays


def _picked(values: Any, rng: np.random.Generator) -> Any:
    return values[int(rng.integers(len(values)))]


def _nodes(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [way]
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            found += _nodes(value[key], (*way, key))
    return found


def _change_json(body: Any, rng: np.random.Generator) -> Any:
    ways = _nodes(body)
    short = [way for way in ways if len(way) <= int(rng.integers(1, 7))]  # else most would be some entry of a long list
    way = _picked(short if rng.random() < 0.7 else ways, rng)
    if not way:
        return _picked(_VALUES, rng) if rng.random() < 0.1 else body
    parent = body
    for key in way[:-1]:
        parent = parent[key]
    key, value = way[-1], parent[way[-1]]
    what = int(rng.integers(8))
    if what == 0:
        del parent[key]
    elif what == 1:
        other = body
        for step in _picked(ways, rng):
            other = other[step]
        parent[key] = copy.deepcopy(other)
    elif what == 2 and isinstance(parent, dict):
        parent["more" if rng.random() < 0.5 else f"{key}2"] = parent.pop(key) if rng.random() < 0.5 else value
    elif what == 2:
        parent.insert(int(rng.integers(len(parent) + 1)), value)
    elif what <= 4 and isinstance(value, int | float) and not isinstance(value, bool):
        others = [value * 1e300, value * 2, value / 3, value * 1e6, int(value)] if abs(value) < 1e6 else [0, 1]
        parent[key] = _picked([-value, value + 1, value - 1, *others], rng)
    elif what == 3 and isinstance(value, list) and value:
        parent[key] = _picked([value[1:], value[::-1], value + value[-1:], value[:-1], value * 2], rng)
    elif what == 4 and isinstance(value, str):
        parent[key] = _picked([value * 2, value[:-1], value.upper(), f"{value} "], rng)
    else:
        parent[key] = _picked(_VALUES, rng)
    return body


def _change_array(arrays: dict[str, np.ndarray], rng: np.random.Generator) -> None:
    name = _picked(sorted(arrays), rng)
    array, what = arrays[name].copy(), int(rng.integers(11))
    if what == 0:
        del arrays[name]
        return
    if what == 1:
        arrays[f"{name}.more"] = array
        return
    if what == 2:
        array = arrays[_picked(sorted(arrays), rng)]
    elif what == 3:
        with np.errstate(all="ignore"):
            array = array.astype(_picked(_TYPES, rng))
    elif what == 4:
        array = _picked([array[:-1], np.concatenate([array, array[-1:]]), array.reshape(-1), array[None], array.T,
                         array[:0], array[..., :1], np.concatenate([array, array])], rng)  # fmt: skip
    elif what == 5:
        array = array[::-1]
    elif array.size:
        flat, least = array.reshape(-1), 1 if what < 10 else array.size
        places = rng.integers(0, array.size, least) if least == 1 else np.arange(array.size)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if what in (6, 10) or array.dtype.kind == "f":
                flat[places] = np.array([_picked(_NUMBERS, rng)]).astype(array.dtype)
            elif what == 7:
                flat[places] += np.array(_picked([1, -1], rng)).astype(array.dtype)
            else:
                content = bytearray(array.tobytes())
                content[int(rng.integers(len(content)))] ^= 1 << int(rng.integers(8))
                array = np.frombuffer(bytes(content), array.dtype).reshape(array.shape)
    arrays[name] = np.ascontiguousarray(array)


def _text(body: Any) -> str:
    return json.dumps(body).replace(json.dumps(DEEP), "[" * 100_000 + "]" * 100_000)


# ------------------------------------------------------------------------------------------------ what becomes of them


class Bench:
    """A real file of one kind in the working folder, and what is done with one that was changed.

    real  its text and its arrays, where it has these
    """

    real: tuple[str, dict[str, np.ndarray]]

    def __init__(self, kind: str) -> None:
        self.kind = kind
        frame = table()
        frame.to_csv("rows.csv", index=False)
        y = (frame.y == "yes").to_numpy().astype(int)
        lines = [f"{label} 1:{z} 3:{w}\n" for label, z, w in zip(y, frame.z, frame.w, strict=True)]
        Path("rows.svm").write_text("".join(lines))
        delimited_stream._PIECE = 3000
        make = {"model": self._model, "run": self._run}.get(kind.split(" ")[0], self._cache)
        self.make, self.judge = make()
        assert self.judge() == "used", "the file was not changed"

    def _model(self) -> Any:
        fit, rows = models()[self.kind.removeprefix("model ")]
        path = Path("changed.thalweg")
        fit().save(path)
        self.real = text, arrays = model_file._FORMAT.read(path)
        body = json.loads(text)
        few = rows if isinstance(rows, str) else rows[:20]

        def make(rng: np.random.Generator) -> None:
            one, more = changed(body, arrays, rng)
            model_file._FORMAT.write(path, _text(one), more)

        def judge() -> str:
            try:
                model = thalweg.load(path)
            except ModelFileError as error:
                return f"refused: {error}"
            return _usable(model, few)

        return make, judge

    def _run(self) -> Any:
        options, stage, times = CHECKPOINTS[self.kind.removeprefix("run ")]
        fit: dict[str, Any] = {"threads": 1, **options} if options.get("method") != "sgd" else options
        try:
            thalweg.fit("rows.csv", **fit, checkpoint="place", every=0, observers=[_stopping(stage, times)])
        except Stopped:
            pass
        else:
            raise AssertionError("the run was not stopped")
        path = Path("place") / checkpoint.NAME
        self.real = text, arrays = checkpoint._FORMAT.read(path)
        body = json.loads(text)

        def make(rng: np.random.Generator) -> None:
            if rng.random() < 0.1:
                one, more = changed(body, arrays, rng)
            else:
                state, more = changed(body["state"], arrays, rng)
                one = {**body, "state": state}
            checkpoint._FORMAT.write(path, _text(one), more)

        def judge() -> str:
            try:
                model = thalweg.fit("rows.csv", **fit, checkpoint="place", resume=True)
            except CheckpointError as error:
                return f"refused: {error}"
            return _usable(model, table()[:20])

        return make, judge

    def _cache(self) -> Any:
        fit = {**CACHES[self.kind], "cache": "cache"}
        thalweg.fit("rows.csv", **fit)
        path = Path("cache") / row_cache.NAME
        whole, footer = path.read_bytes(), row_cache._footer(path)
        blocks = [whole[block["begin"] : block["end"]] for block in footer["blocks"]]

        def make(rng: np.random.Generator) -> None:
            contents, one = list(blocks), copy.deepcopy(footer)
            if rng.random() < 0.6:
                i = int(rng.integers(len(contents)))
                contents[i] = _changed_block(contents[i], rng)
            written = io.BytesIO()
            written.write(row_cache._MAGIC)
            for block, content in zip(one["blocks"], contents, strict=True):
                block["begin"] = written.tell()
                written.write(content)
                block |= {"end": written.tell(), "crc32": crc32(content)}
            if contents == blocks:
                one, _ = changed(one, {}, rng)
            end = _text(one).encode("utf-8", "replace")
            written.write(end + len(end).to_bytes(8, "little") + hashlib.sha256(end).digest() + row_cache._MAGIC)
            path.write_bytes(written.getvalue())

        def judge() -> str:
            try:
                model = thalweg.fit("rows.csv", **fit)
            except DataError as error:
                if str(path) not in str(error) and "the rows were others in this pass" not in str(error):
                    raise
                return f"refused: {error}"
            return _usable(model, table()[:20])

        return make, judge

    def case(self, number: int) -> str:
        """What becomes of the case of that number."""
        self.make(np.random.default_rng([number, len(self.kind)]))
        return self.judge()


def _changed_block(content: bytes, rng: np.random.Generator) -> bytes:
    """Some bytes of an Arrow stream changed; or a column of it replaced."""
    if rng.random() < 0.5:
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), int(rng.integers(1, 4))):
            damaged[place] = int(rng.integers(256))
        return bytes(damaged)
    batch = pa.ipc.open_stream(content).read_next_batch()
    i, n = int(rng.integers(batch.num_columns)), batch.num_rows
    array = _picked(
        [
            pa.array([_picked(_NUMBERS, rng)] * n, pa.float64()),
            pa.array(rng.integers(-2, 3, n).astype(np.int8)),
            pa.array([None] * n, pa.float64()),
            pa.array([None] * n, batch.column(i).type),
            pa.array(["a"] * n),
            pa.DictionaryArray.from_arrays(
                pa.array(rng.integers(0, 9, n).astype(np.int8)), pa.array(["a"]), safe=False
            ),
            pa.DictionaryArray.from_arrays(pa.array([0] * n, pa.int8()), pa.array([None], pa.string())),
            pa.DictionaryArray.from_arrays(pa.array([0] * n, pa.int8()), pa.array(["a", "a"])),
            pa.array([[1.0]] * n),
        ],
        rng,
    )
    columns = list(batch.columns)
    columns[i] = array
    return packed(pa.RecordBatch.from_arrays(columns, batch.schema.names)).to_pybytes()


def _usable(model: thalweg.Model, rows: Any) -> str:
    """Try all that a model is good for. Raises AssertionError where it predicts what is no probability."""
    names, table_of = model.feature_names, described(model)
    assert len(names) == model.columns == len(table_of["coefficients"])
    json.dumps(table_of)
    Console(file=io.StringIO(), width=140).print(model_report(model, 5))
    ended = "used"
    try:
        p = model.predict_proba(rows)
        assert np.isfinite(p).all() and p.min() >= 0.0 and p.max() <= 1.0, f"predicted {p}"
        model.predict(rows)
    except DataError as error:
        ended = f"rows refused: {error}"
    try:
        model.save("again.thalweg")
        thalweg.load("again.thalweg")
    except OutputError as error:
        assert model.objective is not None and not np.isfinite(model.objective), error
    return ended


def main(first: int, last: int, kinds: list[str]) -> None:
    """Try those cases of each kind; a line for each that ends badly, and one of how all of a kind ended."""
    warnings.simplefilter("ignore")
    for kind in kinds:
        counts: Counter[str] = Counter()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            bench = Bench(kind)
            for number in range(first, last):
                print(f"{kind}, case {number}", file=sys.stderr, flush=True)  # the last one, where the process dies
                try:
                    counts[bench.case(number).split(":")[0]] += 1
                except Exception as error:
                    print(f"bad: {kind}, case {number}: {type(error).__name__}: {error}"[:400], flush=True)
            os.chdir("/")
        print(f"{kind}: {dict(counts)}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:] or KINDS)
