"""The route to which SNS posts, in a whole Storehouse."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import Settings, assemble
from shared_kernel.buses.aws.bus import AwsBus
from shared_kernel.buses.aws.door import SnsDoor
from shared_kernel.serving.application import web_application
from tests.aws_server import AwsServer
from tests.cluster import wait_until
from tests.shared_kernel.buses.aws.sns_sender import (
    CERTIFICATE_URL,
    REGION,
    TOPIC,
    certificate,
    posted,
    raw,
    signed,
)
from tests.storehouses import a_storehouse, urls

NOW = datetime.now(UTC)
PATH = "/sns/new-product"
AS_SNS = {"Content-Type": "text/plain; charset=UTF-8"}


def fetch(url: str) -> bytes:
    """AWS, as far as the door asks it."""
    if url != CERTIFICATE_URL:
        raise OSError("404")
    return certificate(NOW)


@pytest.fixture
def shop(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FlaskClient]:
    """It works only where the test needs that: then with a real SNS and SQS."""
    works = getattr(request, "param", False)
    server = AwsServer(tmp_path / "aws")
    if works:
        server.start()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    storehouse = assemble(
        Settings(
            **urls(tmp_path),
            sqlite_synchronous="NORMAL",
            bus_url=f"sns+sqs://{REGION}",
            sns_http_topics=(TOPIC,),
        )
    )
    bus = storehouse.runtime.bus
    assert isinstance(bus, AwsBus)
    assert isinstance(bus.door, SnsDoor)
    bus.door = SnsDoor([TOPIC], bus.take, fetch)
    client = web_application(storehouse).test_client()
    try:
        if works:
            storehouse.start()
        yield client
    finally:
        storehouse.stop()
        server.kill()


def document_type(answer: TestResponse) -> Any:
    assert answer.json is not None
    return answer.json["type"]


def document(client: FlaskClient, path: str = "/openapi.json") -> Any:
    return client.get(path).json


def test_without_topics_there_is_no_such_route(tmp_path: Path) -> None:
    with a_storehouse(tmp_path) as storehouse:
        client = web_application(storehouse).test_client()

        assert (
            client.post(PATH, data=raw(posted(NOW)), headers=AS_SNS).status_code == 404
        )
        assert "/sns/{topic}" not in document(client)["paths"]


def test_the_route_is_described(shop: FlaskClient) -> None:
    described = document(shop)["paths"]["/sns/{topic}"]["post"]

    assert set(described["requestBody"]["content"]) == {"text/plain"}
    assert {"204", "400", "403", "503"} <= described["responses"].keys()


@pytest.mark.parametrize(
    ("body", "status", "type_", "said"),
    [
        (b"{}", 400, "malformed-json", "missing required field"),
        (b'{"name": "raw"}', 400, "malformed-json", "with its signature"),
        (b"\xff", 400, "malformed-json", "expected what SNS posts"),
        (
            raw(signed(posted(NOW), by="another")),
            403,
            "refused-notification",
            "Signature is not that of SNS",
        ),
        (
            raw(posted(NOW, TopicArn=TOPIC + "s")),
            403,
            "refused-notification",
            "SNS_HTTP_TOPICS",
        ),
        (
            raw(posted(NOW, SigningCertURL=CERTIFICATE_URL.replace("S", "T"))),
            503,
            "notification-not-taken",
            "could not be fetched",
        ),
        (raw(posted(NOW)), 503, "notification-not-taken", "was not taken in time"),
    ],
)
def test_what_is_not_taken_has_a_problem(
    shop: FlaskClient, body: bytes, status: int, type_: str, said: str
) -> None:
    """Here nobody takes anything: the workers do not run."""
    answer = shop.post(PATH, data=body, headers=AS_SNS)

    problem = answer.json
    assert problem is not None
    assert (answer.status_code, problem["type"]) == (status, f"/problems/{type_}")
    assert said in problem["detail"]


def test_sns_needs_a_signature_and_no_token(tmp_path: Path) -> None:
    storehouse = assemble(
        Settings(
            **urls(tmp_path),
            bus_url=f"sns+sqs://{REGION}",
            sns_http_topics=(TOPIC,),
            auth="tokens",
            access_database_url=f"sqlite:///{tmp_path}/access.db",
        )
    )
    client = web_application(storehouse).test_client()
    try:
        assert client.get("/products").status_code == 401
        answer = client.post(PATH, data=raw(posted(NOW, version="3")), headers=AS_SNS)
        assert document_type(answer) == "/problems/refused-notification"
    finally:
        storehouse.stop()


@pytest.mark.server
@pytest.mark.parametrize("shop", [True], indirect=True)
def test_a_posted_product_is_registered_once(shop: FlaskClient) -> None:
    product = {"name": "Desk lamp", "sku": "LAMP-1", "stock_count": 5}
    body = raw(posted(NOW, Message=json.dumps(product)))

    def is_taken() -> bool:
        return shop.post(PATH, data=body, headers=AS_SNS).status_code == 204

    wait_until(is_taken, "taking it")
    assert is_taken()

    wait_until(
        lambda: shop.get("/products/LAMP-1").status_code == 200, "the new product"
    )
    assert document(shop, "/products/LAMP-1")["name"] == "Desk lamp"
    assert document(shop, "/dead-letters")["letters"] == []
