"""The log of another process, read over HTTP."""

from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from shared_kernel.buses.envelope import Envelope
from shared_kernel.events.cloud_events import from_batch
from shared_kernel.events.event_log import Mark
from shared_kernel.events.identity import LogKeys
from shared_kernel.web.peers import ATTEMPTS, Peer, PeerError, consistency_header

MOST_EVENTS = 1000

B = TypeVar("B", bound=msgspec.Struct)


def without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


class HttpEventFeed:
    """The log of `source`, which `peer` has."""

    def __init__(self, peer: Peer, source: str) -> None:
        self._peer = peer
        self._source = source
        # By origin: how far it has been followed there, and the position in this log up
        # to which all events that this caused are recorded.
        self._settled: dict[str, tuple[int, int]] = {}

    @property
    def source(self) -> str:
        return self._source

    @property
    def address(self) -> str:
        return without_credentials(self._peer.url)

    def read(self, after: int, limit: int) -> list[Envelope]:
        """At most a thousand. Raises PeerError, like the other methods."""
        return self._ask(f"after={after}&limit={min(limit, MOST_EVENTS)}")[0]

    def head(self) -> int:
        return self._ask("limit=0")[1]

    def wait_for_events(
        self, after: int, limit: int, wait_s: int
    ) -> tuple[list[Envelope], int]:
        """The events after position `after`, once there are any, and the log's head.

        No events after `wait_s`, or if the peer has no long poll free.
        """
        query = f"after={after}&limit={min(limit, MOST_EVENTS)}&wait={wait_s}"
        return self._ask(query, wait_s=wait_s, attempts=1)

    def mark(self, position: int) -> Mark:
        return self._fetch(f"log?position={position}", MarkBody).mark()

    def keys(self) -> LogKeys:
        return self._fetch("keys", KeysBody).keys()

    def _fetch(
        self, what: str, body: type[B], headers: Mapping[str, str] | None = None
    ) -> B:
        path = f"/events/{self._source}/{what}"
        response = self._peer.get(path, headers)
        if response.status == 403:
            raise PeerError(
                self._peer.name,
                f"{self._peer.name} does not tell this process its keys: set "
                "PEER_TOKEN to the same secret in both",
            )
        return self._peer.document(path, response, body)

    def settled(self, origin: str, position: int, timeout_s: float) -> int:
        """The position here up to which all events caused by `origin` are recorded.

        That is, by its events up to `position`. Raises ReadModelBehindError.
        """
        followed, head = self._settled.get(origin, (0, 0))
        if position <= followed:
            return head
        token = consistency_header({origin: position})
        return self._ask("limit=0", token, wait_s=timeout_s)[1]

    def _ask(
        self,
        query: str,
        headers: Mapping[str, str] | None = None,
        *,
        wait_s: float = 0.0,
        attempts: int = ATTEMPTS,
    ) -> tuple[list[Envelope], int]:
        """A batch and the log's head."""
        path = f"/events/{self._source}?{query}&version=newest"
        response = self._peer.get(path, headers, wait_s=wait_s, attempts=attempts)
        try:
            reached = _positions(response.headers["Consistency-Token"])
            head = reached[self._source]
            batch = from_batch(response.data)
        except (KeyError, ValueError) as error:
            raise self._peer.strange(response, f"GET {path}") from error
        # The lowest head that covers as much, so that requests do not wait for more.
        for origin, followed in reached.items():
            if followed > self._settled.get(origin, (0, 0))[0]:
                self._settled[origin] = (followed, head)
        return batch, head


class MarkBody(msgspec.Struct):
    """The body of `GET /events/{source}/log`. `digest` is hexadecimal."""

    log: str
    head: int
    digest: str | None

    def mark(self) -> Mark:
        """Raises ValueError."""
        digest = None if self.digest is None else bytes.fromhex(self.digest)
        return Mark(self.log, self.head, digest)


class KeysBody(msgspec.Struct):
    """The body of `GET /events/{source}/keys`."""

    log: str
    key: str
    former: str | None = None
    former_until: int | None = None
    relays: tuple[str, ...] = ()

    def keys(self) -> LogKeys:
        return LogKeys(self.log, self.key, self.former, self.former_until, self.relays)


def _positions(token: str) -> dict[str, int]:
    """Raises ValueError."""
    parts = (part.partition(":") for part in token.split(","))
    return {source.strip(): int(position) for source, _, position in parts}
