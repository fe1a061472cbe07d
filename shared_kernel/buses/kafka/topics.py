"""The topics: the app creates them, and refuses those that are not as declared."""

import shlex
import threading
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import attrs
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
)

from shared_kernel.buses.kafka.connection import ANSWER_S, KafkaConnection
from shared_kernel.buses.kafka.names import Names
from shared_kernel.buses.port import BusMisconfiguredError

HEARTBEATS_S = 3600.0
"""How long heartbeats are kept: only the newest ones matter."""
_RETENTION, _CLEANUP, _DELETE = "retention.ms", "cleanup.policy", "delete"
_REFUSED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.POLICY_VIOLATION,
    KafkaError.INVALID_REPLICATION_FACTOR,
    KafkaError.INVALID_CONFIG,
    KafkaError.TOPIC_EXCEPTION,
}
_LARGEST = "max.message.bytes"
DEFAULT_LIMIT = 1_048_588
"""Of Kafka, where it does not tell."""
THE_CLUSTERS = -1
"""As many replicas as the cluster's default says."""


@attrs.frozen
class Declared:
    """A topic, as it has to be."""

    topic: str
    partitions: int
    config: Mapping[str, str]

    def new(self) -> NewTopic:
        return NewTopic(
            self.topic,
            num_partitions=self.partitions,
            replication_factor=THE_CLUSTERS,
            config=dict(self.config),
        )

    def command(self, server: str) -> str:
        """What creates it."""
        config = " ".join(f"--config {name}={value}" for name, value in self._sorted())
        return (
            f"kafka-topics.sh --bootstrap-server {server} --create "
            f"--topic {shlex.quote(self.topic)} --partitions {self.partitions} {config}"
        )

    def altering(self, server: str) -> str:
        """The command that corrects its configuration."""
        config = ",".join(f"{name}={value}" for name, value in self._sorted())
        return (
            f"kafka-configs.sh --bootstrap-server {server} --alter --entity-type "
            f"topics --entity-name {shlex.quote(self.topic)} --add-config {config}"
        )

    def differences(self, there: Mapping[str, str]) -> Collection[str]:
        return [
            f"{name} is {there[name]}, declared {value}"
            for name, value in self.config.items()
            if there.get(name, value) != value
        ]

    def _sorted(self) -> list[tuple[str, str]]:
        return sorted(self.config.items())


class Topics:
    """Any thread may use it. Each topic is looked at once, until `forget`."""

    def __init__(self, connection: KafkaConnection, names: Names) -> None:
        self._connection = connection
        self._names = names
        self._options = connection.options
        self._one_at_a_time = threading.Lock()
        self._made: set[str] = set()
        self._partitions: dict[str, int] = {}
        self._limits: dict[str, int] = {}

    def make(self, topics: Iterable[str]) -> None:
        """Create those that are missing, and compare the others.

        Raises KafkaException and BusMisconfiguredError.
        """
        missing = set(topics) - self._made
        if not missing:
            return
        with self._one_at_a_time:
            admin = self._connection.admin()
            for declared in map(self._declared, sorted(missing)):
                self._make(admin, declared)
                self._made.add(declared.topic)

    def limit(self, topic: str) -> int:
        """How many bytes a message of it may have."""
        return self._limits.get(topic, DEFAULT_LIMIT)

    def partitions(self, topic: str) -> range:
        """Of one that was made or compared."""
        return range(self._partitions[topic])

    def forget(self) -> None:
        """The broker may have lost them."""
        self._made = set()

    def _declared(self, topic: str) -> Declared:
        beats = topic == self._names.heartbeats
        age_s = HEARTBEATS_S if beats else self._options.max_age_s
        return Declared(
            topic,
            1 if beats else self._options.partitions,
            {_RETENTION: str(int(age_s * 1000)), _CLEANUP: _DELETE},
        )

    def _make(self, admin: AdminClient, declared: Declared) -> None:
        is_new = self._create(admin, declared)
        config = self._config(admin, declared.topic)
        there = declared.partitions
        if not is_new:
            found = admin.list_topics(declared.topic, ANSWER_S).topics[declared.topic]
            there = len(found.partitions)
            self._compare(admin, declared, there, config)
        self._limits[declared.topic] = int(config.get(_LARGEST, DEFAULT_LIMIT))
        self._partitions[declared.topic] = there

    def _create(self, admin: AdminClient, declared: Declared) -> bool:
        """False if there is one of that name."""
        asked = admin.create_topics([declared.new()], request_timeout=ANSWER_S)
        try:
            asked[declared.topic].result(2 * ANSWER_S)
        except KafkaException as error:
            code = error.args[0].code()
            if code == KafkaError.TOPIC_ALREADY_EXISTS:
                return False
            if code not in _REFUSED:
                raise
            if declared.topic in _there(admin, declared.topic):
                return False
            raise BusMisconfiguredError(
                f"{self._connection.shown} refuses to create the topic "
                f"{declared.topic!r}: {error.args[0].str()}: create it with "
                f"{declared.command(self._options.servers[0])}"
            ) from error
        return True

    def _compare(
        self,
        admin: AdminClient,
        declared: Declared,
        there: int,
        config: Mapping[str, str],
    ) -> None:
        """Raises BusMisconfiguredError."""
        server = self._options.servers[0]
        # More are read as well; Kafka cannot take any away.
        if there < declared.partitions:
            raise BusMisconfiguredError(
                f"the topic {declared.topic!r} has {there} partitions, declared "
                f"{declared.partitions}: set KAFKA_PARTITIONS={there}, or add some "
                f"with kafka-topics.sh --bootstrap-server {server} --alter --topic "
                f"{shlex.quote(declared.topic)} --partitions {declared.partitions}"
            )
        if differences := declared.differences(config):
            self._alter(admin, declared, differences)

    def _config(self, admin: AdminClient, topic: str) -> Mapping[str, str]:
        """Nothing if this user may not know it."""
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
        asked = admin.describe_configs([resource], request_timeout=ANSWER_S)
        try:
            found = next(iter(asked.values())).result(2 * ANSWER_S)
        except KafkaException as error:
            if error.args[0].code() in _REFUSED:
                return {}
            raise
        return {name: str(entry.value) for name, entry in found.items()}

    def _alter(
        self, admin: AdminClient, declared: Declared, differences: Collection[str]
    ) -> None:
        wanted = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
            for name, value in declared.config.items()
        ]
        resource = ConfigResource(
            ConfigResource.Type.TOPIC, declared.topic, incremental_configs=wanted
        )
        asked = admin.incremental_alter_configs([resource], request_timeout=ANSWER_S)
        try:
            next(iter(asked.values())).result(2 * ANSWER_S)
        except KafkaException as error:
            if error.args[0].code() not in _REFUSED:
                raise
            raise BusMisconfiguredError(
                f"the topic {declared.topic!r} is not as declared: "
                f"{'; '.join(differences)}: set KAFKA_MAX_AGE_HOURS alike, or correct "
                f"it with {declared.altering(self._options.servers[0])}"
            ) from error


def _there(admin: AdminClient, topic: str) -> Collection[str]:
    """The topics that exist, of this one."""
    found: Mapping[str, Any] = admin.list_topics(topic, ANSWER_S).topics
    return [name for name, each in found.items() if each.error is None]
