"""No certificate is ever below the true gap: over thousands of random problems whose optimum another solver knows."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from statistics import median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from problems import EPS, Problem, random_problem
from thalweg.certificate import FAR_INTERCEPT, NO_PENALTY, WORDS, certify, one_pass_bound, step_bound
from thalweg.kernels import Want
from thalweg.objective import Evaluation, Objective
from thalweg.probe import probe

Bounds = list[tuple[str, float, float, float]]  # kind, bound, true gap, P


def smooth_bounds(problem: Problem, rng: np.random.Generator) -> Iterator[tuple[str, float, float, float]]:
    """C1 or C2 at points far from and near to the optimum, and C3 after steps of any direction and length from them."""
    objective = problem.objective()
    best, least = problem.optimum
    penalty = objective.penalty
    for distance in rng.choice([3.0, 1.0, 0.1, 1e-3, 1e-6, 0.0], 3):
        theta = np.asarray(best[:, None], float) + distance * rng.standard_normal((problem.d, 1))
        before = objective.evaluate(theta, Want.HESSIAN)
        bound = one_pass_bound(before, penalty, problem.intercept)
        yield "C2" if problem.intercept else "C1", bound, float(problem.value(theta) - least), float(before.value[0])
        for step in steps(before, objective, rng):
            at = objective.evaluate(theta + step, Want.BORDER, step)
            bound = step_bound(at, before, penalty, problem.intercept)
            yield "C3", bound, float(problem.value(theta + step) - least), float(at.value[0])
        with np.errstate(invalid="ignore"):
            probed = probe(objective, before, certify(before, penalty, problem.intercept), 1e-6)
        if probed.gap is not None:
            yield "probe", probed.gap, float(problem.value(theta) - least), float(before.value[0])


def steps(before: Evaluation, objective: Objective, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """A Newton step, shortened ones, and arbitrary ones, whose Δ_b solves the intercept's equation."""
    p, d = objective.rows.p, objective.d
    if d == 0:
        return
    newton = -np.linalg.lstsq(before.hessian[0], before.gradient, rcond=None)[0]
    for direction in (newton, 0.3 * newton, rng.standard_normal((d, 1)), 1e-3 * rng.standard_normal((d, 1))):
        for reach in (None, float(rng.choice([rng.uniform(0.0, 1.0), 1.0]))):
            step = direction.copy()
            H_bb = before.border[p, 0]
            if objective.intercept and H_bb > 0.0:
                step[p] = -(before.gradient[p] + before.border[:p, 0] @ step[:p]) / H_bb
            # a shorter Δ_w, with the Δ_b that then solves the equation: reach is only aimed at
            z = np.hstack([objective.rows.X, np.ones((objective.rows.n, 1))])[:, :d] @ step
            if reach is not None and np.abs(z).max() > 0.0:
                step[:p] *= min(reach / np.abs(z).max(), 1.0)
                if objective.intercept and H_bb > 0.0:
                    step[p] = -(before.gradient[p] + before.border[:p, 0] @ step[:p]) / H_bb
            yield step


def sparse_bounds(problem: Problem, rng: np.random.Generator) -> Iterator[tuple[str, float, float, float]]:
    """The dual gap, at any point and at sparse ones."""
    objective = problem.objective()
    best, least = problem.optimum
    for distance in (3.0, 1.0, 0.1, 1e-3, 1e-6, 0.0):
        theta = np.asarray(best[:, None], float) + distance * rng.standard_normal((problem.d, 1))
        theta[: problem.p] *= rng.integers(0, 2, (problem.p, 1))
        at = objective.evaluate(theta, Want.BORDER)
        bound = one_pass_bound(at, objective.penalty, problem.intercept)
        kind = "dual, l1 only" if problem.l2 == 0.0 else "dual, l1 and l2"
        yield kind, bound, float(problem.value(theta) - least), float(at.value[0])


def assert_never_violated(
    problem: Problem, bounds: Iterator[tuple[str, float, float, float]], seen: Bounds | None = None
) -> None:
    # the kernels know each σ(z) - y, and so the gradient, to eps·(1 + max|x|) times a few roundings
    error = 4 * EPS * (1.0 + float(np.abs(problem.X).max(initial=0.0)))
    for kind, bound, gap, value in bounds:
        assert bound >= 0.0
        # ‖g‖²/(2·l2) then errs by ‖g‖·error/l2 = √(2·bound/l2)·error, g_b²/H_bb by less than 2·error (|g_b| ≤ H_bb),
        # and P, like the sums behind the dual gap, by a few roundings of its own
        slack = 8 * EPS * value + 2 * error
        if problem.l2 > 0.0 and np.isfinite(bound):
            slack += error * (np.sqrt(2 * bound / problem.l2) + error / problem.l2)
        assert gap <= bound + slack, (kind, bound, gap, value)
        if seen is not None:
            seen.append((kind, bound, gap, value))


