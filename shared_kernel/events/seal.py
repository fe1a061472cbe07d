"""The seal of an envelope: who has not the log's key can neither make nor change one.

A MAC (keyed BLAKE2b, RFC 7693) over the payload and all attributes that mean something.
"""

from collections.abc import Iterable
from hashlib import blake2b
from hmac import compare_digest

import attrs
import msgspec

from shared_kernel.events.envelope import Envelope

MAC_BYTES = 16

_encode = msgspec.msgpack.Encoder().encode


def sealed(envelope: Envelope, key: str, *, previous: str, relay: str) -> Envelope:
    """As it goes to the bus: it names its predecessor, and the `relay` that sends it.

    `previous` is the id of the event before it; a heartbeat's is that of the newest.
    """
    open_ = attrs.evolve(envelope, previous=previous, relay=relay)
    return attrs.evolve(open_, seal=_mac(open_, key))


def opens(envelope: Envelope, keys: Iterable[str]) -> bool:
    """Whether one of `keys` sealed it, and nothing was changed since."""
    seal = envelope.seal.encode(errors="replace")
    try:
        return any(compare_digest(_mac(envelope, key).encode(), seal) for key in keys)
    except (OverflowError, UnicodeEncodeError):
        # A number or a text that no envelope of ours has.
        return False


def _mac(envelope: Envelope, key: str) -> str:
    attributes = (
        envelope.log,
        envelope.source,
        envelope.position,
        envelope.id,
        envelope.type,
        envelope.key,
        envelope.time_us,
        envelope.traceparent,
        envelope.previous,
        envelope.relay,
    )
    # The first part tells where it ends, so nothing can move from one to the other.
    said = _encode(attributes) + envelope.data
    return blake2b(said, key=bytes.fromhex(key), digest_size=MAC_BYTES).hexdigest()
