"""Queues over brokers that deliver again keep their contract, on the real servers."""

import pytest

from shared_kernel.storage.database import Database
from tests.shared_kernel.queues.broker_benches import BrokerBench, Place
from tests.shared_kernel.queues.redelivering_contract import CHECKS, Check

pytestmark = [pytest.mark.server, pytest.mark.proof_on("sqs", "pubsub")]


@pytest.fixture(params=["jetstream", "sqs", "pubsub"])
def bench(request: pytest.FixtureRequest, database: Database) -> BrokerBench:
    place: Place = request.getfixturevalue(request.param)
    return BrokerBench(database, place)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_queue_over_a_broker_keeps_the_contract(
    bench: BrokerBench, check: Check
) -> None:
    check(bench)
