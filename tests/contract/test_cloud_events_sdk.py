"""The CloudEvents SDK reads what we send, and we read what it sends.

It has no binding for NATS: headers are as in the one for HTTP.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
from cloudevents.core.bindings.http import (
    HTTPMessage,
    from_binary_event,
    to_binary_event,
    to_structured_event,
)
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from shared_kernel.buses.binary_mode import headers_of
from shared_kernel.buses.envelope import Envelope, heartbeat
from shared_kernel.buses.nats.messages import envelope_of
from shared_kernel.clock import from_us
from shared_kernel.events.cloud_events import MOST_INTEGER
from shared_kernel.serving.application import web_application
from tests.storehouses import a_storehouse

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
EVENT = Envelope(
    position=MOST_INTEGER + 1,
    id="0193",
    source="catalog",
    type="product.inserted",
    key='50 % "Äpfel"/1',
    time_us=1_780_300_805_000_001,
    traceparent=TRACE,
    data='{"name": "Äpfel"}'.encode(),
    log="01a2",
    previous="0192",
)
SEALED = attrs.evolve(EVENT, relay="01a3", seal="abcdef")
HEARTBEAT = heartbeat("catalog", 7, 1, log="01a2", relays=["01a3"])


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Any]]:
    """Of a feed."""
    with a_storehouse(tmp_path_factory.mktemp("storehouse")) as storehouse:
        client = web_application(storehouse).test_client()
        for sku in ("LAMP-0001", "ÄPFEL 1/2"):
            product = {"name": "Lampe à huile", "sku": sku, "stock_count": 1}
            assert client.post("/products", json=product).status_code == 201
        yield json.loads(client.get("/events/catalog").data)


def test_the_sdk_reads_the_entries_of_a_feed(entries: list[Any]) -> None:
    for place, entry in enumerate(entries, 1):
        read = JSONFormat().read(CloudEvent, json.dumps(entry))

        assert read.get_source() == "/catalog"
        assert read.get_type() == "product.inserted"
        assert read.get_subject() == read.get_extension("partitionkey")
        assert read.get_extension("sequence") == str(place)
        assert read.get_data() == entry["data"]
    assert [entry["subject"] for entry in entries] == ["LAMP-0001", "ÄPFEL 1/2"]


@pytest.mark.parametrize("envelope", [EVENT, SEALED, HEARTBEAT])
def test_the_sdk_reads_messages_on_nats(envelope: Envelope) -> None:
    message = HTTPMessage(headers_of(envelope), envelope.data)

    read = from_binary_event(message)

    assert (read.get_id(), read.get_type()) == (envelope.id, envelope.type)
    assert read.get_source() == f"/{envelope.source}"
    assert read.get_time() == from_us(envelope.time_us)
    assert read.get_subject() == (envelope.key or None)
    assert read.get_extension("partitionkey") == (envelope.key or None)
    assert read.get_extension("traceparent") == envelope.traceparent
    assert read.get_extension("sequence") == str(envelope.position)
    assert read.get_data() == json.loads(envelope.data)
    assert all(read.get_attributes().values())


@pytest.mark.parametrize("to_message", [to_binary_event, to_structured_event])
def test_a_message_of_the_sdk_is_read(to_message: Any) -> None:
    lamp = {"name": "Lampe à huile", "sku": "LAMP-0001"}
    sent = CloudEvent(
        {
            "specversion": "1.0",
            "id": "Lieferung 7 %",
            "source": "https://erp.example/äußere",
            "type": "new.product",
            "time": datetime(2026, 6, 1, tzinfo=UTC),
            "traceparent": TRACE,
        },
        lamp,
    )
    message = to_message(sent)

    read = envelope_of("new.product", message.headers, message.body)

    assert json.loads(read.data) == lamp
    assert (read.id, read.source) == (sent.get_id(), sent.get_source())
    assert (read.type, read.traceparent) == ("new.product", TRACE)
    assert read.position == 0


def test_an_event_that_the_sdk_passes_on_is_read_as_it_was(tmp_path: Path) -> None:
    message = to_binary_event(
        from_binary_event(HTTPMessage(headers_of(SEALED), SEALED.data))
    )

    read = envelope_of(SEALED.type, message.headers, SEALED.data)

    assert read == SEALED
