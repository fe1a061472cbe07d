"""Strangers on a real broker change nothing that a subscription applies (law 11).

They send false messages before and after each true one, and delete, trim and replace
what stands on the broker. A new bus is an entry in `strangers.STRANGERS`.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.port import EventBus
from shared_kernel.events.event_log import EventLog
from tests.contract.over_a_bus import TIMEOUT_S, OverABus, over
from tests.contract.strangers import STRANGERS, Stranger
from tests.contract.test_bus import BUSES
from tests.shared_kernel.events.builders import SOURCE, ManualClock
from tests.simulation.malicious_bus import MaliciousBus, Thief, kinds_sent

pytestmark = [pytest.mark.server, pytest.mark.proof]
BESIDE = pytest.mark.parametrize("beside", [False, True], ids=["seals", "confirmed"])
ON_EACH = pytest.mark.parametrize("bus", STRANGERS)
STEP_S = 0.1


class LyingStranger(MaliciousBus):
    """Publishes on a bus; its lies are sent past it."""

    def __init__(
        self, bus: EventBus, stranger: Stranger, key_of: Thief, *, beside: bool
    ):
        kinds = kinds_sent(remote=beside)
        super().__init__(bus, seed=1, key_of=key_of, kinds=kinds, remote=True)
        self._stranger = stranger

    def publish(self, batch: Sequence[Envelope]) -> None:
        for envelope in batch:
            self._lie_about(envelope)
            self._bus.publish([envelope])
            self._lie_about(envelope)
            self._liar.observe(envelope)

    def _lie_about(self, envelope: Envelope) -> None:
        for lie in self._lies(envelope):
            self._stranger.send(lie)


@contextmanager
def a_shop(
    bus: str, folder: Path, *, beside: bool, lies: bool = False
) -> Iterator[tuple[OverABus, Stranger]]:
    bench = BUSES[bus].bench(folder)
    strangers: list[Stranger] = []

    def publishes(own: EventBus, log: EventLog) -> EventBus:
        key = log.keys()
        stranger = STRANGERS[bus](bench, SOURCE, key.log)
        strangers.append(stranger)
        if not lies:
            return own
        return LyingStranger(own, stranger, lambda _: key.key, beside=beside)

    clock = ManualClock()
    try:
        with over(bench, folder, clock, publishes=publishes, beside=beside) as shop:
            yield shop, strangers[0]
    finally:
        for stranger in strangers:
            stranger.close()
        bench.close()
        if bench.server is not None:
            bench.server.kill()


def on(shop: OverABus) -> Callable[[], None]:
    assert isinstance(shop.clock, ManualClock)
    clock = shop.clock
    return lambda: clock.advance(STEP_S)


def assert_only_the_log_is_applied(shop: OverABus) -> None:
    assert shop.reader.applied == shop.log.read(0, 1000)


@BESIDE
@ON_EACH
def test_false_messages_of_all_kinds_are_dropped(
    bus: str, beside: bool, tmp_path: Path
) -> None:
    with a_shop(bus, tmp_path, beside=beside, lies=True) as (shop, _):
        for _ in range(12):
            shop.record(None, None)
            shop.until_all_is_applied(on(shop))

        assert_only_the_log_is_applied(shop)
        assert shop.reader.dropped()


@BESIDE
@ON_EACH
def test_whatever_a_stranger_does_the_log_is_applied(
    bus: str, beside: bool, tmp_path: Path
) -> None:
    with a_shop(bus, tmp_path, beside=beside) as (shop, stranger):
        shop.record(None)
        shop.until_all_is_applied(on(shop))
        for name, deed in stranger.deeds().items():
            shop.record(None, None)
            shop.work()
            deed()
            shop.record(None)
            shop.until_all_is_applied(on(shop))
            published = shop.log.head()
            deadline = 200
            while shop.relay.published() < published and deadline:
                shop.work()
                on(shop)()
                deadline -= 1
            assert shop.relay.published() == published, name

        assert_only_the_log_is_applied(shop)


@ON_EACH
def test_the_bus_delivers_again_after_whatever_a_stranger_did(
    bus: str, tmp_path: Path
) -> None:
    """The log is read no more: neither for gaps nor without end."""
    with a_shop(bus, tmp_path, beside=False) as (shop, stranger):
        for name, deed in stranger.deeds().items():
            shop.record(None)
            shop.until_all_is_applied(on(shop))
            deed()
            deadline = time.monotonic() + TIMEOUT_S
            while time.monotonic() < deadline:
                reads = shop.subscription.counts.read_events
                shop.record(None)
                shop.until_all_is_applied(on(shop))
                if shop.subscription.counts.read_events == reads:
                    break
            else:
                pytest.fail(f"{name}: the bus delivers nothing any more")
