"""What a penalty offers the objective, the optimizers and the certificates."""

from typing import Protocol

import numpy as np


class Penalty(Protocol):
    """l2/2·‖w‖² + l1·‖w‖₁ on weights w of shape (p, k), k models at once; strengths are per mean of the losses."""

    @property
    def l2(self) -> float: ...

    @property
    def l1(self) -> float: ...

    def value(self, w: np.ndarray) -> np.ndarray:
        """The penalty of each model, (k,)."""
        ...

    def gradient(self, w: np.ndarray) -> np.ndarray:
        """The gradient of the smooth part l2/2·‖w‖², (p, k)."""
        ...

    def prox(self, w: np.ndarray, rate: float) -> np.ndarray:
        """argmin over u of ‖u - w‖²/2 + rate·l1·‖u‖₁: the proximal step of what `gradient` leaves out, (p, k)."""
        ...

    def conjugate(self, v: np.ndarray) -> np.ndarray:
        """sup over w of v·w - value(w), (k,); infinite where the penalty does not grow fast enough to hold v."""
        ...
