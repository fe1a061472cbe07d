"""CloudEvents in binary mode: envelopes are read back, foreign messages accepted."""

import json
from datetime import datetime
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client

from shared_kernel.buses.binary_mode import headers_of
from shared_kernel.buses.envelope import Envelope, heartbeat
from shared_kernel.buses.nats.messages import envelope_of, read_headers

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
ATTRIBUTES = (
    "ce-position",
    "ce-id",
    "ce-source",
    "ce-type",
    "ce-subject",
    "ce-time",
    "ce-seal",
)
envelopes = st.builds(
    Envelope,
    position=st.integers(1, 2**53),
    id=st.uuids().map(str),
    source=st.sampled_from(["catalog", "inventory"]),
    type=st.sampled_from(["product.inserted", "stock.opened"]),
    key=texts,
    time_us=st.integers(0, 4_000_000_000_000_000),
    traceparent=st.none()
    | st.just("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    data=st.binary(max_size=100),
)
HEADER_LINES = (
    b"ce-id: 7",
    b"ce-id:8",
    b"ce-id: \t9 ",
    b" ce-source : /catalog",
    "ce-subject: Caf\u00e9 \u201cLamp\u201d".encode(),
    b"ce-subject: \xff\xfe",
    b"ce-time: 12:30",
    b"ce-type:",
    b": nameless",
    b"no value",
    b"a\nb: c\rd",
    b"",
)
words = st.text("0123456789abcdef-", min_size=1)
seals = st.fixed_dictionaries(
    {"log": words, "previous": words, "relay": words, "seal": words}
)


@given(envelopes, st.just({}) | seals)
def test_an_envelope_is_read_back_unchanged(
    envelope: Envelope, seal: dict[str, Any]
) -> None:
    envelope = attrs.evolve(envelope, **seal)
    headers = headers_of(envelope)

    assert envelope_of(envelope.type, headers, envelope.data) == envelope
    assert all(value.isascii() and "\n" not in value for value in headers.values())


def test_the_headers_are_the_attributes_of_the_event() -> None:
    envelope = Envelope(
        12, "an-id", "catalog", "product.inserted", "50 % é", 1, None, b"{}"
    )

    assert headers_of(envelope) == {
        "ce-specversion": "1.0",
        "ce-id": "an-id",
        "ce-source": "/catalog",
        "ce-type": "product.inserted",
        "ce-subject": "50%20%25%20%C3%A9",
        "ce-partitionkey": "50%20%25%20%C3%A9",
        "ce-time": "1970-01-01T00:00:00.000001Z",
        "ce-position": "12",
        "ce-sequence": "12",
        "ce-datacontenttype": "application/json",
        "content-type": "application/json",
    }


def test_no_attribute_of_a_heartbeat_is_empty() -> None:
    beat = heartbeat("catalog", 7, 1)

    headers = headers_of(beat)

    assert all(headers.values())
    assert envelope_of(beat.type, headers, beat.data) == beat


STRUCTURED = "application/cloudevents+json; charset=utf-8"


def an_event(**more: object) -> bytes:
    event = {"specversion": "1.0", "id": "7", "source": "/erp", "type": "made", **more}
    return json.dumps(event).encode()


@pytest.mark.parametrize(
    "said", [{"data": {"sku": "A"}}, {"data_base64": "eyJza3UiOiAiQSJ9"}]
)
def test_a_foreign_message_in_structured_mode_is_unpacked(said: Any) -> None:
    headers = {"content-type": STRUCTURED, "Nats-Msg-Id": "8"}

    message = envelope_of("new.product", headers, an_event(**said))

    assert json.loads(message.data) == {"sku": "A"}
    assert (message.id, message.source, message.type) == ("7", "/erp", "new.product")
    assert message.position == 0


@pytest.mark.parametrize(
    "body", [b"no JSON", b"[]", b'{"sku": "A"}', an_event(data_base64="*")]
)
def test_what_is_no_event_in_structured_mode_is_left_to_its_reader(body: bytes) -> None:
    message = envelope_of("new.product", {"content-type": STRUCTURED}, body)

    assert message.data == body


def test_a_foreign_message_has_no_position_and_keeps_its_id() -> None:
    named = envelope_of("new.product", {"Nats-Msg-Id": "7"}, b"{}", "storehouse:9")
    placed = envelope_of("new.product", None, b"{}", "storehouse:9")
    nameless = [envelope_of("new.product", None, b"{}").id for _ in range(2)]

    assert (named.position, named.type, named.source) == (0, "new.product", "")
    assert (named.id, placed.id) == ("7", "storehouse:9")
    assert len(set(nameless)) == 2


def test_a_foreign_message_keeps_its_source() -> None:
    named = {"ce-source": "https://erp.example/items", "ce-id": "7"}

    assert envelope_of("new.product", named, b"").source == named["ce-source"]


def test_attributes_of_a_foreign_message_are_decoded_once() -> None:
    encoded = {"ce-source": "/caf%C3%A9", "ce-id": "50%2520%25"}
    structured = {"content-type": STRUCTURED}

    named = envelope_of("new.product", encoded, b"")
    packed = envelope_of("new.product", structured, an_event(id="50%20%", data={}))

    assert (named.source, named.id) == ("/café", "50%20%")
    assert packed.id == "50%20%"


def test_a_foreign_message_keeps_its_trace() -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    assert envelope_of("new.product", {"traceparent": trace}, b"").traceparent == trace


def test_a_message_with_invalid_attributes_is_foreign() -> None:
    envelope = Envelope(1, "an-id", "catalog", "product.inserted", "A", 1, None, b"{}")
    for name, value in (
        ("ce-position", "first"),
        ("ce-time", "yesterday"),
        ("ce-time", "2026-01-01T00:00:00"),
        ("ce-seal", "half a seal"),
    ):
        headers = headers_of(envelope) | {name: value}

        assert envelope_of("product.inserted", headers, b"{}").position == 0


times = st.datetimes(timezones=st.none() | st.timezones()).map(datetime.isoformat)


@pytest.mark.slow
@given(st.dictionaries(st.sampled_from(ATTRIBUTES), texts | times))
def test_any_headers_can_be_read(more: dict[str, str]) -> None:
    known = Envelope(1, "an-id", "catalog", "product.inserted", "A", 1, None, b"{}")

    headers = headers_of(known) | more

    assert envelope_of("product.inserted", headers, b"{}").data == b"{}"


@given(st.lists(st.sampled_from(HEADER_LINES)).map(b"\r\n".join))
def test_headers_are_read_as_nats_py_reads_them(lines: bytes) -> None:
    ours, theirs = read_headers(lines), Client._parse_header_lines(lines)
    assert [ours.get(name) for name in ATTRIBUTES] == [
        theirs.get(name) for name in ATTRIBUTES
    ]
