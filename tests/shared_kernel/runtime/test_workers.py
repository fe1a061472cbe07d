"""Law 9: workers are plain steps, which a thread repeats."""

import threading
from collections.abc import Callable

import attrs

from shared_kernel.runtime.workers import Workers


@attrs.define
class Counting:
    """Has `left` items to do, one in each step."""

    name: str = "counting"
    left: int = 3
    steps: int = 0
    stopped: bool = False
    then: Callable[[], None] = lambda: None
    at_the_end: Callable[[], None] = lambda: None

    def step(self) -> int:
        self.steps += 1
        self.then()
        if self.left == 0:
            return 0
        self.left -= 1
        return 1

    def stop(self) -> None:
        self.stopped = True
        self.at_the_end()


def fail() -> None:
    raise KeyError("broken")


def some_workers(*workers: Counting) -> Workers:
    return Workers(workers)


def test_a_step_is_one_step_of_each_worker_in_order() -> None:
    order: list[str] = []
    one = Counting("one", then=lambda: order.append("one"))
    two = Counting("two", then=lambda: order.append("two"))

    assert some_workers(one, two).step() == 2
    assert order == ["one", "two"]


def test_workers_run_until_all_are_idle() -> None:
    one, two = Counting(left=3), Counting(left=5)

    assert some_workers(one, two).run_until_idle() == 8
    assert (one.left, two.left) == (0, 0)


def test_a_worker_that_fails_pauses_and_the_others_continue() -> None:
    broken, working = Counting(then=fail), Counting(left=4)
    workers = some_workers(broken, working)

    assert workers.run_until_idle() == 4
    assert broken.steps == 1


def test_workers_in_the_background_run_when_woken() -> None:
    worked = threading.Event()
    worker = Counting(left=0)
    workers = some_workers(worker)
    workers.start()
    workers.start()
    worker.then = worked.set

    workers.wake()

    assert worked.wait(10)
    workers.stop()
    assert not workers.alive
    assert threading.active_count() == 1


def test_stopping_releases_leases_even_if_one_worker_fails() -> None:
    failing, other = Counting(at_the_end=fail), Counting()
    workers = some_workers(failing, other)
    workers.start()

    workers.stop()

    assert other.stopped


def test_a_worker_that_waits_in_its_own_thread_delays_no_other() -> None:
    waiting, release, worked = threading.Event(), threading.Event(), threading.Event()

    def wait() -> None:
        waiting.set()
        release.wait(10)

    workers = Workers()
    workers.register([Counting(then=worked.set)], alone=[Counting(then=wait)])
    workers.start()

    assert waiting.wait(10)
    worked.clear()
    assert worked.wait(10)
    release.set()
    workers.stop()
    assert not workers.alive
