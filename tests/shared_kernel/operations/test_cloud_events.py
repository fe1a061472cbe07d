"""Envelopes on the wire are CloudEvents 1.0, with the payload unchanged."""

import json

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_kernel.buses.envelope import Envelope
from shared_kernel.events.cloud_events import (
    InvalidCloudEventError,
    from_batch,
    to_batch,
    to_structured,
)

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def an_event(data: bytes = b"{}", traceparent: str | None = None) -> Envelope:
    return Envelope(
        7, "id-7", "shop", "lamp.lit", "LAMP-0001", 1_500_000, traceparent, data
    )


def test_every_attribute_is_written() -> None:
    assert json.loads(to_structured(an_event(traceparent=TRACE))) == {
        "specversion": "1.0",
        "id": "id-7",
        "source": "/shop",
        "type": "lamp.lit",
        "subject": "LAMP-0001",
        "time": "1970-01-01T00:00:01.500000Z",
        "datacontenttype": "application/json",
        "position": 7,
        "sequence": "7",
        "key": "LAMP-0001",
        "partitionkey": "LAMP-0001",
        "traceparent": TRACE,
        "data": {},
    }


@pytest.mark.parametrize(
    ("position", "written"), [(2**31 - 1, 2**31 - 1), (2**31, str(2**31))]
)
def test_no_number_is_beyond_the_integers_of_cloud_events(
    position: int, written: object
) -> None:
    event = attrs.evolve(an_event(), position=position)

    told = json.loads(to_structured(event))

    assert (told["position"], told["sequence"]) == (written, str(position))
    assert from_batch(to_batch([event])) == [event]


def test_an_attribute_without_a_value_is_omitted() -> None:
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


TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
PAYLOADS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=5,
)
ENVELOPES = st.builds(
    Envelope,
    position=st.integers(1, 2**63 - 1),
    id=TEXTS,
    source=st.from_regex(r"[a-z]{1,9}", fullmatch=True),
    type=TEXTS,
    key=TEXTS,
    # Up to the year 9999.
    time_us=st.integers(0, 253_402_300_799_999_999),
    traceparent=st.none() | st.just(TRACE),
    data=st.dictionaries(TEXTS, PAYLOADS).flatmap(
        lambda payload: st.sampled_from(
            [
                json.dumps(payload, indent=2).encode(),
                json.dumps(payload, ensure_ascii=False).encode(),
            ]
        )
    ),
)


@pytest.mark.slow
@given(st.lists(ENVELOPES, max_size=5))
def test_a_batch_is_read_back_unchanged(envelopes: list[Envelope]) -> None:
    assert from_batch(to_batch(envelopes)) == envelopes


def without(name: str) -> bytes:
    event = json.loads(to_structured(an_event()))
    del event[name]
    return json.dumps([event]).encode()


def changed(**attributes: object) -> bytes:
    event = json.loads(to_structured(an_event()))
    return json.dumps([event | attributes]).encode()


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (b"", "truncated"),
        (b"<html>", "malformed"),
        (b"{}", "array"),
        (b"[1]", r"\$\[0\]"),
        (b'["\xff"]', "utf-8|object"),
        (without("position"), "`position`"),
        (without("data"), "`data`"),
        (changed(id="\ud800"), "surrogate|escape|character"),
        (changed(position="seventh"), r"\$\[0\]\.position"),
        (changed(time="2026-03-01T12:00:00"), r"\$\[0\]\.time"),
        (changed(specversion="0.3"), r"\$\[0\]\.specversion"),
    ],
)
def test_an_invalid_batch_is_refused_with_the_reason(body: bytes, wrong: str) -> None:
    with pytest.raises(InvalidCloudEventError, match=wrong):
        from_batch(body)


def test_an_event_that_is_not_utf_8_is_refused() -> None:
    body = to_batch([an_event()]).replace(b"LAMP", b"L\xffMP")

    with pytest.raises(InvalidCloudEventError, match="utf-8"):
        from_batch(body)
