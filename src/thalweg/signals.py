"""What ends a command early: Ctrl-C, and a signal to terminate, at any moment from its first line to its last.

Imported before anything else, so it imports next to nothing itself. A program that imports thalweg is left as it is.
"""

import os
import signal
import sys

TYPE_CHECKING = False  # typing takes longer to load than everything here
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

INTERRUPTED = 130  # the exit code after Ctrl-C
NOTHING, POINT, RESULT = range(3)  # what Ctrl-C would find: nothing to keep, a point on the way, a run that has ended

_TERMINATING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
_command = False  # whether this process is a command's own
_asked = False
_kept, _words = NOTHING, ""
_undo: "list[Callable[[], object]]" = []


def take() -> None:
    """Take Ctrl-C over for this process: from now on it ends with one line and exit code 130.

    Nothing is changed where Ctrl-C is ignored, as for a job in the background.
    """
    global _command
    _command = True
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)
        sys.unraisablehook = _unraisable


def leave() -> None:
    """The exit code is settled: what is left of the process is not worth interrupting."""
    if signal.getsignal(signal.SIGINT) is _interrupted:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def keep(what: int, words: str = "") -> None:
    """Say what there is to keep, and what to add to the line where the process ends at once.

    With NOTHING, Ctrl-C ends the process at once. With a POINT it raises KeyboardInterrupt, so that the run ends with
    that point. With a RESULT it waits: what has been computed is written, and `asked` says that it was pressed. The
    second one ends the process at once whatever there is.
    """
    global _kept, _words
    _kept, _words = what, words


def asked() -> bool:
    """Whether Ctrl-C was pressed."""
    return _asked


class Undoing:
    """A context from which an early end calls a function first, which removes what would be left half-written."""

    def __init__(self, undo: "Callable[[], object]") -> None:
        self._undo = undo

    def __enter__(self) -> None:
        _undo.append(self._undo)
        _mind_termination()

    def __exit__(self, *_: object) -> None:
        _undo.remove(self._undo)
        _mind_termination()


def say(sentence: str) -> None:
    """Write a line to stderr, whatever the moment: Python's own streams may be in the middle of another."""
    new_line = "\n" if os.isatty(2) else ""  # a terminal shows ^C
    os.write(2, f"{new_line}thalweg: {sentence}\n".encode())


def _interrupted(number: int, frame: "FrameType | None") -> None:
    global _asked
    again, _asked = _asked, True
    if not again and _kept == POINT:
        raise KeyboardInterrupt
    if again or _kept == NOTHING:
        _undo_all()
        say(f"interrupted. {_words}".rstrip())
        os._exit(INTERRUPTED)


def _terminated(number: int, frame: "FrameType | None") -> None:
    _undo_all()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _mind_termination() -> None:
    """Listen to signals that terminate only as long as something would be left, since a listener has to wait its turn.

    Threads other than the main one cannot; the files they write are looked for when the next run begins.
    """
    if not _command:
        return
    before, after = (signal.SIG_DFL, _terminated) if _undo else (_terminated, signal.SIG_DFL)
    try:
        for number in _TERMINATING:
            if signal.getsignal(number) is before:
                signal.signal(number, after)
    except ValueError:
        pass


def _undo_all() -> None:
    for undo in reversed(_undo):
        undo()


def _unraisable(unraisable: "Any") -> None:
    """Ctrl-C in a destructor cannot be raised, and is not worth its traceback: whoever watches the run asks again."""
    if not isinstance(unraisable.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)
