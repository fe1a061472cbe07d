"""What stands on SNS and SQS: made, compared, and read."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from shared_kernel.buses.aws.address import AwsAddress
from shared_kernel.buses.aws.bus import AwsBus
from shared_kernel.buses.aws.client import AwsClients
from shared_kernel.buses.aws.joining import Joining
from shared_kernel.buses.aws.names import Names
from shared_kernel.buses.aws.queues import lets_topics_send
from shared_kernel.buses.envelope import heartbeat
from shared_kernel.buses.port import BusMisconfiguredError, Followed
from tests.aws_server import AwsServer
from tests.contract.bus_bench import Inbox, some, until

pytestmark = pytest.mark.server
LISTING = Followed(source="catalog", pattern="product.>", group="listing", log="")
QUEUE, TOPIC = "shop-storehouse-listing", "shop-storehouse-catalog"
HOURS = 3600
NAMES = Names(prefix="shop")


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServer]:
    with AwsServer(tmp_path_factory.mktemp("aws")) as server:
        yield server


@pytest.fixture
def server(started: AwsServer) -> AwsServer:
    started.wipe()
    return started


@pytest.fixture
def clients(server: AwsServer) -> AwsClients:
    found: AwsClients = server.clients()
    return found


@pytest.fixture
def bus(server: AwsServer) -> Iterator[AwsBus]:
    bus = AwsBus(server.clients(), NAMES, published=["product.>"], ack_wait_s=2)
    yield bus
    bus.close()


def joining(hours: int = 168) -> Joining:
    return Joining(NAMES, hours * HOURS)


def url(clients: AwsClients, name: str = QUEUE) -> str:
    return str(clients.sqs.get_queue_url(QueueName=name)["QueueUrl"])


def names_of_queues(clients: AwsClients) -> set[str]:
    found = clients.sqs.list_queues().get("QueueUrls", [])
    return {each.rpartition("/")[2] for each in found}


def test_a_queue_is_made_as_it_is_declared(clients: AwsClients) -> None:
    joining().followed(clients, LISTING)

    found = clients.sqs.get_queue_attributes(
        QueueUrl=url(clients), AttributeNames=["All"]
    )["Attributes"]
    (statement,) = json.loads(found["Policy"])["Statement"]
    (joined,) = clients.sns.list_subscriptions()["Subscriptions"]
    details = clients.sns.get_subscription_attributes(
        SubscriptionArn=joined["SubscriptionArn"]
    )["Attributes"]
    assert found["MessageRetentionPeriod"] == str(168 * HOURS)
    assert statement["Principal"] == {"Service": "sns.amazonaws.com"}
    assert statement["Resource"] == found["QueueArn"]
    assert statement["Condition"] == {"ArnLike": {"aws:SourceArn": joined["TopicArn"]}}
    assert joined["TopicArn"].endswith(f":{TOPIC}")
    assert details["RawMessageDelivery"] == "true"
    assert "FilterPolicy" not in details


def test_what_is_there_as_declared_stays(clients: AwsClients) -> None:
    for _ in range(3):
        joining().followed(clients, LISTING)

    assert len(clients.sns.list_subscriptions()["Subscriptions"]) == 1
    assert names_of_queues(clients) == {QUEUE}


def test_another_retention_is_refused_with_the_command_that_helps(
    clients: AwsClients,
) -> None:
    joining(hours=24).followed(clients, LISTING)

    with pytest.raises(BusMisconfiguredError) as refused:
        joining(hours=48).followed(clients, LISTING)

    assert f"MessageRetentionPeriod is {24 * HOURS}" in str(refused.value)
    assert "aws sqs set-queue-attributes --queue-url" in str(refused.value)


def test_a_policy_that_does_not_let_sns_send_is_refused(clients: AwsClients) -> None:
    joining().followed(clients, LISTING)
    other = {"Effect": "Allow", "Principal": "*", "Action": "sqs:ReceiveMessage"}
    clients.sqs.set_queue_attributes(
        QueueUrl=url(clients),
        Attributes={"Policy": json.dumps({"Statement": [other]})},
    )

    with pytest.raises(BusMisconfiguredError, match="does not let sns"):
        joining().followed(clients, LISTING)


@pytest.mark.parametrize(
    ("policy", "lets"),
    [
        ("", False),
        ("no JSON", False),
        ("[]", False),
        ({"Effect": "Deny", "Principal": "*", "Action": "sqs:*"}, False),
        ({"Effect": "Allow", "Principal": "*", "Action": "SQS:SendMessage"}, True),
        ({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["sqs:*"]}, True),
        (
            {
                "Effect": "Allow",
                "Principal": {"Service": ["s3.amazonaws.com", "sns.amazonaws.com"]},
                "Action": ["sqs:SendMessage", "sqs:ReceiveMessage"],
            },
            True,
        ),
        (
            {
                "Effect": "Allow",
                "Principal": {"Service": "s3.amazonaws.com"},
                "Action": "sqs:SendMessage",
            },
            False,
        ),
    ],
)
def test_policies_of_others_count_if_they_let_topics_send(
    policy: Any, lets: bool
) -> None:
    text = policy if isinstance(policy, str) else json.dumps({"Statement": policy})

    assert lets_topics_send(text) is lets


def test_a_filter_is_refused_since_it_makes_gaps(clients: AwsClients) -> None:
    joining().followed(clients, LISTING)
    (joined,) = clients.sns.list_subscriptions()["Subscriptions"]
    clients.sns.set_subscription_attributes(
        SubscriptionArn=joined["SubscriptionArn"],
        AttributeName="FilterPolicy",
        AttributeValue='{"type": ["product.inserted"]}',
    )

    with pytest.raises(BusMisconfiguredError, match="it makes gaps") as refused:
        joining().followed(clients, LISTING)

    assert joined["SubscriptionArn"] in str(refused.value)


def test_no_credentials_are_told_and_never_shown(
    server: AwsServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    clients = AwsClients(AwsAddress.of("sns+sqs://eu-west-1"), endpoint=server.endpoint)

    with pytest.raises(BusMisconfiguredError, match="AWS_ACCESS_KEY_ID"):
        AwsBus(clients, NAMES).open()


def test_events_of_one_log_come_to_the_queue_of_the_subscription(
    bus: AwsBus, clients: AwsClients
) -> None:
    inbox = Inbox()
    bus.follow(LISTING, inbox)

    bus.publish(some("product.inserted", "stock.opened"))
    bus.publish([heartbeat("catalog", 7, 0)])

    assert inbox.has({1, 7})
    assert {each.type for each in inbox.received} == {
        "product.inserted",
        "heartbeat.catalog",
    }


def test_who_takes_over_goes_on_with_the_queue(bus: AwsBus, server: AwsServer) -> None:
    first, second = Inbox(), Inbox()
    leave = bus.follow(LISTING, first)
    leave()
    bus.publish(some("product.inserted"))
    other = AwsBus(server.clients(), NAMES)

    other.follow(LISTING, second)

    assert second.has({1})
    assert first.received == []
    other.close()


def test_the_queue_for_heartbeats_goes_with_its_reader(
    bus: AwsBus, clients: AwsClients
) -> None:
    inbox = Inbox()
    leave = bus.subscribe("heartbeat.catalog", "relay.1", inbox)
    (event,), beat = some("product.inserted"), heartbeat("catalog", 7, 0)
    bus.publish([attrs.evolve(each, log="1", seal="s") for each in (event, beat)])
    assert inbox.has({7})
    (before,) = names_of_queues(clients)
    assert before.startswith("shop-storehouse-heartbeat-catalog-")

    leave()

    assert names_of_queues(clients) == set()
    assert clients.sns.list_subscriptions()["Subscriptions"] == []


PRODUCT = '{"name": "Lamp", "sku": "LAMP-1", "stock_count": 5}'


def test_other_programs_send_to_a_queue_or_publish_on_a_topic(
    bus: AwsBus, clients: AwsClients
) -> None:
    inbox = Inbox()
    bus.subscribe("new.product", "catalog.new-product", inbox)

    clients.sqs.send_message(
        QueueUrl=url(clients, "shop-new-product"), MessageBody=PRODUCT
    )
    (topic,) = clients.sns.list_topics()["Topics"]
    clients.sns.publish(TopicArn=topic["TopicArn"], Message=PRODUCT)

    until(lambda: len(inbox.received) == 2, "both messages")
    assert {each.data for each in inbox.received} == {PRODUCT.encode()}
    assert {each.type for each in inbox.received} == {"new.product"}
    assert len({each.id for each in inbox.received}) == 2


def test_queues_and_topics_of_others_are_not_touched(
    bus: AwsBus, clients: AwsClients
) -> None:
    others = ["storehouse-catalog", "shop-orders", "shop-storehouse-listing-dead"]
    for name in others:
        clients.sqs.create_queue(QueueName=name)
        clients.sns.create_topic(Name=name)
    inbox = Inbox()

    bus.follow(LISTING, inbox)
    bus.publish(some("product.inserted"))

    assert inbox.has({1})
    for name in others:
        found = clients.sqs.get_queue_attributes(
            QueueUrl=url(clients, name),
            AttributeNames=["Policy", "ApproximateNumberOfMessages"],
        )["Attributes"]
        assert found == {"ApproximateNumberOfMessages": "0"}
    joined = clients.sns.list_subscriptions()["Subscriptions"]
    assert [each["Endpoint"].rpartition(":")[2] for each in joined] == [QUEUE]


def test_what_was_forgotten_is_made_again(bus: AwsBus, server: AwsServer) -> None:
    inbox = Inbox()
    bus.follow(LISTING, inbox)
    bus.publish(some("product.inserted"))
    assert inbox.has({1})

    server.wipe()

    def arrives() -> bool:
        bus.publish(some("product.renamed", first=2))
        return inbox.has({2}, 0.3)

    until(arrives, "the bus")
