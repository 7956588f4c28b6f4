"""The scikit-learn face: `LogisticRegression`, this package's methods and proofs behind scikit-learn's conventions."""

import re
import warnings
from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from scipy.special import expit, log_expit
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from thalweg.errors import DataError, ThalwegError
from thalweg.events import Event
from thalweg.optimizers import OPTIMIZERS
from thalweg.rows import DenseRows
from thalweg.schedules import SCHEDULES
from thalweg.stopping import Outcome
from thalweg.train.arrays import centre_and_scale
from thalweg.train.options import Options
from thalweg.train.plan import choose, stages
from thalweg.train.run import run

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn 1.8 has no callbacks

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nobody to call back."""

        def _init_callback_context(self, **_: Any) -> None:
            return None


_FLOATS = (np.float64, np.float32)
_HISTORY = ("stage", "step", "passes", "seconds", "objective", "gradient_norm", "gap", "rate", "holdout_loss")
_SPELLING = {"epochs": "max_iter", "method": "solver", "seed": "random_state", "threads": "n_jobs", "l1": "l1 penalty"}


class LogisticRegression(CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """Binary logistic regression that minimises scikit-learn's objective, and says how far from its minimum it can be.

    C              inverse strength of the penalty, > 0; np.inf for none. l2 = (1 - l1_ratio)/(C·S) per mean log-loss,
                   l1 = l1_ratio/(C·S), S the sum of all weights: the minimum is scikit-learn's
    l1_ratio       share of the penalty that is l1, in [0, 1]
    solver         "auto", "gd", "minibatch", "sgd", "nesterov", "lbfgs" or "newton"
    tol            relative gap P - P* ≤ tol·P to be certified
    max_iter       most steps (epochs, for minibatch and sgd); None: the solver's own limit
    fit_intercept  whether margins have an intercept, which is never penalised
    standardize    penalise the columns centred and scaled to (weighted) standard deviation 1; coef_ stays in the units of X
    class_weight   None, "balanced", or {label: weight}, multiplied into the sample weights
    random_state   order of the rows for minibatch and sgd; the others use no random numbers
    n_jobs         threads; None and -1 mean as many as this process may use. They change no bit of the result
    rate, schedule, batch_size   learning rate, its schedule and rows a step, for the solvers that have them

    After `fit`: classes_ (2,), coef_ (1, p), intercept_ (1,), n_iter_ (1,), n_features_in_, feature_names_in_ (where
    X has names), certificate_ (`Certificate`, on the scale penalised), outcome_ (`Outcome`), history_ (one mapping a
    step: stage, step, passes, seconds, objective, gradient_norm, gap, rate, holdout_loss).

    Source: the objective of design.md, section 1; Pedregosa et al., 2011, for the conventions.
    """

    _parameter_constraints: dict[str, list[Any]] = {
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
        self,
        *,
        C: float = 1.0,
        l1_ratio: float = 0.0,
        solver: str = "auto",
        tol: float = 1e-6,
        max_iter: int | None = None,
        fit_intercept: bool = True,
        standardize: bool = False,
        class_weight: dict[Any, float] | str | None = None,
        random_state: Any = None,
        n_jobs: int | None = None,
        rate: float | None = None,
        schedule: str | None = None,
        batch_size: int | None = None,
    ) -> None:
        self.C = C
        self.l1_ratio = l1_ratio
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.class_weight = class_weight
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.rate = rate
        self.schedule = schedule
        self.batch_size = batch_size

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "LogisticRegression":
        """Minimise P on (n, p) rows X with (n,) labels y and (n,) weights of at least 0, or None for ones.

        Ctrl-C keeps the best point so far; it, and any other end short of the tolerance, warns with a
        ConvergenceWarning. Raises ValueError for what cannot be fitted: NaN, one class only, contradictory options.
        """
        # NaN and infinity are left to the run, which meets them in its first pass: a search would cost one more
        checked, labels = validate_data(self, X, y, dtype=_FLOATS, ensure_all_finite=False)
        self.classes_ = _two_classes(labels)
        try:
            rows = self._rows(checked, labels, sample_weight)
            options = self._options(rows)
            tasks = self._tasks(rows, options, X, labels, sample_weight)
            history: list[dict[str, Any]] = []
            result = run(rows, options, [lambda event: _record(history, event), *tasks])
        except ThalwegError as error:
            raise type(error)(_in_python(str(error))) from None
        for name, value in _coefficients(rows, result.solution.theta).items():
            setattr(self, name, value)
        self.n_iter_ = np.array([sum(entry["step"] > 0 for entry in history)], dtype=np.int32)
        self.history_ = tuple(history)
        self.certificate_ = result.solution.certificate
        self.outcome_ = result.solution.outcome
        for task in tasks:
            task.close()
        if not self.outcome_.converged and not any(task.stopped for task in tasks):
            warnings.warn(self._warning(result.solution.sentence), ConvergenceWarning, stacklevel=3)
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """(n,) margins X·coef_ + intercept_ of the (n, p) rows X: log-odds of classes_[1]."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=_FLOATS, reset=False)
        return np.asarray(X @ self.coef_[0] + self.intercept_[0])

    def predict(self, X: Any) -> np.ndarray:
        """(n,) labels: classes_[1] where the margin is above 0."""
        margins = self.decision_function(X)
        return np.asarray(self.classes_[(margins > 0.0).astype(np.intp)])

    def predict_proba(self, X: Any) -> np.ndarray:
        """(n, 2) probabilities of classes_; each is computed by itself, so a small one keeps its digits."""
        z = self.decision_function(X)
        return np.column_stack([expit(-z), expit(z)])

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """(n, 2) logarithms of the probabilities, finite for margins of any size."""
        z = self.decision_function(X)
        return np.column_stack([log_expit(-z), log_expit(z)])

    def _rows(self, X: np.ndarray, labels: np.ndarray, sample_weight: Any) -> DenseRows:
        y = (labels == self.classes_[1]).astype(np.float64)
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
            for value, total in zip(self.classes_, (weight @ (1.0 - y), weight @ y), strict=True):
                if total == 0.0:
                    raise DataError(
                        f"sample_weight is zero for all rows of class {value}: only one class is left to learn from."
                    )
        if self.class_weight is not None:
            factors = compute_class_weight(self.class_weight, classes=self.classes_, y=labels, sample_weight=weight)
            if not (factors > 0.0).all():
                raise DataError(f"class_weight gives the classes {factors.tolist()}; both need a weight above 0.")
            weight = factors[y.astype(np.intp)] * (1.0 if weight is None else weight)
        rows = DenseRows(X, y, weight)
        if self.standardize:
            centre, scale = centre_and_scale(rows, bool(self.fit_intercept))
            rows = replace(rows, centre=centre, scale=scale)
        return rows

    def _options(self, rows: DenseRows) -> Options:
        strength = 1.0 / (self.C * rows.total_weight)
        draws = self.solver != "auto" and "batch_size" in OPTIMIZERS[self.solver].options or self.solver == "sgd"
        seed = self.random_state if isinstance(self.random_state, Integral) else 0
        if draws and not isinstance(self.random_state, Integral):
            seed = check_random_state(self.random_state).randint(2**31 - 1)
        return Options(
            method=self.solver,
            l2=(1.0 - self.l1_ratio) * strength,
            l1=self.l1_ratio * strength,
            tol=self.tol,
            intercept=bool(self.fit_intercept),
            rate=self.rate,
            schedule=self.schedule,
            batch_size=self.batch_size,
            epochs=self.max_iter,
            seed=int(seed),
            threads=None if self.n_jobs is None else effective_n_jobs(self.n_jobs),
        )

    def _tasks(self, rows: DenseRows, options: Options, X: Any, y: np.ndarray, sample_weight: Any) -> "list[_Tasks]":
        """The bridge to scikit-learn's callbacks: none where nobody set any."""
        method = choose(options, rows.n, rows.p)
        limit = sum(stage.rules.epochs for stage in stages(options, method, rows.n, rows.p))
        context = self._init_callback_context(max_subtasks=limit + 1)
        if not getattr(self, "_skl_callbacks", None):
            return []
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        return [_Tasks(self, context, f"{method} step", rows, {"X": X, "y": y, "metadata": metadata})]

    def _warning(self, sentence: str) -> str:
        certificate = self.certificate_
        reached = f"No bound on its gap is known: {certificate.reason}."
        if certificate.relative_gap is not None:
            reached = f"Its certified gap is {certificate.relative_gap:.2g} of the objective; tol asks {self.tol:g}."
        slow = self.outcome_ in (Outcome.EPOCHS_SPENT, Outcome.DIVERGING) and not self.standardize
        advice = " Columns on one scale help: StandardScaler before the fit, or standardize=True." if slow else ""
        return f"{_in_python(sentence)} {reached}{advice}"


