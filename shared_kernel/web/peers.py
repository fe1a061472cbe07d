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

from shared_kernel.events.unit_of_work import current_traceparent
from shared_kernel.web.attempts import Attempts, NoAnswerError, Response
from shared_kernel.web.tracing import traceparent

ATTEMPTS = 3
FAILURES_UNTIL_OPEN = 5
OPEN_S = 1.0

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
        self._credentials = {"Authorization": f"Bearer {token}"} if token else {}
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
                path,
                {**self._credentials, **_trace(), **(headers or {})},
                wait_s,
                attempts,
            )
        except NoAnswerError as error:
            raise PeerUnavailableError(self.name, self.url, str(error)) from error

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
        response = self.get(path, consistency_header(token), wait_s=timeout_s)
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


def consistency_header(token: Mapping[str, int]) -> dict[str, str]:
    asked = ",".join(f"{source}:{position}" for source, position in token.items())
    return {"Consistency-Token": asked}
