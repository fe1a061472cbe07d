"""Topics, and what they send to: made, or compared if they are there."""

from collections.abc import Iterator
from typing import Any

from shared_kernel.buses.aws.client import (
    FAULTS,
    AwsClients,
    code_of,
    is_refused,
)
from shared_kernel.buses.aws.names import FIFO
from shared_kernel.buses.port import BusMisconfiguredError

RAW = "RawMessageDelivery"
FILTER, SCOPE = "FilterPolicy", "FilterPolicyScope"
_DIFFERS = "InvalidParameter"


def made_topic(clients: AwsClients, name: str) -> str:
    """Its address; AWS makes it unless it is there. Raises BusMisconfiguredError."""
    attributes = {"FifoTopic": "true"} if name.endswith(FIFO) else {}
    try:
        answer = clients.sns.create_topic(Name=name, Attributes=attributes)
    except FAULTS as error:
        if not is_refused(error):
            raise
        ending = " --attributes FifoTopic=true" if attributes else ""
        raise BusMisconfiguredError(
            f"the topic {name} is refused: {error}: let this process have "
            f"sns:CreateTopic, which also finds topics, and if need be run: aws sns "
            f"create-topic --name {name}{ending}"
        ) from error
    return str(answer["TopicArn"])


def topics_that_begin(clients: AwsClients, beginning: str) -> Iterator[str]:
    """The addresses of all topics whose names begin so."""
    for page in clients.sns.get_paginator("list_topics").paginate():
        for each in page["Topics"]:
            if name_of(each["TopicArn"]).startswith(beginning):
                yield each["TopicArn"]


def link(
    clients: AwsClients, topic: str, queue: str, policy: str | None = None
) -> None:
    """Have the topic send to the queue (both as addresses), as messages are.

    `policy` is a filter by the body. Raises BusMisconfiguredError if it is linked in
    another way.
    """
    wanted = {RAW: "true"}
    if policy is not None:
        wanted |= {FILTER: policy, SCOPE: "MessageBody"}
    try:
        there = clients.sns.subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=queue,
            Attributes=wanted,
            ReturnSubscriptionArn=True,
        )["SubscriptionArn"]
        found = clients.sns.get_subscription_attributes(SubscriptionArn=there)
    except FAULTS as error:
        if code_of(error) != _DIFFERS or "already exists" not in str(error):
            raise
        raise _differs(topic, queue, str(error)) from error
    reasons = _differences(found["Attributes"], policy)
    if reasons:
        raise _differs(topic, queue, "; ".join(reasons), there)


def _differences(found: dict[str, Any], policy: str | None) -> list[str]:
    reasons = []
    if found.get(RAW) != "true":
        reasons.append(f"{RAW} is {found.get(RAW, 'false')}, needed true")
    if found.get(FILTER) and policy is None:
        reasons.append(f"{FILTER} is {found[FILTER]}, needed none: it makes gaps")
    return reasons


def _differs(
    topic: str, queue: str, reason: str, subscription: str = "…"
) -> BusMisconfiguredError:
    return BusMisconfiguredError(
        f"the topic {name_of(topic)} sends to the queue {name_of(queue)} in another "
        f"way than declared: {reason}: run: aws sns unsubscribe --subscription-arn "
        f"{subscription}, and this process makes it anew"
    )


def name_of(arn: str) -> str:
    return arn.rpartition(":")[2]
