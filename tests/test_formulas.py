"""The scalar formulas: exact values, symmetries, derivatives, and no overflow at any finite margin."""

import math
from decimal import Decimal, localcontext
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from thalweg.formulas import curvature, divergence, log_loss, residual, sigmoid, softplus

EPS = 2.0**-52
EXTREMES = [0.0, -0.0, 1e-300, -1e-300, 1.0, -1.0, 36.0, -36.0, 745.0, -745.0, 1e3, -1e3, 1e308, -1e308]
margins = st.floats(-1e308, 1e308)
near = st.floats(-700.0, 700.0)  # where exp(-|z|) is a normal number
labels = st.floats(0.0, 1.0)


def exact_softplus(z: float) -> Decimal:
    with localcontext() as context:
        context.prec = 400  # the 1 of 1 + exp(-700) may not swallow the rest
        return (1 + Decimal(z).exp()).ln()


def exact_sigmoid(z: float) -> Decimal:
    with localcontext() as context:
        context.prec = 60
        return 1 / (1 + (-Decimal(z)).exp())


def exact_divergence(z: float, d: float) -> Decimal:
    """KL(q ‖ σ(z + d)) with q = p + p(1 - p)d, to 160 digits: its terms cancel down to d⁴p."""
    with localcontext() as context:
        context.prec = 160
        x, step = Decimal(z), Decimal(d)
        p = 1 / (1 + (-x).exp())
        odds = (x + step).exp()
        q = p + p * (1 - p) * step
        parts = [q * (q * (1 + odds) / odds).ln() if q > 0 else Decimal(0)]
        parts.append((1 - q) * ((1 - q) * (1 + odds)).ln() if q < 1 else Decimal(0))
        return sum(parts, Decimal(0))


@pytest.mark.parametrize("z", EXTREMES)
def test_no_formula_overflows_at_any_margin(z: float) -> None:
    for value in (softplus(z), sigmoid(z), curvature(z), *(f(y, z) for f in (log_loss, residual) for y in (0, 0.3, 1))):
        assert math.isfinite(value)
    assert 0.0 <= sigmoid(z) <= 1.0
    assert 0.0 <= curvature(z) <= 0.25
    assert softplus(z) >= max(z, 0.0)
    for d in (-1.0, -0.5, 0.0, 1e-9, 1.0):
        assert 0.0 <= divergence(z, d) < math.inf


@pytest.mark.parametrize("z", [1e3, 1e308])
def test_far_margins_give_the_limits_exactly(z: float) -> None:
    """exp(-1000) is below float64's smallest number."""
    assert (softplus(z), softplus(-z)) == (z, 0.0)
    assert (sigmoid(z), sigmoid(-z)) == (1.0, 0.0)
    assert (log_loss(1.0, z), log_loss(0.0, -z), log_loss(0.0, z), log_loss(1.0, -z)) == (0.0, 0.0, z, z)
    assert (residual(1.0, z), residual(0.0, z), residual(1.0, -z), residual(0.0, -z)) == (0.0, 1.0, -1.0, 0.0)
    assert curvature(z) == curvature(-z) == 0.0
    assert divergence(z, 1.0) == divergence(-z, 1.0) == 0.0


def test_values_at_zero() -> None:
    assert softplus(0.0) == log_loss(0.0, 0.0) == log_loss(1.0, 0.0) == log_loss(0.3, 0.0) == math.log(2.0)
    assert sigmoid(0.0) == 0.5
    assert residual(0.25, 0.0) == 0.25
    assert curvature(0.0) == 0.25
    assert divergence(0.0, 0.0) == 0.0


@given(margins, labels)
def test_turning_the_margin_and_the_label_changes_nothing(z: float, y: float) -> None:
    turned = 1.0 - y
    assume(1.0 - turned == y)  # labels whose complement is exact
    assert log_loss(y, z) == log_loss(turned, -z)
    assert residual(y, z) == -residual(turned, -z)
    assert curvature(z) == curvature(-z)
    assert sigmoid(z) + sigmoid(-z) == pytest.approx(1.0, rel=2 * EPS, abs=0)


