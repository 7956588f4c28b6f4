"""The chapters' figures, each drawn from the trace of a real run, by name."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from thalweg.descent.descend import DifferentValleysWarning, descend
from thalweg.descent.landscapes import HIMMELBLAU
from thalweg.descent.starts import random_starts
from thalweg.errors import ConvergenceWarning, OutputError, UsageError
from thalweg.figures import learning
from thalweg.figures.boundary import boundary
from thalweg.figures.canvas import FORMATS, Figure
from thalweg.figures.descents import gradient_vector, slope, valleys
from thalweg.textbook import minibatch, vectorized
from thalweg.textbook.definitions import cross_entropy_of_margin
from thalweg.textbook.examples import one_feature, two_clouds
from thalweg.textbook.rates import smoothness, study_rates
from thalweg.train.assembly import fit


def _slope() -> Figure:
    X, y = one_feature()

    def loss(w: np.ndarray) -> float:
        return float(np.mean(cross_entropy_of_margin(3.0 * (X[:, 0] - 1.0) * w[0], y)))

    return slope(loss, descend(loss, 0.0, rate=0.2, steps=20), -0.6, 1.6)


def _gradient_vector() -> Figure:
    X, y = one_feature()

    def cost(theta: np.ndarray) -> float:
        return minibatch.batch_cost(X, y, theta[:1], theta[1])

    def gradient(theta: np.ndarray) -> np.ndarray:
        return minibatch.gradient(X, y, theta[:1], theta[1]).theta

    return gradient_vector(cost, gradient, (0.6, 0.4), (-1.5, -4.0), (4.0, 2.0))


def _valleys() -> Figure:
    with warnings.catch_warnings():  # different valleys are what the figure is about
        warnings.simplefilter("ignore", DifferentValleysWarning)
        starts = random_starts(8, HIMMELBLAU.low, HIMMELBLAU.high, seed=3)
        return valleys(HIMMELBLAU, descend(HIMMELBLAU.fun, starts, HIMMELBLAU.grad, rate=0.001, steps=2000))


def _rates() -> Figure:
    X, y = one_feature()
    X = np.hstack([X, np.ones((len(X), 1))])
    L = smoothness(X)
    shares = (0.01, 0.1, 1.0, 1.9, 8.0, 20.0)
    return learning.rates(study_rates(X, y, [share / L for share in shares], steps=60, tol=0.01))


def _paths() -> Figure:
    X, y = one_feature()

    def cost(theta: np.ndarray) -> float:
        return minibatch.batch_cost(X, y, theta[:1], theta[1])

    def gradient(theta: np.ndarray) -> np.ndarray:
        return minibatch.gradient(X, y, theta[:1], theta[1]).theta

    traces = {
        f"{name}, η = {eta:g}": minibatch.descend(X, y, batch_size=size, eta=eta, epochs=epochs)
        for name, size, eta, epochs in (
            ("batch (200)", 200, 0.8, 200),
            ("mini-batch (20)", 20, 0.8, 10),
            ("SGD (1)", 1, 0.2, 2),
        )
    }
    bottom = descend(cost, (0.0, 0.0), gradient, backtracking=True).x
    return learning.paths(traces, cost, (-0.5, -2.6), (3.2, 0.6), bottom=bottom)


def _losses() -> Figure:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((150, 30))
    y = (rng.random(150) < 1.0 / (1.0 + np.exp(-2.0 * X[:, 0] - 2.0 * X[:, 1]))).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the figure shows a run that overfits
        model = fit((X, y), method="gd", l2=0.0, rate=0.1, holdout=0.4, epochs=2000)
    return learning.losses(model.history)


def _boundary() -> Figure:
    X, y = two_clouds()
    run = vectorized.descend(X.T, y[None, :], 1.0, 500)
    return boundary(X, y, run.w[:, 0], run.b)


FIGURES: dict[str, Callable[[], Figure]] = {
    "slope": _slope,
    "gradient-vector": _gradient_vector,
    "valleys": _valleys,
    "learning-rates": _rates,
    "batch-mini-batch-sgd": _paths,
    "training-and-held-out": _losses,
    "decision-boundary": _boundary,
}


def draw(folder: str | Path, ending: str = "svg") -> list[Path]:
    """Draw every figure into the folder, which is made where it is missing.

    Raises UsageError for another ending than svg or png, OutputError where a file cannot be written.
    """
    if ending not in FORMATS:
        raise UsageError(f"--format {ending!r} is not known; choose one of {', '.join(FORMATS)}.")
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: the folder could not be made: {error.strerror or error}.") from None
    return [figure().save(folder / f"{name}.{ending}") for name, figure in FIGURES.items()]
