"""One BLAS thread while our own threads run, and everybody's setting back afterwards."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

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
            _limiter = _controller.limit(limits=1, user_api="blas")
        _holders += 1
    try:
        yield
    finally:
        with _lock:
            _holders -= 1
            if _holders == 0 and _limiter is not None:
                _limiter.restore_original_limits()
                _limiter = None


def _after_fork_in_child() -> None:
    """The child has one thread, and may have been forked while another held the lock or the limit."""
    global _lock, _holders, _limiter
    _lock = threading.Lock()
    if _limiter is not None:
        _limiter.restore_original_limits()
    _holders, _limiter = 0, None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
