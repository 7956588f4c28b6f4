"""The only file that imports JAX."""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from thalweg.errors import RunError


def in_float64() -> AbstractContextManager[Any]:
    """JAX computes in float64 inside this, and as before after it: nobody else's JAX changes its precision.

    Where JAX is not loaded no function can be written with it, and nothing is imported.
    """
    if "jax" not in sys.modules:
        return nullcontext()
    import jax

    return jax.enable_x64(True)


def jax_gradient(
    fun: Callable[..., Any], start: np.ndarray, required: bool
) -> Callable[[np.ndarray], np.ndarray] | None:
    """∇fun in float64, compiled; or not compiled where the function asks what its numbers are, as `if x[0] > 0` does.

    None where JAX cannot follow the function at the start (d,), or RunError where it is `required`; RunError too where
    it cannot follow it further on. Compiled, the function is read once, so it must depend on x alone.
    """
    import jax
    import jax.numpy as jnp

    derivative = jax.grad(lambda x: jnp.reshape(fun(x), ()))
    for way in (jax.jit(derivative), derivative):
        gradient = _in_words(way)
        try:
            gradient(start)
        except RunError:
            continue
        return gradient
    if required:
        gradient(start)  # raises, as it did
    return None


def _in_words(derivative: Callable[[np.ndarray], Any]) -> Callable[[np.ndarray], np.ndarray]:
    def gradient(x: np.ndarray) -> np.ndarray:
        try:
            with in_float64():
                return np.asarray(derivative(x))
        except Exception as error:  # whatever the function does with a value that is not a number yet
            raise RunError(
                f"JAX cannot follow the function ({type(error).__name__}): write it with jax.numpy, or leave grad out."
            ) from None

    return gradient
