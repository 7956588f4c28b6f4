"""How much memory this process may still take: a run that needs more is refused before it begins, with both figures.

Linux says it, in /proc and in control groups; where it cannot be read nothing is refused. Only what a run is certain to
need is ever asked for here, so that no run is refused that would have ended well.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from thalweg.errors import OutOfMemoryError

ADDRESSES, DATA, PAGES = "addresses", "data", "pages"  # set aside (ulimit -v); the writable part of it; in use
STREAM = "--stream takes the rows in pieces"


@dataclass(frozen=True)
class Room:
    """What is left of one kind of memory: `free` bytes of `limit`, and who set that limit, in words."""

    kind: str
    free: int
    limit: int
    words: str


def rooms() -> Iterator[Room]:
    """All that can be read: limits of the process, of its control groups, and the machine's own memory."""
    yield from _of_the_process()
    for limit, used in (*_groups("memory", _NAMES_1), *_groups("", _NAMES_2)):
        free = max(0, limit - used) + _swap()
        yield Room(
            PAGES, free, limit, f"of the {size(limit)} that this container or job may take {size(free)} are free"
        )
    machine = _fields("/proc/meminfo")
    if "MemAvailable" in machine:
        free = machine["MemAvailable"] + _swap()
        yield Room(PAGES, free, machine.get("MemTotal", free), f"this machine has {size(free)} free")


def require(goal: str, need: int | Mapping[str, int], way_out: str = "") -> None:
    """Raise OutOfMemoryError where so many bytes, of every kind or of each kind by its name, cannot be had.

    goal     what they are for, as in "for the model"
    way_out  what needs less
    """
    for room in rooms():
        asked = need if isinstance(need, int) else need.get(room.kind, 0)
        if asked > room.free:
            raise OutOfMemoryError(
                f"not enough memory {goal}: {size(asked)} are needed, but {room.words}{_and(way_out)}."
            )


def limited() -> bool:
    """Whether the process itself has a limit."""
    return any(True for _ in _of_the_process())


def threads(wanted: int, each: int, besides: int = 0) -> int:
    """So many threads, or as many as the limits on this process leave room for, each taking so many bytes."""
    if wanted == 0:
        return 0
    return min([wanted, *(max(0, room.free - besides) // each for room in _of_the_process())])


def no_thread() -> OutOfMemoryError:
    """What to raise where the system refuses a thread."""
    return OutOfMemoryError(f"not enough memory for another thread{_beside()}, or no more may run (ulimit -u).")


def shortage(error: BaseException, way_out: str = "") -> str | None:
    """A sentence for an error that says in its own way that memory ran out; None for any other."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    if not any(_is_shortage(one) for one in chain):
        return None
    asked = next((one.total_size for one in chain if hasattr(one, "total_size")), None)  # of NumPy's error
    more = f": {size(asked)} were asked for at once" if isinstance(asked, int) else ""
    return f"not enough memory{more}{_beside()}{_and(way_out)}."


def size(number: float) -> str:
    """Bytes in words."""
    return f"{number / 1e9:,.1f} GB" if number >= 1e9 else f"{number / 1e6:,.0f} MB"


def _is_shortage(error: BaseException) -> bool:
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(words in said for words in _SHORTAGES)


# of Python's threads, the loader of libraries, the system (ENOMEM, EAGAIN), Arrow and DuckDB
_SHORTAGES = (
    "can't start new thread", "failed to map segment", "cannot allocate memory", "failed to launch worker thread",
    "resource temporarily unavailable", "out of memory", "bad allocation", "bad_alloc",
)  # fmt: skip


def _and(way_out: str) -> str:
    return f"; {way_out}" if way_out else ""


def _beside() -> str:
    """The tightest limit, to end a sentence with."""
    tightest = min(rooms(), key=lambda room: room.free, default=None)
    return "" if tightest is None else f" ({tightest.words})"


def _of_the_process() -> Iterator[Room]:
    try:
        import resource
    except ImportError:  # Windows
        return
    used = None
    for number, kind, field, flag in (
        (resource.RLIMIT_AS, ADDRESSES, "VmSize", "-v"),
        (resource.RLIMIT_DATA, DATA, "VmData", "-d"),
    ):
        limit = resource.getrlimit(number)[0]
        if limit == resource.RLIM_INFINITY:
            continue
        used = _fields("/proc/self/status") if used is None else used
        if field in used:
            free = max(0, limit - used[field])
            yield Room(kind, free, limit, f"of the {size(limit)} that ulimit {flag} allows {size(free)} are free")


# the files that say what a control group may take, what it takes, and what it could give back
_NAMES_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", ("total_inactive_file", "total_active_file"))
_NAMES_2 = ("memory.max", "memory.current", ("inactive_file", "active_file"))
_ROOTS = {"memory": "/sys/fs/cgroup/memory", "": "/sys/fs/cgroup"}
_UNLIMITED = 1 << 60


def _groups(controller: str, names: tuple[str, str, tuple[str, str]]) -> Iterator[tuple[int, int]]:
    """The limit and the use of every control group that this process is in, from the innermost out."""
    path = None
    for line in _text("/proc/self/cgroup").splitlines():
        _, controllers, name = line.split(":", 2)
        if controller in controllers.split(","):
            path = name
    while path is not None:
        folder = _ROOTS[controller] + path.rstrip("/")
        limit, used = _text(f"{folder}/{names[0]}").strip(), _text(f"{folder}/{names[1]}").strip()
        if limit.isdigit() and used.isdigit() and int(limit) < _UNLIMITED:
            given_back = _fields(f"{folder}/memory.stat", 1)
            yield int(limit), int(used) - sum(given_back.get(name, 0) for name in names[2])
        path = path.rsplit("/", 1)[0] if path.strip("/") else None


def _swap() -> int:
    return _fields("/proc/meminfo").get("SwapFree", 0)


def _fields(path: str, unit: int = 1024) -> dict[str, int]:
    """The numbers in a file of lines such as `VmSize:  1234 kB`, in bytes."""
    found = {}
    for line in _text(path).splitlines():
        words = line.split()
        if len(words) > 1 and words[1].isdigit():
            found[words[0].rstrip(":")] = unit * int(words[1])
    return found


def _text(path: str) -> str:
    """What a file of the system says; nothing where it is not there."""
    with suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - at a command's start
        return file.read()
    return ""
