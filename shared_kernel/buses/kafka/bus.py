"""The bus on Kafka: a topic for each log, and one for each foreign subject."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from confluent_kafka import KafkaException

from shared_kernel.buses.broker import BrokerState
from shared_kernel.buses.envelope import HEARTBEAT, Envelope
from shared_kernel.buses.kafka.connection import FAULTS, KafkaConnection
from shared_kernel.buses.kafka.following import Following
from shared_kernel.buses.kafka.names import Names
from shared_kernel.buses.kafka.options import KafkaOptions
from shared_kernel.buses.kafka.publishing import Publisher
from shared_kernel.buses.kafka.reader import Reader, Source
from shared_kernel.buses.kafka.sharing import ACK_WAIT_S, Sharing
from shared_kernel.buses.kafka.topics import Topics
from shared_kernel.buses.patterns import matcher
from shared_kernel.buses.port import Capabilities, Deliver, Followed, Leave

Logs = Callable[[], Mapping[str, str]]
"""The identities of the logs of this process, by source."""


class KafkaBus:
    """A message in the topic of its log for each event, with the aggregate's key.

    Who follows a log reads its topic from the own cursor on, without a group. Groups
    are for messages of other programs. Heartbeats have a topic of their own.
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
        options: KafkaOptions,
        *,
        ack_wait_s: float = ACK_WAIT_S,
        logs: Logs = dict,
    ) -> None:
        self._logs = logs
        self._connection = KafkaConnection(options)
        self._names = Names(options.prefix, options.subjects)
        self._topics = Topics(self._connection, self._names)
        self._publisher = Publisher(self._connection, self._names, self._topics)
        self._ack_wait_s = ack_wait_s
        self._readers: list[Reader] = []

    def broker(self) -> BrokerState:
        return self._connection.broker.state()

    def open(self) -> None:
        try:
            if not self._connection.check():
                return
            logs = [self._names.log(*each) for each in self._logs().items()]
            self._topics.make([self._names.heartbeats, *logs])
        except FAULTS as error:
            self._connection.broker.lost(error)

    def publish(self, batch: Sequence[Envelope]) -> None:
        if not batch:
            return
        try:
            self._publisher.publish(batch)
        except KafkaException as error:
            self._connection.broker.lost(error)
            raise self._connection.unavailable(error) from error
        self._connection.broker.found()

    def subscribe(self, pattern: str, group: str, deliver: Deliver) -> Leave:
        matches = matcher(pattern)
        if pattern.startswith(HEARTBEAT):
            following = Following(
                self._connection, self._names, self._topics, matches, deliver
            )
            return self._read(following, group)
        sharing = Sharing(self._names, self._topics, pattern, deliver, self._ack_wait_s)
        # Members of a group that want something else do not share with these.
        return self._read(sharing, self._names.subject(f"{group}.{pattern}"))

    def follow(self, followed: Followed, deliver: Deliver) -> Leave:
        of_events = matcher(followed.pattern)
        of_beats = matcher(f"{HEARTBEAT}.{followed.source}")
        following = Following(
            self._connection,
            self._names,
            self._topics,
            lambda type_: of_events(type_) or of_beats(type_),
            deliver,
            log=self._names.log(followed.source, followed.log),
            after=followed.after,
        )
        return self._read(following, followed.group)

    def close(self) -> None:
        self._connection.closed.set()
        for reader in list(self._readers):
            self._leave(reader)
        self._publisher.close()
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
