"""Every number and formula of the four chapters comes out of the code, and the fast kernels agree with it."""

import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from problems import EPS
from thalweg import figures
from thalweg import textbook as tb
from thalweg.cli import run as run_command
from thalweg.errors import DataError, OptionalDependencyError, RunError, UsageError
from thalweg.kernels import KERNELS, Want, kernel
from thalweg.rows import Block
from thalweg.textbook import derivation, sentiment
from thalweg.textbook.derivation import CHAIN, LINES, Line
from thalweg.textbook.sgd import stochastic_gradient_descent

margins = st.floats(-1e308, 1e308, allow_nan=False)
soft_labels = st.floats(0.0, 1.0)


def samples(n: int, m: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Rows X (m, n), labels (m,), w (n,) and b."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((m, n)), (rng.random(m) < 0.5).astype(float), rng.standard_normal(n), 0.3


# --- 1 definitions ----------------------------------------------------------------------------------------------------


def test_sigma_at_the_book_s_places() -> None:
    assert tb.sigmoid(0.0) == 0.5
    assert np.allclose(tb.sigmoid([-2.0, 2.0]), [1 / (1 + math.exp(2)), 1 / (1 + math.exp(-2))], rtol=4 * EPS)


@given(margins, soft_labels)
def test_nothing_overflows(z: float, y: float) -> None:
    assert 0.0 <= tb.sigmoid(z) <= 1.0
    loss = float(tb.cross_entropy_of_margin(z, y))
    assert 0.0 <= loss < np.inf


@given(st.floats(-30, 30), soft_labels)
def test_the_loss_of_a_margin_is_the_loss_of_its_sigmoid(z: float, y: float) -> None:
    # 1 - ŷ knows the margin to eps/(1 - ŷ), and the logarithm passes that on
    allowed = 8 * EPS * (1 + math.exp(abs(z)))
    assert tb.cross_entropy(tb.sigmoid(z), y) == pytest.approx(float(tb.cross_entropy_of_margin(z, y)), abs=allowed)


def test_a_certain_estimate_costs_nothing_where_right_and_infinitely_much_where_wrong() -> None:
    assert tb.cross_entropy([1.0, 0.0], [1, 0]).tolist() == [0.0, 0.0]
    assert tb.cross_entropy([1.0, 0.0], [0, 1]).tolist() == [np.inf, np.inf]


@given(st.lists(st.tuples(st.floats(0.01, 0.99), st.booleans()), min_size=1, max_size=20))
def test_the_log_likelihood_is_minus_the_summed_loss(pairs: list[tuple[float, bool]]) -> None:
    """SLP 5.32, and the product itself."""
    y_hat, y = np.array([p for p, _ in pairs]), np.array([float(label) for _, label in pairs])
    likelihood = tb.log_likelihood(y_hat, y)
    assert likelihood == pytest.approx(-float(np.sum(tb.cross_entropy(y_hat, y))), rel=1e-14)
    assert likelihood == pytest.approx(math.log(math.prod(np.where(y == 1, y_hat, 1 - y_hat))), rel=1e-12)
    assert tb.cost(y_hat, y) == pytest.approx(-likelihood / len(y), rel=1e-14)  # SLP 5.33


def test_an_estimate_for_each_label_or_one_for_all_but_never_m_by_m() -> None:
    y_hat, y = np.array([0.9, 0.2, 0.7]), np.array([1.0, 0.0, 1.0])
    for function in (tb.cost, tb.cross_entropy, tb.cross_entropy_of_margin, tb.log_likelihood):
        for wrong in (y_hat[:, None], [0.5], [0.5, 0.5]):
            with pytest.raises(DataError, match=r"has shape .*, but y has shape \(3,\)"):
                function(wrong, y)
    assert tb.cost(0.5, y) == pytest.approx(math.log(2), abs=EPS)
    assert tb.cost(y_hat[:, None], y[:, None]) == tb.cost(y_hat, y)


# --- 2 to 5: loop, vectorised, mini-batch -----------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 5])
def test_the_loop_is_the_vectorised_step_is_the_matrix_form(n: int) -> None:
    X, y, w, b = samples(n, 7)
    looped = tb.loop.step(w.tolist(), b, X.tolist(), y.tolist(), 0.1)
    new_w, new_b, at = tb.vectorized.step(w[:, None], b, X.T, y[None, :], 0.1)
    batch = tb.minibatch.gradient(X, y, w, b)
    assert np.allclose(looped.dw, at.dw[:, 0], rtol=0, atol=20 * EPS)
    assert np.allclose(at.dw[:, 0], batch.w, rtol=0, atol=20 * EPS)
    assert [looped.db, looped.J] == pytest.approx([at.db, at.J], abs=20 * EPS)
    assert batch.b == pytest.approx(at.db, abs=20 * EPS)
    assert np.allclose(looped.w, new_w[:, 0], rtol=0, atol=20 * EPS)
    assert looped.b == pytest.approx(new_b, abs=20 * EPS)


def test_the_vectorised_shapes_are_the_chapter_s() -> None:
    X, y, w, b = samples(3, 8)
    at = tb.vectorized.propagate(w[:, None], b, X.T, y[None, :])
    assert (at.Z.shape, at.A.shape, at.dZ.shape, at.dw.shape) == ((1, 8), (1, 8), (1, 8), (3, 1))
    assert np.array_equal(at.dZ, at.A - y)
    assert np.allclose(at.dw, X.T @ at.dZ.T / 8, rtol=0, atol=4 * EPS)


def test_T_steps_are_T_single_steps() -> None:
    X, y, w, b = samples(3, 8)
    w = w[:, None]
    run = tb.vectorized.descend(X.T, y[None, :], 0.1, 5, w, b)
    costs = []
    for _ in range(5):
        w, b, at = tb.vectorized.step(w, b, X.T, y[None, :], 0.1)
        costs.append(at.J)
    assert np.array_equal(run.w, w) and run.b == b and run.J[:5] == costs
    assert sorted(run.J, reverse=True) == run.J


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 9), (20, 300)])
def test_every_kernel_agrees_with_the_textbook(name: str, n: int, m: int) -> None:
    X, y, w, b = samples(n, m, seed=3)
    sums = kernel(name).sums(Block(X, y), np.append(w, b)[:, None], Want.GRADIENT)
    at = tb.vectorized.propagate(w[:, None], b, X.T, y[None, :])
    rounding = 4 * (m + n) * EPS * (1 + np.abs(X).max())
    assert np.allclose(sums.gradient[:, 0] / m, np.append(at.dw[:, 0], at.db), rtol=0, atol=rounding)
    assert sums.loss[0] / m == pytest.approx(at.J, abs=rounding)


