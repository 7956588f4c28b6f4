"""The scikit-learn face: scikit-learn's checks, scikit-learn's minima, its warnings, tools and callbacks."""

import os
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from scipy.special import expit
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import RFE
from sklearn.linear_model import LogisticRegression as Reference
from sklearn.model_selection import GridSearchCV, cross_val_score, learning_curve
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from thalweg import DataError, LogisticRegression, Outcome, UsageError
from thalweg.optimizers import GradientDescent

REFERENCE_TOL = 1e-10  # largest entry of the gradient that scikit-learn's newton-cholesky leaves


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return StandardScaler().fit_transform(X), y


@pytest.fixture(scope="module")
def made():
    return make_classification(400, 12, n_informative=6, n_redundant=0, weights=[0.7], random_state=3)


def objective(model, X, y, C, l1_ratio):
    w, z = model.coef_[0], model.decision_function(X)
    loss = np.mean(np.logaddexp(0.0, z) - (y == model.classes_[1]) * z)
    return loss + ((1 - l1_ratio) / 2 * w @ w + l1_ratio * np.abs(w).sum()) / (C * len(y))


def assert_same_minimum(ours, reference, l2):
    """P is l2-strongly convex in w: ‖w - w*‖ ≤ √(2·gap/l2), and the reference's gap is at most ‖g‖²/(2·l2)."""
    allowed = np.sqrt(2.0 * ours.certificate_.gap / l2) + np.sqrt(ours.coef_.size + 1) * REFERENCE_TOL / l2
    assert np.linalg.norm(ours.coef_ - reference.coef_) <= allowed
    assert allowed < 1e-3 * np.linalg.norm(reference.coef_)  # or the line above would claim nothing


