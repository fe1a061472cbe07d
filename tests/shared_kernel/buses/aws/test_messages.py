"""Envelopes as CloudEvents in structured mode."""

import json

import attrs
import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from shared_kernel.buses.aws.messages import body_of, envelope_of
from shared_kernel.buses.envelope import Envelope, heartbeat
from shared_kernel.events.seal import sealed

EVENT = Envelope(
    7,
    "id",
    "catalog",
    "product.inserted",
    'ÄPFEL "1"',
    1_700_000_000_000_001,
    "00-a",
    b'{"name":"Lamp"}',
)
SEALED = sealed(attrs.evolve(EVENT, log="log"), "00" * 32, previous="p", relay="r")
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@pytest.mark.parametrize(
    "envelope",
    [
        EVENT,
        SEALED,
        sealed(
            heartbeat("catalog", 7, 0, "log", ["relay"]),
            "00" * 32,
            previous="p",
            relay="r",
        ),
        attrs.evolve(EVENT, traceparent=None, key=""),
        attrs.evolve(EVENT, position=2**40),
    ],
)
def test_an_envelope_arrives_unchanged(envelope: Envelope) -> None:
    assert envelope_of("", body_of(envelope), "place") == envelope


@settings(max_examples=100)
@given(
    key=texts,
    data=st.binary(max_size=12)
    | texts.map(lambda t: json.dumps({"a": t}, ensure_ascii=False).encode()),
)
def test_any_payload_arrives_to_the_byte_in_characters_that_sqs_takes(
    key: str, data: bytes
) -> None:
    envelope = attrs.evolve(EVENT, key=key, data=data)

    body = body_of(envelope)

    assert envelope_of("", body, "place") == envelope
    assert not {"\ufffe", "\uffff"} & set(body)
    assert all(character >= " " or character in "\t\n\r" for character in body)


def test_the_sdk_of_cloud_events_reads_it() -> None:
    event = JSONFormat().read(CloudEvent, body_of(SEALED).encode())

    assert event.get_type() == "product.inserted"
    assert event.get_source() == "/catalog"
    assert event.get_extension("position") == 7
    assert event.get_data() == {"name": "Lamp"}


def test_a_foreign_message_has_its_place_as_id() -> None:
    body = '{"name": "Lamp", "sku": "LAMP-1"}'

    envelope = envelope_of("new.product", body, "sqs:1")

    assert (envelope.position, envelope.type, envelope.id) == (
        0,
        "new.product",
        "sqs:1",
    )
    assert envelope.data == body.encode()


def test_a_foreign_cloud_event_has_an_id_of_its_own() -> None:
    body = json.dumps(
        {
            "specversion": "1.0",
            "id": "A 1",
            "source": "/shop",
            "type": "anything",
            "data": {"sku": "LAMP-1"},
        }
    )

    envelope = envelope_of("new.product", body, "sqs:1")

    assert (envelope.id, envelope.source) == ("A 1", "/shop")
    assert json.loads(envelope.data) == {"sku": "LAMP-1"}


@pytest.mark.parametrize(
    "changed",
    [
        {"time": "2026-01-01T00:00:00"},
        {"time": "0000"},
        {"position": "many"},
        {"seal": "a.b"},
        {"data_base64": "%"},
    ],
)
def test_what_is_wrong_counts_as_foreign(changed: dict[str, str]) -> None:
    body = json.dumps(json.loads(body_of(SEALED)) | changed)

    assert envelope_of("", body, "place").position == 0
