"""A relay stops when a copy of its log is published on the same bus."""

import attrs
import pytest

from shared_kernel.buses.envelope import Envelope, heartbeat
from shared_kernel.buses.port import Delivery
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.identity import note_relay
from shared_kernel.events.relay import Relay
from shared_kernel.events.seal import opens, sealed
from shared_kernel.storage.database import Database
from tests.shared_kernel.events.builders import SOURCE, ManualClock, record
from tests.simulation.broker import Broker


@attrs.define
class Received:
    envelopes: list[Envelope] = attrs.field(factory=list)

    def __call__(self, delivery: Delivery) -> None:
        self.envelopes += delivery.envelopes

    def events(self) -> list[int]:
        return [each.position for each in self.envelopes if not each.is_heartbeat]


@pytest.fixture
def bus() -> Broker:
    return Broker()


@pytest.fixture
def received(bus: Broker) -> Received:
    received = Received()
    bus.subscribe("lamp.*", "test", received)
    bus.subscribe("heartbeat.*", "test", received)
    return received


@pytest.fixture
def relay(log: EventLog, bus: Broker, clock: ManualClock) -> Relay:
    relay = Relay(log, bus, clock, holder="one")
    relay.step()
    return relay


def a_beat(log: EventLog, key: str = "", relay: str = "the-copy") -> Envelope:
    keys = log.keys()
    beat = heartbeat(SOURCE, 7, 0, keys.log)
    return sealed(beat, key or keys.key, previous="x", relay=relay)


def test_while_a_copy_publishes_only_heartbeats_are_sent(
    relay: Relay,
    log: EventLog,
    source: Database,
    bus: Broker,
    clock: ManualClock,
    received: Received,
) -> None:
    bus.publish([a_beat(log)])
    clock.advance(1)
    (one,) = record(log, source, "A")
    relay.step()
    assert (relay.held_back, received.events()) == (True, [])
    last = received.envelopes[-1]
    assert (last.position, last.previous, last.relay) == (1, one.id, relay.id)
    assert opens(last, [log.keys().key])

    clock.advance(6)
    relay.step()
    assert (relay.held_back, received.events()) == (False, [1])


@pytest.mark.parametrize(("key", "named"), [("", "before"), ("00" * 32, "anybody")])
def test_heartbeats_of_former_relays_and_forged_ones_are_ignored(
    log: EventLog,
    source: Database,
    relay: Relay,
    bus: Broker,
    clock: ManualClock,
    key: str,
    named: str,
) -> None:
    """Noted while this one already published, such as another replica."""
    with source.writing() as connection:
        note_relay(connection, "before")
    for _ in range(3):
        bus.publish([a_beat(log, key, named)])
        relay.step()
        clock.advance(1)

    assert not relay.held_back


def test_its_own_heartbeats_are_ignored(relay: Relay, clock: ManualClock) -> None:
    for _ in range(4):
        clock.advance(1)
        relay.step()

    assert not relay.held_back
