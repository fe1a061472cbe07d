"""A process that does nothing but consume queues."""

import signal
import threading

import click

from shared_kernel.runtime.running import RunningServices


def worker_command(storehouse: RunningServices) -> click.Command:
    @click.command("worker")
    def worker() -> None:
        """Process the messages of all queues, and nothing else, until Ctrl-C.

        It may run beside serving processes, as often as needed; `SERVICES` without
        `worker` leaves all of that work to it. What is being processed when it is told
        to stop is finished first.
        """
        names = ", ".join(each.queue.name for each in storehouse.queues)
        if not names:
            raise click.ClickException("no service of SERVICES has a queue")
        stopping = _on_signals()
        storehouse.consume()
        click.echo(f"Working on {names} (Ctrl-C stops it)")
        stopping.wait()
        storehouse.stop()

    return worker


def _on_signals() -> threading.Event:
    told = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, lambda *_: told.set())
    return told
