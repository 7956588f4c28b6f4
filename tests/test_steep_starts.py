"""Runs that begin far from the optimum, or where P has none: they end certified, or say why not."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

import thalweg
from problems import Problem
from thalweg.optimizers import OPTIMIZERS, Newton, NewtonCG
from thalweg.optimizers.optimizer import Optimizer
from thalweg.rows import DenseRows, null_model
from thalweg.solve import solve
from thalweg.stopping import Outcome, Rules

SMOOTH = ("auto", "newton", "newton-cg", "lbfgs")


def rows_of(seed: int, n: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """(n, 3) normal columns, and labels with that share of ones, both classes present."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < share).astype(float)
    y[0] = 1.0 - y[-1]
    return rng.standard_normal((n, 3)), y


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    far=st.floats(-50.0, 50.0),
    offset=st.floats(-1e3, 1e3),
    spread=st.sampled_from([0.0, 1.0, 30.0, 1e3]),
    share=st.sampled_from([0.5, 0.1, 0.02]),
    l2=st.sampled_from([1e-6, 1e-3, 1.0]),
    optimizer=st.sampled_from([Newton(), NewtonCG()]),
)
def test_newton_arrives_from_any_start_and_newton_cg_from_the_usual_one_with_any_offsets(
    seed: int, far: float, offset: float, spread: float, share: float, l2: float, optimizer: Optimizer
) -> None:
    X, y = rows_of(seed, 60, share)
    rng = np.random.default_rng(seed + 1)
    problem = Problem(X, y, offset=offset + spread * rng.standard_normal(60), l2=l2)
    objective = problem.objective()
    theta = far * rng.uniform(-1.0, 1.0, (4, 1)) if isinstance(optimizer, Newton) else objective.start
    solution = solve(objective, optimizer, theta, Rules(epochs=200))
    assert solution.outcome is Outcome.CERTIFIED, solution.sentence


@pytest.mark.parametrize("method", SMOOTH)
@pytest.mark.parametrize("share", [0.5, 0.1, 0.02])
@pytest.mark.parametrize("far", [4.0, 30.0, 700.0])
def test_a_constant_in_the_offsets_is_the_intercept_s_to_undo(method: str, share: float, far: float) -> None:
    X, y = rows_of(5, 400, share)
    plain = thalweg.fit((X, y), method=method, tol=1e-9)
    moved = thalweg.fit((X, y), offset=np.full(400, far), method=method, tol=1e-9)
    assert moved.outcome is Outcome.CERTIFIED
    assert moved.objective == pytest.approx(plain.objective, rel=1e-8)
    assert moved.intercept + far == pytest.approx(plain.intercept, abs=1e-3)


def test_rates_per_day_come_out_with_the_logarithm_of_the_days_as_offset() -> None:
    """Claims among contracts of 30 to 365 days; the right figures are a GLM's of statsmodels 0.14."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1000, 3))
    days = rng.integers(30, 366, 1000)
    odds = np.exp(-9 + 0.5 * X[:, 0]) * days
    y = (rng.random(1000) < odds / (1 + odds)).astype(int)
    for method in (*SMOOTH, "nesterov"):
        model = thalweg.fit((X, y), offset=np.log(days), l2=0.0, method=method)
        assert model.outcome is Outcome.STATIONARY
        assert np.allclose([model.intercept, *model.coef], [-9.12312453, 0.596350488, 0.0946596722, -0.000396455085],
                           atol=1e-4)  # fmt: skip
    path = thalweg.fit_path((X, y), offset=np.log(days), points=3)
    assert path.converged and path.nonzero[0] == 0
    assert np.all(np.diff(path.objective) < 0.0)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**6), center=st.floats(-800.0, 800.0), spread=st.floats(0.0, 100.0),
    share=st.sampled_from([0.0, 0.003, 0.5, 1.0]), weighted=st.booleans(),
)  # fmt: skip
def test_the_null_model_s_intercept_solves_its_equation(
    seed: int, center: float, spread: float, share: float, weighted: bool
) -> None:
    X, y = rows_of(seed, 50, share)
    rng = np.random.default_rng(seed)
    offset, weight = center + spread * rng.standard_normal(50), rng.exponential(size=50) if weighted else None
    b, loss = null_model(DenseRows(X, y, weight, offset), True)
    s = np.full(50, 1 / 50) if weight is None else weight / weight.sum()
    assert float(s @ expit(b + offset)) == pytest.approx(float(s @ y), abs=1e-6)
    assert loss <= float(s @ np.logaddexp(0.0, -(2 * y - 1) * offset)) + 1e-9, "no worse than an intercept of 0"


# --- without a penalty ------------------------------------------------------------------------------------------------


def dice(seed: int = 0, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """(n, 2) normal columns and labels drawn from a model with weights 1 and -1."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 2))
    return X, (rng.random(n) < expit(X @ [1.0, -1.0])).astype(int)


