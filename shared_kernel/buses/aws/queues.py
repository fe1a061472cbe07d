"""Queues: made when first needed, otherwise compared with what is declared."""

import json
from collections.abc import Mapping
from typing import Any

import attrs

from shared_kernel.buses.aws.client import (
    FAULTS,
    AwsClients,
    code_of,
    is_gone,
    is_refused,
)
from shared_kernel.buses.aws.names import FIFO
from shared_kernel.buses.port import BusMisconfiguredError

RETENTION = "MessageRetentionPeriod"
_SENDS = {"*", "sqs:*", "sqs:sendmessage"}
_BY_ANOTHER = {"QueueAlreadyExists", "QueueNameExists"}
"""Another process has just made it."""


@attrs.frozen(kw_only=True)
class Declared:
    """A queue as it is needed. `topics` send to it: a name, or its beginning and *."""

    name: str
    retention_s: int
    topics: str


@attrs.frozen(kw_only=True)
class Queue:
    url: str
    arn: str


def declare(clients: AwsClients, declared: Declared) -> Queue:
    """Make the queue, or compare it. Raises BusMisconfiguredError."""
    try:
        url = _url(clients, declared.name) or _made(clients, declared)
        found = clients.sqs.get_queue_attributes(
            QueueUrl=url, AttributeNames=["QueueArn", RETENTION, "Policy"]
        )["Attributes"]
        arn = str(found["QueueArn"])
        if not found.get("Policy"):
            found["Policy"] = policy(declared, arn)
            clients.sqs.set_queue_attributes(
                QueueUrl=url, Attributes={"Policy": found["Policy"]}
            )
    except FAULTS as error:
        if not is_refused(error):
            raise
        raise BusMisconfiguredError(
            f"the queue {declared.name} is refused: {error}: let this process have the "
            "rights that docs/buses/aws.md lists, and if need be run: "
            f"{_command(declared)}"
        ) from error
    _compare(found, declared, url)
    return Queue(url=url, arn=arn)


def _url(clients: AwsClients, name: str) -> str | None:
    try:
        return str(clients.sqs.get_queue_url(QueueName=name)["QueueUrl"])
    except FAULTS as error:
        if is_gone(error):
            return None
        raise


def _made(clients: AwsClients, declared: Declared) -> str:
    try:
        made = clients.sqs.create_queue(
            QueueName=declared.name, Attributes=attributes_of(declared)
        )
    except FAULTS as error:
        if code_of(error).rpartition(".")[2] not in _BY_ANOTHER:
            raise
        made = clients.sqs.get_queue_url(QueueName=declared.name)
    return str(made["QueueUrl"])


def attributes_of(declared: Declared) -> dict[str, str]:
    attributes = {RETENTION: str(declared.retention_s)}
    if declared.name.endswith(FIFO):
        attributes["FifoQueue"] = "true"
    return attributes


def policy(declared: Declared, queue: str) -> str:
    """The topics of the account may send to the queue, which is an address (ARN)."""
    _, partition, _, region, account, _ = queue.split(":")
    topics = f"arn:{partition}:sns:{region}:{account}:{declared.topics}"
    statement = {
        "Sid": "StorehouseTopics",
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnLike": {"aws:SourceArn": topics}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _compare(found: Mapping[str, str], declared: Declared, url: str) -> None:
    reasons = []
    if int(found[RETENTION]) != declared.retention_s:
        reasons.append(
            f"{RETENTION} is {found[RETENTION]}, AWS_RETENTION_HOURS makes it "
            f"{declared.retention_s}"
        )
    if not lets_topics_send(found.get("Policy", "")):
        reasons.append("its policy does not let sns.amazonaws.com send to it")
    if reasons:
        wanted = {
            RETENTION: str(declared.retention_s),
            "Policy": policy(declared, found["QueueArn"]),
        }
        raise BusMisconfiguredError(
            f"the queue {declared.name} is not as declared: {'; '.join(reasons)}: set "
            f"AWS_RETENTION_HOURS alike, or run: aws sqs set-queue-attributes "
            f"--queue-url {url} --attributes '{json.dumps(wanted)}'"
        )


def lets_topics_send(policy_text: str) -> bool:
    """Whether some statement does; its conditions are its owner's business."""
    try:
        statements = _several(json.loads(policy_text or "{}").get("Statement", []))
    except (ValueError, AttributeError):
        return False
    return any(
        each.get("Effect") == "Allow"
        and _SENDS & {str(action).lower() for action in _several(each.get("Action"))}
        and _is_sns(each.get("Principal"))
        for each in statements
    )


def _is_sns(principal: Any) -> bool:
    if isinstance(principal, Mapping):
        services = _several(principal.get("Service")) + _several(principal.get("AWS"))
        return bool({"sns.amazonaws.com", "*"} & set(services))
    return bool(principal == "*")


def _several(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _command(declared: Declared) -> str:
    wanted = json.dumps(attributes_of(declared))
    return f"aws sqs create-queue --queue-name {declared.name} --attributes '{wanted}'"
