"""Categories of thousands of levels: held-out log-loss and time beside scikit-learn's one-hot columns, one penalty."""

import argparse
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import thalweg
from bench.permissions import permissions
from bench.timing import show

Contestant = Callable[[pd.DataFrame, pd.DataFrame], np.ndarray]  # training and held-out rows -> probabilities
_SHAPES = {"": {}, ", more even levels": {"skew": 0.5}, ", weaker effects": {"spread": 0.5}}
_LARGE = 1_000_000, 100_000  # rows, and levels of their one category


def run(options: argparse.Namespace) -> None:
    """Print held-out log-losses, mean over tables of other seeds, and how long a large table takes."""
    contestants: dict[str, Contestant] = {
        "thalweg, every level (the default)": lambda train, test: _thalweg(train, test),
        "thalweg, --max-levels 100": lambda train, test: _thalweg(train, test, max_levels=100),
        "scikit-learn, one-hot": _one_hot,
        "a constant": lambda train, test: np.full(len(test), train["y"].mean()),
    }
    for name, shape in _SHAPES.items():
        lines = []
        tables = [permissions(seed, **shape) for seed in range(options.repeats)]
        for who, contestant in contestants.items():
            start = time.perf_counter()
            losses = [_held_out(contestant, table, seed) for seed, table in enumerate(tables)]
            seconds = (time.perf_counter() - start) / len(tables)
            lines.append([who, f"{np.mean(losses):.4f}", f"{seconds:.2f}"])
        show(f"{len(tables[0]):,} rows, nine categories of thousands of levels{name}",
             ["", "held-out log-loss", "seconds"], lines)  # fmt: skip
    _large()


def _held_out(contestant: Contestant, table: pd.DataFrame, seed: int) -> float:
    order = np.random.default_rng(seed).permutation(len(table))
    test, train = np.split(order, [len(table) // 5])
    rows = table.iloc[test].reset_index(drop=True)
    return float(log_loss(rows["y"], contestant(table.iloc[train].reset_index(drop=True), rows)))


def _thalweg(train: pd.DataFrame, test: pd.DataFrame, max_levels: int | None = None) -> np.ndarray:
    return thalweg.fit(train, "y", max_levels=max_levels).predict_proba(test)[:, 1]


def _one_hot(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """C = 1 is l2 = 1/S, the default of `thalweg.fit`."""
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression(C=1.0, max_iter=10_000))
    return np.asarray(model.fit(train.drop(columns="y"), train["y"]).predict_proba(test.drop(columns="y"))[:, 1])


def _large() -> None:
    rows, levels = _LARGE
    rng = np.random.default_rng(0)
    frequency = 1.0 / np.arange(1, levels + 1) ** 0.7
    level = rng.choice(levels, rows, p=frequency / frequency.sum())
    x, effect = rng.standard_normal(rows), 0.8 * rng.standard_normal(levels)
    y = (rng.random(rows) < 1.0 / (1.0 + np.exp(0.5 - 0.5 * x - effect[level]))).astype(int)
    table = pd.DataFrame({"level": np.char.add("w", level.astype(str)), "x": x, "y": y})
    start = time.perf_counter()
    model = thalweg.fit(table, "y")
    seconds = time.perf_counter() - start
    cells = [f"{model.columns:,}", model.method, f"{model.passes:.1f}", f"{model.seconds:.2f}", f"{seconds:.2f}"]
    show(f"{rows:,} rows, one category of {levels:,} levels", ["columns", "method", "passes", "run", "fit"], [cells])
