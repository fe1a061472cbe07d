"""What is known of a broker."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import attrs
import pytest
from structlog.testing import capture_logs

from shared_kernel.buses import broker as module
from shared_kernel.buses.broker import Broker, BrokerState, overall
from tests.contract.bus_bench import some

FIRST = datetime(2026, 1, 1, tzinfo=UTC)


@attrs.define
class Minutes:
    """A clock that goes on by a minute each time it is read."""

    read: int = 0

    def __call__(self) -> datetime:
        self.read += 1
        return FIRST + timedelta(minutes=self.read - 1)


def a_broker(ask: Callable[[], object] | None = None) -> Broker:
    return Broker("redis", "redis://host:6379/0", ask, clock=Minutes())


def known(reachable: bool | None, minute: int | None) -> BrokerState:
    since = None if minute is None else FIRST + timedelta(minutes=minute)
    return BrokerState(
        kind="redis", address="redis://host:6379/0", reachable=reachable, since=since
    )


def test_at_first_nothing_is_known() -> None:
    assert a_broker().state() == known(None, None)


def test_since_is_when_it_changed_last() -> None:
    broker = a_broker()
    states = []
    for tell in (broker.found, broker.found, lost(broker), lost(broker), broker.found):
        tell()
        states.append(broker.state())

    assert states == [
        known(True, 0),
        known(True, 0),
        known(False, 1),
        known(False, 1),
        known(True, 2),
    ]


def test_that_it_is_away_and_back_is_logged_once() -> None:
    broker = a_broker()
    with capture_logs() as logs:
        for tell in (broker.found, lost(broker), lost(broker), broker.found):
            tell()

    assert [(each["event"], each["broker"]) for each in logs] == [
        ("broker is away", "redis://host:6379/0"),
        ("broker is back", "redis://host:6379/0"),
    ]
    assert logs[0]["error"] == "refused"


def test_one_that_was_never_reached_is_away() -> None:
    with capture_logs() as logs:
        a_broker().lost("refused")

    assert [each["log_level"] for each in logs] == ["warning"]


def test_a_silent_one_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def ask() -> None:
        asked.append(1)
        broker.lost("it does not answer")
        raise ConnectionError

    broker = a_broker(ask)
    assert broker.state() == known(False, 0)
    assert broker.state() == known(False, 0)
    assert len(asked) == 1

    monkeypatch.setattr(module, "SILENCE_S", -1.0)
    broker.state()
    assert len(asked) == 2


def test_an_event_too_large_is_told_and_counted_once() -> None:
    broker = a_broker()
    large, other = some("product.renamed", "product.repriced")
    with capture_logs() as logs:
        for envelope in (large, other, large):
            broker.too_large(envelope, 1_100, 1_000)

    assert broker.state().too_large == 2
    assert logs[0] == {
        "event": "event is larger than the broker takes: it is read from the log",
        "log_level": "error",
        "broker": "redis://host:6379/0",
        "source": "catalog",
        "position": 1,
        "event_id": large.id,
        "event_type": "product.renamed",
        "size_bytes": 1_100,
        "limit_bytes": 1_000,
    }
    assert [each["event_id"] for each in logs] == [large.id, other.id]


def test_all_are_reachable_only_if_each_is() -> None:
    early, late, away, unknown = (
        known(True, 1),
        known(True, 2),
        known(False, 3),
        known(None, None),
    )

    def of(*states: BrokerState) -> tuple[bool | None, datetime | None]:
        found = overall("redis", states)
        return found.reachable, found.since

    assert of(early, late) == (True, late.since)
    assert of(early, unknown) == (None, None)
    assert of(early, unknown, away) == (False, away.since)
    assert of() == (None, None)


def lost(broker: Broker) -> Callable[[], None]:
    return lambda: broker.lost("refused")