@pytest.mark.parametrize("method", [*SMOOTH, "gd", "nesterov"])
@pytest.mark.parametrize("unit", [1e-9, 1e-6, 1.0, 1e6])
def test_the_units_of_a_column_change_nothing(method: str, unit: float) -> None:
    X, y = dice()
    plain = thalweg.fit((X, y), l2=0.0, standardize=False, tol=1e-8)
    scaled = thalweg.fit((X * unit, y), l2=0.0, standardize=method in ("gd", "nesterov"), method=method, tol=1e-8)
    assert scaled.outcome is Outcome.STATIONARY
    assert np.allclose(scaled.coef * unit, plain.coef, atol=1e-4)


@pytest.mark.parametrize("method", SMOOTH)
@pytest.mark.parametrize("heavy", [1.0, 1e6, 1e9, 1e12])
def test_heavy_rows_that_say_nothing_of_a_column_do_not_hide_it(method: str, heavy: float) -> None:
    X, y = dice()
    alone = thalweg.fit((X, y), l2=0.0)
    X = np.vstack([np.column_stack([X, np.zeros(400)]), [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]])
    weights = np.append(np.ones(400), [heavy, heavy])
    model = thalweg.fit((X, np.append(y, [0, 1])), weights=weights, l2=0.0, standardize=False, method=method)
    assert model.outcome is Outcome.STATIONARY
    assert np.allclose(model.coef[:2], alone.coef, atol=1e-4)


@pytest.mark.parametrize("times", [1e-250, 1e-8, 1e8, 1e250])
def test_the_unit_of_the_weights_changes_nothing(times: float) -> None:
    X, y = dice(3)
    weight = np.random.default_rng(3).exponential(size=400)
    one, other = (thalweg.fit((X, y), weights=w, l2=0.0) for w in (weight, weight * times))
    assert other.outcome is Outcome.STATIONARY
    assert np.allclose(one.coef, other.coef, rtol=1e-7)


def test_columns_that_are_nearly_copies_are_told_apart_by_their_gradient() -> None:
    """Their difference is 1e-9 of them: Newton's Hessian has lost it, and would call the point stationary."""
    X, y = dice()
    near = np.column_stack([X[:, 0], X[:, 0] + 1e-9 * X[:, 1]])
    right = thalweg.fit((X, y), l2=0.0).objective
    assert thalweg.fit((near, y), l2=0.0).objective == pytest.approx(right, rel=1e-6)


@pytest.mark.parametrize("method", [*SMOOTH, "nesterov"])
@pytest.mark.parametrize("rare", [3, 25, 200])
def test_a_level_with_one_class_only_is_named_and_warned_of(method: str, rare: int) -> None:
    """Quasi-complete separation: a column is 1 in rows of the positive class only; the others overlap."""
    rng = np.random.default_rng(rare)
    sign = np.append(np.ones(rare), np.zeros(400))
    x = rng.standard_normal(400 + rare)
    y = np.append(np.ones(rare), rng.random(400) < 0.4).astype(int)
    X = pd.DataFrame({"x": x, "sign": sign})
    with pytest.warns(thalweg.ConvergenceWarning, match="no row's loss rises.* direction is that of") as caught:
        model = thalweg.fit((X, y), l2=0.0, method=method)
    assert "'sign'" in model.sentence
    assert model.outcome is Outcome.QUASI_SEPARATED and not model.outcome.converged
    assert caught[0].filename == __file__


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), strong=st.floats(0.0, 6.0), method=st.sampled_from(SMOOTH))
def test_rows_that_overlap_are_never_called_separated(seed: int, strong: float, method: str) -> None:
    """Each row stands twice, once with each label in turn weighing less: no direction raises no loss."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((40, 3)) * [1.0, 10.0**strong, 1.0]
    y = (rng.random(40) < 0.5).astype(int)
    weight = np.append(np.ones(40), 10.0 ** rng.uniform(-4.0, 0.0, 40))
    model = thalweg.fit((np.vstack([X, X]), np.append(y, 1 - y)), weights=weight, l2=0.0, method=method)
    assert model.outcome is Outcome.STATIONARY, model.sentence


# --- what is short of its tolerance says so ---------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    method=st.sampled_from(["auto", *OPTIMIZERS]),
    epochs=st.sampled_from([1, 3, None]),
    mean=st.sampled_from([0.0, 1e6, 1e10]),
    l2=st.sampled_from([0.0, 1e-12, None]),
)
def test_whatever_ends_above_its_tolerance_warns_and_nothing_else_does(
    seed: int, method: str, epochs: int | None, mean: float, l2: float | None
) -> None:
    X, y = rows_of(seed, 40, 0.5)
    X[:, 0] += mean
    if epochs is None and method in ("gd", "nesterov", "sgd", "minibatch"):
        epochs = 30
    with pytest.warns() as caught:
        model = thalweg.fit((X, y), method=method, l2=l2, epochs=epochs, standardize=False)
        thalweg.fit((X, y), method="sgd", epochs=1)  # which always warns
    assert {warning.category for warning in caught} == {thalweg.ConvergenceWarning}
    warned = len(caught) == 2
    within = model.certificate.relative_gap is not None and model.certificate.relative_gap <= 1e-6
    assert warned is not model.outcome.converged
    assert model.outcome.converged is (within or model.outcome is Outcome.STATIONARY)
