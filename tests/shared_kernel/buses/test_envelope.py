"""Envelopes, and their form as CloudEvents."""

import json

import attrs
import pytest

from shared_kernel.buses.envelope import Envelope, heartbeat
from shared_kernel.clock import to_us
from shared_kernel.events.cloud_events import to_batch, to_structured
from tests.shared_kernel.events.builders import NOON, an_envelope

ENVELOPE = Envelope(
    position=7,
    id="0190-7",
    source="catalog",
    type="product.inserted",
    key="LAMP-0001",
    time_us=to_us(NOON),
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    data='{"name":"Café “Lamp”"}'.encode(),
)


def test_envelopes_are_equal_if_their_fields_are() -> None:
    assert attrs.evolve(ENVELOPE) == ENVELOPE
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        ENVELOPE.position = 8  # type: ignore[misc]


def test_its_time_is_aware_and_exact() -> None:
    assert ENVELOPE.time == NOON


def test_its_text_names_type_position_and_source() -> None:
    assert str(ENVELOPE) == "product.inserted at position 7 of catalog"


def test_a_heartbeat_is_recognized_and_carries_the_head() -> None:
    beat = heartbeat("catalog", 9, 0)

    assert beat.is_heartbeat
    assert not ENVELOPE.is_heartbeat
    assert (beat.position, beat.source, beat.type) == (
        9,
        "catalog",
        "heartbeat.catalog",
    )


def test_a_structured_event_is_a_cloud_event_with_our_extensions() -> None:
    assert json.loads(to_structured(ENVELOPE)) == {
        "specversion": "1.0",
        "id": "0190-7",
        "source": "/catalog",
        "type": "product.inserted",
        "subject": "LAMP-0001",
        "time": "2026-03-01T12:00:00Z",
        "datacontenttype": "application/json",
        "position": 7,
        "sequence": "7",
        "key": "LAMP-0001",
        "partitionkey": "LAMP-0001",
        "traceparent": ENVELOPE.traceparent,
        "data": {"name": "Café “Lamp”"},
    }


def test_an_event_outside_any_trace_has_no_traceparent() -> None:
    assert "traceparent" not in json.loads(to_structured(an_envelope(1)))


def test_a_batch_is_an_array_of_structured_events() -> None:
    batch = json.loads(to_batch([an_envelope(1), an_envelope(2)]))

    assert [event["position"] for event in batch] == [1, 2]
    assert json.loads(to_batch([])) == []
