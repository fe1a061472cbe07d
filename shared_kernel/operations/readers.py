"""Who reads a log, how far, and the keys of which it has to keep all events."""

from collections.abc import Iterable, Sequence

import msgspec
from flask import Response

from shared_kernel.dead_letters import discarded, edited, store
from shared_kernel.events.subscription import Subscription
from shared_kernel.runtime.service import Service
from shared_kernel.web.feed_http import UNKNOWN_SOURCE, unknown_source
from shared_kernel.web.parameters import read_query
from shared_kernel.web.routes import Api, Success

PATH = "/readers"


class Readers(msgspec.Struct, frozen=True):
    """Of one process.

    `read` has the position of each subscription, by name. `keys` have dead letters, or
    discarded or edited events: a rebuild needs the events before those.
    """

    read: dict[str, int]
    keys: list[str]


def readers_of(services: Iterable[Service], source: str) -> Readers:
    """Raises the faults of their databases."""
    here = [
        subscription
        for each in services
        for subscription in each.subscriptions
        if subscription.source == source
    ]
    read = {each.name: each.cursor.saved() for each in here}
    # After the cursors: a dead letter is stored before a cursor passes it.
    keys = {key for each in here for key in _withheld(each)}
    return Readers(read, sorted(keys))


def _withheld(reader: Subscription) -> set[str]:
    """Discarded ones last: a dead letter that is discarded meanwhile was seen."""
    with reader.cursor.database.reading() as connection:
        of = connection, reader.name, reader.source
        return store.blocked_keys(*of) | edited.keys(*of) | discarded.keys(*of)


def add_readers(api: Api, services: Sequence[Service]) -> None:
    known = sorted({of.source for each in services for of in each.subscriptions})

    @api.route(
        "GET",
        f"{PATH}/<source>",
        summary="Who reads a log",
        peers=True,
        problems=(UNKNOWN_SOURCE,),
        success=Success(description="Those of this process.", kind=Readers),
    )
    def readers(source: str) -> Response:
        """How far they have read, and the keys that a compaction must leave alone."""
        read_query(())
        if source not in known:
            raise unknown_source(source, known)
        found = msgspec.json.encode(readers_of(services, source))
        return Response(found, content_type="application/json")
