"""Every member of PENALTIES: gradient, prox and conjugate are those of its value."""

import numpy as np
import pytest

from problems import EPS
from thalweg.penalties import L1, L2, PENALTIES, ElasticNet, Penalty, penalty

STRENGTHS = [(0.3, 0.7), (1e-6, 5.0), (40.0, 1e-4)]


@pytest.fixture(params=PENALTIES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=STRENGTHS, ids=str)
def member(request: pytest.FixtureRequest, name: str) -> Penalty:
    return PENALTIES[name](*request.param)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_a_member_keeps_the_strengths_it_is_named_for(name: str) -> None:
    made = PENALTIES[name](0.3, 0.7)
    assert (made.l2, made.l1) == {"l2": (0.3, 0.0), "l1": (0.0, 0.7), "elastic net": (0.3, 0.7)}[name]


def test_the_simplest_penalty_is_chosen() -> None:
    assert penalty(0.0, 0.0) == L2(0.0)
    assert penalty(2.0, 0.0) == L2(2.0)
    assert penalty(0.0, 2.0) == L1(2.0)
    assert penalty(2.0, 1.0) == ElasticNet(2.0, 1.0)


def test_value_is_the_definition_for_each_model_by_itself(member: Penalty, rng: np.random.Generator) -> None:
    w = rng.standard_normal((5, 3))
    by_hand = [member.l2 / 2 * (w[:, j] ** 2).sum() + member.l1 * np.abs(w[:, j]).sum() for j in range(3)]
    assert member.value(w).shape == (3,)
    assert np.allclose(member.value(w), by_hand, rtol=16 * EPS, atol=0)  # a sum of 10 positive terms
    for j in range(3):
        assert np.array_equal(member.value(w[:, [j]]), member.value(w)[[j]])


def test_no_weights_cost_nothing(member: Penalty) -> None:
    empty = np.zeros((0, 2))
    assert np.array_equal(member.value(empty), [0.0, 0.0])
    assert np.array_equal(member.conjugate(empty), [0.0, 0.0])
    assert member.gradient(empty).shape == member.prox(empty, 1.0).shape == (0, 2)


def test_gradient_is_the_difference_of_values_away_from_the_kinks(member: Penalty, rng: np.random.Generator) -> None:
    w = rng.standard_normal((4, 1))
    w += np.sign(w) * 0.1  # no sign changes within h
    h = 2.0**-13
    for j in range(4):
        e = np.zeros((4, 1))
        e[j] = h
        slope = (member.value(w + e) - member.value(w - e))[0] / (2 * h)
        exact = member.gradient(w)[j, 0] + member.l1 * np.sign(w[j, 0])
        # the value is quadratic between the kinks, so central differences are exact but for their rounding
        assert abs(slope - exact) <= 16 * EPS * (member.value(w)[0] + 1.0) / h


@pytest.mark.parametrize("rate", [1e-3, 0.5, 10.0])
def test_prox_is_the_argmin(member: Penalty, rate: float, rng: np.random.Generator) -> None:
    w = rng.standard_normal((6, 2)) * 3

    def cost(u: np.ndarray) -> np.ndarray:
        return ((u - w) ** 2 / 2 + rate * member.l1 * np.abs(u)).sum(axis=0)

    best = member.prox(w, rate)
    for size in (1e-6, 1e-3, 1.0):
        for _ in range(50):
            other = best + size * rng.standard_normal(w.shape)
            # strong convexity: any other point costs at least half its squared distance more; 16 eps for the sums, and
            # one ulp of w in `best` itself, which the distance multiplies
            least = cost(best) + ((other - best) ** 2).sum(axis=0) / 2
            slack = 16 * EPS * cost(other) + EPS * np.abs(w).max() * np.abs(other - best).sum(axis=0)
            assert np.all(cost(other) >= least - slack)


def test_prox_gives_exact_zeros(name: str) -> None:
    member = PENALTIES[name](0.3, 0.7)
    moved = member.prox(np.array([[0.6], [-0.6], [0.8], [0.0]]), 1.0)
    if member.l1:
        assert (moved == 0.0).tolist() == [[True], [True], [False], [True]]
        assert moved[2, 0] == pytest.approx(0.1, rel=4 * EPS)
    else:
        assert moved[:, 0].tolist() == [0.6, -0.6, 0.8, 0.0]


def test_fenchel_young_holds_everywhere(member: Penalty, rng: np.random.Generator) -> None:
    for size in (1e-3, 1.0, 100.0):
        w, v = size * rng.standard_normal((4, 20)), rng.standard_normal((4, 20)) * (member.l1 + member.l2 * size)
        product = (v * w).sum(axis=0)
        rounding = 32 * EPS * (member.value(w) + np.abs(v * w).sum(axis=0))
        assert np.all(member.value(w) + member.conjugate(v) >= product - rounding)


def test_fenchel_young_is_an_equality_at_the_gradient(member: Penalty, rng: np.random.Generator) -> None:
    w = rng.standard_normal((4, 20))
    w[0] = 0.0  # where l1 has a kink, any slope within it will do: 0 is one
    v = member.gradient(w) + member.l1 * np.sign(w)
    product = (v * w).sum(axis=0)
    # soft-thresholding v takes l1 off again, with a rounding of eps·|v| that the conjugate divides by l2
    lost = EPS * np.abs(v).max() * (np.abs(w).sum(axis=0) + (EPS * np.abs(v).max() / member.l2 if member.l2 else 0))
    rounding = 32 * EPS * member.value(w) + 8 * lost
    assert np.all(np.abs(member.value(w) + member.conjugate(v) - product) <= rounding)


def test_the_conjugate_is_infinite_where_the_penalty_cannot_hold_v() -> None:
    assert L2(0.0).conjugate(np.array([[1e-200], [0.0]]))[0] in (0.0, np.inf)  # its square may underflow
    assert L2(0.0).conjugate(np.array([[1e-100]]))[0] == np.inf
    assert L2(0.0).conjugate(np.zeros((2, 1)))[0] == 0.0
    assert L1(0.5).conjugate(np.array([[0.5, np.nextafter(0.5, 1.0)], [-0.5, 0.0]])).tolist() == [0.0, np.inf]
