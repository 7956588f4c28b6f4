"""The gradient of any function: as given, by JAX where it is installed and can follow it, or by differences."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from thalweg.descent.differences import central, central_with_error
from thalweg.descent.jax_gradient import in_float64, jax_gradient
from thalweg.descent.measured import Measured, place, real
from thalweg.errors import DataError, OptionalDependencyError, UsageError

_AGREEMENT = 1e-4  # of JAX's gradient with differences, relative: far above the differences' error, far below a mistake


@dataclass(frozen=True)
class Gradient:
    """A gradient of fun: call it with x (d,) for ∇fun (d,); `source` says in words where it comes from.

    Raises DataError where it does not give d numbers; where d is 1, one number will do.
    """

    at: Callable[[np.ndarray], Any]
    source: str

    def __call__(self, x: np.ndarray) -> np.ndarray:
        with in_float64():
            given = self.at(x)
        g = real(given)
        if g is None:
            raise DataError(f"grad must give numbers of shape {x.shape}, but at x = {place(x)} it gives {given!r:.80}.")
        if g.shape != x.shape and not (g.ndim == 0 and len(x) == 1):
            raise DataError(f"grad must give numbers of shape {x.shape}, but at x = {place(x)} it gives {g.shape}.")
        return np.asarray(g, dtype=np.float64).reshape(x.shape)


def gradient_of(fun: Measured, grad: Any, start: np.ndarray) -> Gradient:
    """The gradient to go by from `start` (d,).

    grad  a function of x; "jax"; "differences"; or None for JAX where it can, else differences

    Raises UsageError for another word, OptionalDependencyError for "jax" where it is not installed, and RunError
    where JAX cannot follow the function.
    """
    if callable(grad):
        return Gradient(grad, "given")
    if not (grad is None or (isinstance(grad, str) and grad in ("jax", "differences"))):
        raise UsageError(f'grad is {grad!r:.80}, but must be a function, "jax", "differences" or None.')
    if grad == "jax" and find_spec("jax") is None:
        raise OptionalDependencyError('grad="jax" needs JAX: pip install "thalweg[jax]"; or leave grad out.')
    if grad != "differences" and find_spec("jax") is not None:
        by_jax = jax_gradient(fun.fun, start, required=grad == "jax")
        if by_jax is not None and (grad == "jax" or _agrees(by_jax(start), fun, start)):
            return Gradient(by_jax, "automatic differentiation by JAX")
    error = float(np.max(central_with_error(fun, start, fun.eps).error, initial=0.0))
    wrong = f"wrong by about {error:.0e} at the start" if np.isfinite(error) else "of unknown error at the start"
    return Gradient(lambda x: central(fun, x, fun.eps), f"central differences, {wrong}")


def _agrees(gradient: np.ndarray, fun: Measured, at: np.ndarray) -> bool:
    """Whether JAX followed all of the function: part of it may have been computed outside of its sight."""
    seen = central_with_error(fun, at, fun.eps, shortest=True)
    allowed = 10.0 * seen.error + _AGREEMENT * np.abs(seen.gradient)
    return bool(np.all(np.abs(gradient - seen.gradient) <= allowed))