class _Tasks:
    """An observer that makes each step a task of scikit-learn's callbacks.

    As in scikit-learn's own estimators a step's task begins where the one before ends, so the last never runs and ends
    empty. A callback that asks to stop ends the run as Ctrl-C does, with the best point so far, but without a warning.
    """

    def __init__(self, estimator: Any, context: Any, name: str, rows: DenseRows, data: dict[str, Any]) -> None:
        self.context, self.name, self.rows = context, name, rows
        self.data = {"estimator": estimator, **data}
        self.stopped = False
        self.step: Any = None
        context.call_on_fit_task_begin(**self.data)

    def __call__(self, event: Event) -> None:
        if event.kind == "end" or (event.kind == "start" and self.step is not None):
            return
        fitted = partial(_coefficients, self.rows, event.theta)
        if self.step is not None and self.step.call_on_fit_task_end(**self.data, reconstruction_attributes=fitted):
            self.stopped, self.step = True, None
            raise KeyboardInterrupt
        self.step = self.context.subcontext(task_name=self.name)
        self.step.call_on_fit_task_begin(**self.data, reconstruction_attributes=fitted)

    def close(self) -> None:
        """End the task that never ran, and the fit."""
        if self.step is not None:
            self.step.call_on_fit_task_end(estimator=self.data["estimator"])
        self.context.call_on_fit_task_end(**self.data, reconstruction_attributes={})


