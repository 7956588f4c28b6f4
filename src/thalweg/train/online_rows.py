"""From the chunks of a stream to what the online learner takes: rows checked, numbers scaled, words hashed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thalweg.readers.chunk import LARGEST, Chunk, Position
from thalweg.recipe.hasher import Hasher, Words, measured
from thalweg.recipe.hashing import Hashing
from thalweg.rows import Csr
from thalweg.train.learner import Scaling
from thalweg.train.row_check import Roles, RowCheck

_DRIFT = 1.5  # the factor by which a scale, or half of itself by which a mean, must move before weights are rescaled


@dataclass(frozen=True)
class OnlineRows:
    """Rows ready to be learnt from.

    X          (n, width) as `Hasher` makes them
    y          (n,) 0 or 1; weight and offset (n,) or None
    words      met in these rows
    scaling    that the numbers of X are on
    moments    the state of `Moments` after these rows
    bad, after, share  of the chunk they come from, which is not kept while they wait
    """

    X: Csr
    y: np.ndarray
    weight: np.ndarray | None
    offset: np.ndarray | None
    words: Sequence[Words]
    scaling: Scaling
    moments: np.ndarray
    bad: Sequence[str]
    after: Position
    share: float | None


class Moments:
    """Weighted means and spreads of the numbers so far, and the scaling in use, which follows them in jumps."""

    # of the state (6, numbers): weight, mean, spread, hole met, mean in use, scale in use; a scale of 0 is none yet

    def __init__(self, state: np.ndarray) -> None:
        self.state = state

    def update(self, found: np.ndarray) -> Scaling:
        """Take note of numbers as `measured` finds them, merged as by Chan, Golub and LeVeque (1983)."""
        weight, mean, spread, hole, _ = found
        state = self.state = self.state.copy()
        both = state[0] + weight
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(weight > 0.0, weight / both, 0.0)
        moved = mean - state[1]
        state[2] += spread + np.square(moved) * state[0] * share
        state[1] += moved * share
        state[0], state[3] = both, np.maximum(state[3], hole)
        scale, jumps = self._followed()
        first = (state[5] == 0.0) & (scale == 0.0)  # constant so far: centred, so that it says nothing
        state[4] = np.where(jumps | first, state[1], state[4])
        state[5] = np.where(jumps, scale, state[5])
        return self.scaling

    def _followed(self) -> tuple[np.ndarray, np.ndarray]:
        """The scales of the numbers so far, 0 where there is none; and whether the scaling in use must follow them."""
        state = self.state
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            scale = np.sqrt(state[2] / state[0])
        scale = np.where(np.isfinite(scale) & (scale > 1e-13 * np.abs(state[1])), scale, 0.0)
        used = np.where(state[5] > 0.0, state[5], 1.0)
        jumps = (scale > _DRIFT * used) | (scale * _DRIFT < used) | (np.abs(state[1] - state[4]) > used / 2.0)
        return scale, (scale > 0.0) & (jumps | (state[5] == 0.0))

    def settled_on(self, mean: np.ndarray, scale: np.ndarray) -> bool:
        """Whether that is the scaling in use, and it follows the moments as `update` leaves it."""
        used = self.scaling
        follows = not self._followed()[1].any() and bool((self.state[[0, 2, 3, 5]] >= 0.0).all())
        return follows and np.array_equal(used.mean, mean) and np.array_equal(used.scale, scale)

    @property
    def scaling(self) -> Scaling:
        """In use."""
        return Scaling(self.state[4].copy(), np.where(self.state[5] > 0.0, self.state[5], 1.0))


class Preparation:
    """Chunks one after another into `OnlineRows`; with `skip`, bad rows are left out instead of refused."""

    def __init__(self, hashing: Hashing, roles: Roles, skip: bool, moments: np.ndarray) -> None:
        self.moments = Moments(moments)
        self._names = hashing.numbers
        self._hasher, self._check = Hasher(hashing), RowCheck(roles, hashing.numbers, skip)

    def rows(self, chunk: Chunk) -> OnlineRows:
        """The chunk's rows. Raises DataError for the first bad one, unless it may be left out."""
        numbers = self._hasher.numbers(chunk)
        found = measured(numbers, None)
        checked = self._check(chunk, [name for name, size in zip(self._names, found[4], strict=True) if size > LARGEST])
        if checked.chunk is not chunk:
            numbers = self._hasher.numbers(checked.chunk)
        if checked.chunk is not chunk or checked.weight is not None:
            found = measured(numbers, checked.weight)
        scaling = self.moments.update(found)
        chunk = checked.chunk
        X, words = self._hasher.rows(chunk, numbers, scaling.mean, scaling.scale)
        return OnlineRows(
            X, checked.y, checked.weight, checked.offset, words, scaling, self.moments.state,
            chunk.bad, chunk.after, chunk.share,
        )  # fmt: skip
