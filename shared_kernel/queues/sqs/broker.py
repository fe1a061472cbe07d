"""A standard queue of SQS: made, and compared with what is there.

It needs no order and no deduplication, since the rows have both; it costs a request for
each ten messages, and one a second for each worker that is idle.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from shared_kernel.buses.aws.client import AwsClients, code_of, is_gone, is_refused
from shared_kernel.queues.bodies import Received
from shared_kernel.queues.port import BrokerAwayError, QueueMisconfiguredError

AT_ONCE = 10
"""Messages of one request."""
COUNTS = {
    "ready": "ApproximateNumberOfMessages",
    "held": "ApproximateNumberOfMessagesNotVisible",
}
_EXISTS = {"QueueAlreadyExists", "QueueNameExists"}
_PURGING = "PurgeQueueInProgress"

T = TypeVar("T")


class SqsBroker:
    """Makes the queue with the first request, and again when it is gone."""

    def __init__(
        self, clients: AwsClients, name: str, *, max_age_s: int, ack_wait_s: int
    ) -> None:
        self._clients = clients
        self._name = name
        self._attributes = {
            "MessageRetentionPeriod": str(max_age_s),
            "VisibilityTimeout": str(ack_wait_s),
        }
        self._url: str | None = None

    def send(self, bodies: Sequence[bytes]) -> None:
        for some in _tens(bodies):
            entries = [
                {"Id": str(place), "MessageBody": body.decode()}
                for place, body in enumerate(some)
            ]
            self._ask("send_message_batch", Entries=entries)

    def receive(self, most: int, wait_s: float) -> list[Received]:
        answer = self._ask(
            "receive_message",
            MaxNumberOfMessages=min(most, AT_ONCE),
            WaitTimeSeconds=round(wait_s),
            MessageAttributeNames=["All"],
        )
        return [_received(each) for each in answer.get("Messages", [])]

    def acknowledge(self, receipts: Sequence[Any]) -> None:
        for some in _tens(receipts):
            self._ask("delete_message_batch", Entries=_handles(some))

    def release(self, receipts: Sequence[Any]) -> None:
        for some in _tens(receipts):
            entries = [each | {"VisibilityTimeout": 0} for each in _handles(some)]
            self._ask("change_message_visibility_batch", Entries=entries)

    def counts(self) -> dict[str, int]:
        names = list(COUNTS.values())
        found = self._ask("get_queue_attributes", AttributeNames=names)["Attributes"]
        return {name: int(found[attribute]) for name, attribute in COUNTS.items()}

    def purge(self) -> None:
        """Raises BrokerAwayError if it was purged less than a minute ago."""
        try:
            self._ask("purge_queue")
        except ClientError as error:
            if _PURGING not in code_of(error):
                raise
            raise BrokerAwayError(
                f"{self._name}: SQS empties a queue once in 60 seconds: try again later"
            ) from error

    def close(self) -> None:
        self._clients.close()

    def _ask(self, method: str, **given: Any) -> Any:
        request: Callable[..., Any] = getattr(self._clients.sqs, method)
        url = self._url or self._declared()
        try:
            return request(QueueUrl=url, **given)
        except ClientError as error:
            if not is_gone(error):
                raise
        return request(QueueUrl=self._declared(), **given)

    def _declared(self) -> str:
        """The URL of the queue. Raises QueueMisconfiguredError."""
        sqs = self._clients.sqs
        try:
            url: str = sqs.get_queue_url(QueueName=self._name)["QueueUrl"]
        except ClientError as error:
            if not is_gone(error):
                raise
            url = self._created()
        names = list(self._attributes)
        asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
        there = asked["Attributes"]
        if differences := [
            f"{name} is {there[name]}, declared {self._attributes[name]}"
            for name in names
            if there[name] != self._attributes[name]
        ]:
            raise QueueMisconfiguredError(
                f"the queue {self._name} is not as declared: {'; '.join(differences)}: "
                "change it (aws sqs set-queue-attributes), or name another one by "
                "NEW_PRODUCTS_LIST or BUS_SUBJECT_PREFIX"
            )
        self._url = url
        return url

    def _created(self) -> str:
        try:
            made = self._clients.sqs.create_queue(
                QueueName=self._name, Attributes=self._attributes
            )
        except ClientError as error:
            if is_refused(error):
                given = ",".join(f"{k}={v}" for k, v in self._attributes.items())
                raise QueueMisconfiguredError(
                    f"AWS refuses to make the queue {self._name}: let an operator run: "
                    f"aws sqs create-queue --queue-name {self._name} "
                    f"--attributes {given}"
                ) from error
            if code_of(error) not in _EXISTS:
                raise
            # Another process has just made it.
            made = self._clients.sqs.get_queue_url(QueueName=self._name)
        return str(made["QueueUrl"])


def _received(message: Any) -> Received:
    attributes = message.get("MessageAttributes", {})
    return Received(
        id=message["MessageId"],
        body=message["Body"].encode(),
        receipt=message["ReceiptHandle"],
        attributes={
            name: str(value["StringValue"])
            for name, value in attributes.items()
            if "StringValue" in value
        },
    )


def _handles(receipts: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {"Id": str(place), "ReceiptHandle": receipt}
        for place, receipt in enumerate(receipts)
    ]


def _tens(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for first in range(0, len(items), AT_ONCE):
        yield items[first : first + AT_ONCE]
