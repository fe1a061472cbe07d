"""`/healthz`, `/readyz` and `/metrics`."""

import math
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from shared_kernel.buses.broker import Broker, BrokerState
from shared_kernel.buses.in_process import InProcessBus
from shared_kernel.dead_letters import store
from shared_kernel.dead_letters.failure import cause_of
from shared_kernel.events.errors import UnreadableEventError
from shared_kernel.operations import observed_causes
from shared_kernel.runtime.workers import Workers
from tests.contract.bus_bench import some
from tests.shared_kernel.operations.shop import (
    LISTING,
    NAME,
    Shop,
    a_client,
    a_shop,
)

pytestmark = pytest.mark.proof_on("postgresql")

PLACE = "tests.shared_kernel.events.builders:Failing.__call__"
OF_LISTING = {"subscription": LISTING, "source": NAME}


NOON = "2023-11-14T22:13:20Z"


class BusOn(InProcessBus):
    """A bus that is `told` how its broker is."""

    def __init__(self, kind: str, address: str) -> None:
        super().__init__()
        self.told = Broker(kind, address, clock=lambda: datetime.fromisoformat(NOON))

    def broker(self) -> BrokerState:
        return self.told.state()


def measured(shop: Shop, workers: Workers, name: str, **labels: str) -> float:
    """The value of `storehouse_<name>` with exactly these labels."""
    answer = a_client(shop, workers).get("/metrics")
    assert answer.mimetype == "text/plain"
    samples = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    return samples[f"storehouse_{name}", frozenset(labels.items())]


def test_a_process_that_answers_is_alive(shop: Shop, workers: Workers) -> None:
    assert a_client(shop, workers).get("/healthz").json == {
        "status": "alive",
        "services": [NAME],
        "peers": {},
    }


def test_ready_lists_each_part(shop: Shop, workers: Workers) -> None:
    answer = a_client(shop, workers).get("/readyz")

    assert answer.status_code == 200
    assert answer.json is not None
    assert (answer.json["status"], answer.json["behind"]) == ("ready", [])
    (service,) = answer.json["services"]
    assert (service["name"], service["log"]["source"]) == (NAME, NAME)
    assert service["subscriptions"][0]["name"] == LISTING


def test_dead_letters_beyond_the_allowed_ones_are_warned_of(
    shop: Shop, workers: Workers
) -> None:
    shop.dead_letter("LAMP-0001", "LAMP-0001", "LAMP-0001")
    shop.publish()

    def warnings(allowed: int) -> list[str]:
        client = a_client(shop, workers, dead_letters_allowed=allowed)
        answer = client.get("/readyz")
        assert answer.status_code == 200
        assert answer.json is not None
        assert answer.json["status"] == "ready"
        found: list[str] = answer.json["warnings"]
        return found

    assert warnings(3) == []
    assert warnings(2) == [
        f"{LISTING} of {NAME}: 1 dead letter, 2 parked behind; 2 are allowed"
    ]


def test_an_unknown_number_of_dead_letters_is_warned_of(shop: Shop) -> None:
    shop.destroy(shop.reader)

    answer = a_client(shop, dead_letters_allowed=9).get("/readyz")

    assert answer.json is not None
    assert answer.json["warnings"] == [
        f"{LISTING} of {NAME}: how many dead letters it has is unknown"
    ]


def test_each_service_names_the_broker_of_its_bus(
    tmp_path: Path, workers: Workers
) -> None:
    bus = BusOn("redis", "redis://host:6379/0")
    with a_shop(tmp_path, bus=bus) as shop:
        client = a_client(shop, workers)
        before = client.get("/readyz").get_json()["services"][0]["bus"]
        bus.told.lost("refused")
        after = client.get("/readyz").get_json()

    assert before == {
        "kind": "redis",
        "address": "redis://host:6379/0",
        "reachable": None,
        "since": None,
        "too_large": 0,
    }
    assert after["status"] == "ready"
    assert after["services"][0]["bus"] == before | {
        "reachable": False,
        "since": NOON,
    }
    assert after["warnings"] == [
        f"bus: redis://host:6379/0 cannot be reached since {NOON}"
    ]


