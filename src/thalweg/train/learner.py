"""The online learner: adaptive, scale-free steps, one row after another, each predicted before it is learnt from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from thalweg import native
from thalweg.errors import RunError
from thalweg.rows import Csr
from thalweg.schema import Array, Number, Record, Schema, Whole

RATE = 0.5  # of all margins a first row can move; divided by the length of a typical row
_START = 1.0  # what the squared gradients begin at, in units of centred and scaled columns
_BINS, _RANGE = 8192, 20.0
_NONE = np.empty(0)


@dataclass
class Scaling:
    """Means and scales (numbers,) that the learner's weights of numbers are on."""

    mean: np.ndarray
    scale: np.ndarray


@dataclass
class Progress:
    """How well rows were predicted before they were learnt from.

    rows      seen that weigh anything
    loss      Σ s·log-loss
    bins      (2, B) weights of the rows by label and margin
    """

    rows: int
    loss: float
    bins: np.ndarray

    BINS: ClassVar = Array(np.float64, (2, _BINS), 0.0, 1e150)  # whose products, added up, do not overflow

    @classmethod
    def none(cls) -> "Progress":
        return cls(0, 0.0, np.zeros((2, _BINS)))

    @property
    def log_loss(self) -> float:
        """Mean log-loss so far."""
        return self.loss / float(self.bins.sum())

    @property
    def baseline(self) -> float:
        """The log-loss of the best single probability for all rows so far."""
        total = float(self.bins.sum())
        shares = [float(part.sum()) / total for part in self.bins]
        return sum(-share * float(np.log(share)) for share in shares if share > 0.0)

    @property
    def auc(self) -> float | None:
        """Area under the ROC curve, ties and rows of one bin counted half; None where one class is missing."""
        negative, positive = self.bins
        pairs = float(negative.sum()) * float(positive.sum())
        below = np.cumsum(negative) - 0.5 * negative
        return float(positive @ below) / pairs if pairs > 0.0 else None


