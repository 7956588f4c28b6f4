"""Ctrl-C as a wish: the block in hand is finished first; a second Ctrl-C does not wait."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def gently() -> Iterator[Callable[[], bool]]:
    """Within, the first Ctrl-C only makes the function given say True.

    Nothing changes outside of the main thread, and where Ctrl-C is ignored, as for a job in the background.
    """
    asked = False

    def handler(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.default_int_handler)
