"""The seal of an envelope: who has not the log's key can neither make nor change one.

A MAC (keyed BLAKE2b, RFC 7693) over the payload and all attributes that mean something.
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
    """As it goes to the bus: it names its predecessor, and the `relay` that sends it.

    `previous` is the id of the event before it; a heartbeat's is that of the newest.
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
    """Whether one of `keys` sealed it, and nothing was changed since."""
    previous, relay, seal = envelope.previous, envelope.relay, envelope.seal
    try:
        for key in keys:
            if compare_digest(_mac(envelope, key, previous, relay), seal):
                return True
    except (OverflowError, UnicodeEncodeError, TypeError):
        # A number or a text that no envelope of ours has.
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
    # The first part tells where it ends, so nothing can move from one to the other.
    said = _encode(attributes) + envelope.data
    keyed = _keyed(key).copy()
    keyed.update(said)
    return keyed.hexdigest()


@lru_cache(maxsize=64)
def _keyed(key: str) -> blake2b:
    return blake2b(key=bytes.fromhex(key), digest_size=MAC_BYTES)
