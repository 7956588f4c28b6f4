"""Threads: the same bits on any number of them, nobody's settings changed, and errors that arrive where they belong."""

import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from problems import Problem, random_problem
from thalweg.ahead import ahead, in_order
from thalweg.engines import Threads
from thalweg.engines.blas import one_blas_thread
from thalweg.kernels.sums import Sums
from thalweg.optimizers import GradientDescent, Newton
from thalweg.rows import Block, DenseRows, dense
from thalweg.solve import solve
from thalweg.stopping import Outcome, Rules


@pytest.fixture
def many_blocks(monkeypatch: pytest.MonkeyPatch) -> Problem:
    """20,000 rows in 40 blocks of the smallest size."""
    monkeypatch.setattr(dense, "_BLOCK_CELLS", 1)
    problem = random_problem(np.random.default_rng(0), 20_000, 12, l2=1e-4, weights=True, offset=True)
    assert len(list(DenseRows(problem.X, problem.y).blocks())) == 40
    return problem


def newton_bits(problem: Problem, threads: int) -> bytes:
    return solve(problem.objective(threads=threads), Newton(), problem.origin, Rules()).theta.tobytes()


def blas_threads() -> list[int]:
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


@pytest.fixture
def two_blas_threads() -> Iterator[list[int]]:
    with threadpool_limits(2, user_api="blas"):
        yield blas_threads()


@pytest.mark.parametrize("threads", [2, 7])
def test_any_number_of_threads_gives_the_same_bits(many_blocks: Problem, threads: int) -> None:
    assert newton_bits(many_blocks, threads) == newton_bits(many_blocks, 1)
    descents = [
        solve(many_blocks.objective(threads=count), GradientDescent(), many_blocks.origin, Rules(epochs=5))
        for count in (1, threads)
    ]
    assert descents[0].theta.tobytes() == descents[1].theta.tobytes()
    assert descents[0].certificate == descents[1].certificate


