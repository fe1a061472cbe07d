"""Runs the scenarios on every bus, database and queue, in one process and in several.

The observable histories of all combinations must be equal. For the options see
`python -m features.everywhere --help`.
"""

import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import islice, zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import IO

import attrs
import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from features import table_of_everywhere
from tests.cluster import BUSES, LAYOUTS, CannotStartError, Cluster
from tests.databases import KINDS, templates
from tests.memory import keep_files_in_memory

PLACES = [
    f"{bus}:{layout}:{database}"
    for database in KINDS
    for bus in BUSES
    for layout in LAYOUTS
    # One combination is enough for forged messages: their readers are the same on any
    # database, and in one process readers compare each event with the log.
    if bus != "forged" or (layout, database) == ("split", "sqlite")
]
QUEUES = dict.fromkeys(BUSES, "sql") | {
    "feed": "pubsub",
    "jetstream": "redis",
    "forged": "redis",
    "kafka": "sqs",
    "pubsub": "jetstream",
}
"""What tells workers of their jobs: each is tried with each layout and database."""
COMBINATIONS = [
    f"{place}:{queue}"
    for place in PLACES
    for queue in dict.fromkeys(("sql", "redis", QUEUES[place.partition(":")[0]]))
    # One that does not start needs no queue; for forged messages see above.
    if not place.startswith(("inprocess:split:", "forged:"))
    or queue == QUEUES[place.partition(":")[0]]
]
FIRST = COMBINATIONS[0]
"""The others are compared with it, so it always runs."""
REFUSED = {each for each in COMBINATIONS if each.startswith("inprocess:split:")}
"""This bus does not connect processes, and refuses to start split."""

_LIMIT_S = 1800.0
_GRACE_S = 30.0
_CANNOT_START = 2
_LINES_SHOWN = 40
_DIFFERENCES_SHOWN = 3
_CHARACTERS_SHOWN = 500
_COUNTS = re.compile(r"(\d+) (?:scenarios?|steps?)? ?([a-z_]+)")
_SCENARIO = re.compile(r'\{"scenario": "((?:[^"\\]|\\.)*)"')


@attrs.frozen(kw_only=True)
class Outcome:
    """The result of one combination."""

    combination: str
    seconds: float
    good: bool
    scenarios: Counter[str] = attrs.field(factory=Counter)
    steps: Counter[str] = attrs.field(factory=Counter)
    history: str = ""
    """The result of the comparison."""


