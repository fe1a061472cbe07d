"""`/asyncapi.json` says what is published, as AsyncAPI 3.1 has it."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from flask.testing import FlaskClient

from app import CONTEXTS, SUMMARY
from shared_kernel.buses.binary_mode import headers_of
from shared_kernel.buses.envelope import Envelope, heartbeat
from shared_kernel.events.seal import sealed
from shared_kernel.operations.asyncapi import describe_events, encoded
from shared_kernel.operations.described_buses import BUSES, DescribedBus
from shared_kernel.operations.described_headers import CLOUD_EVENT
from shared_kernel.runtime.setting import SCHEMES
from shared_kernel.serving.application import web_application
from tests.storehouses import a_storehouse
from tests.web_pages import Element, parsed

ROOT = Path(__file__).parents[2]
OFFICIAL = ROOT / "tests" / "data" / "asyncapi" / "3.1.0-without-$id.json.gz"
DOCUMENT = describe_events(CONTEXTS, SUMMARY)
PUBLISHED = [subject for context in CONTEXTS for subject in context.published]


@pytest.fixture(scope="module")
def official() -> jsonschema_rs.Draft7Validator:
    return jsonschema_rs.Draft7Validator(
        json.loads(gzip.decompress(OFFICIAL.read_bytes()))
    )


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    with a_storehouse(tmp_path_factory.mktemp("storehouse")) as storehouse:
        yield web_application(storehouse).test_client()


@pytest.fixture(scope="module")
def page(client: FlaskClient) -> Element:
    return parsed(client.get("/docs/events").text)


def mistakes(validator: jsonschema_rs.Draft7Validator, document: Any) -> list[str]:
    return [error.message for error in validator.iter_errors(document)]


def test_the_document_is_asyncapi_3_1(official: jsonschema_rs.Draft7Validator) -> None:
    assert mistakes(official, DOCUMENT) == []


def test_another_version_of_a_binding_is_a_mistake(
    official: jsonschema_rs.Draft7Validator,
) -> None:
    document = json.loads(encoded(DOCUMENT))
    operation = document["operations"]["catalog.publishes.product.inserted"]
    operation["bindings"]["nats"]["bindingVersion"] = "9.9.9"

    assert mistakes(official, document)


def test_every_reference_leads_to_something() -> None:
    def references(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            for name, inner in part.items():
                if name == "$ref":
                    yield inner
                yield from references(inner)
        elif isinstance(part, list):
            for inner in part:
                yield from references(inner)

    found = set(references(DOCUMENT))

    assert found
    for reference in found:
        part = DOCUMENT
        for name in reference.removeprefix("#/").split("/"):
            part = part[name]


def test_the_file_in_the_repository_is_current() -> None:
    written = (ROOT / "docs" / "asyncapi.json").read_bytes()

    assert written == encoded(DOCUMENT), "`make schemas` writes it anew"


def test_the_same_is_served(client: FlaskClient) -> None:
    response = client.get("/asyncapi.json")

    assert response.content_type == "application/json"
    assert response.data == encoded(DOCUMENT)
    assert client.get("/asyncapi.json?all=1").status_code == 400


@pytest.mark.parametrize("subject", [*PUBLISHED, "new.product"])
def test_every_example_is_valid(subject: str) -> None:
    message = DOCUMENT["components"]["messages"][subject]

    (example,) = message["examples"]
    jsonschema_rs.validate(message["payload"], example["payload"])
    assert DOCUMENT["channels"][subject]["address"] == subject


def test_it_says_who_publishes_and_who_follows() -> None:
    actions = {
        name: operation["action"] for name, operation in DOCUMENT["operations"].items()
    }

    assert actions["catalog.publishes.product.inserted"] == "send"
    assert actions["catalog.publishes.heartbeat.catalog"] == "send"
    assert actions["inventory.catalog.follows.product.inserted"] == "receive"
    assert actions["catalog.accepts.new.product"] == "receive"
    assert "inventory.catalog.follows.stock.opened" not in actions


def test_messages_have_the_headers_that_are_described() -> None:
    event = Envelope(
        7, "id", "catalog", "product.inserted", "ÄPFEL 1", 0, "00-a", b"{}"
    )

    for envelope in (event, heartbeat("catalog", 7, 0, "log", ["relay"])):
        sent = headers_of(sealed(envelope, "00" * 16, previous="p", relay="r"))
        jsonschema_rs.validate(CLOUD_EVENT, sent)
        assert sent.keys() <= CLOUD_EVENT["properties"].keys()


def test_every_bus_that_leaves_the_process_is_described() -> None:
    same_on_tls = {"rediss"}
    described = {bus.scheme for bus in BUSES}
    assert described == set(SCHEMES) - {"inprocess"} - same_on_tls
    assert DOCUMENT["servers"].keys() == {bus.name for bus in BUSES}


def test_another_bus_needs_only_an_entry(
    official: jsonschema_rs.Draft7Validator,
) -> None:
    pulsar = DescribedBus(
        name="pulsar",
        scheme="pulsar",
        protocol="pulsar",
        port=6650,
        summary="Pulsar: a topic for each type of event.",
        channel={
            "pulsar": {
                "bindingVersion": "0.1.0",
                "persistence": "persistent",
                "namespace": "shop",
            }
        },
        send={"mqtt": {"bindingVersion": "0.2.0"}},
    )

    document = describe_events(CONTEXTS, SUMMARY, [*BUSES, pulsar])

    assert mistakes(official, document) == []
    channel = document["channels"]["stock.opened"]
    assert {"$ref": "#/servers/pulsar"} in channel["servers"]
    assert channel["bindings"]["pulsar"]["persistence"] == "persistent"
    operation = document["operations"]["inventory.publishes.stock.opened"]
    assert operation["bindings"].keys() == {"nats", "mqtt"}


@pytest.mark.parametrize("subject", [*PUBLISHED, "new.product"])
def test_the_page_shows_every_event_with_fields_and_example(
    page: Element, subject: str
) -> None:
    (article,) = page.all("article", id=subject)
    payload = DOCUMENT["components"]["messages"][subject]["payload"]

    shown = [code.text for code in article.all("code")]
    assert set(payload["properties"]) <= set(shown)
    (example,) = article.all("pre")
    jsonschema_rs.validate(payload, json.loads(example.text))


def test_the_page_shows_units_and_readers(page: Element) -> None:
    (opened,) = page.all("article", id="stock.opened")
    (inserted,) = page.all("article", id="product.inserted")

    assert "how many are on the shelf" in opened.text
    assert "integer; pieces" in opened.text
    assert "integer or null; minor units of price_currency" in inserted.text
    assert "Catalog publishes it." in inserted.text
    readers = inserted.all("table")[-1].text
    assert "inventory.catalog" in readers
    assert "stock_count" in readers


def test_an_older_version_leads_to_the_newer_one(page: Element) -> None:
    messages = DOCUMENT["components"]["messages"]
    (older,) = page.all("article", id="stock.counted")

    assert messages["stock.counted"]["deprecated"]
    assert messages["stock.counted"]["x-successor"] == "stock.counted.v2"
    assert "deprecated" not in messages["stock.counted.v2"]
    assert "#stock.counted.v2" in older.every("href")


def test_the_page_shows_every_bus(page: Element) -> None:
    (buses, *_) = page.all("table")

    for bus in BUSES:
        assert f"{bus.scheme}:" in buses.text
