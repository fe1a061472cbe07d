"""Opens a queue of SQS. Importing it needs the extra `aws`."""

import random
import re
from collections.abc import Callable

from shared_kernel.buses.aws.address import AwsAddress
from shared_kernel.buses.aws.client import FAULTS, AwsClients
from shared_kernel.clock import Clock, system_clock
from shared_kernel.queues.port import QueueMisconfiguredError
from shared_kernel.queues.redelivering import ACK_WAIT_S, BrokerLink, link_to
from shared_kernel.queues.sqs.broker import SqsBroker


def open_link(
    address: AwsAddress,
    listed: str,
    *,
    prefix: str = "",
    max_age_s: int,
    ack_wait_s: int = ACK_WAIT_S,
    clock: Clock = system_clock,
    jitter: Callable[[], float] = random.random,
) -> BrokerLink:
    """To the queue `listed`; connects when it is first asked.

    Raises QueueMisconfiguredError.
    """
    name = "-".join(word for word in (prefix.replace(".", "_"), listed) if word)
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", name):
        raise QueueMisconfiguredError(
            f"SQS has no queue named {name!r}: expected 1 to 80 letters, digits, _ "
            "and - (NEW_PRODUCTS_LIST behind BUS_SUBJECT_PREFIX)"
        )
    broker = SqsBroker(
        AwsClients(address), name, max_age_s=max_age_s, ack_wait_s=ack_wait_s
    )
    return link_to(
        broker,
        address.shown,
        FAULTS,
        close=broker.close,
        clock=clock,
        jitter=jitter,
    )
