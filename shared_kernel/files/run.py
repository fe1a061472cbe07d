"""Processes a file of rows in chunks, and reports the result.

Each chunk is a commit of its own. So a run may be interrupted at any point and
repeated: rows that are done already are skipped.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import attrs
import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared_kernel.events.consistency import ReadModelBehindError
from shared_kernel.files.arguments import FileArguments
from shared_kernel.files.columns import Columns
from shared_kernel.files.errors import LostLinesError, UnusableFileError
from shared_kernel.files.graceful_interrupt import (
    EXIT_CODE,
    GracefulInterrupt,
    graceful_interrupt,
)
from shared_kernel.files.outcomes import Outcome, Refused
from shared_kernel.files.presets import Preset, opened
from shared_kernel.files.progress import ProgressBar, Rate
from shared_kernel.files.refusals import SHOWN, Refusal, Refusals
from shared_kernel.files.remarks import Remarks
from shared_kernel.files.row_file import Row, RowFile
from shared_kernel.runtime.garbage import collected_between_chunks
from shared_kernel.runtime.workers import Workers
from shared_kernel.storage.errors import is_fault

CHUNK = 1000
LOOK_S = 0.5
STALLED_S = 30.0
SOME_REFUSED = 1
UNUSABLE = 2


class Work(Protocol):
    """What to do with the rows of a file."""

    @property
    def columns(self) -> Columns: ...

    @property
    def subject(self) -> str:
        """The column that identifies a row to people."""

    @property
    def done(self) -> str:
        """The word for a row that was done, as in `12 registered`."""

    @property
    def remarks(self) -> Remarks:
        """What to tell at the end, besides outcomes."""

    def apply(self, rows: Sequence[Row]) -> Sequence[Outcome | Refused]:
        """Apply all in one commit; return an outcome for each row."""

    def wait_until_visible(self, timeout_s: float) -> None:
        """Return once readers see all rows. Raises ReadModelBehindError."""


@attrs.define
class Tally:
    rows: int = 0
    done: int = 0
    updated: int = 0
    skipped: int = 0


@attrs.define(eq=False)
class Run:
    """One run over one file; `result` returns the exit code of the command."""

    work: Work
    workers: Workers
    file: RowFile
    refusals: Refusals
    dry: bool = False
    out: Console = attrs.field(factory=Console)
    err: Console = attrs.field(factory=lambda: Console(stderr=True))
    tally: Tally = attrs.field(factory=Tally)

    def result(self) -> int:
        rate = Rate()
        with graceful_interrupt() as interrupt, collected_between_chunks() as collect:
            try:
                self._work_through(rate, interrupt, collect)
                self._check_sum()
                visible = interrupt.asked or self._wait(interrupt)
            except UnusableFileError:
                self._report(rate)
                raise
            finally:
                self.refusals.close()
                self.workers.hand_back()
        self._report(rate)
        if self.dry:
            self._say("This was a dry run: nothing of it was kept.", self.out)
        if interrupt.asked:
            self._say("Interrupted. Run it again, and it goes on from here.")
            return EXIT_CODE
        if not visible:
            self._say(
                "All of it is kept, but readers do not see it yet: the process that "
                "follows the events does not get on. Its log says why."
            )
        return SOME_REFUSED if self.refusals.count else 0

    def _work_through(
        self, rate: Rate, interrupt: GracefulInterrupt, collect: Callable[[], object]
    ) -> None:
        with ProgressBar(self.err, self.file.path.name, self.file.size) as bar:
            for rows in self.file.chunks(CHUNK):
                self._count(rows, self.work.apply(rows))
                # In this thread: two busy threads would compete for the interpreter
                # lock.
                self.workers.run_until_idle()
                collect()
                bar.show(
                    self.file.bytes_read,
                    f"{self.tally.rows:,} rows, {rate.of(self.tally.rows)}, "
                    f"{self.refusals.count:,} refused",
                )
                if interrupt.asked:
                    return

    def _check_sum(self) -> None:
        """Rows = done + updated + skipped + refused: nothing is lost in silence."""
        tally = self.tally
        told = tally.done + tally.updated + tally.skipped + self.refusals.count
        if told != tally.rows:
            raise LostLinesError(
                f"{self.file.path}: of {tally.rows:,} rows {told:,} have an outcome; "
                "this is a fault of the program: please report it"
            )

    def _count(
        self, rows: Sequence[Row], outcomes: Sequence[Outcome | Refused]
    ) -> None:
        self.tally.rows += len(rows)
        for outcome in outcomes:
            if isinstance(outcome, Refused):
                self.refusals.add(outcome.row, outcome.reason)
            elif outcome is Outcome.DONE:
                self.tally.done += 1
            elif outcome is Outcome.UPDATED:
                self.tally.updated += 1
            else:
                self.tally.skipped += 1

    def _wait(self, interrupt: GracefulInterrupt) -> bool:
        """Whether readers see everything; gives up after a while without progress."""
        still, least = Rate(), None
        while not interrupt.asked:
            self.workers.run_until_idle()
            try:
                self.work.wait_until_visible(LOOK_S)
                return True
            except ReadModelBehindError as error:
                lag = error.behind.lag_events
                if lag != least:
                    still, least = Rate(), lag
                    self._say(f"Waiting for readers: {lag:,} events to go")
                elif still.seconds > STALLED_S:
                    return False
        return False

    def _report(self, rate: Rate) -> None:
        tally, refusals = self.tally, self.refusals
        updated = f"{tally.updated:,} updated, " if tally.updated else ""
        self._say(
            f"{self.file.path.name}: {tally.done:,} {self.work.done}, {updated}"
            f"{tally.skipped + self.file.left_out:,} skipped, "
            f"{refusals.count:,} refused "
            f"in {rate.seconds:,.1f} s ({rate.of(tally.rows)})",
            self.out,
        )
        for line in [*self.file.remarks.lines(), *self.work.remarks.lines()]:
            self._say(line, self.out)
        if not refusals.count:
            return
        self._show(refusals.first)
        if refusals.count > SHOWN:
            self._say(f"… and {refusals.count - SHOWN:,} more", self.out)
        self._say(f"All that was refused: {refusals.path}", self.out)

    def _show(self, refusals: Sequence[Refusal]) -> None:
        if not self.out.is_terminal:
            # Long lines are not wrapped: programs read them.
            for refusal in refusals:
                self._say(
                    f"row {refusal.row}: {refusal.subject}: {refusal.reason}", self.out
                )
            return
        table = Table("row", self.work.subject, "reason", box=None, pad_edge=False)
        for refusal in refusals:
            table.add_row(str(refusal.row), Text(refusal.subject), Text(refusal.reason))
        self.out.print(table)

    def _say(self, text: str, console: Console | None = None) -> None:
        (console or self.err).print(text, markup=False, highlight=False, soft_wrap=True)


def run(
    work: Work,
    workers: Workers,
    asked: FileArguments,
    *,
    dry: bool = False,
    preset: Preset | None = None,
) -> int:
    """The exit code: 0, or 1 if rows were refused, or 130 if it was interrupted.

    A `dry` run keeps nothing; its refused rows go to a file of another name. With a
    `preset` the file is one of other software.

    Raises CommandFailed (exit code 2) for a file that cannot be used.
    """
    there = asked.refused_to(dry=dry)
    try:
        with opened(asked.path, work.columns, asked.reading, preset) as file:
            if there.exists() and asked.path.exists() and there.samefile(asked.path):
                raise UnusableFileError(f"--refused {there}: that is the file itself")
            header = work.columns.of_refused_rows(file.header)
            refusals = Refusals(there, header, work.subject)
            return Run(work, workers, file, refusals, dry).result()
    except UnusableFileError as error:
        raise CommandFailed(str(error)) from error
    except Exception as error:
        if not is_fault(error):
            raise
        raise CommandFailed(f"{error}; nothing is half done: run it again") from error


class CommandFailed(click.ClickException):
    """The message says why, and how to fix it."""

    exit_code = UNUSABLE
