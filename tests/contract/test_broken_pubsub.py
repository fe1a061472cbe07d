"""The contract and the tests of logs detect a bus on Pub/Sub that is broken."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.port import Followed
from shared_kernel.buses.pubsub import bus as pubsub_bus
from shared_kernel.buses.pubsub import messages as pubsub_messages
from shared_kernel.buses.pubsub import publishing as pubsub_publishing
from shared_kernel.buses.pubsub.answers import Answers
from shared_kernel.buses.pubsub.connection import Clients
from shared_kernel.buses.pubsub.publishing import Publisher
from shared_kernel.buses.pubsub.receiving import Receiver
from shared_kernel.buses.pubsub.sharing import Sharing
from tests.contract import bus_bench
from tests.contract import bus_contract as contract
from tests.contract.bus_bench import Bench, Inbox, some
from tests.contract.test_bus import pubsub

pytestmark = [pytest.mark.server, pytest.mark.proof]


class AcknowledgesAtOnce(Receiver):
    def bring(self, received: Sequence[Any]) -> None:
        self._acknowledge([each.ack_id for each in received])
        super().bring(received)


class RejectsNothing(Answers):
    def reject(self, subscription: str, ids: Sequence[str]) -> None:
        """Nothing."""

    def postpone(self, subscription: str, ids: Sequence[str], seconds: int) -> None:
        """Nothing."""


class DropsWhatIsMissing(Publisher):
    """An event that is published before its topic exists."""

    def _send(self, clients: Clients, topic: str, messages: Sequence[Any]) -> None:
        if topic not in self._known:
            self._make(clients, topic)
            return
        super()._send(clients, topic, messages)


class Reverses(Publisher):
    def publish(self, clients: Clients, batch: Sequence[Envelope]) -> None:
        for envelope in reversed(batch):
            super().publish(clients, [envelope])


class LooksNever(Sharing):
    def _look_for_logs(self) -> None:
        """Nothing."""


def rejected_by_a_follower_comes_again(bench: Bench) -> None:
    answers = iter(["reject"])
    inbox = Inbox(
        answer=lambda delivery: getattr(delivery, next(answers, "acknowledge"))()
    )
    bus: Any = bench.another()
    bus.follow(Followed(source="catalog", pattern="product.>", group="listing"), inbox)
    bench.send(some("product.inserted"))
    assert inbox.positions(2) == [1, 1]


CASES: list[tuple[type, contract.Check]] = [
    (AcknowledgesAtOnce, contract.an_unanswered_delivery_comes_again),
    (RejectsNothing, rejected_by_a_follower_comes_again),
    (DropsWhatIsMissing, contract.published_envelopes_arrive_unchanged),
    (Reverses, contract.a_batch_arrives_in_its_order_and_so_do_batches),
    (LooksNever, contract.every_group_gets_each_envelope),
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
    monkeypatch.setattr(bus_bench, "TIMEOUT_S", 4.0)
    run(check, tmp_path / "sound")

    monkeypatch.setattr(pubsub_bus, sound.__name__, broken)

    with pytest.raises(AssertionError):
        run(check, tmp_path / "broken")


def test_a_limit_that_is_not_googles_is_detected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server refuses the whole request, so the relay would wait for ever."""
    check = contract.an_event_that_is_too_large_is_left_out_and_told
    modules: tuple[ModuleType, ...] = (pubsub_messages, pubsub_publishing)
    for module in modules:
        monkeypatch.setattr(module, "MOST_BYTES", 100_000_000)

    with pytest.raises(Exception, match="too large"):
        run(check, tmp_path)


def run(check: Callable[[Bench], None], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    bench = pubsub(folder)
    try:
        check(bench)
    finally:
        bench.close()
        if bench.server is not None:
            bench.server.kill()
