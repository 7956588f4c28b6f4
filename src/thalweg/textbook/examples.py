"""Small sets of samples to try things on."""

import numpy as np

from thalweg.textbook import checks


def two_clouds(m: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """X (m, 2) and y (m,): two Gaussian clouds that overlap, as many points in each.

    Raises UsageError unless m is at least 1.
    """
    m, rng = checks.count("m", m), np.random.default_rng(checks.count("seed", seed, least=0))
    y = np.arange(m) % 2
    return rng.standard_normal((m, 2)) + np.outer(y, [2.0, 1.0]), y.astype(float)


def one_feature(m: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """X (m, 1) and y (m,): one feature, so that w and b fit on a page."""
    X, y = two_clouds(m, seed)
    return X[:, :1], y


def cycling_rows() -> tuple[np.ndarray, np.ndarray]:
    """X (40, 1) and y (40,) whose optimum lies next to w = 0, where σ(1 - σ) is ¼: there 2/L is the very border.

    With one label changed, x says nothing about y.
    """
    x = np.tile([1.0, 1.0, -1.0, -1.0], 10)
    y = np.tile([0.0, 1.0, 0.0, 1.0], 10)
    y[0] = 1.0
    return x[:, None], y
