"""Files larger than memory: thalweg learning from them online and exactly, against Vowpal Wabbit and DuckDB.

Every contestant is a process of its own and reads its file from the page cache; Parquet and CSV are read by thalweg
and DuckDB, Vowpal Wabbit has its own text of the same rows. Its loss is given with its defaults and with the best of
several settings, for the counts as they are and for their logarithms. DuckDB learns nothing: it hashes or sums every
value, which is the floor of what reading and hashing cost here.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from math import log
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow.parquet as pq

from bench import clicks
from bench.process import Cost, cost
from bench.timing import ratio, show

BITS = 22
LARGE_ROWS = 13_000_000  # 3.4 GB of CSV, more than ten times the memory that a run may take
EVERY = 5  # seconds: a run takes half a minute
SETTINGS = (
    "",
    "-l 0.1",
    "-l 0.2",
    "-l 0.3",
    "-l 1",
    "-l 0.4 --initial_t 1",
    "-l 0.5 --initial_t 1",
    "-l 0.5 --initial_t 10 --power_t 0.55",
)

VW = """
import json, sys, time
from vowpalwabbit import Workspace
start = time.perf_counter()
vw = Workspace(sys.argv[1])  # reads and learns the file named in its arguments
seconds, rows = time.perf_counter() - start, vw.get_weighted_examples()
print(json.dumps({"seconds": seconds, "rows": rows, "log_loss": vw.get_sum_loss() / rows}))
vw.finish()
"""

DUCKDB = """
import json, sys, time, duckdb
duckdb.sql("SET enable_progress_bar = false")
start = time.perf_counter()
duckdb.sql(sys.argv[1]).fetchall()
print(json.dumps({"seconds": time.perf_counter() - start}))
"""


READING = """
import json, sys, time
from thalweg.cli import footprint
footprint.reduce()
import thalweg
from thalweg.ahead import ahead
from thalweg.readers.open_stream import open_stream
forms = thalweg.load(sys.argv[2]).recipe.forms
stream = open_stream(sys.argv[1])
start = time.perf_counter()
with ahead(stream.chunks(forms)) as chunks:
    rows = sum(chunk.n for chunk in chunks)