def test_the_matrix_form_is_the_mean_of_single_gradients() -> None:
    """SLP 5.35 against 5.34 against 5.30."""
    X, y, w, b = samples(4, 16)
    mean = tb.minibatch.mean_of_single_gradients(X, y, w, b).theta
    assert np.allclose(tb.minibatch.gradient(X, y, w, b).theta, mean, rtol=0, atol=20 * EPS)
    by_hand = (float(tb.sigmoid(X[0] @ w + b)) - y[0]) * X[0]
    assert np.allclose(tb.minibatch.single_gradient(X[0], y[0], w, b).w, by_hand, rtol=0, atol=4 * EPS)


def test_a_mini_batch_of_all_samples_is_batch_descent() -> None:
    X, y, _, _ = samples(3, 12)
    mini = tb.minibatch.descend(X, y, batch_size=12, eta=0.2, epochs=6)
    batch = tb.vectorized.descend(X.T, y[None, :], 0.2, 6)
    assert len(mini.theta) == 7
    assert np.allclose(mini.theta[-1], np.append(batch.w, batch.b), rtol=0, atol=100 * EPS)


def test_mini_batches_of_one_sample_are_stochastic_descent() -> None:
    X, y, _, _ = samples(3, 12)
    mini = tb.minibatch.descend(X, y, batch_size=1, eta=0.2, epochs=3, seed=5)
    sgd = stochastic_gradient_descent(
        tb.cross_entropy, tb.logistic, X, y, gradient=tb.logistic_gradient, eta=0.2, epochs=3, epsilon=0.0, seed=5
    )
    assert np.allclose(mini.theta[-1], sgd.theta, rtol=0, atol=100 * EPS)
    assert mini.epoch[-1] == 3.0 and len(mini.rate) == 36


@pytest.mark.parametrize("b", [[0.5], np.full(1, 0.5), np.full((1, 1), 0.5)])
def test_a_bias_in_an_array_of_one_is_that_bias(b: object) -> None:
    X, y, w, _ = samples(2, 5)
    assert (
        tb.vectorized.step(w[:, None], b, X.T, y[None, :], 0.1)[1:2]
        == (tb.vectorized.step(w[:, None], 0.5, X.T, y[None, :], 0.1)[1:2])
    )
    assert tb.loop.step(w, b, X, y, 0.1) == tb.loop.step(w, 0.5, X, y, 0.1)
    assert tb.minibatch.gradient(X, y, w, b).b == tb.minibatch.gradient(X, y, w, 0.5).b


def test_a_descent_that_leaves_the_numbers_says_where_and_keeps_its_trace() -> None:
    X, y = tb.two_clouds(60)
    mini = tb.minibatch.descend(X, y, batch_size=60, eta=1e308, epochs=3)
    assert mini.stopped is not None and "at update 1 (epoch 1)" in mini.stopped
    assert len(mini.theta) == 2 and np.isfinite(mini.theta[-1]).all()
    whole = tb.vectorized.descend(X.T, y[None, :], 1e308, 3)
    assert whole.stopped is not None and "before step 1" in whole.stopped
    assert len(whole.J) == 1 and whole.J[0] == pytest.approx(math.log(2)) and not whole.w.any()
    assert tb.minibatch.descend(X, y, batch_size=60, eta=0.1, epochs=3).stopped is None
    assert tb.vectorized.descend(X.T, y[None, :], 0.1, 3).stopped is None


# --- 6 figure 5.6 -----------------------------------------------------------------------------------------------------


def sgd(**more: object) -> "tb.sgd.Run":
    X, y = tb.two_clouds(60)
    options = {"gradient": tb.logistic_gradient, "epochs": 30} | more
    return stochastic_gradient_descent(tb.cross_entropy, tb.logistic, X, y, **options)


def test_it_ends_when_the_gradient_is_small() -> None:
    run = sgd(epsilon=0.05, eta=lambda k: 0.5 / (1 + k / 60))
    assert run.ended.startswith("Converged")
    assert run.gradient_norm[-1] < 0.05 <= run.gradient_norm[-2]
    assert np.array_equal(run.theta, run.thetas[-1])


def test_it_ends_when_the_held_out_loss_rises_and_returns_the_theta_before() -> None:
    X, y = tb.two_clouds(60, seed=1)
    run = sgd(epsilon=0.0, holdout=(X, y), eta=1.0)
    assert run.ended.startswith("Stopped early: the held-out loss rose")
    assert run.holdout[-1] > run.holdout[-2]
    assert all(later <= earlier for earlier, later in zip(run.holdout[:-1], run.holdout[1:-1], strict=False))
    assert np.array_equal(run.theta, run.thetas[-2])


def test_it_ends_when_all_epochs_are_spent() -> None:
    assert sgd(epsilon=0.0, epochs=2).ended == "All 2 epochs are spent."


def test_each_epoch_has_its_own_random_order_and_the_report_is_step_one() -> None:
    run = sgd(epsilon=0.0, epochs=2, report=True)
    orders = [[report.sample for report in run.reports if report.epoch == epoch] for epoch in range(2)]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(60))
    assert orders[0] != orders[1] and orders[0] != list(range(60))
    assert run.reports[0].y_hat == 0.5 and run.reports[0].loss == pytest.approx(math.log(2))
    assert [report.update for report in run.reports] == list(range(120))
    assert sgd(epsilon=0.0, epochs=2).reports == []


def test_it_starts_from_zeros_or_small_random_numbers_or_where_it_is_told() -> None:
    assert not sgd(epochs=1).thetas[0].any()
    small = sgd(epochs=1, start="random", seed=4).thetas[0]
    assert small.all() and np.abs(small).max() < 0.1
    assert sgd(epochs=1, start=[1.0, 2.0, 3.0]).thetas[0].tolist() == [1.0, 2.0, 3.0]


