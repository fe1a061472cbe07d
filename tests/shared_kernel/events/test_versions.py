"""Versions of an event: the chain, and what is made along it."""

import json
from typing import Any

import msgspec
import pytest

from shared_kernel.buses.binary_mode import message_id
from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.port import Delivery
from shared_kernel.events.errors import UnreadableEventError
from shared_kernel.events.versions import (
    NEWEST,
    BrokenChainError,
    NewestFeed,
    Payload,
    Successor,
    Versions,
    number_of,
    subject_of,
)
from shared_kernel.runtime.service import only_newest

ONE, TWO, THREE = "order.placed", "order.placed.v2", "order.placed.v3"


def split(payload: Payload) -> Payload:
    rest = {name: value for name, value in payload.items() if name != "total"}
    return rest | {"amount": payload["total"], "currency": "EUR"}


def join(payload: Payload) -> Payload:
    rest = {k: v for k, v in payload.items() if k not in ("amount", "currency")}
    return rest | {"total": payload["amount"]}


def in_cents(payload: Payload) -> Payload:
    return payload | {"amount": payload["amount"] * 100}


def in_euros(payload: Payload) -> Payload:
    return payload | {"amount": payload["amount"] // 100}


TO_TWO = Successor(older=ONE, newer=TWO, upcast=split, downcast=join)
TO_THREE = Successor(older=TWO, newer=THREE, upcast=in_cents, downcast=in_euros)
ALL = (ONE, TWO, THREE, "order.paid")
VERSIONS = Versions([TO_TWO, TO_THREE], ALL)


def an_event(type_: str = ONE, **payload: Any) -> Envelope:
    data = msgspec.json.encode(payload or {"order": "A", "total": 5})
    return Envelope(7, "id", "sales", type_, "A", 1, None, data, "log", "before")


def payload_of(envelope: Envelope) -> Payload:
    payload: Payload = json.loads(envelope.data)
    return payload


def test_a_type_tells_subject_and_number() -> None:
    assert [number_of(each) for each in ALL] == [1, 2, 3, 1]
    assert {subject_of(each) for each in ALL} == {ONE, "order.paid"}


def test_an_old_event_is_read_in_the_newest_version() -> None:
    old = an_event()

    newest = VERSIONS.newest(old)

    assert newest.type == THREE
    assert payload_of(newest) == {"order": "A", "amount": 500, "currency": "EUR"}
    same = {"position", "id", "source", "key", "time_us", "log", "previous"}
    assert {name: getattr(newest, name) for name in same} == {
        name: getattr(old, name) for name in same
    }


def test_an_event_without_versions_is_unchanged() -> None:
    paid = an_event("order.paid")

    assert VERSIONS.newest(paid) is paid
    assert VERSIONS.published(paid) == [paid]
    assert Versions().newest(paid) is paid


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("asked", [1, 2, 3, NEWEST])
def test_any_version_is_made_of_any_other(number: int, asked: int) -> None:
    event = VERSIONS.in_version(an_event(), number)

    made = VERSIONS.in_version(event, asked)

    assert made == VERSIONS.in_version(an_event(), asked)
    assert number_of(made.type) == min(asked, 3)


def test_a_version_that_is_no_longer_published_is_not_made() -> None:
    without = Successor(older=ONE, newer=TWO, upcast=split)
    versions = Versions([without, TO_THREE], ALL[1:])
    new = versions.newest(an_event())

    assert versions.in_version(new, 1).type == TWO
    assert [each.type for each in versions.published(new)] == [THREE, TWO]


def test_every_version_is_published_the_newest_first() -> None:
    forms = VERSIONS.published(an_event(TWO, order="A", amount=5, currency="EUR"))

    assert [each.type for each in forms] == [THREE, TWO, ONE]
    assert [payload_of(each).get("amount") for each in forms] == [500, 5, None]
    assert {each.id for each in forms} == {"id"}


@pytest.mark.parametrize("data", [b"not JSON", b"[]", b'{"order": "A"}'])
def test_what_cannot_be_read_in_another_version_is_told(data: bytes) -> None:
    event = Envelope(7, "id", "sales", ONE, "A", 1, None, data)

    with pytest.raises(UnreadableEventError, match=f"{ONE} at position 7 of sales"):
        VERSIONS.newest(event)
    assert VERSIONS.preferably(event, 2) is event
    assert VERSIONS.published(event) == [event]


@pytest.mark.parametrize(
    ("successors", "published", "message"),
    [
        ([], [ONE, TWO], f"{TWO} follows no version"),
        ([TO_THREE], [TWO, THREE], f"{TWO} follows no version"),
        (
            [Successor(older=ONE, newer=THREE, upcast=split)],
            [THREE],
            f"{THREE} cannot follow {ONE}: expected {TWO}",
        ),
        (
            [Successor(older=ONE, newer="order.paid.v2", upcast=split)],
            ["order.paid.v2"],
            f"expected {TWO}",
        ),
        ([TO_TWO], [ONE], f"{TWO} is not among the published events"),
        ([TO_TWO], [TWO], f"{ONE} has a downcast, but is not among"),
        (
            [Successor(older=ONE, newer=TWO, upcast=split)],
            [ONE, TWO],
            f"{TWO} has no downcast to it",
        ),
        (
            [TO_TWO, Successor(older=TWO, newer=THREE, upcast=in_cents)],
            [ONE, THREE],
            f"{ONE} cannot be made of {THREE}",
        ),
        ([TO_TWO, TO_TWO], [ONE, TWO], "two versions follow the same one"),
    ],
)
def test_a_chain_that_is_not_whole_is_refused(
    successors: list[Successor], published: list[str], message: str
) -> None:
    with pytest.raises(BrokenChainError, match=message):
        Versions(successors, published)


def test_events_are_applied_in_the_newest_version() -> None:
    applied: list[Envelope] = []
    apply = VERSIONS.applying(lambda batch, _: applied.extend(batch))

    apply([an_event(), an_event("order.paid")], None)  # type: ignore[arg-type]

    assert [each.type for each in applied] == [THREE, "order.paid"]


def test_subscriptions_get_the_newest_version_only() -> None:
    delivered: list[Delivery] = []
    answers: list[str] = []
    forms = VERSIONS.published(an_event())

    only_newest(delivered.append, VERSIONS)(
        Delivery(forms, acknowledge=lambda: answers.append("well"))
    )

    (delivery,) = delivered
    assert [each.type for each in delivery.envelopes] == [THREE]
    delivery.acknowledge()
    assert answers == ["well"]


def test_versions_of_an_event_are_messages_of_their_own_in_a_stream() -> None:
    names = [message_id(each) for each in VERSIONS.published(an_event())]

    assert names == ["id.v3", "id.v2", "id"]


def test_a_feed_gives_the_newest_versions_and_leaves_the_unreadable() -> None:
    class Feed:
        source = "sales"

        def read(self, after: int, limit: int) -> list[Envelope]:
            return [an_event(), an_event(ONE, order="A")]

    feed = NewestFeed(Feed(), VERSIONS)  # type: ignore[arg-type]

    assert [each.type for each in feed.read(0, 10)] == [THREE, ONE]
