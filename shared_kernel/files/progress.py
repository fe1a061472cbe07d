"""Progress of a long command: a bar in a terminal, elsewhere a line at intervals."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

LINE_EVERY_S = 5.0


class ProgressBar:
    """Shows on `console` how much of `total` (in any unit) is done, and a note."""

    def __init__(self, console: Console, title: str, total: int) -> None:
        self._console = console
        self._title = title
        self._total = total
        self._next_line = time.monotonic() + LINE_EVERY_S
        # Without a refresh thread, which would use CPU time.
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            TimeRemainingColumn(),
            console=console,
            auto_refresh=False,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(title, total=total or None, note="")

    def show(self, done: int, note: str) -> None:
        self._bar.update(self._task, completed=done, note=note, refresh=True)
        if self._bar.disable and time.monotonic() >= self._next_line:
            share = f" ({done / self._total:.0%})" if self._total else ""
            self._console.print(f"{self._title}: {note}{share}", markup=False)
            self._next_line = time.monotonic() + LINE_EVERY_S

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()


class Rate:
    """Items per second, since it was created."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    @property
    def seconds(self) -> float:
        return max(time.monotonic() - self._since, 1e-6)

    def of(self, done: int) -> str:
        return f"{done / self.seconds:,.0f}/s"