def _two_classes(y: np.ndarray) -> np.ndarray:
    """(2,) the labels in order; two linear scans for what takes np.unique a sort."""
    other = y != y[0]
    second = y[np.argmax(other)]
    classes = np.unique(np.array([y[0], second], dtype=y.dtype))
    if (other & (y != second)).any():
        check_classification_targets(y)
        classes = np.unique(y)
        names = ", ".join(repr(value) for value in classes[:5].tolist()) + (", ..." if len(classes) > 5 else "")
        raise DataError(
            f"Only binary classification is supported. The target has {len(classes)} classes: {names}. "
            "sklearn.multiclass.OneVsRestClassifier fits one binary model for each."
        )
    check_classification_targets(classes)
    if len(classes) < 2:
        raise DataError(f"y has one class only, {classes.tolist()[0]!r}: nothing tells classes apart.")
    return classes


def _coefficients(rows: DenseRows, theta: np.ndarray) -> dict[str, np.ndarray]:
    """coef_ and intercept_ in the units of X, from theta (d, 1) on the rows' scale."""
    w, b = theta[: rows.p, 0].copy(), float(theta[rows.p :, 0].sum())  # the sum of nothing, without an intercept
    if rows.scale is not None and rows.centre is not None:
        w /= rows.scale
        b -= float(w @ rows.centre)
    return {"coef_": w[None, :], "intercept_": np.array([b])}


def _record(history: list[dict[str, Any]], event: Event) -> None:
    if event.kind != "end":
        history.append({name: getattr(event, name) for name in _HISTORY})


def _in_python(sentence: str) -> str:
    """A sentence with the command line's option names turned into this estimator's parameters."""
    return re.sub(r"--([a-z][a-z0-9-]*)", lambda found: _parameter(found[1]), sentence)


def _parameter(flag: str) -> str:
    return _SPELLING.get(flag, flag.replace("-", "_"))
