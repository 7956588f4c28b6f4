"""The gradient of any function: as given, by JAX where it is installed and can follow it, or by differences."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from thalweg.descent.differences import Function, central, central_with_error
from thalweg.errors import OptionalDependencyError, UsageError

_AGREEMENT = 1e-4  # of JAX's gradient with differences, relative: far above the differences' error, far below a mistake


@dataclass(frozen=True)
class Gradient:
    """A gradient of fun: call it with x (d,) for ∇fun (d,); `source` says in words where it comes from."""

    at: Callable[[np.ndarray], np.ndarray]
    source: str

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.at(x), dtype=np.float64)


def gradient_of(fun: Function, grad: Any, start: np.ndarray) -> Gradient:
    """The gradient to go by from `start` (d,).

    grad  a function of x; "jax"; "differences"; or None for JAX where it can, else differences

    Raises UsageError for another word, OptionalDependencyError for "jax" where it is not installed, and RunError
    where JAX cannot follow the function.
    """
    if callable(grad):
        return Gradient(grad, "given")
    if grad not in (None, "jax", "differences"):
        raise UsageError(f'grad is {grad!r}, but must be a function, "jax", "differences" or None.')
    if grad == "jax" and find_spec("jax") is None:
        raise OptionalDependencyError('grad="jax" needs JAX: pip install "thalweg[jax]"; or leave grad out.')
    if grad != "differences" and find_spec("jax") is not None:
        from thalweg.descent.jax_gradient import jax_gradient

        by_jax = jax_gradient(fun, start, required=grad == "jax")
        if by_jax is not None and (grad == "jax" or _agrees(by_jax(start), fun, start)):
            return Gradient(by_jax, "automatic differentiation by JAX")
    error = central_with_error(fun, start)[1]
    return Gradient(lambda x: central(fun, x), f"central differences, wrong by about {error:.0e} at the start")


def _agrees(gradient: np.ndarray, fun: Function, at: np.ndarray) -> bool:
    """Whether JAX followed all of the function: part of it may have been computed outside of its sight."""
    seen, error = central_with_error(fun, at)
    allowed = 10.0 * error + _AGREEMENT * float(np.max(np.abs(seen), initial=0.0))
    return bool(np.all(np.abs(gradient - seen) <= allowed))
