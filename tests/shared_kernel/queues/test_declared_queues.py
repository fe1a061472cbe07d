"""A queue in a broker that is not as declared is never changed: that is said, once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from shared_kernel.buses.aws.address import AwsAddress
from shared_kernel.buses.nats.options import NatsOptions
from shared_kernel.buses.pubsub.address import PubSubAddress
from shared_kernel.clock import system_clock
from shared_kernel.queues.jetstream import opening as jetstream_opening
from shared_kernel.queues.port import QueueMisconfiguredError
from shared_kernel.queues.pubsub import opening as pubsub_opening
from shared_kernel.queues.sqs import opening as sqs_opening
from shared_kernel.runtime.channel_by_url import channel_by_url
from shared_kernel.runtime.settings import Settings
from shared_kernel.storage.database import Database
from tests.cluster import wait_until
from tests.nats_server import NatsServer
from tests.shared_kernel.queues.broker_benches import BrokerBench
from tests.shared_kernel.queues.builders import consuming, idle
from tests.shared_kernel.queues.jetstream_builders import JetStreamPlace
from tests.shared_kernel.queues.sqs_builders import SqsPlace


def goes_on_by_the_rows(bench: BrokerBench) -> str:
    """What was said."""
    queue = bench.queue()
    consumer, heard = consuming(queue)
    with capture_logs() as logs:
        for n in range(3):
            queue.add("n", str(n))
            bench.clock.advance(6)
            queue.lists()
            idle(consumer)
        wait_until(lambda: any("queue is not" in log["event"] for log in logs), "it")

    assert heard.payloads == ["0", "1", "2"]
    said = [log["error"] for log in logs if log["event"] == "queue is not as needed"]
    assert len(set(said)) == len(said) == 1
    return str(said[0])


@pytest.mark.server
@pytest.mark.proof
def test_a_stream_of_another_kind(
    jetstream: JetStreamPlace, database: Database
) -> None:
    async def make(client: Any) -> None:
        await client.jetstream().add_stream(name="queue-work", subjects=["queue.work"])

    jetstream._with_client(make)

    said = goes_on_by_the_rows(BrokerBench(database, jetstream))

    assert "retention is limits, declared workqueue" in said
    assert "name another queue by NEW_PRODUCTS_LIST" in said


@pytest.mark.server
@pytest.mark.proof
def test_an_sqs_queue_with_another_retention(sqs: SqsPlace, database: Database) -> None:
    sqs.sqs.create_queue(QueueName="work", Attributes={"MessageRetentionPeriod": "60"})

    said = goes_on_by_the_rows(BrokerBench(database, sqs))

    assert "MessageRetentionPeriod is 60, declared 3600" in said
    assert "aws sqs set-queue-attributes" in said


@pytest.mark.server
@pytest.mark.proof
def test_wrong_credentials_are_said_and_not_shown(
    database: Database, tmp_path: Path
) -> None:
    user = "authorization { user: me, password: right }"
    with NatsServer(tmp_path, jetstream=True, configuration=user) as server:
        url = f"jetstream://me:secrets@{server.address}"
        settings = Settings(queue_url=url)
        channel = channel_by_url(
            settings,
            "work",
            database,
            listed="work",
            unnamed="greet",
            consumer="one",
            clock=system_clock,
            jitter=lambda: 1.0,
        )
        with capture_logs() as logs:
            wait_until(lambda: channel.lists() is None and bool(logs), "the refusal")
            state = channel.broker()
        channel.close()

    assert "secrets" not in f"{logs}{state}"
    assert any("correct those in BUS_URL or QUEUE_URL" in str(log) for log in logs)


def of_jetstream(listed: str, prefix: str) -> object:
    options = NatsOptions(servers=["127.0.0.1:1"], prefix=prefix)
    return jetstream_opening.open_link(options, listed, max_age_s=3600)


def of_sqs(listed: str, prefix: str) -> object:
    address = AwsAddress.of("sqs://eu-west-1", "sqs")
    return sqs_opening.open_link(address, listed, prefix=prefix, max_age_s=3600)


def of_pubsub(listed: str, prefix: str) -> object:
    address = PubSubAddress.of("pubsub://project")
    return pubsub_opening.open_link(address, listed, prefix=prefix, max_age_s=3600)


@pytest.mark.parametrize("opened", [of_jetstream, of_sqs, of_pubsub])
def test_a_name_that_the_broker_does_not_take_is_refused(
    opened: Callable[[str, str], object],
) -> None:
    for listed in ("a b", "x" * 300, "é"):
        with pytest.raises(QueueMisconfiguredError, match="NEW_PRODUCTS_LIST"):
            opened(listed, "shop")


@pytest.mark.parametrize(
    ("opened", "names"),
    [
        (of_jetstream, {"my_shop-queue-lamps", "my.shop.queue.lamps"}),
        (of_sqs, {"my_shop-lamps"}),
        (
            of_pubsub,
            {
                "projects/project/topics/my.shop.queue.lamps",
                "projects/project/subscriptions/my.shop.queue.lamps.workers",
            },
        ),
    ],
)
def test_the_words_of_the_shop_stand_before_each_name(
    opened: Callable[[str, str], Any], names: set[str]
) -> None:
    broker = opened("lamps", "my.shop")._client
    stream = getattr(broker, "_stream", None)
    if stream is not None:
        found = {stream.name, stream.subject}
    else:
        fields = ("_name", "_topic", "_subscription")
        found = {getattr(broker, each, None) for each in fields} - {None}

    assert found == names
