"""Generators of problems, a function for each family: small tables at the edges of what floating point can hold."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fuzz.case import Case
from thalweg.optimizers import OPTIMIZERS, Settings

Random = np.random.Generator

_SMOOTH = ("auto", *OPTIMIZERS)
_ANY_PENALTY = ("auto", *(name for name, entry in OPTIMIZERS.items() if not entry.make(Settings()).smooth_only))
_GRADIENT_EPOCHS = 300  # gradient methods may take 10,000 steps; most cases ask for fewer, to save time


def case_of(family: str, seed: int) -> Case:
    """The problem of that family and seed, the same on every machine."""
    make, _ = FAMILIES[family]
    rng = np.random.default_rng([seed, *family.encode()])
    given: dict[str, Any] = make(rng)
    options = {**_common(rng, given.pop("l1", False)), **given.pop("options", {})}
    if options["method"] in ("gd", "nesterov") and rng.random() < 0.95:
        options["epochs"] = _GRADIENT_EPOCHS
    if given.get("door") == "path":
        options = {name: value for name, value in options.items() if name not in ("method", "l1", "l2", "epochs")}
    return Case(family, seed, options=options, **given)


def _common(rng: Random, l1: bool) -> dict[str, Any]:
    """Method, penalty, tolerance, intercept and standardisation, as every family draws them."""
    options: dict[str, Any] = {
        "method": str(rng.choice(_ANY_PENALTY if l1 else _SMOOTH)) if rng.random() < 0.7 else "auto",
        "tol": float(rng.choice([1e-6, 1e-6, 1e-9, 1e-12])),
        "intercept": bool(rng.random() < 0.8),
        "standardize": bool(rng.random() < 0.5),
    }
    if rng.random() < 0.6:
        options["l2"] = _power(rng, -8, 1)
    if l1:
        options["l1"] = _power(rng, -5, 0)
        options["l2"] = 0.0 if rng.random() < 0.5 else _power(rng, -8, 0)
    return options


def _power(rng: Random, low: float, high: float) -> float:
    return float(10.0 ** rng.uniform(low, high))


def _size(rng: Random, columns: int = 8) -> tuple[int, int]:
    return int(np.exp(rng.uniform(np.log(2), np.log(61)))), int(rng.integers(1, columns + 1))


def _labels(rng: Random, X: np.ndarray, strength: float = 1.0, shift: float = 0.0) -> np.ndarray:
    """(n,) labels of a logistic model on X, at least one of each class."""
    z = strength * X @ rng.standard_normal(X.shape[1]) / np.sqrt(X.shape[1]) + shift
    y = (rng.random(len(X)) < 1.0 / (1.0 + np.exp(-np.clip(z, -700, 700)))).astype(np.float64)
    if y.min() == y.max():
        y[int(rng.integers(len(y)))] = 1.0 - y[0]
    return y


def _table(rng: Random, columns: int = 8) -> tuple[np.ndarray, np.ndarray]:
    X = rng.standard_normal(_size(rng, columns))
    return X, _labels(rng, X, _power(rng, -1, 1))


def ordinary(rng: Random) -> dict[str, Any]:
    """Normal columns; now and then one that is constant, zero, binary, or another one again."""
    X, y = _table(rng)
    for j in range(X.shape[1]):
        kind = rng.random()
        if kind < 0.05:
            X[:, j] = rng.choice([0.0, 1.0, -7.3, 1e5])
        elif kind < 0.15:
            X[:, j] = X[:, j] > rng.standard_normal()
        elif kind < 0.2:
            X[:, j] = X[:, 0]
    return {"X": X, "y": y}


def weights(rng: Random) -> dict[str, Any]:
    """Weights from 1e-300 to 1e300, all different, of two sizes, with zeros, or one row that outweighs all others."""
    X, y = _table(rng)
    n = len(y)
    kind = int(rng.integers(4))
    if kind == 0:
        weight = 10.0 ** rng.uniform(-300, 300, n)
    elif kind == 1:
        weight = np.where(rng.random(n) < 0.5, 1.0, 10.0 ** (rng.choice([-300, -100, -20, 20, 100, 300])))
    elif kind == 2:
        weight = rng.integers(0, 4, n) * _power(rng, -300, 300)
    else:
        weight = np.ones(n)
        weight[int(rng.integers(n))] = _power(rng, 0, 300)
    if not weight.any():
        weight[0] = 1.0
    return {"X": X, "y": y, "weight": weight}


def scales(rng: Random) -> dict[str, Any]:
    """Columns in units from 1e-150 to 1e150, all of one or each of its own."""
    X, y = _table(rng)
    reach = float(rng.choice([3, 10, 50, 150]))
    X = X * 10.0 ** (rng.uniform(-reach, reach, X.shape[1] if rng.random() < 0.7 else 1))
    return {"X": X, "y": y, "options": {"standardize": bool(rng.random() < 0.7)}}


def far(rng: Random) -> dict[str, Any]:
    """Columns whose mean is up to 1e12 deviations from 0, some of whole numbers."""
    X, y = _table(rng, 5)
    mean = 10.0 ** rng.uniform(0, 12, X.shape[1]) * rng.choice([-1.0, 1.0], X.shape[1])
    X = mean + (np.round(100 * X) / 100 if rng.random() < 0.3 else X)
    if rng.random() < 0.3:
        X = X * 10.0 ** rng.uniform(-6, 6, X.shape[1])
    return {"X": X, "y": y, "options": {"standardize": bool(rng.random() < 0.7)}}


def duplicates(rng: Random) -> dict[str, Any]:
    """Columns that differ by 1e-15 to 1e-5 of their size, the label in the difference, and hardly any penalty."""
    n = int(rng.integers(6, 24))
    groups = int(rng.integers(1, 3))
    columns, logits = [], np.zeros(n)
    for _ in range(groups):
        base = rng.standard_normal(n)
        columns.append(base)
        for _ in range(int(rng.integers(1, 3))):
            difference = rng.standard_normal(n)
            columns.append(base + _power(rng, -15, -5) * difference)
            logits += 2.0 * difference
    X = np.column_stack(columns)
    y = (rng.random(n) < 1.0 / (1.0 + np.exp(-logits))).astype(np.float64)
    y[0], y[1] = 0.0, 1.0
    options = {"l2": _power(rng, -16, -3), "standardize": bool(rng.random() < 0.3)}
    return {"X": X, "y": y, "options": options}


def wide(rng: Random) -> dict[str, Any]:
    """More columns than rows, up to 80."""
    n = int(rng.integers(2, 25))
    p = int(min(80, n + rng.integers(1, 60)))
    X = rng.standard_normal((n, p))
    return {"X": X, "y": _labels(rng, X, 2.0), "l1": bool(rng.random() < 0.3)}


def l1(rng: Random) -> dict[str, Any]:
    """l1 alone or an elastic net, some columns near-duplicates of others or in other units."""
    X, y = _table(rng, 20)
    kind = rng.random()
    if kind < 0.2 and X.shape[1] > 1:
        X[:, 1] = X[:, 0] + _power(rng, -12, -3) * X[:, 1]
    elif kind < 0.4:
        X = X * 10.0 ** rng.uniform(-5, 5, X.shape[1])
    more = {"offset": _offset(rng, len(y))} if rng.random() < 0.2 else {}
    if rng.random() < 0.2:
        more["weight"] = rng.integers(1, 5, len(y)).astype(float)
    return {"X": X, "y": y, "l1": True, **more}


def _offset(rng: Random, n: int) -> np.ndarray:
    shift = _power(rng, -1, 3) * rng.choice([-1.0, 1.0])
    return np.clip(shift + _power(rng, -2, 2) * rng.standard_normal(n), -1e3, 1e3)


def offsets(rng: Random) -> dict[str, Any]:
    """Offsets up to 1e3 with any shift, mostly unlike what the intercept has to be."""
    X, y = _table(rng)
    more = {"options": {"l2": 0.0}} if rng.random() < 0.2 else {}
    return {"X": X, "y": y, "offset": _offset(rng, len(y)), **more}


def soft(rng: Random) -> dict[str, Any]:
    """Labels between 0 and 1, some at the ends or within rounding of them."""
    X, _ = _table(rng)
    y = 1.0 / (1.0 + np.exp(-_power(rng, -1, 1.5) * rng.standard_normal(len(X))))
    y = np.where(rng.random(len(y)) < 0.2, np.round(y), y)
    y[0] = float(rng.choice([0.5, 1e-12, 1.0 - 1e-12, 0.25]))
    more = {"offset": _offset(rng, len(y))} if rng.random() < 0.2 else {}
    if rng.random() < 0.3:
        more["options"] = {"l2": 0.0}
    return {"X": X, "y": y, "l1": bool(rng.random() < 0.2), **more}


def rare(rng: Random) -> dict[str, Any]:
    """One or two rows of the one class, which may weigh next to nothing."""
    X = rng.standard_normal((int(rng.integers(10, 61)), int(rng.integers(1, 6))))
    y = np.zeros(len(X))
    y[: int(rng.integers(1, 3))] = 1.0
    if rng.random() < 0.5:
        y = 1.0 - y
    more = {"weight": np.where(y == y[0], _power(rng, -12, 2), 1.0)} if rng.random() < 0.5 else {}
    return {"X": X, "y": y, **more}


def separated(rng: Random) -> dict[str, Any]:
    """No penalty: rows that a plane separates wholly, in part, or not at all."""
    n, p = int(rng.integers(6, 61)), int(rng.integers(1, 5))
    X = rng.standard_normal((n, p))
    kind = int(rng.integers(4))
    if kind == 0:
        y = (X @ rng.standard_normal(p) > 0.1).astype(np.float64)
    elif kind == 1:  # a level whose rows are all of one class
        y = _labels(rng, X)
        level = rng.random(n) < 0.3
        X = np.column_stack([X, level])
        y[level] = 1.0
    elif kind == 2:  # rows on the plane have either label
        X[:, 0] = np.round(X[:, 0])
        y = np.where(X[:, 0] == 0, rng.random(n) < 0.5, X[:, 0] > 0).astype(np.float64)
    else:
        y = _labels(rng, X)
    if y.min() == y.max():
        y[0] = 1.0 - y[0]
    if rng.random() < 0.3:
        X = X * 10.0 ** rng.uniform(-8, 8, X.shape[1])
    return {"X": X, "y": y, "options": {"l2": 0.0}}


def sparse(rng: Random) -> dict[str, Any]:
    """Compressed rows, centred without filling them in; entries near 1, far from 0, or of mixed sizes."""
    n, p = int(rng.integers(10, 61)), int(rng.integers(8, 41))
    X = np.where(rng.random((n, p)) < rng.uniform(0.03, 0.2), rng.standard_normal((n, p)), 0.0)
    kind = rng.random()
    if kind < 0.2:
        X = np.where(X != 0.0, X + _power(rng, 0, 8), 0.0)
    elif kind < 0.4:
        X = X * 10.0 ** rng.uniform(-6, 6, p)
    if rng.random() < 0.3:
        X = X.astype(np.float32)
    return {"X": X, "y": _labels(rng, X, 2.0), "door": "sparse", "l1": bool(rng.random() < 0.3)}


def float32(rng: Random) -> dict[str, Any]:
    """float32 columns in units from 1e-15 to 1e15 and up to 1e6 deviations from 0."""
    X, y = _table(rng)
    X = (X + 10.0 ** rng.uniform(-1, 6, X.shape[1])) * 10.0 ** rng.uniform(-15, 15, X.shape[1])
    return {"X": X.astype(np.float32), "y": y, "l1": bool(rng.random() < 0.2)}


def frame(rng: Random) -> dict[str, Any]:
    """A data frame of numbers, with weights and an offset as columns."""
    X, y = _table(rng)
    more: dict[str, Any] = {}
    if rng.random() < 0.4:
        more["weight"] = rng.integers(0, 4, len(y)).astype(float)
        more["weight"][:2] = 1.0
    if rng.random() < 0.4:
        more["offset"] = _offset(rng, len(y))
    if rng.random() < 0.4:
        X = X + 10.0 ** rng.uniform(0, 9, X.shape[1])
    return {"X": X, "y": y, "door": "frame", "l1": bool(rng.random() < 0.2), **more}


def path(rng: Random) -> dict[str, Any]:
    """A path over l1, every strength of which is a certified fit."""
    X, y = _table(rng, 12)
    more = {"offset": _offset(rng, len(y))} if rng.random() < 0.2 else {}
    options = {
        "points": int(rng.integers(2, 6)),
        "ratio": _power(rng, -4, -0.5),
        "l1_ratio": float(rng.choice([1.0, 1.0, 0.9, 0.1])),
    }
    return {"X": X, "y": y, "door": "path", "options": options, **more}


# how to make one, and how many belong to the whole fuzz
FAMILIES: dict[str, tuple[Callable[[Random], dict[str, Any]], int]] = {
    "ordinary": (ordinary, 500),
    "weights": (weights, 600),
    "scales": (scales, 600),
    "far": (far, 600),
    "duplicates": (duplicates, 800),
    "wide": (wide, 300),
    "l1": (l1, 600),
    "offsets": (offsets, 600),
    "soft": (soft, 400),
    "rare": (rare, 400),
    "separated": (separated, 500),
    "sparse": (sparse, 400),
    "float32": (float32, 300),
    "frame": (frame, 200),
    "path": (path, 200),
}
