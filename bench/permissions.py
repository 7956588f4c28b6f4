"""A table of categories of thousands of levels, in the shape of Amazon's access permissions: who was let in to what."""

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit

ROWS = 32_769
LEVELS = {"resource": 7500, "manager": 4250, "rollup_1": 130, "rollup_2": 180, "department": 450, "title": 345,
          "family_description": 2360, "family": 67, "code": 343}  # fmt: skip
ONES = 0.942


def permissions(seed: int, rows: int = ROWS, skew: float = 0.9, spread: float = 1.0) -> pd.DataFrame:
    """Nine columns of words and y, 94 % of it 1.

    The k-th level of a column comes in proportion to k^-skew, and adds a normal effect of deviation `spread`.
    """
    rng = np.random.default_rng(seed)
    columns, z = {}, np.zeros(rows)
    for name, levels in LEVELS.items():
        frequency = 1.0 / np.arange(1, levels + 1) ** skew
        level = rng.choice(levels, rows, p=frequency / frequency.sum())
        z += spread * rng.standard_normal(levels)[level]
        columns[name] = np.char.add("l", level.astype(str))
    intercept = brentq(lambda b: float(expit(z + b).mean()) - ONES, -50.0, 50.0)
    return pd.DataFrame({**columns, "y": (rng.random(rows) < expit(z + intercept)).astype(int)})
