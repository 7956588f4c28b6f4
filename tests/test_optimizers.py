"""Every member of OPTIMIZERS through the one loop: the same optimum, and an end for a stated reason."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from problems import EPS, Problem, random_problem
from thalweg.errors import RunError, UsageError
from thalweg.events import Event
from thalweg.objective import Objective
from thalweg.observers import Trace
from thalweg.optimizers import OPTIMIZERS, GradientDescent, Lbfgs, Nesterov, Newton, Optimizer, Settings, Stochastic
from thalweg.schedules import SCHEDULES, schedule
from thalweg.solve import Solution, solve
from thalweg.stopping import Outcome, Rules

STOCHASTIC = ["minibatch", "sgd"]
FULL = [name for name in OPTIMIZERS if name not in STOCHASTIC]


def made(name: str, **settings: object) -> Optimizer:
    method = OPTIMIZERS[name]
    chosen = {"epochs": method.epochs, "batch_size": method.batch_size, "schedule": method.schedule}
    return method.make(Settings(**(chosen | settings)))


def run(problem: Problem, optimizer: Optimizer, rules: Rules | None = None, **more: object) -> Solution:
    rules = rules or Rules(epochs=OPTIMIZERS[optimizer.name].epochs)
    return solve(problem.objective(), optimizer, problem.origin, rules, **more)


def gap_of(problem: Problem, solution: Solution) -> float:
    return float(problem.value(solution.theta) - problem.optimum[1])


def conditioned(seed: int, **more: object) -> Problem:
    """Gaussian columns and a penalty near their curvature: every method arrives."""
    return random_problem(np.random.default_rng(seed), 300, 4, **({"l2": 0.05} | more))


def separable() -> Problem:
    x = np.linspace(-1.0, 1.0, 20)[:, None]
    return Problem(x, (x[:, 0] > 0).astype(float))


# --- conformance ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize(
    "extras", [{}, {"weights": True, "offset": True}, {"soft": True}], ids=["plain", "s, o", "soft"]
)
def test_every_method_ends_within_its_certificate_of_the_same_optimum(
    name: str, intercept: bool, extras: dict[str, bool]
) -> None:
    problem = conditioned(1, intercept=intercept, **extras)
    solution = run(problem, made(name))
    assert gap_of(problem, solution) <= solution.certificate.gap + 8 * EPS  # P ≤ 1 is known to a few roundings
    if name in FULL:
        assert solution.outcome is Outcome.CERTIFIED
        assert solution.certificate.relative_gap <= 1e-6
    else:  # what a few epochs reach with these rows; the certificate says how far it is
        assert solution.certificate.relative_gap <= 0.1
    assert solution.sentence.startswith(solution.outcome.value)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_loop_tells_a_start_every_step_and_an_end(name: str) -> None:
    events: list[Event] = []
    problem = conditioned(2)
    solution = run(problem, made(name), Rules(epochs=3, tol=1e-12), observers=[events.append])
    assert [event.kind for event in events] == ["start", *["step"] * solution.steps, "end"]
    assert [event.step for event in events[:-1]] == list(range(solution.steps + 1))
    passes = [event.passes for event in events]
    assert passes == sorted(passes)
    assert passes[0] >= 1.0
    assert all(event.theta.shape == (problem.d, 1) for event in events)
    assert events[-1].outcome == solution.sentence
    assert events[-1].objective == solution.at.value[0]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_start_at_the_optimum_is_certified_without_a_step(name: str) -> None:
    problem = conditioned(3)
    best = np.asarray(problem.optimum[0][:, None], float)
    solution = solve(problem.objective(), made(name), best, Rules())
    assert (solution.outcome, solution.steps) == (Outcome.CERTIFIED, 0)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_method_goes_on_from_its_state_as_if_it_had_never_stopped(name: str) -> None:
    objective, optimizer = conditioned(4, l2=1e-3).objective(), made(name)
    state = optimizer.init(objective, np.zeros((5, 1)))
    states = [state := optimizer.step(objective, state) for _ in range(4)]
    again = states[1]
    for _ in range(2):
        again = optimizer.step(objective, again)
    assert np.array_equal(again.at.theta, states[3].at.theta)


def test_methods_say_what_they_are() -> None:
    for name, method in OPTIMIZERS.items():
        optimizer = made(name)
        assert optimizer.name == name
        assert optimizer.rate is None
        assert made(name, rate=0.25).rate == (0.25 if "rate" in method.options else None)
        assert method.summary
        assert method.epochs > 0


# --- the reasons a run ends for ---------------------------------------------------------------------------------------


def test_certified() -> None:
    solution = run(conditioned(5), Newton(tol=1e-10), Rules(tol=1e-10))
    assert solution.outcome is Outcome.CERTIFIED
    assert solution.certificate.relative_gap <= 1e-10


@pytest.mark.parametrize("name", FULL)
def test_without_a_penalty_a_run_ends_where_a_newton_step_hardly_moves_the_margins(name: str) -> None:
    problem = conditioned(6, l2=0.0)
    solution = run(problem, made(name))
    assert solution.outcome is Outcome.STATIONARY
    apart = problem.X @ (solution.theta[:-1, 0] - problem.optimum[0][:-1].astype(float))
    assert np.abs(apart + solution.theta[-1, 0] - float(problem.optimum[0][-1])).max() <= 1.1e-4  # 0.1·√tol
    assert solution.certificate.gap is None
    assert "no bound" in solution.certificate.reason
    # the decrement is √(g·H⁻¹g): half its square estimates the gap, to first order in the decrement and to P's rounding
    assert gap_of(problem, solution) == pytest.approx(solution.certificate.newton_decrement**2 / 2, rel=0.01, abs=1e-18)


def test_small_gradient_where_it_is_asked_for() -> None:
    solution = run(conditioned(7), GradientDescent(), Rules(tol=1e-12, gradient_tol=1e-2, epochs=1000))
    assert solution.outcome is Outcome.SMALL_GRADIENT
    assert solution.certificate.gradient_norm <= 1e-2


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_holdout_rose(name: str) -> None:
    """A held-out loss that only rises: the start is kept, after as many steps as there is patience."""
    problem = conditioned(8, l2=1e-4)
    rising = iter(range(1000))
    solution = run(
        problem, made(name), Rules(tol=1e-15, patience=2, epochs=50), holdout=lambda theta: float(next(rising))
    )
    assert (solution.outcome, solution.steps) == (Outcome.HOLDOUT_ROSE, 2)
    assert not solution.theta.any()


def test_patience_keeps_the_best_point_on_the_held_out_rows() -> None:
    losses = [5.0, 4.0, 3.0, 4.0, 3.5, 3.2, 9.0]
    seen: list[np.ndarray] = []

    def holdout(theta: np.ndarray) -> float:
        seen.append(theta.copy())
        return losses[len(seen) - 1]

    solution = run(conditioned(9), GradientDescent(), Rules(tol=1e-15, patience=3, epochs=50), holdout=holdout)
    assert (solution.outcome, solution.steps) == (Outcome.HOLDOUT_ROSE, 5)
    assert np.array_equal(solution.theta, seen[2])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_epochs_spent(name: str) -> None:
    solution = run(conditioned(10, l2=1e-6), made(name), Rules(tol=1e-14, epochs=1))
    assert (solution.outcome, solution.steps) == (Outcome.EPOCHS_SPENT, 1)


def test_no_epochs_at_all_judge_the_start() -> None:
    solution = run(conditioned(10), GradientDescent(), Rules(epochs=0))
    assert (solution.outcome, solution.steps) == (Outcome.EPOCHS_SPENT, 0)


@pytest.mark.parametrize("make", [GradientDescent, Nesterov], ids=["gd", "nesterov"])
@pytest.mark.parametrize("times", [30.0, 1e6, 1e200])
def test_diverging_names_the_largest_stable_rate(make: Callable[..., Optimizer], times: float) -> None:
    problem = conditioned(11, l2=1.0)
    smoothness = problem.objective().smoothness
    solution = run(problem, make(times / smoothness, epochs=1000), Rules(epochs=1000))
    assert solution.outcome is Outcome.DIVERGING
    assert (
        f"The largest stable rate is {2 / smoothness:.3g}; the run used {times / smoothness:.3g}." in solution.sentence
    )
    assert np.array_equal(solution.theta, problem.origin)  # the best point so far is the start


@pytest.mark.parametrize("name", STOCHASTIC)
@pytest.mark.parametrize("times", [300.0, 1e200])
def test_diverging_stochastic_methods_say_so_too(name: str, times: float) -> None:
    problem = conditioned(11, l2=1.0)
    rate = times / problem.objective().smoothness
    solution = run(problem, made(name, rate=rate, schedule="constant", batch_size=10), Rules(epochs=100))
    assert solution.outcome is Outcome.DIVERGING
    assert "largest stable rate" in solution.sentence


def test_a_rate_just_below_the_largest_stable_one_arrives() -> None:
    problem = conditioned(11, l2=1.0)
    solution = run(problem, GradientDescent(1.9 / problem.objective().smoothness), Rules(epochs=1000))
    assert solution.outcome is Outcome.CERTIFIED


@pytest.mark.parametrize("name", FULL)
def test_separated_rows_without_a_penalty_are_named(name: str) -> None:
    solution = run(separable(), made(name), Rules(epochs=3000))
    assert solution.outcome is Outcome.SEPARATED
    assert "set l2 > 0" in solution.sentence
    assert np.all((separable().X @ solution.theta[:1] + solution.theta[1] > 0)[:, 0] == (separable().y > 0))


def test_rows_that_only_their_offsets_classify_are_not_called_separated() -> None:
    """All rows on their side by the offset; x and b say nothing about the label, and the optimum is finite."""
    rng = np.random.default_rng(12)
    y = (np.arange(40) % 2).astype(float)
    problem = Problem(rng.standard_normal((40, 1)), y, offset=(2 * y - 1) * 6.0)
    solution = run(problem, Newton())
    assert np.isfinite(problem.optimum[0].astype(float)).all()
    assert solution.outcome is Outcome.STATIONARY


def test_weights_and_soft_labels_are_not_called_separated() -> None:
    rows = separable()
    light = replace(rows, X=np.vstack([rows.X, [[0.5]]]), y=np.append(rows.y, 0.0), weight=np.append(np.ones(20), 1e-6))
    assert run(light, Newton()).outcome is not Outcome.SEPARATED  # one light row on the wrong side
    soft = replace(rows, y=np.clip(rows.y, 1e-9, 1 - 1e-9))
    assert run(soft, Newton()).outcome is not Outcome.SEPARATED


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("moment", [0, 1, 2])
def test_interrupted_keeps_the_best_point(name: str, moment: int) -> None:
    problem, values = conditioned(13, l2=1e-4), []

    def pressing(event: Event) -> None:
        if event.kind != "end":
            values.append(event.objective)
            if event.step == moment:
                raise KeyboardInterrupt

    begin = 0.1 * problem.optimum[0].astype(float)[:, None]
    solution = solve(problem.objective(), made(name), begin, Rules(tol=1e-15), observers=[pressing])
    assert solution.outcome is Outcome.INTERRUPTED
    assert solution.steps == moment
    assert solution.at.value[0] == min(values)


def test_an_interrupt_where_the_best_point_is_zero_has_nothing_to_keep() -> None:
    class Interrupted(GradientDescent):
        def init(self, objective: Objective, theta: np.ndarray) -> object:
            raise KeyboardInterrupt

    def pressing(event: Event) -> None:
        events.append(event.kind)
        raise KeyboardInterrupt

    events: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        run(conditioned(13), Interrupted())
    with pytest.raises(KeyboardInterrupt):
        run(conditioned(13), GradientDescent(), observers=[pressing])
    assert events == ["start"], "no end that says a point was kept"


@pytest.mark.parametrize("name", ["lbfgs", "newton"])
def test_stalled_at_the_limits_of_float64(name: str) -> None:
    problem = conditioned(14)
    solution = run(problem, made(name, tol=0.0), Rules(tol=0.0, epochs=1000))
    assert solution.outcome is Outcome.STALLED
    assert gap_of(problem, solution) <= 8 * EPS


def test_an_error_in_an_observer_reaches_the_caller() -> None:
    def broken(event: Event) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(conditioned(14), Newton(), observers=[broken])


def test_a_first_point_that_is_not_a_number_is_an_error_in_words() -> None:
    problem = Problem(np.array([[1e308], [-1e308]]), np.array([0.0, 1.0]), l2=1.0)
    with pytest.raises(RunError, match="not a number"):
        solve(problem.objective(), Newton(), np.full((2, 1), 1e308), Rules())


# --- the stochastic methods -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STOCHASTIC)
@pytest.mark.parametrize("average", [False, True])
def test_a_seed_fixes_every_bit_and_another_gives_another_order(name: str, average: bool) -> None:
    problem, rules = conditioned(15), Rules(tol=1e-15, epochs=3)
    first, second, other = (
        run(problem, made(name, seed=seed, batch_size=16 if name == "minibatch" else 1, average=average), rules)
        for seed in (5, 5, 6)
    )
    assert first.state.at.theta.tobytes() == second.state.at.theta.tobytes()
    assert first.state.at.theta.tobytes() != other.state.at.theta.tobytes()


def test_every_row_is_seen_once_an_epoch() -> None:
    """Single rows, and a rate so small that their order is lost in it: an epoch is then a step of full descent."""
    problem = conditioned(16, weights=True)
    objective = problem.objective()
    rate, n = 1e-9, 300
    state = Stochastic(1, rate, SCHEDULES["constant"], 1).init(objective, problem.origin)
    after = Stochastic(1, rate, SCHEDULES["constant"], 1).step(objective, state)
    step = -(after.theta - problem.origin) / (rate * n)
    # n updates drift by less than n·rate·max‖g‖ ~ 3e-6, and each rounds eps of θ ~ 1e-7 against rate·g ~ 1e-9
    assert np.allclose(step, state.at.gradient, rtol=0, atol=1e-5)


def test_averaging_reports_the_mean_of_all_points_since_the_second_epoch() -> None:
    problem = conditioned(17)
    optimizer = Stochastic(50, 0.1, SCHEDULES["1/k"], 4, average=True, seed=3)
    objective = problem.objective()
    state = optimizer.init(objective, problem.origin)
    plain = replace(optimizer, average=False)
    by_hand, points = plain.init(objective, problem.origin), []
    for epoch in range(4):
        state, theta = optimizer.step(objective, state), by_hand.theta
        rates = [0.1 * SCHEDULES["1/k"](k, 24) for k in range(6 * epoch, 6 * epoch + 6)]
        order = np.random.default_rng([3, epoch]).permutation(300).reshape(6, 50)
        for rows, rate in zip(order, rates, strict=True):
            theta, _ = objective.sweep(rows, theta, 50, np.array([rate]))
            if epoch > 0:
                points.append(theta)
        by_hand = plain.step(objective, by_hand)
        assert np.allclose(state.theta, by_hand.theta, rtol=0, atol=1e-14)
        reported = by_hand.theta if epoch == 0 else np.mean(points, axis=0)
        assert np.allclose(state.at.theta, reported, rtol=0, atol=1e-14)  # means of ≤ 18 numbers below 1


def test_sgd_with_one_batch_of_all_rows_is_gradient_descent() -> None:
    problem = conditioned(18, weights=True, offset=True)
    rate = 1.0 / problem.objective().smoothness
    rules = Rules(tol=1e-15, epochs=5)
    batch = run(problem, Stochastic(300, rate, SCHEDULES["constant"], 5), rules)
    descent = run(problem, GradientDescent(rate), rules)
    assert np.allclose(batch.theta, descent.theta, rtol=0, atol=5 * 340 * EPS)  # 5 steps of n + p + 32 roundings


# --- schedules --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_starts_at_1_and_never_rises(name: str) -> None:
    factors = [SCHEDULES[name](k, 100) for k in range(300)]
    assert factors[0] == 1.0
    assert all(0.0 <= later <= earlier for earlier, later in pairwise(factors))
    assert SCHEDULES[name](0, 0) == 1.0


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("method", ["gd", "nesterov", *STOCHASTIC])
def test_every_schedule_goes_with_every_method_that_takes_one(name: str, method: str) -> None:
    trace = Trace()
    problem = conditioned(19)
    run(problem, made(method, schedule=name, rate=0.1, epochs=5), Rules(tol=1e-15, epochs=5), observers=[trace])
    rates = [row["rate"] for row in trace.rows[1:]]
    assert len(rates) == 5
    assert all(later <= earlier <= 0.1 for earlier, later in pairwise(rates))
    assert trace.rows[-1]["objective"] < trace.rows[0]["objective"]


def test_schedules_have_the_values_they_are_named_for() -> None:
    assert schedule("1/k")(10, 100) == 0.5
    assert schedule("1/sqrt")(30, 100) == 0.5
    assert [schedule("step")(k, 100) for k in (9, 10, 35)] == [1.0, 0.5, 0.125]
    assert schedule("cosine")(50, 100) == pytest.approx(0.5)
    assert schedule("cosine")(100, 100) == 0.0
    with pytest.raises(UsageError, match=r"'slow'.*constant, 1/k"):
        schedule("slow")


# --- gradient methods -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("l1", [0.0, 0.05])
def test_gradient_descent_at_1_over_L_never_goes_up(seed: int, l1: float) -> None:
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, 60, 5, l2=10.0 ** rng.uniform(-6, 1), l1=l1, weights=True, offset=True, scale=3.0)
    trace = Trace()
    run(problem, GradientDescent(), Rules(tol=1e-12, epochs=300), observers=[trace])
    values = np.array([row["objective"] for row in trace.rows])
    assert np.all(np.diff(values) <= 100 * EPS * values[:-1])  # n + p + 32 roundings in each


@pytest.mark.parametrize("make", [GradientDescent, Nesterov], ids=["gd", "nesterov"])
@pytest.mark.parametrize("l2", [0.0, 0.01])
@pytest.mark.parametrize("intercept", [True, False])
def test_l1_gives_exact_zeros_and_a_certified_gap(make: Callable[[], Optimizer], l2: float, intercept: bool) -> None:
    rng = np.random.default_rng(20)
    X = rng.standard_normal((200, 8))
    y = (rng.random(200) < 1 / (1 + np.exp(-2 * X[:, 0] + X[:, 1]))).astype(float)
    problem = Problem(X, y, weight=rng.exponential(size=200), l1=0.1, l2=l2, intercept=intercept)
    solution = run(problem, make(), Rules(epochs=5000, tol=1e-8))
    assert solution.outcome is Outcome.CERTIFIED
    assert solution.certificate.kind == "dual"
    assert gap_of(problem, solution) <= solution.certificate.gap + 8 * EPS
    zeros = solution.theta[:8, 0] == 0.0
    assert zeros.sum() >= 3
    assert not zeros[:2].any()
    assert np.array_equal(zeros, problem.optimum[0][:8] == 0)


def test_a_large_l1_leaves_the_intercept_only() -> None:
    problem = conditioned(21, l2=0.0, l1=10.0)
    solution = run(problem, Nesterov())
    assert not solution.theta[:-1].any()
    rate = problem.y.mean()
    # P is flat there: a gap of 1e-6·P is √(2·1e-6·P/(rate(1 - rate))) in b
    assert solution.theta[-1, 0] == pytest.approx(np.log(rate / (1 - rate)), abs=4e-3)


def test_nesterov_needs_fewer_steps_than_gradient_descent() -> None:
    problem = conditioned(22, l2=1e-3, scale=3.0)
    steps = [run(problem, optimizer, Rules(epochs=10_000)).steps for optimizer in (Nesterov(), GradientDescent())]
    assert steps[0] < steps[1]


# --- Newton and L-BFGS on awkward rows --------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", [Newton(), Lbfgs()], ids=["newton", "lbfgs"])
def test_duplicate_columns_without_a_penalty_still_reach_the_optimum(optimizer: Optimizer) -> None:
    """The Hessian is singular; the value at the optimum is that of the single columns."""
    single = conditioned(23, l2=0.0)
    double = replace(single, X=np.hstack([single.X, single.X, np.zeros((300, 1))]))
    solution = run(double, optimizer)
    assert solution.outcome is Outcome.STATIONARY
    assert solution.at.value[0] == pytest.approx(float(single.optimum[1]), rel=1e-9)  # margins within 0.1·√tol


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("l2", [0.0, 1.0])
def test_no_columns_leave_the_log_odds(name: str, l2: float) -> None:
    y = np.array([1.0, 0.0, 0.0, 1.0, 1.0, 0.25])
    weight = np.array([1.0, 2.0, 1.0, 0.5, 3.0, 1.0])
    problem = Problem(np.zeros((6, 0)), y, weight, l2=l2)
    solution = run(problem, made(name))
    if name in FULL:
        assert solution.outcome in (Outcome.CERTIFIED, Outcome.STATIONARY)
        rate = weight @ y / weight.sum()
        assert solution.theta[0, 0] == pytest.approx(np.log(rate / (1 - rate)), abs=3e-3)  # √(2·1e-6/h), h > 0.2
    if solution.certificate.gap is not None:
        assert gap_of(problem, solution) <= solution.certificate.gap + 8 * EPS


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("l2", [0.0, 1.0])
def test_nothing_to_learn_is_an_end_too(name: str, l2: float) -> None:
    """No columns and no intercept: P is log 2."""
    problem = Problem(np.zeros((4, 0)), np.array([0.0, 1.0, 1.0, 0.0]), l2=l2, intercept=False)
    solution = run(problem, made(name))
    assert solution.outcome is (Outcome.CERTIFIED if l2 else Outcome.STATIONARY)
    assert solution.at.value[0] == pytest.approx(np.log(2.0), rel=2 * EPS)


@pytest.mark.parametrize("name", FULL)
def test_one_row(name: str) -> None:
    problem = Problem(np.array([[3.0, 2.0]]), np.array([1.0]), l2=0.1, intercept=False)
    solution = run(problem, made(name))
    assert solution.outcome is Outcome.CERTIFIED
    assert gap_of(problem, solution) <= solution.certificate.gap + 8 * EPS


@pytest.mark.parametrize("name", ["newton", "lbfgs"])
def test_columns_of_a_million_and_a_millionth(name: str) -> None:
    rng = np.random.default_rng(24)
    scales = np.array([1e6, 1e-6, 1.0, 1e3])
    plain = random_problem(rng, 500, 4)
    problem = replace(plain, X=plain.X * scales + 10 * scales, l2=1e-9)
    solution = run(problem, made(name))
    assert solution.outcome is Outcome.CERTIFIED
    assert gap_of(problem, solution) <= solution.certificate.gap + 8 * EPS


def test_newton_from_far_away_comes_back() -> None:
    problem = conditioned(25, l2=1e-4)
    solution = solve(problem.objective(), Newton(), np.full((5, 1), 50.0), Rules())
    assert solution.outcome is Outcome.CERTIFIED
    assert gap_of(problem, solution) <= solution.certificate.gap + 8 * EPS


def test_newton_with_another_problem_s_hessian_still_arrives() -> None:
    """A metric is a help, not a promise: with a wrong one the rows' own takes over."""
    problem = conditioned(26, l2=1e-4)
    for metric in (np.eye(5) * 1e-3, np.eye(5) * 1e3, np.diag([1e-3, 1e3, 1.0, 1.0, 1e-6])):
        solution = run(problem, Newton(metric=metric, expected=1e-3))
        assert solution.outcome is Outcome.CERTIFIED
        assert gap_of(problem, solution) <= solution.certificate.gap + 8 * EPS


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("column", [1e160, 1e300])
def test_columns_too_large_for_their_squares_are_refused_in_words(name: str, column: float) -> None:
    """x² overflows: neither a traceback from a library, nor a run that "stalls" because its direction is 0 or NaN."""
    problem = Problem(np.array([[column], [-column], [column]]), np.array([0.0, 1.0, 1.0]), l2=1.0)
    with pytest.raises(RunError, match="down"):
        run(problem, made(name), Rules(epochs=20))
