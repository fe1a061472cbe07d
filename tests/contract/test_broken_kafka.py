"""The contract and the tests of topics detect a bus on Kafka that is broken."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer

from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.kafka import bus as kafka_bus
from shared_kernel.buses.kafka.following import Following, Place
from shared_kernel.buses.kafka.publishing import Publisher
from shared_kernel.buses.kafka.sharing import Sharing
from shared_kernel.buses.port import Followed
from tests.contract import bus_bench
from tests.contract import bus_contract as contract
from tests.contract.bus_bench import Bench, Inbox, some
from tests.contract.test_bus import kafka

pytestmark = [pytest.mark.server, pytest.mark.proof]


class AcknowledgesAtOnce(Sharing):
    def _is_acknowledged(self, wanted: Sequence[Envelope]) -> bool:
        super()._is_acknowledged(wanted)
        return True


class BeginsWhenItIsAssigned(Sharing):
    def _note_ends(self, consumer: Consumer) -> None:
        """Nothing: what was published before comes, too."""


class NeverReadsAgain(Following):
    def _reject(self, place: Place) -> None:
        """Nothing."""


class DoesNotWait(Publisher):
    def _wait(self, producer: Producer) -> None:
        """Nothing."""


class Reverses(Publisher):
    def _send(self, producer: Producer, batch: Sequence[Envelope]) -> None:
        super()._send(producer, batch[::-1])


class FailsForALargeOne(Publisher):
    def _fits(self, topic: str, envelope: Envelope, headers: Any) -> bool:
        return True


def rejected_by_a_follower_comes_again(bench: Bench) -> None:
    answers = iter(["reject"])
    inbox = Inbox(
        answer=lambda delivery: getattr(delivery, next(answers, "acknowledge"))()
    )
    bus: Any = bench.another()
    bench.send(some("product.inserted"))
    bus.follow(Followed(source="catalog", pattern="product.>", group="listing"), inbox)
    assert inbox.positions(2) == [1, 1]


def a_group_begins_with_what_comes_after_it_has_joined(bench: Bench) -> None:
    inbox = Inbox()
    bench.send(some("product.inserted"))
    bench.another().subscribe("product.>", "listing", inbox)
    # The server of the tests tells where the last batch began, not where it ended.
    bench.send(some("product.renamed", first=2))
    bench.another().subscribe("product.>", "other", other := Inbox())
    bench.send(some("product.renamed", first=3))
    assert other.has({3})
    assert 1 not in other.distinct


CASES: list[tuple[type, contract.Check]] = [
    (AcknowledgesAtOnce, contract.a_rejected_delivery_comes_again),
    (BeginsWhenItIsAssigned, a_group_begins_with_what_comes_after_it_has_joined),
    (NeverReadsAgain, rejected_by_a_follower_comes_again),
    (DoesNotWait, contract.publishing_does_not_wait_for_a_killed_server),
    (Reverses, contract.a_batch_arrives_in_its_order_and_so_do_batches),
    (FailsForALargeOne, contract.an_event_that_is_too_large_is_left_out_and_told),
]


@pytest.mark.parametrize(
    ("broken", "check"), CASES, ids=[broken.__name__ for broken, _ in CASES]
)
def test_a_broken_bus_is_detected(
    broken: type,
    check: Callable[[Bench], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (sound,) = broken.__bases__
    # A group takes three seconds to share out its topics.
    monkeypatch.setattr(bus_bench, "TIMEOUT_S", 6.0)
    run(check, tmp_path / "sound")

    monkeypatch.setattr(kafka_bus, sound.__name__, broken)

    with pytest.raises(AssertionError):
        run(check, tmp_path / "broken")


def run(check: Callable[[Bench], None], folder: Path) -> None:
    folder.mkdir()
    bench = kafka(folder)
    try:
        check(bench)
    finally:
        bench.close()
        if bench.server is not None:
            bench.server.kill()
