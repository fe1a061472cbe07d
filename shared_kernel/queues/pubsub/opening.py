"""Opens a queue on Pub/Sub. Importing it needs the extra `google`."""

import random
from collections.abc import Callable

from shared_kernel.buses.port import BusError, BusMisconfiguredError
from shared_kernel.buses.pubsub.address import PubSubAddress
from shared_kernel.buses.pubsub.connection import PubSubConnection
from shared_kernel.buses.pubsub.declared import Terms
from shared_kernel.buses.pubsub.names import Names
from shared_kernel.clock import Clock, system_clock
from shared_kernel.queues.port import QueueMisconfiguredError
from shared_kernel.queues.pubsub.broker import PubSubBroker
from shared_kernel.queues.redelivering import ACK_WAIT_S, BrokerLink, link_to


def open_link(
    address: PubSubAddress,
    listed: str,
    *,
    prefix: str = "",
    max_age_s: int,
    clock: Clock = system_clock,
    jitter: Callable[[], float] = random.random,
) -> BrokerLink:
    """To the topic of the queue `listed`; connects when it is first asked.

    Raises QueueMisconfiguredError.
    """
    names = Names(address.project, prefix)
    try:
        topic = names.topic(f"queue.{listed}")
    except BusMisconfiguredError as error:
        raise QueueMisconfiguredError(f"{error} or NEW_PRODUCTS_LIST") from error
    connection = PubSubConnection(address, topic)
    broker = PubSubBroker(
        connection,
        topic,
        names.workers(topic),
        Terms(ack_deadline_s=ACK_WAIT_S, max_age_s=max_age_s),
    )
    return link_to(
        broker,
        address.shown,
        (BusError,),
        close=broker.close,
        clock=clock,
        jitter=jitter,
        logged=False,
    )
