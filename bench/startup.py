"""What starting costs: importing the package, and the command's help."""

import argparse
import os
import subprocess
import sys
import time
from statistics import median

from bench.timing import show


def run(options: argparse.Namespace) -> None:
    """Print median milliseconds of whole processes, with bytecode cached as a user has it."""
    numpy = _milliseconds([sys.executable, "-c", "import numpy"], options.repeats)
    ours = _milliseconds([sys.executable, "-c", "import numpy, thalweg"], options.repeats)
    help_ = _milliseconds([sys.executable, "-m", "thalweg", "--help"], options.repeats)
    lines = [
        ["import numpy", f"{numpy:.0f}"],
        ["import numpy, thalweg", f"{ours:.0f}"],
        ["beyond numpy", f"{ours - numpy:.0f}"],
        ["thalweg --help", f"{help_:.0f}"],
    ]
    show("start-up, whole processes", ["", "milliseconds"], lines)


def _milliseconds(command: list[str], repeats: int) -> float:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return 1e3 * median(times[1:])
