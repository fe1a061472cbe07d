"""Other processes of Storehouse, asked over HTTP.

PeerError (a fault of the infrastructure, like any ConnectionError)
├── PeerUnavailableError   it does not answer
└── StrangePeerError       something else answers at its address
"""

import contextlib
import itertools
import random
import threading
import time
from collections.abc import Callable, Mapping

import flask
import msgspec
import structlog
import urllib3
from circuitbreaker import CircuitBreaker
from urllib3.exceptions import EmptyPoolError, HTTPError, ProtocolError
from urllib3.exceptions import TimeoutError as TooLateError

from shared_kernel.adapters.unit_of_work import current_traceparent
from shared_kernel.adapters.web.tracing import traceparent
from shared_kernel.events.cloud_events import BATCH_MEDIA_TYPE, from_batch
from shared_kernel.events.consistency import Behind, ReadModelBehindError
from shared_kernel.events.envelope import Envelope

ATTEMPTS = 3
BACKOFF_S = 0.1
FAILURES_UNTIL_OPEN = 5
OPEN_S = 1.0
MOST_CONNECTIONS = 32
MOST_EVENTS = 1000
ORIGIN = "catalog"
"""The source whose events cause events in others."""

_HEADERS = {
    "User-Agent": "storehouse",
    "Accept": f"application/json, {BATCH_MEDIA_TYPE}",
}

_log = structlog.get_logger(__name__)


class PeerError(ConnectionError):
    """`peer` is the service that was asked. The message is a line."""

    def __init__(self, peer: str, message: str) -> None:
        super().__init__(message)
        self.peer = peer


class PeerUnavailableError(PeerError):
    """Trying again later is right."""

    def __init__(self, peer: str, url: str, reason: str) -> None:
        super().__init__(peer, f"{peer} does not answer at {url}: {reason}")
        self.reason = reason


class StrangePeerError(PeerError):
    """The address has to be mended; the message says how."""

    def __init__(self, peer: str, url: str, found: str) -> None:
        setting = f"{peer.partition('-')[0].upper()}_URL"
        super().__init__(
            peer,
            f"{setting} is {url}, which {found}: "
            f"expected a Storehouse process that runs {peer}",
        )


