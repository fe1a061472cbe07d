"""Core NATS: at most once, to the members that are connected at the moment."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as CoreSubscription

from shared_kernel.buses.binary_mode import headers_of
from shared_kernel.buses.broker import Broker, BrokerState
from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.nats.connection import NatsConnection
from shared_kernel.buses.nats.member import Member
from shared_kernel.buses.nats.messages import envelope_of
from shared_kernel.buses.nats.options import NatsOptions
from shared_kernel.buses.patterns import matcher
from shared_kernel.buses.port import BusError, Capabilities, Deliver, Delivery, Leave

PUBLISH_S = 5.0
FLUSH_S = 2
JOIN_S = 2.0
LEAVE_S = 0.5
MOST_WAITING = 1000
"""How many deliveries may wait for a slow member. It loses those beyond that."""
LOG_EVERY_S = 1.0

_log = structlog.get_logger(__name__)


class NatsBus:
    """A subject for each type of event; groups are queue groups.

    A message handed to the client is never sent again, even if its arrival is
    uncertain.
    """

    capabilities = Capabilities(
        between_processes=True,
        between_replicas=True,
        at_least_once=False,
        waits_for_members=False,
        in_order=True,
    )

    def __init__(self, options: NatsOptions) -> None:
        self._options = options
        self._connection = NatsConnection(options, self._on_connected)
        self._members = CoreMembers(self._connection, options)

    def broker(self) -> BrokerState:
        return self._connection.broker.state()

    def open(self) -> None:
        self._connection.open()

    def publish(self, batch: Sequence[Envelope]) -> None:
        if batch:
            client = self._connection.client()
            sending = send(client, self._options, self._connection.broker, batch)
            self._connection.call(sending, PUBLISH_S)

    def subscribe(self, pattern: str, group: str, deliver: Deliver) -> Leave:
        return self._members.add(pattern, group, deliver)

    def close(self) -> None:
        self._members.leave()
        self._connection.close()

    async def _on_connected(self, client: Client) -> None:
        await self._members.join(client)


class CoreMembers:
    """The members that subscribe by core NATS, with the current client."""

    def __init__(self, connection: NatsConnection, options: NatsOptions) -> None:
        self._connection = connection
        self._options = options
        self._joined: dict[Member, tuple[Client, CoreSubscription] | None] = {}

    def add(self, pattern: str, group: str, deliver: Deliver) -> Leave:
        # Raises for an invalid pattern, before anything is subscribed.
        matcher(pattern)
        member = Member(pattern, group, deliver)
        self._joined[member] = None
        self._connection.start()
        try:
            client = self._connection.client()
            self._connection.call(self.join(client), JOIN_S)
        except BusError:
            _log.debug("member waits for NATS", pattern=pattern, group=group)
        return partial(self._leave, member)

    def leave(self) -> None:
        for member in list(self._joined):
            self._leave(member)

    async def join(self, client: Client) -> None:
        """Subscribe members that `client` does not have; it resubscribes by itself."""
        for member, joined in list(self._joined.items()):
            if joined is not None and joined[0] is client:
                continue
            subscription = await client.subscribe(
                self._options.subject(member.pattern),
                queue=member.name,
                cb=Collector(member, self._delivery).collect,
            )
            if member.left:
                await subscription.unsubscribe()
            else:
                self._joined[member] = client, subscription
        await client.flush(timeout=FLUSH_S)

    def _leave(self, member: Member) -> None:
        joined = self._joined.pop(member, None)
        if joined is not None:
            # Otherwise the next message could still go to this member, and be lost.
            with suppress(BusError):
                self._connection.call(_unsubscribe(*joined), LEAVE_S)
        member.leave()

    def _delivery(self, messages: Sequence[Msg]) -> Delivery:
        kind = self._options.type
        return Delivery(
            [envelope_of(kind(m.subject), m.headers, m.data) for m in messages]
        )


class Collector:
    """Puts messages that arrive together into one delivery."""

    def __init__(
        self, member: Member, delivery: Callable[[Sequence[Msg]], Delivery]
    ) -> None:
        self._member = member
        self._delivery = delivery
        self._messages: list[Msg] = []
        self._logged_s = 0.0

    async def collect(self, message: Msg) -> None:
        if not self._messages:
            asyncio.get_running_loop().call_soon(self._bring)
        self._messages.append(message)

    def _bring(self) -> None:
        messages, self._messages = self._messages, []
        if self._member.waiting < MOST_WAITING:
            self._member.bring(partial(self._delivery, messages))
        elif time.monotonic() - self._logged_s > LOG_EVERY_S:
            self._logged_s = time.monotonic()
            _log.warning(
                "slow member", pattern=self._member.pattern, group=self._member.group
            )


async def send(
    client: Client, options: NatsOptions, broker: Broker, batch: Sequence[Envelope]
) -> None:
    """Send all of `batch`, and wait, up to a timeout, until the server has it."""
    for envelope in batch:
        headers = headers_of(envelope)
        if not fits(client, broker, envelope, headers):
            continue
        try:
            subject = options.subject(envelope.type)
            await client.publish(subject, envelope.data, headers=headers)
        except nats.errors.Error:
            # The rest is lost too, like the messages on the wire when it broke.
            return
    try:
        await client.flush(timeout=FLUSH_S)
    except (nats.errors.Error, OSError):
        return


def fits(
    client: Client, broker: Broker, envelope: Envelope, headers: Mapping[str, str]
) -> bool:
    """Whether the server takes it: if not, it would close the connection.

    Headers count, with 10 bytes before them and 2 after.
    """
    lines = len("".join(headers)) + len("".join(headers.values())) + 4 * len(headers)
    size, limit = 12 + lines + len(envelope.data), client.max_payload
    if size > limit:
        broker.too_large(envelope, size, limit)
    return size <= limit


async def _unsubscribe(client: Client, subscription: CoreSubscription) -> None:
    """Return when the server knows it."""
    with suppress(nats.errors.Error, OSError, TimeoutError):
        await subscription.unsubscribe()
        if client.is_connected:
            await client.flush(timeout=FLUSH_S)