print(json.dumps({"seconds": time.perf_counter() - start, "rows": rows}))
"""


class Missing(Exception):
    """A contestant did not print what is measured here."""


@dataclass(frozen=True)
class Run:
    """One run of one contestant: its command, its whole process, and what it says of itself."""

    name: str
    cost: Cost
    said: dict[str, Any]

    @property
    def seconds(self) -> float:
        """Seconds of the whole process."""
        return self.cost.seconds

    def number(self, *keys: str) -> float:
        """A number of what it said."""
        value: Any = self.said
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if not isinstance(value, int | float):
            raise Missing(f"`{self.name}` printed no number {'.'.join(keys)}")
        return float(value)


Contestants = Mapping[str, Callable[[], Run]]


def run(options: argparse.Namespace) -> None:
    """Print the tables: online, scoring, and exactly; with --large also memory and checkpoints on gigabytes."""
    try:
        with tempfile.TemporaryDirectory(prefix="thalweg-bench-") as name:
            paths = clicks.write(Path(name), options.clicks, ("parquet", "csv", "vw", "vw_log"))
            _online(paths, options.clicks, options.repeats)
            _scoring([paths.parquet, paths.csv], options.clicks, options.repeats)
        if options.large:
            with tempfile.TemporaryDirectory(prefix="thalweg-bench-") as name:
                _large(Path(name))
        size = 4_000_000_000 if options.large else options.size * 1_000_000
        _exact(size, 1 if options.large else min(options.repeats, 3))
    except Missing as missing:
        raise SystemExit(f"bench stream: {missing}") from None


def _online(paths: clicks.Paths, rows: int, repeats: int) -> None:
    raw, logs = (min(SETTINGS, key=_loss_of(path)) for path in (paths.vw, paths.vw_log))
    names = {
        "parquet": "thalweg, Parquet",
        "csv": "thalweg, CSV",
        "default": "VW, defaults",
        "raw": "VW, best settings",
        "logs": "VW, best, log counts",
        "duckdb parquet": "DuckDB hashing, Parquet",
        "duckdb csv": "DuckDB hashing, CSV",
    }
    runs = _turns(
        {
            "parquet": lambda: _learn_online(paths.parquet),
            "csv": lambda: _learn_online(paths.csv),
            "default": lambda: _vw(paths.vw, ""),
            "raw": lambda: _vw(paths.vw, raw),
            "logs": lambda: _vw(paths.vw_log, logs),
            "duckdb parquet": lambda: _duckdb(_hashes(paths.parquet)),
            "duckdb csv": lambda: _duckdb(_hashes(paths.csv)),
        },
        repeats,
    )
    lines = []
    for key, name in names.items():
        losses = ["", ""]
        if key in ("parquet", "csv"):
            last = runs[key][-1]
            losses = [f"{last.number('progressive', measure):.4f}" for measure in ("log_loss", "auc")]
        elif "duckdb" not in key:
            losses = [f"{runs[key][-1].number('log_loss'):.4f}", ""]
        lines.append(
            [
                name,
                _pace(rows, [run.seconds for run in runs[key]]),
                _pace(rows, [run.number("seconds") for run in runs[key]]),
                *(f"{_ratio(runs[ours], runs[key]):.2f}" for ours in ("parquet", "csv")),
                *losses,
                _megabytes(runs[key]),
            ]
        )
    share = _clicked(paths.parquet)
    baseline = -share * log(share) - (1.0 - share) * log(1.0 - share)
    note = (
        "rows/s: of whole processes, and once started; x: seconds of the whole process over those of thalweg on "
        f"Parquet, on CSV; log-loss: of every row before it is learnt ({baseline:.4f} for the share of clicks); "
        f"VW, best of {len(SETTINGS)} settings: {raw or 'defaults'}; of log counts: {logs or 'defaults'}"
    )
    columns = ["", "rows/s", "started", "x Parquet", "x CSV", "log-loss", "AUC", "MB"]
    show(f"{rows:,} clicks, 13 counts and 26 categories, 2^{BITS} weights", columns, lines, note)


def _scoring(files: list[Path], rows: int, repeats: int) -> None:
    """`thalweg predict` with the model learnt before, beside reading the same columns and nothing else."""
    contestants = {f"predict {path.suffix}": partial(_predict, path) for path in files}
    contestants |= {f"read {path.suffix}": partial(_read_only, path) for path in files}
    runs = _turns(contestants, repeats, uncounted=min(repeats - 1, 1))
    lines = []
    for path in files:
        ours, read = runs[f"predict {path.suffix}"], runs[f"read {path.suffix}"]
        whole = _pace(rows, [run.seconds for run in ours])
        seconds = [[run.number("seconds") for run in done] for done in (ours, read)]
        paces = [_pace(rows, some) for some in seconds]
        lines.append([path.suffix[1:], whole, *paces, f"{ratio(*seconds):.2f}", _megabytes(ours)])
    note = "rows/s: of whole processes, once started, and of reading the model's columns alone; x: its time over ours"
    columns = ["thalweg predict", "rows/s", "started", "reading", "x", "MB"]
    show(f"Scores of {rows:,} clicks, written as Parquet", columns, lines, note)


def _large(folder: Path) -> None:
    paths = clicks.write(folder, LARGE_ROWS, ("parquet", "csv"))
    checkpoints = iter(folder / f"checkpoints-{i}" for i in range(9))
    contestants: Contestants = {
        "Parquet": lambda: _learn_online(paths.parquet),
        "CSV": lambda: _learn_online(paths.csv),
        "CSV, checkpoints": lambda: _learn_online(
            paths.csv, "--checkpoint", str(next(checkpoints)), "--every", f"{EVERY}s"
        ),
    }
    runs = _turns(contestants, 2, uncounted=0)
    sizes = [paths.parquet.stat().st_size, paths.csv.stat().st_size, paths.csv.stat().st_size]
    lines = []
    for (name, done), size in zip(runs.items(), sizes, strict=True):
        pace = _pace(LARGE_ROWS, [run.seconds for run in done])
        seconds, loss = median(run.seconds for run in done), done[-1].number("progressive", "log_loss")
        lines.append([name, f"{size / 1e9:.2f}", f"{seconds:.0f}", pace, f"{loss:.4f}", _megabytes(done)])
    added = 100.0 * (_ratio(runs["CSV"], runs["CSV, checkpoints"]) - 1.0)
    note = f"a checkpoint every {EVERY} s adds {added:+.1f} % to the time; every 60 s {added * EVERY / 60:+.1f} %"
    columns = ["thalweg online", "GB", "seconds", "rows/s", "log-loss", "peak MB"]
    show(f"{LARGE_ROWS:,} clicks", columns, lines, note)
    _scoring([paths.parquet, paths.csv], LARGE_ROWS, 1)


def _exact(size: int, repeats: int) -> None:
    lines = []
    for kind in ("parquet", "csv"):
        with tempfile.TemporaryDirectory(prefix="thalweg-bench-") as name:
            path = Path(name) / f"measurements.{kind}"
            rows = clicks.write_measurements(path, size)
            runs = _turns(
                {"thalweg": partial(_learn_exactly, path), "read": partial(_duckdb, _sums(path))},
                repeats,
                uncounted=min(repeats - 1, 1),
            )
        ours, read = runs["thalweg"], median(run.number("seconds") for run in runs["read"])
        passes = ours[-1].number("passes")
        seconds = median(run.number("seconds") for run in ours)
        each = median(
            run.number("seconds") / run.number("passes") / reading.number("seconds")
            for run, reading in zip(ours, runs["read"], strict=True)
        )
        lines.append(
            [
                kind,
                f"{rows:,}",
                f"{seconds:.1f}",
                f"{passes:.1f}",
                f"{seconds / passes:.2f}",
                f"{read:.2f}",
                f"{each:.2f}",
                f"{ours[-1].number('certificate', 'relative_gap'):.0e}",
                _megabytes(ours),
            ]
        )
    columns = ["", "rows", "seconds", "passes", "s / pass", "DuckDB sums", "times that", "relative gap", "peak MB"]
    note = "DuckDB sums every column of the same file once; seconds without the start of the processes"
    show(f"The exact optimum from {size / 1e6:,.0f} MB of 40 numbers a row", columns, lines, note)


def _learn_online(path: Path, *more: str) -> Run:
    """`thalweg fit --method sgd --stream`, as a user has it."""
    return _thalweg(path, "--target", "click", "--method", "sgd", "--stream", "--bits", str(BITS), *more)


def _learn_exactly(path: Path) -> Run:
    return _thalweg(path, "--target", "y", "--stream")


def _thalweg(path: Path, *arguments: str) -> Run:
    model = _model_of(path)
    return _thalweg_said(["fit", str(path), *arguments, "--json", "--progress", "off", "-o", str(model)])


def _thalweg_said(words: list[str]) -> Run:
    return _said([sys.executable, "-m", "thalweg", *words], "thalweg " + " ".join(words))


def _model_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.thalweg")


def _predict(path: Path) -> Run:
    model, scores = _model_of(path), path.with_name("scores.parquet")
    return _thalweg_said(["predict", str(model), str(path), "-o", str(scores), "--json"])


def _read_only(path: Path) -> Run:
    return _said([sys.executable, "-c", READING, str(path), str(_model_of(path))], f"reading {path.name}")


def _vw(path: Path, setting: str) -> Run:
    arguments = f"--loss_function logistic -b {BITS} --quiet -d {path} {setting}"
    return _said([sys.executable, "-c", VW, arguments], f"vw {arguments}")


def _duckdb(query: str) -> Run:
    return _said([sys.executable, "-c", DUCKDB, query], "DuckDB")


def _said(command: list[str], name: str) -> Run:
    measured = cost(command)
    if measured.code != 0:
        last = (measured.err.strip().splitlines() or ["it printed nothing"])[-1]
        raise Missing(f"`{name}` ended with {measured.code}: {last}")
    try:
        said = json.loads(measured.out)
    except json.JSONDecodeError:
        raise Missing(f"`{name}` did not print JSON but {measured.out[:100]!r}") from None
    return Run(name, measured, said)


def _turns(contestants: Contestants, repeats: int, uncounted: int = 1) -> dict[str, list[Run]]:
    """Their runs in each round, after a round that does not count and leaves compiled code behind."""
    runs: dict[str, list[Run]] = {name: [] for name in contestants}
    for turn in range(-uncounted, repeats):
        for name, contestant in contestants.items():
            done = contestant()
            if turn >= 0:
                runs[name].append(done)
    return runs


def _loss_of(path: Path) -> Callable[[str], float]:
    return lambda setting: _vw(path, setting).number("log_loss")


def _hashes(path: Path) -> str:
    columns = ("click", *clicks.COUNTS, *clicks.CATEGORIES)
    return f"SELECT {', '.join(f'bit_xor(hash({column}))' for column in columns)} FROM '{path}'"


def _sums(path: Path) -> str:
    return f"SELECT {', '.join(f'sum({column})' for column in ('y', *clicks.MEASUREMENTS))} FROM '{path}'"


def _clicked(path: Path) -> float:
    return float(pq.read_table(path, columns=["click"])["click"].to_numpy().mean())


def _ratio(ours: list[Run], theirs: list[Run]) -> float:
    return ratio([run.seconds for run in ours], [run.seconds for run in theirs])


def _pace(rows: int, seconds: Iterable[float]) -> str:
    return f"{rows / median(seconds):,.0f}"


def _megabytes(runs: list[Run]) -> str:
    return f"{max(run.cost.memory for run in runs) / 1e6:,.0f}"
