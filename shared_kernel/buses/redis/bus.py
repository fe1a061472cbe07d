"""The bus on Redis Streams: a stream for each log, and one for each foreign subject."""

from collections.abc import Sequence
from functools import partial

from shared_kernel.buses.broker import BrokerState
from shared_kernel.buses.envelope import HEARTBEAT, Envelope
from shared_kernel.buses.patterns import matcher
from shared_kernel.buses.port import (
    Capabilities,
    Deliver,
    Followed,
    Leave,
)
from shared_kernel.buses.redis.connection import RedisConnection
from shared_kernel.buses.redis.following import Following, behind
from shared_kernel.buses.redis.names import Names
from shared_kernel.buses.redis.publishing import Publisher
from shared_kernel.buses.redis.reader import Reader, Source
from shared_kernel.buses.redis.sharing import ACK_WAIT_S, Sharing

MAX_AGE_S = 7 * 24 * 3600.0


class RedisBus:
    """An entry in the stream of its log for each event, with the position as id.

    Who follows a log reads its stream from the own cursor on, without a group. Groups
    are for messages of other programs. Heartbeats have a short stream of their own.
    """

    capabilities = Capabilities(
        between_processes=True,
        between_replicas=True,
        at_least_once=True,
        waits_for_members=True,
        in_order=True,
    )

    def __init__(
        self,
        connection: RedisConnection,
        names: Names,
        *,
        max_age_s: float = MAX_AGE_S,
        ack_wait_s: float = ACK_WAIT_S,
    ) -> None:
        self._connection = connection
        self._names = names
        self._publisher = Publisher(connection.broker, names, max_age_s)
        self._ack_wait_s = ack_wait_s
        self._readers: list[Reader] = []

    def broker(self) -> BrokerState:
        return self._connection.broker.state()

    def open(self) -> None:
        self._connection.check()

    def publish(self, batch: Sequence[Envelope]) -> None:
        if batch:
            self._connection.ask(partial(self._publisher.publish, batch=batch))

    def subscribe(self, pattern: str, group: str, deliver: Deliver) -> Leave:
        matches = matcher(pattern)
        if pattern.startswith(HEARTBEAT):
            heartbeats: dict[str, str | None] = {self._names.heartbeats: None}
            return self._read(Following(heartbeats, matches, deliver), group)
        sharing = Sharing(
            self._connection, self._names, pattern, group, deliver, self._ack_wait_s
        )
        return self._read(sharing, group)

    def follow(self, followed: Followed, deliver: Deliver) -> Leave:
        after: dict[str, str | None] = {
            self._names.log(followed.source, followed.log): behind(followed.after),
            self._names.heartbeats: None,
        }
        of_events = matcher(followed.pattern)
        of_beats = matcher(f"{HEARTBEAT}.{followed.source}")
        following = Following(after, lambda t: of_events(t) or of_beats(t), deliver)
        return self._read(following, followed.group)

    def close(self) -> None:
        for reader in list(self._readers):
            self._leave(reader)
        self._connection.close()

    def _read(self, source: Source, name: str) -> Leave:
        reader = Reader(self._connection, source, name)
        self._readers.append(reader)
        reader.start()
        return partial(self._leave, reader)

    def _leave(self, reader: Reader) -> None:
        if reader in self._readers:
            self._readers.remove(reader)
            reader.end()
