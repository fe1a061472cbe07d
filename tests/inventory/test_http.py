"""Inventory over HTTP: every route, its responses and its refusals."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from werkzeug.test import TestResponse

from shared_kernel.clock import rfc3339
from tests.databases import Databases
from tests.storehouses import commands_of, run
from tests.web_clients import Shop, a_shop, problem

pytestmark = pytest.mark.proof_on("postgresql")

ORDER = "/stock/LAMP-1/reservations/ORDER-1"
LEVEL_FIELDS = [
    *("sku", "on_hand", "reserved", "available", "availability", "version"),
    "last_counted_on",
]


@pytest.fixture
def shop(databases: Databases) -> Iterator[Shop]:
    """LAMP-1 has five pieces on hand."""
    with a_shop(databases) as opened:
        opened.register("LAMP-1", stock_count=5)
        yield opened


@pytest.fixture(scope="module")
def refusing_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The same, for tests that change nothing; on SQLite."""
    with a_shop(tmp_path_factory.mktemp("shop")) as opened:
        opened.register("LAMP-1", stock_count=5)
        yield opened


def send(shop: Shop, method: str, path: str, **body: Any) -> TestResponse:
    return shop.client.open(path, method=method, json=body or None)


def level(response: TestResponse) -> dict[str, Any]:
    """What is not zero or null, without the version."""
    assert response.status_code == 200, response.text
    document: dict[str, Any] = response.get_json()
    assert response.headers["ETag"] == f'"{document.pop("version")}"'
    return {name: value for name, value in document.items() if value not in (0, None)}


def test_the_quantity_is_returned_as_a_single_number(shop: Shop) -> None:
    assert shop.client.get("/stock?id=LAMP-1").data == b'{"quantity":5}'


def test_the_quantity_is_what_is_available(shop: Shop) -> None:
    send(shop, "PUT", ORDER, quantity=2)

    assert shop.client.get("/stock?id=LAMP-1").get_json() == {"quantity": 3}


def test_of_several_the_quantities_are_told_in_the_order_asked_for(
    shop: Shop,
) -> None:
    shop.register("ÄPFEL 1/2", stock_count=7)
    send(shop, "PUT", ORDER, quantity=2)

    answer = shop.client.get(
        "/stock?id=%C3%84PFEL+1/2&id=NO-SUCH&id=LAMP-1&id=%00&id=A%CC%88PFEL+1/2"
    )

    assert answer.get_json() == [
        {"id": "ÄPFEL 1/2", "quantity": 7},
        {"id": "NO-SUCH", "quantity": None},
        {"id": "LAMP-1", "quantity": 3},
        {"id": "\0", "quantity": None},
        {"id": "A\u0308PFEL 1/2", "quantity": 7},
    ]


def test_a_hundred_quantities_are_told_at_once_and_no_more(
    refusing_shop: Shop,
) -> None:
    query = "&".join(f"id=LAMP-{number}" for number in range(100))

    answer = refusing_shop.client.get(f"/stock?{query}").get_json()

    assert len(answer) == 100
    assert answer[1] == {"id": "LAMP-1", "quantity": 5}
    more = refusing_shop.client.get(f"/stock?{query}&id=LAMP-100")
    said = problem(more, 400, "invalid-parameter")["errors"]
    assert said == [{"parameter": "id", "detail": "is given more than 100 times"}]


AS_CSV = {"Accept": "text/csv"}


def test_all_quantities_are_told_a_page_at_a_time(shop: Shop) -> None:
    shop.register("LAMP/2 3", stock_count=7)
    send(shop, "PUT", ORDER, quantity=2)

    first = shop.client.get("/stock?limit=1")
    link = first.headers["Link"].partition(">")[0].removeprefix("<")
    second = shop.client.get(link)

    assert first.get_json() == [{"id": "LAMP-1", "quantity": 3}]
    assert second.get_json() == [{"id": "LAMP/2 3", "quantity": 7}]
    assert "Link" not in second.headers


