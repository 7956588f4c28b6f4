"""The scikit-learn face: `LogisticRegression`, this package's methods and proofs behind scikit-learn's conventions."""

import re
import warnings
from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy.special import expit, log_expit
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from thalweg.engines.threads import available_cpus
from thalweg.errors import DataError, ThalwegError, UsageError
from thalweg.observers import Trace
from thalweg.observers.callbacks import CallbackTasks
from thalweg.optimizers import OPTIMIZERS
from thalweg.readers.arrays import matrix
from thalweg.rows import MemoryRows, centre_and_scale, in_memory
from thalweg.schedules import SCHEDULES
from thalweg.stopping import Outcome, separated_by
from thalweg.train.options import Options
from thalweg.train.plan import choose, stages
from thalweg.train.run import run

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn 1.8 has no callbacks
    CallbackSupportMixin = type("CallbackSupportMixin", (), {"_init_callback_context": lambda self, **_: None})

_FLOATS = (np.float64, np.float32)
_PARAMETERS = {
    "epochs": "max_iter",
    "method": "solver",
    "seed": "random_state",
    "threads": "n_jobs",
    "l1": "l1 penalty",
}


class LogisticRegression(CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """Binary logistic regression that minimises scikit-learn's objective, and says how far from its minimum it can be.

    C              inverse strength of the penalty, > 0; np.inf for none. l2 = (1 - l1_ratio)/(C·S) per mean log-loss
                   and l1 = l1_ratio/(C·S), S the sum of all weights: the minimum is scikit-learn's
    l1_ratio       share of the penalty that is l1, in [0, 1]
    solver         "auto", "gd", "minibatch", "sgd", "nesterov", "lbfgs", "newton", "newton-cg" or "orthant-newton"
    tol            relative gap P - P* ≤ tol·P to be certified
    max_iter       most steps (epochs, for minibatch and sgd); None: the solver's own limit
    fit_intercept  whether margins have an intercept, which is never penalised
    standardize    penalise the columns centred and scaled to standard deviation 1; coef_ stays in the units of X
    class_weight   None, "balanced", or {label: weight}; multiplied into the sample weights
    random_state   order of the rows for minibatch and sgd; the others use no random numbers
    n_jobs         threads; None and -1 mean as many as this process may use. They change no bit of the result
    rate, schedule, batch_size   learning rate, its schedule and rows a step, for the solvers that have them

    After `fit`: classes_ (2,), coef_ (1, p), intercept_ (1,), n_iter_ (1,), n_features_in_, feature_names_in_ (where
    X has names), certificate_ (`Certificate`, of the problem as penalised), outcome_ (`Outcome`), history_ (one mapping
    a step: stage, step, passes, seconds, objective, gradient_norm, gap, rate, holdout_loss).
    Source: scikit-learn's conventions since 1.8 (`C` and `l1_ratio` name the penalty); callbacks since 1.9.
    """

    _parameter_constraints = {  # noqa: RUF012 - scikit-learn's convention
        "C": [Interval(Real, 0, None, closed="right")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "solver": [StrOptions({"auto", *OPTIMIZERS})],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left"), None],
        "fit_intercept": ["boolean"],
        "standardize": ["boolean"],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
        "rate": [Interval(Real, 0, None, closed="neither"), None],
        "schedule": [StrOptions(set(SCHEDULES)), None],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self, *, C: float = 1.0, l1_ratio: float = 0.0, solver: str = "auto", tol: float = 1e-6,
        max_iter: int | None = None, fit_intercept: bool = True, standardize: bool = False,
        class_weight: dict[Any, float] | str | None = None, random_state: Any = None, n_jobs: int | None = None,
        rate: float | None = None, schedule: str | None = None, batch_size: int | None = None,
    ) -> None:  # fmt: skip
        self.C, self.l1_ratio, self.fit_intercept, self.standardize = C, l1_ratio, fit_intercept, standardize
        self.solver, self.tol, self.max_iter, self.n_jobs = solver, tol, max_iter, n_jobs
        self.rate, self.schedule, self.batch_size = rate, schedule, batch_size
        self.class_weight, self.random_state = class_weight, random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.sparse = True
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "LogisticRegression":
        """Minimise P on (n, p) rows X with (n,) labels y and (n,) weights of at least 0, or None for ones.

        An end short of the tolerance warns with a ConvergenceWarning. Ctrl-C raises KeyboardInterrupt, as in
        scikit-learn, so that a search ends too; the attributes are then those of the best point so far. Raises
        ValueError for what cannot be fitted: NaN, one class only, contradictory options.
        """
        # a search for NaN costs a pass, and the run's first one meets them anyway, unless means were taken before
        checked, labels = validate_data(
            self, X, y, accept_sparse="csr", dtype=_FLOATS, ensure_all_finite=bool(self.standardize)
        )
        self.classes_ = _two_classes(labels)
        try:
            rows = self._rows(checked, labels, sample_weight)
            options = self._options(rows.total_weight)
            plan = stages(options, choose(options, rows)[0], rows.n, rows.p)
            context = self._init_callback_context(max_subtasks=1 + sum(stage.rules.epochs for stage in plan))
            tasks = []
            if hasattr(self, "_skl_callbacks"):
                tasks = [CallbackTasks(self, context, partial(_coefficients, rows), X, labels, sample_weight)]
            trace = Trace()
            solution = run(rows, options, [trace, *tasks]).solution
        except ThalwegError as error:
            raise type(error)(_in_python(str(error))) from None
        self.__dict__.update(_coefficients(rows, solution.theta))
        self.n_iter_ = np.array([sum(entry["step"] > 0 for entry in trace.rows)], dtype=np.int32)
        self.certificate_, self.outcome_, self.history_ = solution.certificate, solution.outcome, tuple(trace.rows)
        for task in tasks:
            task.close()
        stopped = any(task.stopped for task in tasks)
        if solution.outcome is Outcome.INTERRUPTED and not stopped:
            raise KeyboardInterrupt(solution.sentence)
        if not solution.outcome.converged and not stopped:
            sentence = _in_python(solution.sentence)
            if solution.outcome is Outcome.EPOCHS_SPENT and not self.standardize:
                sentence += " Columns of one scale help: StandardScaler before the fit, or standardize=True."
            if solution.recession is not None:
                sentence += f" {separated_by(solution.recession, self._name_of)}"
            warnings.warn(sentence, ConvergenceWarning, stacklevel=3)
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """(n,) margins X·coef_ + intercept_ of the (n, p) rows X: log-odds of classes_[1]."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=_FLOATS, reset=False)
        return np.asarray(X @ self.coef_[0] + self.intercept_[0])

    def predict(self, X: Any) -> np.ndarray:
        """(n,) labels: classes_[1] where the margin is above 0."""
        positive = self.decision_function(X) > 0.0
        return np.asarray(self.classes_[positive.astype(np.intp)])

    def predict_proba(self, X: Any) -> np.ndarray:
        """(n, 2) probabilities of classes_; each is computed by itself, so a small one keeps its digits."""
        z = self.decision_function(X)
        return np.column_stack([expit(-z), expit(z)])

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """(n, 2) logarithms of the probabilities, finite for margins of any size."""
        z = self.decision_function(X)
        return np.column_stack([log_expit(-z), log_expit(z)])

    def _rows(self, X: np.ndarray, labels: np.ndarray, sample_weight: Any) -> MemoryRows:
        y, weight = (labels == self.classes_[1]).astype(np.float64), None
        if sample_weight is not None:
            weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if self.class_weight is not None:
            with np.errstate(divide="ignore", invalid="ignore"):  # a class without weight, said below
                factors = compute_class_weight(self.class_weight, classes=self.classes_, y=labels, sample_weight=weight)
                weight = factors[y.astype(np.intp)] * (1.0 if weight is None else weight)
        if weight is not None:
            totals = np.array([weight @ (1.0 - y), weight @ y])
            if weight.min() < 0.0 or not (np.isfinite(totals) & (totals > 0.0)).all():
                raise DataError(
                    f"The classes {self.classes_.tolist()} weigh {totals.tolist()} in all, but sample_weight and "
                    "class_weight must leave each class a finite weight above 0, and no row one below 0."
                )
        rows = in_memory(matrix(X), y, weight)
        return rows.standardized(*centre_and_scale(rows, bool(self.fit_intercept))) if self.standardize else rows

    def _name_of(self, column: int) -> str:
        names = getattr(self, "feature_names_in_", None)
        return f"column {column} of X" if names is None else repr(str(names[column]))

    def _options(self, total_weight: float) -> Options:
        seed, strength = self.random_state, 1.0 / (self.C * total_weight)
        if not isinstance(seed, Integral):
            seed = check_random_state(seed).randint(2**31 - 1) if self.solver in ("sgd", "minibatch") else 0
        return Options(
            method=self.solver, l2=(1.0 - self.l1_ratio) * strength, l1=self.l1_ratio * strength, tol=self.tol,
            intercept=bool(self.fit_intercept), rate=self.rate, schedule=self.schedule, batch_size=self.batch_size,
            epochs=self.max_iter, seed=int(seed), threads=_threads(self.n_jobs),
        )  # fmt: skip


def _threads(n_jobs: int | None) -> int | None:
    """scikit-learn's count: -1 is all, -2 all but one."""
    if n_jobs is None or n_jobs == -1:
        return None
    if n_jobs == 0:
        raise UsageError("n_jobs is 0, but must be a number of threads, or -1 for all.")
    return int(n_jobs) if n_jobs > 0 else max(1, available_cpus() + 1 + int(n_jobs))


def _two_classes(y: np.ndarray) -> np.ndarray:
    """(2,) the labels in order; two linear scans for what takes np.unique a sort."""
    if y.dtype.kind == "O" and None in y.tolist():
        raise DataError(f"y holds None in row {y.tolist().index(None)}; every row needs a label.")
    other = y != y[0]
    pair = y[[0, int(np.argmax(other))]]
    more = bool((other & (y != pair[1])).any())
    if more or pair.dtype.kind not in "biuU":  # the check takes 0.3 ms, a tenth of a small fit
        try:
            check_classification_targets(y if more else pair)
        except ValueError as error:
            if y.dtype.kind != "f" or not ((y >= 0.0) & (y <= 1.0)).all():
                raise
            raise DataError(f"{error} If y holds shares of label 1, thalweg.fit((X, y)) takes them.") from None
    classes = np.unique(y if more else pair)
    if more:
        raise DataError(
            f"Only binary classification is supported. y has {len(classes)} classes, {classes[:3].tolist()} first; "
            "sklearn.multiclass.OneVsRestClassifier fits one model for each."
        )
    if len(classes) < 2:
        raise DataError(f"y has one class only, {classes.tolist()[0]!r}: nothing tells classes apart.")
    return classes


def _coefficients(rows: MemoryRows, theta: Any) -> dict[str, np.ndarray]:
    """coef_ and intercept_ in the units of X, from theta (d, 1) on the rows' scale."""
    w, b = theta[: rows.p, 0].copy(), float(theta[rows.p :, 0].sum())  # the sum of nothing, without an intercept
    if rows.scale is not None and rows.centre is not None:
        w /= rows.scale
        b -= float(w @ rows.centre)
    return {"coef_": w[None, :], "intercept_": np.array([b])}


def _in_python(sentence: str) -> str:
    """A sentence with the command line's option names turned into this estimator's parameters."""
    return re.sub(r"--([a-z][a-z0-9-]*)", lambda m: _PARAMETERS.get(m[1], m[1].replace("-", "_")), sentence)