class Peer:
    """The process at `url` that runs the service `name`. Safe for all threads.

    An attempt takes `timeout_s` at the most. What fails is attempted again, at most
    twice, with backoff and jitter, unless twice that time has passed. After five
    failures in a row the breaker opens: for a second every request fails at once, and
    then one alone finds out whether the peer is back.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        timeout_s: float = 1.0,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self.url = url
        self._timeout_s = timeout_s
        self._jitter = jitter
        self._closing = threading.Event()
        self._pool = urllib3.PoolManager(maxsize=MOST_CONNECTIONS, block=True)
        self._trying = threading.Lock()
        self._breaker = CircuitBreaker(
            failure_threshold=FAILURES_UNTIL_OPEN,
            recovery_timeout=OPEN_S,
            expected_exception=PeerUnavailableError,
            name=f"{name} at {url}",
        )

    def get(
        self,
        path: str,
        headers: Mapping[str, str] | None = None,
        *,
        patience_s: float = 0.0,
        attempts: int = ATTEMPTS,
    ) -> urllib3.BaseHTTPResponse:
        """An answer, of whatever status below 500.

        `patience_s` is how long the peer was asked to wait, so much longer an attempt
        may take. Raises PeerUnavailableError and, if the peer says so,
        ReadModelBehindError.
        """
        asked = (path, {**_HEADERS, **_trace(), **(headers or {})})
        breaker = self._breaker
        if breaker.closed:
            return self._through_breaker(*asked, patience_s, attempts)
        # Whoever does not try need not wait with the one who does.
        if breaker.opened or not self._trying.acquire(blocking=False):
            last = breaker.last_failure
            raise self._unavailable(last.reason if last else "it is being tried")
        try:
            return self._through_breaker(*asked, patience_s, attempts)
        finally:
            self._trying.release()

    def expect(self, service: str) -> None:
        """Look whether `service` runs there; a peer that is away is not waited for.

        Raises StrangePeerError.
        """
        try:
            response = self.get("/healthz")
        except PeerUnavailableError as error:
            _log.warning("peer does not answer yet", peer=self.name, error=str(error))
            return
        try:
            running = msgspec.json.decode(response.data, type=_Alive).services
        except ValueError as error:
            raise self.strange(response, "GET /healthz") from error
        if service not in running:
            found = f"runs {', '.join(running) or 'nothing'}"
            raise StrangePeerError(self.name, self.url, found)

    def wait_for(self, path: str, token: Mapping[str, int], timeout_s: float) -> None:
        """Return once what is at `path` shows all of `token`.

        Raises ReadModelBehindError and PeerError.
        """
        response = self.get(path, _consistency(token), patience_s=timeout_s)
        if response.status != 200:
            raise self.strange(response, f"GET {path}")

    def strange(
        self, response: urllib3.BaseHTTPResponse, asked: str
    ) -> StrangePeerError:
        kind = response.headers.get("Content-Type", "nothing")
        found = f"answers {asked} with {response.status} {kind}"
        return StrangePeerError(self.name, self.url, found)

    def close(self) -> None:
        """Nothing is attempted again from now on."""
        self._closing.set()
        self._pool.clear()

    def _through_breaker(
        self, path: str, headers: dict[str, str], patience_s: float, attempts: int
    ) -> urllib3.BaseHTTPResponse:
        response: urllib3.BaseHTTPResponse = self._breaker.call(
            self._insist, path, headers, patience_s, attempts
        )
        return response

    def _insist(
        self, path: str, headers: dict[str, str], patience_s: float, attempts: int
    ) -> urllib3.BaseHTTPResponse:
        deadline = time.monotonic() + patience_s + 2 * self._timeout_s
        for attempt in itertools.count(1):
            left_s = deadline - time.monotonic()
            try:
                return self._attempt(path, headers, patience_s, left_s)
            except PeerUnavailableError:
                at_most_s = BACKOFF_S * 2 ** (attempt - 1)
                pause_s = at_most_s * (0.5 + self._jitter() / 2)
                if attempt >= attempts or time.monotonic() + pause_s >= deadline:
                    raise
                if self._closing.wait(pause_s):
                    raise
        raise AssertionError

    # urllib3's own retries know no time in all, and write lines of their own to stderr.
    def _attempt(
        self, path: str, headers: dict[str, str], patience_s: float, left_s: float
    ) -> urllib3.BaseHTTPResponse:
        try:
            response = self._pool.request(
                "GET",
                self.url + path,
                headers=headers,
                redirect=False,
                retries=False,
                pool_timeout=self._timeout_s,
                timeout=urllib3.Timeout(
                    connect=min(self._timeout_s, left_s),
                    total=min(self._timeout_s + patience_s, left_s),
                ),
            )
        except HTTPError as error:
            raise self._unavailable(_reason(error)) from error
        if response.status < 500:
            return response
        with contextlib.suppress(ValueError):
            problem = msgspec.json.decode(response.data, type=_ReadModelBehind)
            behind = Behind(problem.source, problem.wanted, problem.reached)
            raise ReadModelBehindError(behind)
        raise self._unavailable(f"status {response.status}")

    def _unavailable(self, reason: str) -> PeerUnavailableError:
        return PeerUnavailableError(self.name, self.url, reason)


class HttpEventFeed:
    """The log of `source`, which `peer` has."""

    def __init__(self, peer: Peer, source: str) -> None:
        self._peer = peer
        self._source = source
        # How far it has followed the origin, and by where all stands that this caused.
        self._settled = (0, 0)

    @property
    def source(self) -> str:
        return self._source

    def read(self, after: int, limit: int) -> list[Envelope]:
        """A thousand at the most. Raises PeerError, like the rest."""
        return self._ask(f"after={after}&limit={min(limit, MOST_EVENTS)}")[0]

    def head(self) -> int:
        return self._ask("limit=0")[1]

    def wait_for_events(
        self, after: int, limit: int, wait_s: int
    ) -> tuple[list[Envelope], int]:
        """What stands behind `after`, as soon as there is any, and the log's head.

        After `wait_s`, or if the peer cannot keep anybody waiting, nothing.
        """
        query = f"after={after}&limit={min(limit, MOST_EVENTS)}&wait={wait_s}"
        return self._ask(query, patience_s=wait_s, attempts=1)

    def settled(self, position: int, timeout_s: float) -> int:
        """By where in this log all stands that the catalog's events caused.

        Those up to `position`. Raises ReadModelBehindError.
        """
        followed, head = self._settled
        if position <= followed:
            return head
        token = _consistency({ORIGIN: position})
        return self._ask("limit=0", token, patience_s=timeout_s)[1]

    def _ask(
        self,
        query: str,
        headers: Mapping[str, str] | None = None,
        *,
        patience_s: float = 0.0,
        attempts: int = ATTEMPTS,
    ) -> tuple[list[Envelope], int]:
        """A batch and the log's head."""
        path = f"/events/{self._source}?{query}"
        response = self._peer.get(
            path, headers, patience_s=patience_s, attempts=attempts
        )
        try:
            reached = _positions(response.headers["Consistency-Token"])
            head = reached[self._source]
            batch = from_batch(response.data)
        except (KeyError, ValueError) as error:
            raise self._peer.strange(response, f"GET {path}") from error
        self._settled = max(self._settled, (reached.get(ORIGIN, 0), head))
        return batch, head


class _Alive(msgspec.Struct):
    services: list[str]


class _ReadModelBehind(
    msgspec.Struct, tag_field="type", tag="/problems/read-model-behind"
):
    source: str
    wanted: int
    reached: int


def _trace() -> dict[str, str]:
    """The trace of what is executed here, or else of the request that is answered."""
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


def _reason(error: HTTPError) -> str:
    """What the operating system said, if it said anything."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
        cause = cause.__cause__ or cause.__context__
    match error:
        case EmptyPoolError():
            return "all connections to it are busy"
        case TooLateError():
            return "it takes too long"
        case ProtocolError():
            return "it broke off"
        case _:
            return " ".join(str(error).split())
