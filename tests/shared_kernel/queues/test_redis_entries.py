"""The URL of a queue, what is read from Redis, and what is needed for it."""

import sys
from uuid import UUID

import pytest
import uuid_utils

from shared_kernel.buses.redis.address import RedisAddress
from shared_kernel.queues.port import Message, QueueMisconfiguredError
from shared_kernel.queues.redis.entries import (
    UnreadableEntryError,
    entry_for_others,
    entry_of_row,
    read,
)
from shared_kernel.queues.redis.link import open_link
from shared_kernel.queues.url import queue_url
from tests.shared_kernel.queues.rmq import written


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://host", "redis://host:6379/0"),
        ("redis://host/", "redis://host:6379/0"),
        ("redis://host/1", "redis://host:6379/1"),
        ("redis://:secret@host:7000/15", "redis://host:7000/15"),
        ("rediss://shop:secret@host/1", "rediss://host:6379/1"),
        ("redis://[::1]:7000/1", "redis://[::1]:7000/1"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    address = RedisAddress.of(url)

    assert queue_url(url) == url
    assert address.shown == shown
    assert "secret" not in repr(address)


def test_user_and_password_may_hold_any_character() -> None:
    address = RedisAddress.of("redis://a%40b:p%2Fw%3A%25@host")

    assert (address.user, address.password) == ("a@b", "p/w:%")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sql",
        "sql:x",
        "redis:",
        "redis://",
        "redis:///1",
        "redis://host/shop",
        "redis://host/1/2",
        "redis://host/-1",
        "redis://host/١",
        "redis://host:0",
        "redis://host:70000",
        "redis://host?db=1",
        "redis://host/1#a",
        "unix:///run/redis.sock",
        "http://host",
        "redis://[::1",
    ],
)
def test_any_other_url_is_refused_with_what_is_accepted(url: str) -> None:
    with pytest.raises(ValueError, match="sql:, or a Redis URL such as redis://host"):
        queue_url(url)


def test_without_a_redis_it_is_the_rows_alone() -> None:
    assert queue_url("sql:") == "sql:"


def test_without_the_extra_the_message_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)

    with pytest.raises(QueueMisconfiguredError) as refused:
        open_link("redis://:secret@host/1")

    assert str(refused.value) == (
        "redis://host:6379/1 needs the extra `redis`: pip install 'storehouse[redis]'"
    )


def test_the_chapters_message_is_read() -> None:
    entry = read(written("new.product", '{"sku": "LAMP-0001"}'))

    assert (entry.name, entry.payload) == ("new.product", '{"sku": "LAMP-0001"}')
    assert entry.row_of is None
    assert entry.id.isdecimal()


def test_ours_is_read_by_all_and_says_whose_row_it_is() -> None:
    message = Message(id=str(uuid_utils.uuid7()), name="greet", payload="é\n")

    entry = read(entry_of_row(message, "shop"))

    assert (entry.id, entry.name, entry.payload) == (message.id, "greet", "é\n")
    assert entry.row_of == "shop"


def test_for_others_it_is_the_chapters_form() -> None:
    message = Message(id=str(uuid_utils.uuid7()), name="greet", payload="a")

    raw = entry_for_others(message)

    entry = read(raw)
    assert b"row_of" not in raw
    assert UUID(int=int(entry.id)) == UUID(message.id)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not json",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"id": "1", "name": "n"}',
        b'{"id": 1, "name": "n", "payload": "p"}',
        b'{"id": "1", "name": "n", "payload": {}}',
        b'{"id": "1", "name": "n", "payload": "\xff"}',
        b'{"id": "1", "name": "n", "payload": "\\ud800"}',
        b'{"id": "1", "name": "n", "payload": "\\u0000"}',
        b'{"id": "1", "name": "n", "payload": "p", "more": %b}' % (b"[" * 100_000),
    ],
    ids=lambda raw: raw[:48].decode(errors="replace") or "empty",
)
def test_what_no_database_could_hold_is_unreadable(raw: bytes) -> None:
    with pytest.raises(UnreadableEntryError):
        read(raw)