def test_stock_as_csv_is_what_a_count_reads(shop: Shop) -> None:
    shop.register("=A 1", stock_count=7)
    send(shop, "PUT", ORDER, quantity=2)
    send(shop, "PUT", "/stock/LAMP-1/reorder-point", pieces=1)

    every = shop.client.get("/stock", headers=AS_CSV)
    page = shop.client.get("/stock?limit=1", headers=AS_CSV)

    assert every.content_type == "text/csv; charset=utf-8"
    assert every.text == "sku,on_hand,reorder_point\r\n''=A 1,7,0\r\nLAMP-1,5,1\r\n"
    assert page.text == "sku,on_hand,reorder_point\r\n''=A 1,7,0\r\n"
    assert "cursor=%3DA+1" in page.headers["Link"]


def test_stock_of_some_is_csv_in_the_order_asked_for(shop: Shop) -> None:
    shop.register("LAMP-0", stock_count=7)

    some = shop.client.get("/stock?id=LAMP-1&id=NO-SUCH&id=LAMP-0", headers=AS_CSV)
    one = shop.client.get("/stock?id=LAMP-1", headers=AS_CSV)
    unknown = shop.client.get("/stock?id=NO-SUCH", headers=AS_CSV)

    assert some.text.splitlines()[1:] == ["LAMP-1,5,0", "LAMP-0,7,0"]
    assert one.text.splitlines()[1:] == ["LAMP-1,5,0"]
    problem(unknown, 404, "unknown-sku")


def test_what_is_named_is_no_page(refusing_shop: Shop) -> None:
    answer = refusing_shop.client.get("/stock?id=LAMP-1&limit=5&cursor=A")

    assert problem(answer, 400, "invalid-parameter")["errors"] == [
        {"parameter": "limit", "detail": "cannot go with id"},
        {"parameter": "cursor", "detail": "cannot go with id"},
    ]


def test_a_level_is_shown_in_the_order_of_its_description(shop: Shop) -> None:
    response = shop.client.get("/stock/LAMP-1")

    assert list(response.get_json()) == LEVEL_FIELDS
    assert level(response) == {
        "sku": "LAMP-1",
        "on_hand": 5,
        "available": 5,
        "availability": "in_stock",
    }


def test_commands_return_the_stock_level_after_them(shop: Shop) -> None:
    def after(method: str, path: str, **body: Any) -> dict[str, Any]:
        found = level(send(shop, method, path, **body))
        return {
            name: value
            for name, value in found.items()
            if name in ("on_hand", "reserved", "availability")
        }

    stock = "/stock/LAMP-1"
    assert after("POST", f"{stock}/receipts", quantity=3) == {
        "on_hand": 8,
        "availability": "in_stock",
    }
    assert after("PUT", f"{stock}/reorder-point", pieces=8) == {
        "on_hand": 8,
        "availability": "low",
    }
    assert after("PUT", ORDER, quantity=6) == {
        "on_hand": 8,
        "reserved": 6,
        "availability": "low",
    }
    assert after("POST", f"{ORDER}/shipment") == {"on_hand": 2, "availability": "low"}
    assert after("PUT", f"{stock}/reservations/ORDER-2", quantity=2) == {
        "on_hand": 2,
        "reserved": 2,
        "availability": "out_of_stock",
    }
    assert after("DELETE", f"{stock}/reservations/ORDER-2") == {
        "on_hand": 2,
        "availability": "low",
    }
    assert after("POST", f"{stock}/counts", on_hand=0, reason="stolen") == {
        "availability": "out_of_stock"
    }


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/stock?id=NO-SUCH", {}),
        ("GET", "/stock?id=%23", {}),
        ("GET", "/stock/NO-SUCH", {}),
        ("GET", "/stock/NO-SUCH/movements", {}),
        ("GET", "/stock/%20/movements", {}),
        ("POST", "/stock/NO-SUCH/receipts", {"quantity": 1}),
        ("POST", "/stock/NO-SUCH/counts", {"on_hand": 1, "reason": "found"}),
        ("POST", "/stock/NO-SUCH/corrections", {"difference": 1, "reason": "found"}),
        ("PUT", "/stock/NO-SUCH/reorder-point", {"pieces": 1}),
        ("PUT", "/stock/NO-SUCH/reservations/A", {"quantity": 1}),
        ("DELETE", "/stock/NO-SUCH/reservations/A", {}),
        ("POST", "/stock/NO-SUCH/reservations/A/shipment", {}),
        ("POST", "/stock/NO-SUCH/reservations/A/returns", {"quantity": 1}),
        ("GET", "/stock/NO-SUCH/reservations", {}),
        ("GET", "/stock/NO-SUCH/reservations/A", {}),
    ],
)
def test_an_unknown_sku_is_not_found_on_every_route(
    refusing_shop: Shop, method: str, path: str, body: dict[str, Any]
) -> None:
    problem(send(refusing_shop, method, path, **body), 404, "unknown-sku")


