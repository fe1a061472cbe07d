"""The logs as feeds: CloudEvents in batches, with long polls."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping

import attrs
from flask import Response

from shared_kernel.buses.envelope import Envelope
from shared_kernel.doors.scopes import EVENTS
from shared_kernel.events.cloud_events import BATCH_MEDIA_TYPE, MOST_INTEGER, to_batch
from shared_kernel.events.consistency import Progress, Reader
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.versions import NEWEST, Versions
from shared_kernel.web.parameters import integer, read_query
from shared_kernel.web.problems import Problem, kind
from shared_kernel.web.reading import next_link, wait_until_visible
from shared_kernel.web.routes import Api, Success

POLL_S = 0.05
LOOK_S = 1.0

UNKNOWN_SOURCE = kind(
    "unknown-source", 404, "There is no such log", "`detail` names those there are."
)

_PAGE = (
    integer("after", "The position behind which to begin.", 0, 2**63 - 1, default=0),
    integer("limit", "How many at the most.", 0, 1000, default=100),
    integer("wait", "Seconds to wait for an event if there is none.", 0, 30, default=0),
    attrs.evolve(
        integer(
            "version",
            "Of events that have several versions: this one, or the nearest there is.",
            1,
            NEWEST,
            default=1,
        ),
        words={"newest": NEWEST},
    ),
)
EVENT = {
    "type": "object",
    "required": [
        "specversion",
        "id",
        "source",
        "type",
        "subject",
        "time",
        "datacontenttype",
        "position",
        "sequence",
        "key",
        "partitionkey",
        "data",
    ],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string"},
        "source": {"type": "string"},
        "type": {"type": "string"},
        "subject": {"type": "string"},
        "time": {"type": "string", "format": "date-time"},
        "datacontenttype": {"const": "application/json"},
        "position": {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": MOST_INTEGER},
                {"type": "string", "pattern": "^[0-9]+$"},
            ]
        },
        "sequence": {"type": "string", "pattern": "^[0-9]+$"},
        "key": {"type": "string"},
        "partitionkey": {"type": "string"},
        "log": {"type": "string"},
        "previous": {"type": "string"},
        "traceparent": {"type": "string"},
        "data": {"type": "object"},
    },
}


@attrs.frozen(kw_only=True)
class ServedLog:
    """A log, and how far it reflects the sources that its context follows.

    `followed` are those sources with their cursors; `ends` return the ends of those of
    their logs that can be asked.
    """

    log: EventLog
    followed: Mapping[str, Callable[[], int]]
    ends: Mapping[str, Callable[[], int]] = attrs.field(factory=dict)
    progress: Progress

    @property
    def token(self) -> str:
        """The log's head, and the positions of followed sources that it reflects."""
        # The followed positions are read first: the events they caused are at or below
        # the head, once they have positions.
        token = {source: reached() for source, reached in self.followed.items()}
        token[self.log.source] = self.log.settle()
        return ",".join(f"{source}:{position}" for source, position in token.items())

    @property
    def reader(self) -> Reader:
        cursors = {**self.followed, self.log.source: self.log.head}
        heads = {**self.ends, self.log.source: self.log.head}
        return Reader(cursors=cursors, heads=heads, progress=self.progress)


def add_feeds(
    api: Api,
    logs: Iterable[ServedLog],
    stopping: threading.Event,
    long_polls: int,
    consistency_timeout_ms: int,
    versions: Versions | None = None,
) -> None:
    """`GET /events/{source}` for each of `logs`.

    A long poll occupies a thread, so those beyond `long_polls` are answered at once;
    when `stopping` is set, all are.
    """
    by_source = {served.log.source: served for served in logs}
    preferably = (versions or Versions()).preferably
    sources = {*by_source, *(s for each in by_source.values() for s in each.followed)}
    vacant = threading.BoundedSemaphore(long_polls)

    @api.route(
        "GET",
        "/events/<source>",
        summary="Read a log as a feed",
        scope=EVENTS,
        peers=True,
        parameters=_PAGE,
        consistent=sources,
        problems=(UNKNOWN_SOURCE,),
        success=Success(
            description="A batch of CloudEvents, in order.",
            schema={"type": "array", "items": EVENT},
            media_type=BATCH_MEDIA_TYPE,
            headers={
                "Link": "Where to go on.",
                "Consistency-Token": "How far the log goes, and how far it reflects "
                "what its context follows.",
            },
        ),
    )
    def read_feed(source: str) -> Response:
        """Follow `Link: rel="next"`, also from an empty batch: new events come there.

        With `wait`, an empty batch is answered only when the time is up. With a
        `Consistency-Token`, nothing is answered before the log reflects it. Events are
        answered in their first version, as long as that is published, unless another
        `version` is asked for.
        """
        asked = read_query(_PAGE)
        served = by_source.get(source)
        if served is None:
            raise unknown_source(source, by_source)
        feed = served.log
        wait_until_visible(served.reader, consistency_timeout_ms, sources=sources)
        # The token is read before the events: it may be behind them, but never ahead.
        token = served.token
        batch = feed.read(asked["after"], asked["limit"])
        if not batch and asked["wait"] and vacant.acquire(blocking=False):
            try:
                batch = _wait_for_events(served, asked, stopping)
                token = served.token
            finally:
                vacant.release()
        following = asked | {"after": batch[-1].position} if batch else asked
        version = asked["version"]
        if version == 1:
            del following["version"]
        elif version == NEWEST:
            following["version"] = "newest"
        return Response(
            to_batch([preferably(envelope, version) for envelope in batch]),
            headers={**next_link(**following), "Consistency-Token": token},
            content_type=BATCH_MEDIA_TYPE,
        )


def unknown_source(source: str, known: Iterable[str]) -> Problem:
    named = ", ".join(known) or "those that other processes have"
    return Problem(UNKNOWN_SOURCE, f"{source!r} is none of {named}")


def _wait_for_events(
    served: ServedLog, asked: dict[str, int], stopping: threading.Event
) -> list[Envelope]:
    """Wait for events, the end of the time asked for, or the end of the process."""
    deadline = time.monotonic() + asked["wait"]
    log, progress = served.log, served.progress
    # Other processes write to the log too. For a file, only polling the database shows
    # it.
    look_s = LOOK_S if log.announces else POLL_S
    seen = progress.count
    while not stopping.is_set():
        batch = log.read(asked["after"], asked["limit"])
        left_s = deadline - time.monotonic()
        if batch or left_s <= 0:
            return batch
        progress.pause(seen, min(look_s, left_s))
        seen = progress.count
    return []
