"""The elastic net l2/2·‖w‖² + l1·‖w‖₁ (Zou and Hastie, 2005)."""

from dataclasses import dataclass

import numpy as np

from thalweg.penalties.l1 import L1, soft_threshold
from thalweg.penalties.l2 import L2


@dataclass(frozen=True)
class ElasticNet:
    """l2/2·‖w‖² + l1·‖w‖₁ with l2 > 0."""

    l2: float
    l1: float

    def value(self, w: np.ndarray) -> np.ndarray:
        return L2(self.l2).value(w) + L1(self.l1).value(w)

    def gradient(self, w: np.ndarray) -> np.ndarray:
        return self.l2 * w

    def prox(self, w: np.ndarray, rate: float) -> np.ndarray:
        return soft_threshold(w, rate * self.l1)

    def conjugate(self, v: np.ndarray) -> np.ndarray:
        return L2(self.l2).conjugate(soft_threshold(v, self.l1))