def test_any_loss_and_any_model_will_do() -> None:
    """Squared error and a line without a bias: the least-squares slope, by differences."""
    x, y = np.array([[1.0], [2.0], [3.0]]), np.array([2.1, 3.9, 6.0])
    run = stochastic_gradient_descent(
        lambda y_hat, y: (y_hat - y) ** 2,
        lambda x, theta: float(x @ theta),
        x,
        y,
        size=1,
        eta=lambda k: 0.05 / (1 + 0.1 * k),
        epochs=200,
        epsilon=1e-3,
    )
    assert run.theta[0] == pytest.approx(float(x[:, 0] @ y / (x[:, 0] @ x[:, 0])), abs=0.01)


def test_differences_find_the_gradient_it_is_not_told() -> None:
    told, found = sgd(epochs=2, epsilon=0.0), sgd(epochs=2, epsilon=0.0, gradient=None)
    assert np.allclose(told.theta, found.theta, rtol=0, atol=1e-7)


def test_a_function_that_is_not_a_number_on_the_way_ends_it_and_keeps_the_trace() -> None:
    def fading(x: np.ndarray, theta: np.ndarray) -> float:
        return float("nan") if theta[0] > 0.02 else tb.logistic(x, theta)

    X, y = tb.two_clouds(60)
    run = stochastic_gradient_descent(tb.cross_entropy, fading, X, y, gradient=tb.logistic_gradient, report=True)
    assert "f(x; θ) at update" in run.ended and "sample" in run.ended and "nan" in run.ended
    assert len(run.reports) > 0 and len(run.thetas) == 1
    assert np.array_equal(run.theta, run.thetas[-1])


def test_a_rate_that_falls_to_zero_ends_the_run_in_words_and_keeps_the_trace() -> None:
    run = sgd(epsilon=0.0, eta=lambda k: 0.1 - 0.001 * k)
    assert "Stopped at update 100 (epoch 1" in run.ended and "η_100 is" in run.ended
    assert len(run.thetas) == len(run.gradient_norm) == 3
    assert np.array_equal(run.theta, run.thetas[-1]) and not np.array_equal(run.theta, run.thetas[-2])


def test_differences_meet_a_model_that_is_not_a_number_with_the_trace_kept() -> None:
    def fading(x: np.ndarray, theta: np.ndarray) -> float:
        return float("nan") if theta[0] > 0.02 else tb.logistic(x, theta)

    X, y = tb.two_clouds(60)
    run = stochastic_gradient_descent(tb.cross_entropy, fading, X, y)
    assert "the gradient at update" in run.ended and len(run.thetas) == 1


# --- 7 the worked example ---------------------------------------------------------------------------------------------


def test_the_worked_example_has_the_book_s_numbers() -> None:
    example = tb.worked_example()
    first, second = example.updates
    assert first.gradient == (-1.5, -1.0, -0.5)
    assert first.after == pytest.approx((0.15, 0.10, 0.05), abs=EPS)
    assert np.round(second.after, 4).tolist() == [0.2495, 0.1664, 0.0832]
    assert [round(loss, 4) for loss in (first.loss, second.loss, example.last_loss)] == [0.6931, 0.4032, 0.2716]


def test_the_worked_example_prints_every_substitution() -> None:
    text = str(tb.worked_example())
    for line in (
        "ŷ    = σ(z) = 1 / (1 + exp(0)) = 0.5",
        "∂L/∂w₁ = (ŷ - y)·x = (0.5 - 1)·3 = -1.5",
        "∇L   = (-1.5, -1.0, -0.5)",
        "w₁ ← 0 - 0.1·(-1.5) = 0.15",
        "θ¹ = (0.15, 0.10, 0.05)",
        "z    = w·x + b = 0.15·3 + 0.1·2 + 0.05 = 0.7",
        "θ² = (0.2495, 0.1664, 0.0832)",
        "loss: 0.6931 → 0.4032 → 0.2716",
    ):
        assert line in text


def test_the_worked_example_prints_small_and_negative_numbers_as_they_are() -> None:
    small = str(tb.worked_example(eta=0.00001))
    assert "w₁ ← 0 - 1e-05·(-1.5) = 1.5e-05" in small
    assert "θ¹ = (1.5e-05, 1e-05, 5e-06)" in small
    negative = str(tb.worked_example(x=(-3, 2), theta=(-0.5, 0.25, -0.1), steps=1))
    assert "(-0.5)·(-3) + 0.25·2 + (-0.1) = 1.9" in negative
    assert "(0.8699 - 1)·(-3) = 0.3903" in negative
    certain = str(tb.worked_example(eta=3.0))
    assert "= (1 - 7.583e-10)" in certain and "0.6931 → 7.583e-10" in certain


@pytest.mark.parametrize("way", ["loop", "vectorized", "minibatch", "sgd"])
def test_every_form_of_the_step_gives_the_worked_example(way: str) -> None:
    theta = {
        "loop": lambda: (lambda s: [*s.w, s.b])(tb.loop.step([0.0, 0.0], 0.0, [[3, 2]], [1], 0.1)),
        "vectorized": lambda: (lambda r: [*r.w[:, 0], r.b])(tb.vectorized.descend([[3], [2]], [[1]], 0.1, 1)),
        "minibatch": lambda: tb.minibatch.descend([[3, 2]], [1], batch_size=1, eta=0.1, epochs=1).theta[-1],
        "sgd": lambda: stochastic_gradient_descent(tb.cross_entropy, tb.logistic, [[3, 2]], [1], epochs=1).theta,
    }[way]()
    assert theta == pytest.approx([0.15, 0.10, 0.05], abs=1e-9)


# --- 8 the derivation, and check_gradient -----------------------------------------------------------------------------


def test_every_line_of_the_derivation_is_proved_and_agrees_on_numbers() -> None:
    derived = tb.derive(prove=True)
    assert len(derived.lines) == len(LINES) == 16
    for checked in derived.lines:
        assert checked.proved is True, checked.line
        assert checked.apart < 1e-7  # central differences of a function of size 1
    numbers = [line.number for line in LINES]
    for number in ("SLP 4.56", "SLP 4.57", "SLP 4.58", "SLP 4.59", "SLP 4.60", "SLP 4.61", "Ng da", "Ng dz", "Ng db"):
        assert number in numbers


