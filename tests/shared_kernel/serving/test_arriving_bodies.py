"""Bodies in chunks: when they are complete, and when they are given up."""

import time
from collections.abc import Callable
from typing import IO

import attrs
import pytest

from shared_kernel.serving.arriving_bodies import (
    ArrivingBodies,
    BodyLimits,
    Chunk,
)
from shared_kernel.web.unreceived import Missing
from tests.files import files_that_cannot_grow_beyond

GIVEN_UP = Missing.LATE


@attrs.define(eq=False)
class Piece:
    """Fakes Granian's future."""

    data: bytes | None = None
    cancelled: bool = False
    callback: Callable[[Chunk], None] | None = None

    def done(self) -> bool:
        return self.data is not None

    def result(self) -> bytes:
        assert self.data is not None
        return self.data

    def cancel(self) -> bool:
        self.cancelled = True
        return True

    def add_done_callback(self, callback: Callable[[Chunk], None]) -> None:
        self.callback = callback


@attrs.define(eq=False)
class Client:
    """Sends `there` at once, and more on request."""

    there: list[bytes] = attrs.field(factory=list)
    ends: bool = False
    awaited: Piece | None = None

    def __aiter__(self) -> "Client":
        return self

    def __anext__(self) -> Chunk:
        if self.there:
            return Piece(self.there.pop(0))
        if self.ends:
            raise StopAsyncIteration
        self.awaited = Piece()
        return self.awaited

    def send(self, data: bytes) -> None:
        piece = self.awaited
        assert piece is not None
        assert piece.callback is not None
        piece.data = data
        piece.callback(piece)


class Ended(list[bytes | Missing]):
    """The bodies that were complete, or why there was none."""

    def add(self, body: IO[bytes] | Missing) -> None:
        if isinstance(body, Missing):
            self.append(body)
        else:
            with body:
                self.append(body.read())


def arriving(**limits: int) -> ArrivingBodies:
    return ArrivingBodies(BodyLimits(**limits))


@pytest.mark.parametrize("there", [[], [b"12"], [b"12", b"", b"34"], [b"1"] * 5])
def test_a_body_is_complete_at_its_length_however_it_is_chunked(
    there: list[bytes],
) -> None:
    bodies = Ended()
    client = Client([*there])
    missing = 6 - sum(map(len, there))

    arriving().await_one(client, 6, bodies.add)
    assert bodies == []
    client.send(b"#" * missing)

    assert bodies == [b"".join(there) + b"#" * missing]


def test_a_body_without_a_length_is_complete_at_its_end() -> None:
    bodies = Ended()

    arriving().await_one(Client([b"1", b"", b"2"], ends=True), None, bodies.add)

    assert bodies == [b"12"]


def test_a_body_that_breaks_off_has_the_bytes_received() -> None:
    bodies = Ended()

    arriving().await_one(Client([b"1"], ends=True), 2, bodies.add)

    assert bodies == [b"1"]


def test_a_body_is_not_read_beyond_the_limit() -> None:
    bodies = Ended()
    client = Client([b"12", b"34", b"56"])

    arriving(most_bytes=3).await_one(client, None, bodies.add)

    assert bodies == [b"1234"]
    assert client.there == [b"56"]


def test_beyond_the_total_limit_the_oldest_body_is_given_up() -> None:
    slow, quick = Ended(), Ended()
    bodies, slow_client, quick_client = arriving(most_held_bytes=10), Client(), Client()
    bodies.await_one(slow_client, 100, slow.add)
    slow_client.send(b"12345")
    bodies.await_one(quick_client, 10, quick.add)

    quick_client.send(b"123456")
    assert (slow, quick) == ([GIVEN_UP], [])
    assert slow_client.awaited is not None
    assert slow_client.awaited.cancelled
    quick_client.send(b"7890")

    assert (slow, quick) == ([GIVEN_UP], [b"1234567890"])


def test_finished_and_abandoned_bodies_are_not_counted() -> None:
    ended = Ended()
    bodies = arriving(most_held_bytes=10)

    for _ in range(100):
        bodies.await_one(Client([b"12345678"]), 8, ended.add)

    assert ended == [b"12345678"] * 100


def test_an_upload_may_be_longer_than_a_body_and_is_kept_on_disk() -> None:
    kept: list[IO[bytes] | Missing] = []
    client = Client([b"12345"])

    arriving(most_bytes=3, most_held_bytes=4).await_one(client, 8, kept.append, 10)
    client.send(b"678")

    (body,) = kept
    assert not isinstance(body, Missing)
    with body:
        assert body.fileno() > 0
        assert body.read() == b"12345678"


def test_an_upload_is_not_read_beyond_its_limit() -> None:
    bodies = Ended()
    client = Client([b"12345", b"67890", b"more"])

    arriving(most_bytes=3).await_one(client, None, bodies.add, 8)

    assert bodies == [b"1234567890"]
    assert client.there == [b"more"]


def test_uploads_are_not_given_up_for_the_memory_of_others() -> None:
    upload, ended = Ended(), Ended()
    bodies, client = arriving(most_held_bytes=10), Client()
    bodies.await_one(client, 20, upload.add, 20)
    client.send(b"1234567890")

    bodies.await_one(Client([b"12345678901"]), 20, ended.add)
    client.send(b"1234567890")

    assert (upload, ended) == ([b"1234567890" * 2], [GIVEN_UP])


@pytest.mark.parametrize("rest", [b"x" * 100_000, b"x" * 10])
def test_a_full_disk_ends_an_upload_and_closes_its_file(rest: bytes) -> None:
    """While it arrives, or when what is buffered is written at its end."""
    bodies, client = Ended(), Client([b"12345"])
    with files_that_cannot_grow_beyond(3):
        arriving().await_one(client, 5 + len(rest), bodies.add, 200_000)
        client.send(rest)

    assert bodies == [Missing.NO_ROOM]


def test_an_upload_has_as_long_as_another_body_for_each_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moving, stalled = Ended(), Ended()
    now_s = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    bodies, sender, silent = arriving(), Client(), Client()
    bodies.await_one(sender, 100, moving.add, 1000)
    bodies.await_one(silent, 100, stalled.add, 1000)

    for _ in range(10):
        now_s += 9
        bodies.give_up_the_late()
        sender.send(b"1234567890")

    assert moving == [b"1234567890" * 10]
    assert stalled == [GIVEN_UP]


def test_another_body_has_as_long_for_all_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended, now_s = Ended(), 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    bodies, sender = arriving(), Client()
    bodies.await_one(sender, 100, ended.add)

    for _ in range(2):
        now_s += 6
        sender.send(b"1234567890")
        bodies.give_up_the_late()

    assert ended == [GIVEN_UP]
