"""Numbers of many digits in NumPy's object arrays: gmpy2's, or where it is missing mpmath's, which are slow.

Their exponents have no limit that a float64 could reach, so nothing here overflows or underflows.
"""

from typing import Any

import numpy as np

BITS = 300  # at least; a problem whose columns differ widely from its penalty asks for more

try:
    import gmpy2

    ONE: Any = gmpy2.mpfr(1)
    _exp, _log, _log1p, _sqrt = gmpy2.exp, gmpy2.log, gmpy2.log1p, gmpy2.sqrt

    def _exact(value: Any) -> Any:
        return gmpy2.mpfr(float(value))

    def use(bits: int) -> None:
        """Round to that many bits from here on."""
        gmpy2.get_context().precision = bits

except ImportError:
    import mpmath

    ONE = mpmath.mpf(1)
    _exp, _log, _log1p, _sqrt = mpmath.exp, mpmath.log, mpmath.log1p, mpmath.sqrt

    def _exact(value: Any) -> Any:
        return mpmath.mpf(float(value))

    def use(bits: int) -> None:
        """Round to that many bits from here on."""
        mpmath.mp.prec = bits


use(BITS)
ZERO = 0 * ONE
_FAR = 1e6  # exp(-z) beyond is below any number of interest, and mpmath's exp would take long


def exact(values: Any) -> np.ndarray:
    """float64 numbers as they are, in an object array of the same shape."""
    array = np.asarray(values, dtype=np.float64)
    return np.array([_exact(value) for value in array.ravel()], dtype=object).reshape(array.shape)


def zeros(*shape: int) -> np.ndarray:
    """An object array of zeros."""
    return np.full(shape, ZERO, dtype=object)


def exp_minus(z: Any) -> Any:
    """exp(-z) for z ≥ 0."""
    return _exp(-z) if z < _FAR else ZERO


def softplus(z: Any) -> Any:
    """log(1 + exp(z))."""
    return _log1p(exp_minus(abs(z))) + (z if z > 0 else ZERO)


def log(value: Any) -> Any:
    """log(value) of a positive number."""
    return _log(value)


def root(value: Any) -> Any:
    """√value of a number of at least 0."""
    return _sqrt(value)


def both_sides(z: Any) -> tuple[Any, Any]:
    """σ(z) and σ(-z), each accurate relative to itself."""
    e = exp_minus(abs(z))
    small, large = e / (1 + e), 1 / (1 + e)
    return (large, small) if z > 0 else (small, large)


def total(values: Any) -> Any:
    """The sum of an object array; 0 of none."""
    return sum(np.ravel(values).tolist(), ZERO)
