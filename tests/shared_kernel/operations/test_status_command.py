"""`status`: the same from every process, for people and for programs."""

import json

from click.testing import Result

from shared_kernel.operations.operations_cli import status_command
from tests.shared_kernel.operations.shop import HOLDER, LISTING, NAME, Shop
from tests.storehouses import run


def status(shop: Shop, *options: str) -> Result:
    result = run(status_command([shop.service], shop.clock), *options)
    assert result.exit_code == 0
    return result


def words(result: Result) -> list[list[str]]:
    return [line.split() for line in result.output.splitlines()]


def test_every_log_and_every_subscription_has_a_line(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001", "LAMP-0001")
    shop.record("LAMP-0002")
    shop.clock.advance(2)

    lines = words(status(shop))

    assert [NAME, "3", "3", "2.0", "s"] in lines
    assert ["bus", "inprocess", "yes"] in lines
    assert [LISTING, NAME, "2", "1", "2.0", "s", "1", "1", "0", HOLDER] in lines


def test_a_subscription_without_a_lease_is_shown_as_such(shop: Shop) -> None:
    assert [LISTING, NAME, "0", "0", "0.0", *"000", "nobody"] in [
        [word for word in line if word != "s"] for line in words(status(shop))
    ]


def test_a_process_that_is_gone_is_named(shop: Shop) -> None:
    shop.read()
    shop.clock.advance(60)

    assert f"nobody, {HOLDER} is gone" in status(shop).output


def test_values_of_an_unreachable_database_are_unknown(shop: Shop) -> None:
    shop.destroy(shop.source)
    shop.destroy(shop.reader)

    lines = words(status(shop))

    assert [NAME, *["unknown"] * 3] in lines
    assert [LISTING, NAME, *["unknown"] * 7] in lines


def test_the_same_is_available_as_json(shop: Shop) -> None:
    shop.record("LAMP-0001")
    shop.read()
    shop.clock.advance(1)

    (service,) = json.loads(status(shop, "--json").output)["services"]

    assert service["bus"]["kind"] == "inprocess"
    assert service["log"]["head"] == 1
    assert service["log"]["oldest_unpublished_seconds"] == 1.0
    assert service["subscriptions"] == [
        {
            "name": LISTING,
            "source": NAME,
            "elsewhere": False,
            "cursor": 1,
            "lag_events": 0,
            "lag_seconds": 0.0,
            "dead": 0,
            "parked": 0,
            "lease": {"holder": HOLDER, "alive": True},
            "refused": None,
            "dropped": {"other-log": 0, "seal": 0, "form": 0, "copy": 0, "relay": 0},
        }
    ]


def test_unknown_is_null_in_json(shop: Shop) -> None:
    shop.destroy(shop.source)

    (service,) = json.loads(status(shop, "--json").output)["services"]

    assert service["log"]["head"] is None
    assert service["log"]["oldest_unpublished_seconds"] is None