def test_a_wrong_line_is_found_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    right = CHAIN[-1]
    wrong = Line(right.number, right.left, "[y - σ(w·x + b)] xⱼ", "", right.lhs, lambda A: -right.rhs(A))
    monkeypatch.setattr(derivation, "LINES", (wrong,))
    for prove in (True, False):
        with pytest.raises(RunError, match="does not hold"):
            tb.derive(prove=prove)


def test_without_sympy_the_proof_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derivation, "find_spec", lambda name: None)
    with pytest.raises(OptionalDependencyError, match=r"thalweg\[derive\]"):
        tb.derive(prove=True)
    assert all(checked.proved is None for checked in tb.derive(points=3).lines)


def test_check_gradient_names_the_worst_component() -> None:
    def fun(W: np.ndarray) -> float:
        return float(np.sum(np.sin(W)))

    def wrong(W: np.ndarray) -> np.ndarray:
        slope = np.cos(W)
        slope[1, 0] *= 1.001
        return slope

    at = np.arange(6.0).reshape(2, 3) / 7
    assert tb.check_gradient(fun, np.cos, at)
    check = tb.check_gradient(fun, wrong, at)
    assert not check
    assert check.worst == (1, 0)
    assert "wrong" in str(check) and "[1, 0]" in str(check)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 20))
def test_check_gradient_passes_the_textbook_s_own(seed: int, n: int, m: int) -> None:
    X, y, w, b = samples(n, m, seed)
    theta = np.append(w, b)
    assert tb.check_gradient(
        lambda t: tb.minibatch.batch_cost(X, y, t[:-1], t[-1]),
        lambda t: tb.minibatch.gradient(X, y, t[:-1], t[-1]).theta,
        theta,
    )


@pytest.mark.parametrize(
    ("fun", "grad", "at", "words"),
    [
        (np.sum, [1.0], [1.0, 2.0], "shape"),
        (np.sum, [], [], "no numbers"),
        (lambda x: float("nan"), [1.0], [1.0], "fun is nan"),
        (np.sum, [np.nan], [1.0], r"grad\[0\] is nan"),
        (np.sum, [1.0], ["a"], "must hold numbers"),
    ],
)
def test_check_gradient_refuses_in_words(fun: Callable, grad: list, at: list, words: str) -> None:
    with pytest.raises(DataError, match=words):
        tb.check_gradient(fun, grad, at)


# --- 9 learning rates -------------------------------------------------------------------------------------------------


def test_a_rate_of_two_over_L_arrives_and_larger_ones_go_in_circles() -> None:
    X, y = tb.cycling_rows()
    L = tb.smoothness(X)
    study = tb.study_rates(X, y, [share / L for share in (2.0, 4.0, 8.0, 15.0, 30.0)], steps=5000)
    assert study.largest_safe == 2.0 / L
    assert study.rates[0].verdict == "good"
    for rate in study.rates[1:]:
        assert rate.verdict == "too large"
        assert np.isfinite(rate.costs).all()  # not NaN: the slope is bounded
        assert rate.costs[-100:].max() > rate.costs[0]
        assert rate.costs.max() < 100.0


def test_L_is_the_largest_curvature() -> None:
    X, _, _, _ = samples(4, 30)
    hessian_at_zero = X.T @ X / 4 / len(X)
    assert tb.smoothness(X, l2=0.1) == pytest.approx(np.linalg.eigvalsh(hessian_at_zero)[-1] + 0.1, rel=1e-12)


def test_a_rate_that_is_too_small_says_how_many_steps_it_would_need() -> None:
    X, y, _, _ = samples(3, 60)
    eta = 0.05 / tb.smoothness(X, 0.1)
    short = tb.study_rates(X, y, [eta], l2=0.1, steps=100, tol=1e-6).rates[0]
    long = tb.study_rates(X, y, [eta], l2=0.1, steps=10_000, tol=1e-6).rates[0]
    assert (short.verdict, long.verdict) == ("too small", "good")
    assert short.iterations == pytest.approx(long.iterations, rel=0.2)
    assert "would need about" in str(short)


def clouds_with_ones(m: int = 200) -> tuple[np.ndarray, np.ndarray]:
    X, y = tb.two_clouds(m)
    return np.hstack([X, np.ones((m, 1))]), y


@pytest.mark.parametrize("budget", [2, 20, 100])
@pytest.mark.parametrize("share", [0.01, 0.1, 1.0, 1.9, 4.0])
def test_the_steps_it_would_need_are_the_steps_it_takes(share: float, budget: int) -> None:
    X, y = clouds_with_ones()
    eta = share / tb.smoothness(X)
    told = tb.study_rates(X, y, [eta], steps=budget).rates[0]
    taken = tb.study_rates(X, y, [eta], steps=25_000).rates[0]
    assert taken.verdict == "good" and len(taken.costs) == taken.iterations + 1
    assert told.iterations == pytest.approx(taken.iterations, rel=0.02, abs=1)
    assert told.verdict == ("too small" if share < 1.0 else "good")


def test_the_need_of_a_tiny_rate_is_told_though_nobody_could_wait_for_it() -> None:
    """Far below 1/L descent follows one curve, and the steps along it are as 1/η: 207,608 were counted at 0.001/L."""
    X, y = clouds_with_ones()
    tiny = tb.study_rates(X, y, [1e-3 / tb.smoothness(X), 1e-9 / tb.smoothness(X)], steps=10)
    assert tiny.rates[0].iterations == pytest.approx(207_608, rel=0.02)
    assert tiny.rates[1].iterations == pytest.approx(207_608e6, rel=0.02)
    unheard_of = tb.study_rates(X, y, [1e-310], steps=10).rates[0]
    assert unheard_of.verdict == "too small" and unheard_of.iterations is None
    below_rounding = tb.study_rates(X, y, [1.0], steps=10, tol=1e-30).rates[0]
    assert below_rounding.iterations is None and "more steps than can be told" in str(below_rounding)


