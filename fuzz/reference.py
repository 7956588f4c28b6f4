"""P and bounds on its minimum in many digits, by the definition. Shares no code with thalweg.

A point is theta (d,): the weights of the standardised columns, and the intercept where there is one. Weak duality
gives the lower bound: for q in [0, 1]ⁿ with θᵢ = sᵢ(qᵢ - yᵢ)/S, Σθ = 0 where there is an intercept, and v = -Xᵀθ,

    P* ≥ P(w, b) - (1/S·Σ sᵢ·KL(qᵢ ‖ σ(zᵢ)) + R(w) + R*(v) - v·w)        at any (w, b), offsets inside z.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from fuzz import precision as high


@dataclass(frozen=True)
class Reference:
    """A problem in object arrays of many digits.

    D       (n, d) standardised columns, and a column of ones where there is an intercept
    y, s    (n,) labels; weights divided by their sum
    o       (n,) offsets
    l2, l1  strengths; p: how many columns of D they act on
    """

    D: np.ndarray
    y: np.ndarray
    s: np.ndarray
    o: np.ndarray
    l2: Any
    l1: Any
    p: int

    @classmethod
    def of(
        cls,
        X: np.ndarray,
        y: np.ndarray,
        weight: np.ndarray | None,
        offset: np.ndarray | None,
        l2: float,
        l1: float,
        centre: np.ndarray,
        scale: np.ndarray,
        intercept: bool,
    ) -> "Reference":
        """The problem of rows standing for (x - centre)/scale; a column scaled by infinity is 0."""
        n, p = X.shape
        high.use(high.BITS + _more_bits(X, scale, l2, l1))
        c, finite = high.exact(centre), np.isfinite(scale)
        over = high.exact(np.where(finite, scale, 1.0))
        D = (high.exact(X) - c) / over
        D[:, ~finite] = high.ZERO
        if intercept:
            D = np.hstack([D, high.exact(np.ones((n, 1)))])
        s = high.exact(np.ones(n) if weight is None else weight)
        o = high.exact(np.zeros(n) if offset is None else offset)
        l2, l1 = high.exact([l2, l1])
        return cls(D, high.exact(y), s / high.total(s), o, l2, l1, p)

    @property
    def d(self) -> int:
        return int(self.D.shape[1])

    def margins(self, theta: np.ndarray) -> np.ndarray:
        return self.D @ theta + self.o if self.d else self.o

    def penalty(self, w: np.ndarray) -> Any:
        return self.l2 / 2 * high.total(w * w) + self.l1 * high.total(abs(w))

    def value(self, theta: np.ndarray) -> Any:
        """P(theta)."""
        z = self.margins(theta)
        # (1 - y)·softplus(z) + y·softplus(-z) has no cancellation
        losses = [
            s * ((1 - y) * high.softplus(zi) + y * high.softplus(-zi))
            for s, y, zi in zip(self.s, self.y, z, strict=True)
            if s != 0
        ]
        return high.total(np.array(losses, dtype=object)) + self.penalty(theta[: self.p])

    def slopes(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """r and h (n,), weights included: first and second derivatives of the losses."""
        sides = [high.both_sides(z) for z in self.margins(theta)]
        r = [s * ((1 - y) * a - y * b) for s, y, (a, b) in zip(self.s, self.y, sides, strict=True)]
        h = [s * a * b for s, (a, b) in zip(self.s, sides, strict=True)]
        return np.array(r, dtype=object), np.array(h, dtype=object)

    def gradient(self, theta: np.ndarray, r: np.ndarray) -> np.ndarray:
        """∇P (d,) without the kinks of l1."""
        gradient = self.D.T @ r
        gradient[: self.p] += self.l2 * theta[: self.p]
        return gradient

    def hessian(self, h: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """∇²P of those columns, (k, k)."""
        D = self.D[:, columns]
        H = D.T @ (h[:, None] * D)
        for place, column in enumerate(columns):
            if column < self.p:
                H[place, place] += self.l2
        return H

    def bound(self, theta: np.ndarray) -> Any:
        """A lower bound on P*, from the dual point that belongs to theta; at least 0."""
        if not (self.l2 > 0 or self.l1 > 0):
            return high.ZERO
        w, z = theta[: self.p], self.margins(theta)
        sides = [high.both_sides(zi) for zi in z]
        shift = high.ZERO
        if self.d > self.p:
            r, h = self.slopes(theta)
            g_b, H_bb = high.total(r), high.total(h)
            if abs(g_b) > H_bb:
                return high.ZERO
            shift = -g_b / H_bb if H_bb > 0 else high.ZERO
        q = [(a * (1 + shift * b), b * (1 - shift * a)) for a, b in sides]
        v = -(self.D[:, : self.p].T @ self._dual(q))
        if self.l2 == 0 and len(v) and max(abs(v)) > self.l1:
            t = self.l1 / max(abs(v))
            q = [(t * a + (1 - t) * y, t * b + (1 - t) * (1 - y)) for (a, b), y in zip(q, self.y, strict=True)]
            v = v * t
        divergence = high.total(
            np.array([s * _divergence(*qi, zi) for s, qi, zi in zip(self.s, q, z, strict=True) if s != 0], object)
        )
        rest = self.penalty(w) + self._conjugate(v) - high.total(v * w)
        return max(self.value(theta) - divergence - rest, high.ZERO)

    def _dual(self, q: list[tuple[Any, Any]]) -> np.ndarray:
        """θ (n,): s·(q - y), from whichever side of q loses nothing."""
        return np.array(
            [s * ((1 - y) * a - y * b) for s, y, (a, b) in zip(self.s, self.y, q, strict=True)], dtype=object
        )

    def _conjugate(self, v: np.ndarray) -> Any:
        if self.l2 == 0:
            return high.ZERO  # |v| ≤ l1 was seen to
        over = np.array([max(abs(vi) - self.l1, high.ZERO) for vi in v], dtype=object)
        return high.total(over * over) / (2 * self.l2)

    @cached_property
    def sizes(self) -> np.ndarray:
        """(d,) the largest |D| of each column, 1 for a column of zeros: what makes the columns comparable."""
        return np.array([max(abs(column)) or high.ONE for column in self.D.T], dtype=object)


def _more_bits(X: np.ndarray, scale: np.ndarray, l2: float, l1: float) -> int:
    """What Xᵀθ has to be known more precisely where columns are large beside the penalty: bits."""
    X = np.abs(X.astype(np.float64)).max(axis=0, initial=0.0)
    with np.errstate(divide="ignore"):
        columns = np.log2(X, where=X > 0, out=np.zeros_like(X)) - np.where(np.isfinite(scale), np.log2(scale), 0.0)
    strength = [power * np.log2(value) for power, value in ((0.5, l2), (1.0, l1)) if value > 0.0]
    return int(max(columns.max(initial=0.0), 0.0) + max(-max(strength, default=0.0), 0.0))


def _divergence(q: Any, rest: Any, z: Any) -> Any:
    """KL(q ‖ σ(z)) with rest = 1 - q."""
    first = q * (high.log(q) + high.softplus(-z)) if q > 0 else high.ZERO
    second = rest * (high.log(rest) + high.softplus(z)) if rest > 0 else high.ZERO
    return first + second
