"""`stock.counted` in two versions: in one of them it is what it was in the other."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import CONTEXTS
from inventory.adapters.versions import SUCCESSORS, counted_1, counted_2
from inventory.published import SUBJECTS
from inventory.read_model import stock_movements
from shared_kernel.buses.envelope import Envelope
from shared_kernel.dead_letters import store as dead_letters
from shared_kernel.dead_letters.letter import DEAD
from shared_kernel.events.versions import NEWEST, Versions
from shared_kernel.operations.schemas import schema_of
from shared_kernel.runtime.running import RunningServices
from shared_kernel.serving.application import web_application
from tests.storehouses import a_storehouse

VERSIONS = Versions(SUCCESSORS, SUBJECTS)
ONE: dict[str, Any] = {
    "sku": "LAMP-0001",
    "on_hand": 4,
    "reserved": 3,
    "available": 1,
    "availability": "in_stock",
    "version": 7,
    "reason": "yearly stocktake",
    "released_orders": ["C", "B"],
}
OLD = Envelope(
    1,
    "id",
    "inventory",
    "stock.counted",
    "LAMP-0001",
    1,
    None,
    json.dumps(ONE).encode(),
)

orders = st.text(min_size=1, max_size=5)
holds = st.fixed_dictionaries({"order": orders, "pieces": st.integers(1, 9)})


def schema(type_: str) -> dict[str, Any]:
    return schema_of(type_, SUBJECTS[type_])


def test_an_old_count_names_the_orders_but_not_what_they_lost() -> None:
    newest = VERSIONS.newest(OLD)

    assert newest.type == "stock.counted.v2"
    payload = json.loads(newest.data)
    assert payload["released"] == [
        {"order": "C", "pieces": None},
        {"order": "B", "pieces": None},
    ]
    assert "released_orders" not in payload
    jsonschema_rs.validate(schema(newest.type), payload)


@settings(max_examples=25, deadline=None)
@given(st.lists(orders, max_size=3))
def test_an_old_count_is_unchanged_by_the_way_there_and_back(
    released: list[str],
) -> None:
    old = ONE | {"released_orders": released}

    assert counted_1(counted_2(old)) == old


@settings(max_examples=25, deadline=None)
@given(st.lists(holds, max_size=3))
def test_a_count_is_published_as_those_know_it_who_read_the_first_version(
    released: list[dict[str, Any]],
) -> None:
    rest = {name: value for name, value in ONE.items() if name != "released_orders"}
    new = rest | {"released": released, "difference": -2, "counted_by": None}
    jsonschema_rs.validate(schema("stock.counted.v2"), new)

    old = counted_1(new)

    jsonschema_rs.validate(schema("stock.counted"), old)
    assert old["released_orders"] == [each["order"] for each in released]


@pytest.fixture
def counted(tmp_path: Path) -> Any:
    with a_storehouse(tmp_path) as storehouse:
        client = web_application(storehouse).test_client()

        def ask(method: str, path: str, **body: object) -> None:
            assert client.open(path, method=method, json=body).status_code < 300
            storehouse.workers.run_until_idle()

        ask("POST", "/products", name="Lamp", sku="LAMP-0001", stock_count=5)
        ask("PUT", "/stock/LAMP-0001/reservations/A", quantity=2)
        ask("PUT", "/stock/LAMP-0001/reservations/B", quantity=3)
        ask("POST", "/stock/LAMP-0001/counts", on_hand=4, reason="water")
        yield storehouse, client


def test_a_feed_gives_each_version_and_the_first_if_none_is_asked_for(
    counted: Any,
) -> None:
    _, client = counted

    def told(query: str) -> dict[str, Any]:
        batch = json.loads(client.get(f"/events/inventory?{query}").data)
        (found,) = [each for each in batch if "counted" in each["type"]]
        return dict(found)

    first, second = told("after=0"), told("version=2")
    assert first["type"] == "stock.counted"
    assert first["data"]["released_orders"] == ["B"]
    assert second["type"] == "stock.counted.v2"
    assert second["data"]["released"] == [{"order": "B", "pieces": 3}]
    assert told("version=1") == first
    assert told(f"version={NEWEST}") == told("version=newest") == second
    assert (first["id"], first["position"]) == (second["id"], second["position"])


def test_a_feed_goes_on_in_the_version_asked_for(counted: Any) -> None:
    _, client = counted

    answered = client.get("/events/inventory?version=2&limit=1")

    assert "version=2" in answered.headers["Link"]
    assert "version" not in client.get("/events/inventory").headers["Link"]
    assert (
        "version=newest"
        in client.get("/events/inventory?version=newest&limit=1").headers["Link"]
    )
    for wrong in ("0", "oldest", "100"):
        refused = client.get(f"/events/inventory?version={wrong}")
        assert "from 1 to 99, or newest" in refused.get_json()["detail"]


def test_movements_show_a_count_whatever_its_version(counted: Any) -> None:
    _, client = counted

    movements = client.get("/stock/LAMP-0001/movements").get_json()

    (shown,) = [each for each in movements if each["kind"] == "counted"]
    assert shown["released"] == [{"order": "B", "pieces": 3}]


def test_a_dead_letter_of_an_old_version_is_replayed_in_the_newest(
    tmp_path: Path,
) -> None:
    with a_storehouse(tmp_path) as storehouse:
        service = storehouse.service("inventory")
        _, movements = service.databases
        with movements.writing() as connection:
            dead_letters.add(
                connection,
                "inventory.movements",
                [OLD],
                state=DEAD,
                reason="full disk",
                attempts=5,
                now_us=1,
            )
        (letters,) = [
            each for each in service.dead_letters.values() if each.database is movements
        ]
        (letter,) = letters.list()
        assert letter.envelope.type == "stock.counted"

        assert letters.replay(letter.number) == 1

        assert released_in(storehouse) == [
            {"order": "C", "pieces": None},
            {"order": "B", "pieces": None},
        ]


def released_in(storehouse: RunningServices) -> list[dict[str, Any]]:
    _, movements = storehouse.service("inventory").databases
    with movements.reading() as connection:
        shown = stock_movements.page(connection, "LAMP-0001", 100, 10)
    (row,) = json.loads(shown.body)
    assert row["kind"] == "counted"
    return list(row["released"])


def test_contexts_declare_whole_chains() -> None:
    """Otherwise no process starts."""
    for context in CONTEXTS:
        Versions(context.successors, context.published)
