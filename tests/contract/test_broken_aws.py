"""The contract and the tests of queues detect a bus on SNS and SQS that is broken."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from shared_kernel.buses.aws import bus as aws_bus
from shared_kernel.buses.aws.answers import Answer, Answers
from shared_kernel.buses.aws.client import AwsClients
from shared_kernel.buses.aws.joining import Joining
from shared_kernel.buses.aws.publishing import Publisher
from shared_kernel.buses.aws.reader import Reader
from shared_kernel.buses.envelope import Envelope
from tests.contract import bus_bench
from tests.contract import bus_contract as contract
from tests.contract.bus_bench import Bench
from tests.contract.test_bus import sns_and_sqs, sns_and_sqs_fifo

pytestmark = [pytest.mark.server, pytest.mark.proof]


class AcknowledgesAtOnce(Reader):
    def _bring(self, url: str, messages: Sequence[Any], until: float) -> None:
        self._delete(url, messages)
        super()._bring(url, messages, until)


class NeverAnswers(Answers):
    def add(self, answers: Sequence[Answer]) -> None:
        """Nothing."""


class ForgetsGroupsOfNewTopics(Joining):
    def new_topic(self, clients: AwsClients, topic: str, source: str) -> None:
        """Nothing."""


class NeverMakesTopicsAgain(Publisher):
    def _send(self, clients: Any, source: str, log: str, entries: Any) -> None:
        topic = self.declare(clients, source, log)
        clients.sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)


class Reverses(Publisher):
    def publish(self, clients: AwsClients, batch: Sequence[Envelope]) -> None:
        super().publish(clients, batch[::-1])


CASES: list[tuple[type, contract.Check, Callable[[Path], Bench]]] = [
    (AcknowledgesAtOnce, contract.an_unanswered_delivery_comes_again, sns_and_sqs),
    (NeverAnswers, contract.members_of_one_group_share_the_envelopes, sns_and_sqs),
    (
        ForgetsGroupsOfNewTopics,
        contract.published_envelopes_arrive_unchanged,
        sns_and_sqs,
    ),
    (
        NeverMakesTopicsAgain,
        contract.the_bus_reconnects_to_a_server_killed_in_mid_stream,
        sns_and_sqs,
    ),
    (
        Reverses,
        contract.a_batch_arrives_in_its_order_and_so_do_batches,
        sns_and_sqs_fifo,
    ),
]


@pytest.mark.parametrize(
    ("broken", "check", "bench"), CASES, ids=[broken.__name__ for broken, *_ in CASES]
)
def test_a_broken_bus_is_detected(
    broken: type,
    check: contract.Check,
    bench: Callable[[Path], Bench],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (sound,) = broken.__bases__
    run(check, bench(tmp_path / "sound"))
    monkeypatch.setattr(bus_bench, "TIMEOUT_S", 3.0)
    monkeypatch.setattr(contract, "TIMEOUT_S", 3.0)

    monkeypatch.setattr(aws_bus, sound.__name__, broken)

    with pytest.raises(AssertionError):
        run(check, bench(tmp_path / "broken"))


def run(check: contract.Check, bench: Bench) -> None:
    try:
        check(bench)
    finally:
        bench.close()
        if bench.server is not None:
            bench.server.kill()
