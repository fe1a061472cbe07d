"""Adapters with a fault are found out by the contract, on the real servers."""

from collections.abc import Sequence
from itertools import count

import attrs
import pytest

from shared_kernel.queues.bodies import Received
from shared_kernel.storage.database import Database
from tests import cluster
from tests.shared_kernel.queues import redelivering_contract as contract
from tests.shared_kernel.queues.broker_benches import Break, BrokerBench, Place, Whole

pytestmark = [pytest.mark.server, pytest.mark.proof]


class SendsNothing(Whole):
    def send(self, bodies: Sequence[bytes]) -> None:
        pass


class AcknowledgesNothing(Whole):
    def acknowledge(self, receipts: Sequence[object]) -> None:
        pass


class AcknowledgesAtOnce(Whole):
    def receive(self, most: int, wait_s: float) -> list[Received]:
        found = super().receive(most, wait_s)
        if found:
            self.broker.acknowledge([each.receipt for each in found])
        return found


_ids = count()


class GivesOtherIds(Whole):
    def receive(self, most: int, wait_s: float) -> list[Received]:
        found = super().receive(most, wait_s)
        return [attrs.evolve(each, id=str(next(_ids))) for each in found]


class KeepsWhatItIsToPurge(Whole):
    def purge(self) -> None:
        pass


FAULTS: list[tuple[Break, contract.Check]] = [
    (SendsNothing, contract.an_idle_consumer_is_woken_by_what_another_process_adds),
    (AcknowledgesNothing, contract.what_is_a_row_is_acknowledged),
    (AcknowledgesAtOnce, contract.one_that_was_no_row_yet_is_delivered_to_another),
    (GivesOtherIds, contract.one_that_is_delivered_again_is_one_job),
    (KeepsWhatItIsToPurge, contract.a_purge_empties_it),
]


@pytest.mark.parametrize("kind", ["jetstream", "sqs", "pubsub"])
@pytest.mark.parametrize(("broken", "check"), FAULTS)
def test_a_broken_adapter_is_found_out(
    request: pytest.FixtureRequest,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    broken: Break,
    check: contract.Check,
) -> None:
    place: Place = request.getfixturevalue(kind)
    monkeypatch.setattr(cluster, "PATIENCE_S", 4.0)
    with pytest.raises(AssertionError):
        check(BrokerBench(database, place, broken))
