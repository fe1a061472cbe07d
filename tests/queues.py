"""Queues in tests: consumed step by step, in the thread of the test."""

from collections.abc import Callable

from shared_kernel.queues import jobs
from shared_kernel.queues.consumer import Consumer
from shared_kernel.queues.port import Message
from shared_kernel.runtime.running import RunningServices


class AtOnce:
    """Runs what is submitted before it returns."""

    def submit(self, run: Callable[[Message], None], message: Message) -> None:
        run(message)


def consumer_of(storehouse: RunningServices) -> Consumer:
    """A consumer of the only queue."""
    (consumed,) = storehouse.queues
    return consumed.queue.consumer(10, consumed.callback, AtOnce())


def work_off(storehouse: RunningServices) -> None:
    """Process all messages that are due."""
    consumer = consumer_of(storehouse)
    while consumer.step():
        pass
    consumer.end()


def let_the_dead_go(storehouse: RunningServices) -> None:
    """Free what consumers hold that have crashed."""
    (consumed,) = storehouse.queues
    with consumed.queue.database.writing() as connection:
        for consumer in jobs.beats(connection):
            jobs.leave(connection, consumer)
