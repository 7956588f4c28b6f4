"""Ctrl-C as a wish: the block in hand is finished first; a second Ctrl-C does not wait."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def gently() -> Iterator[Callable[[], bool]]:
    """Within, the first Ctrl-C only makes the function given say True; outside of the main thread nothing changes."""
    asked = False

    def handler(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.default_int_handler)