@pytest.mark.parametrize("steps", [2, 3, 20, 200])
def test_no_rate_up_to_two_over_L_is_too_large_on_any_budget(steps: int) -> None:
    X, y = tb.cycling_rows()
    study = tb.study_rates(X, y, [3.0, 4.0, 7.6, 8.0], steps=steps)
    assert study.largest_safe == pytest.approx(8.0, rel=4 * EPS)
    assert [rate.verdict == "too large" for rate in study.rates] == [False] * 4
    assert study.rates[2].verdict == study.rates[3].verdict == "good"
    assert study.rates[2].iterations == 50  # counted


@pytest.mark.parametrize("l2", [0.1, 0.5, 5.0])
def test_with_a_penalty_the_cost_may_leave_the_numbers_and_the_study_goes_on(l2: float) -> None:
    X, y = clouds_with_ones()
    study = tb.study_rates(X, y, l2=l2)
    assert [rate.verdict for rate in study.rates[2:]] == ["good", "good", "too large", "too large"]
    assert "J left the numbers at step" in str(study.rates[-1])
    assert len(study.rates[-1].costs) > 1 and np.isfinite(study.rates[-1].costs).all()


def test_a_rate_beyond_float64_is_too_large_and_not_good() -> None:
    study = tb.study_rates([[1.0, 2.0], [0.0, 1.0], [3.0, 1.0]], [1, 0, 1], [1e308, 1.0])
    assert study.rates[0].verdict == "too large"
    assert "J left the numbers at step 1" in str(study.rates[0])


def test_the_penalty_of_the_study_spares_the_bias() -> None:
    """With all weights penalised away J is that of the mean label alone, which a bias reaches."""
    y = np.array([1.0, 1.0, 1.0, 0.0])
    X = np.hstack([np.array([[1.0], [-1.0], [2.0], [0.5]]), np.ones((4, 1))])
    rate = tb.study_rates(X, y, [1e-3], l2=1e3, steps=100_000, tol=1e-3).rates[0]
    assert rate.costs[-1] == pytest.approx(-0.75 * math.log(0.75) - 0.25 * math.log(0.25), abs=1e-4)


def test_a_falling_rate_may_begin_beyond_the_border_and_arrive_or_fall_too_soon() -> None:
    X, y = tb.cycling_rows()
    study = tb.study_rates(X, y, [0.1, 32.0], steps=200, schedules=["constant", "1/k", "step"])
    verdicts = {(rate.eta, rate.schedule): rate.verdict for rate in study.rates}
    assert verdicts[32.0, "constant"] == "too large"
    assert verdicts[32.0, "1/k"] == verdicts[32.0, "step"] == "good"
    assert verdicts[0.1, "1/k"] == verdicts[0.1, "step"] == "too small"
    assert "fell away at a gradient norm of" in str(study)
    assert (
        len({line.index(rate.verdict) for line, rate in zip(str(study).split("\n")[1:], study.rates, strict=True)}) == 1
    )


def test_the_study_s_own_rates_show_all_three() -> None:
    study = tb.study_rates(*clouds_with_ones())
    assert {rate.verdict for rate in study.rates} == {"too small", "good", "too large"}
    assert "largest safe rate is 2/L" in str(study)


# --- 13 hyperparameters -----------------------------------------------------------------------------------------------


def test_the_search_chooses_by_held_out_loss() -> None:
    X, y = tb.two_clouds(200)
    found = tb.search(X, y, tb.two_clouds(100, seed=1), etas=(1e-4, 0.1), batch_sizes=(1, 32, 10_000), epochs=3)
    assert len(found.trials) == 2 * 3 * 2
    assert found.chosen.holdout == min(trial.holdout for trial in found.trials)
    assert found.chosen.eta == 0.1
    assert max(trial.batch_size for trial in found.trials) == 200  # above m stands for m
    assert "chosen on held-out rows" in str(found) and str(found).count("*") == 1


def test_the_search_keeps_a_combination_that_leaves_the_numbers() -> None:
    two = tb.two_clouds(60)
    options = {"batch_sizes": (60,), "schedules": ("constant",), "epochs": 3}
    found = tb.search(*two, two, etas=(0.1, 1e300, 1e308), **options)
    assert found.chosen.eta == 0.1
    assert found.trials[2].training == found.trials[2].holdout == np.inf
    assert max(map(len, str(found).split("\n"))) < 100
    assert "every combination left the numbers" in str(tb.search(*two, two, etas=(1e308,), **options))


# --- 4 the timing -----------------------------------------------------------------------------------------------------


def test_the_three_passes_are_compared_in_J_and_its_gradient_before_they_are_timed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (timing,) = tb.time_passes([(2, 30)])
    assert timing.ratio == timing.loop / timing.vectorized
    monkeypatch.setattr(tb.loop, "accumulate", lambda *lists: (math.log(2), [0.0, 0.0], 0.0))
    with pytest.raises(RunError, match="disagree"):
        tb.time_passes([(2, 30)])
    right = tb.vectorized.propagate

    def other_cost(*at: object) -> "tb.vectorized.Pass":
        return replace(right(*at), J=1.0)

    monkeypatch.undo()
    monkeypatch.setattr(tb.vectorized, "propagate", other_cost)
    with pytest.raises(RunError, match="disagree about J"):
        tb.time_passes([(2, 30)])


def test_importing_the_textbook_loads_no_kernel() -> None:
    script = "import sys, thalweg.textbook; print([name for name in sys.modules if 'kernels' in name])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- bad input --------------------------------------------------------------------------------------------------------

NAN = float("nan")
LEXICON = sentiment.Lexicon(frozenset({"good", "great"}), frozenset({"bad", "awful"}))


