"""One problem of the fuzz: the rows, the options, and through which door they reach thalweg."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.sparse import csr_array

import thalweg


@dataclass(frozen=True)
class Case:
    """A problem determined by its family and its seed.

    X        (n, p) float64 or float32, dense
    door     "array", "frame", "sparse" or "path": what thalweg is given, and by which function it is fitted
    options  keywords of `thalweg.fit`, or of `thalweg.fit_path`
    """

    family: str
    seed: int
    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None = None
    offset: np.ndarray | None = None
    door: str = "array"
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def tol(self) -> float:
        return float(self.options.get("tol", 1e-6))

    @property
    def intercept(self) -> bool:
        return bool(self.options.get("intercept", True))

    @property
    def cells(self) -> int:
        return int(self.X.size)

    def fit(self) -> list[thalweg.Model]:
        """The models it leads to: one, or those of a path."""
        if self.door == "frame":
            return [self._fit_frame()]
        rows: Any = csr_array(self.X) if self.door == "sparse" else self.X
        given = {"weights": self.weight, "offset": self.offset, **self.options}
        if self.door == "path":
            path = thalweg.fit_path((rows, self.y), **given)
            return [path.model(i) for i in range(len(path.l1))]
        return [thalweg.fit((rows, self.y), **given)]

    def _fit_frame(self) -> thalweg.Model:
        import pandas as pd

        frame = pd.DataFrame(self.X, columns=[f"x{j}" for j in range(self.X.shape[1])])
        roles = {}
        for role, values in (("weights", self.weight), ("offset", self.offset)):
            if values is not None:
                frame[role], roles[role] = values, role
        frame["y"] = self.y.astype(int)
        return thalweg.fit(frame, "y", **roles, **self.options)

    def columns(self, model: thalweg.Model) -> list[int]:
        """Which columns of X the model's columns are: a table's constant ones are dropped."""
        if self.door != "frame":
            return list(range(self.X.shape[1]))
        return [int(name.removeprefix("x")) for name in model.feature_names]