@parametrize_with_checks(
    [
        LogisticRegression(),
        LogisticRegression(l1_ratio=0.5, standardize=True),
        LogisticRegression(solver="lbfgs", standardize=True),
    ]
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # one check allows 20 steps
def test_every_check_of_scikit_learn_passes(estimator, check):
    """No failure is expected; scikit-learn 1.9 expects its own LogisticRegression to fail
    check_sample_weight_equivalence_on_dense_data and ..._on_sparse_data."""
    check(estimator)


@pytest.mark.parametrize("C", [1e-2, 1.0, 100.0])
@pytest.mark.parametrize("options", [{}, {"fit_intercept": False}, {"class_weight": "balanced"}])
def test_the_minimum_is_scikit_learns(cancer, C, options):
    X, y = cancer
    ours = LogisticRegression(C=C, tol=1e-13, **options).fit(X, y)
    reference = Reference(C=C, solver="newton-cholesky", tol=REFERENCE_TOL, max_iter=1000, **options).fit(X, y)
    assert_same_minimum(ours, reference, 1.0 / (C * len(y)))  # balancing keeps the total weight
    assert ours.outcome_.converged
    assert np.array_equal(ours.predict(X), reference.predict(X))


@pytest.mark.parametrize("solver", ["gd", "nesterov", "lbfgs", "newton"])
def test_every_exact_solver_reaches_the_same_minimum(made, solver):
    X, y = made
    ours = LogisticRegression(solver=solver, tol=1e-10).fit(X, y)
    reference = Reference(solver="newton-cholesky", tol=REFERENCE_TOL).fit(X, y)
    assert_same_minimum(ours, reference, 1.0 / len(y))


@pytest.mark.parametrize("solver", ["sgd", "minibatch"])
def test_the_random_solvers_repeat_with_their_seed_and_come_near(made, solver):
    X, y = made
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        a, b, c = (LogisticRegression(solver=solver, random_state=seed).fit(X, y) for seed in (0, 0, 1))
        LogisticRegression(solver=solver, random_state=np.random.RandomState(0)).fit(X, y)
    assert np.array_equal(a.coef_, b.coef_)
    assert not np.array_equal(a.coef_, c.coef_)
    best = LogisticRegression().fit(X, y)
    assert objective(a, X, y, 1.0, 0.0) <= 1.05 * objective(best, X, y, 1.0, 0.0)


def test_sample_weights_mean_what_scikit_learn_means(made):
    X, y = made
    s = np.random.default_rng(0).uniform(0.0, 3.0, len(y))
    s[::7] = 0.0
    for class_weight in (None, "balanced", {0: 2.0, 1: 0.5}):
        ours = LogisticRegression(tol=1e-13, class_weight=class_weight).fit(X, y, sample_weight=s)
        reference = Reference(solver="newton-cholesky", tol=REFERENCE_TOL, class_weight=class_weight)
        reference.fit(X, y, sample_weight=s)
        factor = {0: 2.0, 1: 0.5} if isinstance(class_weight, dict) else {0: 1.0, 1: 1.0}  # balancing keeps the total
        assert_same_minimum(ours, reference, 1.0 / sum(s[y == label].sum() * factor[label] for label in (0, 1)))


@pytest.mark.parametrize("standardize", [False, True])
def test_doubling_a_weight_equals_repeating_the_row(made, standardize):
    X, y = made
    twice = np.arange(len(y)) % 3 == 0
    weighted = LogisticRegression(standardize=standardize).fit(X, y, sample_weight=1.0 + twice)
    repeated = LogisticRegression(standardize=standardize).fit(np.vstack([X, X[twice]]), np.append(y, y[twice]))
    # the same steps but for the order of the sums; a Newton solve can enlarge that rounding by the condition number
    assert np.allclose(weighted.coef_, repeated.coef_, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
@pytest.mark.parametrize("C", [0.02, 1.0])
def test_l1_and_elastic_net_reach_the_objective_of_saga_within_the_certified_gap(made, C, l1_ratio):
    X, y = made
    ours = LogisticRegression(C=C, l1_ratio=l1_ratio, tol=1e-9).fit(X, y)
    reference = Reference(C=C, l1_ratio=l1_ratio, solver="saga", tol=1e-10, max_iter=20_000, random_state=0).fit(X, y)
    mine, theirs = (objective(model, X, y, C, l1_ratio) for model in (ours, reference))
    rounding = 1e-14  # a mean of 400 terms of size 1
    assert ours.certificate_.kind == "dual"
    assert ours.certificate_.relative_gap <= 1e-9
    assert mine - theirs <= ours.certificate_.gap + rounding
    if l1_ratio == 1.0 and C == 0.02:
        assert np.array_equal(ours.coef_ == 0.0, reference.coef_ == 0.0)
        assert 0 < np.count_nonzero(ours.coef_) < ours.coef_.size


def test_standardize_penalises_the_scaled_columns_and_reports_in_the_units_of_X():
    X, y = load_breast_cancer(return_X_y=True)
    ours = LogisticRegression(standardize=True, tol=1e-13).fit(X, y)
    scaler = StandardScaler().fit(X)
    reference = Reference(solver="newton-cholesky", tol=REFERENCE_TOL).fit(scaler.transform(X), y)
    allowed = np.sqrt(2.0 * ours.certificate_.gap * len(y)) + np.sqrt(31) * REFERENCE_TOL * len(y)
    assert np.linalg.norm(ours.coef_ * scaler.scale_ - reference.coef_) <= allowed
    # both intercepts are exact for their weights, and margins differ by at most max ‖x‖·‖Δw‖ of scaled rows
    reach = np.linalg.norm(scaler.transform(X), axis=1).max()
    assert (
        np.abs(ours.decision_function(X) - reference.decision_function(scaler.transform(X))).max()
        <= 3 * reach * allowed
    )


def test_threads_change_no_bit():
    X, y = make_classification(30_000, 40, random_state=0)  # more than one block
    one, two = (LogisticRegression(n_jobs=count).fit(X, y) for count in (1, 2))
    assert np.array_equal(one.coef_, two.coef_)
    assert one.certificate_ == two.certificate_


def test_without_a_penalty_the_certificate_says_why_there_is_no_bound(made):
    X, y = made
    model = LogisticRegression(C=np.inf).fit(X, y)
    assert model.certificate_.gap is None
    assert "no bound exists" in model.certificate_.reason
    reference = Reference(C=np.inf, solver="newton-cholesky", tol=REFERENCE_TOL).fit(X, y)
    assert np.allclose(model.coef_, reference.coef_, rtol=1e-5)  # ours stops at ‖g‖ ≤ 1e-8


def test_what_a_fit_leaves_behind(cancer):
    X, y = cancer
    model = LogisticRegression()
    assert model.fit(X, y) is model
    assert model.coef_.shape == (1, X.shape[1])
    assert model.intercept_.shape == (1,)
    assert model.n_features_in_ == X.shape[1]
    assert list(model.classes_) == [0, 1]
    assert model.outcome_ is Outcome.CERTIFIED
    assert model.certificate_.relative_gap <= model.tol
    assert model.n_iter_.tolist() == [len(model.history_) - 1]  # the first entry is the start
    assert model.history_[-1]["gap"] == model.certificate_.gap
    assert set(model.history_[0]) >= {"stage", "step", "passes", "seconds", "objective", "gradient_norm", "gap", "rate"}


def test_probabilities_keep_their_digits_at_any_margin(made):
    model = LogisticRegression().fit(*made)
    model.coef_, model.intercept_ = np.array([[1.0]]), np.array([0.0])
    model.n_features_in_ = 1
    X = np.array([[-800.0], [-40.0], [0.0], [40.0], [800.0]])
    with np.errstate(under="ignore"):
        probability = model.predict_proba(X)
        assert probability[3, 0] == expit(-40.0) > 0.0
        assert np.array_equal(probability[:, 0], probability[::-1, 1])
    assert np.array_equal(model.predict_log_proba(X)[[0, 4], [1, 0]], [-800.0, -800.0])
    assert model.predict(X).tolist() == [0, 0, 0, 1, 1]


def test_labels_may_be_words(made):
    X, y = made
    words = np.array(["no", "yes"])[y]
    for labels in (words, words.astype(object), words.tolist(), pd.Series(words), y == 1):
        model = LogisticRegression().fit(X, labels)
        assert np.array_equal(model.predict(X) == model.classes_[1], LogisticRegression().fit(X, y).predict(X) == 1)
        assert model.score(X, labels) > 0.8


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_feature_names_are_kept_and_checked(made, frame):
    X, y = made
    names = [f"column {j}" for j in range(X.shape[1])]
    table = frame(dict(zip(names, X.T, strict=True)))
    model = LogisticRegression().fit(table, y)
    assert model.feature_names_in_.tolist() == names
    assert np.allclose(model.coef_, LogisticRegression().fit(X, y).coef_, rtol=1e-9)  # a frame's memory is by columns
    with pytest.raises(ValueError, match="feature names"):
        model.predict(table[names[::-1]])


def test_float32_and_fortran_order_give_the_same_model(made):
    X, y = made
    X = X.astype(np.float32)
    plain = LogisticRegression().fit(X.astype(np.float64), y)
    for same in (X, np.asfortranarray(X), X[::1]):
        assert np.allclose(LogisticRegression().fit(same, y).coef_, plain.coef_, rtol=1e-9)  # order of sums


def test_scikit_learns_tools_take_it(made):
    X, y = made
    search = GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), {"logisticregression__C": [0.01, 1.0]})
    assert search.fit(X, y).best_score_ > 0.8
    calibrated = CalibratedClassifierCV(LogisticRegression(), cv=3).fit(X, y)
    assert calibrated.predict_proba(X).shape == (len(y), 2)
    three = np.digitize(X[:, 0], [-1.0, 1.0])
    assert OneVsRestClassifier(LogisticRegression()).fit(X, three).predict(X).max() == 2


