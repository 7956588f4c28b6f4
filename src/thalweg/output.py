"""Files are written whole or not at all: what stood there before stays until the new one is complete."""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from thalweg import signals
from thalweg.errors import OutputError

_SHORT = 32  # letters of a name, so that a temporary one with more behind them is not too long for the system


def refuse_unwritable(path: Path) -> None:
    """Find out before the work whether a file can be written there, by writing an empty one beside its place.

    Raises OutputError with the cause in words.
    """
    refuse_name(path)
    if path.is_dir():
        raise OutputError(f"{path}: this is a folder; give a file's name.")
    path = _behind_links(path)
    if _is_device(path):
        if not os.access(path, os.W_OK):
            raise OutputError(f"{path}: this device cannot be written to.")
        return
    if not path.parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}; make it first.")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise OutputError(
            f"{path}: the folder {path.parent} cannot be written to: {error.strerror or error}."
        ) from None


def write_whole(path: Path, content: bytes, what: str) -> None:
    """Write bytes so that the file is never half there: to a temporary file in the same folder, synced, renamed.

    A link stays, and the file it leads to is replaced; a device, such as /dev/null, is written to as it is. Raises
    OutputError with the cause in words.
    """
    with written_whole(path, what) as temporary:
        temporary.write_bytes(content)


@contextlib.contextmanager
def written_whole(path: Path, what: str) -> Iterator[Path]:
    """A file to write instead of `path`: in the same folder, synced and renamed when the block is left without error.

    As `write_whole`, for content that is not to be in memory at once.
    """
    refuse_name(path)
    path = _behind_links(path)
    temporary = path.parent / f".{path.name[:_SHORT]}.{os.urandom(4).hex()}"
    with signals.Undoing(lambda: _remove(temporary)):  # before it is there, lest a signal come in between
        try:
            if _is_device(path):
                yield path
                return
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
        except OSError as error:
            _remove(temporary)
            raise OutputError(f"{path}: {what} could not be written: {reason(error)}.") from None
        except BaseException:
            _remove(temporary)
            raise


def is_text(words: str) -> bool:
    """Whether letters can be written as UTF-8; those that stand for other bytes, as in names of files, cannot."""
    return not any("\ud800" <= letter <= "\udfff" for letter in words)


def refuse_name(path: Path) -> None:
    """Raise OutputError for a name that the system, a library or a model file could not take."""
    if not is_text(str(path)) or "\0" in str(path):
        raise OutputError(f"{str(path)!r}: this name is not UTF-8; choose another one.")
    try:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.stat()
    except OSError as error:  # a name that is too long, links that lead in a circle
        raise OutputError(f"{path}: this file cannot be written: {error.strerror or error}.") from None


def reason(error: BaseException) -> str:
    """What the system said, also where a library put its number into words of its own."""
    number = re.search(r"\b(?:errno|os error) (\d+)", str(error))
    return os.strerror(int(number[1])) if number else getattr(error, "strerror", None) or str(error)


def _remove(temporary: Path) -> None:
    with contextlib.suppress(OSError):
        temporary.unlink()


def _behind_links(path: Path) -> Path:
    return path.resolve() if path.is_symlink() and not _is_device(path) else path


def _is_device(path: Path) -> bool:
    """Also what another process reads, and what the standard output is led to: it is not to be replaced."""
    return (path.exists() and not path.is_file() and not path.is_dir()) or path.parts[:2] == ("/", "dev")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
