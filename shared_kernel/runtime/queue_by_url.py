"""The work queue that `QUEUE_URL` names."""

from collections.abc import Callable
from typing import Any

from shared_kernel.clock import Clock
from shared_kernel.events.event_log import EventLog
from shared_kernel.queues.brokered import BrokeredQueue
from shared_kernel.queues.settings import QueueSettings
from shared_kernel.queues.sql import SqlQueue
from shared_kernel.runtime.channel_by_url import channel_by_url
from shared_kernel.runtime.settings import Settings


def queue_by_url(
    settings: Settings,
    name: str,
    log: EventLog,
    *,
    listed: str,
    unnamed: str,
    consumer: str,
    clock: Clock,
    jitter: Callable[[], float],
) -> SqlQueue:
    """The queue `name`, whose messages are rows of the database with `log`.

    With a broker, other programs know it as `listed`, and what they send there without
    a name gets the name `unnamed`. Raises QueueMisconfiguredError.
    """
    how: dict[str, Any] = {
        "consumer": consumer,
        "settings": QueueSettings(
            size=settings.queue_size,
            poll_interval_s=settings.queue_poll_interval_ms / 1000,
            pool=settings.queue_threads,
            max_attempts=settings.queue_attempts,
            backoff_s=settings.queue_backoff_ms / 1000,
            max_backoff_s=settings.queue_max_backoff_s,
        ),
        "clock": clock,
        "jitter": jitter,
    }
    if settings.queue_url == "sql:":
        return SqlQueue(name, log.database, **how)
    channel = channel_by_url(
        settings,
        name,
        log.database,
        listed=listed,
        unnamed=unnamed,
        consumer=consumer,
        clock=clock,
        jitter=jitter,
    )
    return BrokeredQueue(
        name, log.database, channel, origin=lambda: log.mark(0).log, **how
    )


class AnnounceJobs:
    """Notifies consumers in other processes: once for all that was added meanwhile.

    Notifying in the transaction that adds a job would make all commits wait for each
    other in PostgreSQL.
    """

    def __init__(self, queue: SqlQueue) -> None:
        self.name = f"{queue.name}.announcements"
        self._queue = queue

    def step(self) -> int:
        return self._queue.announce()
