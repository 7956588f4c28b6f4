"""Kernels: one pass over one block. `KERNELS` is the list; a new kernel is one file and one line here."""

from thalweg.errors import UsageError
from thalweg.kernels.blocked import Blocked
from thalweg.kernels.compiled import Compiled
from thalweg.kernels.loops import Loops
from thalweg.kernels.sparse import Sparse
from thalweg.kernels.sums import Kernel, Sums, Want
from thalweg.kernels.vectorized import Vectorized

KERNELS: dict[str, Kernel] = {
    "loops": Loops(),
    "vectorized": Vectorized(),
    "blocked": Blocked(),
    "sparse": Sparse(),
    "compiled": Compiled(),
}

__all__ = ["KERNELS", "Kernel", "Sums", "Want", "kernel"]


def kernel(name: str) -> Kernel:
    """The kernel of that name.

    Raises UsageError for a name that is not in `KERNELS`.
    """
    if name not in KERNELS:
        raise UsageError(f"kernel {name!r} is not known; choose one of {', '.join(KERNELS)}.")
    return KERNELS[name]
