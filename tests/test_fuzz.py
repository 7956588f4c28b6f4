"""The certificate fuzz: its reference is right, it finds what it looks for, and a slice of it finds nothing."""

from dataclasses import replace

import numpy as np
import pytest

import thalweg
from fuzz import precision as high
from fuzz.case import Case
from fuzz.checks import FAILURES, Verdict, judge, judge_model
from fuzz.families import FAMILIES, case_of
from fuzz.minimum import minimise
from fuzz.reference import Reference
from fuzz.separation import separable
from problems import Problem, random_problem

PENALTIES = [(0.1, 0.0), (1e-12, 0.0), (0.0, 0.02), (0.01, 0.02)]


def reference(problem: Problem) -> Reference:
    ones, zeros = np.ones(problem.p), np.zeros(problem.p)
    return Reference.of(
        problem.X, problem.y, problem.weight, problem.offset, problem.l2, problem.l1, zeros, ones, problem.intercept
    )


def some_problem(l2: float, l1: float, seed: int = 3) -> Problem:
    rng = np.random.default_rng(seed)
    return random_problem(rng, 12, 3, l2=l2, l1=l1, weights=True, offset=True, soft=True)


@pytest.mark.parametrize(("l2", "l1"), PENALTIES)
def test_the_reference_is_the_definition(l2: float, l1: float) -> None:
    problem = some_problem(l2, l1)
    theta = np.random.default_rng(0).standard_normal(problem.d)
    expected = problem.value(theta)
    # 64 bits of extended precision, some 30 additions
    assert abs(float(reference(problem).value(high.exact(theta))) / float(expected) - 1.0) < 1e-15


@pytest.mark.parametrize(("l2", "l1"), PENALTIES)
def test_the_minimum_and_its_lower_bound_meet(l2: float, l1: float) -> None:
    problem = reference(some_problem(l2, l1))
    least = minimise(problem, high.zeros(problem.d))
    assert least.bound <= least.value
    assert float((least.value - least.bound) / least.value) < 1e-29


def test_a_point_s_own_bound_is_below_the_minimum() -> None:
    problem = reference(some_problem(0.01, 0.02))
    least = minimise(problem, high.zeros(problem.d)).value
    for seed in range(20):
        theta = high.exact(np.random.default_rng(seed).standard_normal(problem.d))
        assert problem.bound(theta) <= least


def fitted() -> tuple[Case, thalweg.Model]:
    rng = np.random.default_rng(5)
    X = rng.standard_normal((30, 3))
    case = Case("by hand", 0, X, (X[:, 0] + rng.standard_normal(30) > 0).astype(float), options={"tol": 1e-3})
    return case, case.fit()[0]


def kinds(case: Case, model: thalweg.Model, told: bool = False) -> set[str]:
    verdict = Verdict(case.family, case.seed, case.cells)
    judge_model(verdict, case, model, told)
    return {finding.kind for finding in verdict.findings}


def test_a_right_model_passes_and_a_gap_of_zero_is_found_out() -> None:
    case, model = fitted()
    assert kinds(case, model) == set()
    certificate = replace(model.certificate, gap=0.0, relative_gap=0.0)
    assert kinds(case, replace(model, certificate=certificate)) == {"violation"}


def test_another_point_or_another_objective_is_found_out() -> None:
    case, model = fitted()
    assert "violation" in kinds(case, replace(model, standardized_intercept=model.standardized_intercept + 1.0))
    assert kinds(case, replace(model, objective=model.objective * (1.0 + 1e-12))) == {"objective"}


def test_a_run_that_ends_short_needs_a_warning_and_one_that_does_not_needs_none() -> None:
    case, model = fitted()
    short = replace(case, options={"tol": 1e-30})
    stalled = replace(model, outcome=thalweg.Outcome.STALLED)
    assert kinds(short, stalled) == {"silent"}
    assert kinds(short, stalled, told=True) == set()
    assert kinds(short, model) == {"silent", "false"}
    assert kinds(case, model, told=True) == {"needless"}


def test_separation_is_seen_whole_in_part_and_not_at_all() -> None:
    x = np.array([-2.0, -1.0, 1.0, 2.0])[:, None]
    assert separable(x, np.array([0.0, 0.0, 1.0, 1.0]), None, True)
    assert not separable(x, np.array([0.0, 1.0, 0.0, 1.0]), None, True)
    assert separable(x, np.array([0.0, 1.0, 0.0, 1.0]), np.array([1.0, 0.0, 1.0, 1.0]), True)
    level = np.array([0.0, 0.0, 1.0, 1.0])[:, None]
    assert separable(level, np.array([0.0, 1.0, 1.0, 1.0]), None, True)
    assert not separable(level, np.array([0.0, 0.5, 0.5, 0.5]), None, True)


def test_a_case_is_the_same_each_time() -> None:
    for family in FAMILIES:
        one, two = case_of(family, 4), case_of(family, 4)
        assert one.options == two.options
        assert one.X.tobytes() + one.y.tobytes() == two.X.tobytes() + two.y.tobytes()


def found(seeds: range, cost: float) -> list[str]:
    """What fails among the cases of those seeds whose Hessian takes so many products; mpmath is slow with more."""
    cases = [case_of(family, seed) for family in FAMILIES for seed in seeds]
    verdicts = [judge(case) for case in cases if case.cells * case.X.shape[1] <= cost]
    return [
        f"--family {verdict.family} --seed {verdict.seed}: {finding.kind}: {finding.words}"
        for verdict in verdicts
        for finding in verdict.findings
        if finding.kind in FAILURES
    ]


def test_a_slice_of_the_fuzz_finds_nothing() -> None:
    assert found(range(8), 300) == []


@pytest.mark.slow
def test_a_larger_slice_of_the_fuzz_finds_nothing() -> None:
    assert found(range(8, 60), 2000) == []
