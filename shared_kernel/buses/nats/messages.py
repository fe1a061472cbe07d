"""What is NATS's own in a message; all else is CloudEvents (`binary_mode`)."""

from collections.abc import Mapping

from shared_kernel.buses import binary_mode
from shared_kernel.buses.envelope import Envelope

MESSAGE_ID = "Nats-Msg-Id"


def read_headers(raw: bytes) -> dict[str, str]:
    """From `name: value` lines. Only plain names matter: we read no others."""
    headers = {}
    for line in raw.decode("utf-8", "replace").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip()] = value.strip()
    return headers


def envelope_of(
    subject: str, headers: Mapping[str, str] | None, data: bytes, place: str = ""
) -> Envelope:
    """A foreign message without an id has that of NATS, or else its `place`."""
    headers = headers or {}
    known = headers.get(MESSAGE_ID) or place
    return binary_mode.envelope_of(subject, headers, data, known)