def test_clone_and_pickle_keep_the_model(made):
    X, y = made
    model = LogisticRegression(C=0.5, class_weight={0: 1.0, 1: 3.0}).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    assert again.certificate_ == model.certificate_
    assert clone(model).get_params() == model.get_params()


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        ({"X": np.nan}, DataError, "nan in row 5, column 3"),
        ({"X": np.inf}, DataError, "inf in row 5, column 3"),
        ({"X": np.nan, "standardize": True}, ValueError, "contains NaN"),
        ({"y": "one"}, DataError, "one class only"),
        ({"y": "five"}, DataError, "y has 5 classes"),
        ({"y": "none"}, DataError, "None in row 2"),
        ({"y": "fractions"}, ValueError, "continuous"),
        ({"y": "shares"}, DataError, r"continuous.* shares of label 1, thalweg\.fit\(\(X, y\)\) takes them"),
        ({"weight": -1.0}, ValueError, "Negative values in data passed to `sample_weight`"),
        ({"weight": 0.0}, ValueError, "weight"),
        ({"weight": "one class"}, DataError, r"weigh \[0.0, "),
        ({"weight": "one class", "class_weight": "balanced"}, DataError, "must leave each class"),
        ({"class_weight": {0: -1.0, 1: 1.0}}, DataError, "must leave each class"),
        ({"class_weight": {7: 1.0}}, ValueError, "class_weight"),
        (
            {"solver": "newton", "rate": 0.1},
            UsageError,
            "^rate has no meaning for solver newton; it goes with solver gd",
        ),
        ({"solver": "newton", "l1_ratio": 1.0}, UsageError, "cannot take l1 penalty .* use solver gd or nesterov"),
        ({"solver": "saga"}, ValueError, "'solver' parameter .* among"),
        ({"C": 0.0}, ValueError, "'C' parameter"),
        ({"max_iter": 0}, ValueError, "'max_iter' parameter"),
        ({"n_jobs": 0}, UsageError, "^n_jobs is 0"),
    ],
)
def test_what_cannot_be_fitted_is_refused_with_a_sentence(made, change, error, sentence):
    X, y = made
    options = dict(change)
    labels = {
        "one": y * 0,
        "five": np.arange(len(y)) % 5,
        "none": np.array(["a", "b", None], dtype=object)[np.arange(len(y)) % 3],
        "fractions": X[:, 0],
        "shares": 1.0 / (1.0 + np.exp(-X[:, 0])),
    }.get(options.pop("y", None), y)
    weight = options.pop("weight", None)
    if weight is not None:
        weight = y.astype(float) if weight == "one class" else np.full(len(y), weight)
    if "X" in options:
        X = X.copy()
        X[5, 3] = options.pop("X")
    with pytest.raises(error, match=sentence):
        LogisticRegression(**options).fit(X, labels, sample_weight=weight)


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csc_matrix, sparse.coo_array])
@pytest.mark.parametrize("options", [{}, {"standardize": True}, {"solver": "newton-cg"}, {"fit_intercept": False}])
def test_sparse_rows_give_the_dense_answer(made, kind, options):
    X, y = np.where(np.abs(made[0]) > 0.5, made[0], 0.0), made[1]
    sparse_fit = LogisticRegression(tol=1e-12, **options).fit(kind(X), y)
    dense_fit = LogisticRegression(tol=1e-12, **options).fit(X, y)
    assert np.allclose(sparse_fit.coef_, dense_fit.coef_, rtol=1e-5, atol=1e-7)
    assert np.allclose(sparse_fit.predict_proba(kind(X)), dense_fit.predict_proba(X), atol=1e-6)


