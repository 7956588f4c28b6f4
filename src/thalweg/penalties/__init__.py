"""Penalties on the weights, never the intercept. `PENALTIES` is the list: a new one is one file and one line here."""

from collections.abc import Callable

from thalweg.penalties.elastic_net import ElasticNet
from thalweg.penalties.l1 import L1
from thalweg.penalties.l2 import L2
from thalweg.penalties.penalty import Penalty

PENALTIES: dict[str, Callable[[float, float], Penalty]] = {
    "l2": lambda l2, l1: L2(l2),
    "l1": lambda l2, l1: L1(l1),
    "elastic net": lambda l2, l1: ElasticNet(l2, l1),
}

__all__ = ["L1", "L2", "PENALTIES", "ElasticNet", "Penalty", "penalty"]


def penalty(l2: float, l1: float) -> Penalty:
    """The simplest penalty with these per-mean strengths."""
    name = "l2" if l1 == 0.0 else "l1" if l2 == 0.0 else "elastic net"
    return PENALTIES[name](l2, l1)
