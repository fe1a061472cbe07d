"""Requests to other processes of Storehouse over HTTP.

PeerError (an infrastructure fault, like any ConnectionError)
├── PeerUnavailableError   it does not answer
└── StrangePeerError       something else answers at its address
"""

import random
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import flask
import msgspec
import structlog
from circuitbreaker import CircuitBreaker

from shared_kernel.buses.envelope import Envelope
from shared_kernel.events.cloud_events import from_batch
from shared_kernel.events.event_log import Mark
from shared_kernel.events.identity import LogKeys
from shared_kernel.events.unit_of_work import current_traceparent
from shared_kernel.web.attempts import Attempts, NoAnswerError, Response
from shared_kernel.web.tracing import traceparent

ATTEMPTS = 3
FAILURES_UNTIL_OPEN = 5
OPEN_S = 1.0
MOST_EVENTS = 1000

B = TypeVar("B", bound=msgspec.Struct)

_log = structlog.get_logger(__name__)


class PeerError(ConnectionError):
    """`peer` is the name of the service. The message is one line."""

    def __init__(self, peer: str, message: str) -> None:
        super().__init__(message)
        self.peer = peer


class PeerUnavailableError(PeerError):
    """Transient: a later retry may succeed."""

    def __init__(self, peer: str, url: str, reason: str) -> None:
        super().__init__(peer, f"{peer} does not answer at {url}: {reason}")
        self.reason = reason


class StrangePeerError(PeerError):
    """The address in the settings is wrong; the message says how to fix it."""

    def __init__(self, peer: str, url: str, found: str) -> None:
        setting = f"{peer.partition('-')[0].upper()}_URL"
        super().__init__(
            peer,
            f"{setting} is {url}, which {found}: "
            f"expected a Storehouse process that runs {peer}",
        )


class Peer:
    """The process at `url` that runs the service `name`. Thread-safe.

    An attempt waits at most `timeout_s`. Failed attempts are retried at most twice,
    with backoff and jitter, unless twice that time has passed. `token` is the secret
    that the processes of one Storehouse share. After five failures in a row the circuit
    breaker opens: for a second every request fails at once, and then a single request
    tests whether the peer is back.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        timeout_s: float = 1.0,
        jitter: Callable[[], float] = random.random,
        token: str | None = None,
    ) -> None:
        self.name = name
        self._token = token
        self.url = url
        self._attempts = Attempts(url, timeout_s, jitter)
        self._trying = threading.Lock()
        self._breaker = CircuitBreaker(
            failure_threshold=FAILURES_UNTIL_OPEN,
            recovery_timeout=OPEN_S,
            expected_exception=NoAnswerError,
            name=f"{name} at {url}",
        )

    def get(
        self,
        path: str,
        headers: Mapping[str, str] | None = None,
        *,
        wait_s: float = 0.0,
        attempts: int = ATTEMPTS,
    ) -> Response:
        """A response with any status below 500.

        `wait_s` is how long the peer is asked to wait; an attempt may take longer by
        that time. Raises PeerUnavailableError and, if the peer says so,
        ReadModelBehindError.
        """
        try:
            return self._guarded(
                path, {**_trace(), **(headers or {})}, wait_s, attempts
            )
        except NoAnswerError as error:
            raise PeerUnavailableError(self.name, self.url, str(error)) from error

    @property
    def credentials(self) -> dict[str, str]:
        """Headers that authenticate this process, for requests reserved to peers."""
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}

    def expect(self, service: str) -> None:
        """Check that `service` runs there; an unreachable peer is only logged.

        Raises StrangePeerError.
        """
        try:
            self.alive(service)
        except PeerUnavailableError as error:
            _log.warning("peer does not answer yet", peer=self.name, error=str(error))

    def alive(self, service: str) -> "AliveBody":
        """What runs there, `service` among it. Raises PeerError."""
        body = self.read("/healthz", AliveBody)
        if service not in body.services:
            found = f"runs {', '.join(body.services) or 'nothing'}"
            raise StrangePeerError(self.name, self.url, found)
        return body

    def read(self, path: str, body: type[B]) -> B:
        """The document at `path`. Raises PeerError."""
        return self.document(path, self.get(path), body)

    def find(self, path: str, body: type[B]) -> B | None:
        """The document at `path`, if there is one. Raises PeerError."""
        response = self.get(path)
        return None if response.status == 404 else self.document(path, response, body)

    def document(self, path: str, response: Response, body: type[B]) -> B:
        """The body of `response`, which answers `path`. Raises StrangePeerError."""
        try:
            if response.status != 200:
                raise ValueError(response.status)
            return msgspec.json.decode(response.data, type=body)
        except ValueError as error:
            raise self.strange(response, f"GET {path}") from error

    def wait_for(self, path: str, token: Mapping[str, int], timeout_s: float) -> None:
        """Return once the resource at `path` reflects all of `token`.

        Raises ReadModelBehindError and PeerError.
        """
        response = self.get(path, _consistency(token), wait_s=timeout_s)
        if response.status != 200:
            raise self.strange(response, f"GET {path}")

    def strange(self, response: Response, asked: str) -> StrangePeerError:
        kind = response.headers.get("Content-Type", "nothing")
        found = f"answers {asked} with {response.status} {kind}"
        return StrangePeerError(self.name, self.url, found)

    def close(self) -> None:
        """Nothing is attempted again from now on."""
        self._attempts.close()

    def _guarded(self, *request: Any) -> Response:
        breaker = self._breaker
        # The breaker's own `call` lets all requests through, whatever its state.
        if breaker.closed:
            return self._through_breaker(*request)
        # Requests that are not the test need not wait for it.
        if breaker.opened or not self._trying.acquire(blocking=False):
            raise NoAnswerError(str(breaker.last_failure or "it is being tried"))
        try:
            return self._through_breaker(*request)
        finally:
            self._trying.release()

    def _through_breaker(self, *request: Any) -> Response:
        response: Response
        response = self._breaker.call(self._attempts.get, *request)
        return response


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
        return self._fetch("keys", KeysBody, self._peer.credentials).keys()

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
        token = _consistency({origin: position})
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


class AliveBody(msgspec.Struct):
    """The body of `GET /healthz`. `peers` are the addresses it knows, by service."""

    services: list[str]
    peers: dict[str, str] = {}


def _trace() -> dict[str, str]:
    """The trace of the command being executed, or else of the current request."""
    trace = current_traceparent.get()
    if trace is None and flask.has_request_context():
        trace = traceparent()
    return {} if trace is None else {"traceparent": trace}


def _consistency(token: Mapping[str, int]) -> dict[str, str]:
    asked = ",".join(f"{source}:{position}" for source, position in token.items())
    return {"Consistency-Token": asked}


def _positions(token: str) -> dict[str, int]:
    """Raises ValueError."""
    parts = (part.partition(":") for part in token.split(","))
    return {source.strip(): int(position) for source, _, position in parts}
