"""The only file that imports SymPy: whether two sides of a line are equal, for all values at once."""

from collections.abc import Callable
from functools import cache
from typing import Any

import sympy


class _Symbols:
    """The algebra of symbols: derivatives are taken by SymPy's rules, u and v stay any functions."""

    u = sympy.Function("u")
    v = sympy.Function("v")

    def value(self, name: str) -> Any:
        return _symbol(name)

    def log(self, value: Any) -> Any:
        return sympy.log(value)

    def sigma(self, z: Any) -> Any:
        return 1 / (1 + sympy.exp(-z))

    def loss(self, y: Any, z: Any) -> Any:
        return sympy.log(1 + sympy.exp(z)) - y * z

    def d(self, side: Callable[[Any], Any], name: str) -> Any:
        return sympy.diff(side(self), _symbol(name))

    def slope(self, function: Callable[[Any], Any], at: Any) -> Any:
        inner = sympy.Dummy()
        return sympy.diff(function(inner), inner).subs(inner, at)


def equal(left: Callable[[Any], Any], right: Callable[[Any], Any]) -> bool:
    """Whether left - right is nothing at all, both written in `derivation.Algebra`."""
    algebra = _Symbols()
    return bool(sympy.simplify(left(algebra) - right(algebra)).doit() == 0)


@cache
def _symbol(name: str) -> Any:
    return sympy.Symbol(name, real=True)
