"""A foreign program that may send anything to Kafka, with its own client.

It deletes no topic: the answers of `tansu` about one crash librdkafka (2.16), since
they name neither the topic nor its id. That topics are gone is tested by a broker that
is killed, and forgets them.
"""

from collections.abc import Callable, Mapping

from confluent_kafka import Producer

from shared_kernel.buses.binary_mode import headers_of
from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.kafka.names import Names

WAIT_S = 5.0
JUNK: Mapping[str, str] = {"ce_id": "", "ce_position": "many", "ce_source": "nowhere"}


class OnKafka:
    """It knows the topics of one log."""

    def __init__(self, address: str, prefix: str, source: str, log: str) -> None:
        names = Names(prefix)
        self._log, self._beats = names.log(source, log), names.heartbeats
        self._producer = Producer({"bootstrap.servers": address, "log_level": 0})

    def send(self, envelope: Envelope) -> None:
        to = self._beats if envelope.is_heartbeat else self._log
        headers = {
            name.replace("ce-", "ce_"): value
            for name, value in headers_of(envelope).items()
        }
        self._send(to, envelope.data, headers)

    def deeds(self) -> Mapping[str, Callable[[], object]]:
        log, beats = self._log, self._beats
        high = {**JUNK, "ce_position": str(2**40)}
        huge = {**JUNK, "ce_position": "9" * 5000}
        return {
            "sends what is no event": lambda: self._send(log, b"{"),
            "sends nothing": lambda: self._send(log, None),
            "sends junk": lambda: self._send(log, b"\xff", JUNK),
            "sends junk to the heartbeats": lambda: self._send(beats, b"", JUNK),
            "sends a high position": lambda: self._send(log, b"{}", high),
            "sends a position beyond all numbers": lambda: self._send(log, b"", huge),
            "sends many": self._send_many,
        }

    def close(self) -> None:
        self._producer.flush(WAIT_S)

    def _send_many(self) -> None:
        for _ in range(2000):
            self._producer.produce(self._log, b"{}", headers=dict(JUNK))
        self._producer.flush(WAIT_S)

    def _send(
        self, topic: str, data: bytes | None, headers: Mapping[str, str] | None = None
    ) -> None:
        written = [
            (name, value.encode(errors="replace"))
            for name, value in (headers or {}).items()
        ]
        self._producer.produce(topic, data, headers=list(written))
        self._producer.flush(WAIT_S)
