"""What keeps a command's process small; a program that imports thalweg is left as it is."""

import ctypes
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thalweg.events import Event

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # of mallopt, in glibc's malloc.h


def reduce() -> None:
    """Spare what commands have no use for, before the first library is loaded."""
    # Arrow's own allocator keeps tens of megabytes that a stream has no use for
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    # BLAS's threads are never used, and at its start it sets 40 MB aside for each processor, in NumPy and in SciPy
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.meta_path.insert(0, WithoutPandas())
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(_M_ARENA_MAX, 1)  # threads that hand rows on would each keep what the others could use
        library.mallopt(_M_MMAP_THRESHOLD, 32 << 20)  # a chunk's arrays, given back to the system and fetched again,
        library.mallopt(_M_TRIM_THRESHOLD, 64 << 20)  # would cost a page fault for every 4 KB each time


def give_back(event: "Event") -> None:
    """An observer: what a stage or a pass has left free is given back before the next one, up to a hundred megabytes.

    The allocator keeps it, in pieces between what is in use, and takes new memory for what fits in none of them.
    """
    over = event.kind == "start" or (event.kind == "rows" and event.share == 1.0)
    if over and sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "malloc_trim"):
        library.malloc_trim(0)


class WithoutPandas:
    """No command has data frames, but Arrow would load pandas for them: a third of a second and 30 MB."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        """Pandas is not there; for everything else others are asked."""
        if fullname == "pandas":
            raise ModuleNotFoundError("a command has no data frames", name=fullname)
