"""L2, the ridge penalty l2/2·‖w‖²; with l2 = 0, no penalty at all."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class L2:
    """l2/2·‖w‖²."""

    l2: float
    l1: float = 0.0

    def value(self, w: np.ndarray) -> np.ndarray:
        return 0.5 * self.l2 * np.sum(w * w, axis=0)

    def gradient(self, w: np.ndarray) -> np.ndarray:
        return self.l2 * w

    def prox(self, w: np.ndarray, rate: float) -> np.ndarray:
        return w

    def conjugate(self, v: np.ndarray) -> np.ndarray:
        squares = np.sum(v * v, axis=0)
        return squares / (2.0 * self.l2) if self.l2 > 0.0 else np.where(squares > 0.0, np.inf, 0.0)
