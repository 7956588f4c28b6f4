"""Paired timings: contestants take turns, so that a machine whose speed drifts is unfair to none."""

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table


def paired(contestants: Mapping[str, Callable[[], Any]], repeats: int) -> dict[str, list[float]]:
    """Seconds of each contestant in each round, after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(repeats + 1):
        for name, contestant in contestants.items():
            start = time.perf_counter()
            contestant()
            if turn > 0:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def ratio(ours: list[float], theirs: list[float]) -> float:
    """Median over the rounds of their time divided by ours."""
    return median(b / a for a, b in zip(ours, theirs, strict=True))


def show(title: str, columns: list[str], rows: list[list[str]], note: str = "") -> None:
    """Print one table."""
    table = Table(title=title, title_justify="left", caption=note, caption_justify="left")
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right")
    for row in rows:
        table.add_row(*row)
    Console(width=110).print(table)
