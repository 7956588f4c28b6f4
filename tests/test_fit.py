"""`thalweg.fit` on arrays: the public interface, its defaults, its refusals, and the claims it makes."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import thalweg
from thalweg.stopping import Outcome

rng = np.random.default_rng(7)
X = rng.standard_normal((600, 5)) * [1.0, 10.0, 0.1, 1.0, 3.0] + [0.0, 100.0, 0.0, -5.0, 1.0]
Y = (rng.random(600) < expit((X - X.mean(0)) / X.std(0) @ [1.0, -1.0, 0.5, 0.0, 2.0] + 0.3)).astype(int)
METHODS = ["gd", "minibatch", "sgd", "nesterov", "lbfgs", "newton"]


def objective(model: thalweg.Model, X: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None) -> float:
    """P by hand, from the model's standardised weights."""
    s = np.ones(len(y)) if weight is None else weight
    z = X @ model.coef + model.intercept
    loss = np.logaddexp(0, z) - y * z
    return float(s @ loss / s.sum() + model.options["l2"] / 2 * np.sum(model.standardized_coef**2))


@pytest.mark.filterwarnings("ignore::thalweg.ConvergenceWarning")  # one row has no optimum
def test_the_worked_example_of_the_textbook_comes_out_of_the_public_interface() -> None:
    """SLP section 5.6.3: x = (3, 2), y = 1, η = 0.1, from zero."""
    example = ([[3.0, 2.0]], [1])
    plain = {"method": "gd", "rate": 0.1, "l2": 0.0, "standardize": False, "classes": (0, 1)}
    once = thalweg.fit(example, epochs=1, **plain)
    assert np.allclose([*once.coef, once.intercept], [0.15, 0.10, 0.05], rtol=0, atol=1e-15)
    twice = thalweg.fit(example, epochs=2, **plain)
    assert [f"{v:.4f}" for v in (*twice.coef, twice.intercept)] == ["0.2495", "0.1664", "0.0832"]
    assert [f"{row['objective']:.4f}" for row in twice.history[:3]] == ["0.6931", "0.4032", "0.2716"]


def test_the_default_fit_is_certified_and_its_objective_is_the_one_documented() -> None:
    model = thalweg.fit((X, Y))
    assert model.outcome is Outcome.CERTIFIED
    assert model.certificate.relative_gap <= 1e-6
    assert model.options["l2"] == 1 / 600
    assert model.objective == pytest.approx(objective(model, X, Y), rel=1e-12)  # the two scales agree to rounding


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.filterwarnings("ignore::thalweg.ConvergenceWarning")  # sgd is short of it
def test_every_method_ends_within_its_own_certificate_of_the_same_optimum(method: str) -> None:
    best = thalweg.fit((X, Y), tol=1e-13).objective
    model = thalweg.fit((X, Y), method=method)
    assert model.method == method
    assert model.objective - best <= model.certificate.gap + 1e-14


def test_doubling_a_weight_equals_repeating_the_row_also_inside_standardisation() -> None:
    weight = rng.integers(0, 4, 600).astype(float)
    repeated = np.repeat(np.arange(600), weight.astype(int))
    weighted = thalweg.fit((X, Y), weights=weight, tol=1e-13)
    repeats = thalweg.fit((X[repeated], Y[repeated]), tol=1e-13)
    # ‖Δw‖² ≤ 2·(gap + gap')/l2 from strong convexity, in the standardised scale
    bound = math.sqrt(4e-13 * repeats.objective / repeats.options["l2"])
    assert np.linalg.norm(weighted.standardized_coef - repeats.standardized_coef) <= bound + 1e-9
    assert weighted.objective == pytest.approx(repeats.objective, rel=1e-12)


def test_an_offset_is_added_to_the_margins() -> None:
    offset = rng.standard_normal(600)
    model = thalweg.fit((X, Y), offset=offset, l2=0.0, tol=1e-12, gradient_tol=1e-11)
    shifted = thalweg.fit((X, Y), offset=offset + 2.0, l2=0.0, tol=1e-12, gradient_tol=1e-11)
    assert shifted.intercept == pytest.approx(model.intercept - 2.0, abs=1e-6)
    assert np.allclose(shifted.coef, model.coef, rtol=1e-6)


