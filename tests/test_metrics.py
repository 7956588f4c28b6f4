"""Metrics and progress: scikit-learn's numbers, and words that suit a terminal, a log and a machine."""

import io
import json

import numpy as np
import pytest
from scipy.special import logit
from sklearn import metrics as reference

import thalweg
from thalweg.events import Event
from thalweg.metrics import evaluate
from thalweg.observers import Trace
from thalweg.observers.progress import closeness, line, progress_observer


def test_the_numbers_are_scikit_learns_weights_included() -> None:
    rng = np.random.default_rng(0)
    y, p, s = rng.integers(0, 2, 500).astype(float), rng.random(500), rng.integers(0, 3, 500).astype(float)
    found = evaluate(y, logit(p), s, threshold=0.3)
    assert found.log_loss == pytest.approx(reference.log_loss(y, p, sample_weight=s), rel=1e-12)
    assert found.brier == pytest.approx(reference.brier_score_loss(y, p, sample_weight=s), rel=1e-12)
    assert found.auc == pytest.approx(reference.roc_auc_score(y, p, sample_weight=s), rel=1e-12)
    assert found.accuracy == pytest.approx(reference.accuracy_score(y, p > 0.3, sample_weight=s), rel=1e-12)
    by_them = reference.confusion_matrix(y, p > 0.3, sample_weight=s).ravel().tolist()
    assert list(found.confusion.values()) == by_them
    assert sum(row["rows"] for row in found.calibration) == 500
    assert all(a["to"] <= b["from"] for a, b in zip(found.calibration, found.calibration[1:], strict=False))
    json.dumps(found.to_dict(), allow_nan=False)


def test_one_class_alone_has_no_auc_and_few_rows_few_tenths() -> None:
    found = evaluate(np.ones(3), np.array([-1.4, 0.4, 2.2]))
    assert found.auc is None
    assert len(found.calibration) == 3


def test_certain_and_wrong_costs_much_but_not_infinity() -> None:
    assert evaluate(np.array([1.0, 0.0]), np.array([-1e3, 1e3])).log_loss == 1e3


def test_the_held_out_loss_of_the_run_is_that_of_its_report() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 2)) * 1e3
    y = (X[:, 0] > 0.3e3 * rng.standard_normal(200)).astype(int)
    model = thalweg.fit((X, y), holdout=0.5, l2=0.0, standardize=False)
    assert model.holdout["log_loss"] == pytest.approx(model.history[-1]["holdout_loss"], rel=1e-12)
    wrong = thalweg.fit((X, y), l2=1e-12, standardize=False, holdout=(X * 1e3, 1 - y))
    assert wrong.holdout["log_loss"] == pytest.approx(wrong.history[-1]["holdout_loss"], rel=1e-12)
    assert wrong.holdout["log_loss"] > 100.0, "far beyond what rounded probabilities could say"


def event(step: int, relative: float | None, kind: str = "step") -> Event:
    gap = None if relative is None else relative * 0.5
    return Event(kind, "all rows", step, step + 1.0, 0.1, 0.5, 1e-3, gap, tol=1e-6, limit=10_000)


def test_the_bar_moves_with_the_digits_of_the_gap() -> None:
    assert closeness(event(1, 10.0)) == 0.0
    assert closeness(event(1, 1e-3)) == pytest.approx(0.5)
    assert closeness(event(1, 1e-6)) == closeness(event(1, 0.0)) == 1.0
    assert closeness(event(5000, None)) == 0.5


def test_ten_thousand_steps_are_tens_of_lines() -> None:
    out = io.StringIO()
    with progress_observer("plain", out) as (observer,):
        for step in range(10_001):
            observer(event(step, 1e-3))
    lines = out.getvalue().splitlines()
    assert 20 <= len(lines) <= 100
    assert lines[1] == line(event(1, 1e-3))
    assert "relative gap 1.0e-03" in lines[1]


def test_json_lines_hold_no_nan_and_off_is_silent() -> None:
    out = io.StringIO()
    with progress_observer("json", out) as (observer,):
        observer(Event("step", "all rows", 1, 1.0, 0.0, float("inf"), float("nan")))
    assert json.loads(out.getvalue())["objective"] is None
    with progress_observer("off", out) as observers:
        assert observers == ()


def test_on_a_terminal_the_bar_is_drawn() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    with progress_observer("auto", out) as (observer,):
        observer(event(3, 1e-3))
    assert "all rows" in out.getvalue() and "step 3, gap 1e-03" in out.getvalue()


def test_the_trace_keeps_every_step_once() -> None:
    trace = Trace()
    for kind, step in (("start", 0), ("step", 1), ("step", 2), ("end", 2)):
        trace(event(step, 1e-3, kind))
    assert [row["step"] for row in trace.rows] == [0, 1, 2]
