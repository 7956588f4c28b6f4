"""`thalweg.descend`: the five steps on any function, many starts, and which valleys they end in."""

import importlib.util
import warnings
from collections.abc import Callable

import numpy as np
import pytest

import thalweg
from thalweg import textbook as tb
from thalweg.descent import (
    DOUBLE_WELL,
    HIMMELBLAU,
    LANDSCAPES,
    RASTRIGIN,
    DifferentValleysWarning,
    Ending,
    Landscape,
    bowl,
    descend,
    gradients,
    random_starts,
)
from thalweg.descent.differences import central, central_with_error
from thalweg.descent.measured import Measured
from thalweg.errors import ConvergenceWarning, DataError, OptionalDependencyError, RunError, UsageError


def parabola(x: np.ndarray) -> float:
    return float((x[0] - 3.0) ** 2)


# --- the landscapes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("landscape", LANDSCAPES, ids=lambda landscape: landscape.name)
def test_a_landscape_s_gradient_and_bottoms_are_its_own(landscape: Landscape) -> None:
    for at in random_starts(20, landscape.low, landscape.high):
        assert tb.check_gradient(landscape.fun, landscape.grad, at)
    for bottom in landscape.bottoms:
        at = np.array(bottom)
        assert np.linalg.norm(landscape.grad(at)) < 1e-4  # the bottoms are given to six decimals
        around = at + 1e-2 * np.random.default_rng(0).standard_normal((50, len(at)))
        assert all(landscape.fun(at) < landscape.fun(x) for x in around)


# --- one walk ---------------------------------------------------------------------------------------------------------


def test_constant_steps_are_the_update_of_the_book() -> None:
    """w ← w - η·2(w - 3) shrinks the distance to 3 by 1 - 2η each time."""
    path = descend(parabola, 0.0, lambda x: 2 * (x - 3.0), rate=0.1, steps=10, tol=0.0).paths[0]
    assert np.allclose(path.points[:, 0], 3.0 - 3.0 * 0.8 ** np.arange(11), rtol=1e-14)
    assert np.allclose(path.values, [parabola(x) for x in path.points], rtol=1e-14)
    assert path.rates.tolist() == [0.1] * 10
    assert path.ending is Ending.STEPS_SPENT


def test_it_ends_on_the_bottom_and_says_so() -> None:
    descent = descend(parabola, 0.0)
    assert descent.best.ending is Ending.BOTTOM
    assert descent.x[0] == pytest.approx(3.0, abs=1e-6)
    assert "Reached a bottom" in descent.sentence


@pytest.mark.parametrize("options", [{"backtracking": True}, {"momentum": 0.8, "rate": 0.02}, {"rate": 0.05}])
def test_every_kind_of_step_finds_the_bottom_of_a_long_valley(options: dict) -> None:
    landscape = bowl((1.0, 30.0))
    descent = descend(landscape.fun, (2.0, 1.0), landscape.grad, steps=2000, **options)
    assert descent.best.ending.arrived
    assert np.linalg.norm(descent.x) < 1e-5


def test_momentum_needs_fewer_steps_along_a_long_valley() -> None:
    landscape = bowl((1.0, 100.0))
    plain = descend(landscape.fun, (2.0, 1.0), landscape.grad, rate=0.01, steps=5000)
    rolling = descend(landscape.fun, (2.0, 1.0), landscape.grad, rate=0.01, momentum=0.8, steps=5000)
    assert 2 * rolling.best.steps < plain.best.steps


def test_backtracking_never_climbs() -> None:
    values = descend(HIMMELBLAU.fun, (0.0, 0.0), HIMMELBLAU.grad, rate=10.0, backtracking=True).paths[0].values
    assert np.all(np.diff(values) < 0)


def test_rates_may_fall_by_a_schedule_or_by_a_function() -> None:
    by_name = descend(parabola, 0.0, rate=0.4, schedule="1/sqrt", steps=50, tol=0.0).paths[0].rates
    by_function = descend(parabola, 0.0, rate=lambda k: 0.4 / (k + 1), steps=50, tol=0.0).paths[0].rates
    assert by_name[0] == by_function[0] == 0.4
    assert np.all(np.diff(by_name) < 0) and by_function[9] == pytest.approx(0.04)