def test_without_an_intercept_the_raw_intercept_is_exactly_zero() -> None:
    assert thalweg.fit((X, Y), intercept=False).intercept == 0.0


def test_the_result_has_the_same_bits_on_one_thread_and_on_two() -> None:
    big = rng.standard_normal((60_000, 20))
    y = (rng.random(60_000) < expit(big @ rng.standard_normal(20))).astype(int)
    one, two = (thalweg.fit((big, y), threads=threads) for threads in (1, 2))
    assert one.coef.tobytes() == two.coef.tobytes()
    assert one.intercept == two.intercept
    assert one.certificate.gap == two.certificate.gap


def test_growing_samples_end_at_the_optimum_of_all_rows() -> None:
    big = rng.standard_normal((50_000, 5))
    y = (rng.random(50_000) < expit(big @ rng.standard_normal(5))).astype(int)
    model, plain = thalweg.fit((big, y), tol=1e-10), thalweg.fit((big, y), tol=1e-10, method="newton")
    assert {row["stage"] for row in model.history} >= {"1/8 of the rows", "all rows"}
    assert abs(model.objective - plain.objective) <= model.certificate.gap + plain.certificate.gap + 1e-15


def test_a_sample_that_misleads_costs_passes_but_not_the_answer() -> None:
    """Every 8th row has another sign: the sample's optimum is worse on all rows than the base rate."""
    big = rng.standard_normal((80_000, 3))
    sign = np.where(np.arange(80_000) % 8 == 0, -1.0, 1.0)
    y = (rng.random(80_000) < expit(sign * (big @ [3.0, -3.0, 2.0]))).astype(int)
    model = thalweg.fit((big, y), tol=1e-10)
    assert model.outcome is Outcome.CERTIFIED
    assert abs(model.objective - thalweg.fit((big, y), method="newton", tol=1e-10).objective) <= 1e-10


def test_labels_may_be_any_two_values_and_the_greater_is_positive() -> None:
    words = np.where(Y == 1, "yes", "no")
    model = thalweg.fit((X, words))
    assert model.classes == ("no", "yes")
    assert set(model.predict(X)) == {"no", "yes"}
    flipped = thalweg.fit((X, words), positive="no")
    assert flipped.classes == ("yes", "no")
    assert np.allclose(flipped.coef, -model.coef, rtol=1e-3, atol=1e-4)


def test_soft_labels_weigh_both_classes() -> None:
    soft = np.where(Y == 1, 0.9, 0.2)
    two_rows = thalweg.fit(
        (np.vstack([X, X]), np.r_[np.ones(600), np.zeros(600)]), weights=np.r_[soft, 1 - soft], tol=1e-12
    )
    # l2 = 1/S is 1/600 in both, and the mean losses agree term by term
    assert thalweg.fit((X, soft), tol=1e-12).objective == pytest.approx(two_rows.objective, rel=1e-10)


def test_balanced_class_weights_give_both_classes_half_the_weight() -> None:
    rare = np.r_[np.flatnonzero(Y == 0), np.flatnonzero(Y == 1)[:40]]
    model = thalweg.fit((X[rare], Y[rare]), class_weight="balanced", tol=1e-12)
    counts = np.bincount(Y[rare])
    by_hand = thalweg.fit(
        (X[rare], Y[rare]), class_weight={0: len(rare) / (2 * counts[0]), 1: len(rare) / (2 * counts[1])}, tol=1e-12
    )
    assert np.allclose(model.coef, by_hand.coef, rtol=1e-6)
    p = model.predict_proba(X[rare])[:, 1]
    assert 0.3 < p.mean() < 0.6


def test_l1_sets_weights_to_exactly_zero_and_is_certified() -> None:
    model = thalweg.fit((X, Y), l1=0.05, l2=0.0)
    assert model.certificate.kind == "dual"
    assert model.certificate.relative_gap <= 1e-6
    assert model.standardized_coef[3] == 0.0


