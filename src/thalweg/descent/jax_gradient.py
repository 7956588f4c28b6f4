"""The only file that imports JAX."""

from collections.abc import Callable
from typing import Any

import numpy as np

from thalweg.errors import RunError


def jax_gradient(
    fun: Callable[..., Any], start: np.ndarray, required: bool
) -> Callable[[np.ndarray], np.ndarray] | None:
    """∇fun in float64, compiled; None where JAX cannot follow the function, or RunError where it is `required`.

    float64 is switched on around each call only: nobody else's JAX changes its precision.
    """
    import jax

    derivative = jax.grad(fun)

    def gradient(x: np.ndarray) -> np.ndarray:
        with jax.enable_x64(True):
            return np.asarray(derivative(x))

    try:
        first = gradient(start)
    except Exception as error:  # whatever the function does with a value that is not a number yet
        if required:
            raise RunError(
                f"JAX cannot follow the function ({type(error).__name__}): write it with jax.numpy, or leave grad out."
            ) from None
        return None
    return gradient if first.shape == start.shape else None
