"""Files to stream from: a click log in the shape of Criteo's, and a wide table of measurements, of any length.

Both are drawn 100,000 rows at a time, each such chunk from a seed of its own, so that memory does not grow with the
file and the first rows of a long file are those of a short one.
"""

import argparse
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

CHUNK = 100_000  # rows, and the length of a row group
COUNTS = [f"i{j}" for j in range(1, 14)]
CATEGORIES = [f"c{j}" for j in range(1, 27)]
VOCABULARIES = [round(size) for size in np.geomspace(4, 100_000, len(CATEGORIES))]
COUNT_HOLES, CATEGORY_HOLES = 0.1, 0.03
CLICK_INTERCEPT = -1.22  # a quarter of the rows is clicked

MEASUREMENTS = [f"x{j}" for j in range(1, 41)]


@dataclass(frozen=True)
class Paths:
    """Where a click log lies: as Parquet, as CSV, as Vowpal Wabbit's text of the counts or of their logarithms."""

    parquet: Path
    csv: Path
    vw: Path
    vw_log: Path


def write(folder: Path, rows: int, kinds: Sequence[str] = ("parquet", "csv", "vw")) -> Paths:
    """Write so many rows of the click log into the folder, in the kinds asked for: parquet, csv, vw, vw_log."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {"parquet": "clicks.parquet", "csv": "clicks.csv", "vw": "clicks.vw", "vw_log": "clicks-log.vw"}
    writers: dict[str, Callable[[Path], _Writer]] = {
        "parquet": _Parquet,
        "csv": _Csv,
        "vw": lambda path: _Vw(path, logarithms=False),
        "vw_log": lambda path: _Vw(path, logarithms=True),
    }
    with ExitStack() as stack:
        opened = [stack.enter_context(writers[kind](folder / names[kind])) for kind in kinds]
        for chunk in _ahead(clicks, -(-rows // CHUNK)):
            kept = chunk.slice(0, rows)
            for writer in opened:
                writer.write(kept)
            rows -= CHUNK
    return Paths(**{kind: folder / name for kind, name in names.items()})


def write_measurements(path: Path, size: int) -> int:
    """Write measurements until the file, .parquet or .csv, has so many bytes; the number of rows."""
    rows = 0
    with (_Parquet if path.suffix == ".parquet" else _Csv)(path) as writer:
        for i in count():
            chunk = measurements(i)
            writer.write(chunk)
            rows += chunk.num_rows
            if writer.size() >= size:
                return rows
    raise AssertionError


def clicks(i: int) -> pa.Table:
    """Chunk i of the click log.

    Counts are rounded exponentials of correlated normals. The words of a category are drawn by Zipf's law. A click
    has the log-odds of a linear model of the counts' logarithms and of one effect for each word; a hole adds nothing.
    """
    truth = _truth()
    rng = np.random.default_rng([1, i])
    z = np.full(CHUNK, CLICK_INTERCEPT, np.float32)
    busy = rng.standard_normal(CHUNK, np.float32)
    columns = {}
    for name, mean, scale, weight in zip(COUNTS, truth.means, truth.scales, truth.weights, strict=True):
        normal = np.float32(0.5) * busy + np.float32(0.866) * rng.standard_normal(CHUNK, np.float32)
        counts = np.rint(np.exp(mean + scale * normal))
        hole = rng.random(CHUNK, np.float32) < COUNT_HOLES
        z += np.where(hole, np.float32(0.0), (np.log1p(counts) - mean) * (weight / scale))
        columns[name] = pa.array(counts.astype(np.int32), mask=hole)
    for name, words, effects in zip(CATEGORIES, truth.words, truth.effects, strict=True):
        # floor((v + 1)^u) for a uniform u is k with the probability log(1 + 1/k) / log(v + 1): Zipf's law.
        ranks = np.exp(rng.random(CHUNK, np.float32) * np.float32(np.log(len(words) + 1)))
        codes = np.clip(ranks.astype(np.int32) - 1, 0, len(words) - 1)
        hole = rng.random(CHUNK, np.float32) < CATEGORY_HOLES
        z += np.where(hole, np.float32(0.0), effects[codes])
        columns[name] = _words(codes, hole, words)
    clicked = rng.random(CHUNK, np.float32) < 1.0 / (1.0 + np.exp(-z))
    return pa.table({"click": pa.array(clicked.astype(np.int8)), **columns})


def measurements(i: int) -> pa.Table:
    """Chunk i of the measurements: 40 correlated numbers of 3 to 6 significant digits, and y of 0 or 1."""
    truth = np.random.default_rng(2)
    width = len(MEASUREMENTS)
    means, scales = truth.uniform(-2.0, 2.0, width), np.exp(truth.uniform(-2.0, 6.0, width))
    weights = truth.standard_normal(width) / np.sqrt(width)
    digits = np.arange(width) % 4 + 2  # behind the first one, in a value as large as the scale
    rng = np.random.default_rng([3, i])
    normals = 0.6 * rng.standard_normal((CHUNK, 1)) + 0.8 * rng.standard_normal((CHUNK, width))
    y = rng.random(CHUNK) < 1.0 / (1.0 + np.exp(0.5 - normals @ weights))
    columns = {"y": pa.array(y.astype(np.int8))}
    for j, name in enumerate(MEASUREMENTS):
        decimals = int(digits[j] - np.floor(np.log10(scales[j])))
        columns[name] = pa.array(np.round((means[j] + normals[:, j]) * scales[j], decimals))
    return pa.table(columns)


@dataclass(frozen=True)
class _Truth:
    """What the click log is drawn from."""

    means: np.ndarray
    scales: np.ndarray
    weights: np.ndarray
    words: list[pa.Array]
    effects: list[np.ndarray]


@cache
def _truth() -> _Truth:
    rng = np.random.default_rng(0)
    width = len(COUNTS)
    words, effects = [], []
    for size in VOCABULARIES:
        numbers = rng.permutation(np.unique(rng.integers(2**32, size=2 * size)))[:size]
        words.append(pa.array([f"{number:08x}" for number in numbers]))
        ranks = np.arange(1, size + 1)
        effect = 0.22 * rng.standard_normal(size)
        effects.append((effect - np.log1p(1.0 / ranks) @ effect / np.log(size + 1)).astype(np.float32))
    return _Truth(
        means=rng.uniform(0.0, 4.0, width).astype(np.float32),
        scales=rng.uniform(0.8, 1.8, width).astype(np.float32),
        weights=(0.2 * rng.standard_normal(width)).astype(np.float32),
        words=words,
        effects=effects,
    )


def _words(codes: np.ndarray, hole: np.ndarray, words: pa.Array) -> pa.DictionaryArray:
    """The words of these codes, with a dictionary of those that occur: it is written with every row group."""
    used = np.flatnonzero(np.bincount(codes[~hole], minlength=len(words)))
    place = np.zeros(len(words), np.int32)
    place[used] = np.arange(len(used))
    return pa.DictionaryArray.from_arrays(pa.array(place[codes], mask=hole), words.take(pa.array(used)))


def _ahead(chunk: Callable[[int], pa.Table], chunks: int) -> Iterator[pa.Table]:
    """The chunks in order, the next one drawn while the last one is written."""
    with ThreadPoolExecutor(1) as pool:
        drawn = pool.submit(chunk, 0)
        for i in range(chunks):
            table = drawn.result()
            if i + 1 < chunks:
                drawn = pool.submit(chunk, i + 1)
            yield table


class _Writer(ABC):
    """A file that chunks are added to."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def size(self) -> int:
        """Bytes so far."""
        return self._file.tell()

    @abstractmethod
    def write(self, table: pa.Table) -> None:
        """Add these rows."""


