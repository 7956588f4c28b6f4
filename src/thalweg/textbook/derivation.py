"""The derivation of the gradient, line by line: each with the rule that leads to it, proved and tried on numbers."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from math import ceil, log10
from typing import Any, Protocol

import numpy as np

from thalweg import formulas
from thalweg.errors import OptionalDependencyError, RunError
from thalweg.textbook import checks


class Algebra(Protocol):
    """What the two sides of a line are written in, once: numbers at one place, or symbols.

    w1, w2, x1, x2, b, y are the parameters, features and label; t is a variable of its own, for the rules. `value` is
    a name's number or symbol; `d` is the derivative of a side by a name; `slope` that of a function of one argument.
    u and v are any two functions. `loss` is the cross-entropy in the form the package computes it in.
    """

    def value(self, name: str) -> Any: ...
    def log(self, value: Any) -> Any: ...
    def sigma(self, z: Any) -> Any: ...
    def loss(self, y: Any, z: Any) -> Any: ...
    def u(self, t: Any) -> Any: ...
    def v(self, t: Any) -> Any: ...
    def d(self, side: "Side", name: str) -> Any: ...
    def slope(self, function: Callable[[Any], Any], at: Any) -> Any: ...


Side = Callable[[Algebra], Any]


@dataclass(frozen=True)
class Line:
    """One equality: its number in the book, both sides as text, the rule behind it, and both sides to compute."""

    number: str
    left: str
    right: str
    rule: str
    lhs: Side
    rhs: Side


@dataclass(frozen=True)
class Checked:
    """A line and what was found: whether it was proved (None: not tried), and how far apart numbers put the sides.

    apart  largest |left - right| / (1 + |right|) over the random points; differences stand for the derivatives
    """

    line: Line
    proved: bool | None
    apart: float


@dataclass(frozen=True)
class Derivation:
    """All lines of the two chapters, in order."""

    lines: tuple[Checked, ...]
    points: int

    def __str__(self) -> str:
        out, before = [], ""
        for checked in self.lines:
            line = checked.line
            left = line.left if line.left != before else ""
            before = line.left
            out += [
                f"{line.number:<9} {left:<{max(len(left), 6)}} = {line.right}",
                f"{'':<18} {line.rule}{'; proved' if checked.proved else ''}",
            ]
        worst = max(checked.apart for checked in self.lines)
        bound = 10.0 ** ceil(log10(max(worst, 1e-16)))
        out.append(f"\nBoth sides of each line agree within {bound:.0e} at {self.points} random points.")
        return "\n".join(out)


def _z(A: Algebra) -> Any:
    return A.value("w1") * A.value("x1") + A.value("w2") * A.value("x2") + A.value("b")


def _s(A: Algebra) -> Any:
    return A.sigma(_z(A))


def _loss(A: Algebra) -> Any:
    y = A.value("y")
    return -(y * A.log(_s(A)) + (1 - y) * A.log(1 - _s(A)))


def _by_w(A: Algebra) -> Any:
    return A.d(lambda A: A.loss(A.value("y"), _z(A)), "w1")


def _bracket(A: Algebra) -> Any:
    return (A.value("y") - _s(A)) / (_s(A) * (1 - _s(A)))


def _loss_of_a(A: Algebra) -> Any:
    a, y = A.value("t"), A.value("y")
    return -(y * A.log(a) + (1 - y) * A.log(1 - a))


_dL = "∂L/∂wⱼ"
_TERMS = "[y log σ(w·x + b) + (1 - y) log(1 - σ(w·x + b))]"

RULES = (
    Line("SLP 4.56", "d ln(x)/dx", "1/x", "derivative of the logarithm",
         lambda A: A.d(lambda A: A.log(A.value("t")), "t"), lambda A: 1 / A.value("t")),
    Line("SLP 4.57", "dσ(z)/dz", "σ(z)(1 - σ(z))", "derivative of the sigmoid",
         lambda A: A.d(lambda A: A.sigma(A.value("t")), "t"),
         lambda A: A.sigma(A.value("t")) * (1 - A.sigma(A.value("t")))),
    Line("SLP 4.58", "df/dx", "du/dv · dv/dx", "chain rule, for f(x) = u(v(x))",
         lambda A: A.d(lambda A: A.u(A.v(A.value("t"))), "t"),
         lambda A: A.slope(A.u, A.v(A.value("t"))) * A.slope(A.v, A.value("t"))),
)  # fmt: skip

CHAIN = (
    Line("SLP 4.59", _dL, f"∂/∂wⱼ (-{_TERMS})", "the cross-entropy, SLP 5.29",
         _by_w, lambda A: A.d(_loss, "w1")),
    Line("", _dL, "-[∂/∂wⱼ y log σ(w·x + b) + ∂/∂wⱼ (1 - y) log(1 - σ(w·x + b))]", "derivative of a sum",
         _by_w,
         lambda A: -(A.d(lambda A: A.value("y") * A.log(_s(A)), "w1")
                     + A.d(lambda A: (1 - A.value("y")) * A.log(1 - _s(A)), "w1"))),
    Line("SLP 4.60", _dL, "-y/σ(w·x + b) · ∂/∂wⱼ σ(w·x + b) - (1 - y)/(1 - σ(w·x + b)) · ∂/∂wⱼ (1 - σ(w·x + b))",
         "chain rule 4.58, and the logarithm 4.56",
         _by_w,
         lambda A: -A.value("y") / _s(A) * A.d(_s, "w1")
         - (1 - A.value("y")) / (1 - _s(A)) * A.d(lambda A: 1 - _s(A), "w1")),
    Line("", _dL, "-[y/σ(w·x + b) - (1 - y)/(1 - σ(w·x + b))] · ∂/∂wⱼ σ(w·x + b)",
         "∂(1 - σ) = -∂σ, and the terms collected",
         _by_w,
         lambda A: -(A.value("y") / _s(A) - (1 - A.value("y")) / (1 - _s(A))) * A.d(_s, "w1")),
    Line("SLP 4.61", _dL, "-[(y - σ)/(σ(1 - σ))] · σ(1 - σ) · ∂(w·x + b)/∂wⱼ",
         "a common denominator; the sigmoid 4.57 and the chain rule 4.58, σ for σ(w·x + b)",
         _by_w, lambda A: -_bracket(A) * _s(A) * (1 - _s(A)) * A.d(_z, "w1")),
    Line("", _dL, "-[(y - σ)/(σ(1 - σ))] · σ(1 - σ) · xⱼ", "w·x + b is linear in wⱼ",
         _by_w, lambda A: -_bracket(A) * _s(A) * (1 - _s(A)) * A.value("x1")),
    Line("", _dL, "-[y - σ(w·x + b)] xⱼ", "σ(1 - σ) cancels",
         _by_w, lambda A: -(A.value("y") - _s(A)) * A.value("x1")),
    Line("", _dL, "[σ(w·x + b) - y] xⱼ = (ŷ - y) xⱼ", "the minus goes into the bracket: SLP 5.30",
         _by_w, lambda A: (_s(A) - A.value("y")) * A.value("x1")),
)  # fmt: skip

BACKWARD = (
    Line("Ng da", "dL(a, y)/da", "-y/a + (1 - y)/(1 - a)", "the logarithm 4.56 twice",
         lambda A: A.d(_loss_of_a, "t"),
         lambda A: -A.value("y") / A.value("t") + (1 - A.value("y")) / (1 - A.value("t"))),
    Line("Ng dz", "dL/da · da/dz", "a - y", "da/dz = a(1 - a) by 4.57, with a = σ(z)",
         lambda A: (-A.value("y") / _s(A) + (1 - A.value("y")) / (1 - _s(A))) * A.slope(A.sigma, _z(A)),
         lambda A: _s(A) - A.value("y")),
    Line("Ng dw₁", "∂L/∂w₁", "dz · x₁", "∂z/∂w₁ = x₁",
         lambda A: A.d(_loss, "w1"), lambda A: (_s(A) - A.value("y")) * A.value("x1")),
    Line("Ng dw₂", "∂L/∂w₂", "dz · x₂", "∂z/∂w₂ = x₂",
         lambda A: A.d(_loss, "w2"), lambda A: (_s(A) - A.value("y")) * A.value("x2")),
    Line("Ng db", "∂L/∂b", "dz", "∂z/∂b = 1",
         lambda A: A.d(_loss, "b"), lambda A: _s(A) - A.value("y")),
)  # fmt: skip

LINES = (*RULES, *CHAIN, *BACKWARD)
_NAMES = ("w1", "w2", "x1", "x2", "b", "y", "t")
_DISAGREE = 1e-6  # central differences are wrong by about 1e-10 here


def derive(prove: bool | None = None, points: int = 100, seed: int = 0) -> Derivation:
    """Check SLP 4.56 to 4.61 and the chain da → dz → dw₁, dw₂, db; `print` shows them.

    prove   by SymPy, for all values at once; None: where it is installed
    points  random places at which both sides are computed, derivatives by central differences

    Raises OptionalDependencyError for prove=True without SymPy, RunError where a line does not hold.
    """
    points = checks.count("points", points)
    if prove and find_spec("sympy") is None:
        raise OptionalDependencyError('the proof needs SymPy: pip install "thalweg[derive]".')
    symbolic = None
    if prove or (prove is None and find_spec("sympy") is not None):
        from thalweg.textbook.symbolic import equal

        symbolic = equal
    rng = np.random.default_rng(checks.count("seed", seed, least=0))
    places = [_Numbers.random(rng) for _ in range(points)]
    lines = []
    for line in LINES:
        proved = None if symbolic is None else symbolic(line.lhs, line.rhs)
        checked = Checked(line, proved, max(_apart(line, A) for A in places))
        if checked.proved is False or not checked.apart <= _DISAGREE:
            raise RunError(f"{line.left} = {line.right} does not hold: the sides are apart by {checked.apart:.3g}.")
        lines.append(checked)
    return Derivation(tuple(lines), points)


def _apart(line: Line, A: Algebra) -> float:
    right = float(line.rhs(A))
    return abs(float(line.lhs(A)) - right) / (1.0 + abs(right))


@dataclass(frozen=True)
class _Numbers:
    """The algebra of numbers at one place; u is the logarithm and v the sigmoid, the two that the derivation chains."""

    numbers: dict[str, float]

    @classmethod
    def random(cls, rng: np.random.Generator) -> "_Numbers":
        values = dict(zip(_NAMES, rng.standard_normal(len(_NAMES)), strict=True))
        # a label is a probability at most, and t stands for one too
        return cls({name: float(v) for name, v in values.items()} | {"y": rng.random(), "t": rng.uniform(0.1, 0.9)})

    def value(self, name: str) -> float:
        return self.numbers[name]

    def log(self, value: float) -> float:
        return float(np.log(value))

    def sigma(self, z: float) -> float:
        return formulas.sigmoid(z)

    def loss(self, y: float, z: float) -> float:
        return formulas.log_loss(y, z)

    u = log
    v = sigma

    def d(self, side: Side, name: str) -> float:
        def along(t: float) -> float:
            return float(side(replace(self, numbers={**self.numbers, name: t})))

        return self.slope(along, self.numbers[name])

    def slope(self, function: Callable[[float], float], at: float) -> float:
        h = 1e-5 * max(1.0, abs(at))
        return (function(at + h) - function(at - h)) / (2 * h)
