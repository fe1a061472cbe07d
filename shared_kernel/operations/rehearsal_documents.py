"""What a rehearsal says, as JSON documents, over HTTP and at the command line."""

from collections.abc import Mapping
from typing import Any

import msgspec

from shared_kernel.dead_letters.failure import Failure
from shared_kernel.operations.letter_documents import payload
from shared_kernel.operations.letter_names import Named
from shared_kernel.repair.rehearsed import Rehearsed
from shared_kernel.storage.row_changes import RowChange


class ShownChange(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `table` that would be `added`, `changed` or `deleted`.

    `row` is its primary key. `before` and `after` have all columns of a row that is
    deleted or added, and those that differ of one that is changed.
    """

    table: str
    change: str
    row: dict[str, Any]
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class ShownFailure(msgspec.Struct, frozen=True, kw_only=True):
    """Why `letter` would fail: the rehearsed one, or one behind it."""

    letter: str
    cause: str
    error_type: str
    place: str
    field: str | None
    message: str
    trace: list[str]


class ShownRehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay of `letter` would do: `applied` of it and the `waiting` behind it.

    `untried` ones wait behind one that would fail, or too far behind. `unseen` letters
    before it were not applied before it: none writes a row that it writes, so that
    matters only if it depends on one that it reads. Of published events among
    `changes`, ids and positions are left out: a replay gives them.
    """

    letter: str
    subscription: str
    type: str
    key: str
    succeeds: bool
    applied: int
    waiting: int
    untried: int
    unseen: int
    failure: ShownFailure | None
    changes: list[ShownChange]


def shown_rehearsal(database: str, rehearsed: Rehearsed) -> ShownRehearsal:
    letter, failure = rehearsed.letter, None
    if rehearsed.failure is not None and rehearsed.failing is not None:
        failing = Named(database, rehearsed.failing.number)
        failure = _shown_failure(failing, rehearsed.failure)
    return ShownRehearsal(
        letter=str(Named(database, letter.number)),
        subscription=letter.subscription,
        type=letter.envelope.type,
        key=letter.envelope.key,
        succeeds=rehearsed.succeeds,
        applied=rehearsed.applied,
        waiting=rehearsed.behind,
        untried=rehearsed.untried,
        unseen=rehearsed.unseen,
        failure=failure,
        changes=[_shown_change(change) for change in rehearsed.changes],
    )


def _shown_failure(name: Named, failure: Failure) -> ShownFailure:
    return ShownFailure(
        letter=str(name),
        cause=failure.cause,
        error_type=failure.error_type,
        place=failure.place,
        field=failure.field,
        message=failure.message,
        trace=failure.trace.splitlines(),
    )


def _shown_change(change: RowChange) -> ShownChange:
    before, after = change.before, change.after
    if before is not None and after is not None:
        differing = change.changed
        before = {name: was for name, (was, _) in differing.items()}
        after = {name: now for name, (_, now) in differing.items()}
    return ShownChange(
        table=change.table.name,
        change=change.kind,
        row=_shown_values(change.key),
        before=None if before is None else _shown_values(before),
        after=None if after is None else _shown_values(after),
    )


def _shown_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Bytes as JSON if they are, else as text."""
    return {
        name: payload(value) if isinstance(value, bytes) else value
        for name, value in values.items()
    }
