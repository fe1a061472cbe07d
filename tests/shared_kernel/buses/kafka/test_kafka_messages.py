"""Messages as CloudEvents' binding for Kafka has them, and those of strangers."""

from typing import Any

import pytest
from confluent_kafka import Message

from shared_kernel.buses.kafka.messages import (
    envelope_of,
    headers_of,
    key_of,
    position_of,
)
from shared_kernel.buses.kafka.names import Names
from tests.contract.bus_bench import some

NAMES = Names("shop", ["product.>"])


def message(topic: str, value: bytes | None, headers: Any) -> Message:
    return Message(topic=topic, partition=2, offset=7, value=value, headers=headers)


@pytest.mark.parametrize("key", ["L-1", "Ü 50 %41", ""])
def test_an_event_is_the_same_on_the_other_side(key: str) -> None:
    (event,) = some("product.inserted", key=key)
    sent = message(NAMES.topic_of(event), event.data, headers_of(event))

    assert envelope_of(NAMES, sent) == event
    assert position_of(sent) == event.position
    assert key_of(event) == (key.encode() or None)


def test_headers_are_those_of_the_binding() -> None:
    (event,) = some("product.inserted", key="Ü")

    headers = dict(headers_of(event))

    assert headers["content-type"] == b"application/json"
    assert headers["ce_subject"] == "Ü".encode()
    assert {name[:3] for name in headers} == {"ce_", "con"}
    assert "ce_datacontenttype" not in headers


def test_a_foreign_message_has_the_type_of_its_topic() -> None:
    theirs = envelope_of(NAMES, message("shop.new.product", None, None))

    assert (theirs.type, theirs.data, theirs.position) == ("new.product", b"", 0)
    assert theirs.id == "shop.new.product:2:7"


def test_structured_mode_is_unpacked() -> None:
    event = b'{"specversion":"1.0","id":"a","source":"/s","type":"t","data":{"b":1}}'
    headers = [("content-type", b"application/cloudevents+json; charset=UTF-8")]

    theirs = envelope_of(NAMES, message("shop.new.product", event, headers))

    assert (theirs.id, theirs.source, theirs.data) == ("a", "/s", b'{"b":1}')


@pytest.mark.parametrize(
    "position", [None, b"", b"-1", b"many", b"9" * 5000, "²".encode(), b"\xff"]
)
def test_a_position_that_is_none_counts_as_zero(position: bytes | None) -> None:
    sent = message("t", b"", [("ce_position", position), ("ce_position", None)])

    assert position_of(sent) == 0
    assert envelope_of(NAMES, sent).position == 0


def test_which_messages_come_from_other_programs() -> None:
    assert NAMES.is_foreign("new.product")
    assert not NAMES.is_foreign("product.inserted")
    assert not NAMES.is_foreign("product.>")
    assert NAMES.subject_of(NAMES.subject("new.product")) == "new.product"
    assert NAMES.logs == r"^shop\.storehouse\.log\."
    assert NAMES.log("catalog", "01a2") == "shop.storehouse.log.catalog.01a2"