def case(rng: np.random.Generator, sparse: bool) -> Problem:
    """n 1..40, p 0..6, everything else on or off, penalties from negligible to crushing."""
    l2 = 10.0 ** rng.uniform(-8, 3)
    l1 = 10.0 ** rng.uniform(-4, 0) if sparse else 0.0
    return random_problem(
        rng,
        int(rng.integers(1, 41)),
        int(rng.integers(0, 7)),
        l2=0.0 if sparse and rng.random() < 0.5 else l2,
        l1=l1,
        intercept=bool(rng.random() < 0.7),
        weights=bool(rng.random() < 0.5),
        offset=bool(rng.random() < 0.5),
        soft=bool(rng.random() < 0.3),
        scale=float(rng.choice([0.1, 1.0, 5.0])),
    )


def report(seen: Bounds) -> dict[str, float]:
    """Median of bound / true gap by kind, where there is a bound and the gap is more than rounding."""
    ratios: dict[str, list[float]] = defaultdict(list)
    for kind, bound, gap, _ in seen:
        if np.isfinite(bound) and gap > 1e-10:
            ratios[kind].append(bound / gap)
    for kind, values in sorted(ratios.items()):
        print(f"{kind}: {len(values)} bounds, median bound / gap {median(values):.3g}, least {min(values):.6f}")
    return {kind: median(values) for kind, values in ratios.items()}


def test_no_smooth_certificate_is_below_the_true_gap() -> None:
    rng, seen = np.random.default_rng(0), []
    for _ in range(1000):
        problem = case(rng, sparse=False)
        objective = problem.objective()
        with objective.engine.running():
            assert_never_violated(problem, smooth_bounds(problem, rng), seen)
    medians = report(seen)
    assert set(medians) == {"C1", "C2", "C3", "probe"}
    assert medians["C3"] < 10.0  # a bound that is never wrong may still be useless: this one is not


def test_no_sparse_certificate_is_below_the_true_gap() -> None:
    rng, seen = np.random.default_rng(1), []
    for _ in range(150):
        problem = case(rng, sparse=True)
        assert_never_violated(problem, sparse_bounds(problem, rng), seen)
    assert set(report(seen)) == {"dual, l1 only", "dual, l1 and l2"}


problems = st.builds(
    lambda seed, n, p, l2, intercept, weights, offset, soft, scale: random_problem(
        np.random.default_rng(seed),
        n,
        p,
        l2=l2,
        intercept=intercept,
        weights=weights,
        offset=offset,
        soft=soft,
        scale=scale,
    ),
    st.integers(0, 2**32 - 1),
    st.integers(1, 40),
    st.integers(0, 6),
    st.floats(-10.0, 6.0).map(lambda exponent: 10.0**exponent),
    *[st.booleans()] * 4,
    st.sampled_from([1e-3, 1.0, 30.0]),
)


@settings(max_examples=60)
@given(problems, st.integers(0, 2**32 - 1))
def test_hypothesis_finds_no_violation_either(problem: Problem, seed: int) -> None:
    assert_never_violated(problem, smooth_bounds(problem, np.random.default_rng(seed)))


@settings(max_examples=30)
@given(problems, st.integers(0, 2**32 - 1), st.floats(-4.0, 0.5), st.booleans())
def test_hypothesis_finds_no_violation_with_l1(problem: Problem, seed: int, exponent: float, ridge: bool) -> None:
    problem = replace(problem, l1=10.0**exponent, l2=problem.l2 if ridge else 0.0)
    assert_never_violated(problem, sparse_bounds(problem, np.random.default_rng(seed)))


