"""The bus on SNS and SQS: a topic for each log, a queue for each reader."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

import attrs

from shared_kernel.buses.aws.answers import Answers
from shared_kernel.buses.aws.client import AwsClients
from shared_kernel.buses.aws.connection import AwsConnection
from shared_kernel.buses.aws.joining import Joining
from shared_kernel.buses.aws.member import Member
from shared_kernel.buses.aws.messages import envelope_of
from shared_kernel.buses.aws.names import Names, is_for_heartbeats
from shared_kernel.buses.aws.publishing import Publisher
from shared_kernel.buses.aws.queues import Queue
from shared_kernel.buses.aws.reader import Reader, Source
from shared_kernel.buses.broker import BrokerState
from shared_kernel.buses.envelope import HEARTBEAT, Envelope
from shared_kernel.buses.patterns import matcher
from shared_kernel.buses.port import (
    BusError,
    BusUnavailableError,
    Capabilities,
    Deliver,
    Followed,
    Leave,
)

ACK_WAIT_S = 10
RETENTION_S = 7 * 24 * 3600
END_S = 3.0
SILENCE_S, LONG_SILENCE_S = 5.0, 60.0
"""Where heartbeats come each second, and where messages come when they come."""
TAKEN_S = 5.0
"""How long a foreign message that SNS posts may take until it is answered."""
MOST, MOST_FIFO = 10, 1
"""Messages of one request. Those of a FIFO queue wait for the answer to the first one
of their group, and not all servers return several in their order."""

Logs = Callable[[], Mapping[str, str]]
"""The identities of the logs of this process, by source."""
Remove = Callable[[AwsClients, Queue], None]


@attrs.define(eq=False)
class _Membership:
    """`topic` may also be posted, with messages of type `subject` if they are foreign.

    `remove` is for a queue that nobody needs afterwards.
    """

    member: Member
    readers: list[Reader]
    topic: str = ""
    subject: str = ""
    remove: Remove | None = None


class AwsBus:
    """Publishing is done when SNS has taken everything.

    A subscription's queue gets what the topic of its log sends. Queues of groups get
    what all topics send, and their members choose by type. Messages of other programs
    come by a queue or a topic of that name. `published` are patterns of all
    events.
    """

    def __init__(
        self,
        clients: AwsClients,
        names: Names,
        *,
        published: Sequence[str] = (),
        retention_s: int = RETENTION_S,
        ack_wait_s: int = ACK_WAIT_S,
        logs: Logs = dict,
    ) -> None:
        self._connection = AwsConnection(clients)
        self._names = names
        self._published = published
        self._ack_wait_s = ack_wait_s
        self._logs = logs
        self._joining = Joining(names, retention_s)
        self._publisher = Publisher(
            names, self._connection.broker, self._joining.new_topic
        )
        self._answers = Answers(self._connection)
        self._memberships: list[_Membership] = []
        self.door: object | None = None
        """For what SNS posts over HTTP, if that is expected."""

    @property
    def capabilities(self) -> Capabilities:
        return capabilities(fifo=self._names.fifo)

    def broker(self) -> BrokerState:
        return self._connection.broker.state()

    def open(self) -> None:
        """Declares the topics of this process, too."""
        self._connection.check()
        with suppress(BusUnavailableError):
            for source, log in self._logs().items():
                self._connection.ask(
                    partial(self._publisher.declare, source=source, log=log)
                )

    def publish(self, batch: Sequence[Envelope]) -> None:
        if batch:
            self._connection.ask(partial(self._publisher.publish, batch=batch))

    def subscribe(self, pattern: str, group: str, deliver: Deliver) -> Leave:
        joining, member = self._joining, Member(group, matcher(pattern), deliver)
        if is_for_heartbeats(pattern):
            own = self._source(lambda c: joining.beats(c, group, pattern))
            remove = partial(joining.remove_beats, pattern=pattern)
            return self._join(_Membership(member, [], remove=remove), [own])
        if not self._is_foreign(pattern):
            source = self._source(lambda c: joining.group(c, group, pattern))
            return self._join(_Membership(member, []), [source])
        sources = [
            self._source(lambda c: joining.sharing(c, group, pattern), pattern),
            self._source(lambda c: joining.foreign(c, pattern), pattern),
        ]
        topic = self._names.foreign(pattern)
        membership = _Membership(member, [], topic=topic, subject=pattern)
        return self._join(membership, sources)

    def follow(self, followed: Followed, deliver: Deliver) -> Leave:
        """Followers of the same group share its queue: one has the lease."""
        of_events = matcher(followed.pattern)
        of_beats = matcher(f"{HEARTBEAT}.{followed.source}")
        member = Member(followed.group, lambda t: of_events(t) or of_beats(t), deliver)
        source = self._source(lambda c: self._joining.followed(c, followed))
        topic = self._names.topic(followed.source, followed.log)
        return self._join(_Membership(member, [], topic=topic), [source])

    def take(self, topic: str, message: str, message_id: str) -> bool:
        """Bring what SNS has posted to those who read this topic, by its name.

        Returns whether SNS may forget it: what is in a log anyway need not be taken.
        """
        place = f"sns:{message_id}"
        if topic.startswith(self._names.topics()):
            envelope = envelope_of("", message, place)
            for each in [m for m in self._memberships if m.topic == topic]:
                each.member.bring_now(envelope)
            return True
        return any(
            each.member.has_taken(envelope_of(each.subject, message, place), TAKEN_S)
            for each in self._memberships
            if each.subject and each.topic == topic
        )

    def close(self) -> None:
        memberships, self._memberships = self._memberships, []
        for each in memberships:
            each.member.leave()
        for each in memberships:
            self._end(each)
        self._answers.end()
        self._connection.close()

    def _join(self, membership: _Membership, sources: Sequence[Source]) -> Leave:
        for source in sources:
            reader = Reader(self._connection, source, membership.member, self._answers)
            membership.readers.append(reader)
        self._memberships.append(membership)
        for reader in membership.readers:
            reader.start()
        return partial(self._leave, membership)

    def _leave(self, membership: _Membership) -> None:
        membership.member.leave()
        if membership in self._memberships:
            self._memberships.remove(membership)
            self._end(membership)

    def _end(self, membership: _Membership) -> None:
        for reader in membership.readers:
            queue = reader.end(END_S)
            if membership.remove is not None and queue is not None:
                with suppress(BusError):
                    self._connection.ask(partial(_called, membership.remove, queue))

    def _is_foreign(self, pattern: str) -> bool:
        """Whether it is one type that nobody publishes on this bus."""
        if not self._published or {"*", ">"} & set(pattern.split(".")):
            return False
        return not any(matcher(each)(pattern) for each in self._published)

    def _source(
        self, declare: Callable[[AwsClients], Queue], subject: str = ""
    ) -> Source:
        in_order = self._names.fifo and not subject
        return Source(
            declare=declare,
            subject=subject,
            most=MOST_FIFO if in_order else MOST,
            ack_wait_s=self._ack_wait_s,
            silence_s=LONG_SILENCE_S if subject else SILENCE_S,
        )


def _called(remove: Remove, queue: Queue, clients: AwsClients) -> None:
    remove(clients, queue)


def capabilities(*, fifo: bool) -> Capabilities:
    return Capabilities(
        between_processes=True,
        between_replicas=True,
        at_least_once=True,
        waits_for_members=True,
        in_order=fifo,
    )
