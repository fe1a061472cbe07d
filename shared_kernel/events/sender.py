"""Sends a relay's envelopes: sealed, under an id that the log has noted (law 11)."""

from collections.abc import Sequence
from secrets import token_hex

from shared_kernel.buses.envelope import Envelope, heartbeat
from shared_kernel.buses.port import EventBus
from shared_kernel.events.cursors import Place
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.identity import LogKeys, note_relay
from shared_kernel.events.seal import sealed
from shared_kernel.events.versions import NEWEST, Versions

MOST_ANNOUNCED = 16
"""How many relays a heartbeat names, the newest first."""


class Sender:
    """`id` names the relay in its envelopes. It must `note` itself before it sends."""

    def __init__(self, log: EventLog, bus: EventBus, versions: Versions) -> None:
        self.id = token_hex(8)
        self.keys = LogKeys("", "00")
        self._log = log
        self._bus = bus
        self._versions = versions

    @property
    def is_noted(self) -> bool:
        return self.id in self.keys.relays

    def note(self) -> None:
        """Note the relay in the log's database, and read the log's current keys."""
        self.keys = self._log.keys()
        if not self.is_noted:
            with self._log.database.writing() as connection:
                note_relay(connection, self.id)
            self.keys = self._log.keys()

    def send(self, batch: Sequence[Envelope], after: Place) -> None:
        """Publish `batch`, which follows `after`. Raises BusError.

        Unsealed on a bus where no other process can publish; and there nobody reads
        another version than the newest.
        """
        if self._bus.capabilities.between_replicas:
            self._bus.publish(self._sealed(batch, after))
        else:
            versions = self._versions
            if versions.has_outdated(batch):
                batch = [versions.preferably(envelope, NEWEST) for envelope in batch]
            self._bus.publish(batch)

    def announce(self, place: Place, time_us: int) -> None:
        """Send a heartbeat: the log's head and its relays. Raises BusError."""
        keys = self.keys
        relays = keys.relays[:MOST_ANNOUNCED]
        previous = place.last_id or ""
        beat = heartbeat(
            self._log.source, place.position, time_us, keys.log, relays, previous
        )
        self.send([beat], place)

    def _sealed(self, batch: Sequence[Envelope], after: Place) -> list[Envelope]:
        sealing: list[Envelope] = []
        previous = after.last_id or ""
        key, relay = self.keys.key, self.id
        for envelope in batch:
            # The newest first: other versions are duplicates of it for subscriptions.
            sealing += [
                sealed(form, key, previous=previous, relay=relay)
                for form in self._versions.published(envelope)
            ]
            previous = envelope.id
        return sealing
