"""Every member of KERNELS computes what the loops define, and its sums have the properties the upper floors need."""

import itertools
from dataclasses import fields, replace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import eigvalsh

from problems import EPS, Problem, random_problem
from thalweg.errors import UsageError
from thalweg.kernels import KERNELS, Sums, Want, blocked, kernel
from thalweg.kernels.sums import Updates
from thalweg.rows import Block

OTHERS = [name for name in KERNELS if name != "loops"]


def bounds(block: Block, theta: np.ndarray, step: np.ndarray | None) -> dict[str, np.ndarray]:
    """How far two kernels may differ: eps × (number of roundings) × the sum of absolute terms.

    A margin is a sum of p + 2 products, so it carries (p + 2)·eps·A with A = Σ|x·w| + |b| + |o|. Every summand is at
    most s·(1 + A)·(its x factors) and changes no faster than that with its margin; n of them are added.
    """
    X = np.abs(np.asarray(block.X, np.float64))
    n, p = X.shape
    X1 = np.hstack([X, np.ones((n, 1))])
    s = np.ones((n, 1)) if block.weight is None else np.asarray(block.weight, np.float64)[:, None]
    o = np.zeros((n, 1)) if block.offset is None else np.abs(np.asarray(block.offset, np.float64))[:, None]
    one = EPS * (n + p + 32)
    size = one * s * (1.0 + X1 @ np.abs(theta) + o)
    found = {
        "loss": size.sum(axis=0),
        "gradient": X1.T @ size,
        "border": X1.T @ size,
        "hessian": np.stack([(X.T * size[:, j]) @ X for j in range(theta.shape[1])]),
    }
    if step is not None:
        D = X1 @ np.abs(step)
        found["reach"] = one * D.max(axis=0, initial=0.0)
        found["product"] = X1.T @ ((size + one * s * D) * D)
        # q = p + p(1 - p)d may cancel to a tenth of p where |d| ≤ 0.9, and is divided by: ten times ten
        found["divergence"] = 100.0 * (size + one * s * D).sum(axis=0)
    return found


def assert_agree(found: Sums, expected: Sums, bound: dict[str, np.ndarray]) -> None:
    for part in fields(Sums):
        mine, theirs = getattr(found, part.name), getattr(expected, part.name)
        assert (mine is None) == (theirs is None), part.name
        if mine is None:
            continue
        assert mine.dtype == np.float64
        assert mine.shape == theirs.shape, part.name
        same = mine == theirs  # also infinities
        with np.errstate(invalid="ignore"):
            assert np.all(same | (np.abs(mine - theirs) <= bound[part.name])), part.name