def test_the_design_s_formulas_are_what_is_computed() -> None:
    """C2 and C3 as the design writes them: the code's refinements only ever lower them."""
    rng = np.random.default_rng(2)
    for _ in range(50):
        problem = replace(random_problem(rng, 30, 3, weights=True, offset=True), l2=0.1)
        objective = problem.objective()
        before = objective.evaluate(0.1 * rng.standard_normal((4, 1)), Want.HESSIAN)
        g, H = before.gradient[:, 0], before.hessian[0]
        ratio = g[3] / H[3, 3]
        if abs(ratio) <= 1.0:
            c2 = np.sum((g[:3] - ratio * H[:3, 3]) ** 2) / 0.2 + g[3] ** 2 / H[3, 3]
            assert one_pass_bound(before, objective.penalty, True) <= c2 * (1 + 1e-12)
        step = -np.linalg.solve(H, g)[:, None]
        z = problem.X @ before.theta[:3, 0] + before.theta[3, 0] + problem.offset
        delta = problem.X @ step[:3, 0] + step[3, 0]
        if np.abs(delta).max() > 1.0:
            continue
        at = objective.evaluate(before.theta + step, Want.BORDER, step)
        p, new = 1 / (1 + np.exp(-z)), 1 / (1 + np.exp(-z - delta))
        q = p + p * (1 - p) * delta
        kl = problem.weight @ (q * np.log(q / new) + (1 - q) * np.log((1 - q) / (1 - new))) / problem.weight.sum()
        r = g[:3] + H[:3] @ step[:, 0]
        bound = step_bound(at, before, objective.penalty, True)
        # 1e-14 is where the logarithms' own cancellation ends, as the design says
        assert kl + r @ r / 0.2 - 1e-14 <= bound <= 3 * kl + r @ r / 0.2 + 1e-14


def test_c3_after_a_newton_step_proves_the_last_digits() -> None:
    problem = random_problem(np.random.default_rng(3), 200, 4, l2=1e-3)
    objective = problem.objective()
    theta = problem.origin
    for _ in range(6):
        before = objective.evaluate(theta, Want.HESSIAN)
        step = -np.linalg.solve(before.hessian[0], before.gradient)
        step[4] = -(before.gradient[4] + before.border[:4, 0] @ step[:4]) / before.border[4, 0]
        theta = theta + step
        at = objective.evaluate(theta, Want.BORDER, step)
    certificate = certify(at, objective.penalty, True, before)
    assert certificate.gap < 1e-20  # far below eps·P: the sums of squares in it do not cancel
    assert certificate.kind in WORDS


@pytest.mark.parametrize("intercept", [True, False])
def test_without_a_penalty_there_is_no_bound_and_the_reason_is_in_words(intercept: bool) -> None:
    problem = random_problem(np.random.default_rng(4), 20, 2, intercept=intercept)
    objective = problem.objective()
    before = objective.evaluate(problem.origin, Want.HESSIAN)
    step = np.full((problem.d, 1), 1e-3)
    at = objective.evaluate(problem.origin + step, Want.BORDER, step)
    for certificate in (
        certify(before, objective.penalty, intercept),
        certify(at, objective.penalty, intercept, before),
    ):
        assert (certificate.gap, certificate.relative_gap, certificate.kind) == (None, None, None)
        assert certificate.reason == NO_PENALTY
        assert certificate.gradient_norm > 0.0
    assert np.isinf(step_bound(at, before, objective.penalty, intercept))


def test_far_from_the_intercept_there_is_no_bound_and_the_reason_is_in_words() -> None:
    problem = replace(random_problem(np.random.default_rng(5), 20, 2), l2=0.1)
    objective = problem.objective()
    at = objective.evaluate(np.array([[0.0], [0.0], [9.0]]), Want.BORDER)
    certificate = certify(at, objective.penalty, True)
    assert (certificate.gap, certificate.reason) == (None, FAR_INTERCEPT)


def test_c3_asks_for_a_short_step_and_the_intercept_s_equation() -> None:
    problem = replace(random_problem(np.random.default_rng(6), 20, 2), l2=0.1)
    objective = problem.objective()
    before = objective.evaluate(problem.origin, Want.HESSIAN)
    for step in (np.full((3, 1), 5.0), np.array([[0.01], [0.0], [0.01]])):
        at = objective.evaluate(problem.origin + step, Want.BORDER, step)
        assert np.isinf(step_bound(at, before, objective.penalty, True))
    without_step = objective.evaluate(problem.origin, Want.BORDER)
    assert np.isinf(step_bound(without_step, before, objective.penalty, True))


def test_the_optimum_itself_has_a_gap_of_nothing() -> None:
    """One-class rows without an intercept and no columns: P is constant, and the bound says 0."""
    problem = Problem(np.zeros((3, 0)), np.ones(3), l2=1.0, intercept=False)
    objective = problem.objective()
    certificate = certify(objective.evaluate(problem.origin, Want.BORDER), objective.penalty, False)
    assert (certificate.gap, certificate.relative_gap, certificate.kind) == (0.0, 0.0, "C1")