class _Parquet(_Writer):
    """Row groups of a chunk each; columns are declared as plain strings, as most writers do."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._writer: pq.ParquetWriter | None = None

    def write(self, table: pa.Table) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._file, table.schema, store_schema=False)
        self._writer.write_table(table)

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()
        super().__exit__()


class _Csv(_Writer):
    """No quotes; a hole is an empty field."""

    def write(self, table: pa.Table) -> None:
        if self._file.tell() == 0:
            self._file.write((",".join(table.column_names) + "\n").encode())
        options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
        pyarrow.csv.write_csv(_decoded(table), self._file, options)


class _Vw(_Writer):
    """Vowpal Wabbit's text: a label of -1 or 1, counts as name:value, categories as name=word, holes left out."""

    def __init__(self, path: Path, logarithms: bool) -> None:
        super().__init__(path)
        self._logarithms = logarithms

    def write(self, table: pa.Table) -> None:
        fields = [pc.if_else(pc.equal(table["click"], 1), "1 |i", "-1 |i")]
        for name in COUNTS:
            numbers = table[name].combine_chunks().dictionary_encode()
            values = numbers.dictionary
            if self._logarithms:
                values = pc.round(pc.log1p(values.cast(pa.float64())), 4)
            fields.append(_prefixed(f"{name}:", numbers.indices, values.cast(pa.string())))
        fields.append(pa.array(["|c"]).take(pa.array(np.zeros(table.num_rows, np.int32))))
        for name in CATEGORIES:
            words = table[name].combine_chunks()
            fields.append(_prefixed(f"{name}=", words.indices, words.dictionary))
        lines = pc.binary_join_element_wise(*fields, " ", null_handling="skip")
        lines = pc.binary_join_element_wise(lines, "", "\n")
        for part in lines.chunks if isinstance(lines, pa.ChunkedArray) else [lines]:
            ends = np.frombuffer(part.buffers()[1], np.int32)[part.offset : part.offset + len(part) + 1]
            self._file.write(memoryview(part.buffers()[2])[ends[0] : ends[-1]])


def _prefixed(prefix: str, indices: pa.Array, values: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(prefix, values, "").take(indices)


def _decoded(table: pa.Table) -> pa.Table:
    """The same rows without dictionaries."""
    return pa.table(
        {
            name: column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
            for name, column in zip(table.column_names, table.columns, strict=True)
        }
    )


def main() -> None:
    """Write a click log."""
    parser = argparse.ArgumentParser(prog="python -m bench.clicks", description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--kinds", default="parquet,csv,vw", help="of parquet, csv, vw, vw_log (default the first 3)")
    options = parser.parse_args()
    write(options.folder, options.rows, options.kinds.split(","))


if __name__ == "__main__":
    main()
