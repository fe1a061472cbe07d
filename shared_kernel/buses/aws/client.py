"""Clients of SNS and SQS, and what their errors mean."""

import threading
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.parsers import ResponseParserError

from shared_kernel.buses.aws.address import AwsAddress

TIMEOUT_S = 2
"""For a connection, and for an answer to what does not wait."""
WAIT_S = 1
"""How long a request waits for messages. SQS counts in whole seconds."""
MOST_CONNECTIONS = 50

FAULTS = (BotoCoreError, ClientError, ResponseParserError, OSError)
"""The third one is an answer that breaks off."""
_NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, ProfileNotFound)
_REFUSED = {
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_GONE = {
    "AWS.SimpleQueueService.NonExistentQueue",
    "NotFound",
    "QueueDoesNotExist",
}


class AwsClients:
    """Any thread may use them. They are made when first asked for; making them is slow.

    boto3 has no types, and makes its methods at run time.
    """

    def __init__(
        self,
        address: AwsAddress,
        session: Any = None,
        endpoint: str | None = None,
    ) -> None:
        """Unless they are given, boto3 has both from its environment."""
        self.address = address
        self._making = threading.Lock()
        self._session = session
        self._endpoint = endpoint
        self._made: dict[str, Any] = {}

    @property
    def sns(self) -> Any:
        return self._client("sns")

    @property
    def sqs(self) -> Any:
        return self._client("sqs")

    def close(self) -> None:
        """Requests may end that were begun."""
        with self._making:
            for client in self._made.values():
                client.close()

    def _client(self, service: str) -> Any:
        with self._making:
            if service not in self._made:
                self._session = self._session or boto3.session.Session()
                self._made[service] = self._session.client(
                    service,
                    region_name=self.address.region,
                    endpoint_url=self._endpoint,
                    config=Config(
                        connect_timeout=TIMEOUT_S,
                        read_timeout=TIMEOUT_S + WAIT_S,
                        max_pool_connections=MOST_CONNECTIONS,
                        # The caller retries, with a backoff of its own.
                        retries={"total_max_attempts": 1, "mode": "standard"},
                    ),
                )
            return self._made[service]


def code_of(error: Exception) -> str:
    """The code of an answer of AWS; nothing if it did not answer."""
    if not isinstance(error, ClientError):
        return ""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_gone(error: Exception) -> bool:
    """Whether the topic or the queue does not exist (any more)."""
    return code_of(error) in _GONE


def is_refused(error: Exception) -> bool:
    """Whether only an operator can fix it: there are no credentials, or no rights."""
    return isinstance(error, _NO_CREDENTIALS) or code_of(error) in _REFUSED