@attrs.frozen
class Runner:
    """Runs combinations; writes the output and history of each to `folder`.

    Of all features, or of those in the files `features`.
    """

    folder: Path
    tags: str | None
    console: Console
    features: Sequence[str] = ()

    def run(self, combination: str) -> Outcome:
        if combination in REFUSED:
            return self._run_refused(combination)
        began = time.monotonic()
        finished = self._behave(combination)
        output = self.file(combination, "output").read_text()
        scenarios = _counted(output, "scenario")
        compared = self._compared(combination)
        good = finished and scenarios["passed"] > 0 and compared in ("", "equal")
        outcome = Outcome(
            combination=combination,
            seconds=time.monotonic() - began,
            good=good,
            scenarios=scenarios,
            steps=_counted(output, "step"),
            history=compared,
        )
        self._say(f"{combination}: {_summary(outcome)}")
        if not finished:
            self._say("\n".join(output.splitlines()[-_LINES_SHOWN:]))
        if compared == "differs":
            self._say("\n".join(self._differences(combination)))
        return outcome

    def file(self, combination: str, kind: str) -> Path:
        return self.folder / f"{combination.replace(':', '-')}.{kind}"

    def _run_refused(self, combination: str) -> Outcome:
        began = time.monotonic()
        bus, layout, database, _ = combination.split(":")
        with (
            TemporaryDirectory(prefix="storehouse-features-") as folder,
            templates(database) as clean,
        ):
            databases = clean.new(Path(folder))
            cluster = Cluster(Path(folder), LAYOUTS[layout], bus, databases=databases)
            try:
                cluster.start()
                good, result = False, "started, should be refused"
            except CannotStartError:
                codes = {each.wait_for_end() for each in cluster.processes.values()}
                good, result = codes == {_CANNOT_START}, f"exit codes {codes}"
            finally:
                cluster.abandon()
        outcome = Outcome(
            combination=combination,
            seconds=time.monotonic() - began,
            good=good,
            history="refused at the start, by design" if good else result,
        )
        self._say(f"{combination}: {outcome.history}")
        return outcome

    def _behave(self, combination: str) -> bool:
        """Run behave; return whether it succeeded in time."""
        bus, layout, database, queue = combination.split(":")
        history = self.file(combination, "history")
        history.touch()
        command = [sys.executable, "-m", "behave", "--no-color", "-D", "through=http"]
        command += ["-D", f"bus={bus}", "-D", f"layout={layout}"]
        command += ["-D", f"database={database}", "-D", f"queue={queue}"]
        command += ["-D", f"history={history}"]
        command += ["--tags", self.tags] if self.tags else []
        command += self.features
        with (
            self.file(combination, "output").open("wb") as output,
            history.open(encoding="utf-8") as seen,
            subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            ) as process,
        ):
            try:
                self._watch(combination, process, seen)
            finally:
                _end(process)
            return process.returncode == 0

    def _watch(
        self, combination: str, process: subprocess.Popen[bytes], seen: IO[str]
    ) -> None:
        """Show the progress until the process ends or the time limit is reached."""
        deadline, pause = time.monotonic() + _LIMIT_S, threading.Event()
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
        first = self.file(FIRST, "history")
        total = len(_scenarios(first)) if combination != FIRST else None
        with Progress(
            *columns,
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        ) as progress:
            task = progress.add_task(combination, total=total)
            done: set[str] = set()
            while process.poll() is None and time.monotonic() < deadline:
                done.update(_named(seen))
                progress.update(task, completed=len(done))
                pause.wait(0.1)

    def _compared(self, combination: str) -> str:
        if combination == FIRST:
            return ""
        return "differs" if any(self._differing(combination)) else "equal"

    def _differing(self, combination: str) -> Iterator[tuple[int, str, str]]:
        """Lines that differ: number, text of the first combination and of this one."""
        with (
            self.file(FIRST, "history").open(encoding="utf-8") as first,
            self.file(combination, "history").open(encoding="utf-8") as this,
        ):
            for number, (a, b) in enumerate(zip_longest(first, this, fillvalue="")):
                if a != b:
                    yield number + 1, a, b

    def _differences(self, combination: str) -> Iterator[str]:
        some = islice(self._differing(combination), _DIFFERENCES_SHOWN)
        for number, first, this in some:
            yield f"line {number} of the history"
            yield f"  {FIRST}: {first.rstrip()[:_CHARACTERS_SHOWN]}"
            yield f"  {combination}: {this.rstrip()[:_CHARACTERS_SHOWN]}"

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


