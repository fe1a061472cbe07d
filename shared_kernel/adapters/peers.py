"""Other processes of Storehouse, asked over HTTP.

PeerError (a fault of the infrastructure, like any ConnectionError)
├── PeerUnavailableError   it does not answer
└── StrangePeerError       something else answers at its address
"""

import contextlib
from collections.abc import Mapping

import msgspec
import structlog
import urllib3
from circuitbreaker import CircuitBreaker, CircuitBreakerError
from urllib3.exceptions import HTTPError

from shared_kernel.adapters.unit_of_work import current_traceparent
from shared_kernel.events.cloud_events import InvalidCloudEventError, from_batch
from shared_kernel.events.consistency import Behind, ReadModelBehindError
from shared_kernel.events.envelope import Envelope

ATTEMPTS = 3
BACKOFF_S = 0.05
FAILURES_UNTIL_OPEN = 5
OPEN_S = 1.0
MOST_EVENTS = 1000

_log = structlog.get_logger(__name__)


class PeerError(ConnectionError):
    """`peer` is the service that was asked."""

    def __init__(self, peer: str, message: str) -> None:
        super().__init__(message)
        self.peer = peer


class PeerUnavailableError(PeerError):
    """Trying again later is right."""


class StrangePeerError(PeerError):
    """The address has to be mended; the message says how."""


class Peer:
    """The process at `url` that runs the service `name`. Safe for all threads.

    Each attempt takes `timeout_s` at the most. A request that fails is made again,
    twice, with backoff and jitter. After five failures in a row the breaker opens: for
    a second every request fails at once, then one is let through to see.
    """

    def __init__(self, name: str, url: str, *, timeout_s: float = 1.0) -> None:
        self.name = name
        self.url = url
        self._timeout_s = timeout_s
        self._pool = urllib3.PoolManager(
            maxsize=16, headers={"User-Agent": "storehouse"}
        )
        self._retries = urllib3.Retry(
            total=ATTEMPTS - 1,
            redirect=False,
            status_forcelist=(502, 504),
            backoff_factor=BACKOFF_S,
            backoff_jitter=BACKOFF_S,
            raise_on_status=False,
        )
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
    ) -> urllib3.BaseHTTPResponse:
        """`patience_s` is how long the peer was asked to wait. Raises PeerError."""
        try:
            response: urllib3.BaseHTTPResponse = self._breaker.call(
                self._get, path, dict(headers or {}), patience_s
            )
        except CircuitBreakerError as error:
            raise self._unavailable("it has not answered for a while") from error
        return response

    def expect(self, service: str) -> None:
        """Look whether `service` runs there; a peer that is away is not waited for.

        Raises StrangePeerError.
        """
        try:
            response = self.get("/healthz")
        except PeerUnavailableError as error:
            _log.warning("peer does not answer yet", peer=self.name, error=str(error))
            return
        with contextlib.suppress(msgspec.DecodeError):
            if service in msgspec.json.decode(response.data, type=_Alive).services:
                return
        raise self.strange(response, "GET /healthz")

    def wait_for(self, path: str, token: Mapping[str, int], timeout_s: float) -> None:
        """Return once what is at `path` shows all of `token`.

        Raises ReadModelBehindError and PeerError.
        """
        asked = ",".join(f"{source}:{position}" for source, position in token.items())
        response = self.get(path, {"Consistency-Token": asked}, patience_s=timeout_s)
        if response.status == 503:
            raise self.behind(response)
        if response.status != 200:
            raise self.strange(response, f"GET {path}")

    def behind(self, response: urllib3.BaseHTTPResponse) -> Exception:
        """What a 503 means."""
        with contextlib.suppress(msgspec.DecodeError):
            problem = msgspec.json.decode(response.data, type=_Behind)
            behind = Behind(problem.source, problem.wanted, problem.reached)
            return ReadModelBehindError(behind)
        return self._unavailable(f"it answered {response.status}")

    def strange(
        self, response: urllib3.BaseHTTPResponse, asked: str
    ) -> StrangePeerError:
        kind = response.headers.get("Content-Type", "nothing")
        return StrangePeerError(
            self.name,
            f"{self.url} answers {asked} with {response.status} {kind}, not as a "
            f"Storehouse that runs {self.name}: mend the address of {self.name}",
        )

    def close(self) -> None:
        self._pool.clear()

    def _get(
        self, path: str, headers: dict[str, str], patience_s: float
    ) -> urllib3.BaseHTTPResponse:
        trace = current_traceparent.get()
        if trace is not None:
            headers["traceparent"] = trace
        try:
            return self._pool.request(
                "GET",
                self.url + path,
                headers=headers,
                retries=False if patience_s else self._retries,
                timeout=urllib3.Timeout(
                    connect=self._timeout_s, read=self._timeout_s + patience_s
                ),
            )
        except HTTPError as error:
            raise self._unavailable(_reason(error)) from error

    def _unavailable(self, why: str) -> PeerUnavailableError:
        return PeerUnavailableError(
            self.name, f"{self.name} does not answer at {self.url}: {why}"
        )


class HttpEventFeed:
    """The log of `source`, which `peer` has."""

    def __init__(self, peer: Peer, source: str) -> None:
        self._peer = peer
        self._source = source
        self._settled: tuple[str, int, int] = ("", 0, 0)

    @property
    def source(self) -> str:
        return self._source

    def read(self, after: int, limit: int) -> list[Envelope]:
        """Raises PeerError, like the rest."""
        return self._ask(f"after={after}&limit={min(limit, MOST_EVENTS)}")[0]

    def head(self) -> int:
        return self._ask("limit=0")[1][self._source]

    def wait_for_events(
        self, after: int, limit: int, wait_s: int
    ) -> tuple[list[Envelope], int]:
        """What stands behind `after`, as soon as there is any, and the log's head."""
        batch, token = self._ask(
            f"after={after}&limit={limit}&wait={wait_s}", patience_s=wait_s
        )
        return batch, token[self._source]

    def settled(self, position: int, timeout_s: float) -> int:
        """By where in this log all stands that the catalog's events caused.

        Those up to `position`. Raises ReadModelBehindError.
        """
        return self._ask(
            "limit=0",
            {"Consistency-Token": f"catalog:{position}"},
            patience_s=timeout_s,
        )[1][self._source]

    def _ask(
        self,
        query: str,
        headers: Mapping[str, str] | None = None,
        patience_s: float = 0.0,
    ) -> tuple[list[Envelope], dict[str, int]]:
        path = f"/events/{self._source}?{query}"
        response = self._peer.get(path, headers, patience_s=patience_s)
        if response.status == 503:
            raise self._peer.behind(response)
        try:
            token = response.headers["Consistency-Token"]
            places = {
                source: int(position)
                for source, _, position in (
                    part.partition(":") for part in token.split(",")
                )
            }
            places[self._source]
            return from_batch(response.data), places
        except (KeyError, ValueError, InvalidCloudEventError) as error:
            raise self._peer.strange(response, f"GET {path}") from error


class _Alive(msgspec.Struct):
    services: list[str]


class _Behind(msgspec.Struct):
    source: str
    wanted: int
    reached: int


def _reason(error: BaseException) -> str:
    """What the operating system said, if it said anything."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
        reason = getattr(cause, "reason", None)
        cause = reason if isinstance(reason, Exception) else cause.__cause__
    return "it takes too long" if isinstance(error, TimeoutError) else str(error)
