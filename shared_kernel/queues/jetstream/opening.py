"""Opens a queue in JetStream. Importing it needs the extra `nats`."""

import random
import re
from collections.abc import Callable

from shared_kernel.buses.nats.options import NatsOptions
from shared_kernel.clock import Clock, system_clock
from shared_kernel.queues.jetstream.broker import FAULTS, JetStreamBroker
from shared_kernel.queues.jetstream.declaring import WorkStream
from shared_kernel.queues.port import QueueMisconfiguredError
from shared_kernel.queues.redelivering import ACK_WAIT_S, BrokerLink, link_to


def open_link(
    options: NatsOptions,
    listed: str,
    *,
    replicas: int = 1,
    max_age_s: float,
    ack_wait_s: float = ACK_WAIT_S,
    clock: Clock = system_clock,
    jitter: Callable[[], float] = random.random,
) -> BrokerLink:
    """To the stream of the queue `listed`; connects when it is first asked.

    Raises QueueMisconfiguredError.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", listed):
        raise QueueMisconfiguredError(
            f"the queue {listed!r} cannot be in JetStream: expected 1 to 64 letters, "
            "digits, _ and - (NEW_PRODUCTS_LIST)"
        )
    words = [options.prefix.replace(".", "_"), "queue", listed]
    stream = WorkStream(
        name="-".join(word for word in words if word),
        subject=options.subject(f"queue.{listed}"),
        replicas=replicas,
        max_age_s=max_age_s,
        ack_wait_s=ack_wait_s,
    )
    broker = JetStreamBroker(options, stream)
    shown = f"jetstream://{','.join(options.servers)}"
    return link_to(
        broker,
        shown,
        FAULTS,
        close=broker.close,
        clock=clock,
        jitter=jitter,
        logged=False,
    )
