"""Local threads: blocks handed out in order, their sums folded in order, so that no bit depends on their number."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from itertools import chain, islice
from typing import Any, Protocol

from thalweg import memory
from thalweg.engines.blas import one_blas_thread
from thalweg.kernels.sums import Sums
from thalweg.rows.block import Block, Rows

Task = Callable[[Block], Sums]
Keeper = Callable[[int, Sums], None]


# What a thread sets aside: 8 MB for its stack, 32 MB for BLAS, and some for its arrays. Where BLAS finds no room it
# ends the process, or tries again for ever.
_THREAD = 48 << 20


class Engine(Protocol):
    """Runs a task over every block and folds the results in block order.

    A block may come as a function that makes it: it is called on the thread that sums it.
    """

    def fold(self, rows: Rows, task: Task) -> Sums: ...

    def running(self) -> AbstractContextManager[None]:
        """Held around a run: set up once what every pass needs."""
        ...


class Threads:
    """`count` threads, the calling one among them; None means as many as this process may use. Fewer where memory or
    the system does not allow so many: they change no bit.

    The calling thread works too, since a new thread is slow to begin on small virtual machines, and a table of one
    block starts none. Safe under fork (no thread outlives a fold) and under other people's threads (no state is shared
    between folds).
    """

    def __init__(self, count: int | None = None) -> None:
        self.count = count if count is not None else available_cpus()

    def running(self) -> AbstractContextManager[None]:
        return one_blas_thread()

    def fold(self, rows: Rows, task: Task) -> Sums:
        with one_blas_thread():
            blocks = iter(rows.blocks())
            head = list(islice(blocks, 2))
            if len(head) == 1:
                return task(made(head[0]))
            return self.fold_on(chain(head, blocks), task)

    def fold_on(
        self, blocks: Iterator[Any], task: Task, begin: Sums | None = None, keeper: Keeper | None = None
    ) -> Sums:
        """The same for any blocks, added to the sums of those before; `keeper` sees the total after each block."""
        with one_blas_thread():
            fold = _Fold(blocks, task, begin, keeper)
            count = memory.threads(self.count - 1, _THREAD)
            helpers = [threading.Thread(target=fold.work, daemon=True) for _ in range(count)]
            try:
                for helper in helpers:
                    with suppress(RuntimeError):  # where the system refuses a thread the others do its work
                        helper.start()
                fold.work()
            finally:
                fold.stop()  # after Ctrl-C the others finish the block in hand and take no other
                for helper in helpers:
                    if helper.ident is not None:  # started, which Ctrl-C or a lack of threads may have prevented
                        helper.join()
            return fold.result()


class _Fold:
    """The state of one fold: the queue of blocks, the sums waiting for their turn, the total so far."""

    def __init__(
        self, blocks: Iterator[Any], task: Task, begin: Sums | None = None, keeper: Keeper | None = None
    ) -> None:
        self._blocks = enumerate(blocks)
        self._task = task
        self._reading, self._lock = threading.Lock(), threading.Lock()
        self._waiting: dict[int, Sums] = {}
        self._next = 0
        self._total = begin
        self._keeper = keeper
        self._error: BaseException | None = None
        self._stopped = False

    def work(self) -> None:
        while True:
            try:
                with self._reading:
                    item = None if self._stopped else next(self._blocks, None)
                if item is None:
                    return
                self._done(item[0], self._task(made(item[1])))
            except BaseException as error:  # kept for the calling thread, which raises it again in `result`
                with self._lock:
                    self._error = self._error or error
                    self._stopped = True
                return

    def stop(self) -> None:
        with self._lock:
            self._stopped = True

    def result(self) -> Sums:
        if self._error is not None:
            raise self._error
        assert self._total is not None
        return self._total

    def _done(self, number: int, sums: Sums) -> None:
        with self._lock:
            self._waiting[number] = sums
            while self._next in self._waiting:
                ready = self._waiting.pop(self._next)
                if self._total is None:
                    self._total = ready
                else:
                    self._total.add(ready)
                self._next += 1
                if self._keeper is not None:
                    self._keeper(self._next, self._total)


def made(block: Block | Callable[[], Block]) -> Block:
    """A block, made now where it came as a function."""
    return block if isinstance(block, Block) else block()


def available_cpus() -> int:
    """CPUs this process may run on; fewer where OMP_NUM_THREADS says so, as joblib's workers do to share a machine."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(cpus, int(asked)) if asked.isdigit() and int(asked) > 0 else cpus