@pytest.mark.parametrize("rate", [1.0, 1.1])
def test_a_rate_that_is_too_large_is_called_so(rate: float) -> None:
    descent = descend(parabola, 0.0, rate=rate, steps=300)
    assert descent.best.ending is Ending.BOUNCING
    assert "smaller rate" in descent.sentence


def test_a_function_that_is_not_a_number_on_the_way_stops_says_where_and_keeps_the_trace() -> None:
    descent = descend(lambda x: float(np.log(x[0]) + x[0]), 5.0, rate=1.2)
    path = descent.paths[0]
    assert path.ending is Ending.NOT_A_NUMBER
    assert "step 4" in path.sentence and "the function is nan" in path.sentence
    assert len(path.points) == 5 and path.x[0] > 0


def test_a_gradient_that_is_not_a_number_stops_too() -> None:
    path = descend(parabola, 0.0, lambda x: np.array([np.nan if x[0] > 1 else -1.0])).paths[0]
    assert path.ending is Ending.NOT_A_NUMBER and "the gradient is [nan]" in path.sentence


def test_the_limits_of_float64_end_a_walk_with_backtracking() -> None:
    assert descend(parabola, 0.0, backtracking=True, tol=0.0).best.ending in (Ending.LIMIT, Ending.BOTTOM)


def test_a_gradient_of_the_wrong_sign_is_no_arrival() -> None:
    """No step lowers the function, but not because of rounding: the slope is 6, and 4."""
    descent = descend(parabola, [[0.0], [1.0]], lambda x: -2 * (x - 3.0), backtracking=True)
    assert not descent.valleys
    assert [path.ending for path in descent.paths] == [Ending.NO_WAY_DOWN] * 2
    assert "0 of 2 starts reached a bottom, 2 found no way down" in descent.sentence
    assert "check_gradient" in descent.paths[0].sentence


def test_a_slope_that_rounding_hides_is_an_arrival() -> None:
    descent = descend(lambda x: 1e3 + parabola(x), 0.0, lambda x: 2 * (x - 3.0) + 1e-9, backtracking=True, tol=0.0)
    assert descent.best.ending is Ending.LIMIT and descent.best.ending.arrived