def test_more_than_is_available_cannot_be_reserved(shop: Shop) -> None:
    document = problem(send(shop, "PUT", ORDER, quantity=6), 409, "insufficient-stock")

    assert (document["asked"], document["available"]) == (6, 5)


def test_each_answer_about_a_hold_says_what_is_held_and_until_when(
    shop: Shop,
) -> None:
    def hold(response: TestResponse) -> tuple[int, int, int, float]:
        """What is held, shipped and returned, and how many seconds are left."""
        assert response.status_code == 200, response.text
        said = response.get_json()
        until = said["until"] and datetime.fromisoformat(said["until"])
        left = (until - shop.clock()).total_seconds() if until else 0
        return said["held"], said["shipped"], said["returned"], left

    assert hold(send(shop, "PUT", ORDER, quantity=2, hold_seconds=2)) == (2, 0, 0, 2)
    longer = send(shop, "PUT", ORDER, quantity=2, hold_seconds=3600)
    assert hold(longer) == (2, 0, 0, 3600)
    assert hold(send(shop, "PUT", ORDER, quantity=3)) == (3, 0, 0, 3600)
    assert hold(send(shop, "POST", f"{ORDER}/shipment", quantity=1)) == (2, 1, 0, 3600)
    assert hold(shop.client.get(ORDER)) == (2, 1, 0, 3600)
    assert hold(send(shop, "POST", f"{ORDER}/returns", quantity=1)) == (2, 1, 1, 3600)
    assert hold(send(shop, "DELETE", ORDER)) == (0, 1, 1, 0)
    assert hold(shop.client.get(ORDER)) == (0, 1, 1, 0)


def test_what_an_order_holds_is_found_with_the_version_of_the_stock_item(
    shop: Shop,
) -> None:
    written = send(shop, "PUT", ORDER, quantity=2)

    found = shop.client.get(ORDER)

    assert found.headers["ETag"] == written.headers["ETag"]
    assert found.get_json() == written.get_json()


def test_an_order_that_never_held_anything_is_not_found(refusing_shop: Shop) -> None:
    path = "/stock/LAMP-1/reservations/NOBODY"
    problem(refusing_shop.client.get(path), 404, "unknown-reservation")


@pytest.fixture
def ended(shop: Shop) -> Shop:
    """A hold whose time is over; the worker that books this has not run."""
    send(shop, "PUT", "/stock/LAMP-1/reservations/ORDER-2", quantity=1)
    assert send(shop, "PUT", ORDER, quantity=2, hold_seconds=2).status_code == 200
    shop.clock.advance(2)
    return shop


def test_what_has_ended_is_not_shown_as_held(ended: Shop) -> None:
    shown = ended.client.get("/stock/LAMP-1/reservations").get_json()

    assert [each["order"] for each in shown] == ["ORDER-2"]
    problem(ended.client.get(ORDER), 404, "unknown-reservation")


def test_what_has_ended_does_not_ship(ended: Shop) -> None:
    for body in ({}, {"quantity": 1}):
        refused = send(ended, "POST", f"{ORDER}/shipment", **body)
        problem(refused, 404, "unknown-reservation")

    ended.settle()
    assert ended.client.get("/stock?id=LAMP-1").get_json() == {"quantity": 4}


def test_whose_time_is_over_reserves_anew(ended: Shop) -> None:
    again = send(ended, "PUT", ORDER, quantity=4)

    ended.settle()
    assert again.get_json()["until"] > rfc3339(ended.clock())
    assert ended.client.get(ORDER).get_json()["held"] == 4
    kinds = [each.type for each in ended.storehouse.context("inventory").log.read(0, 9)]
    assert kinds[-4:-2] == ["stock.reserved", "stock.expired"]


def test_what_has_ended_is_released_at_once(ended: Shop) -> None:
    assert send(ended, "DELETE", ORDER).get_json()["available"] == 4


