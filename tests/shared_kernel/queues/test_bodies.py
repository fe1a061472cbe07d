"""What other programs send to a queue is read, whatever it is."""

import base64
import json

import pytest

from shared_kernel.queues.bodies import Received, entry_of, hint_of
from shared_kernel.queues.port import Message

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
EVENT = {"specversion": "1.0", "id": "7", "source": "/till", "type": "lamp.sent"}


def read(body: bytes, **attributes: str) -> tuple[Message | None, str]:
    given = {name.replace("_", "-"): value for name, value in attributes.items()}
    received = Received(id="1", body=body, receipt=None, attributes=given)
    entry = entry_of(received, "unnamed")
    return entry.message, entry.known_by


def test_ours_is_the_id_of_a_row_and_of_its_database() -> None:
    body = hint_of(Message(id="7", name="greet", payload="x" * 1_000_000), "shop")

    entry = entry_of(Received(id="1", body=body, receipt=None), "unnamed")

    assert (entry.row, entry.origin, entry.message) == ("7", "shop", None)
    assert len(body) < 100


@pytest.mark.parametrize(
    ("body", "name", "payload", "known_by"),
    [
        (b'{"sku": "A"}', "unnamed", '{"sku": "A"}', "id 1"),
        (b"", "unnamed", "", "id 1"),
        (b'{"id":"2","name":"n","payload":"p"}', "n", "p", "id 1"),
        (json.dumps(EVENT | {"data": [1]}).encode(), "lamp.sent", "[1]", ""),
        (
            json.dumps(
                EVENT | {"data_base64": base64.b64encode(b"[2]").decode()}
            ).encode(),
            "lamp.sent",
            "[2]",
            "",
        ),
        (
            json.dumps(EVENT | {"data_base64": "?"}).encode(),
            "unnamed",
            json.dumps(EVENT | {"data_base64": "?"}),
            "id 1",
        ),
        (b"\xff\x00", "unnamed", "\\xff\\x00", "id 1"),
        (
            b'{"id":"2","name":"n","payload":"\\u0000"}',
            "unnamed",
            '{"id":"2","name":"n","payload":"\\u0000"}',
            "id 1",
        ),
        (b"[" * 100_000, "unnamed", "[" * 100_000, "id 1"),
    ],
    ids=[
        *("payload", "nothing", "envelope", "event", "base64", "false_base64"),
        *("bytes", "nul", "deep"),
    ],
)
def test_it_has_a_name_a_payload_and_an_id(
    body: bytes, name: str, payload: str, known_by: str
) -> None:
    message, found = read(body)

    assert message is not None
    assert (message.name, message.payload) == (name, payload)
    assert found == (known_by or "event /till 7")
    payload.encode()


def test_a_cloud_event_in_binary_mode_has_its_attributes_beside_it() -> None:
    message, known_by = read(
        b"{}", ce_type="lamp.sent", ce_source="/till", ce_id="7", ce_traceparent=TRACE
    )

    assert message == Message(name="lamp.sent", payload="{}", traceparent=TRACE)
    assert known_by == "event /till 7"


def test_an_event_without_source_or_id_is_known_by_what_the_broker_calls_it() -> None:
    _, known_by = read(b"{}", ce_type="lamp.sent", ce_id="7")

    assert known_by == "id 1"
