"""Shares what stands in streams among the members of a group, at least once.

For messages of other programs, and for programs that are told about every event.
"""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import structlog
import uuid_utils
from redis.exceptions import ResponseError

from shared_kernel.buses.patterns import matcher
from shared_kernel.buses.port import BusError, Deliver, Delivery
from shared_kernel.buses.redis.connection import RedisConnection
from shared_kernel.buses.redis.messages import Entry, entries, envelope_of
from shared_kernel.buses.redis.names import Names
from shared_kernel.buses.redis.reader import BLOCK_S

ACK_WAIT_S = 10.0
"""After this long without an answer an entry is delivered again, to any member."""
MOST = 500
LOOK_EVERY_S = 0.25
"""How often to look for new streams, and for entries without an answer."""
FIRST_DELAY_S, MAX_DELAY_S = 0.1, 5.0
_LONG_MS = 3_600_000
"""As if it had been without an answer for an hour: the next member takes it at once."""

_log = structlog.get_logger(__name__)


class Sharing:
    """A member of the group `group` for `pattern`.

    A group begins with what is added after its first member has joined, and waits for
    its members from then on.
    """

    def __init__(
        self,
        connection: RedisConnection,
        names: Names,
        pattern: str,
        group: str,
        deliver: Deliver,
        ack_wait_s: float = ACK_WAIT_S,
    ) -> None:
        self._connection = connection
        self._names = names
        self._pattern = pattern
        self._matches = matcher(pattern)
        # Members of a group that want something else do not share with these.
        self._group = f"{group}.{pattern}"
        self._deliver = deliver
        self._ack_wait_ms = int(ack_wait_s * 1000)
        self._me = str(uuid_utils.uuid7())
        self._streams: set[str] = set()
        self._has_begun = False
        self._look_at = 0.0
        self._left = threading.Event()
        self._not_delivered: list[tuple[str, bytes]] = []

    def begin(self, client: Any) -> None:
        """Join the group of each stream; Redis may have lost all of them."""
        self._streams.clear()
        self._look(client)

    def read(self, client: Any) -> None:
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_EVERY_S
            self._look(client)
            self._take_over(client)
        if not self._streams:
            self._left.wait(LOOK_EVERY_S)
            return
        wait_s = min(LOOK_EVERY_S, BLOCK_S)
        answer = client.xreadgroup(
            self._group,
            self._me,
            dict.fromkeys(sorted(self._streams), ">"),
            count=MOST,
            block=int(wait_s * 1000),
        )
        for stream, found in entries(answer):
            self._bring(client, stream, found)

    def leave(self) -> None:
        """Deliver nothing from now on."""
        self._left.set()

    def give_back(self, client: Any) -> None:
        """What was delivered will still be answered."""
        for stream, id_ in self._not_delivered:
            self._free(client, stream, id_, _LONG_MS)

    def _look(self, client: Any) -> None:
        streams = self._matching(client.smembers(self._names.streams))
        for stream in sorted(streams - self._streams):
            # A stream that appears later is new: nothing of it is to be missed.
            first = "0" if self._has_begun else "$"
            try:
                client.xgroup_create(stream, self._group, id=first, mkstream=True)
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise
            self._streams.add(stream)
            self._forget_members(client, stream)
        self._has_begun = True

    def _matching(self, registered: Sequence[bytes]) -> set[str]:
        """The streams of events that match, and that of messages of other programs."""
        found = set()
        for each in registered:
            type_, _, stream = each.decode("utf-8", "replace").partition(" ")
            if self._matches(type_):
                found.add(stream)
        if not {"*", ">"} & set(self._pattern.split(".")):
            found.add(self._names.subject(self._pattern))
        return found

    def _take_over(self, client: Any) -> None:
        for stream in self._streams:
            answer = client.xautoclaim(
                stream, self._group, self._me, self._ack_wait_ms, count=MOST
            )
            # What was trimmed has no fields any more.
            if found := [entry for entry in answer[1] if entry[1]]:
                self._bring(client, stream, found)

    def _bring(self, client: Any, stream: str, found: Sequence[Entry]) -> None:
        subject = self._names.subject_of(stream)
        named = {id_: envelope_of(subject, (id_, fields)) for id_, fields in found}
        wanted = [id_ for id_, each in named.items() if self._matches(each.type)]
        if ignored := named.keys() - set(wanted):
            client.xack(stream, self._group, *ignored)
        if self._left.is_set():
            self._not_delivered += [(stream, id_) for id_ in wanted]
            return
        if not wanted:
            return
        reject = partial(self._reject, stream, wanted)
        try:
            self._deliver(
                Delivery(
                    [named[id_] for id_ in wanted],
                    acknowledge=partial(self._acknowledge, stream, wanted),
                    reject=reject,
                )
            )
        except Exception:  # noqa: BLE001 - the next delivery may be better
            _log.exception("delivery failed", stream=stream, group=self._group)
            reject()

    def _acknowledge(self, stream: str, ids: Sequence[bytes]) -> None:
        # What is not acknowledged is delivered again.
        with suppress(BusError):
            self._connection.ask(lambda c: c.xack(stream, self._group, *ids))

    def _reject(self, stream: str, ids: Sequence[bytes]) -> None:
        """Deliver them again, with a longer delay each time."""
        with suppress(BusError):
            self._connection.ask(partial(self._delay, stream, ids))

    def _delay(self, stream: str, ids: Sequence[bytes], client: Any) -> None:
        for id_ in ids:
            held = client.xpending_range(stream, self._group, id_, id_, 1)
            times = held[0]["times_delivered"] if held else 1
            delay_s = min(FIRST_DELAY_S * 2 ** (min(times, 16) - 1), MAX_DELAY_S)
            idle_ms = max(0, self._ack_wait_ms - int(delay_s * 1000))
            self._free(client, stream, id_, idle_ms)

    def _free(self, client: Any, stream: str, id_: bytes, idle_ms: int) -> None:
        """Have it count as without an answer for `idle_ms`."""
        client.xclaim(
            stream, self._group, self._me, 0, [id_], idle=idle_ms, justid=True
        )

    def _forget_members(self, client: Any, stream: str) -> None:
        """Those that hold nothing and have not been there for an hour."""
        for each in client.xinfo_consumers(stream, self._group):
            if not each["pending"] and each["idle"] > _LONG_MS:
                client.xgroup_delconsumer(stream, self._group, each["name"])
