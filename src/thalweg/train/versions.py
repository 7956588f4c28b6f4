"""What a fit was made with."""

import platform
from functools import cache
from importlib.metadata import version

_LIBRARIES = ("thalweg", "numpy", "scipy", "duckdb", "pyarrow")


@cache
def library_versions() -> dict[str, str]:
    """Library -> its version."""
    return {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}}