class Learner:
    """Weights of `width` columns, of which the first come in pairs, a number and the indicator of its holes.

    Steps are AdaGrad's (Duchi, Hazan and Singer, 2011, diagonal), on numbers centred and scaled, and implicit (Kulis
    and Bartlett, 2010): no update goes past its label, whatever the row's size. l1 and l2 are proximal steps, made up
    for when a row touches a weight.
    """

    ARRAYS: ClassVar[dict[str, Schema]] = {
        "weights": Array(np.float32, ("width", 2)),
        "touched": Array(np.int64, ("touched",), 0),
        "intercept": Array(np.float64, ("intercept",)),
        "mean": Array(np.float64, ("numbers",)),
        "scale": Array(np.float64, ("numbers",), above=0.0),
    }
    NUMBERS: ClassVar = Record({"seen": Whole(0, 2**53), "unit": Number(0.0), "step": Number(0.0)})
    RULES: ClassVar[dict[str, Callable[[Mapping[str, Any]], bool]]] = {
        "sums of squared gradients above 0": lambda r: (
            bool((r["weights"][:, 1] > 0.0).all()) and bool((r["intercept"][1:] > 0.0).all())
        ),
        "weights touched by rows that were seen": lambda r: int(r["touched"].max(initial=0)) <= r["learner"]["seen"],
    }

    def __init__(self, width: int, numbers: int, rate: float | None, l1: float, l2: float, intercept: bool) -> None:
        self.l1, self.l2, self._rate = l1, l2, rate
        self.weights = np.zeros((width, 2), dtype=np.float32)
        self.weights[:, 1] = _START
        self.touched = np.zeros(width if l1 > 0.0 or l2 > 0.0 else 0, dtype=np.int64)
        self.intercept = np.array([0.0, _START]) if intercept else np.empty(0)
        self.scaling = Scaling(np.zeros(numbers), np.ones(numbers))
        self.seen = 0
        self.unit = 0.0  # the mean weight of the first rows, which counts as 1
        self.step = 0.0  # the rate in use

    def learn(
        self, X: Csr, y: np.ndarray, weight: np.ndarray | None, offset: np.ndarray | None, progress: Progress
    ) -> None:
        """Predict and learn (m, width) rows one by one; `progress` takes note."""
        if not len(y) or (weight is not None and not (weight > 0.0).any()):
            return
        if self.unit == 0.0:
            self.unit = 1.0 if weight is None else float(weight[weight > 0.0].mean())
            lengths = np.square(X.data, dtype=np.float64).sum() / len(y) + float(len(self.intercept) > 0)
            self.step = (RATE if self._rate is None else self._rate) / float(np.sqrt(max(lengths, 1.0)))
        s = _NONE if weight is None else np.ascontiguousarray(weight / self.unit)
        room = np.empty(int(np.diff(X.indptr).max()), np.float32)
        loss = passes().adaptive_pass(
            X.indptr, X.indices, X.data, y, s, _NONE if offset is None else offset, self.weights, self.touched,
            self.intercept, self.step, self.l1, self.l2, self.seen, progress.bins, _RANGE, room,
        )  # fmt: skip
        if not np.isfinite(loss):
            raise RunError(
                "the margin of some row overflowed: its offset, or a number in it, is too large for the weights so far."
            )
        self.seen += len(y)
        progress.rows += len(y) if weight is None else int(np.count_nonzero(weight))
        progress.loss += loss

    def rescale(self, new: Scaling) -> None:
        """Move to other means and scales of the numbers.

        Predictions stay as they are where scales shrink. Where one grows, the weight of a standard deviation stays
        instead, so that no margin grows with it (Ross, Mineiro and Langford, Normalized online learning, 2013).
        """
        old = self.scaling
        if np.array_equal(old.mean, new.mean) and np.array_equal(old.scale, new.scale):
            return
        numbers = self.weights[: 2 * len(new.mean) : 2]
        w = numbers[:, 0] * np.minimum(new.scale / old.scale, 1.0)
        if len(self.intercept):
            self.intercept[0] += float((w / new.scale) @ (new.mean - old.mean))
        numbers[:, 0] = w
        numbers[:, 1] = _START + (numbers[:, 1] - _START) * np.square(old.scale / new.scale)
        self.scaling = new

    def settled(self, columns: np.ndarray) -> np.ndarray:
        """The weights of those columns, the penalties made up for."""
        touched = self.touched[columns] if len(self.touched) else self.touched
        settled = np.empty(len(columns))
        passes().settle(self.weights[columns], touched, self.step, self.l1, self.l2, self.seen, settled)
        return settled

    @property
    def sizes(self) -> dict[str, int]:
        """Those named in `ARRAYS`."""
        sides = {"touched": self.touched, "intercept": self.intercept, "numbers": self.scaling.mean}
        return {"width": len(self.weights), **{name: len(array) for name, array in sides.items()}}

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """All it takes to go on: arrays, and numbers as JSON can hold them."""
        arrays: dict[str, np.ndarray] = {
            "weights": self.weights,
            "touched": self.touched,
            "intercept": self.intercept,
            "mean": self.scaling.mean,
            "scale": self.scaling.scale,
        }
        return arrays, {"seen": self.seen, "unit": self.unit, "step": self.step}

    def restore(self, arrays: dict[str, np.ndarray], numbers: dict[str, Any]) -> None:
        """Go on from a `state`, which is as `ARRAYS`, `NUMBERS` and `RULES` say."""
        self.weights, self.touched, self.intercept = arrays["weights"], arrays["touched"], arrays["intercept"]
        self.scaling = Scaling(arrays["mean"], arrays["scale"])
        self.seen, self.unit, self.step = numbers["seen"], numbers["unit"], numbers["step"]


def passes() -> native.Loops:
    """The compiled loops."""
    return native.loops("thalweg.kernels.adaptive_passes")
