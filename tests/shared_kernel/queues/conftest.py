"""Real brokers; each test gets one without content."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared_kernel.storage.database import Database
from tests.aws_server import AwsServer
from tests.nats_server import NatsServer
from tests.pubsub_server import PubSubServer
from tests.redis_server import RedisServer
from tests.shared_kernel.queues.broker_benches import close_opened
from tests.shared_kernel.queues.builders import a_database
from tests.shared_kernel.queues.jetstream_builders import JetStreamPlace
from tests.shared_kernel.queues.pubsub_builders import PubSubPlace
from tests.shared_kernel.queues.redis_builders import RedisBench, opened
from tests.shared_kernel.queues.sqs_builders import SqsPlace


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_server(shared_redis: RedisServer) -> RedisServer:
    """Shared by many tests: it is neither stopped nor changed."""
    shared_redis.wipe()
    return shared_redis


@pytest.fixture(scope="session")
def shared_nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with NatsServer(tmp_path_factory.mktemp("nats"), jetstream=True) as server:
        yield server


@pytest.fixture
def jetstream(shared_nats: NatsServer) -> JetStreamPlace:
    """Its server is shared by many tests: it is neither stopped nor changed."""
    place = JetStreamPlace(shared_nats)
    place.wipe()
    return place


@pytest.fixture
def own_jetstream(tmp_path: Path) -> Iterator[JetStreamPlace]:
    with NatsServer(tmp_path / "own", jetstream=True) as server:
        yield JetStreamPlace(server)


@pytest.fixture(scope="session")
def shared_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServer]:
    with AwsServer(tmp_path_factory.mktemp("aws")) as server:
        yield server


@pytest.fixture
def sqs(shared_aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> SqsPlace:
    """Its server is shared, too."""
    shared_aws.wipe()
    return an_sqs(shared_aws, monkeypatch)


@pytest.fixture
def own_sqs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqsPlace]:
    with AwsServer(tmp_path / "own") as server:
        yield an_sqs(server, monkeypatch)


def an_sqs(server: AwsServer, monkeypatch: pytest.MonkeyPatch) -> SqsPlace:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return SqsPlace(server)


@pytest.fixture(scope="session")
def shared_pubsub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PubSubServer]:
    with PubSubServer(tmp_path_factory.mktemp("pubsub")) as server:
        yield server


@pytest.fixture
def pubsub(shared_pubsub: PubSubServer) -> PubSubPlace:
    """Its server is shared, too."""
    place = PubSubPlace(shared_pubsub)
    place.wipe()
    return place


@pytest.fixture
def own_pubsub(tmp_path: Path) -> Iterator[PubSubPlace]:
    with PubSubServer(tmp_path / "own") as server:
        yield PubSubPlace(server)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with a_database(f"sqlite:///{tmp_path / 'new.db'}") as database:
        yield database


@pytest.fixture
def bench(database: Database, redis_server: RedisServer) -> RedisBench:
    return RedisBench(database, redis_server)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    """Of this test alone."""
    with RedisServer(tmp_path / "own") as server:
        yield server


@pytest.fixture(autouse=True)
def links_are_closed() -> Iterator[None]:
    yield
    while opened:
        opened.pop().close()
    close_opened()
