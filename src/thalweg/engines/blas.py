"""One BLAS thread while our own threads run, and everybody's setting back afterwards."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from thalweg import memory

_BUFFER = 33 << 20  # of OpenBLAS, for each thread that is in it
_CALLED = 256  # rows of a matrix that is not small, for which there are ways without a buffer

_lock = threading.Lock()
_holders = 0
_controller = None
_limiter = None


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit every loaded BLAS to one thread; the last holder to leave restores what the first one found.

    BLAS keeps its thread count per process, so runs in several threads share one limit: counted, not nested, or the
    run that ends first would lift it under the others, and the one that ends last would leave the limit behind.
    """
    global _holders, _controller, _limiter
    with _lock:
        if _holders == 0:
            if _controller is None:
                from threadpoolctl import ThreadpoolController  # finding the libraries takes milliseconds: once

                _controller = ThreadpoolController()
            _let_this_thread_set()
            _limiter = _controller.limit(limits=1, user_api="blas")
        _holders += 1
    try:
        yield
    finally:
        with _lock:
            _holders -= 1
            if _holders == 0 and _limiter is not None:
                _let_this_thread_set()
                _limiter.restore_original_limits()
                _let_this_thread_set()
                _limiter = None


def set_aside(more: int = 0) -> None:
    """Have both BLAS, NumPy's and SciPy's, take the memory they work in, which none may have called before.

    They take it when first called. Where a limit leaves too little, one of them then ends the process, and the other
    tries again for ever. Raises OutOfMemoryError where there is not enough for it and for `more` bytes besides.
    """
    if memory.limited():
        from scipy.linalg.lapack import dposv

        memory.require("for linear algebra and reading", 2 * _BUFFER + more)
        square = np.eye(_CALLED)
        dposv(square @ square, square)


def _let_this_thread_set() -> None:
    """threadpoolctl 3.8 lets only the first thread that ever set OpenBLAS's count set it again, and ignores all others.

    That thread is seldom the last to leave, and a fit in any other would run with all of BLAS's threads: so we make
    the place free before we set anything, and leave it free.
    """
    assert _controller is not None
    for library in _controller.lib_controllers:
        free = getattr(library, "clear_controlling_thread", None)  # since 3.8, and OpenBLAS only
        if free is not None:
            free(force=True)


def _before_fork() -> None:
    """No thread may be inside OpenBLAS's own setting of its threads: the child would inherit a lock held for ever."""
    _lock.acquire()


def _after_fork_in_parent() -> None:
    _lock.release()


def _after_fork_in_child() -> None:
    """The child has one thread, and may have been forked while another held the limit."""
    global _lock, _holders, _limiter
    _lock = threading.Lock()
    if _limiter is not None:
        _let_this_thread_set()
        _limiter.restore_original_limits()
    _holders, _limiter = 0, None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
