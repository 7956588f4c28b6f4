"""From the chunks of a stream to what the online learner takes: rows checked, numbers scaled, words hashed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thalweg.readers.chunk import Chunk
from thalweg.recipe.hasher import Hasher, Words
from thalweg.recipe.hashing import Hashing
from thalweg.rows import Csr
from thalweg.train.learner import Scaling
from thalweg.train.row_check import CheckedRows, Roles, RowCheck

_DRIFT = 1.5  # the factor by which a scale, or half of itself by which a mean, must move before weights are rescaled


@dataclass(frozen=True)
class OnlineRows:
    """Rows ready to be learnt from.

    X          (n, width) as `Hasher` makes them
    words      met in these rows
    checked    where they come from
    scaling    that the numbers of X are on
    moments    the state of `Moments` after these rows
    """

    X: Csr
    words: Sequence[Words]
    checked: CheckedRows
    scaling: Scaling
    moments: np.ndarray


class Moments:
    """Weighted means and spreads of the numbers so far, and the scaling in use, which follows them in jumps."""

    # of the state (6, numbers): weight, mean, spread, hole met, mean in use, scale in use; a scale of 0 is none yet

    def __init__(self, state: np.ndarray) -> None:
        self.state = state

    def update(self, columns: Sequence[np.ndarray], weight: np.ndarray | None) -> Scaling:
        """Take note of (n,) columns, holes NaN, merged as by Chan, Golub and LeVeque (1983); the scaling to use."""
        state = self.state = self.state.copy()
        for i, values in enumerate(columns):
            hole = np.isnan(values)
            s = (~hole).astype(np.float64) if weight is None else np.where(hole, 0.0, weight)
            x = np.where(hole, 0.0, values)
            total = float(s.sum())
            state[3, i] = max(state[3, i], float(hole.any()))
            if total > 0.0:
                mean = float(s @ x) / total
                moved, both = mean - state[1, i], state[0, i] + total
                state[2, i] += float(s @ np.square(x - mean)) + moved**2 * state[0, i] * total / both
                state[1, i] += moved * total / both
                state[0, i] = both
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.sqrt(state[2] / state[0])
        scale = np.where(np.isfinite(scale) & (scale > 1e-13 * np.abs(state[1])), scale, 0.0)
        used = np.where(state[5] > 0.0, state[5], 1.0)
        jumps = (scale > _DRIFT * used) | (scale * _DRIFT < used) | (np.abs(state[1] - state[4]) > used / 2.0)
        jumps = (scale > 0.0) & (jumps | (state[5] == 0.0))
        first = (state[5] == 0.0) & (scale == 0.0)  # constant so far: centred, so that it says nothing
        state[4] = np.where(jumps | first, state[1], state[4])
        state[5] = np.where(jumps, scale, state[5])
        return self.scaling

    @property
    def scaling(self) -> Scaling:
        """In use."""
        return Scaling(self.state[4].copy(), np.where(self.state[5] > 0.0, self.state[5], 1.0))


class Preparation:
    """Chunks one after another into `OnlineRows`; with `skip`, bad rows are left out instead of refused."""

    def __init__(self, hashing: Hashing, roles: Roles, skip: bool, moments: np.ndarray) -> None:
        self.moments = Moments(moments)
        self._hasher, self._check = Hasher(hashing), RowCheck(roles, hashing.numbers, skip)

    def rows(self, chunk: Chunk) -> OnlineRows:
        """The chunk's rows. Raises DataError for the first bad one, unless it may be left out."""
        checked = self._check(chunk)
        numbers = [checked.chunk.numbers(name) for name in self._hasher.hashing.numbers]
        scaling = self.moments.update(numbers, checked.weight)
        X, words = self._hasher.rows(checked.chunk, scaling.mean, scaling.scale)
        return OnlineRows(X, words, checked, scaling, self.moments.state)
