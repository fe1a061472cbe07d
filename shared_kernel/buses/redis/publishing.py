"""Appends events to the streams of their logs, under their positions."""

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from redis.exceptions import ResponseError

from shared_kernel.buses.broker import Broker
from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.redis.messages import envelope_of, fields_of, id_of
from shared_kernel.buses.redis.names import Names

MOST_HEARTBEATS = 100
TRIM_EVERY_S = 60.0
TRIM_PAGE = 1000
MOST_POSITION = 2**63 - 1
"""Of any log."""
DEFAULT_LIMIT = 512 * 2**20
_LIMIT = "proto-max-bulk-len"
_SPOILED = "WRONGTYPE", "exhausted"
"""In the errors of XADD and SADD for a key that others have made unusable."""
_TAKEN = "equal or smaller"
"""In the error of XADD for an id that is not above the newest one."""

_log = structlog.get_logger(__name__)


class Publisher:
    """Any thread may publish. A stream keeps its events for `max_age_s` seconds."""

    def __init__(self, broker: Broker, names: Names, max_age_s: float) -> None:
        self._broker = broker
        self._limit: int | None = None
        self._names = names
        self._max_age_s = max_age_s
        self._one_at_a_time = threading.Lock()
        self._trim_at: dict[str, float] = {}

    def publish(self, client: Any, batch: Sequence[Envelope]) -> None:
        """An event that the stream has already is not added again."""
        beats = [envelope for envelope in batch if envelope.is_heartbeat]
        events = [envelope for envelope in batch if not envelope.is_heartbeat]
        with self._one_at_a_time:
            try:
                events = [each for each in events if self._fits(client, each)]
                refused = self._append(client, events, beats)
                for envelope in refused:
                    self._append_at_the_end(client, envelope)
                self._trim(client, {self._names.stream_of(each) for each in events})
            except Exception as error:
                # It may come back with other settings.
                self._limit = None
                if any(each in str(error) for each in _SPOILED):
                    self._make_room(client, events)
                raise

    def _fits(self, client: Any, envelope: Envelope) -> bool:
        """Whether Redis takes it: if not, it would close the connection."""
        if self._limit is None:
            self._limit = most_bytes(client)
        size = len(envelope.data)
        if size > self._limit:
            self._broker.too_large(envelope, size, self._limit)
        return size <= self._limit

    def _make_room(self, client: Any, events: Sequence[Envelope]) -> None:
        """Delete what takes no entries any more: the logs have the events."""
        streams = {self._names.stream_of(each) for each in events}
        wanted = {
            self._names.streams: b"set",
            **dict.fromkeys({self._names.heartbeats, *streams}, b"stream"),
        }
        for key, kind in wanted.items():
            found = client.type(key)
            if found != kind or (kind == b"stream" and _is_exhausted(client, key)):
                _log.error("key is unusable: it is made anew", key=key)
                client.delete(key)

    def _append(
        self, client: Any, events: Sequence[Envelope], beats: Sequence[Envelope]
    ) -> list[Envelope]:
        """Return those that are refused: there are newer ones already."""
        places = {f"{e.type} {self._names.stream_of(e)}" for e in events}
        with client.pipeline(transaction=False) as pipeline:
            if places:
                pipeline.sadd(self._names.streams, *sorted(places))
            for beat in beats:
                pipeline.xadd(
                    self._names.heartbeats, fields_of(beat), maxlen=MOST_HEARTBEATS
                )
            # Versions of one event come in any order.
            ordered = sorted(events, key=_by_id)
            for envelope in ordered:
                stream = self._names.stream_of(envelope)
                pipeline.xadd(stream, fields_of(envelope), id=id_of(envelope))
            answers = pipeline.execute(raise_on_error=False)
        refused = []
        first = len(answers) - len(ordered)
        for error in answers[:first]:
            _raise(error)
        for envelope, answer in zip(ordered, answers[first:], strict=True):
            if isinstance(answer, ResponseError) and _TAKEN in str(answer):
                refused.append(envelope)
            else:
                _raise(answer)
        return refused

    def _append_at_the_end(self, client: Any, envelope: Envelope) -> None:
        """Unless it is there: then it was published before.

        A log that was restored from a backup gives positions once more, to other
        events: those stand behind the newest one, with its position as id.
        """
        stream, id_ = self._names.stream_of(envelope), id_of(envelope)
        there = client.xrange(stream, id_, id_)
        if there and envelope_of(stream, there[0]) == envelope:
            return
        # The newest entry may be deleted.
        newest = client.xinfo_stream(stream)["last-generated-id"]
        position = newest.decode().partition("-")[0]
        client.xadd(stream, fields_of(envelope), id=f"{position}-*")

    def _trim(self, client: Any, streams: set[str]) -> None:
        now = time.monotonic()
        for stream in streams:
            if now >= self._trim_at.get(stream, 0.0):
                self._trim_at[stream] = now + TRIM_EVERY_S
                trim(client, stream, time.time() - self._max_age_s)


def _is_exhausted(client: Any, stream: str) -> bool:
    last = client.xinfo_stream(stream)["last-generated-id"].decode()
    return int(last.partition("-")[0]) > MOST_POSITION


def most_bytes(client: Any) -> int:
    """How large a field may be; the default, where Redis does not tell."""
    try:
        found = client.config_get(_LIMIT)
    except ResponseError:
        return DEFAULT_LIMIT
    return int(found.get(_LIMIT, DEFAULT_LIMIT))


def trim(client: Any, stream: str, before_s: float) -> None:
    """Delete the events that were recorded before that time, a page at a time."""
    while oldest := client.xrange(stream, count=1):
        if not _is_before(stream, oldest[0], before_s):
            return
        page = client.xrange(stream, count=TRIM_PAGE)
        kept = [
            id_
            for id_, fields in page
            if not _is_before(stream, (id_, fields), before_s)
        ]
        if kept:
            client.xtrim(stream, minid=kept[0], approximate=False)
            return
        # The last one goes with the next page, or stays until there is a newer one.
        if len(page) == 1:
            return
        client.xtrim(stream, minid=page[-1][0], approximate=False)


def _is_before(
    stream: str, entry: tuple[bytes, Mapping[bytes, bytes]], s: float
) -> bool:
    return envelope_of(stream, entry).time_us < s * 1_000_000


def _by_id(envelope: Envelope) -> tuple[int, str]:
    return envelope.position, envelope.type


def _raise(answer: object) -> None:
    if isinstance(answer, Exception):
        raise answer
