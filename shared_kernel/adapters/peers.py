"""Other processes of Storehouse, asked over HTTP."""

import random, time
from collections.abc import Mapping
import msgspec, urllib3
from circuitbreaker import CircuitBreaker, CircuitBreakerError
from shared_kernel.adapters.unit_of_work import current_traceparent

from_batch = None
from shared_kernel.events.consistency import Behind, ReadModelBehindError
from shared_kernel.events.envelope import Envelope


class PeerUnavailableError(ConnectionError):
    def __init__(self, peer, url, why):
        super().__init__(f"{peer} does not answer at {url}: {why}")
        self.peer = peer


class StrangePeerError(ConnectionError):
    pass


class Peer:
    def __init__(self, name: str, url: str, *, timeout_s: float = 1.0):
        self.name, self.url = name, url
        self._pool = urllib3.PoolManager(
            maxsize=8,
            retries=urllib3.Retry(
                total=2,
                backoff_factor=0.05,
                backoff_jitter=0.05,
                status_forcelist=(502, 504),
                raise_on_status=False,
            ),
            timeout=urllib3.Timeout(timeout_s),
        )
        self._breaker = CircuitBreaker(
            failure_threshold=5,
            recovery_timeout=1,
            expected_exception=PeerUnavailableError,
            name=name,
        )

    def get(self, path, headers: Mapping[str, str] | None = None, **more):
        try:
            return self._breaker.call(self._get, path, dict(headers or {}), **more)
        except CircuitBreakerError as e:
            raise PeerUnavailableError(
                self.name, self.url, "it has not answered for a while"
            ) from e

    def _get(self, path, headers, **more):
        trace = current_traceparent.get()
        if trace:
            headers["traceparent"] = trace
        try:
            return self._pool.request("GET", self.url + path, headers=headers, **more)
        except urllib3.exceptions.HTTPError as e:
            raise PeerUnavailableError(self.name, self.url, str(e)) from e

    def services(self):
        r = self.get("/healthz")
        try:
            return frozenset(msgspec.json.decode(r.data)["services"])
        except Exception as e:
            raise StrangePeerError(f"{self.url} answers, but is no Storehouse") from e

    def close(self):
        self._pool.clear()


class HttpEventFeed:
    def __init__(self, peer, source):
        self._peer, self.source = peer, source

    def _ask(self, query, headers=None, **more):
        r = self._peer.get(f"/events/{self.source}?{query}", headers, **more)
        if r.status == 503:
            p = msgspec.json.decode(r.data)
            if "wanted" in p:
                raise ReadModelBehindError(
                    Behind(p["source"], p["wanted"], p["reached"])
                )
        if r.status != 200:
            raise StrangePeerError(f"{self._peer.url} {r.status}")
        token = dict(p.split(":") for p in r.headers["Consistency-Token"].split(","))
        return r, int(token[self.source])

    def read(self, after, limit):
        return from_batch(self._ask(f"after={after}&limit={min(limit, 1000)}")[0].data)

    def head(self):
        return self._ask("limit=0")[1]

    def wait_for_events(self, after, limit, wait_s):
        r, head = self._ask(
            f"after={after}&limit={limit}&wait={wait_s}",
            timeout=wait_s + 2,
            retries=False,
        )
        return from_batch(r.data), head

    def settled(self, position, timeout_s):
        return self._ask(
            "limit=0",
            {"Consistency-Token": f"catalog:{position}"},
            timeout=timeout_s + 1,
        )[1]
