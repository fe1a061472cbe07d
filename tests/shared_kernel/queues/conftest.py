"""Real brokers; each test gets one without content."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared_kernel.storage.database import Database
from tests.nats_server import NatsServer
from tests.redis_server import RedisServer
from tests.shared_kernel.queues.broker_benches import close_opened
from tests.shared_kernel.queues.builders import a_database
from tests.shared_kernel.queues.jetstream_builders import JetStreamBench
from tests.shared_kernel.queues.redis_builders import RedisBench, opened


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
def jetstream(shared_nats: NatsServer) -> JetStreamBench:
    """Its server is shared by many tests: it is neither stopped nor changed."""
    place = JetStreamBench(shared_nats)
    place.wipe()
    return place


@pytest.fixture
def own_jetstream(tmp_path: Path) -> Iterator[JetStreamBench]:
    with NatsServer(tmp_path / "own", jetstream=True) as server:
        yield JetStreamBench(server)


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
