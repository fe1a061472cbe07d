"""The seal of an envelope: without the log's key nobody can make or change one.

A MAC (keyed BLAKE2b, RFC 7693) over the payload and all attributes that are used.
"""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest

import msgspec

from shared_kernel.buses.envelope import Envelope

MAC_BYTES = 16

_encode = msgspec.msgpack.Encoder().encode


def sealed(envelope: Envelope, key: str, *, previous: str, relay: str) -> Envelope:
    """The envelope for the bus, which names its predecessor and the sending `relay`.

    `previous` is the id of the event before it; in a heartbeat, of the newest event.
    """
    return Envelope(
        envelope.position,
        envelope.id,
        envelope.source,
        envelope.type,
        envelope.key,
        envelope.time_us,
        envelope.traceparent,
        envelope.data,
        envelope.log,
        previous,
        relay,
        _mac(envelope, key, previous, relay),
    )


def opens(envelope: Envelope, keys: Iterable[str]) -> bool:
    """Whether one of `keys` sealed it and it is unchanged."""
    previous, relay, seal = envelope.previous, envelope.relay, envelope.seal
    try:
        for key in keys:
            if compare_digest(_mac(envelope, key, previous, relay), seal):
                return True
    except (OverflowError, UnicodeEncodeError, TypeError):
        # A number or a text that cannot be encoded; our own envelopes have none.
        pass
    return False


def _mac(envelope: Envelope, key: str, previous: str, relay: str) -> str:
    attributes = (
        envelope.log,
        envelope.source,
        envelope.position,
        envelope.id,
        envelope.type,
        envelope.key,
        envelope.time_us,
        envelope.traceparent,
        previous,
        relay,
    )
    # The first part encodes its own length, so no byte can move between the parts.
    said = _encode(attributes) + envelope.data
    keyed = _keyed(key).copy()
    keyed.update(said)
    return keyed.hexdigest()


@lru_cache(maxsize=64)
def _keyed(key: str) -> blake2b:
    return blake2b(key=bytes.fromhex(key), digest_size=MAC_BYTES)
