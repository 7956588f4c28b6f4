"""L1, the lasso penalty l1·‖w‖₁, which sets weights exactly to zero."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class L1:
    """l1·‖w‖₁."""

    l1: float
    l2: float = 0.0

    def value(self, w: np.ndarray) -> np.ndarray:
        return self.l1 * np.sum(np.abs(w), axis=0)

    def gradient(self, w: np.ndarray) -> np.ndarray:
        return np.zeros_like(w)

    def prox(self, w: np.ndarray, rate: float) -> np.ndarray:
        return soft_threshold(w, rate * self.l1)

    def conjugate(self, v: np.ndarray) -> np.ndarray:
        return np.where(np.abs(v).max(axis=0, initial=0.0) > self.l1, np.inf, 0.0)


def soft_threshold(w: np.ndarray, by: float) -> np.ndarray:
    """Each entry moved towards zero by `by`, and to zero where it would cross it."""
    return np.sign(w) * np.maximum(np.abs(w) - by, 0.0)
