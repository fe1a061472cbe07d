"""Law 9: workers are plain steps; a thread only loops over them."""

import threading
from collections.abc import Callable

import attrs

from shared_kernel.runtime.workers import Workers


@attrs.define
class Counting:
    """Does as much as it is told to."""

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


def test_a_step_is_one_step_of_each_in_order() -> None:
    order: list[str] = []
    one = Counting("one", then=lambda: order.append("one"))
    two = Counting("two", then=lambda: order.append("two"))

    assert some_workers(one, two).step() == 2
    assert order == ["one", "two"]


def test_they_run_until_nobody_finds_anything_to_do() -> None:
    one, two = Counting(left=3), Counting(left=5)

    assert some_workers(one, two).run_until_idle() == 8
    assert (one.left, two.left) == (0, 0)


def test_one_that_fails_rests_and_the_others_go_on() -> None:
    broken, sound = Counting(then=fail), Counting(left=4)
    workers = some_workers(broken, sound)

    assert workers.run_until_idle() == 4
    assert broken.steps == 1


def test_in_the_background_they_work_as_soon_as_they_are_woken() -> None:
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


def test_stopping_lets_go_of_what_they_hold_even_if_one_cannot() -> None:
    stubborn, other = Counting(at_the_end=fail), Counting()
    workers = some_workers(stubborn, other)
    workers.start()

    workers.stop()

    assert other.stopped


def test_one_that_waits_alone_keeps_nobody_waiting() -> None:
    waiting, let_go, worked = threading.Event(), threading.Event(), threading.Event()

    def wait() -> None:
        waiting.set()
        let_go.wait(10)

    workers = Workers()
    workers.register([Counting(then=worked.set)], alone=[Counting(then=wait)])
    workers.start()

    assert waiting.wait(10)
    worked.clear()
    assert worked.wait(10)
    let_go.set()
    workers.stop()
    assert not workers.alive