@pytest.mark.parametrize("seed", range(6))
def test_an_exact_fit_walked_to_the_last_bit_is_an_arrival(seed: int) -> None:
    """The function is near 0 there, and so is eps times it; what is left of the slope is rounding of x."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((6, 4))
    b = A @ rng.standard_normal(4)
    descent = descend(
        lambda x: float(0.5 * np.sum((A @ x - b) ** 2)),
        random_starts(3, [-3] * 4, [3] * 4, seed),
        lambda x: A.T @ (A @ x - b),
        backtracking=True,
        steps=20_000,
        tol=0.0,
    )
    assert all(path.ending is Ending.LIMIT or path.ending is Ending.BOTTOM for path in descent.paths)
    assert len(descent.valleys) == 1


@pytest.mark.parametrize("steps", [1000, 5000])
def test_a_walk_that_only_climbs_is_told_that_its_gradient_is_wrong(steps: int) -> None:
    """With the wrong sign nothing bounces: it goes one way, up, and in 5000 steps out of the numbers."""
    descent = descend(parabola, 0.0, lambda x: -2 * (x - 3.0), steps=steps)
    assert descent.best.ending is Ending.CLIMBING
    assert "check_gradient" in descent.sentence and "smaller rate" not in descent.sentence


def test_steps_that_jump_out_of_the_numbers_from_side_to_side_are_too_long() -> None:
    assert descend(parabola, 0.0, lambda x: 2 * (x - 3.0), rate=1.1, steps=3000).best.ending is Ending.NOT_A_NUMBER


@pytest.mark.parametrize(
    ("fun", "grad", "start"),
    [
        (lambda x: (x[0] ** 2 - 1) ** 2, lambda x: 4 * x * (x**2 - 1), 0.0),
        (lambda x: x[0] ** 2 - x[1] ** 2, lambda x: x * [2.0, -2.0], (1.0, 0.0)),
        (lambda x: x[0] * x[1], lambda x: x[::-1].copy(), (0.0, 0.0)),
        (lambda x: -np.exp(-(x[0] ** 2)), lambda x: 2 * x * np.exp(-(x**2)), 10.0),
    ],
    ids=["crest", "saddle", "slanted saddle", "plateau"],
)
def test_flat_ground_with_lower_ground_beside_it_is_no_bottom(fun: Callable, grad: Callable, start: object) -> None:
    descent = descend(fun, start, grad)
    assert descent.best.ending is Ending.FLAT
    assert not descent.valleys


def test_flat_bottoms_of_any_width_are_bottoms() -> None:
    """A neighbouring valley within the reach of the probes, and a bottom that is flatter than any parabola."""
    with pytest.warns(DifferentValleysWarning, match="2 different valleys"):
        tiny = descend(lambda x: ((1e4 * x[0]) ** 2 - 1) ** 2, [[2e-4], [-2e-4]], rate=1e-10, momentum=0.5, tol=1e-3)
    assert [path.ending for path in tiny.paths] == [Ending.BOTTOM] * 2 and len(tiny.valleys) == 2
    assert descend(lambda x: x[0] ** 4, 1.0, lambda x: 4 * x**3, rate=0.2, steps=10**5).best.ending is Ending.BOTTOM


def test_a_rate_that_reaches_zero_ends_the_walk_and_keeps_the_trace() -> None:
    path = descend(parabola, 0.0, lambda x: 2 * (x - 3.0), rate=lambda k: 0.1 - 0.01 * k).paths[0]
    assert path.ending is Ending.RATE_SPENT
    assert "rate(10) is 0.0" in path.sentence
    assert path.steps == 10 and len(path.points) == len(path.gradients) == 11


def test_what_overflows_is_not_a_number_and_no_traceback() -> None:
    path = descend(lambda x: float(x[0]) ** 4, 1.0, lambda x: 4 * x**3, rate=5.0).paths[0]
    assert path.ending is Ending.NOT_A_NUMBER and path.value == 1.0


def test_ctrl_c_keeps_the_way_so_far() -> None:
    def pressed(x: np.ndarray) -> np.ndarray:
        if x[0] > 2:
            raise KeyboardInterrupt
        return 2 * (x - 3.0)

    with pytest.warns(ConvergenceWarning, match="from 1 of 2 starts"):
        descent = descend(parabola, [[0.0], [1.0]], pressed)
    assert len(descent.paths) == 1
    assert descent.best.ending is Ending.INTERRUPTED
    assert len(descent.paths[0].points) > 2


# --- many starts ------------------------------------------------------------------------------------------------------


def test_the_double_well_has_two_valleys_and_the_left_one_is_lower() -> None:
    with pytest.warns(DifferentValleysWarning, match="2 different valleys"):
        descent = descend(DOUBLE_WELL.fun, [[-1.5], [1.5], [0.9]], DOUBLE_WELL.grad, rate=0.05)
    assert [valley.paths for valley in descent.valleys] == [(0,), (1, 2)]
    for valley, bottom in zip(descent.valleys, DOUBLE_WELL.bottoms, strict=True):
        assert valley.x == pytest.approx(bottom, abs=1e-5)
    assert descent.x[0] < 0


def test_himmelblau_s_four_valleys_are_all_found() -> None:
    with pytest.warns(DifferentValleysWarning, match="4 different valleys"):
        descent = descend(HIMMELBLAU.fun, random_starts(20, (-5, -5), (5, 5)), HIMMELBLAU.grad, backtracking=True)
    found = sorted(tuple(np.round(valley.x, 3)) for valley in descent.valleys)
    assert found == sorted(tuple(np.round(bottom, 3)) for bottom in HIMMELBLAU.bottoms)
    assert sum(len(valley.paths) for valley in descent.valleys) == 20


def test_rastrigin_s_valleys_lie_near_whole_numbers() -> None:
    with pytest.warns(DifferentValleysWarning):
        descent = descend(RASTRIGIN.fun, random_starts(12, (-5, -5), (5, 5)), RASTRIGIN.grad, rate=0.002, steps=5000)
    assert len(descent.valleys) > 4
    assert all(np.abs(valley.x - np.round(valley.x)).max() < 0.06 for valley in descent.valleys)
    assert [valley.value for valley in descent.valleys] == sorted(valley.value for valley in descent.valleys)


def test_logistic_regression_has_the_same_bottom_from_any_start() -> None:
    """Its loss is convex (SLP 5.6): no warning, one valley."""
    X, y = tb.two_clouds()

    def cost(theta: np.ndarray) -> float:
        return tb.minibatch.batch_cost(X, y, theta[:2], theta[2])

    def gradient(theta: np.ndarray) -> np.ndarray:
        return tb.minibatch.gradient(X, y, theta[:2], theta[2]).theta

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        descent = descend(cost, random_starts(8, [-5] * 3, [5] * 3), gradient, backtracking=True, steps=5000)
    assert len(descent.valleys) == 1 and len(descent.valleys[0].paths) == 8
    assert "the same bottom" in descent.sentence


def duplicated_column() -> tuple[Callable, Callable, np.ndarray]:
    X, y = tb.two_clouds()
    X = np.hstack([X, X[:, :1]])
    return (
        lambda t: tb.minibatch.batch_cost(X, y, t[:3], t[3]),
        lambda t: tb.minibatch.gradient(X, y, t[:3], t[3]).theta,
        random_starts(4, [-3] * 4, [3] * 4),
    )


@pytest.mark.parametrize(
    ("fun", "grad", "starts", "rate"),
    [
        (*duplicated_column(), 1.0),
        (lambda x: x[0] ** 4, lambda x: 4 * x**3, [[-1.0], [1.0]], 0.2),
        (bowl((1e-3, 1.0)).fun, bowl((1e-3, 1.0)).grad, [[-3.0, 1.0], [3.0, 1.0]], 1.0),
        (lambda x: x[0] ** 2, lambda x: x * [2.0, 0.0], random_starts(4, (-3, -3), (3, 3)), 0.2),
    ],
    ids=["a duplicated column", "a flat quartic", "a nearly flat axis", "a ridge"],
)
def test_ends_far_apart_on_a_convex_function_are_one_valley(
    fun: Callable, grad: Callable, starts: object, rate: float
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        descent = descend(fun, starts, grad, rate=rate, steps=10**5)
    ends = np.array([path.x for path in descent.paths])
    assert np.ptp(ends, axis=0).max() > 1e-3
    assert len(descent.valleys) == 1 and len(descent.valleys[0].paths) == len(descent.paths)


@pytest.mark.parametrize("starts", [[[-1.0], [2.0]], [[2.0], [-1.0]]])
@pytest.mark.parametrize("grad", [lambda x: 2 * (x - 1.0), None])
def test_a_start_where_the_function_is_not_a_number_hides_nothing(starts: list, grad: Callable | None) -> None:
    descent = descend(lambda x: (x[0] - 1.0) ** 2 if x[0] > 0 else float("nan"), starts, grad)
    assert descent.x == pytest.approx([1.0], abs=1e-6)
    assert descent.value < 1e-12
    assert "1 of 2 starts reached a bottom, 1 left the numbers; the lowest" in descent.sentence


def test_several_starts_say_why_they_failed() -> None:
    descent = descend(HIMMELBLAU.fun, random_starts(5, (-5, -5), (5, 5)), HIMMELBLAU.grad)
    assert descent.sentence.startswith("0 of 5 starts reached a bottom, 5 left the numbers; the lowest value found is")
    nowhere = descend(lambda x: float("nan"), [[1.0], [2.0]], lambda x: x)
    assert "2 left the numbers; no value found is finite" in nowhere.sentence


def test_random_starts_lie_in_their_box_and_repeat_with_their_seed() -> None:
    starts = random_starts(50, (-1, 2), (0, 3), seed=7)
    assert starts.shape == (50, 2)
    assert np.all((starts >= (-1, 2)) & (starts <= (0, 3)))
    assert np.array_equal(starts, random_starts(50, (-1, 2), (0, 3), seed=7))


def test_the_public_name_is_the_function() -> None:
    assert thalweg.descend is descend


# --- gradients --------------------------------------------------------------------------------------------------------


def test_central_differences_err_by_about_what_they_say() -> None:
    for fun, slope in ((np.sin, np.cos), (np.exp, np.exp), (lambda x: x**3, lambda x: 3 * x**2)):
        for at in (-2.0, 0.1, 3.0):
            seen = central_with_error(lambda x, fun=fun: float(fun(x[0])), np.array([at]))
            assert abs(seen.gradient[0] - slope(at)) <= 10 * seen.error[0]
            assert seen.error[0] < 1e-6


def test_differences_say_how_wrong_they_may_be() -> None:
    assert "central differences, wrong by about" in descend(parabola, 0.0, "differences").gradient


def test_jax_follows_a_function_written_for_it_in_float64() -> None:
    jnp = pytest.importorskip("jax.numpy", reason="needs jax")
    at = np.array([0.3, -1.2])
    found = gradients.gradient_of(Measured(lambda x: jnp.sum(jnp.sin(x) * x)), None, at)
    assert "JAX" in found.source
    assert np.allclose(found(at), np.sin(at) + at * np.cos(at), rtol=1e-14)
    import jax

    assert not jax.config.jax_enable_x64  # nobody else's precision has changed


def test_a_function_that_jax_cannot_follow_is_differenced_instead() -> None:
    pytest.importorskip("jax", reason="needs jax")
    assert "central differences" in descend(lambda x: float(np.sin(x[0])), 0.0).gradient
    with pytest.raises(RunError, match="JAX cannot follow"):
        descend(lambda x: float(np.sin(x[0])), 0.0, "jax")


def test_a_gradient_by_jax_that_misses_part_of_the_function_is_not_believed() -> None:
    jax = pytest.importorskip("jax", reason="needs jax")

    def hidden(x: np.ndarray) -> object:
        return x[0] ** 2 + jax.lax.stop_gradient(5.0 * x[0])

    assert "central differences" in gradients.gradient_of(Measured(hidden), None, np.array([1.0])).source


def test_without_jax_differences_serve_and_asking_for_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradients, "find_spec", lambda name: None)
    assert "central differences" in descend(parabola, 0.0).gradient
    with pytest.raises(OptionalDependencyError, match=r"thalweg\[jax\]"):
        descend(parabola, 0.0, "jax")
    assert importlib.util.find_spec("thalweg") is not None


def test_functions_of_jax_are_walked_in_float64() -> None:
    """In float32 differences were wrong by 0.1 here, and said 1e-9; and the lowest value was found by its rounding."""
    jnp = pytest.importorskip("jax.numpy", reason="needs jax")

    def squares(x: np.ndarray) -> object:
        return jnp.sum((x - 3.0) ** 2)

    for start in ((10.0, 20.0), (100.0, -3.0)):
        assert "JAX" in descend(squares, start).gradient
        by_differences = gradients.gradient_of(Measured(squares), "differences", np.array(start))
        assert by_differences(np.array(start)) == pytest.approx(2.0 * (np.array(start) - 3.0), abs=1e-6)
    X, y = tb.two_clouds()

    def cost(t: np.ndarray) -> object:
        z = X @ t[:2] + t[2]
        return jnp.mean(jnp.logaddexp(0.0, z) - y * z)

    walked = descend(cost, np.zeros(3), rate=0.5, steps=3000)
    exact = tb.minibatch.batch_cost(X, y, walked.x[:2], walked.x[2])
    assert walked.value == pytest.approx(exact, abs=1e-15)


def test_differences_of_a_float32_function_say_how_coarse_it_is() -> None:
    at = np.array([10.0, 20.0])
    measured = Measured(lambda x: np.float32(np.sum((x - 3.0) ** 2)))
    measured(at)
    seen = central_with_error(measured, at, measured.eps)
    apart = np.abs(seen.gradient - 2.0 * (at - 3.0))
    assert np.all(apart <= seen.error) and seen.error.max() > 1e-4
    assert np.all(apart < 0.05)  # with the step of float64 it was wrong by several units


def test_a_gradient_by_jax_is_compiled_the_function_is_read_once_and_not_at_every_step() -> None:
    pytest.importorskip("jax", reason="needs jax")
    read = []

    def fun(x: np.ndarray) -> object:
        if not isinstance(x, np.ndarray):
            read.append(x)
        return (x[0] - 1.0) ** 2 + x[1] ** 2

    assert descend(fun, (5.0, 5.0), "jax", rate=1e-3, steps=100).best.steps == 100
    assert len(read) == 1


def test_jax_follows_a_function_that_asks_what_its_numbers_are() -> None:
    pytest.importorskip("jax", reason="needs jax")
    descent = descend(lambda x: (x[0] - 3.0) ** 2 if x[0] > 0 else -x[0], 1.0, "jax")
    assert descent.x[0] == pytest.approx(3.0, abs=1e-6)


def test_where_jax_cannot_follow_a_function_further_on_it_says_so() -> None:
    pytest.importorskip("jax", reason="needs jax")
    with pytest.raises(RunError, match="JAX cannot follow"):
        descend(lambda x: (x[0] - 3.0) ** 2 if x[0] < 2 else float(np.sin(x[0])), 1.0, "jax")


def test_a_difference_uses_the_step_as_rounded() -> None:
    at = np.array([1e8])
    assert central(lambda x: float(x[0]), at)[0] == 1.0


# --- check_gradient ---------------------------------------------------------------------------------------------------

FAST = 1e5
E20 = float(np.exp(20.0))


@pytest.mark.parametrize(
    ("fun", "grad", "at", "verdict", "worst"),
    [
        (lambda x: 1e6 * x[0] ** 2 + x[1] ** 2, (2e6, 0.0), (1.0, 1.0), "wrong", (1,)),
        (lambda x: 1e6 * x[0] ** 2 + x[1] ** 2, (2e6, 2.0), (1.0, 1.0), "right", None),
        (lambda x: 1e8 * x[0] ** 2 + x[1], (2e8, 0.0), (1.0, 1.0), "wrong", (1,)),
        (lambda x: np.exp(20 * x[0]) + x[1], (20 * E20, 2.0), (1.0, 1.0), "wrong", (1,)),
        (lambda x: np.exp(20 * x[0]) + x[1], (20 * E20, 1.0), (1.0, 1.0), "right", None),
        (lambda x: 1e10 + x[0], [1.5], [1.0], "cannot tell", (0,)),
        (lambda x: 1e10 + x[0], [1.0], [1.0], "cannot tell", (0,)),
        (lambda x: 1e10 + x[0], [99.0], [1.0], "wrong", (0,)),
        (lambda x: np.log(x[0]), [1e6], [1e-6], "right", (0,)),
        (lambda x: np.log(x[0]), [1.001e6], [1e-6], "wrong", (0,)),
        (lambda x: np.sin(FAST * x[0]), [FAST * np.cos(FAST)], [1.0], "right", (0,)),
        (lambda x: np.sin(FAST * x[0]), [FAST * np.cos(FAST) + 3.6e3], [1.0], "wrong", (0,)),
        (lambda x: np.cos(x[0]) + x[1], [-np.sin(np.pi), 1.0], [np.pi, 0.0], "right", None),
        (lambda x: x[0] ** 4, [0.0], [0.0], "right", (0,)),
        (lambda x: 5.0 + x[1], [0.0, 1.0], [1.0, 1.0], "right", None),
    ],
)
def test_check_gradient_judges_each_component_by_its_own_measure(
    fun: Callable, grad: object, at: object, verdict: str, worst: tuple | None
) -> None:
    check = tb.check_gradient(fun, grad, at)
    assert check.verdict == verdict and bool(check) == (verdict == "right")
    assert worst is None or check.worst == worst
    assert ("Differences cannot tell" if verdict == "cannot tell" else f"The gradient is {verdict}") in str(check)
    assert check.error.shape == check.tolerance.shape == np.shape(at)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: tb.check_gradient(lambda x: x, [1.0, 1.0], [1.0, 1.0]), "fun must give one number"),
        (lambda: tb.check_gradient(lambda x: None, [1.0], [1.0]), "it gives None"),
        (lambda: tb.check_gradient(5, [1.0], [1.0]), "fun is 5"),
        (lambda: tb.check_gradient(np.sum, [1.0], [1.0], rtol="a"), "rtol is 'a'"),
        (lambda: tb.check_gradient(lambda x: np.log(-abs(x[0])) if x[0] else 0.0, [1.0], [0.0]), "beside the point"),
    ],
)
def test_check_gradient_refuses_bad_input_in_words(call: Callable[[], object], words: str) -> None:
    with pytest.raises((DataError, UsageError)) as refused:
        call()
    assert words in str(refused.value)


def test_one_number_in_an_array_is_a_number() -> None:
    assert tb.check_gradient(lambda x: x**2, [2.0], [1.0])
    assert descend(lambda x: (x - 3.0) ** 2, 0.0, lambda x: float(2 * (x[0] - 3.0))).x == pytest.approx([3.0])


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: descend(parabola, 0.0, rate=0.0), "rate is 0.0"),
        (lambda: descend(parabola, 0.0, rate=lambda k: -1.0), "rate(0) is -1.0"),
        (lambda: descend(parabola, 0.0, momentum=1.0), "momentum is 1.0"),
        (lambda: descend(parabola, 0.0, momentum=0.5, backtracking=True), "momentum has no meaning"),
        (lambda: descend(parabola, 0.0, schedule="1/k", backtracking=True), "schedule '1/k' falls from a fixed rate"),
        (lambda: descend(parabola, 0.0, schedule="1/k", rate=lambda k: 1.0), "a rate that is a function"),
        (lambda: descend(parabola, 0.0, schedule="slowly"), "'slowly' is not known"),
        (lambda: descend(parabola, 0.0, steps=0), "steps is 0"),
        (lambda: descend(parabola, 0.0, tol=-1.0), "tol is -1.0"),
        (lambda: descend(parabola, 0.0, "torch"), "grad is 'torch'"),
        (lambda: descend(parabola, "here"), "start is 'here'"),
        (lambda: descend(parabola, [1.0, np.nan]), "start 0 has nan in place 1"),
        (lambda: descend(parabola, np.zeros((2, 2, 2))), "start has shape (2, 2, 2)"),
        (lambda: descend(lambda x: x, (1.0, 2.0)), "fun must give one number"),
        (lambda: descend(lambda x: x[1], 1.0), "fun fails at x = [1.0]: IndexError"),
        (lambda: descend(lambda x: x[0] if x[0] < 5 else None, [[1.0], [6.0]], lambda x: x), "x = [6.0] it gives None"),
        (lambda: descend(5, 1.0), "fun is 5"),
        (lambda: descend(bowl().fun, (1.0, 2.0), lambda x: x[:, None]), "it gives (2, 1)"),
        (lambda: descend(bowl().fun, (1.0, 2.0), lambda x: 1.0), "it gives ()"),
        (lambda: descend(bowl().fun, (1.0, 2.0), lambda x: np.ones(3)), "it gives (3,)"),
        (lambda: descend(bowl().fun, (1.0, 2.0), lambda x: "a"), "it gives 'a'"),
        (lambda: descend(bowl().fun, (1.0, 2.0), lambda x: None), "it gives None"),
        (lambda: descend(parabola, 0.0, momentum="a"), "momentum is 'a'"),
        (lambda: descend(parabola, 0.0, momentum=None), "momentum is None"),
        (lambda: descend(parabola, 0.0, tol="a"), "tol is 'a'"),
        (lambda: descend(parabola, 0.0, tol=None), "tol is None"),
        (lambda: descend(parabola, 0.0, rate=None), "rate is None"),
        (lambda: descend(parabola, 0.0, schedule=["a"]), "schedule ['a'] is not known"),
        (lambda: descend(parabola, 0.0, [1.0]), "grad is [1.0]"),
        (lambda: descend(parabola, None), "start is None"),
        (lambda: descend(parabola, 1j), "start is 1j"),
        (lambda: random_starts(3, "a", 1), "low is 'a'"),
        (lambda: random_starts(3, None, 1), "low is None"),
        (lambda: random_starts(3, 0, 1, seed=-1), "seed is -1"),
        (lambda: random_starts(0, 0, 1), "count is 0"),
        (lambda: random_starts(3, 1, 0), "low must lie below high"),
    ],
)
def test_bad_input_gets_a_sentence(call: Callable[[], object], words: str) -> None:
    with pytest.raises((DataError, UsageError)) as refused:
        call()
    assert words in str(refused.value)
