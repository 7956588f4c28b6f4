"""Files ten times larger than the memory a run may take: learnt online, exactly, and scored, under a limit."""

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

import thalweg

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc"),
]

SRC = str(Path(thalweg.__file__).parents[1])
BITS = 18
MOST = 300e6  # bytes, besides the weights
SIZE = 10 * MOST
ROWS = 400_000  # written again and again: the memory of a run does not know
MEASURED = textwrap.dedent(
    """
    import atexit, resource, sys
    resource.setrlimit(resource.RLIMIT_DATA, (int(sys.argv[1]), int(sys.argv[1])))
    atexit.register(lambda: sys.stderr.write(open("/proc/self/status").read()))
    from thalweg.cli import main
    main(sys.argv[2:])
    """
)


def measured(folder: Path, arguments: list[str]) -> "subprocess.CompletedProcess[str]":
    """The command line in a process that may hold so much data of its own, and tells its peak."""
    limit = str(int(2 * MOST))  # about as much again is set aside and never touched
    return subprocess.run(
        [sys.executable, "-c", MEASURED, limit, *arguments], cwd=folder,
        env={**os.environ, "PYTHONPATH": SRC}, text=True, capture_output=True, timeout=1800,
    )  # fmt: skip


def peak_of(done: "subprocess.CompletedProcess[str]") -> float:
    """Bytes of memory that were in use at once, the pages of files too."""
    return 1024 * int(next(line for line in done.stderr.splitlines() if line.startswith("VmHWM")).split()[1])


@pytest.fixture(scope="module", params=["parquet", "csv"])
def large(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """A file of eight numbers and a category of 50,000 words, and how many rows it has."""
    folder = tmp_path_factory.mktemp("large")
    if shutil.disk_usage(folder).free < 2 * SIZE:
        pytest.skip("needs 6 GB of disk")
    rng = np.random.default_rng(0)
    columns = {f"x{j}": rng.normal(size=ROWS) for j in range(8)}
    words = pa.array([f"w{k}" for k in range(50_000)])
    columns["c"] = pa.DictionaryArray.from_arrays(pa.array(rng.integers(0, 50_000, ROWS), pa.int32()), words)
    columns["y"] = (rng.random(ROWS) < 1.0 / (1.0 + np.exp(-columns["x0"]))).astype(int)
    rows, path, times = pa.table(columns), folder / f"large.{request.param}", 0
    if request.param == "csv":
        csv.write_csv(rows.set_column(8, "c", rows["c"].cast(pa.string())), path)
        head, content = path.read_bytes().split(b"\n", 1)
        with path.open("wb") as file:
            file.write(head + b"\n")
            while file.tell() <= SIZE:
                file.write(content)
                times += 1
    else:
        with path.open("wb") as file, pq.ParquetWriter(file, rows.schema) as writer:
            while file.tell() <= SIZE:
                writer.write_table(rows)
                times += 1
    yield path, times * ROWS
    shutil.rmtree(folder)


def test_ten_times_the_memory_is_learnt_online_exactly_and_scored(large: tuple[Path, int]) -> None:
    path, rows = large
    assert path.stat().st_size > SIZE
    fit = ["fit", str(path), "--target", "y", "--stream"]
    online = measured(path.parent, [*fit, "--method", "sgd", "--bits", str(BITS), "-o", "online.thalweg"])
    assert online.returncode == 0, online.stderr
    assert thalweg.load(path.parent / "online.thalweg").rows == rows
    assert peak_of(online) < MOST + 8 * (1 << BITS)
    exact = measured(path.parent, [*fit, "--max-levels", "8", "-o", "exact.thalweg"])
    assert exact.returncode == 0, exact.stderr
    model = thalweg.load(path.parent / "exact.thalweg")
    assert model.rows == rows and model.outcome is thalweg.Outcome.CERTIFIED and model.passes <= 5.0
    assert peak_of(exact) < MOST
    for name in ("online", "exact"):
        scored = measured(path.parent, ["predict", f"{name}.thalweg", str(path), "-o", "scores.parquet"])
        assert scored.returncode == 0, scored.stderr
        assert pq.read_metadata(path.parent / "scores.parquet").num_rows == rows
        assert peak_of(scored) < MOST + 8 * (1 << BITS)
