"""`POST /pubsub/{subscription}`: a message is taken, or Pub/Sub posts it again."""

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import Settings, assemble
from shared_kernel.buses.binary_mode import headers_of
from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.patterns import matcher
from shared_kernel.buses.port import BusMisconfiguredError, Delivery
from shared_kernel.buses.pubsub import pushes as pushes_module
from shared_kernel.buses.pubsub.pushes import Pushes
from shared_kernel.buses.pubsub.receiving import Receiver
from shared_kernel.buses.pubsub.tokens import Certificates, GoogleTokens
from shared_kernel.runtime.bus_by_url import bus_by_url
from shared_kernel.serving.application import web_application
from shared_kernel.web.pubsub_http import pubsub_api
from shared_kernel.web.routes import set_up_web
from tests.contract.bus_bench import some
from tests.shared_kernel.buses.pubsub.issuer import DOOR, an_issuer
from tests.storehouses import urls

GOOGLE = an_issuer()
NAME = "storehouse.log.catalog.0198.listing"
PATH = "/pubsub/{subscription}"
TOKENS = GoogleTokens(
    DOOR, Certificates(lambda: ({GOOGLE.key_id: GOOGLE.certificate}, 60.0))
)


class Shop:
    """Reads the subscription NAME, and gives each delivery this `answer`."""

    def __init__(self, answer: Callable[[Delivery], None]) -> None:
        self.received: list[Envelope] = []
        self.answer = answer
        self.pushes = Pushes(TOKENS)
        receiver = Receiver(
            self.pushes, NAME, "new.product", matcher(">"), self._deliver
        )
        self.pushes.register(f"projects/p/subscriptions/{NAME}", receiver.bring)
        application = Flask("shop")
        set_up_web(application)
        application.register_blueprint(pubsub_api(self.pushes).blueprint)
        self.client: FlaskClient = application.test_client()

    def _deliver(self, delivery: Delivery) -> None:
        self.received += delivery.envelopes
        self.answer(delivery)

    def post(
        self, body: Any, name: str = NAME, authorization: str | None = None
    ) -> TestResponse:
        shown = authorization or f"Bearer {GOOGLE.token()}"
        return self.client.post(
            f"/pubsub/{name}", json=body, headers={"Authorization": shown}
        )


def body(envelope: Envelope, name: str = NAME, **more: Any) -> dict[str, Any]:
    """As Google wraps it, with some of what we do not read."""
    return {
        "message": {
            "attributes": headers_of(envelope),
            "data": base64.b64encode(envelope.data).decode(),
            "messageId": "17",
            "message_id": "17",
            "publishTime": "2026-01-01T00:00:00Z",
            "orderingKey": "0198",
        },
        "subscription": f"projects/p/subscriptions/{name}",
        "deliveryAttempt": 1,
        **more,
    }


def problem(response: TestResponse) -> tuple[int, str]:
    document: Mapping[str, str] = response.get_json()
    return response.status_code, document["type"]


def test_what_is_acknowledged_is_taken() -> None:
    shop = Shop(lambda delivery: delivery.acknowledge())
    (event,) = some("product.inserted")

    response = shop.post(body(event))

    assert (response.status_code, response.data) == (204, b"")
    assert shop.received == [event]


def test_a_message_of_another_program_has_the_place_where_it_stands_as_id() -> None:
    shop = Shop(lambda delivery: delivery.acknowledge())
    data = base64.b64encode(b'{"sku":"L-1"}').decode()

    shop.post(
        {
            "message": {"data": data, "messageId": "17"},
            "subscription": f"projects/p/subscriptions/{NAME}",
        }
    )

    (received,) = shop.received
    assert (received.type, received.data) == ("new.product", b'{"sku":"L-1"}')
    assert received.id == "new.product:17"


def test_what_is_rejected_is_posted_again() -> None:
    shop = Shop(lambda delivery: delivery.reject())

    response = shop.post(body(some("product.inserted")[0]))

    assert problem(response) == (503, "/problems/push-not-taken")
    assert response.headers["Retry-After"] == "1"


def test_what_is_not_answered_in_time_is_posted_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pushes_module, "WAIT_S", 0.01)
    late: list[Delivery] = []
    shop = Shop(late.append)

    assert problem(shop.post(body(some("product.inserted")[0])))[0] == 503
    # It does not matter any more.
    late[0].acknowledge()


def test_a_receiver_that_raises_is_posted_it_again() -> None:
    def broken(_: Delivery) -> None:
        raise KeyError("broken")

    assert problem(Shop(broken).post(body(some("product.inserted")[0])))[0] == 503


def test_a_subscription_that_nobody_reads_here_takes_nothing() -> None:
    """As on a replica without the lease."""
    shop = Shop(lambda delivery: delivery.acknowledge())
    (event,) = some("product.inserted")

    response = shop.post(body(event, "other.name"), "other.name")

    assert problem(response) == (503, "/problems/push-not-taken")
    assert shop.received == []


@pytest.mark.parametrize(
    "authorization",
    [
        "Basic bWU6c2VjcmV0",
        "Bearer",
        f"Bearer {an_issuer('liar').token()}",
        f"Bearer {GOOGLE.token(aud='https://other.example')}",
        f"Bearer {GOOGLE.unsigned()}",
    ],
)
def test_others_than_pubsub_are_refused(authorization: str) -> None:
    shop = Shop(lambda delivery: delivery.acknowledge())

    response = shop.post(body(some("product.inserted")[0]), authorization=authorization)

    assert problem(response) == (401, "/problems/not-pubsub")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert "expected" in response.get_json()["detail"]
    assert shop.received == []


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"subscription": "projects/p/subscriptions/other"}, "/subscription"),
        ({"message": {"messageId": "1", "data": "not base64!"}}, "/message/data"),
        ({"message": {"messageId": "1", "attributes": 1}}, "/message/attributes"),
        ({"message": None}, "/message"),
    ],
)  # fmt: skip
def test_another_body_is_refused(wrong: dict[str, Any], pointer: str) -> None:
    shop = Shop(lambda delivery: delivery.acknowledge())

    response = shop.post(body(some("product.inserted")[0], **wrong))

    assert response.status_code == 422
    assert pointer in [each["pointer"] for each in response.get_json()["errors"]]
    assert shop.received == []


@pytest.mark.slow
def test_the_route_is_there_and_described_only_if_the_settings_say_so(
    tmp_path: Path,
) -> None:
    asked = {
        "bus_url": "pubsub://project",
        "pubsub_emulator_host": "127.0.0.1:1",
        "pubsub_push_account": DOOR.account,
    }

    assert PATH not in served(tmp_path, **asked)
    described = served(tmp_path, **asked, pubsub_push_url=DOOR.url)
    answers = described[PATH]["post"]["responses"]
    assert {"204", "401", "503"} <= answers.keys()


def served(folder: Path, **settings: Any) -> Any:
    running = assemble(Settings(**urls(folder), **settings))
    try:
        client = web_application(running).test_client()
        return client.get("/openapi.json").get_json()["paths"]
    finally:
        running.stop()


def test_without_an_account_nobody_could_be_trusted() -> None:
    settings = Settings(bus_url="pubsub://project", pubsub_push_url=DOOR.url)

    with pytest.raises(BusMisconfiguredError, match="PUBSUB_PUSH_ACCOUNT is not set"):
        bus_by_url(settings)