def mini(**more: object) -> "tb.minibatch.Trace":
    return tb.minibatch.descend([[1.0], [2.0]], [1, 0], **({"batch_size": 1, "eta": 0.1, "epochs": 1} | more))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: tb.sigmoid("a"), "z must hold numbers"),
        (lambda: tb.sigmoid([0.0, NAN]), "z[1] is nan"),
        (lambda: tb.cross_entropy(1.5, 1), "y_hat is 1.5, but a probability"),
        (lambda: tb.cross_entropy(0.5, 2), "y is 2, but a label"),
        (lambda: tb.cost([], []), "no samples"),
        (lambda: tb.log_likelihood([0.5], [0.5]), "must be 0 or 1"),
        (lambda: tb.loop.step([0.0], 0.0, [], [], 0.1), "no samples"),
        (lambda: tb.loop.step([0.0], 0.0, [[1.0]], [1, 0], 0.1), "Y has shape (2,), but must have shape (1,)"),
        (lambda: tb.loop.step([0.0], 0.0, [[1.0, 2.0]], [1], 0.1), "w has shape (1,), but must have shape (2,)"),
        (lambda: tb.loop.step([0.0], 0.0, [[NAN]], [1], 0.1), "X[0, 0] is nan"),
        (lambda: tb.loop.step([0.0], 0.0, [[1.0]], [3], 0.1), "Y[0] is 3"),
        (lambda: tb.loop.step([0.0], 0.0, [[1.0]], [1], 0.0), "alpha is 0.0"),
        (lambda: tb.vectorized.propagate([0.0], 0.0, [[1.0]], [[1]]), "w has shape (1,), but must have shape (1, 1)"),
        (lambda: tb.vectorized.propagate([[0.0]], 0.0, [[1.0]], [1]), "Y has shape (1,), but must have shape (1, 1)"),
        (lambda: tb.vectorized.propagate([[0.0]], 0.0, [1.0], [[1]]), "X has shape (1,), but must have shape (n, m)"),
        (lambda: tb.vectorized.propagate([[0.0]], [1.0, 2.0], [[1.0]], [[1]]), "b has shape (2,)"),
        (lambda: tb.vectorized.propagate(np.zeros((1, 1)), 0, np.zeros((1, 0)), []), "X has shape (1, 0)"),
        (lambda: tb.vectorized.descend([[1.0]], [[1]], -1.0, 3), "alpha is -1.0"),
        (lambda: tb.vectorized.descend([[1.0]], [[1]], 0.1, 1.5), "T is 1.5"),
        (lambda: tb.minibatch.gradient([[1.0]], [1, 0], [0.0], 0.0), "y has shape (2,), but must have shape (1,)"),
        (lambda: tb.minibatch.gradient([[1.0]], [-1], [0.0], 0.0), "y[0] is -1"),
        (lambda: tb.minibatch.descend([[1.0]], [1], batch_size=2, eta=0.1, epochs=1), "batch_size is 2, but"),
        (lambda: tb.minibatch.descend([[1.0]], [1], batch_size=1, eta=NAN, epochs=1), "eta is nan"),
        (lambda: tb.minibatch.descend([[1.0]], [1], batch_size=1, eta=0.1, epochs=0), "epochs is 0"),
        (lambda: tb.worked_example(x=[1, NAN]), "x[1] is nan"),
        (lambda: tb.worked_example(theta=[0.0]), "theta has shape (1,), but must have shape (3,)"),
        (lambda: tb.worked_example(eta=0), "eta is 0"),
        (lambda: tb.worked_example(steps=True), "steps is True"),
        (lambda: tb.study_rates([[1.0]], [1], [0.0]), "rate is 0.0"),
        (lambda: tb.study_rates([[0.0]], [1]), "every column of X is zero"),
        (lambda: tb.study_rates([[1.0]], [1], l2=-1), "l2 is -1"),
        (lambda: tb.search([[1.0]], [1], ([[1.0]], [1]), etas=()), "at least one choice"),
        (lambda: tb.search([[1.0]], [1], ([[1.0, 2.0]], [1])), "held-out X has shape (1, 2)"),
        (lambda: tb.derive(points=0), "points is 0"),
        (lambda: sgd(eta=-0.1), "eta is -0.1"),
        (lambda: sgd(eta=lambda k: 0.0), "η_0 is 0.0"),
        (lambda: sgd(start="ones"), 'must be "zeros", "random"'),
        (lambda: sgd(gradient=lambda x, y, t: [1.0]), "the gradient has shape (1,), but θ has shape (3,)"),
        (lambda: sgd(holdout=([[1.0]], [1])), "held-out X has shape (1, 1), but must have shape (1, 2)"),
        (lambda: sgd(epochs=0), "epochs is 0"),
        (lambda: tb.sigmoid(None), "z must hold numbers"),
        (lambda: tb.sigmoid("1.5"), "z must hold numbers"),
        (lambda: tb.sigmoid([1.0, None]), "z must hold numbers"),
        (lambda: tb.sigmoid(["1", "2"]), "z must hold numbers"),
        (lambda: tb.sigmoid(1 + 2j), "z must hold numbers"),
        (lambda: tb.sigmoid(10**400), "z must hold numbers"),
        (lambda: tb.log_likelihood([], []), "no samples"),
        (lambda: tb.loop.step(None, 0.0, [[1.0]], [1], 0.1), "w must hold numbers"),
        (lambda: tb.loop.step([0.0], 0.0, None, [1], 0.1), "X must hold numbers"),
        (lambda: tb.loop.step([0.0], 0.0, [1.0, 2.0], [1, 0], 0.1), "X has shape (2,)"),
        (lambda: tb.loop.step([0.0], 0.0, [[1.0], [2.0], [3.0]], [[1], [0], [1]], 0.1), "Y has shape (3, 1)"),
        (lambda: tb.loop.step([0.0], [0.0, 1.0], [[1.0]], [1], 0.1), "b has shape (2,)"),
        (lambda: tb.loop.step([[0.0]], 0.0, [[1.0]], [1], 0.1), "w has shape (1, 1)"),
        (lambda: tb.loop.step(["0"], 0.0, [[1.0]], [1], 0.1), "w must hold numbers"),
        (lambda: tb.loop.step([0.0], "0", [[1.0]], [1], 0.1), "b must hold numbers"),
        (lambda: tb.loop.step([1e308], 0.0, [[1e308]], [1], 0.1), "the step leaves the numbers"),
        (lambda: tb.loop.step([0.0], 0.0, [[1.0]], [1], "0.1"), "alpha is '0.1'"),
        (lambda: tb.vectorized.step([[0.0]], [0.0, 1.0], [[1.0]], [[1]], 0.1), "b has shape (2,)"),
        (lambda: tb.vectorized.propagate(None, 0.0, [[1.0]], [[1]]), "w must hold numbers"),
        (lambda: tb.vectorized.descend(5, [[1]], 0.1, 3), "X has shape ()"),
        (lambda: tb.vectorized.descend([[1.0]], [[1]], 0.1, 3, watch=5), "watch is 5, but must be a function"),
        (lambda: tb.vectorized.step([[1e308]], 0.0, [[1e308]], [[1]], 0.1), "z[0, 0] is inf"),
        (lambda: tb.minibatch.gradient([[1.0]], [1], [0.0], [0.0, 1.0]), "b has shape (2,)"),
        (lambda: mini(schedule=["constant"]), "schedule ['constant'] is not known"),
        (lambda: mini(schedule="slow"), "schedule 'slow' is not known"),
        (lambda: mini(seed=-1), "seed is -1"),
        (lambda: mini(seed="a"), "seed is 'a'"),
        (lambda: mini(epochs=[1, 2]), "epochs is [1, 2]"),
        (lambda: sgd(epsilon="a"), "epsilon is 'a'"),
        (lambda: sgd(epsilon=NAN), "epsilon is nan"),
        (lambda: sgd(epsilon=-1), "epsilon is -1"),
        (lambda: sgd(holdout=5), "holdout must be a pair"),
        (lambda: sgd(holdout=([[1.0]],)), "holdout must be a pair"),
        (lambda: sgd(gradient="abc"), "gradient is 'abc', but must be a function"),
        (lambda: sgd(gradient=lambda x, y, t: "abc"), "the gradient at the start, sample 0 must hold numbers"),
        (lambda: sgd(start=[1.0, 2.0]), "θ holds 2 numbers, but 2 weights and b are 3"),
        (lambda: sgd(start=[1.0, 2.0], size=3), "start has shape (2,)"),
        (lambda: sgd(seed=-1), "seed is -1"),
        (lambda: stochastic_gradient_descent(5, tb.logistic, [[1.0]], [1]), "L is 5, but must be a function"),
        (lambda: stochastic_gradient_descent(tb.cross_entropy, None, [[1.0]], [1]), "f is None, but must be"),
        (lambda: stochastic_gradient_descent(tb.cross_entropy, lambda x, t: t, [[1.0]], [1]), "f(x; θ) is array"),
        (lambda: stochastic_gradient_descent(lambda p, y: None, tb.logistic, [[1.0]], [1]), "L(ŷ, y) is None"),
        (lambda: stochastic_gradient_descent(
            tb.cross_entropy, tb.logistic, [[1.0]], [2], gradient=tb.logistic_gradient), "y is 2, but a label"),
        (lambda: tb.worked_example(eta=1e308), "θ¹ is inf"),
        (lambda: tb.study_rates([[1.0]], [1], tol=0), "tol is 0"),
        (lambda: tb.study_rates([[1.0]], [1], tol=-1), "tol is -1"),
        (lambda: tb.study_rates([[1.0]], [1], tol=NAN), "tol is nan"),
        (lambda: tb.study_rates([[1.0]], [1], 0.1), "rates is 0.1, but must be a list"),
        (lambda: tb.study_rates([[1.0]], [1], []), "rates is empty"),
        (lambda: tb.study_rates([[1.0]], [1], l2="a"), "l2 is 'a'"),
        (lambda: tb.study_rates([[1.0]], [1], l2=None), "l2 is None"),
        (lambda: tb.study_rates([[1.0]], [1], schedules="constant"), "schedules is 'constant', but must be a list"),
        (lambda: tb.study_rates([[1.0]], [1], schedules=["slow"]), "schedule 'slow' is not known"),
        (lambda: tb.study_rates([[1e200]], [1]), "X is too large"),
        (lambda: tb.smoothness([[1.0]], l2=-5), "l2 is -5"),
        (lambda: tb.search([[1.0]], [1], ([[1.0]], [1]), etas=0.1), "etas is 0.1, but must be a list"),
        (lambda: tb.search([[1.0]], [1], ([[1.0]], [1]), etas=(0.1, -1)), "eta is -1"),
        (lambda: tb.search([[1.0]], [1], ([[1.0]], [1]), schedules="constant"), "schedules is 'constant', but"),
        (lambda: tb.search([[1.0]], [1], None), "holdout must be a pair"),
        (lambda: tb.search([[1.0]], [1], ([[1.0]], [2])), "held-out y[0] is 2"),
        (lambda: tb.time_passes(5), "sizes is 5, but must be a list"),
        (lambda: tb.time_passes([5]), "a size must be a pair"),
        (lambda: tb.two_clouds(-1), "m is -1"),
        (lambda: tb.derive(seed=-1), "seed is -1"),
        (lambda: sentiment.train(["a"], [1], LEXICON, steps=0), "steps is 0"),
        (lambda: sentiment.train("good", [1, 0, 1, 0], LEXICON), "texts must be a list of strings"),
        (lambda: sentiment.features([None], LEXICON), "texts[0] is None, but must be a string"),
        (lambda: sentiment.features(5, LEXICON), "texts must be a list of strings"),
        (lambda: sentiment.compare((["a", "b"], [1, 0]), (["a"], [1]), LEXICON), "no vocabulary"),
        (lambda: sentiment.train(["good", "bad"], [1, 0], LEXICON).accuracy([], []), "no texts"),
    ],
)  # fmt: skip
def test_bad_input_gets_a_sentence(call: Callable[[], object], words: str) -> None:
    with pytest.raises((DataError, UsageError)) as refused:
        call()
    assert words in str(refused.value)
    assert str(refused.value).endswith(".")