@given(near)
def test_softplus_and_sigmoid_are_exact_to_a_few_roundings(z: float) -> None:
    # exp, log1p, a sum and a quotient: each is within an ulp or two of its exact value
    assert softplus(z) == pytest.approx(float(exact_softplus(z)), rel=4 * EPS, abs=0)
    assert sigmoid(z) == pytest.approx(float(exact_sigmoid(z)), rel=4 * EPS, abs=0)


@given(near, labels)
def test_log_loss_loses_nothing_to_cancellation(z: float, y: float) -> None:
    """softplus(z) - y·z is a difference of two large numbers when z is large and y is 1; this form is not."""
    with localcontext() as context:
        context.prec = 60
        exact = exact_softplus(z) - Decimal(y) * Decimal(z)
    # every term is positive, so their errors are relative; 1 - y costs one rounding of its own
    slack = EPS * abs(z) if 0.0 < y < 1.0 and z > 0 else 0.0
    assert log_loss(y, z) == pytest.approx(float(exact), rel=6 * EPS, abs=slack)


@given(near, labels)
def test_residual_is_exact_relative_to_its_two_terms(z: float, y: float) -> None:
    with localcontext() as context:
        context.prec = 60
        exact = float(exact_sigmoid(z) - Decimal(y))
    size = (1.0 - y) * sigmoid(z) + y * sigmoid(-z)  # for hard labels this is |residual| itself
    assert abs(residual(y, z) - exact) <= 6 * EPS * size + EPS * EPS


@given(st.floats(-30.0, 30.0), labels)
def test_the_derivatives_are_those_of_the_loss(z: float, y: float) -> None:
    h = 2.0**-13
    # central differences: h²/6·max|f‴| of truncation (the loss's third derivative is below 0.1, its fourth below 0.125)
    # and the rounding of two values, 4 eps each, over 2h
    size = abs(log_loss(y, z)) + 1.0
    first = (log_loss(y, z + h) - log_loss(y, z - h)) / (2 * h)
    assert abs(first - residual(y, z)) <= 0.1 * h * h / 6 + 4 * EPS * size / h
    second = (residual(y, z + h) - residual(y, z - h)) / (2 * h)
    assert abs(second - curvature(z)) <= 0.125 * h * h / 6 + 4 * EPS / h


@given(st.floats(-60.0, 60.0), st.floats(1e-12, 1.0), st.sampled_from([-1.0, 1.0]))
def test_divergence_is_an_upper_bound_on_the_exact_one(z: float, length: float, sign: float) -> None:
    d = sign * length
    exact = exact_divergence(z, d)
    assert exact >= 0
    p = min(sigmoid(z), sigmoid(-z))
    # q and r carry a rounding of 4·eps·p, and r that of the margin z + d besides; (q - r)²/(2·rest) squares it, with
    # rest the lesser of q(1 - q) and r(1 - r), r no less than p/e and no probability above 3/4 on p's side
    q = p * (1.0 + (1.0 - p) * (d if z < 0 else -d))
    rest = max(min(q, p / math.e) / 4, 1e-300)
    rounding = (4 + abs(z) + 1) * EPS * p
    slack = math.sqrt(2 * divergence(z, d) / rest) * rounding + rounding * rounding / rest
    assert Decimal(divergence(z, d)) * (1 + Decimal(8 * EPS)) + Decimal(slack) >= exact


@pytest.mark.parametrize("z", [0.0, 2.5, -3.0, 20.0, -50.0])
def test_divergence_is_tight_for_short_steps(z: float) -> None:
    """Bound / exact → 1 as d → 0: the two ends of the integral meet, and q - r = O(d²)."""
    for d, at_most in ((1e-1, 1.1), (1e-2, 1.001), (1e-3, 1.00001)):
        for signed in (d, -d):
            ratio = Decimal(divergence(z, signed)) / exact_divergence(z, signed)
            # d² below the last bit of q leaves (eps/d²)² of noise, 1e-19 at d = 1e-3
            assert 1 - 1e-9 <= ratio <= at_most


@given(st.floats(-40.0, 40.0), st.floats(-1.0, 1.0))
def test_divergence_is_the_same_from_both_sides(z: float, d: float) -> None:
    assert divergence(z, d) == divergence(-z, -d) or z == 0.0


def test_sigmoid_never_falls() -> None:
    grid = [sigmoid(z / 7.0) for z in range(-6000, 6000)]
    assert all(a <= b for a, b in pairwise(grid))