def test_epochs_spent_warns_and_names_the_way_out(made):
    with pytest.warns(ConvergenceWarning, match=r"certified gap is .*More max_iter.* standardize=True") as caught:
        model = LogisticRegression(solver="gd", max_iter=2).fit(*made)
    assert model.outcome_ is Outcome.EPOCHS_SPENT
    assert caught[0].filename == __file__


def test_diverging_warns_with_the_largest_stable_rate(made):
    with pytest.warns(ConvergenceWarning, match="Diverging.* largest stable rate is"):
        assert LogisticRegression(solver="gd", rate=1e3).fit(*made).outcome_ is Outcome.DIVERGING


def test_separated_classes_without_a_penalty_warn():
    X = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    with pytest.warns(ConvergenceWarning, match="Perfectly separated"):
        LogisticRegression(C=np.inf).fit(X, [0, 0, 1, 1])


@pytest.fixture
def steps(monkeypatch):
    """The steps of gradient descent so far, the sixth of which meets Ctrl-C."""
    step, steps = GradientDescent.step, []

    def interrupted(self, *arguments):
        steps.append(1)
        if len(steps) == 6:
            raise KeyboardInterrupt
        return step(self, *arguments)

    monkeypatch.setattr(GradientDescent, "step", interrupted)
    return steps


