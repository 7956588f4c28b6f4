"""What a command needs before it reads a row, compared with what there is.

Libraries that find too little memory while they are loaded end the process, or never end.
"""

from importlib.util import find_spec
from pathlib import Path

from thalweg import memory

# The large libraries that every run loads, where their files lie beside the package; and all the rest together,
# measured: less than the smallest run takes.
_LIBRARIES = (
    ("numpy", "../numpy.libs/*openblas*.so"),
    ("scipy", "../scipy.libs/*openblas*.so"),
    ("pyarrow", "libarrow.so.*"),
    ("pyarrow", "libarrow_compute.so.*"),
    ("pyarrow", "libparquet.so.*"),
)
_REST = {memory.ADDRESSES: 240 << 20, memory.DATA: 150 << 20, memory.PAGES: 60 << 20}
_WORK = 40 << 20  # of threads that read, and of the first rows


def check_libraries() -> None:
    """Before libraries are loaded. Raises OutOfMemoryError."""
    files = {file.resolve() for package, pattern in _LIBRARIES for file in _files(package, pattern)}
    size = sum(file.stat().st_size for file in files)
    memory.require("to begin with", {**_REST, memory.ADDRESSES: _REST[memory.ADDRESSES] + size})


def check_work() -> None:
    """Once libraries are loaded: what linear algebra and reading take whatever the rows. Raises OutOfMemoryError."""
    from thalweg.engines.blas import set_aside

    set_aside(_WORK)


def _files(package: str, pattern: str) -> list[Path]:
    spec = find_spec(package)
    return [] if spec is None or spec.origin is None else list(Path(spec.origin).parent.glob(pattern))
