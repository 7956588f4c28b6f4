"""One thread ahead: what an iterator makes is made on a thread of its own while the caller works on the last."""

import queue
import threading
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any, TypeVar

T = TypeVar("T")

_END = object()


@contextmanager
def ahead(items: Generator[T], depth: int = 1) -> Iterator[Iterator[T]]:
    """The items, up to `depth` of them made before they are asked for.

    An exception of theirs is raised where the item would have come. When the block is left the thread has ended, and
    the items have been closed.
    """
    waiting: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: Any, error: BaseException | None = None) -> bool:
        while not stopped.is_set():
            with suppress(queue.Full):
                waiting.put((item, error), timeout=0.1)
                return True
        return False

    def work() -> None:
        try:
            with closing(items):
                for item in items:
                    if not put(item):
                        return
            put(_END)
        except BaseException as error:  # raised again where the item would have come
            put(_END, error)

    def taken() -> Iterator[T]:
        while True:
            item, error = waiting.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    try:
        yield taken()
    finally:
        stopped.set()
        worker.join()
