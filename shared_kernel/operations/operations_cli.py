"""The status of logs and subscriptions at the command line."""

from collections.abc import Mapping, Sequence

import click
import msgspec

from shared_kernel.clock import Clock
from shared_kernel.events.cursors import Lease
from shared_kernel.operations.brokers import shown
from shared_kernel.operations.observation import QueueState, ServiceState, observe
from shared_kernel.operations.other_processes import OtherProcesses
from shared_kernel.operations.status import status_of_the_shop
from shared_kernel.operations.terminal import show_table
from shared_kernel.runtime.service import Service

UNKNOWN = "unknown"


def status_command(
    services: Sequence[Service], clock: Clock, others: OtherProcesses | None = None
) -> click.Command:
    @click.command("status")
    @click.option("--json", "as_json", is_flag=True, help="One JSON document.")
    def status(as_json: bool) -> None:
        """Show how far each log reaches, and how far each subscription has come.

        Of all processes of the shop: the databases of this one are read, the other
        processes are asked. Values that nobody can give are unknown.

        \b
        unpublished  not known to have been handed to the bus
        lag          events still to be applied; lag age is that of the oldest
        dead         events given up: see `dead-letters causes`
        parked       events that wait behind a dead one of the same key
        dropped      messages on the bus that are not of the log, by reason
        worked by    the process that applies the events

        The brokers of the bus and of the queues are shown as this process reaches them,
        or the process of a service that runs elsewhere.

        For queues, waiting and in flight are messages, and attempts the most that one
        of them has had.
        """  # noqa: D301 - click takes \b as a character
        here = [observe(service, clock) for service in services]
        found = status_of_the_shop(here, others or OtherProcesses())
        if as_json:
            click.echo(msgspec.json.encode(found))
            return
        states = found.services
        _show_logs(states)
        click.echo()
        _show_subscriptions(states)
        click.echo()
        show_table(
            ("broker of", "kind", "address", "reachable", "since"), shown(states)
        )
        if queues := [queue for state in states for queue in state.queues]:
            click.echo()
            show_queues(queues)
        for each in found.not_asked:
            click.echo(f"\n{each.service}: all is {UNKNOWN}: {each.why}")

    return status


def _show_logs(states: Sequence[ServiceState]) -> None:
    show_table(
        ("log", "head", "unpublished", "oldest unpublished"),
        [
            (
                log.source,
                _count(log.head),
                _count(log.unpublished),
                _seconds(log.oldest_unpublished_seconds),
            )
            for state in states
            if (log := state.log)
        ],
    )


def _show_subscriptions(states: Sequence[ServiceState]) -> None:
    show_table(
        (
            "subscription",
            "source",
            "cursor",
            "lag",
            "lag age",
            "dead",
            "parked",
            "dropped",
            "worked by",
        ),
        [
            (
                each.name,
                each.source,
                _count(each.cursor),
                _count(each.lag_events),
                _seconds(each.lag_seconds),
                _count(each.dead),
                _count(each.parked),
                _by_reason(each.dropped),
                "refused" if each.refused else _holder(each.lease),
            )
            for state in states
            for each in state.subscriptions
        ]
        + [
            (
                each.name,
                each.source,
                *("",) * 3,
                _count(each.dead),
                _count(each.parked),
                *("",) * 2,
            )
            for state in states
            for each in state.letters
        ],
    )
    for state in states:
        for each in state.subscriptions:
            if each.refused:
                click.echo(f"\n{each.name}: {each.refused}")


def show_queues(states: Sequence[QueueState]) -> None:
    show_table(
        (
            "queue",
            "waiting",
            "in flight",
            "oldest",
            "attempts",
            "dead",
            "paused",
            "lists",
        ),
        [
            (
                each.name,
                _count(each.waiting),
                _count(each.in_flight),
                _seconds(each.oldest_seconds),
                _count(each.attempts),
                _count(each.dead),
                {True: "yes", False: "no", None: UNKNOWN}[each.paused],
                _lengths(each.lists),
            )
            for each in states
        ],
    )


def _lengths(lists: Mapping[str, int] | None) -> str:
    if lists is None:
        return UNKNOWN
    return ", ".join(f"{n:,} {name}" for name, n in lists.items())


def _by_reason(dropped: Mapping[str, int] | None) -> str:
    if dropped is None:
        return UNKNOWN
    return ", ".join(f"{n:,} {why}" for why, n in dropped.items() if n) or "0"


def _count(number: int | None) -> str:
    return UNKNOWN if number is None else f"{number:,}"


def _seconds(number: float | None) -> str:
    return UNKNOWN if number is None else f"{number:.1f} s"


def _holder(lease: Lease | None) -> str:
    if lease is None:
        return UNKNOWN
    if lease.holder is None:
        return "nobody"
    return lease.holder if lease.alive else f"nobody, {lease.holder} is gone"