def test_what_has_ended_does_not_exist_for_a_precondition(ended: Shop) -> None:
    headers = {"If-Match": "*"}
    answer = ended.client.put(ORDER, json={"quantity": 1}, headers=headers)

    problem(answer, 412, "precondition-failed")


def test_reservations_are_shown_in_their_order_page_by_page(shop: Shop) -> None:
    for order in "CAB":
        send(shop, "PUT", f"/stock/LAMP-1/reservations/{order}", quantity=1)
    send(shop, "PUT", "/stock/LAMP-1/reservations/C", quantity=2)

    shown, path = [], "/stock/LAMP-1/reservations?limit=2"
    while path:
        page = shop.client.get(path)
        shown += [(each["order"], each["held"]) for each in page.get_json()]
        path = page.headers.get("Link", "").partition("<")[2].partition(">")[0]

    assert shown == [("C", 2), ("A", 1), ("B", 1)]


def test_no_more_ships_or_comes_back_than_there_is(shop: Shop) -> None:
    send(shop, "PUT", ORDER, quantity=2)

    shipped = send(shop, "POST", f"{ORDER}/shipment", quantity=3)
    assert problem(shipped, 409, "shipment-exceeds-reservation")["held"] == 2
    returned = send(shop, "POST", f"{ORDER}/returns", quantity=1)
    problem(returned, 404, "unknown-shipment")
    send(shop, "POST", f"{ORDER}/shipment")
    returned = send(shop, "POST", f"{ORDER}/returns", quantity=3)
    assert problem(returned, 409, "return-exceeds-shipment")["returnable"] == 2


def test_a_shipped_order_can_neither_reserve_nor_release(shop: Shop) -> None:
    send(shop, "PUT", ORDER, quantity=2)
    send(shop, "POST", f"{ORDER}/shipment")

    problem(send(shop, "PUT", ORDER, quantity=2), 409, "order-already-shipped")
    problem(send(shop, "DELETE", ORDER), 409, "order-already-shipped")
    assert level(send(shop, "POST", f"{ORDER}/shipment"))["on_hand"] == 3


def test_an_order_without_reservation_cannot_ship(shop: Shop) -> None:
    problem(send(shop, "POST", f"{ORDER}/shipment"), 404, "unknown-reservation")


def test_a_retired_stock_item_takes_in_and_sells_off(shop: Shop) -> None:
    send(shop, "POST", "/products/LAMP-1/discontinue")
    shop.settle()

    received = level(send(shop, "POST", "/stock/LAMP-1/receipts", quantity=1))
    assert (received["on_hand"], received["availability"]) == (6, "retired")
    assert level(send(shop, "PUT", ORDER, quantity=6))["reserved"] == 6


def test_a_delivery_note_is_booked_once_and_the_first_is_named(shop: Shop) -> None:
    path = "/stock/LAMP-1/receipts"
    send(shop, "POST", path, quantity=3, reference="DN/17 b")
    shop.clock.advance(60)

    again = send(shop, "POST", path, quantity=4, reference="DN/17 b")

    document = problem(again, 409, "delivery-already-received")
    told = {name: document[name] for name in ("reference", "pieces", "received_on")}
    assert told == {
        "reference": "DN/17 b",
        "pieces": 3,
        "received_on": "2026-03-01T12:00:00Z",
    }
    assert shop.client.get("/stock/LAMP-1").get_json()["on_hand"] == 8


def test_a_delivery_note_is_refused_for_good(databases: Databases) -> None:
    body = {"quantity": 3, "reference": "DN-17"}
    with a_shop(databases) as shop:
        shop.register("LAMP-1", stock_count=5)
        send(shop, "POST", "/stock/LAMP-1/receipts", **body)
        send(shop, "POST", "/stock/LAMP-1/counts", on_hand=3, reason="found")
        shop.settle()
        events = commands_of(shop.storehouse, "events")
        compacted = run(events, "compact", "--keep-days", "0")
        assert compacted.exit_code == 0, compacted.output

    with a_shop(databases) as shop:
        again = send(shop, "POST", "/stock/LAMP-1/receipts", **body)

        problem(again, 409, "delivery-already-received")


