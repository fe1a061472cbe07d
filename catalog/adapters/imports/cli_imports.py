"""Imports in the background at the command line: sent, watched, listed, cancelled."""

import threading
from pathlib import Path

import click
from rich.console import Console

from catalog.adapters.imports.import_options import ImportOptions
from catalog.adapters.imports.import_state import ImportState
from catalog.adapters.imports.product_imports import ProductImports
from catalog.adapters.imports.stuck import remedies
from shared_kernel.clock import from_us
from shared_kernel.files.errors import UnusableFileError
from shared_kernel.files.graceful_interrupt import EXIT_CODE, graceful_interrupt
from shared_kernel.files.progress import ProgressBar, Rate
from shared_kernel.files.row_file import RowFile
from shared_kernel.files.run import SOME_REFUSED, STALLED_S, CommandFailed
from shared_kernel.operations.terminal import show_table, storage_faults_reported

LISTED = 20
SHOWN = 50
LOOK_S = 0.2


def add_import_commands(group: click.Group, imports: ProductImports) -> None:
    """Add `imports` and `cancel-import`."""

    @group.command("imports")
    @click.argument("import_id", metavar="[IMPORT]", required=False)
    @click.pass_context
    def show_imports(context: click.Context, import_id: str | None) -> None:
        """List the newest imports, or watch IMPORT until it has ended."""
        with storage_faults_reported():
            if import_id is None:
                _list(imports.progress.newest(LISTED))
            else:
                context.exit(_watch(imports, import_id, None))

    @group.command("cancel-import")
    @click.argument("import_id", metavar="IMPORT")
    def cancel_import(import_id: str) -> None:
        """Register nothing more of IMPORT; what was done stays.

        Exit code 1 if it has ended already.
        """
        with storage_faults_reported():
            _state(imports, import_id)
            imports.cancel(import_id)
            state = _state(imports, import_id)
        if state.state != "cancelled":
            raise click.ClickException(f"{import_id} is {state.state}")
        click.echo(f"{import_id}: cancelled after {state.handled:,} of {_rows(state)}")


def import_in_background(
    imports: ProductImports, rows: RowFile, options: ImportOptions, refused: Path
) -> int:
    """Store the file, and watch while workers handle its rows.

    Returns the exit code. Raises CommandFailed.
    """
    try:
        with storage_faults_reported(), rows as file:
            import_id = imports.receive(file, options)
            imports.announce()
    except UnusableFileError as error:
        raise CommandFailed(str(error)) from error
    click.echo(f"Import {import_id}", err=True)
    with storage_faults_reported():
        return _watch(imports, import_id, refused)


def _watch(imports: ProductImports, import_id: str, refused: Path | None) -> int:
    state, still = _state(imports, import_id), Rate()
    said = _say_of_file(state)
    pause, err = threading.Event(), Console(stderr=True)
    with (
        graceful_interrupt() as interrupt,
        ProgressBar(err, state.file, state.rows or 0) as bar,
    ):
        while not (state.has_ended or state.state == "stuck" or interrupt.asked):
            pause.wait(LOOK_S)
            before, state = state, _state(imports, import_id)
            bar.show(state.handled, _note(state))
            said = said or _say_of_file(state)
            if state.handled != before.handled:
                still = Rate()
            elif still.seconds > STALLED_S:
                click.echo("It does not get on: is a worker running?", err=True)
                still = Rate()
    if state.state == "stuck":
        click.echo(f"It is stuck after {state.handled:,} of {_rows(state)}:", err=True)
        for remedy in remedies(state):
            click.echo(f"- {remedy}", err=True)
        return SOME_REFUSED
    if not state.has_ended:
        click.echo(
            "It goes on without you. To watch it again: "
            f"flask --app app catalog imports {import_id}",
            err=True,
        )
        return EXIT_CODE
    return _report(imports, state, refused)


def _report(imports: ProductImports, state: ImportState, refused: Path | None) -> int:
    click.echo(f"{state.file}: {state.state}, {_note(state)}")
    for remark in state.remarks_on_rows.lines():
        click.echo(remark)
    for each in imports.progress.refusals(state.id, 0, SHOWN):
        click.echo(f"row {each.row}: {each.subject}: {each.reason}")
    if state.refused > SHOWN:
        click.echo(f"… and {state.refused - SHOWN:,} more")
    if state.refused and refused is not None:
        text = imports.progress.refused_csv(state)
        try:
            refused.write_text(text, encoding="utf-8", newline="")
        except OSError as error:
            raise CommandFailed(f"{refused}: {error.strerror}") from error
        click.echo(f"All that was refused: {refused}")
    if state.options.dry_run:
        click.echo("This was a dry run: nothing of it was kept.")
    return SOME_REFUSED if state.refused or state.state == "cancelled" else 0


def _say_of_file(state: ImportState) -> bool:
    """What is to be said of it, once it is known: False until then."""
    if state.rows is None:
        return False
    for remark in state.remarks_on_file.lines():
        click.echo(remark)
    return True


def _state(imports: ProductImports, import_id: str) -> ImportState:
    state = imports.progress.state(import_id)
    if state is None:
        raise click.UsageError(f"there is no import {import_id}")
    return state


def _list(states: list[ImportState]) -> None:
    if not states:
        click.echo("There are no imports.")
        return
    show_table(
        (
            "import",
            "file",
            "state",
            "rows",
            "registered",
            "updated",
            "skipped",
            "refused",
            "begun",
        ),
        [
            (
                each.id,
                each.file,
                f"{each.state} (dry run)" if each.options.dry_run else each.state,
                _rows(each),
                f"{each.registered:,}",
                f"{each.updated:,}",
                f"{each.skipped:,}",
                f"{each.refused:,}",
                from_us(each.begun_us).isoformat(timespec="seconds"),
            )
            for each in states
        ],
    )


def _note(state: ImportState) -> str:
    done = "would be registered" if state.options.dry_run else "registered"
    updated = f"{state.updated:,} updated, " if state.updated else ""
    return (
        f"{state.registered:,} {done}, {updated}{state.skipped:,} skipped, "
        f"{state.refused:,} refused ({state.rate_per_second:,.0f}/s)"
    )


def _rows(state: ImportState) -> str:
    return "unknown" if state.rows is None else f"{state.rows:,}"
