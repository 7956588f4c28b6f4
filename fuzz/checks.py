"""What every case is held to: no traceback, no bound below the truth, no run that ends short without a warning."""

import time
import traceback
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fuzz import precision as high
from fuzz.case import Case
from fuzz.minimum import STEPS, minimise
from fuzz.reference import Reference
from fuzz.separation import separable
from thalweg import Model, ThalwegError, errors

SECONDS = 2.0  # of processor time that a case may take
_CONVERGENCE = getattr(errors, "ConvergenceWarning", None)

# Kinds of findings, in the order of the table; those before "refused" are failures.
FAILURES = ("traceback", "noise", "violation", "undecided", "false", "silent", "objective", "slow")
KINDS = (*FAILURES, "refused", "needless")


@dataclass(frozen=True)
class Finding:
    """One thing that was found: its kind, and the figures that show it."""

    kind: str
    words: str


@dataclass
class Verdict:
    """What became of a case: findings, seconds of processor time, and figures for whoever reruns it."""

    family: str
    seed: int
    cells: int
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)

    def add(self, kind: str, words: str) -> None:
        self.findings.append(Finding(kind, words))


def judge(case: Case) -> Verdict:
    """Fit it and judge what comes back.

    traceback  an exception that is not a ThalwegError        noise      a warning that is not about convergence
    violation  a gap below P - P*, proved by a lower point    undecided  neither that nor its absence is proved
    false      certified within tol, but is not               silent     not within tol, and no warning says so
    objective  not P at the point within rounding             slow       more than SECONDS of processor time
    refused    a ThalwegError                                 needless   a warning though the optimum is reached
    """
    verdict = Verdict(case.family, case.seed, case.cells)
    start = time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            models = case.fit()
        except ThalwegError as error:
            models = []
            verdict.add("refused", f"{type(error).__name__}: {error}")
            if not str(error).rstrip().endswith((".", ")", "?")):
                verdict.add("traceback", f"{type(error).__name__} without a sentence: {error!r}")
        except Exception as error:
            models = []
            verdict.add("traceback", f"{type(error).__name__}: {error}, at {_place(error)}")
    verdict.seconds = time.process_time() - start
    if verdict.seconds > SECONDS:
        verdict.add("slow", f"{verdict.seconds:.1f} s")
    told = [w for w in caught if _CONVERGENCE is not None and issubclass(w.category, _CONVERGENCE)]
    for other in caught:
        if other not in told:
            verdict.add("noise", f"{other.category.__name__}: {other.message}")
    for model in models:
        judge_model(verdict, case, model, bool(told))
    return verdict


def judge_model(verdict: Verdict, case: Case, model: Model, told: bool) -> None:
    """Add what is found in one model; told: whether a warning said that it ends short of its tolerance."""
    columns, l1, l2 = case.columns(model), float(model.options["l1"]), float(model.options["l2"])
    X = case.X[:, columns]
    mean, scale = np.asarray(model.recipe.mean), np.asarray(model.recipe.scale)
    problem = Reference.of(X, case.y, case.weight, case.offset, l2, l1, mean, scale, case.intercept)
    standardised, raw = points(model, mean, scale, case.intercept)
    if not all(np.isfinite(float(value)) for value in (*standardised, *raw)):
        verdict.add("traceback", f"the model's point is not finite: {model.coef}, {model.intercept}")
        return
    penalised, apart = l2 > 0.0 or l1 > 0.0, False
    if not penalised:
        over = np.where(np.isfinite(scale), scale, 1.0)
        apart = separable((X.astype(np.float64) - mean) / over, case.y, case.weight, case.intercept)
    least = minimise(problem, standardised, steps=0 if apart else STEPS)
    certificate, P, in_raw_units = model.certificate, problem.value(standardised), problem.value(raw)
    head = f"{model.method}, {model.outcome.name}, l2 {l2:.3g}, l1 {l1:.3g}, tol {case.tol:g}: "
    verdict.figures.append(
        f"{head}n {len(X)}, p {X.shape[1]}, claimed gap {certificate.gap}, objective {model.objective!r}, "
        f"P {_text(P, 20)}, {_text(in_raw_units, 20)} in raw units, P* in [{_text(least.bound, 20)}, "
        f"{_text(least.value, 20)}], true gap {_text(P - least.value)} and {_text(in_raw_units - least.value)}, "
        f"decrement {certificate.newton_decrement}"
    )
    _judge_gap(verdict, head, certificate.gap, P, least.bound, least.value)
    _judge_objective(verdict, head, model, case, X, P)
    gap = P - least.value
    if penalised:
        reached = certificate.relative_gap is not None and certificate.relative_gap <= case.tol
    else:
        reached = gap <= case.tol * P and not apart
    if apart:
        head += "separated, "
    if model.outcome.name == "CERTIFIED" and not (reached and gap <= case.tol * P * (1 + 1e-9)):
        verdict.add("false", f"{head}CERTIFIED, claimed {certificate.gap}, true {_text(gap)}, P {_text(P)}")
    if not reached and not told:
        verdict.add("silent", f"{head}claimed {certificate.gap}, true {_text(gap)}, P {_text(P)}")
    if reached and told:
        verdict.add("needless", f"{head}claimed {certificate.gap}, true {_text(gap)}, P {_text(P)}")


