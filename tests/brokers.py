"""The broker of each bus and queue: what starts it, what settings lead to it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import attrs

from tests.aws_server import REGION, AwsServer, environment
from tests.kafka_server import KafkaServer, address_of
from tests.nats_server import NatsServer
from tests.pubsub_server import PROJECT, PubSubServer
from tests.redis_server import RedisServer

HOST = "127.0.0.1"


class Broker(Protocol):
    """A real server. Restarts keep its port, and what its kind keeps."""

    port: int

    def start(self) -> None:
        """Return when it answers."""

    def stop(self) -> None:
        """As a shutdown does."""

    def kill(self) -> None:
        """SIGKILL."""

    def freeze(self) -> None:
        """Connections stay open, but nothing is answered."""

    def thaw(self) -> None: ...

    def delete_storage(self) -> None:
        """While it does not run."""


@attrs.frozen
class Brokered:
    """A bus over a broker of this `kind`, which several buses may share.

    `settings` are those of a process that reaches the broker at a port of loopback.
    A broker that tells its clients where it is does so by `address_of` its port.
    """

    kind: str
    make: Callable[[Path], Broker]
    settings: Callable[[int], Mapping[str, str]]
    address_of: Callable[[int], bytes] | None = None


def _nats(folder: Path) -> Broker:
    return NatsServer(folder, jetstream=True)


def _redis(folder: Path) -> Broker:
    return RedisServer(folder, appends=True)


def _kafka(folder: Path) -> Broker:
    return KafkaServer(folder)


def _pubsub(folder: Path) -> Broker:
    return PubSubServer(folder)


def _aws(folder: Path) -> Broker:
    return AwsServer(folder)


def _to_aws(port: int) -> Mapping[str, str]:
    return {"BUS_URL": f"sns+sqs://{REGION}", **environment(port)}


BROKERED = {
    "nats": Brokered("nats", _nats, lambda port: {"BUS_URL": f"nats://{HOST}:{port}"}),
    "jetstream": Brokered(
        "nats", _nats, lambda port: {"BUS_URL": f"jetstream://{HOST}:{port}"}
    ),
    "forged": Brokered(
        "nats", _nats, lambda port: {"BUS_URL": f"nats://{HOST}:{port}"}
    ),
    "redis": Brokered(
        "redis", _redis, lambda port: {"BUS_URL": f"redis://{HOST}:{port}/0"}
    ),
    "kafka": Brokered(
        "kafka",
        _kafka,
        lambda port: {"BUS_URL": f"kafka://{HOST}:{port}"},
        address_of=address_of,
    ),
    "pubsub": Brokered(
        "pubsub",
        _pubsub,
        lambda port: {
            "BUS_URL": f"pubsub://{PROJECT}",
            "PUBSUB_EMULATOR_HOST": f"{HOST}:{port}",
        },
    ),
    "aws": Brokered("aws", _aws, _to_aws),
}
"""By the name of the bus. `forged` has a stranger on it, see `tests.forger`."""

QUEUED = {
    "redis": Brokered(
        "redis", _redis, lambda port: {"QUEUE_URL": f"redis://{HOST}:{port}/1"}
    ),
    "jetstream": Brokered(
        "nats", _nats, lambda port: {"QUEUE_URL": f"jetstream://{HOST}:{port}"}
    ),
    "sqs": Brokered(
        "aws",
        _aws,
        lambda port: {"QUEUE_URL": f"sqs://{REGION}", **environment(port)},
    ),
    "pubsub": Brokered(
        "pubsub",
        _pubsub,
        lambda port: {
            "QUEUE_URL": f"pubsub://{PROJECT}",
            "PUBSUB_EMULATOR_HOST": f"{HOST}:{port}",
        },
    ),
}
"""By the name of the queue, beside `sql`, which has no broker."""
QUEUES = ("sql", *QUEUED)


@contextmanager
def queue_settings(queue: str, folder: Path) -> Iterator[dict[str, str]]:
    """Its broker runs meanwhile, if it has one."""
    if queue not in QUEUED:
        yield {}
        return
    server = QUEUED[queue].make(folder)
    server.start()
    try:
        yield dict(QUEUED[queue].settings(server.port))
    finally:
        server.kill()
