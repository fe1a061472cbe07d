"""Envelopes on the wire are CloudEvents 1.0, with the payload as it was recorded."""

import json

from shared_kernel.events.cloud_events import to_batch, to_structured
from shared_kernel.events.envelope import Envelope

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def an_event(data: bytes = b"{}", traceparent: str | None = None) -> Envelope:
    return Envelope(
        7, "id-7", "shop", "lamp.lit", "LAMP-0001", 1_500_000, traceparent, data
    )


def test_every_attribute_has_its_place() -> None:
    assert json.loads(to_structured(an_event(traceparent=TRACE))) == {
        "specversion": "1.0",
        "id": "id-7",
        "source": "/shop",
        "type": "lamp.lit",
        "subject": "LAMP-0001",
        "time": "1970-01-01T00:00:01.500000Z",
        "datacontenttype": "application/json",
        "position": 7,
        "key": "LAMP-0001",
        "traceparent": TRACE,
        "data": {},
    }


def test_an_attribute_without_a_value_is_left_out() -> None:
    assert "traceparent" not in json.loads(to_structured(an_event()))


def test_the_names_of_attributes_are_as_the_specification_allows() -> None:
    names = json.loads(to_structured(an_event(traceparent=TRACE)))

    assert all(name.isascii() and name.isalnum() for name in names)
    assert all(name.islower() for name in names)


def test_the_payload_is_passed_on_byte_by_byte() -> None:
    data = '{"price": 1.10,  "name":"Lampe à huile 🪔"}'.encode()

    assert to_structured(an_event(data)).endswith(b'"data":' + data + b"}")


def test_a_batch_is_an_array() -> None:
    assert to_batch([]) == b"[]"
    assert len(json.loads(to_batch([an_event(), an_event()]))) == 2
