"""What a rehearsal says, for people."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from shared_kernel.files.values import excerpt
from shared_kernel.operations.letter_names import Named
from shared_kernel.operations.terminal import on_one_line, show_table
from shared_kernel.repair.rehearsed import Outcome, Outcomes, Rehearsed
from shared_kernel.storage.row_changes import RowChange

MOST_CHANGES = 100
"""So many rows are told of one letter."""
LONGEST_VALUE = 60
LONGEST_REASON = 200

_NOT_TRIED = "not tried since"


def told_outcome(name: Named, rehearsed: Rehearsed) -> str:
    envelope = rehearsed.letter.envelope
    subject = f"{name} {envelope.type} {on_one_line(envelope.key)}"
    failure, failing = rehearsed.failure, rehearsed.failing
    if failure is None or failing is None:
        behind = rehearsed.applied - 1
        what = f"would succeed{f', and {behind:,} behind it' if behind else ''}"
    else:
        reason = excerpt(on_one_line(failure.reason), LONGEST_REASON)
        what = f"would fail again: {reason}"
        if failing.number != rehearsed.letter.number:
            other = Named(name.database, failing.number)
            what = f"would succeed, but {other} behind it would fail: {reason}"
    untried = rehearsed.untried
    return f"{subject}: {what}{f'; {untried:,} were not tried' if untried else ''}"


def told_changes(rehearsed: Rehearsed) -> Iterator[str]:
    """A line for each row."""
    for change in rehearsed.changes[:MOST_CHANGES]:
        yield _told_change(change)
    if (more := len(rehearsed.changes) - MOST_CHANGES) > 0:
        yield f"and {more:,} more rows; --json has all"


def show_outcomes(outcomes: Outcomes) -> None:
    if not outcomes.letters:
        click.echo("There are no such dead letters.")
        return
    show_table(
        ("letters", "applied", "failed with", "now", "example"),
        [_row(each) for each in outcomes.by_cause],
    )
    if outcomes.rows:
        rows = ", ".join(
            f"{number:,} {kind} in {table}"
            for (table, kind), number in sorted(outcomes.rows.items())
        )
        click.echo(f"Rows that would change: {rows}.")
    if outcomes.apart:
        click.echo(
            f"{_letters(outcomes.apart)} were tried without some of those before, with "
            "which they share no key and no row that they write."
        )
    failing = outcomes.letters - outcomes.succeeding
    untried = f"; {outcomes.untried:,} were not tried" if outcomes.untried else ""
    click.echo(
        f"Of {_letters(outcomes.letters)}, {outcomes.succeeding:,} would succeed and "
        f"{failing:,} would fail again. {_events(outcomes.applied)} would be "
        f"applied{untried}. Nothing was changed."
    )


def _row(outcome: Outcome) -> tuple[str, ...]:
    was, failure = outcome.was, outcome.failure
    now = "succeed"
    if failure is not None:
        reason = excerpt(on_one_line(failure.reason), LONGEST_REASON)
        now = f"fail in {failure.place}: {reason}"
    return (
        f"{outcome.letters:,}",
        f"{outcome.events:,}",
        f"{was.error_type} in {was.place}" if was else _NOT_TRIED,
        now,
        outcome.example,
    )


def _told_change(change: RowChange) -> str:
    table = change.table.name
    if change.kind == "changed":
        values = ", ".join(
            f"{name} {_value(was)} → {_value(now)}"
            for name, (was, now) in change.changed.items()
        )
        return f"{table} {_named(change.key)}: {values}"
    row = change.before if change.kind == "deleted" else change.after
    return f"{table} {change.kind}: {_named(row or {})}"


def _named(values: Mapping[str, Any]) -> str:
    given = ((name, value) for name, value in values.items() if value is not None)
    return " ".join(f"{name}={_value(value)}" for name, value in given)


def _value(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    return excerpt(on_one_line(str(value)), LONGEST_VALUE)


def _letters(number: int) -> str:
    return "1 letter" if number == 1 else f"{number:,} letters"


def _events(number: int) -> str:
    return "1 event" if number == 1 else f"{number:,} events"
