"""What an operator does with an import that does not go on by itself."""

from collections.abc import Iterator

from catalog.adapters.imports.import_state import ImportState

DATABASE = "catalog"
"""Whose dead letters they are."""


def remedies(state: ImportState) -> Iterator[str]:
    """A sentence for each dead letter, and how to end it; none if it is not stuck."""
    if state.state != "stuck":
        return
    for letter in state.stuck_on:
        name = f"{DATABASE}:{letter.number}"
        yield (
            f"{letter.reason}: `flask --app app dead-letters replay {name}` has these "
            "rows handled"
        )
    if not state.stuck_on:
        yield "its messages were discarded or purged"
    yield (
        f"`flask --app app catalog cancel-import {state.id}` ends it; the file can be "
        "sent again, what is registered is skipped"
    )
