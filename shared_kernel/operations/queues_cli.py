"""Work queues at the command line: list, show, pause, resume, purge."""

from collections.abc import Sequence

import attrs
import click
import msgspec

from shared_kernel.clock import Clock, from_us
from shared_kernel.operations.observation import observe_queue
from shared_kernel.operations.operations_cli import show_queues
from shared_kernel.operations.terminal import storage_faults_reported
from shared_kernel.queues.operating import Job
from shared_kernel.queues.sql import SqlQueue
from shared_kernel.runtime.service import ConsumedQueue

SHOWN = 20


def queues_group(consumed: Sequence[ConsumedQueue], clock: Clock) -> click.Group:
    queues = {each.queue.name: each.queue for each in consumed}
    group = click.Group("queues", help="Work that waits to be done in the background.")
    name = click.argument("name", type=click.Choice(list(queues)), metavar="QUEUE")

    @group.command("list")
    @click.option("--json", "as_json", is_flag=True, help="One JSON document.")
    def list_queues(as_json: bool) -> None:
        """List the queues with their depth, and the age of their oldest message."""
        states = [observe_queue(each, clock) for each in queues.values()]
        if as_json:
            click.echo(msgspec.json.encode([attrs.asdict(each) for each in states]))
        else:
            show_queues(states)

    @group.command("show")
    @name
    @click.option(
        "--limit", type=click.IntRange(1, 1000), default=SHOWN, show_default=True
    )
    def show(name: str, limit: int) -> None:
        """Show the oldest messages of QUEUE, a JSON object a line."""
        with storage_faults_reported():
            found = queues[name].first(limit)
        for each in found:
            click.echo(msgspec.json.encode(_as_document(each)))

    @group.command("pause")
    @name
    def pause(name: str) -> None:
        """Let no worker fetch from QUEUE; what is in flight ends."""
        with storage_faults_reported():
            changed = queues[name].pause()
        click.echo(f"{name}: {'paused' if changed else 'was paused already'}")

    @group.command("resume")
    @name
    def resume(name: str) -> None:
        """Let workers fetch from QUEUE again."""
        with storage_faults_reported():
            changed = _resumed(queues[name])
        click.echo(f"{name}: {'resumed' if changed else 'was not paused'}")

    @group.command("purge")
    @name
    @click.option("--yes", is_flag=True, help="Do not ask.")
    def purge(name: str, yes: bool) -> None:
        """Delete all waiting messages of QUEUE for ever, not those in flight."""
        if not yes:
            waiting = queues[name].depth().waiting
            click.confirm(f"Delete {waiting:,} messages of {name}?", abort=True)
        with storage_faults_reported():
            deleted = queues[name].purge()
        click.echo(f"{name}: deleted {deleted:,}")

    return group


def _resumed(queue: SqlQueue) -> bool:
    resumed = queue.resume()
    queue.announce()
    return resumed


def _as_document(job: Job) -> dict[str, object]:
    message = job.message
    return {
        "id": message.id,
        "name": message.name,
        "payload": message.payload,
        "key": message.key,
        "attempts": message.attempts,
        "added": from_us(job.added_us),
        "due": from_us(job.due_us),
        "consumer": job.consumer,
    }
