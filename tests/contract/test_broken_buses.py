"""The contract detects faults: one check fails for each bus that breaks it."""

from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
import pytest

from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.in_process import InProcessBus
from shared_kernel.buses.port import Capabilities, Deliver, Delivery, Leave
from tests.contract import bus_bench
from tests.contract import bus_contract as contract
from tests.contract.bus_bench import Bench
from tests.contract.bus_contract import Check, Kind, checks_for


class Sound(InProcessBus):
    """Declares its capabilities; each broken bus violates one rule."""

    capabilities = Capabilities(
        between_processes=False,
        between_replicas=False,
        at_least_once=True,
        waits_for_members=True,
        in_order=True,
    )


class CorruptsBytes(Sound):
    def publish(self, batch: Sequence[Envelope]) -> None:
        super().publish([attrs.evolve(e, data=e.data.strip()[:100]) for e in batch])


class ForgetsTheTrace(Sound):
    def publish(self, batch: Sequence[Envelope]) -> None:
        super().publish([attrs.evolve(e, traceparent=None) for e in batch])


class InventsATrace(Sound):
    def publish(self, batch: Sequence[Envelope]) -> None:
        super().publish([attrs.evolve(e, traceparent="00-0-0-00") for e in batch])


class IgnoresPatterns(Sound):
    def subscribe(self, pattern: str, group: str, deliver: Deliver) -> Leave:
        return super().subscribe(">", group, deliver)


class Reorders(Sound):
    def publish(self, batch: Sequence[Envelope]) -> None:
        super().publish(batch[::-1])


class DeliversNothing(Sound):
    def subscribe(self, pattern: str, group: str, deliver: Deliver) -> Leave:
        deliver(Delivery([]))
        return super().subscribe(pattern, group, deliver)


class GivesEveryMemberEverything(Sound):
    _members = 0

    def subscribe(self, pattern: str, group: str, deliver: Deliver) -> Leave:
        self._members += 1
        return super().subscribe(pattern, f"{group}-{self._members}", deliver)


class KnowsOneGroup(Sound):
    def subscribe(self, pattern: str, group: str, deliver: Deliver) -> Leave:
        return super().subscribe(pattern, "all", deliver)


class NeverLetsGo(Sound):
    def subscribe(self, pattern: str, group: str, deliver: Deliver) -> Leave:
        super().subscribe(pattern, group, deliver)
        return lambda: None


class StopsAtWhoRaises(Sound):
    """As blinker does by default."""

    def __init__(self) -> None:
        super().__init__()
        self._delivers: list[tuple[str, Deliver]] = []

    def subscribe(self, pattern: str, group: str, deliver: Deliver) -> Leave:
        self._delivers.append((pattern, deliver))
        return lambda: None

    def publish(self, batch: Sequence[Envelope]) -> None:
        for pattern, deliver in self._delivers:
            if batch and batch[0].type.startswith(pattern.rstrip(">*")):
                deliver(Delivery(batch))


class DeliversAfterClosing(Sound):
    def close(self) -> None:
        """Goes on."""


class NeverBringsAgain(Sound):
    """Declares that it delivers at least once."""


BROKEN: list[tuple[Callable[[], InProcessBus], Check]] = [
    (CorruptsBytes, contract.bytes_arrive_intact),
    (ForgetsTheTrace, contract.published_envelopes_arrive_unchanged),
    (InventsATrace, contract.an_event_outside_any_trace_arrives_without_one),
    (IgnoresPatterns, contract.a_pattern_selects),
    (Reorders, contract.a_batch_arrives_in_its_order_and_so_do_batches),
    (DeliversNothing, contract.an_empty_batch_is_not_delivered),
    (GivesEveryMemberEverything, contract.members_of_one_group_share_the_envelopes),
    (KnowsOneGroup, contract.every_group_gets_each_envelope),
    (NeverLetsGo, contract.a_member_that_left_gets_nothing_and_the_others_everything),
    (
        StopsAtWhoRaises,
        contract.a_receiver_that_raises_breaks_neither_the_others_nor_the_publisher,
    ),
    (DeliversAfterClosing, contract.after_closing_nothing_is_delivered),
    (NeverBringsAgain, contract.a_rejected_delivery_comes_again),
    (NeverBringsAgain, contract.an_unanswered_delivery_comes_again),
    (NeverBringsAgain, contract.a_delivery_to_a_receiver_that_raises_comes_again),
    (NeverBringsAgain, contract.events_wait_while_a_group_has_no_member),
]


@pytest.mark.parametrize(
    ("make", "check"), BROKEN, ids=lambda each: getattr(each, "__name__", "")
)
def test_the_contract_detects_each_broken_bus(
    make: Callable[[], InProcessBus], check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (bus_bench, contract):
        monkeypatch.setattr(module, "TIMEOUT_S", 0.3)
    bench = Bench(connect=make)

    with pytest.raises((AssertionError, KeyError)):
        check(bench)


def test_a_bus_is_checked_against_its_declared_capabilities() -> None:
    declared = Kind(
        capabilities=Sound.capabilities, bench=lambda _: Bench(connect=Sound)
    )
    modest = attrs.evolve(declared, capabilities=InProcessBus.capabilities)

    assert set(checks_for(modest)) < set(checks_for(declared))
    assert contract.a_rejected_delivery_comes_again in checks_for(declared)


def test_a_sound_bus_passes_all_checks(tmp_path: Path) -> None:
    for check in checks_for(
        Kind(
            capabilities=InProcessBus.capabilities,
            bench=lambda _: Bench(connect=InProcessBus),
        )
    ):
        check(Bench(connect=InProcessBus))
