"""What a bus may say is one thing, what a subscription takes from it another (law 11).

Each kind of lie alone, among true messages, from a relay to a subscription.
"""

from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from shared_kernel.adapters.storage.database import Database
from shared_kernel.buses.in_process import InProcessBus
from shared_kernel.events import dropped
from shared_kernel.events.dropped import COPY, FORM, OTHER_LOG, RELAY, SEAL
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.relay import Relay
from shared_kernel.events.subscription import Subscription
from tests.shared_kernel.events.builders import (
    SOURCE,
    ManualClock,
    a_database,
    applied,
    apply_effects,
    record,
)
from tests.simulation.malicious_bus import LIES_OF, MaliciousBus

REASONS = {
    "log": {OTHER_LOG},
    "source": {OTHER_LOG},
    "of another log": {OTHER_LOG},
    "no seal": {FORM},
    "plain": {FORM},
    # Where the log is at hand it is asked about each event, else about each relay.
    "of a copy": {COPY, RELAY},
    # It is true, and a duplicate.
    "old once more": set(),
}


@attrs.frozen
class Shop:
    bus: MaliciousBus
    log: EventLog
    source: Database
    subscriber: Database
    relay: Relay
    subscription: Subscription
    clock: ManualClock

    def record(self, keys: str) -> None:
        """And have it published and applied, with whatever else comes."""
        record(self.log, self.source, keys)
        for _ in range(10):
            self.relay.step()
            while self.subscription.step():
                pass
            self.clock.advance(0.3)

    def dropped(self) -> set[str]:
        with self.subscriber.reading() as connection:
            counts = dropped.counted(connection, "listing", SOURCE)
        return {reason for reason, count in counts.items() if count}


@pytest.fixture(params=[False, True], ids=["seals", "confirmed"])
def shop(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> Iterator[Shop]:
    clock = ManualClock()
    with (
        a_database(tmp_path / "shop.db") as source,
        a_database(tmp_path / "listing.db") as subscriber,
    ):
        log = EventLog(source, SOURCE)
        bus = MaliciousBus(
            InProcessBus(),
            seed=1,
            key_of=lambda _: log.keys().key,
            kinds=[kind],
            remote=request.param,
        )
        relay = Relay(log, bus, clock, holder="one")
        subscription = Subscription(
            "listing",
            log,
            subscriber,
            apply_effects,
            holder="one",
            clock=clock,
            joins=[lambda group, deliver: bus.subscribe(">", group, deliver)],
            confirms=request.param,
        )
        yield Shop(bus, log, source, subscriber, relay, subscription, clock)


@pytest.mark.parametrize("kind", LIES_OF)
def test_a_lie_is_as_good_as_lost(kind: str, shop: Shop) -> None:
    for keys in ("A", "BC", "D", "EFG"):
        shop.record(keys)

    assert shop.bus.told[kind] > 0
    assert applied(shop.subscriber) == [1, 2, 3, 4, 5, 6, 7]
    assert shop.subscription.cursor.saved() == shop.log.head()
    assert shop.subscription.cursor.place.last_id == shop.log.read(6, 1)[0].id
    expected = REASONS.get(kind, {SEAL})
    found = shop.dropped()
    assert found <= expected
    assert found or not expected
    # What came true came by the bus or by the log, and nobody reads for ever.
    assert shop.subscription.step() == 0
