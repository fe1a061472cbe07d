"""Requests to AWS, and what their errors mean for the bus."""

import threading
from collections.abc import Callable
from typing import TypeVar

import structlog

from shared_kernel.buses.aws.client import (
    FAULTS,
    TIMEOUT_S,
    AwsClients,
    is_refused,
)
from shared_kernel.buses.broker import Broker
from shared_kernel.buses.port import (
    BusError,
    BusMisconfiguredError,
    BusUnavailableError,
)

T = TypeVar("T")
_log = structlog.get_logger(__name__)


class AwsConnection:
    """Any thread may use it."""

    def __init__(self, clients: AwsClients) -> None:
        self.clients = clients
        self.shown = clients.address.shown
        self.broker = Broker(clients.address.scheme, self.shown, self._ping)
        self._state = threading.Condition()
        self._refusal = ""
        self._closed = False
        self._asking = 0

    def check(self) -> None:
        """Raises BusMisconfiguredError. An unreachable AWS is only logged."""
        try:
            self._ping()
        except BusUnavailableError:
            return

    def ask(self, request: Callable[[AwsClients], T]) -> T:
        """Raises BusUnavailableError, also after closing, and BusMisconfiguredError."""
        with self._state:
            if self._closed:
                raise BusUnavailableError(f"{self.shown}: the bus is closed")
            self._asking += 1
        try:
            answer = request(self.clients)
        except FAULTS as error:
            raise self.failed(error) from error
        finally:
            with self._state:
                self._asking -= 1
                self._state.notify_all()
        self.broker.found()
        return answer

    def failed(self, error: Exception) -> BusError:
        """Note what a request raised, and return what it means."""
        if not is_refused(error):
            self.broker.lost(error)
            return BusUnavailableError(f"{self.shown}: {error}")
        # It was AWS that answered, unless boto3 has nothing to ask with.
        refused = BusMisconfiguredError(
            f"{self.shown} refuses: {error}: give boto3 credentials (AWS_ACCESS_KEY_ID "
            "and AWS_SECRET_ACCESS_KEY, AWS_PROFILE or a role) with the rights that "
            "docs/buses/aws.md lists"
        )
        self.refused(refused)
        return refused

    def refused(self, error: BusMisconfiguredError) -> None:
        """Log it, once until there is another reason."""
        with self._state:
            before, self._refusal = self._refusal, str(error)
        if before != str(error):
            _log.error("bus is not as declared", broker=self.shown, error=str(error))

    def close(self) -> None:
        """Let requests end that were begun."""
        with self._state:
            self._closed = True
            self._state.wait_for(lambda: not self._asking, TIMEOUT_S)
        self.clients.close()

    def _ping(self) -> None:
        self.ask(lambda clients: clients.sns.list_topics())
