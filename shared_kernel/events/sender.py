"""Sends what a relay publishes: sealed, by a name that the log knows (law 11)."""

from collections.abc import Sequence
from secrets import token_hex

from shared_kernel.buses.envelope import Envelope, heartbeat
from shared_kernel.buses.port import EventBus
from shared_kernel.events.cursors import Place
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.identity import LogKeys, note_relay
from shared_kernel.events.seal import sealed

MOST_TOLD = 16
"""Relays in a heartbeat, the newest first."""


class Sender:
    """`id` names the relay in what it sends. Nothing is sent before it is `noted`."""

    def __init__(self, log: EventLog, bus: EventBus) -> None:
        self.id = token_hex(8)
        self.keys = LogKeys("", "00")
        self._log = log
        self._bus = bus

    @property
    def is_noted(self) -> bool:
        return self.id in self.keys.relays

    def note(self) -> None:
        """Learn the log's keys of this moment; the log knows the relay from now on."""
        self.keys = self._log.keys()
        if not self.is_noted:
            with self._log.database.writing() as connection:
                note_relay(connection, self.id)
            self.keys = self._log.keys()

    def send(self, batch: Sequence[Envelope], after: Place) -> None:
        """Publish what stands behind `after`. Raises BusError.

        Unsealed where nobody else can publish.
        """
        alone = not self._bus.capabilities.between_replicas
        self._bus.publish(batch if alone else self._sealed(batch, after))

    def announce(self, place: Place, time_us: int) -> None:
        """How far the log goes, and which relays it has. Raises BusError."""
        keys = self.keys
        relays = keys.relays[:MOST_TOLD]
        previous = place.last_id or ""
        beat = heartbeat(
            self._log.source, place.position, time_us, keys.log, relays, previous
        )
        self.send([beat], place)

    def _sealed(self, batch: Sequence[Envelope], after: Place) -> list[Envelope]:
        sealing, previous = [], after.last_id or ""
        for envelope in batch:
            sealing.append(
                sealed(envelope, self.keys.key, previous=previous, relay=self.id)
            )
            previous = envelope.id
        return sealing