def test_several_fits_at_once_give_the_bits_of_one(many_blocks: Problem) -> None:
    alone = newton_bits(many_blocks, 1)
    found: list[bytes] = []
    workers = [threading.Thread(target=lambda: found.append(newton_bits(many_blocks, 3))) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == [alone] * 4


def test_no_thread_outlives_a_fit(many_blocks: Problem) -> None:
    before = threading.active_count()
    newton_bits(many_blocks, 7)
    assert threading.active_count() == before


def test_a_fit_uses_one_blas_thread_and_gives_the_others_back(two_blas_threads: list[int]) -> None:
    problem = random_problem(np.random.default_rng(0), 50, 3, l2=0.1)
    during: list[list[int]] = []
    solve(problem.objective(), Newton(), problem.origin, Rules(), [lambda event: during.append(blas_threads())])
    assert set(two_blas_threads) == {2}
    assert all(set(counts) == {1} for counts in during)
    assert blas_threads() == two_blas_threads


def test_fits_that_overlap_in_any_order_leave_the_blas_as_it_was(two_blas_threads: list[int]) -> None:
    """The first to come is the first to leave: its exit may not lift the limit, nor the last one leave it behind."""
    first_in, first_may_go, second_in, second_may_go = (threading.Event() for _ in range(4))

    def hold(inside: threading.Event, leave: threading.Event) -> None:
        with one_blas_thread():
            inside.set()
            leave.wait(10)

    first = threading.Thread(target=hold, args=(first_in, first_may_go))
    second = threading.Thread(target=hold, args=(second_in, second_may_go))
    first.start()
    assert first_in.wait(10)
    second.start()
    assert second_in.wait(10)
    first_may_go.set()
    first.join()
    assert set(blas_threads()) == {1}
    second_may_go.set()
    second.join()
    assert blas_threads() == two_blas_threads


def test_a_fit_in_another_thread_is_limited_too_whoever_set_a_limit_before(many_blocks: Problem) -> None:
    """threadpoolctl 3.8 ignores, without a word, every thread but the first that set OpenBLAS's count."""
    newton_bits(many_blocks, 1)  # the main thread sets a limit, and stays alive
    during: list[int] = []

    def fit() -> None:
        observers = [lambda event: during.extend(blas_threads())]
        solve(many_blocks.objective(), Newton(), many_blocks.origin, Rules(), observers)

    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        worker = threading.Thread(target=fit)
        worker.start()
        worker.join()
        assert set(during) == {1}
        assert blas_threads() == before


def test_concurrent_fits_leave_the_blas_as_it_was(two_blas_threads: list[int], many_blocks: Problem) -> None:
    workers = [threading.Thread(target=newton_bits, args=(many_blocks, 2)) for _ in range(5)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert blas_threads() == two_blas_threads


def test_a_failed_fit_leaves_the_blas_as_it_was(two_blas_threads: list[int]) -> None:
    with pytest.raises(ZeroDivisionError):
        Threads(2).fold(CountedRows(9), failing_at(4, ZeroDivisionError("in a task")))
    assert blas_threads() == two_blas_threads


class CountedRows:
    """Rows whose block i holds the number i; `fail` is raised instead of the block of that number."""

    p = 1

    def __init__(self, count: int, fail: tuple[int, BaseException] | None = None) -> None:
        self.count, self.fail = count, fail

    @property
    def n(self) -> int:
        return self.count

    @property
    def total_weight(self) -> float:
        return float(self.count)

    def blocks(self) -> Iterator[Block]:
        for i in range(self.count):
            if self.fail is not None and i == self.fail[0]:
                raise self.fail[1]
            yield Block(np.full((1, 1), float(i)), np.zeros(1))


def adding(block: Block) -> Sums:
    return Sums(np.array([block.X[0, 0]]))


def failing_at(number: int, error: BaseException) -> Callable[[Block], Sums]:
    def task(block: Block) -> Sums:
        if block.X[0, 0] == number:
            raise error
        return adding(block)

    return task


@pytest.mark.parametrize("threads", [1, 2, 7, 50])
@pytest.mark.parametrize("blocks", [1, 2, 3, 40])
def test_every_block_is_folded_once(threads: int, blocks: int) -> None:
    total = Threads(threads).fold(CountedRows(blocks), adding)
    assert total.loss[0] == sum(range(blocks))


def test_blocks_are_folded_in_their_order_whoever_is_slow() -> None:
    """0.1 + 0.2 + 0.3 and 0.3 + 0.2 + 0.1 differ in the last bit; the first block is made the last to be done."""
    others_done = threading.Semaphore(0)

    def task(block: Block) -> Sums:
        if block.X[0, 0] == 0.0:
            for _ in range(3):
                others_done.acquire(timeout=10)
        else:
            others_done.release()
        return Sums(np.array([(0.1, 0.2, 0.3, 1e16)[int(block.X[0, 0])]]))

    assert Threads(2).fold(CountedRows(4), task).loss[0] == 0.1 + 0.2 + 0.3 + 1e16


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("number", [0, 1, 39])
def test_an_exception_in_a_task_reaches_the_caller(threads: int, number: int) -> None:
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError, match="in a task"):
        Threads(threads).fold(CountedRows(40), failing_at(number, ZeroDivisionError("in a task")))
    assert threading.active_count() == before


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("number", [0, 1, 5, 39])
def test_an_exception_while_reading_a_block_reaches_the_caller(threads: int, number: int) -> None:
    """Half the rows are not the rows: a reader that fails may not end the fold as if it were complete."""
    before = threading.active_count()
    for _ in range(20):  # whichever thread happens to ask for the block
        with pytest.raises(OSError, match="disk"):
            Threads(threads).fold(CountedRows(40, fail=(number, OSError("disk"))), adding)
    assert threading.active_count() == before


def test_ctrl_c_in_the_calling_thread_reaches_the_caller_and_leaves_no_thread() -> None:
    caller, pressed = threading.current_thread(), threading.Event()

    def task(block: Block) -> Sums:
        if threading.current_thread() is caller:
            pressed.set()
            raise KeyboardInterrupt
        pressed.wait(10)  # or the others might have done all blocks before the caller has one
        return adding(block)

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        Threads(4).fold(CountedRows(1000), task)
    assert threading.active_count() == before


def test_where_threads_cannot_be_started_the_others_do_their_work(monkeypatch: pytest.MonkeyPatch) -> None:
    started, start, before = [], threading.Thread.start, threading.active_count()

    def refused(self: threading.Thread) -> None:
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        started.append(self)
        start(self)

    monkeypatch.setattr(threading.Thread, "start", refused)
    assert Threads(8).fold(CountedRows(1000), adding).loss[0] == sum(range(1000))
    assert len(started) == 2 and threading.active_count() == before


def test_ctrl_c_inside_a_fit_keeps_the_best_point(many_blocks: Problem) -> None:
    objective = many_blocks.objective(threads=2)
    kernel, caller, before = objective.kernel, threading.current_thread(), threading.active_count()

    class Interrupting:
        def sums(self, block: Block, *rest: object) -> Sums:
            if threading.current_thread() is caller and objective.passes >= 3:
                raise KeyboardInterrupt
            return kernel.sums(block, *rest)

        sweep = kernel.sweep

    objective.kernel = Interrupting()
    solution = solve(objective, GradientDescent(), many_blocks.origin, Rules())
    assert solution.outcome is Outcome.INTERRUPTED
    assert solution.steps >= 1
    assert solution.at.value[0] <= many_blocks.value(many_blocks.origin)
    assert threading.active_count() == before


FORK = """
    import os, sys, threading
    import numpy as np
    sys.path.insert(0, {tests!r})
    from problems import random_problem
    from thalweg.optimizers import Newton
    from thalweg.rows import dense
    from thalweg.solve import solve
    from thalweg.stopping import Rules
    from thalweg.engines import blas

    dense._BLOCK_CELLS = 1
    problem = random_problem(np.random.default_rng(0), 5_000, 8, l2=1e-3)

    def fit():
        return solve(problem.objective(threads=3), Newton(), problem.origin, Rules()).theta.tobytes()

    def child():
        code = 1
        try:
            code = 0 if fit() == alone and blas._holders == 0 else 2
        finally:
            os._exit(code)

    def forked():
        pid = os.fork()
        if pid == 0:
            child()
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    alone = fit()
    codes = [forked()]
    done = threading.Event()
    def others():
        while not done.is_set():
            fit()
    workers = [threading.Thread(target=others) for _ in range(2)]
    for worker in workers: worker.start()
    codes += [forked() for _ in range(10)]        # while other threads hold locks and limits
    done.set()
    for worker in workers: worker.join()
    inside = []
    solve(problem.objective(threads=3), Newton(), problem.origin, Rules(), [lambda event: inside.append(forked())])
    codes += inside                               # from within a fit
    codes.append(0 if fit() == alone else 3)      # and the parent is none the worse
    sys.exit(str(codes) if any(codes) else 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork, which this system lacks")
def test_fits_work_after_a_fork() -> None:
    script = textwrap.dedent(FORK).format(tests=str(Path(__file__).parent))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_items_made_ahead_come_in_order_two_at_a_time_and_end_with_their_error() -> None:
    alive = {"now": 0, "most": 0}

    def items() -> Generator[int]:
        for i in range(50):
            alive["now"] += 1
            alive["most"] = max(alive.values())
            yield i
        raise ValueError("at the end")

    seen = []
    with pytest.raises(ValueError, match="at the end"), ahead(items()) as coming:
        for item in coming:
            seen.append(item)
            time.sleep(0.001)
            alive["now"] -= 1
    assert seen == list(range(50)) and alive["most"] <= 2


def test_a_function_on_threads_gives_its_results_in_order_and_its_error_in_its_place() -> None:
    def slow(i: int) -> int:
        time.sleep(0.002 * (i % 3))
        if i == 30:
            raise ValueError("thirty")
        return i * i

    seen = []
    with pytest.raises(ValueError, match="thirty"):
        for square in in_order(slow, iter(range(60))):
            seen.append(square)
    assert seen == [i * i for i in range(30)]


def test_what_is_left_early_leaves_no_thread() -> None:
    def forever() -> Generator[int]:
        yield from in_order(lambda i: i, iter(range(10**9)))

    before = threading.active_count()
    with ahead(forever()) as coming:
        assert [next(coming), next(coming)] == [0, 1]
    assert threading.active_count() == before