@click.command()
@click.option(
    "--only",
    metavar="BUS:LAYOUT:DATABASE",
    multiple=True,
    type=click.Choice(PLACES),
    help=f"Run only this one and {FIRST}, with which it is compared. Repeatable.",
)
@click.option(
    "--without",
    metavar="BUS:LAYOUT:DATABASE",
    multiple=True,
    type=click.Choice(PLACES[1:]),
    help="Leave out this one, for example one that has run already. Repeatable.",
)
@click.option("--tags", help="Run only these scenarios, with the syntax of behave.")
@click.option("--quick", is_flag=True, help="Run only the most important scenarios.")
@click.option(
    "--each-queue", is_flag=True, help="Run each also with the queues sql and redis."
)
@click.option(
    "--write-table",
    "documents",
    metavar="FILE",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Write the results into the table of this document. Repeatable.",
)
@click.argument("features", nargs=-1, type=click.Path(exists=True))
def main(
    only: tuple[str, ...],
    without: tuple[str, ...],
    tags: str | None,
    quick: bool,
    each_queue: bool,
    documents: tuple[Path, ...],
    features: tuple[str, ...],
) -> None:
    """Run the scenarios everywhere, and compare the observable histories.

    Each combination of a bus (`forged` is NATS with forged messages), a layout (one
    process, or split into three), a database and a queue runs all scenarios, or those
    of FEATURES, over HTTP, on real servers. Commands and their responses, both logs,
    the listing and the stock must be the same everywhere.

    Exit code 0 if everything passed and nothing differs, else 1.
    """
    if quick and tags:
        raise click.UsageError("--quick selects tags: use either --quick or --tags")
    if documents and (quick or tags or features):
        raise click.UsageError(
            "--write-table needs all scenarios: leave out --quick, --tags and FEATURES"
        )
    for document in documents:
        try:
            table_of_everywhere.write(document, {}, PLACES)
        except table_of_everywhere.NoMarksError as error:
            raise click.UsageError(str(error)) from None
    keep_files_in_memory()
    console = Console(emoji=False)
    folder = Path(mkdtemp(prefix="storehouse-everywhere-"))
    runner = Runner(folder, "@quick" if quick else tags, console, features)
    outcomes = [runner.run(each) for each in _chosen(only, without, each_queue)]
    console.print(_table(outcomes))
    for document in documents:
        table_of_everywhere.write(document, cells_of(outcomes), PLACES)
    if not all(each.good for each in outcomes):
        console.print(f"Output and history of each: {folder}", soft_wrap=True)
        sys.exit(1)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def cells_of(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """For the table of a document, by place: of all queues that it was run with."""
    by_place: dict[str, list[Outcome]] = {}
    for each in outcomes:
        by_place.setdefault(each.combination.rpartition(":")[0], []).append(each)
    return {place: _cell(found) for place, found in by_place.items()}


def _cell(outcomes: Sequence[Outcome]) -> str:
    if not all(each.good for each in outcomes):
        return "**fails**"
    if all(each.combination in REFUSED for each in outcomes):
        return "refused, by design"
    passed = {each.scenarios["passed"] for each in outcomes}
    queues = sorted({each.combination.rpartition(":")[2] for each in outcomes})
    return f"{min(passed)} ({', '.join(queues)})"


def _chosen(
    only: Collection[str], without: Collection[str], each_queue: bool
) -> list[str]:
    chosen = []
    for each in COMBINATIONS:
        place, _, queue = each.rpartition(":")
        wanted = (not only or place in only) and place not in without
        usual = each_queue or queue == QUEUES[each.partition(":")[0]]
        if each == FIRST or (wanted and usual):
            chosen.append(each)
    return chosen


def _end(process: subprocess.Popen[bytes]) -> None:
    """Stop behave, if it still runs, with time to stop its servers."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()


def _counted(output: str, what: str) -> Counter[str]:
    """From behave's summary, such as `3 steps passed, 1 failed, 0 skipped`."""
    lines = re.findall(rf"^\d+ {what}s? .*$", output, re.MULTILINE)
    if not lines:
        return Counter()
    return Counter({word: int(count) for count, word in _COUNTS.findall(lines[-1])})


def _named(seen: IO[str]) -> set[str]:
    """The scenarios named in the lines from here on."""
    found = (_SCENARIO.match(line) for line in seen)
    return {match[1] for match in found if match}


def _scenarios(history: Path) -> set[str]:
    with history.open(encoding="utf-8") as seen:
        return _named(seen)


def _failed(counts: Counter[str]) -> int:
    return sum(counts.values()) - counts["passed"] - counts["skipped"]


def _summary(outcome: Outcome) -> str:
    compared = f", history {outcome.history}" if outcome.history else ""
    passed, failed = outcome.scenarios["passed"], _failed(outcome.scenarios)
    return f"{passed} passed, {failed} failed in {outcome.seconds:.0f} s{compared}"


def _table(outcomes: list[Outcome]) -> Table:
    table = Table("bus", "layout", "database", "queue", title="Features everywhere")
    for heading in ("scenarios", "failed", "steps", "seconds"):
        table.add_column(heading, justify="right")
    table.add_column("history")
    for each in outcomes:
        refused = each.combination in REFUSED
        numbers = (
            str(each.scenarios["passed"]),
            str(_failed(each.scenarios)),
            str(each.steps["passed"]),
        )
        table.add_row(
            *each.combination.split(":"),
            *(("", "", "") if refused else numbers),
            f"{each.seconds:.1f}",
            each.history or "compared with",
            style=None if each.good else "red",
        )
    return table


if __name__ == "__main__":
    main()
