"""Clients of one project on Pub/Sub, and what is known of whether it can be reached.

The clients that Google generates are used, without retries and without threads of their
own: the relay and the readers retry, and an ordering key is never paused.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import attrs
import grpc
from google.api_core.exceptions import (
    AlreadyExists,
    BadRequest,
    Forbidden,
    GoogleAPICallError,
    NotFound,
    Unauthenticated,
)
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from shared_kernel.buses.broker import Broker
from shared_kernel.buses.port import (
    BusError,
    BusMisconfiguredError,
    BusUnavailableError,
)
from shared_kernel.buses.pubsub.address import PubSubAddress

TIMEOUT_S = 2.0
"""For an answer to what does not wait."""
FAULTS = (GoogleAPICallError, GoogleAuthError, grpc.RpcError, OSError)
_ANSWERS = (AlreadyExists, BadRequest, Forbidden, NotFound, Unauthenticated)
CREDENTIALS = (
    "set GOOGLE_APPLICATION_CREDENTIALS to a file with credentials, or run "
    "gcloud auth application-default login"
)
_OPTIONS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    # How long an attempt to connect may take.
    ("grpc.min_reconnect_backoff_ms", 2_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # Two connections of one process share nothing.
    ("grpc.use_local_subchannel_pool", 1),
]

T = TypeVar("T")


@attrs.frozen
class Clients:
    """`ask` calls one of their methods, once, and gives up after `timeout_s`."""

    publisher: PublisherClient
    subscriber: SubscriberClient
    _channel: Any

    @property
    def streaming_pull(self) -> Any:
        # That of the client itself would wait for the first message.
        return self.subscriber.transport.streaming_pull

    def close(self) -> None:
        self._channel.close()


def ask(method: Callable[..., Any], request: Any, timeout_s: float = TIMEOUT_S) -> Any:
    return method(request=request, retry=None, timeout=timeout_s)


class PubSubConnection:
    """Any thread may use it. `looked_for` is a topic that tells whether it answers."""

    def __init__(self, address: PubSubAddress, looked_for: str) -> None:
        self.shown = address.shown
        self.project = address.project
        self.broker = Broker("pubsub", address.shown, partial(self.look, looked_for))
        self._address = address
        self._clients: Clients | None = None
        self._connecting = threading.Lock()
        self._state = threading.Condition()
        self._closed = False
        self._asking = 0

    def clients(self) -> Clients:
        """Raises BusMisconfiguredError without credentials."""
        with self._connecting:
            if self._clients is None:
                self._clients = _connected(self._address)
            return self._clients

    def ask(self, request: Callable[[Clients], T]) -> T:
        """Raises BusMisconfiguredError, and BusUnavailableError, also after closing."""
        with self._state:
            if self._closed:
                raise BusUnavailableError(f"{self.shown}: the bus is closed")
            self._asking += 1
        try:
            answer = request(self.clients())
        except FAULTS as error:
            self.lost(error)
            raise self._as_bus_error(error) from error
        finally:
            with self._state:
                self._asking -= 1
                self._state.notify_all()
        self.broker.found()
        return answer

    def _as_bus_error(
        self, error: Exception
    ) -> BusMisconfiguredError | BusUnavailableError:
        reason = reason_of(error)
        if isinstance(error, (Forbidden, Unauthenticated)):
            return BusMisconfiguredError(
                f"{self.shown} refuses: {reason}: give the account of the credentials "
                f"the role Pub/Sub Editor, or {CREDENTIALS}"
            )
        return BusUnavailableError(f"{self.shown}: {reason}")

    def look(self, topic: str) -> None:
        """Whether it answers, with or without that topic."""
        with suppress(BusError):
            self.ask(lambda clients: ask(clients.publisher.get_topic, {"topic": topic}))

    def lost(self, error: Exception) -> None:
        """It has answered with an error, or not at all."""
        if isinstance(error, _ANSWERS):
            self.broker.found()
        else:
            self.broker.lost(reason_of(error))

    def close(self) -> None:
        """Let requests end that were begun. May be called again."""
        with self._state:
            self._closed = True
            self._state.wait_for(lambda: not self._asking, TIMEOUT_S)
        with self._connecting:
            clients, self._clients = self._clients, None
        if clients is not None:
            clients.close()


def reason_of(error: Exception) -> str:
    """In one line, without what was sent."""
    if isinstance(error, GoogleAPICallError):
        return str(error.message).partition("\n")[0]
    if isinstance(error, grpc.Call):
        return f"{error.code().name}: {error.details()}".partition("\n")[0]
    return str(error).partition("\n")[0]


def _connected(address: PubSubAddress) -> Clients:
    if address.emulator:
        channel = grpc.insecure_channel(address.emulator, options=_OPTIONS)
    else:
        create = partial(PublisherGrpcTransport.create_channel, options=_OPTIONS)
        try:
            channel = create(address.endpoint)
        except DefaultCredentialsError as error:
            raise BusMisconfiguredError(
                f"{address.shown}: no credentials: {CREDENTIALS}"
            ) from error
    return Clients(
        PublisherClient(transport=PublisherGrpcTransport(channel=channel)),
        SubscriberClient(transport=SubscriberGrpcTransport(channel=channel)),
        channel,
    )