def test_without_a_broker_the_bus_is_always_reachable(
    shop: Shop, workers: Workers
) -> None:
    assert a_client(shop, workers).get("/readyz").get_json()["services"][0]["bus"] == {
        "kind": "inprocess",
        "address": "",
        "reachable": True,
        "since": None,
        "too_large": 0,
    }


def test_metrics_name_the_broker_and_since_when_it_is_reachable(
    tmp_path: Path,
) -> None:
    bus = BusOn("redis", "redis://host:6379/0")
    labels = {"use": "bus", "kind": "redis", "address": "redis://host:6379/0"}
    since = "broker_reachable_since_timestamp_seconds"
    with a_shop(tmp_path, bus=bus) as shop:
        assert math.isnan(measured(shop, Workers(), "broker_reachable", **labels))
        assert math.isnan(measured(shop, Workers(), since, **labels))
        bus.told.found()
        bus.told.too_large(some("lamp.lit")[0], 1_100, 1_000)

        assert measured(shop, Workers(), "broker_reachable", **labels) == 1
        assert measured(shop, Workers(), since, **labels) == 1_700_000_000
        of_bus = {name: labels[name] for name in ("kind", "address")}
        assert measured(shop, Workers(), "bus_events_too_large_total", **of_bus) == 1


def test_a_little_lag_is_ready(shop: Shop, workers: Workers) -> None:
    shop.record("LAMP-0001")
    shop.publish()
    shop.clock.advance(9)

    assert a_client(shop, workers).get("/readyz").status_code == 200


def test_a_subscription_behind_is_named_with_its_lag(
    shop: Shop, workers: Workers
) -> None:
    shop.record("LAMP-0001", "LAMP-0002")
    shop.publish()
    shop.clock.advance(11)

    answer = a_client(shop, workers).get("/readyz")

    assert answer.status_code == 503
    assert answer.mimetype == "application/problem+json"
    assert answer.headers["Retry-After"] == "1"
    assert answer.json is not None
    assert answer.json["type"] == "/problems/not-ready"
    assert answer.json["behind"] == [f"{LISTING} of {NAME}: 2 events, 11.0 s behind"]
    assert answer.json["services"][0]["log"]["head"] == 2


def test_parts_behind_since_the_clock_was_set_back_are_named(
    shop: Shop, workers: Workers
) -> None:
    shop.record("LAMP-0001")
    shop.clock.advance(-3600)

    answer = a_client(shop, workers).get("/readyz")

    assert answer.status_code == 503
    assert answer.json is not None
    why = "for an unknown time: the clock was set back"
    assert answer.json["behind"] == [
        f"{NAME}: unpublished {why}",
        f"{LISTING} of {NAME}: 1 events behind {why}",
    ]


def test_a_relay_behind_is_named(shop: Shop, workers: Workers) -> None:
    shop.record("LAMP-0001")
    shop.read()
    shop.clock.advance(11)

    answer = a_client(shop, workers).get("/readyz")

    assert answer.json is not None
    assert answer.json["behind"] == [f"{NAME}: unpublished for 11.0 s"]


def test_an_unreachable_broker_does_not_make_a_process_unready(
    shop: Shop, workers: Workers
) -> None:
    shop.record("LAMP-0001")
    shop.read()
    shop.clock.advance(11)

    answer = a_client(shop, workers, between_processes=True).get("/readyz")

    assert answer.status_code == 200
    assert answer.json is not None
    (service,) = answer.json["services"]
    assert service["log"]["oldest_unpublished_seconds"] == 11.0


def test_workers_that_are_not_running_are_named(shop: Shop) -> None:
    answer = a_client(shop, Workers()).get("/readyz")

    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["behind"] == ["the workers of this process are not running"]


