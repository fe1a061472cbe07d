"""Connections to other processes; the only module that knows urllib3.

It is imported by processes that ask others, since urllib3 takes a tenth of a start.
"""

from collections.abc import Mapping

import urllib3
from urllib3.exceptions import EmptyPoolError, HTTPError, ProtocolError
from urllib3.exceptions import TimeoutError as TooLateError

MOST_CONNECTIONS = 32


class Connections:
    """A pool of them. Thread-safe."""

    def __init__(self) -> None:
        self._pool = urllib3.PoolManager(maxsize=MOST_CONNECTIONS, block=True)

    def get(
        self, url: str, headers: Mapping[str, str], *, connect_s: float, total_s: float
    ) -> urllib3.BaseHTTPResponse:
        """The response to a GET request, whatever its status.

        Waits at most `connect_s` for a connection. Raises ConnectionError, whose
        message, a few words, says why there is no response.
        """
        try:
            # Without its own retries, which have no total time limit, and write to
            # stderr.
            return self._pool.request(
                "GET",
                url,
                headers=headers,
                redirect=False,
                retries=False,
                pool_timeout=connect_s,
                timeout=urllib3.Timeout(connect=connect_s, total=total_s),
            )
        except HTTPError as error:
            raise ConnectionError(_reason(error)) from error

    def close(self) -> None:
        self._pool.clear()


def _reason(error: HTTPError) -> str:
    """The operating system's error message, if there is one."""
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
