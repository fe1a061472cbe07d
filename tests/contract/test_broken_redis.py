"""The contract and the tests of streams detect a bus on Redis that is broken."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from shared_kernel.buses.broker import Broker
from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.port import Followed
from shared_kernel.buses.redis import bus as redis_bus
from shared_kernel.buses.redis import connection as redis_connection
from shared_kernel.buses.redis.following import Following
from shared_kernel.buses.redis.publishing import Publisher, most_bytes
from shared_kernel.buses.redis.sharing import Sharing
from tests.contract import bus_bench
from tests.contract import bus_contract as contract
from tests.contract.bus_bench import Bench, Inbox, some
from tests.contract.test_bus import redis

pytestmark = [pytest.mark.server, pytest.mark.proof]


class AcknowledgesAtOnce(Sharing):
    def _bring(self, client: Any, stream: str, found: Sequence[Any]) -> None:
        client.xack(stream, self._group, *[id_ for id_, _ in found])
        super()._bring(client, stream, found)


class NeverTakesOver(Sharing):
    def _take_over(self, client: Any) -> None:
        """Nothing."""


class BeginsAtTheEnd(Sharing):
    def begin(self, client: Any) -> None:
        super().begin(client)
        for stream in self._streams:
            client.xgroup_setid(stream, self._group, "$")


class NeverReadsAgain(Following):
    def _reject(self, stream: str, before: str | None) -> None:
        """Nothing."""


class DropsWhatIsRefused(Publisher):
    def _append_at_the_end(self, client: Any, envelope: Envelope) -> None:
        """Nothing."""


class Reverses(Publisher):
    def publish(self, client: Any, batch: Sequence[Envelope]) -> None:
        for envelope in reversed(batch):
            super().publish(client, [envelope])


class LeavesOutInSilence(Publisher):
    def _fits(self, client: Any, envelope: Envelope) -> bool:
        return len(envelope.data) <= most_bytes(client)


class IsAlwaysReachable(Broker):
    def lost(self, why: object, *, logged: bool = True) -> None:
        """Nothing."""


def rejected_by_a_follower_comes_again(bench: Bench) -> None:
    answers = iter(["reject"])
    inbox = Inbox(
        answer=lambda delivery: getattr(delivery, next(answers, "acknowledge"))()
    )
    bus: Any = bench.another()
    bench.send(some("product.inserted"))
    bus.follow(Followed(source="catalog", pattern="product.>", group="listing"), inbox)
    assert inbox.positions(2) == [1, 1]


CASES: list[tuple[type, contract.Check]] = [
    (AcknowledgesAtOnce, contract.an_unanswered_delivery_comes_again),
    (NeverTakesOver, contract.a_rejected_delivery_comes_again),
    (BeginsAtTheEnd, contract.events_wait_while_a_group_has_no_member),
    (NeverReadsAgain, rejected_by_a_follower_comes_again),
    (DropsWhatIsRefused, contract.many_threads_may_publish),
    (Reverses, contract.a_batch_arrives_in_its_order_and_so_do_batches),
    (LeavesOutInSilence, contract.an_event_that_is_too_large_is_left_out_and_told),
    (IsAlwaysReachable, contract.publishing_raises_while_the_server_is_away),
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
    monkeypatch.setattr(bus_bench, "TIMEOUT_S", 2.5)
    run(check, tmp_path / "sound")

    module = redis_connection if sound is Broker else redis_bus
    monkeypatch.setattr(module, sound.__name__, broken)

    with pytest.raises(AssertionError):
        run(check, tmp_path / "broken")


def run(check: Callable[[Bench], None], folder: Path) -> None:
    folder.mkdir()
    bench = redis(folder)
    try:
        check(bench)
    finally:
        bench.close()
        if bench.server is not None:
            bench.server.kill()