def test_a_count_says_when_it_was_and_its_movement_who_and_why(shop: Shop) -> None:
    counted = send(
        *(shop, "POST", "/stock/LAMP-1/counts"),
        on_hand=5,
        reason="yearly stocktake",
        counted_by="Ann",
    )
    shop.settle()

    assert counted.get_json()["last_counted_on"] == "2026-03-01T12:00:00Z"
    shown = shop.client.get("/stock/LAMP-1").get_json()
    assert shown["last_counted_on"] == "2026-03-01T12:00:00Z"
    told = shop.client.get("/stock/LAMP-1/movements").get_json()[0]
    assert (told["kind"], told["difference"]) == ("counted", 0)
    assert (told["counted_by"], told["reason"]) == ("Ann", "yearly stocktake")


def test_a_correction_books_a_difference(shop: Shop) -> None:
    path = "/stock/LAMP-1/corrections"
    send(shop, "PUT", ORDER, quantity=4)

    after = level(send(shop, "POST", path, difference=-2, reason="broken"))

    assert after["on_hand"] == after["available"] == 3
    shop.settle()
    told = shop.client.get("/stock/LAMP-1/movements").get_json()
    [corrected] = [each for each in told if each["kind"] == "corrected"]
    assert (corrected["difference"], corrected["reason"]) == (-2, "broken")
    assert corrected["released"] == [{"order": "ORDER-1", "pieces": 4}]
    missing = send(shop, "POST", path, difference=-4, reason="lost")
    assert problem(missing, 409, "correction-exceeds-stock")["on_hand"] == 3
    nothing = send(shop, "POST", path, difference=0, reason="lost")
    assert problem(nothing, 422, "invalid-value")["errors"][0]["pointer"] == (
        "/difference"
    )


@pytest.mark.parametrize(("hold", "left"), [({}, 2), ({"hold_seconds": 60}, 0)])
def test_pieces_are_held_for_the_requested_time(
    shop: Shop, hold: dict[str, int], left: int
) -> None:
    send(shop, "PUT", ORDER, quantity=2, **hold)

    shop.clock.advance(61)
    shop.settle()

    assert shop.client.get("/stock/LAMP-1").get_json()["reserved"] == left


@pytest.mark.parametrize("order", ["%20x", "A" * 81, "%00", "a%0Ab", "%E2%80%8B"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_an_invalid_order_reference_is_refused_by_name(
    refusing_shop: Shop, method: str, order: str
) -> None:
    body = {"quantity": 1} if method == "PUT" else {}
    response = send(
        refusing_shop, method, f"/stock/LAMP-1/reservations/{order}", **body
    )

    document = problem(response, 400, "invalid-parameter")

    assert document["errors"][0]["parameter"] == "order"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"on_hand": 1, "reason": "  "}, "/reason"),
        ({"on_hand": 1, "reason": "r" * 201}, "/reason"),
        ({"on_hand": -1, "reason": "found"}, "/on_hand"),
        ({"on_hand": 10**9 + 1, "reason": "found"}, "/on_hand"),
    ],
)
def test_an_invalid_count_is_refused_with_the_field(
    refusing_shop: Shop, body: dict[str, Any], pointer: str
) -> None:
    response = send(refusing_shop, "POST", "/stock/LAMP-1/counts", **body)

    assert response.status_code == 422
    assert [each["pointer"] for each in response.get_json()["errors"]] == [pointer]


def test_movements_are_shown_the_newest_first_page_by_page(shop: Shop) -> None:
    for quantity in (1, 2, 3):
        send(shop, "POST", "/stock/LAMP-1/receipts", quantity=quantity)
    shop.settle()

    shown, path = [], "/stock/LAMP-1/movements?limit=2"
    while path:
        page = shop.client.get(path)
        shown += [each["on_hand"] for each in page.get_json()]
        path = page.headers.get("Link", "").partition("<")[2].partition(">")[0]

    assert shown == [11, 8, 6, 5]


def test_a_token_of_the_catalog_lets_a_command_wait_for_the_stock_item(
    databases: Databases,
) -> None:
    with a_shop(databases, consistency_timeout_ms=10_000) as shop:
        shop.storehouse.start()
        for number in range(20):
            sku = f"LAMP-{number}"
            body = {"name": "Lamp", "sku": sku, "stock_count": 1}
            written = shop.client.post("/products", json=body).headers
            reserved = shop.client.put(
                f"/stock/{sku}/reservations/A",
                json={"quantity": 1},
                headers={"Consistency-Token": written["Consistency-Token"]},
            )

            assert level(reserved)["reserved"] == 1
