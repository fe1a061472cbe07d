"""What can be done with many dead letters, and what is told of it meanwhile."""

from typing import Protocol

import attrs
import click
from rich.console import Console

from shared_kernel.dead_letters.letter import StillFailingError
from shared_kernel.files.progress import ProgressBar, Rate
from shared_kernel.repair.many import Outcome
from shared_kernel.repair.replay import DeadLetters

A_FEW = 20
"""Of more, a terminal shows a bar; and so many refusals are told, not all."""


class Act(Protocol):
    def __call__(self, of: DeadLetters, number: int, who: str, why: str) -> int:
        """Return with how many letters it was done."""


@attrs.frozen
class Verb:
    """`done` tells it of one letter, `failed` of several that failed.

    What `is_final` is asked for first, and needs a reason.
    """

    name: str
    help: str
    act: Act
    done: str
    failed: str
    is_final: bool = False


def _replay(of: DeadLetters, number: int, who: str, why: str) -> int:
    return of.replay(number, who=who, why=why)


def _requeue(of: DeadLetters, number: int, who: str, why: str) -> int:
    return of.requeue(number, who=who, why=why)


def _discard(of: DeadLetters, number: int, who: str, why: str) -> int:
    return of.discard(number, who=who, why=why)


REPLAY = Verb(
    "replay",
    "Apply LETTER again, or those chosen, and then the events parked behind it, in "
    "order. A message of a queue becomes a job again.\n\n"
    "Exit code 1 if one fails again: then it stays, and the others stay parked.",
    _replay,
    "applied {events}",
    "failed again",
)
REQUEUE = Verb(
    "requeue",
    "Move LETTER, of a queue, back to it, or those chosen: each is the job that it "
    "was, as new, before those of its key that wait.\n\n"
    "Exit code 1 if one is of no queue.",
    _requeue,
    "queued {events} again",
    "failed",
)
DISCARD = Verb(
    "discard",
    "Delete LETTER for good, or those chosen, and apply the events parked behind it. "
    "Rebuilds pass over them too.\n\n"
    "Exit code 1 if one of those fails: then that one is the dead letter.",
    _discard,
    "discarded; applied {events} behind it",
    "failed",
    is_final=True,
)


class Told:
    """Tells what becomes of each of `total` letters, in a terminal by a bar."""

    def __init__(self, verb: Verb, total: int) -> None:
        console = Console(stderr=True)
        self._verb = verb
        self._total = total
        self._by_bar = console.is_terminal and total > A_FEW
        self._bar = ProgressBar(console, verb.name, total)
        self._rate = Rate()
        self._well = self._failed = self._elsewhere = 0

    def __enter__(self) -> None:
        if self._by_bar:
            self._bar.__enter__()

    def __exit__(self, *_: object) -> None:
        if self._by_bar:
            self._bar.__exit__(None, None, None)

    def tell(self, database: str, outcome: Outcome) -> None:
        if outcome.error is not None:
            self._refused(database, outcome)
        else:
            self._well += 1
            if not self._by_bar:
                done = self._verb.done.format(events=events(outcome.done))
                click.echo(f"{database}:{outcome.number}: {done}")
        if self._by_bar:
            done_so_far = self._well + self._failed + self._elsewhere
            self._bar.show(done_so_far, self._rate.of(done_so_far))

    def _refused(self, database: str, outcome: Outcome) -> None:
        self._elsewhere += outcome.is_elsewhere
        self._failed += not outcome.is_elsewhere
        if self._failed + self._elsewhere > A_FEW:
            return
        done = ""
        if self._verb.is_final and isinstance(outcome.error, StillFailingError):
            done = f"{database}:{outcome.number} is discarded; behind it "
        click.echo(f"Error: {database}: {done}{outcome.error}", err=True)

    def sum_up(self) -> None:
        """Raises ClickException if one has failed."""
        if self._by_bar:
            click.echo(f"{self._verb.name}: {self._well:,} of {self._total:,} letters")
        if self._elsewhere:
            click.echo(f"{self._elsewhere:,} changed meanwhile elsewhere", err=True)
        if self._failed > A_FEW:
            click.echo("`dead-letters causes` tells why they failed", err=True)
        if self._failed:
            raise click.ClickException(
                f"{self._failed:,} of {self._total:,} {self._verb.failed}"
            )


def events(number: int) -> str:
    return "1 event" if number == 1 else f"{number:,} events"
