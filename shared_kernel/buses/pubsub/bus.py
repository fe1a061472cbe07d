"""The bus on Pub/Sub: a topic for each log, and one for each foreign subject."""

from collections.abc import Sequence
from functools import partial
from typing import Protocol

from shared_kernel.buses.broker import BrokerState
from shared_kernel.buses.envelope import HEARTBEAT, Envelope
from shared_kernel.buses.patterns import matcher
from shared_kernel.buses.port import (
    BusUnavailableError,
    Capabilities,
    Deliver,
    Followed,
    Leave,
)
from shared_kernel.buses.pubsub.answers import Answers
from shared_kernel.buses.pubsub.connection import PubSubConnection
from shared_kernel.buses.pubsub.declared import (
    Terms,
    ensure_topic,
)
from shared_kernel.buses.pubsub.following import Following
from shared_kernel.buses.pubsub.heartbeats import Heartbeats
from shared_kernel.buses.pubsub.keeper import Keeper, Prepare
from shared_kernel.buses.pubsub.names import Names
from shared_kernel.buses.pubsub.posted import Posted
from shared_kernel.buses.pubsub.publishing import Publisher
from shared_kernel.buses.pubsub.pull import Bring, Pull
from shared_kernel.buses.pubsub.pushes import Pushes
from shared_kernel.buses.pubsub.reading import Reading
from shared_kernel.buses.pubsub.receiving import Receiver
from shared_kernel.buses.pubsub.sharing import Sharing

TERMS = Terms()


class _Member(Protocol):
    def end(self) -> None: ...


class PubSubBus:
    """A message for each event, in the topic of its log, with the log as ordering key.

    Each subscription has one on Pub/Sub, which the replica with the lease reads.
    `published` are patterns of all events: what cannot match them comes from other
    programs only. `ack_wait_s` may be shorter than Google's shortest deadline. With
    `pushes` messages are posted, as the `terms` say, except heartbeats.
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
        connection: PubSubConnection,
        names: Names,
        terms: Terms = TERMS,
        *,
        published: Sequence[str] = (">",),
        ack_wait_s: int | None = None,
        pushes: Pushes | None = None,
    ) -> None:
        self._connection = connection
        self._names = names
        self._terms = terms
        self._published = {each.partition(".")[0] for each in published}
        self._ack_wait_s = ack_wait_s
        self.pushes = pushes
        self._publisher = Publisher(connection.broker, names, terms)
        self._answers = Answers(connection)
        self._keeper = Keeper(connection)
        self._heartbeats = Heartbeats(connection, names, self._answers, self._keeper)
        self._members: list[_Member] = []

    def broker(self) -> BrokerState:
        return self._connection.broker.state()

    def open(self) -> None:
        try:
            self._connection.ask(
                lambda clients: ensure_topic(clients, self._names.heartbeats)
            )
        except BusUnavailableError:
            # It is logged.
            return

    def publish(self, batch: Sequence[Envelope]) -> None:
        if batch:
            self._connection.ask(partial(self._publisher.publish, batch=batch))

    def subscribe(self, pattern: str, group: str, deliver: Deliver) -> Leave:
        matches = matcher(pattern)
        if pattern.startswith(HEARTBEAT):
            return self._heartbeats.listen(matches, deliver)

        def receive(subscription: str, topic: str) -> Receiver:
            subject = self._names.subject_of(topic)
            return self._receiver(subscription, subject, pattern, deliver)

        sharing = Sharing(
            self._connection,
            self._names,
            self._terms,
            pattern,
            group,
            receive,
            self._reading,
            wants_events=self._may_be_event(pattern),
        )
        self._members.append(sharing)
        sharing.start()
        return partial(self._leave, sharing)

    def follow(self, followed: Followed, deliver: Deliver) -> Leave:
        topic = self._names.log(followed.source, followed.log)
        subscription = self._names.follower(topic, followed.group)
        receiver = self._receiver(
            subscription, followed.source, followed.pattern, deliver
        )
        following = Following(
            self._names,
            self._terms,
            topic,
            subscription,
            receiver,
            self._reading,
        )
        beats = matcher(f"{HEARTBEAT}.{followed.source}")
        self._members.append(following)
        following.start(
            partial(self._heartbeats.listen, beats, deliver, only_repeated=True)
        )
        return partial(self._leave, following)

    def close(self) -> None:
        self._keeper.close()
        for member in list(self._members):
            self._leave(member)
        self._heartbeats.close()
        self._answers.close()
        self._connection.close()

    def _reading(
        self,
        subscription: str,
        prepare: Prepare,
        bring: Bring,
        name: str,
    ) -> Reading:
        if self.pushes is None:
            return Pull(
                self._connection,
                self._keeper,
                subscription,
                prepare,
                bring,
                name,
                deadline_s=self._terms.ack_deadline_s,
            )
        return Posted(self._keeper, self.pushes, subscription, prepare, bring)

    def _receiver(
        self, subscription: str, subject: str, pattern: str, deliver: Deliver
    ) -> Receiver:
        return Receiver(
            self.pushes or self._answers,
            subscription,
            subject,
            matcher(pattern),
            deliver,
            self._ack_wait_s,
        )

    def _may_be_event(self, pattern: str) -> bool:
        wanted = pattern.partition(".")[0]
        return (
            bool({"*", ">"} & {wanted, *self._published}) or wanted in self._published
        )

    def _leave(self, member: _Member) -> None:
        if member in self._members:
            self._members.remove(member)
            member.end()
            self._answers.flush()
