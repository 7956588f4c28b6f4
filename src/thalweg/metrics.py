"""How good probabilities are on labelled rows: scikit-learn's metrics, gathered into one report."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

_BINS = 10


@dataclass(frozen=True)
class Report:
    """Quality of predicted probabilities.

    log_loss     mean log-loss
    brier        mean squared error of the probability
    auc          area under the ROC curve; None where only one class is present
    accuracy     share of right labels at the threshold
    rows         judged
    threshold    above which the positive class is predicted
    confusion    weights of "true_negative", "false_positive", "false_negative", "true_positive"
    calibration  for tenths of the rows by probability: from, to, rows, predicted, observed
    """

    log_loss: float
    brier: float
    auc: float | None
    accuracy: float
    rows: int
    threshold: float
    confusion: dict[str, float]
    calibration: tuple[dict[str, float], ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)


def evaluate(
    y: np.ndarray, probability: np.ndarray, weight: np.ndarray | None = None, threshold: float = 0.5
) -> Report:
    """Judge probabilities (n,) of the positive class against labels y (n,) in [0, 1], with sample weights (n,)."""
    s = np.ones(len(y)) if weight is None else weight
    hard = y > 0.5
    predicted = probability > threshold
    return Report(
        log_loss=_log_loss(y, probability, s),
        brier=float(np.average((probability - y) ** 2, weights=s)),
        auc=_auc(hard, probability, s),
        accuracy=float(np.average(predicted == hard, weights=s)),
        rows=len(y),
        threshold=threshold,
        confusion={
            "true_negative": float(s[~predicted & ~hard].sum()),
            "false_positive": float(s[predicted & ~hard].sum()),
            "false_negative": float(s[~predicted & hard].sum()),
            "true_positive": float(s[predicted & hard].sum()),
        },
        calibration=_calibration(y, probability, s),
    )


def _log_loss(y: np.ndarray, p: np.ndarray, s: np.ndarray) -> float:
    """Soft labels are beyond scikit-learn's log_loss, so this one is ours; p is kept off 0 and 1 as theirs does."""
    tiny = np.finfo(np.float64).eps
    p = np.clip(p, tiny, 1.0 - tiny)
    return float(np.average(-(y * np.log(p) + (1.0 - y) * np.log1p(-p)), weights=s))


def _auc(hard: np.ndarray, p: np.ndarray, s: np.ndarray) -> float | None:
    from sklearn.metrics import roc_auc_score

    if not (s[hard].sum() > 0 and s[~hard].sum() > 0):
        return None
    return float(roc_auc_score(hard, p, sample_weight=s))


def _calibration(y: np.ndarray, p: np.ndarray, s: np.ndarray) -> tuple[dict[str, float], ...]:
    """Tenths of the rows in order of probability; equal probabilities may straddle a cut."""
    rows = []
    for part in np.array_split(np.argsort(p, kind="stable"), _BINS):
        if len(part) and s[part].sum() > 0:
            rows.append(
                {
                    "from": float(p[part[0]]),
                    "to": float(p[part[-1]]),
                    "rows": len(part),
                    "predicted": float(np.average(p[part], weights=s[part])),
                    "observed": float(np.average(y[part], weights=s[part])),
                }
            )
    return tuple(rows)
