"""HTTP requests to another process, retried within a bounded time."""

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from shared_kernel.events.cloud_events import BATCH_MEDIA_TYPE
from shared_kernel.events.consistency import (
    Behind,
    ReadModelBehindError,
    UnknownPositionError,
)

BACKOFF_S = 0.1

_HEADERS = {
    "User-Agent": "storehouse",
    "Accept": f"application/json, {BATCH_MEDIA_TYPE}",
}


class NoAnswerError(Exception):
    """The last attempt failed too. The message, a few words, says why."""


class Response(Protocol):
    """What is read of one."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def data(self) -> bytes: ...


class Attempts:
    """Requests to the process at `url`. Thread-safe.

    An attempt waits at most `timeout_s` for a connection and for each read, and no
    attempt begins after twice that time.
    """

    def __init__(self, url: str, timeout_s: float, jitter: Callable[[], float]) -> None:
        from shared_kernel.web.connections import Connections  # noqa: PLC0415 - see there

        self._url = url
        self._timeout_s = timeout_s
        self._jitter = jitter
        self._closing = threading.Event()
        self._connections = Connections()

    def get(
        self, path: str, headers: Mapping[str, str], wait_s: float, attempts: int
    ) -> Response:
        """The first response with a status below 500.

        If the process is asked to wait `wait_s`, an attempt may take longer by that
        time. Raises NoAnswerError and, if the process says so, ReadModelBehindError and
        UnknownPositionError.
        """
        deadline = time.monotonic() + wait_s + 2 * self._timeout_s
        for attempt in itertools.count(1):
            left_s = max(0.001, deadline - time.monotonic())
            try:
                return self._attempt(path, headers, wait_s, left_s)
            except NoAnswerError:
                pause_s = self._backoff_s(attempt)
                if attempt >= attempts or time.monotonic() + pause_s >= deadline:
                    raise
                if self._closing.wait(pause_s):
                    raise
        raise AssertionError("counting has no end")

    def close(self) -> None:
        """Make no more attempts from now on."""
        self._closing.set()
        self._connections.close()

    def _backoff_s(self, attempt: int) -> float:
        at_most_s = BACKOFF_S * 2 ** (attempt - 1)
        return float(at_most_s * (0.5 + self._jitter() / 2))

    def _attempt(
        self, path: str, headers: Mapping[str, str], wait_s: float, left_s: float
    ) -> Response:
        try:
            response = self._connections.get(
                self._url + path,
                {**_HEADERS, **headers},
                connect_s=self._timeout_s,
                total_s=min(self._timeout_s + wait_s, left_s),
            )
        except ConnectionError as error:
            raise NoAnswerError(str(error)) from error
        if response.status == 400:
            with contextlib.suppress(ValueError):
                unknown = msgspec.json.decode(response.data, type=_UnknownPosition)
                raise UnknownPositionError(
                    unknown.source, unknown.position, unknown.end
                )
        if response.status < 500:
            return response
        with contextlib.suppress(ValueError):
            problem = msgspec.json.decode(response.data, type=_ReadModelBehind)
            behind = Behind(problem.source, problem.wanted, problem.reached)
            raise ReadModelBehindError(behind)
        raise NoAnswerError(f"status {response.status}")


class _ReadModelBehind(
    msgspec.Struct, tag_field="type", tag="/problems/read-model-behind"
):
    source: str
    wanted: int
    reached: int


class _UnknownPosition(
    msgspec.Struct, tag_field="type", tag="/problems/unknown-position"
):
    source: str
    position: int
    end: int