def test_without_a_penalty_there_is_no_bound_and_the_reason_is_in_words() -> None:
    model = thalweg.fit((X, Y), l2=0.0)
    assert model.outcome is Outcome.STATIONARY
    assert model.certificate.gap is None and model.certificate.relative_gap is None
    assert "no bound exists" in model.certificate.reason
    assert model.certificate.newton_decrement < 1e-6


def test_separated_rows_without_a_penalty_are_named_as_such() -> None:
    with pytest.warns(thalweg.ConvergenceWarning, match="Perfectly separated"):
        model = thalweg.fit((X, (X[:, 0] > 0.1).astype(int)), l2=0.0)
    assert model.outcome is Outcome.SEPARATED


def test_patience_keeps_the_best_point_on_the_held_out_rows() -> None:
    wide = rng.standard_normal((120, 60))
    y = (rng.random(120) < expit(wide[:, 0])).astype(int)
    model = thalweg.fit((wide, y), method="gd", l2=0.0, holdout=0.5, patience=5, epochs=2000)
    assert model.outcome is Outcome.HOLDOUT_ROSE
    losses = [row["holdout_loss"] for row in model.history if row["holdout_loss"] is not None]
    assert model.holdout["log_loss"] == pytest.approx(min(losses), rel=1e-12)


def test_a_rate_above_the_largest_stable_one_is_named_with_it() -> None:
    with pytest.warns(thalweg.ConvergenceWarning, match="Diverging") as caught:
        model = thalweg.fit((X, Y), method="gd", rate=1e3)
    assert caught[0].filename == __file__, "the warning names the line that called fit"
    assert model.outcome is Outcome.DIVERGING
    assert "largest stable rate" in model.sentence


def test_an_interrupted_fit_keeps_the_best_point_so_far() -> None:
    def impatient(event: thalweg.Event) -> None:
        if event.kind == "step" and event.step == 3:
            raise KeyboardInterrupt

    with pytest.warns(thalweg.ConvergenceWarning, match="the best point so far was kept") as caught:
        model = thalweg.fit((X, Y), method="gd", observers=[impatient])
    assert caught[0].filename == __file__
    assert model.outcome is Outcome.INTERRUPTED
    assert model.objective < math.log(2)


def test_an_interrupted_path_keeps_the_strengths_done_and_warns() -> None:
    def impatient(event: thalweg.Event) -> None:
        if event.kind == "step" and event.stage.endswith("(3 of 5)"):
            raise KeyboardInterrupt

    with pytest.warns(thalweg.ConvergenceWarning, match="strengths done so far were kept") as caught:
        path = thalweg.fit_path((X, Y), points=5, observers=[impatient])
    assert caught[0].filename == __file__
    assert path.interrupted and len(path.l1) == 3


def test_a_model_judges_new_rows() -> None:
    model = thalweg.fit((X, Y), holdout=0.25)
    assert set(model.holdout) == {"log_loss", "auc", "brier", "accuracy", "rows"}
    assert model.holdout["rows"] == 150 and model.rows == 450
    p = model.predict_proba(X)
    assert p.shape == (600, 2) and np.allclose(p.sum(axis=1), 1.0)
    report = model.evaluate((X, Y))
    assert report.rows == 600 and report.auc > 0.8
    assert np.allclose(expit(model.decision_function(X)), p[:, 1])


OPTIONS = [
    ({"batch_size": 5}, "--batch-size has no meaning for --method auto"),
    ({"method": "sgd", "batch_size": 5}, "--batch-size has no meaning for --method sgd"),
    ({"method": "newton", "rate": 0.1}, "--rate has no meaning for --method newton"),
    ({"method": "lbfgs", "schedule": "cosine"}, "--schedule has no meaning for --method lbfgs"),
    ({"method": "gd", "schedule": "linear"}, "'linear' is not known"),
    ({"method": "steepest"}, "--method 'steepest' is not known"),
    ({"patience": 3}, "needs --holdout"),
    ({"l2": -1.0}, "--l2 is -1.0"),
    ({"l2": math.nan}, "--l2 is nan"),
    ({"tol": -1e-3}, "--tol is"),
    ({"holdout": 1.5}, "--holdout is 1.5"),
    ({"epochs": 0}, "--epochs is 0"),
    ({"threads": 0}, "--threads is 0"),
    ({"method": "gd", "rate": 0.0}, "--rate is 0.0"),
    ({"method": "newton", "l1": 0.1}, "cannot take --l1"),
    ({"class_weight": "fair"}, "--class-weight is 'fair'"),
    ({"kernel": "magic"}, "'magic' is not known"),
    ({"target": "y"}, "--target goes with a table"),
]