@st.composite
def cases(draw: st.DrawFn, most_rows: int = 12) -> tuple[Block, np.ndarray, np.ndarray | None]:
    """A block of any shape and type, a point for k models, and perhaps the step that led there."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, p, k = draw(st.integers(1, most_rows)), draw(st.integers(0, 5)), draw(st.integers(1, 3))
    kind = draw(st.sampled_from(["float64", "float32", "int", "uint8", "bool", "fortran", "strided", "reversed"]))
    X: Any = rng.standard_normal((n, p)) * draw(st.sampled_from([1e-3, 1.0, 30.0]))
    match kind:
        case "float32":
            X = X.astype(np.float32)
        case "int":
            X = rng.integers(-5, 5, (n, p))
        case "uint8":
            X = rng.integers(0, 256, (n, p)).astype(np.uint8)
        case "bool":
            X = X > 0
        case "fortran":
            X = np.asfortranarray(X)
        case "strided":
            X = np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3]
        case "reversed":
            X = X[::-1, ::-1]
    y: Any = rng.random(n)
    if not draw(st.booleans()):
        y = rng.integers(0, 2, n).astype(draw(st.sampled_from(["float64", "int64", "bool", "float32"])))
    weight = draw(st.sampled_from([None, rng.integers(0, 4, n), rng.exponential(size=n)]))
    offset = draw(st.sampled_from([None, 3 * rng.standard_normal(n), rng.integers(-2, 3, n)]))
    theta = rng.standard_normal((p + 1, k)) * draw(st.sampled_from([0.0, 1.0, 50.0]))
    step = None
    longest = draw(st.sampled_from([None, 0.0, 1e-8, 0.3, 0.9, 2.0]))  # 1 itself would be decided by a rounding
    if longest is not None:
        step = rng.standard_normal((p + 1, k))
        step *= longest / np.maximum(np.abs(np.asarray(X, float) @ step[:-1] + step[-1]).max(axis=0), 1e-300)
    return Block(X, y, weight, offset), theta, step


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("want", Want)
@settings(max_examples=60)
@given(case=cases(), tile=st.integers(1, 5))
def test_every_kernel_agrees_with_the_loops(
    name: str, want: Want, case: tuple[Block, np.ndarray, np.ndarray | None], tile: int
) -> None:
    block, theta, step = case
    with patch.object(blocked, "_FEWEST_ROWS", tile), patch.object(blocked, "_TILE_CELLS", 1):
        found = KERNELS[name].sums(block, theta, want, step)
    assert_agree(found, KERNELS["loops"].sums(block, theta, want, step), bounds(block, theta, step))


@pytest.mark.parametrize("name", KERNELS)
def test_a_level_adds_parts_and_changes_none(name: str) -> None:
    block, theta = some_block(), np.ones((4, 2))
    levels = [KERNELS[name].sums(block, theta, want) for want in Want]
    expected = [{"loss"}, {"gradient"}, {"border"}, {"hessian"}]
    for i, sums in enumerate(levels):
        present = {part.name for part in fields(Sums) if getattr(sums, part.name) is not None}
        assert present == set().union(*expected[: i + 1])
        for part in present:
            assert np.array_equal(getattr(sums, part), getattr(levels[-1], part))


@pytest.mark.parametrize("name", KERNELS)
def test_models_side_by_side_are_the_models_one_by_one(name: str) -> None:
    block = some_block()
    rng = np.random.default_rng(1)
    theta, step = rng.standard_normal((4, 3)), 0.1 * rng.standard_normal((4, 3))
    together = KERNELS[name].sums(block, theta, Want.HESSIAN, step)
    bound = bounds(block, theta, step)
    for j in range(3):
        alone = KERNELS[name].sums(block, theta[:, [j]], Want.HESSIAN, step[:, [j]])
        for part in fields(Sums):
            mine, ours = getattr(alone, part.name), getattr(together, part.name)
            axis = 1 if part.name in ("gradient", "border", "product") else 0
            assert np.all(np.abs(mine - ours.take([j], axis)) <= bound[part.name].take([j], axis)), part.name


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("far", [1e3, 1e308])
@pytest.mark.parametrize("place", ["x", "offset", "intercept", "weight vector"])
def test_far_margins_give_their_limits_exactly(name: str, far: float, place: str) -> None:
    """Margins ±far on both labels: one side costs nothing, the other |z|, and no curvature is left."""
    signs = np.array([1.0, -1.0]) if place in ("x", "offset") else np.array([1.0, 1.0])
    X = (signs * far if place == "x" else np.zeros(2) if place in ("offset", "intercept") else signs)[:, None]
    theta = np.array([[1.0 if place == "x" else far if place == "weight vector" else 0.0], [0.0]])
    theta[1] = far if place == "intercept" else 0.0
    block = Block(X, np.array([1.0, 1.0]), None, signs * far if place == "offset" else None)
    sums = KERNELS[name].sums(block, theta, Want.HESSIAN, np.zeros((2, 1)))
    wrong = signs < 0
    assert sums.loss[0] == far * wrong.sum()
    assert sums.gradient[1, 0] == -wrong.sum()
    assert sums.gradient[0, 0] == -X[wrong, 0].sum()
    assert not sums.border.any()
    assert not sums.hessian.any()
    assert sums.reach[0] == sums.divergence[0] == 0.0
    assert not sums.product.any()


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("want", Want)
def test_overflowing_sums_are_infinite_or_nan_without_a_warning(name: str, want: Want) -> None:
    """The objective says it in words; a warning from inside a kernel would reach the user first."""
    block = Block(np.array([[1e308], [1e308], [-1e308]]), np.array([0.0, 0.0, 1.0]))
    for point in (2.0, 1e308):
        sums = KERNELS[name].sums(block, np.full((2, 1), point), want, np.full((2, 1), -3.0))
        assert not np.isfinite(sums.loss[0])


def some_block() -> Block:
    rng = np.random.default_rng(0)
    return Block(rng.standard_normal((9, 3)), rng.random(9), rng.integers(0, 4, 9), rng.standard_normal(9))


@pytest.mark.parametrize("name", KERNELS)
def test_doubling_a_weight_equals_repeating_the_row(name: str) -> None:
    block = some_block()
    times = block.weight
    repeated = Block(
        *(np.repeat(part, times, axis=0) for part in (block.X, block.y)), offset=block.offset.repeat(times)
    )
    theta, step = np.linspace(-1, 1, 4)[:, None], np.full((4, 1), 0.1)
    once = KERNELS[name].sums(block, theta, Want.HESSIAN, step)
    again = KERNELS[name].sums(repeated, theta, Want.HESSIAN, step)
    once.reach = again.reach = None  # a row of weight 0 is still reached
    assert_agree(again, once, bounds(repeated, theta, step))


@pytest.mark.parametrize("name", KERNELS)
@settings(max_examples=25)
@given(case=cases(), data=st.data())
def test_rows_may_be_cut_anywhere(
    name: str, case: tuple[Block, np.ndarray, np.ndarray | None], data: st.DataObject
) -> None:
    block, theta, step = case
    cut = data.draw(st.integers(0, len(block.y)))
    total = Sums.zeros(block.X.shape[1], theta.shape[1], Want.HESSIAN, step is not None)
    for rows in (slice(None, cut), slice(cut, None)):
        w, o = (None if part is None else part[rows] for part in (block.weight, block.offset))
        total.add(KERNELS[name].sums(Block(block.X[rows], block.y[rows], w, o), theta, Want.HESSIAN, step))
    assert_agree(total, KERNELS[name].sums(block, theta, Want.HESSIAN, step), bounds(block, theta, step))


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_leaves_its_inputs_as_they_are(name: str) -> None:
    block, theta, step = some_block(), np.ones((4, 2)), np.full((4, 2), 0.1)
    inputs = (block.X, block.y, block.weight, block.offset, theta, step)
    before = [array.copy() for array in inputs]
    for array in inputs:
        array.setflags(write=False)
    KERNELS[name].sums(block, theta, Want.HESSIAN, step)
    KERNELS[name].sweep(block, theta, updates(9, 2))
    assert all(np.array_equal(array, copy) for array, copy in zip(inputs, before, strict=True))


@pytest.mark.parametrize("n", [5_000])
def test_many_real_tiles_agree_with_the_whole_block(n: int) -> None:
    problem = random_problem(np.random.default_rng(2), n, 60, weights=True, offset=True, soft=True)
    block = Block(problem.X, problem.y, problem.weight, problem.offset)
    rng = np.random.default_rng(3)
    theta, step = rng.standard_normal((61, 2)) / 8, rng.standard_normal((61, 2)) / 100
    found = [KERNELS[name].sums(block, theta, Want.HESSIAN, step) for name in OTHERS]
    for other in found[1:]:
        assert_agree(other, found[0], bounds(block, theta, step))


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_gradient_and_hessian_of_the_objective_are_its_differences(name: str, intercept: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, 8, 3, l2=0.3, intercept=intercept, weights=True, offset=True, soft=True)
    objective = problem.objective(name)
    theta = rng.standard_normal((problem.d, 1))
    at = objective.evaluate(theta, Want.HESSIAN)
    h = 2.0**-17
    # central differences: h²/6 times the third derivative (at most 0.1·|x|³, and |x| < 4 here) of truncation; the
    # rounding of two values or gradients of size < 10, some n + p + 32 roundings each, over h
    slack = h * h / 6 * 0.1 * 4**3 + 43 * EPS * 10 / h
    for c in range(problem.d):
        e = np.zeros((problem.d, 1))
        e[c] = h
        up, down = (objective.evaluate(theta + sign * e, Want.GRADIENT) for sign in (1, -1))
        assert abs((up.value - down.value)[0] / (2 * h) - at.gradient[c, 0]) <= slack
        assert np.all(np.abs((up.gradient - down.gradient)[:, 0] / (2 * h) - at.hessian[0, :, c]) <= slack)


@pytest.mark.parametrize("name", KERNELS)
def test_the_product_is_the_old_hessian_times_the_step(name: str) -> None:
    problem = random_problem(np.random.default_rng(5), 12, 3, l2=0.3, weights=True, offset=True)
    objective = problem.objective(name)
    theta, step = np.full((4, 1), 0.2), np.full((4, 1), -0.05)
    before = objective.evaluate(theta, Want.HESSIAN)
    after = objective.evaluate(theta + step, Want.BORDER, step)
    bound = bounds(Block(problem.X, problem.y, problem.weight, problem.offset), theta, step)["product"]
    assert np.all(np.abs(after.product - before.hessian[0] @ step) <= bound / problem.weight.sum() + EPS)


@pytest.mark.parametrize("name", KERNELS)
def test_offsets_and_weights_are_those_of_the_definition(name: str) -> None:
    rng = np.random.default_rng(6)
    for intercept, soft in itertools.product([True, False], repeat=2):
        problem = random_problem(rng, 15, 3, l2=0.2, l1=0.1, intercept=intercept, weights=True, offset=True, soft=soft)
        theta = rng.standard_normal((problem.d, 1))
        found = problem.objective(name).evaluate(theta, Want.LOSS).value[0]
        assert found == pytest.approx(float(problem.value(theta)), rel=50 * EPS)  # 15 + 3 + 32 roundings


def updates(n: int, size: int, rate: float = 0.1, intercept: bool = True, scale: float = 1.0) -> Updates:
    return Updates(size, np.full(-(-n // size), rate), scale, 0.3, intercept)


@pytest.mark.parametrize("name", OTHERS)
@settings(max_examples=40)
@given(case=cases(), size=st.integers(1, 15), intercept=st.booleans())
def test_every_kernel_sweeps_as_the_loops_do(
    name: str, case: tuple[Block, np.ndarray, np.ndarray | None], size: int, intercept: bool
) -> None:
    block, theta, _ = case
    theta[-1] *= intercept
    n, p = block.X.shape
    largest = float(np.abs(np.asarray(block.X, float)).max(initial=1.0))
    weight = 1.0 if block.weight is None else float(np.max(block.weight, initial=1.0))
    how = updates(n, size, 0.1 / (largest**2 * weight * (p + 1)), intercept, 1.3)
    found, expected = KERNELS[name].sweep(block, theta, how), KERNELS["loops"].sweep(block, theta, how)
    # at a rate below 1/L an update brings two points no further apart, so n updates add up n single errors
    bound = n * EPS * (n + p + 32) * (1.0 + np.abs(theta).max()) * (1.0 + largest)
    assert np.all(np.abs(found[0] - expected[0]) <= bound)
    assert np.all(np.abs(found[1] - expected[1]) <= bound * len(how.rates))


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("intercept", [True, False])
def test_a_sweep_of_one_batch_is_one_step_of_gradient_descent(name: str, intercept: bool) -> None:
    problem = random_problem(np.random.default_rng(7), 20, 3, l2=0.3, intercept=intercept, weights=True, offset=True)
    objective = problem.objective(name)
    theta = np.full((problem.d, 1), 0.2)
    swept, mean = objective.sweep(np.arange(20), theta, 20, np.array([0.4]))
    stepped = theta - 0.4 * objective.evaluate(theta, Want.GRADIENT).gradient
    assert np.allclose(swept, stepped, rtol=0, atol=55 * EPS)  # 20 + 3 + 32 roundings of numbers below 1
    assert np.array_equal(mean, swept)


@pytest.mark.parametrize("name", KERNELS)
def test_a_sweep_of_single_rows_is_sgd_by_hand(name: str) -> None:
    problem = random_problem(np.random.default_rng(8), 20, 2, l2=0.3, weights=True, offset=True)
    order, rates = np.random.default_rng(9).permutation(20), np.linspace(0.5, 0.1, 20)
    w, b, total = np.zeros(2), 0.0, np.zeros(3)
    for i, rate in zip(order, rates, strict=True):
        x, y, s, o = problem.X[i], problem.y[i], problem.weight[i], problem.offset[i]
        slope = 20 / problem.weight.sum() * s * (1 / (1 + np.exp(-(x @ w + b + o))) - y)
        w, b = w - rate * (slope * x + 0.3 * w), b - rate * slope
        total += [*w, b]
    theta, mean = problem.objective(name).sweep(order, problem.origin, 1, rates)
    # 20 updates of numbers below 10, a dozen roundings each; mild rates amplify nothing
    assert np.allclose(theta[:, 0], [*w, b], rtol=0, atol=20 * 12 * 10 * EPS)
    assert np.allclose(mean[:, 0], total / 20, rtol=0, atol=20 * 12 * 10 * EPS)


def test_a_long_sweep_is_gathered_in_whole_batches() -> None:
    """More rows than are gathered at a time, and a size that divides nothing: the same as one sweep of the kernel."""
    problem = random_problem(np.random.default_rng(10), 20_001, 2, l2=0.1)
    order = np.random.default_rng(0).permutation(20_001)
    for size in (1, 7, 3_000, 9_000, 30_000):
        batches = -(-20_001 // size)
        rates = np.linspace(0.2, 0.1, batches)
        theta, mean = problem.objective().sweep(order, problem.origin, size, rates)
        block = Block(problem.X[order], problem.y[order])
        how = Updates(size, rates, 1.0, 0.1, True)
        at_once, total = kernel("vectorized").sweep(block, problem.origin, how)
        assert np.array_equal(theta, at_once)
        assert np.allclose(mean, total / batches, rtol=1e-12)  # 20,001 terms may be added in another order


@pytest.mark.parametrize("name", KERNELS)
def test_the_worked_example_of_the_textbook(name: str) -> None:
    """SLP section 5.6.3: x = (3, 2), y = 1, η = 0.1, from zero."""
    objective = Problem(np.array([[3.0, 2.0]]), np.array([1.0])).objective(name)
    theta, points, losses = np.zeros((3, 1)), [], []
    for _ in range(3):
        at = objective.evaluate(theta, Want.GRADIENT)
        points.append(theta[:, 0])
        losses.append(f"{at.value[0]:.4f}")
        theta = theta - 0.1 * at.gradient
    assert np.allclose(points[1], [0.15, 0.10, 0.05], rtol=0, atol=EPS)
    assert [f"{value:.4f}" for value in points[2]] == ["0.2495", "0.1664", "0.0832"]
    assert losses == ["0.6931", "0.4032", "0.2716"]
    by_sweeps, _ = objective.sweep(np.array([0]), np.zeros((3, 1)), 1, np.array([0.1]))
    assert np.allclose(by_sweeps[:, 0], points[1], rtol=0, atol=EPS)


@pytest.mark.parametrize("columns", [3, 1_001])
def test_smoothness_is_the_largest_eigenvalue_of_the_steepest_hessian(columns: int) -> None:
    """By the Gram matrix for few columns, by Lanczos for many: there 1e-3 is added on purpose, never less."""
    rng = np.random.default_rng(11)
    problem = random_problem(rng, 40, columns, l2=0.3, weights=True, offset=True)
    X1 = np.hstack([problem.X, np.ones((40, 1))])
    steepest = (X1.T * problem.weight / problem.weight.sum()) @ X1 / 4 + 0.3 * np.diag([1.0] * columns + [0.0])
    exact = float(eigvalsh(steepest, subset_by_index=[columns, columns])[0])
    assert exact * (1 - 1e-12) <= problem.objective().smoothness <= exact * (1 + 2e-3)


def test_an_unknown_kernel_is_named_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"'fast'.*loops, vectorized, blocked"):
        kernel("fast")


def test_sums_add_up_in_place_and_reach_is_a_maximum() -> None:
    one, two = Sums.zeros(1, 1, Want.LOSS, True), Sums.zeros(1, 1, Want.LOSS, True)
    one.reach[:], two.reach[:] = 3.0, 2.0
    two = replace(two, loss=np.array([5.0]))
    one.add(two)
    assert (one.loss[0], one.reach[0]) == (5.0, 3.0)
