"""How good probabilities are on labelled rows: scikit-learn's metrics, gathered into one report."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import expit

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


def evaluate(y: np.ndarray, margin: np.ndarray, weight: np.ndarray | None = None, threshold: float = 0.5) -> Report:
    """Judge margins (n,), the log-odds of the positive class, against labels y (n,) in [0, 1], with weights (n,).

    A label y of weight s counts as two rows: one of label 1 and weight s·y, one of label 0 and weight s·(1 - y).
    """
    s = np.ones(len(y)) if weight is None else weight
    positive, negative = s * y, s * (1.0 - y)
    probability = expit(margin)
    predicted = probability > threshold
    return Report(
        log_loss=_log_loss(y, margin, s),
        brier=float(np.average(y * (probability - 1.0) ** 2 + (1.0 - y) * probability**2, weights=s)),
        auc=_auc(positive, negative, margin),
        accuracy=float(np.average(np.where(predicted, y, 1.0 - y), weights=s)),
        rows=len(y),
        threshold=threshold,
        confusion={
            "true_negative": float(negative[~predicted].sum()),
            "false_positive": float(negative[predicted].sum()),
            "false_negative": float(positive[~predicted].sum()),
            "true_positive": float(positive[predicted].sum()),
        },
        calibration=_calibration(y, probability, s),
    )


def _log_loss(y: np.ndarray, z: np.ndarray, s: np.ndarray) -> float:
    """As `formulas.log_loss`, finite for every margin; probabilities rounded to 0 or 1 would lose it."""
    loss = np.log1p(np.exp(-np.abs(z))) + np.where(z >= 0.0, (1.0 - y) * z, -y * z)
    return float(np.average(loss, weights=s))


def _auc(positive: np.ndarray, negative: np.ndarray, z: np.ndarray) -> float | None:
    """From the weights (n,) of both labels in each row, and its margin."""
    from sklearn.metrics import roc_auc_score

    if not (positive.sum() > 0 and negative.sum() > 0):
        return None
    some, others = positive > 0.0, negative > 0.0
    label = np.repeat([True, False], [some.sum(), others.sum()])
    weight = np.concatenate([positive[some], negative[others]])
    return float(roc_auc_score(label, np.concatenate([z[some], z[others]]), sample_weight=weight))


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
