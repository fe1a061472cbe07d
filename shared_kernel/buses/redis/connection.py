"""Clients of one Redis, and what is known of whether it can be reached."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    NoPermissionError,
    RedisError,
)
from redis.retry import Retry

from shared_kernel.buses.broker import Broker
from shared_kernel.buses.port import BusMisconfiguredError, BusUnavailableError
from shared_kernel.buses.redis.address import RedisAddress

TIMEOUT_S = 2.0
"""For a connection, and for an answer to what does not wait."""
OLDEST = 7
"""The first version that can complete the id of an entry."""

FAULTS = (RedisError, OSError)

T = TypeVar("T")


class RedisConnection:
    """Any thread may use it."""

    def __init__(self, address: RedisAddress, ca_file: str | None = None) -> None:
        self.shown = address.shown
        self._address = address
        self._ca_file = ca_file
        self._client = self.client()
        self.broker = Broker("redis", address.shown, self._ping)
        self._state = threading.Condition()
        self._closed = False
        self._asking = 0

    def client(self, waits_s: float = 0) -> Any:
        """A client of one's own, which may wait for an answer for so long.

        redis-py has one annotation for synchronous and asynchronous answers, so its
        type is of no use.
        """
        address = self._address
        return redis.Redis(
            host=address.host,
            port=address.port,
            db=address.database,
            username=address.user,
            password=address.password,
            # Its answers are the same from every version.
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=TIMEOUT_S + waits_s,
            socket_connect_timeout=TIMEOUT_S,
            ssl=address.tls,
            ssl_ca_certs=self._ca_file,
        )

    def check(self) -> None:
        """Raises BusMisconfiguredError. An unreachable Redis is only logged."""
        try:
            server = self._client.info("server")
        except (AuthenticationError, NoPermissionError) as error:
            raise BusMisconfiguredError(
                f"{self.shown} refuses: {error}: correct user and password in BUS_URL, "
                "and let that user read and write streams"
            ) from error
        except FAULTS as error:
            self.broker.lost(error)
            return
        self.broker.found()
        version = str(server["redis_version"])
        if int(version.partition(".")[0]) < OLDEST:
            raise BusMisconfiguredError(
                f"{self.shown} is Redis {version}: expected {OLDEST}.0 or newer, or "
                "Valkey"
            )

    def ask(self, request: Callable[[Any], T]) -> T:
        """Raises BusUnavailableError, also after closing."""
        with self._state:
            if self._closed:
                raise BusUnavailableError(f"{self.shown}: the bus is closed")
            self._asking += 1
        try:
            answer = request(self._client)
        except FAULTS as error:
            self.broker.lost(error)
            raise BusUnavailableError(f"{self.shown}: {error}") from error
        finally:
            with self._state:
                self._asking -= 1
                self._state.notify_all()
        self.broker.found()
        return answer

    def close(self) -> None:
        """Let requests end that were begun: redis-py would close sockets under them."""
        with self._state:
            self._closed = True
            self._state.wait_for(lambda: not self._asking, TIMEOUT_S)
        self._client.close()

    def _ping(self) -> None:
        self.ask(lambda client: client.ping())