@pytest.mark.parametrize(("options", "words"), OPTIONS)
def test_an_option_without_a_meaning_is_refused_in_a_sentence(options: dict, words: str) -> None:
    with pytest.raises(thalweg.UsageError) as refusal:
        thalweg.fit((X, Y), **options)
    assert words in str(refusal.value)


def _with(value: float, row: int, column: int) -> np.ndarray:
    spoiled = X.copy()
    spoiled[row, column] = value
    return spoiled


ROWS = [
    ((_with(np.nan, 17, 2), Y), {}, "nan in row 17, column 2"),
    ((_with(np.inf, 599, 0), Y), {"standardize": False}, "inf in row 599, column 0"),
    ((X, np.ones(600)), {}, "one class only"),
    ((X, np.arange(600) % 3), {}, "3 classes"),
    ((X, Y[:10]), {}, "one label for each row"),
    ((X[0], Y), {}, "must be a table"),
    ((X[:0], Y[:0]), {}, "no rows"),
    ((X.astype(object), np.where(Y == 1, "a", None)), {}, "every row needs a label"),
    ((np.full((600, 2), "x"), Y), {}, "real numbers"),
    ((X, Y), {"weights": -np.ones(600)}, "cannot be negative"),
    ((X, Y), {"weights": np.zeros(600)}, "all zero"),
    ((X, Y), {"weights": np.ones(5)}, "one number for each row"),
    ((X, Y), {"offset": np.full(600, np.inf)}, "finite number"),
    ((X, Y), {"positive": "maybe"}, "positive is 'maybe'"),
]


@pytest.mark.parametrize(("rows", "options", "words"), ROWS)
def test_rows_that_cannot_be_used_are_refused_in_a_sentence(rows: tuple, options: dict, words: str) -> None:
    with pytest.raises(thalweg.DataError) as refusal:
        thalweg.fit(rows, **options)
    assert words in str(refusal.value)


def test_the_exported_names_are_these() -> None:
    assert sorted(thalweg.__all__) == [
        "Certificate",
        "CheckpointError",
        "ConvergenceWarning",
        "DataError",
        "Event",
        "LogisticRegression",
        "Model",
        "ModelFileError",
        "Online",
        "Outcome",
        "OutputError",
        "RunError",
        "ThalwegError",
        "UsageError",
        "descend",
        "figures",
        "fit",
        "fit_path",
        "load",
        "textbook",
    ]
    assert all(hasattr(thalweg, name) for name in thalweg.__all__)


@pytest.mark.parametrize("steepness", [30.0, 300.0])
def test_classes_that_are_nearly_apart_are_begun_from_the_samples_optimum(steepness: float) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200_000, 20))
    y = rng.random(200_000) < expit(steepness * X[:, :5].sum(axis=1))
    assert thalweg.fit((X, y.astype(int))).passes < 7.0


def test_levels_that_a_sample_hardly_has_do_not_mislead_the_run_on_all_rows() -> None:
    rng = np.random.default_rng(0)
    x, level = rng.normal(size=160_000), rng.integers(0, 20_000, 160_000)
    y = rng.random(160_000) < 1.0 / (1.0 + np.exp(-x))
    rows = pd.DataFrame({"x": x, "level": [f"w{i}" for i in level], "y": y})
    model, from_zero = (thalweg.fit(rows, "y", max_levels=100, method=method) for method in ("auto", "newton"))
    assert any("of the rows" in row["stage"] for row in model.history), "a sample went before"
    assert model.outcome is Outcome.CERTIFIED and model.passes < 3.0 * from_zero.passes
