"""Threads that work ahead: what an iterator makes, or a function makes of its items, is made before it is asked for."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any, TypeVar

from thalweg.memory import no_thread

S = TypeVar("S")
T = TypeVar("T")

_END = object()


@contextmanager
def ahead(items: Generator[T], waiting: int = 1) -> Iterator[Iterator[T]]:
    """The items, each made while those before are worked on; so many are made before they are asked for.

    An exception of theirs is raised where the item would have come. When the block is left the thread has ended, and
    the items have been closed.
    """
    made: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()
    asked = threading.Semaphore(waiting - 1)
    stopped = threading.Event()

    def put(item: Any, error: BaseException | None = None) -> bool:
        made.put((item, error))
        while not stopped.is_set():
            if asked.acquire(timeout=0.1):
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
            item, error = made.get()
            asked.release()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item

    worker = threading.Thread(target=work, daemon=True)
    start(worker)
    try:
        yield taken()
    finally:
        stopped.set()
        worker.join()


def start(thread: threading.Thread) -> None:
    """Start a thread that there is no doing without. Raises OutOfMemoryError where the system refuses it."""
    try:
        thread.start()
    except RuntimeError:
        raise no_thread() from None


def in_order(function: Callable[[S], T], items: Iterator[S], count: int = 2) -> Generator[T]:
    """The function of each item, in the items' order, made on `count` threads.

    An exception is raised where the result would have come: of the function's, or of the items'.
    """
    with ThreadPoolExecutor(count) as pool:
        waiting: deque[Future[T]] = deque()
        failed: Exception | None = None
        try:
            while True:
                try:
                    item = next(items)
                    try:
                        waiting.append(pool.submit(function, item))
                    except RuntimeError:
                        raise no_thread() from None
                except StopIteration:
                    break
                except Exception as error:  # raised again once what came before it is done
                    failed = error
                    break
                if len(waiting) >= count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
            if failed is not None:
                raise failed
        finally:
            for future in waiting:
                future.cancel()
