"""What margins become, before any column is looked at: losses added up, and what Xᵀ is to be multiplied with."""

import numpy as np

from thalweg.kernels.sums import Sums


def of_margins(
    total: Sums, z: np.ndarray, y: np.ndarray, s: np.ndarray | None, d: np.ndarray | None, curvatures: bool
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """Add loss, reach and divergence to the total; return r, h and the old h times d, weights included, each (m, k).

    z           (m, k) margins
    y, s        (m, 1) labels and weights
    d           (m, k) how far the step moved the margins, or None
    curvatures  whether h is wanted though the total has no border

    What the total does not need is None. As `formulas` has it, over arrays.
    """
    e = np.exp(-np.abs(z))
    # max(z, 0) - yz goes first, since for hard labels it is exact
    loss = np.maximum(z, 0.0)
    loss -= y * z
    loss += np.log1p(e)
    total.loss += _weighted_sum(loss, s)
    if total.gradient is None and d is None and not curvatures:
        return None, None, None
    greater = 1.0 / (1.0 + e)  # of σ(z), σ(-z)
    lesser = e * greater
    r = h = hd = None
    if total.gradient is not None:
        flipped = z < 0.0
        r = np.where(flipped, lesser, greater)
        r -= y
        # 1 - σ(z) keeps no digit of a small σ(-z)
        np.copyto(r, np.where(flipped, -greater, -lesser), where=y == 1.0)
        if s is not None:
            r *= s
    if total.border is not None or d is not None or curvatures:
        h = lesser * greater
        if d is not None:
            hd = _of_step(total, z, lesser, h, d, s)
        if s is not None:
            h *= s
    return r, h, hd


def _of_step(
    total: Sums, z: np.ndarray, small: np.ndarray, h: np.ndarray, d: np.ndarray, s: np.ndarray | None
) -> np.ndarray:
    """Add reach and divergence; return the old h times d.

    As `formulas.divergence`, with what the pass already has at the new margins: `small` the lesser of σ(z), σ(-z) and
    h their product.
    """
    assert total.reach is not None and total.divergence is not None
    reach = np.abs(d).max(axis=0, initial=0.0)
    np.maximum(total.reach, reach, out=total.reach)
    old = z - d
    e = np.exp(-np.abs(old))
    rest = 1.0 / (1.0 + e)
    p = e * rest  # the lesser of σ(old), σ(-old), on whose side all that follows is taken
    hd = p * rest * d
    flipped = old >= 0
    r = np.where((z >= 0) == flipped, small, 1.0 - small)  # new margin on the old one's side: still the lesser
    q = p + np.where(flipped, -hd, hd)
    gap = q - r
    gap *= gap
    floor = np.minimum(h, q * (1.0 - q))
    np.maximum(floor, np.finfo(np.float64).tiny, out=floor)  # a denormal is 0 where a library flushes them
    gap /= floor
    gap *= 0.5
    if s is not None:
        gap *= s
        hd *= s
    total.divergence += np.where(reach <= 1.0, gap.sum(axis=0), np.inf)
    return np.asarray(hd)


def _weighted_sum(values: np.ndarray, s: np.ndarray | None) -> np.ndarray:
    return np.asarray(values.sum(axis=0) if s is None else (values * s).sum(axis=0))
