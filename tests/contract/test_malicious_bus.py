"""A subscription accepts nothing false from a bus (law 11).

Each kind of false message alone, among true ones, from a relay to a subscription. A
second subscription without a bus, which reads everything from the log, is the
reference.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import attrs
import msgspec
import pytest

from shared_kernel.events.dropped import COPY, FORM, OTHER_LOG, RELAY, SEAL
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.identity import LogKeys
from shared_kernel.events.relay import Relay
from shared_kernel.events.subscription import Subscription
from shared_kernel.storage.database import Database
from tests.contract.reading import CountedFeed, Reader
from tests.shared_kernel.events.builders import (
    SOURCE,
    ManualClock,
    a_database,
    record,
)
from tests.simulation.broker import Broker
from tests.simulation.malicious_bus import (
    ONLY_THE_LOG_TELLS,
    MaliciousBus,
    kinds_sent,
)

pytestmark = pytest.mark.slow

REASONS = {
    "log": {OTHER_LOG},
    "source": {OTHER_LOG},
    "of another log": {OTHER_LOG},
    "no source": {FORM},
    "no seal": {FORM},
    "plain": {FORM},
    # In the log's process each event is compared with the log, elsewhere each relay.
    "of a copy": {COPY, RELAY},
    "of a copy with the same id": {COPY, RELAY},
    "by the key": {COPY},
    # It is true, and a duplicate.
    "old once more": set(),
}
TAKEN_BY_ITS_ID = {"of a copy with the same id"}
"""In the log's process the log's own envelope is applied, not the delivered one."""
READS_WITHOUT_END = 100
CASES = [
    pytest.param(remote, kind, id=f"{'confirmed' if remote else 'seals'}-{kind}")
    for remote in (False, True)
    for kind in kinds_sent(remote=remote)
]


@attrs.frozen
class Shop:
    bus: MaliciousBus
    log: EventLog
    source: Database
    relay: Relay
    reader: Reader
    subscription: Subscription
    unlied: Reader
    untouched: Subscription
    clock: ManualClock

    def record(self, keys: str) -> None:
        """Record it, and have it published and applied."""
        record(self.log, self.source, keys)
        for _ in range(10):
            self.relay.step()
            self.read_on()

    def read_on(self) -> None:
        for reading in (self.subscription, self.untouched):
            for _ in range(READS_WITHOUT_END):
                if not reading.step():
                    break
            else:
                pytest.fail("a reader reads without end")
        self.clock.advance(0.3)


@pytest.fixture
def shop(tmp_path: Path, kind: str, remote: bool) -> Iterator[Shop]:
    clock = ManualClock()
    with ExitStack() as stack:
        source, lied_to, unlied_to = (
            stack.enter_context(a_database(tmp_path / f"{name}.db"))
            for name in ("shop", "listing", "untouched")
        )
        log = EventLog(source, SOURCE)
        bus = MaliciousBus(
            Broker(),
            seed=1,
            key_of=lambda _: log.keys().key,
            kinds=[kind],
            remote=remote,
        )
        reader = Reader(lied_to, CountedFeed(log))
        unlied = Reader(unlied_to, CountedFeed(log))
        yield Shop(
            bus,
            log,
            source,
            Relay(log, bus, clock, holder="one"),
            reader,
            reader.subscription(
                clock,
                [lambda group, _, deliver: bus.subscribe(">", group, deliver)],
                confirms=remote,
            ),
            unlied,
            unlied.subscription(clock, [], confirms=remote),
            clock,
        )


@pytest.mark.parametrize(("remote", "kind"), CASES)
def test_a_false_message_is_dropped(kind: str, remote: bool, shop: Shop) -> None:
    for keys in ("A", "BC", "D", "EFG"):
        shop.record(keys)

    assert shop.bus.sent[kind] > 0
    assert [each.key for each in shop.reader.applied] == list("ABCDEFG")
    assert shop.reader.applied == shop.log.read(0, 100)
    assert shop.reader.applied == shop.unlied.applied
    assert shop.reader.tables() == shop.unlied.tables()
    kept = msgspec.json.decode(shop.subscription.cursor.keys() or "", type=LogKeys)
    assert kept == shop.log.keys()

    found, expected = shop.reader.dropped(), REASONS.get(kind, {SEAL})
    assert found <= expected
    assert found or not expected or (remote and kind in TAKEN_BY_ITS_ID)
    assert shop.unlied.dropped() == set()


@pytest.mark.parametrize(("remote", "kind"), CASES)
def test_a_false_message_causes_bounded_work(
    kind: str, remote: bool, shop: Shop
) -> None:
    shop.record("ABC")

    before = shop.reader.feed.reads
    for _ in range(20):
        shop.read_on()

    assert shop.bus.sent[kind] > 0
    assert shop.reader.feed.reads == before


def test_messages_forged_with_the_key_are_detected_only_beside_the_log() -> None:
    assert set(kinds_sent(remote=True)) - set(kinds_sent(remote=False)) == (
        ONLY_THE_LOG_TELLS
    )