def test_broken_databases_are_named_and_their_parts_unknown(
    shop: Shop, workers: Workers
) -> None:
    shop.destroy(shop.source)
    shop.destroy(shop.reader)

    answer = a_client(shop, workers).get("/readyz")

    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["behind"] == [
        f"{NAME}: its database does not answer",
        f"{LISTING} of {NAME}: lag unknown",
    ]
    assert answer.json["services"][0]["log"]["head"] is None


def test_metrics_match_the_observed_state(shop: Shop, workers: Workers) -> None:
    shop.dead_letter("LAMP-0001", "LAMP-0001", "LAMP-0001")
    shop.publish()
    shop.record("LAMP-0002")
    shop.clock.advance(2.5)

    def value(name: str, **labels: str) -> float:
        return measured(shop, workers, name, **labels)

    assert value("log_head_position", source=NAME) == 4
    assert value("published_position", source=NAME) == 3
    assert value("unpublished_events", source=NAME) == 1
    assert value("oldest_unpublished_age_seconds", source=NAME) == 2.5
    assert value("subscription_cursor", **OF_LISTING) == 3
    assert value("subscription_lag_events", **OF_LISTING) == 1
    assert value("subscription_lag_seconds", **OF_LISTING) == 2.5
    assert value("subscription_worked", **OF_LISTING) == 1
    assert value("dead_letters", **OF_LISTING, state="dead") == 1
    assert value("dead_letters", **OF_LISTING, state="parked") == 2
    assert value("workers_alive") == 1


def dead_by_cause(shop: Shop) -> dict[tuple[str, str], float]:
    """By cause and error type."""
    answer = a_client(shop).get("/metrics")
    return {
        (sample.labels["cause"], sample.labels["error_type"]): sample.value
        for family in text_string_to_metric_families(answer.text)
        if family.name == "storehouse_dead_letters_by_cause"
        for sample in family.samples
        if sample.labels["subscription"] == LISTING
    }


def test_dead_letters_are_counted_by_cause(shop: Shop) -> None:
    assert dead_by_cause(shop) == {("other", ""): 0}

    shop.dead_letter("LAMP-0001", "LAMP-0001")
    shop.dead_letter("LAMP-0002")

    assert dead_by_cause(shop) == {
        ("other", ""): 0,
        (cause_of("UnreadableEventError", PLACE), "UnreadableEventError"): 2,
    }


def test_a_letter_whose_turn_has_come_has_no_cause_yet(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001", "LAMP-0001")
    with shop.reader.writing() as connection:
        store.remove(connection, 1)
        store.mark_dead(connection, 2, "it has not been tried again", failed=0)

    assert dead_by_cause(shop) == {("other", ""): 0, ("not-tried", ""): 1}


def test_the_rarer_causes_are_one(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observed_causes, "MOST_CAUSES", 1)
    for error, lamps in (("A", 1), ("B", 3), ("C", 1)):
        shop.failing.error = _failing_as(error)
        for _ in range(lamps):
            shop.failing.positions = {shop.log.head() + 1}
            shop.record(f"LAMP-{shop.log.head()}")
            shop.read()

    assert {error: count for (_, error), count in dead_by_cause(shop).items()} == {
        "B": 3,
        "": 2,
    }


def _failing_as(error_type: str) -> Callable[[], Exception]:
    kind = type(error_type, (UnreadableEventError,), {})
    return lambda: kind("failing")


def test_unknown_causes_are_nan(shop: Shop) -> None:
    shop.dead_letter("LAMP-0001")
    shop.destroy(shop.reader)

    ((labels, count),) = dead_by_cause(shop).items()

    assert labels == ("other", "")
    assert math.isnan(count)


def test_an_unknown_value_is_nan(shop: Shop, workers: Workers) -> None:
    shop.destroy(shop.source)
    shop.destroy(shop.reader)

    for name in ("log_head_position", "oldest_unpublished_age_seconds"):
        assert math.isnan(measured(shop, workers, name, source=NAME))
    for name in ("subscription_lag_seconds", "subscription_worked"):
        assert math.isnan(measured(shop, workers, name, **OF_LISTING))
    assert math.isnan(
        measured(shop, workers, "dead_letters", **OF_LISTING, state="dead")
    )