# --- 12 the sentiment example -----------------------------------------------------------------------------------------


def test_the_six_features_are_the_book_s() -> None:
    """SLP figure 5.2: counts of positive and negative words, "no", pronouns, "!", and the log of the length."""
    text = "It's GOOD, good... and awful! No? I told you so."
    assert sentiment.features([text], LEXICON).tolist() == [[2, 1, 1, 2, 1, math.log(10)]]
    assert sentiment.features([""], LEXICON).tolist() == [[0] * 6]


REVIEWS = ["good good", "great!", "bad, no", "awful for me", "so good for you", "bad"]


def test_the_words_moves_add_up_to_the_first_step_of_the_weights() -> None:
    trained = sentiment.train(REVIEWS, [1, 1, 0, 0, 1, 0], LEXICON, steps=50)
    first = sentiment.train(REVIEWS, [1, 1, 0, 0, 1, 0], LEXICON, steps=1)
    for name, weight in zip(sentiment.FEATURES[:5], first.w, strict=False):
        assert sum(trained.moved[name].values()) == pytest.approx(weight, abs=1e-12)
    assert trained.moved["positive words"]["good"] > 0 > trained.moved["negative words"]["awful"]
    assert trained.accuracy(["great good", "awful bad"], [1, 0]) == 1.0
    assert "moved by good" in str(trained)


