"""Every queue keeps the contract, on every database, with its real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shared_kernel.queues import (
    lease_contract,
    operating_contract,
    queue_contract,
)
from tests.shared_kernel.queues.broker_benches import redelivering_queue
from tests.shared_kernel.queues.builders import Bench, a_database, sql_queue
from tests.shared_kernel.queues.queue_contract import Check
from tests.shared_kernel.queues.redis_builders import redis_queue

pytestmark = pytest.mark.proof_on(
    "redis_on_postgresql",
    "jetstream_on_postgresql",
    "sqs_on_sqlite",
    "pubsub_on_sqlite",
)


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.server),
        pytest.param("redis_on_sqlite", marks=pytest.mark.server),
        pytest.param("redis_on_postgresql", marks=pytest.mark.server),
        pytest.param("jetstream_on_sqlite", marks=pytest.mark.server),
        pytest.param("jetstream_on_postgresql", marks=pytest.mark.server),
        pytest.param("sqs_on_sqlite", marks=pytest.mark.server),
        pytest.param("pubsub_on_sqlite", marks=pytest.mark.server),
    ]
)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    kind: str = request.param
    url = f"sqlite:///{tmp_path / 'new.db'}"
    if kind.endswith("postgresql"):
        url = request.getfixturevalue("schemas").url("new")
    make = sql_queue
    broker = kind.partition("_on_")[0]
    if broker == "redis":
        make = redis_queue(request.getfixturevalue("redis_server").url)
    elif "_on_" in kind:
        make = redelivering_queue(request.getfixturevalue(broker))
    with a_database(url) as database:
        yield Bench(database, make)


CHECKS = (
    *queue_contract.CHECKS,
    *lease_contract.CHECKS,
    *operating_contract.CHECKS,
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_queue_keeps_the_contract(bench: Bench, check: Check) -> None:
    check(bench)
