"""Gradients by central differences, with an estimate of their error."""

from collections.abc import Callable

import numpy as np

Function = Callable[[np.ndarray], float]

_STEP = float(np.finfo(np.float64).eps ** (1 / 3))  # balances the truncation h² against the rounding eps/h


def central(fun: Function, at: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """(fun(x + h·eⱼ) - fun(x - h·eⱼ)) / 2h for every j; h is `scale` times eps^(1/3)·max(1, |xⱼ|).

    at (d,); returns (d,). Truncation makes it wrong by h²/6 times the third derivative, rounding by eps·|fun|/h.
    Source: Nocedal and Wright, Numerical Optimization, 8.1.
    """
    gradient = np.empty_like(at)
    for j in range(len(at)):
        h = scale * _STEP * max(1.0, abs(at[j]))
        ahead, behind = at.copy(), at.copy()
        ahead[j] += h
        behind[j] -= h
        gradient[j] = (float(fun(ahead)) - float(fun(behind))) / (ahead[j] - behind[j])  # as rounded, not 2h
    return gradient


def central_with_error(fun: Function, at: np.ndarray) -> tuple[np.ndarray, float]:
    """The gradient (d,), and an estimate of its largest error in any component.

    The truncation shows in the difference to the step twice as long, which has four times as much of it; the rounding
    is eps times the function's values over the step. An estimate, not a bound.
    """
    gradient = central(fun, at)
    truncation = np.abs(central(fun, at, 2.0) - gradient) / 3.0
    rounding = np.finfo(np.float64).eps * max(abs(float(fun(at))), 1e-300) / (_STEP * np.maximum(1.0, np.abs(at)))
    return gradient, float(np.max(truncation + rounding, initial=0.0))
