"""A log's identity over HTTP, its keys for peers, and both at the command line."""

from pathlib import Path

import attrs
import pytest
from flask import Flask
from flask.testing import FlaskClient

from shared_kernel.events.identity import digest_of
from shared_kernel.operations.identity_cli import (
    new_identity_command,
    new_key_command,
)
from shared_kernel.operations.observation import observe
from shared_kernel.operations.operations_http import Operations, operations_api
from shared_kernel.runtime.workers import Workers
from shared_kernel.web.routes import set_up_web
from tests.shared_kernel.operations.shop import LISTING, NAME, Shop
from tests.storehouses import a_storehouse, run


def client(shop: Shop, token: str | None = None) -> FlaskClient:
    app = Flask("shop")
    set_up_web(app)
    operations = Operations(
        services=(shop.service,),
        workers=Workers(),
        clock=shop.clock,
        peer_token=token,
    )
    app.register_blueprint(operations_api(operations).blueprint)
    return app.test_client()


def test_the_identity_is_public_and_the_key_is_not(shop: Shop) -> None:
    shop.record("LAMP-0001")
    (event,) = shop.log.read(0, 1)

    answer = client(shop).get(f"/events/{NAME}/log?position=1")

    assert answer.json == {
        "log": shop.log.keys().log,
        "head": 1,
        "digest": digest_of(event.id).hex(),
    }
    feed = client(shop).get(f"/events/{NAME}")
    assert shop.log.keys().key not in answer.text + feed.text


@pytest.mark.parametrize(
    ("token", "headers", "address", "status"),
    [
        (None, {}, "127.0.0.1", 200),
        (None, {}, "::1", 200),
        (None, {}, "192.0.2.7", 403),
        (None, {"X-Forwarded-For": "192.0.2.7"}, "127.0.0.1", 403),
        (None, {"Forwarded": "for=192.0.2.7"}, "127.0.0.1", 403),
        ("secret", {}, "127.0.0.1", 403),
        ("secret", {"Authorization": "Bearer wrong"}, "127.0.0.1", 403),
        ("secret", {"Authorization": "Bearer secret"}, "192.0.2.7", 200),
    ],
)
def test_only_peers_get_the_keys(
    shop: Shop, token: str | None, headers: dict[str, str], address: str, status: int
) -> None:
    answer = client(shop, token).get(
        f"/events/{NAME}/keys",
        headers=headers,
        environ_base={"REMOTE_ADDR": address},
    )

    assert answer.status_code == status
    assert (shop.log.keys().key in answer.text) == (status == 200)
    assert "PEER_TOKEN" in answer.text or status == 200


def test_a_new_key_keeps_the_former_one_for_older_events(shop: Shop) -> None:
    shop.record("LAMP-0001", "LAMP-0002")
    before = shop.log.keys()

    told = run(new_key_command([shop.service]), "--source", NAME).output

    after = shop.log.keys()
    assert after.log == before.log
    assert (after.former, after.former_until) == (before.key, 2)
    assert after.for_position(2) == (after.key, before.key)
    assert after.for_position(3) == (after.key,)
    assert told == "shop: has a new key; the former one opens events up to position 2\n"
    assert before.key not in repr(after)


def test_a_new_identity_is_set_in_its_readers_too(shop: Shop) -> None:
    shop.record("LAMP-0001")
    shop.publish()
    shop.read()
    before = shop.log.keys()

    told = run(new_identity_command([shop.service])).output

    after = shop.log.keys()
    assert (after.log != before.log, after.key != before.key) == (True, True)
    place = shop.subscription.cursor.saved_place()
    assert (place.position, place.log) == (1, after.log)
    assert shop.service.relay.cursor.saved_place().log == after.log
    assert f"{LISTING}: follows {NAME} as {after.log}" in told


def test_every_source_of_dead_letters_is_observed(tmp_path: Path) -> None:
    """The lists of observed and of plugged-in parts are equal."""
    with a_storehouse(tmp_path) as storehouse:
        for service in storehouse.services:
            state = observe(service, storehouse.runtime.clock)
            seen = {(each.name, each.source) for each in state.subscriptions}
            seen |= {(each.name, each.source) for each in state.letters}
            seen |= {(each.name, "queue") for each in state.queues}
            plugged_in = {
                of
                for letters in service.dead_letters.values()
                for of in letters.subscriptions
            }
            assert seen == plugged_in
        (commands,) = [
            each for each in storehouse.services if each.name == "catalog-commands"
        ]
        (letters,) = observe(commands, storehouse.runtime.clock).letters
        assert attrs.asdict(letters) == {
            "name": "catalog.new-product",
            "source": "new.product",
            "dead": 0,
            "parked": 0,
        }
