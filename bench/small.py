"""A small table, 1,000 x 10: what a fit costs when there is hardly anything to compute."""

import argparse
from statistics import median

import numpy as np
from sklearn.linear_model import LogisticRegression

import thalweg
from bench.timing import paired, ratio, show


def run(options: argparse.Namespace) -> None:
    """Print median milliseconds and the ratio to scikit-learn's lbfgs."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1000, 10))
    y = (rng.random(1000) < 1.0 / (1.0 + np.exp(-X @ rng.standard_normal(10)))).astype(int)
    contestants = {
        "thalweg.LogisticRegression": lambda: thalweg.LogisticRegression().fit(X, y),
        "thalweg.fit, (X, y), not standardised": lambda: thalweg.fit((X, y), standardize=False),
        "thalweg.fit, (X, y)": lambda: thalweg.fit((X, y)),
        "scikit-learn lbfgs": lambda: LogisticRegression().fit(X, y),
    }
    seconds = paired(contestants, 10 * options.repeats)
    peer = seconds["scikit-learn lbfgs"]
    lines = [[name, f"{1e3 * median(times):.2f}", f"{ratio(times, peer):.2f}"] for name, times in seconds.items()]
    show("1,000 x 10 float64", ["", "milliseconds", "lbfgs' time / this"], lines)
