"""What Google refuses of requests to Pub/Sub."""

import re
from collections.abc import Sequence
from typing import Any

import grpc

MOST_MESSAGES, MOST_BYTES = 1000, 10_000_000
DEFAULT_DEADLINE_S = 10
_ID = re.compile(
    r"projects/[^/]+/(topics|subscriptions)/(?!goog)[A-Za-z][\w.~+%-]{2,254}"
)


class RefusedError(Exception):
    def __init__(self, code: grpc.StatusCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def check_deadline(seconds: int) -> None:
    if not 10 <= seconds <= 600:
        raise invalid(f"Invalid ack deadline: {seconds}")


def check_configuration(config: Any) -> None:
    check_deadline(config.ack_deadline_seconds)
    if not 600 <= config.message_retention_duration.seconds <= 31 * 86_400:
        raise invalid("Invalid message retention")
    ttl = config.expiration_policy.ttl.seconds
    if ttl and ttl < max(86_400, config.message_retention_duration.seconds):
        raise invalid("Invalid expiration policy")


def check_messages(messages: Sequence[Any]) -> None:
    size = sum(each.ByteSize() for each in messages)
    if not 0 < len(messages) <= MOST_MESSAGES or size > MOST_BYTES:
        raise invalid("The value for message_count or request_size is too large")
    for each in messages:
        if not each.data and not each.attributes:
            raise invalid("Some messages in the batch are empty")
        if len(each.attributes) > 100 or len(each.ordering_key.encode()) > 1024:
            raise invalid("Too many attributes, or too long an ordering key")
        for name, value in each.attributes.items():
            if len(name.encode()) > 256 or len(value.encode()) > 1024:
                raise invalid("Attribute is too large")


def check_name(name: str) -> None:
    if not _ID.fullmatch(name):
        raise invalid(f"Invalid resource name given (name={name})")


def invalid(reason: str) -> RefusedError:
    return RefusedError(grpc.StatusCode.INVALID_ARGUMENT, reason)


def not_found(name: str) -> RefusedError:
    reason = f"Resource not found (resource={name.rpartition('/')[2]})"
    return RefusedError(grpc.StatusCode.NOT_FOUND, reason)