def points(model: Model, mean: np.ndarray, scale: np.ndarray, intercept: bool) -> tuple[np.ndarray, np.ndarray]:
    """The model's point on the standardised columns, and the one that its raw coefficients stand for."""
    w, b = high.exact(model.standardized_coef), high.exact([model.standardized_intercept])
    finite = np.isfinite(scale)
    size, centre = high.exact(np.where(finite, scale, 1.0)), high.exact(mean)
    coef = high.exact(model.coef)
    raw_w, raw_b = np.where(finite, coef * size, w), high.exact([model.intercept]) + coef @ centre
    if not intercept:
        return w, raw_w
    return np.concatenate([w, b]), np.concatenate([raw_w, raw_b])


def _judge_gap(verdict: Verdict, head: str, gap: float | None, P: Any, bound: Any, lowest: Any) -> None:
    """Of the point as the model predicts with it, on the standardised columns."""
    if gap is None:
        return
    claimed = high.exact([gap])[0]
    words = f"{head}claimed {gap!r}, true {_text(P - lowest)}, P {_text(P)}"
    if P - lowest > claimed:
        verdict.add("violation", words)
    elif P - bound > claimed:
        verdict.add("undecided", f"{words}, at most {_text(P - bound)}")


def _judge_objective(verdict: Verdict, head: str, model: Model, case: Case, X: np.ndarray, P: Any) -> None:
    """Within the rounding of margins that are sums of the raw terms."""
    with np.errstate(over="ignore", invalid="ignore"):
        terms = np.abs(X.astype(np.float64) * model.coef).sum(axis=1) + abs(model.intercept)
        terms = terms + abs(float(model.coef @ model.recipe.mean))
    if case.offset is not None:
        terms = terms + np.abs(case.offset)
    s = np.ones(len(X)) if case.weight is None else case.weight / case.weight.max()
    eps = float(np.finfo(np.float64).eps)
    allowed = 4.0 * (X.shape[1] + 3) * eps * float(s @ terms / s.sum()) + (len(X) + 30) * eps * float(P)
    off = abs(float(high.exact([model.objective])[0] - P))
    if not off <= allowed + 1e-300:
        verdict.add("objective", f"{head}objective {model.objective!r}, P {_text(P, 17)}, off {off:.3g}")


def _place(error: Exception) -> str:
    """The innermost line of thalweg that an exception passed through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/thalweg/" in frame.filename]
    return f"{frames[-1].filename.split('/thalweg/')[-1]}:{frames[-1].lineno}" if frames else "no line of thalweg"


def _text(value: Any, digits: int = 4) -> str:
    """A number of many digits, or below float64's range, in a few."""
    number = float(value)
    if digits == 4:
        return f"{number:.3e}"
    return f"{value:.20g}" if hasattr(value, "precision") else str(value)[: digits + 8]