def test_ctrl_c_is_raised_once_the_best_point_is_on_the_estimator(made, steps):
    X, y = made
    model = LogisticRegression(solver="gd")
    with pytest.raises(KeyboardInterrupt, match="Interrupted: the best point so far was kept"):
        model.fit(X, y)
    assert model.outcome_ is Outcome.INTERRUPTED
    assert model.n_iter_.tolist() == [5] and len(model.history_) == 6
    assert model.certificate_.gap is not None
    assert model.score(X, y) > 0.7


SEARCHES = {
    "a search": lambda model, X, y: GridSearchCV(model, {"C": [0.1, 1.0]}, cv=2, error_score=0.0).fit(X, y),
    "cross validation": lambda model, X, y: cross_val_score(model, X, y, cv=3, error_score=0.0),
    "a pipeline": lambda model, X, y: make_pipeline(StandardScaler(), model).fit(X, y),
    "a pipeline searched": lambda model, X, y: GridSearchCV(
        make_pipeline(StandardScaler(), model), {"logisticregression__C": [0.1, 1.0]}, cv=2
    ).fit(X, y),
    "calibration": lambda model, X, y: CalibratedClassifierCV(model).fit(X, y),
    "a learning curve": lambda model, X, y: learning_curve(model, X, y, cv=2, error_score=0.0),
    "selection of features": lambda model, X, y: RFE(model, n_features_to_select=3).fit(X, y),
    "bagging": lambda model, X, y: BaggingClassifier(model, 3).fit(X, y),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_ctrl_c_ends_what_fits_many_models(made, steps, name):
    with pytest.raises(KeyboardInterrupt):
        SEARCHES[name](LogisticRegression(solver="gd"), *made)
    assert len(steps) == 6, "no fit was begun after it"


@pytest.mark.slow
@pytest.mark.parametrize("who", ["worker", "caller"])
def test_ctrl_c_ends_a_search_on_several_processes(who, tmp_path):
    (tmp_path / "search.py").write_text(
        "import os, signal, threading\n"
        "import numpy as np\n"
        "from sklearn.model_selection import GridSearchCV\n"
        "from thalweg import LogisticRegression\n"
        "caller, who = os.getpid(), os.environ['WHO']\n"
        "class Interrupted(LogisticRegression):\n"
        "    def fit(self, X, y):\n"
        "        pid = caller if who == 'caller' else os.getpid()\n"
        "        threading.Timer(0.3, os.kill, (pid, signal.SIGINT)).start()\n"
        "        return super().fit(X, y)\n"
        "X = np.random.default_rng(0).standard_normal((4000, 600))\n"
        "model = Interrupted(solver='gd', tol=1e-15, max_iter=100_000)\n"
        "try:\n"
        "    GridSearchCV(model, {'C': [1e6, 2e6, 3e6]}, cv=2, n_jobs=2, error_score=0.0).fit(X, X[:, 0] > 0)\n"
        "except KeyboardInterrupt:\n"
        "    print('ended')\n"
    )
    command = [sys.executable, str(tmp_path / "search.py")]
    done = subprocess.run(command, env={**os.environ, "WHO": who}, capture_output=True, text=True, timeout=60)
    assert done.stdout == "ended\n", done.stderr


def test_it_imports_and_fits_without_scikit_learns_callbacks():
    """scikit-learn 1.8 has no sklearn.callback."""
    code = (
        "import sys, sklearn.linear_model\n"
        "kept = sys.modules['sklearn.callback'] if 'sklearn.callback' in sys.modules else None\n"
        "sys.modules['sklearn.callback'] = None\n"
        "from thalweg.estimator import LogisticRegression\n"
        "del sys.modules['sklearn.callback']\n"
        "if kept is not None: sys.modules['sklearn.callback'] = kept\n"
        "model = LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1])\n"
        "print(model.outcome_.name, hasattr(model, 'set_callbacks'))\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["CERTIFIED", "False"]


class Recorder:
    """A callback of scikit-learn that notes what it is told, and can stop or interrupt the run."""

    def __init__(self, stop_after=None, interrupt_after=None):
        self.stop_after, self.interrupt_after = stop_after, interrupt_after
        self.calls, self.losses = [], []

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None, fitted_estimator=None):
        self.calls.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
        self.calls.append(f"end {context.task_name}")
        if context.task_name != "step" or fitted_estimator is None:
            return False
        self.losses.append(-fitted_estimator.predict_log_proba(X)[np.arange(len(y)), y].mean())
        if len(self.losses) == self.interrupt_after:
            raise KeyboardInterrupt
        return len(self.losses) == self.stop_after


def test_callbacks_see_a_task_for_each_step_with_a_model_ready_to_predict(made):
    pytest.importorskip("sklearn.callback")
    X, y = made
    recorder = Recorder()
    model = LogisticRegression(solver="gd", tol=1e-3).set_callbacks(recorder)
    model.fit(pd.DataFrame(X).add_prefix("x"), y, sample_weight=np.ones(len(y)))
    steps = int(model.n_iter_[0])
    assert recorder.calls[:3] == ["setup", "begin fit", "begin step"]
    assert recorder.calls[-2:] == ["end fit", "teardown"]
    assert recorder.calls.count("begin step") == recorder.calls.count("end step") == steps + 1  # the last one is empty
    assert len(recorder.losses) == steps
    assert recorder.losses[-1] < recorder.losses[0]
    assert not [name for name in vars(model) if name.startswith("_callback")]


def test_a_callback_may_stop_the_run(made):
    pytest.importorskip("sklearn.callback")
    model = LogisticRegression(solver="gd").set_callbacks(Recorder(stop_after=3)).fit(*made)
    assert model.n_iter_.tolist() == [3]
    assert model.outcome_ is Outcome.INTERRUPTED


def test_ctrl_c_in_a_callback_keeps_the_point_and_is_raised(made):
    pytest.importorskip("sklearn.callback")
    recorder = Recorder(interrupt_after=4)
    model = LogisticRegression(solver="gd").set_callbacks(recorder)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*made)
    assert model.n_iter_.tolist() == [4]
    assert recorder.calls[-2:] == ["end fit", "teardown"]


def test_scikit_learns_own_callbacks_work(made, capsys):
    callback = pytest.importorskip("sklearn.callback")
    monitor = callback.ScoringMonitor(scoring="neg_log_loss")
    model = LogisticRegression(solver="gd", tol=1e-3).set_callbacks(monitor, callback.ProgressBar()).fit(*made)
    scores = [row["neg_log_loss"] for row in monitor.get_logs().data if row["task_name"] == "step"]
    assert len(scores) == model.n_iter_[0]
    assert scores[-1] > scores[0]
    assert "LogisticRegression - fit" in capsys.readouterr().out


def test_a_search_hands_its_callbacks_down(made):
    callback = pytest.importorskip("sklearn.callback")
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2)
    search.set_callbacks(callback.ProgressBar(max_propagation_depth=None)).fit(*made)
    assert search.best_estimator_.outcome_ is Outcome.CERTIFIED