def test_which_words_moved_a_weight_does_not_depend_on_the_number_of_steps() -> None:
    once, twice = (sentiment.train(REVIEWS, [1, 1, 0, 0, 1, 1], LEXICON, steps=steps) for steps in (500, 1000))
    assert once.moved == twice.moved
    assert once.moved["negative words"] == {
        "bad": 0.0,
        "awful": pytest.approx(once.moved["positive words"]["good"] / -3),
    }


def test_the_real_reviews_are_told_apart_by_lexicon_counts_alone(shared_data: Path) -> None:
    folder = shared_data / "sentiment"
    lexicon = sentiment.read_lexicon(folder / "positive-words.txt", folder / "negative-words.txt")
    assert (len(lexicon.positive), len(lexicon.negative)) == (2006, 4783)  # Hu and Liu's counts
    texts, labels = sentiment.read_sentences(*sorted(folder.glob("*_labelled.txt")))
    assert len(texts) == 2999  # one file has a line of names in the place of a sentence
    order = np.random.default_rng(0).permutation(len(texts))
    training, held_out = (
        ([texts[i] for i in part], [labels[i] for i in part]) for part in (order[:2000], order[2000:])
    )
    compared = sentiment.compare(training, held_out, lexicon)
    assert compared.lexicon > 0.65 and compared.counts > 0.65
    assert "plain word counts are" in str(compared) and f"{compared.words:.3f}" in str(compared)
    assert [round(share, 3) for share in (compared.lexicon, compared.counts, compared.words)] == [0.809, 0.805, 0.812]
    assert compared.texts == 999 and compared.error == pytest.approx(0.012, abs=0.0005)  # as the page says
    trained, longer = (sentiment.train(*training, lexicon, steps=steps) for steps in (2000, 4000))
    assert trained.moved == longer.moved
    assert np.allclose(trained.w[:2], longer.w[:2], rtol=0, atol=0.001)
    leading = max(trained.moved["positive words"].items(), key=lambda item: abs(item[1]))
    assert leading[0] == "great" and leading[1] > 0
    assert trained.w[0] > 0 > trained.w[1]  # praise counts for, blame against


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"good\t1\nbad 0\n", "line 2: expected a sentence, a tab and 0 or 1"),
        (b"good\t1\nbad\t2\n", "line 2"),
        (b"caf\xe9\t1\n", "byte 3 is not utf-8"),
    ],
)
def test_a_file_of_sentences_that_is_otherwise_is_named(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "reviews.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        sentiment.read_sentences(path)


def test_a_lexicon_that_is_missing_or_empty_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="could not be read"):
        sentiment.read_lexicon(tmp_path / "none.txt", tmp_path / "none.txt")
    (tmp_path / "empty.txt").write_text("; only a comment\n")
    with pytest.raises(DataError, match="no words"):
        sentiment.read_lexicon(tmp_path / "empty.txt", tmp_path / "empty.txt")
    for texts, labels, words in (([], [], "no texts"), (["a"], [1, 0], "labels has shape"), (["a"], [2], "labels")):
        with pytest.raises(DataError, match=words):
            sentiment.train(texts, labels, LEXICON)


# --- the command line -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("worked-example", ["θ¹ = (0.15, 0.10, 0.05)", "0.6931 → 0.4032 → 0.2716"]),
        ("worked-example --steps 1", ["0.6931 → 0.4032"]),
        ("loops --size 2 50 --size 3 20", ["loop/vec.", "ms"]),
        ("derive --points 5", ["SLP 4.61", "proved", "random points"]),
        ("rates --steps 200", ["largest safe rate", "too small", "good", "too large"]),
        ("rates --rate 0.5 --l2 0.1", ["η = 0.5 "]),
        ("rates --l2 5 --steps 200", ["too large  J left the numbers at step"]),
        ("rates --rate 1e308 --rate 1", ["J left the numbers at step 1", "η = 1 "]),
        ("rates --rate 32 --schedule constant --schedule 1/k", ["η = 32 1/k     good", "η = 32         too large"]),
        ("worked-example --eta 0.00001", ["= 1.5e-05"]),
    ],
)
def test_the_commands_print_the_chapters(arguments: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["textbook", *arguments.split()]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in words), out


def test_the_figures_command_names_every_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["textbook", "figures", "-o", str(tmp_path / "new")]) == 0
    named = capsys.readouterr().out.split()
    assert named == [str(tmp_path / "new" / f"{name}.svg") for name in figures.FIGURES]
    assert all(Path(name).stat().st_size > 1000 for name in named)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ("rates --rate -1", 2, "rate is -1.0"),
        ("worked-example --steps 0", 2, "steps is 0"),
        ("worked-example --eta nan", 2, "eta is nan"),
        ("worked-example --eta 1e308", 2, "take a smaller eta"),
        ("rates --l2 nan", 2, "l2 is nan"),
        ("rates --schedule slow", 2, "slow"),
        ("loops --size 0 5", 2, "n is 0"),
        ("derive --points -3", 2, "points is -3"),
        ("figures --format gif", 2, "gif"),
        ("figures -o README/x", 1, "could not be made"),
        ("poem", 2, "No such command"),
    ],
)
def test_wrong_use_gets_a_sentence(
    arguments: str, code: int, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README").write_text("")
    assert run_command(["textbook", *arguments.split()]) == code
    complaint = capsys.readouterr().err
    assert words in complaint and "Traceback" not in complaint
