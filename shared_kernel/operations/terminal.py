"""Output of commands: tables that programs can read too, faults as one line."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import DBAPIError

from shared_kernel.storage.errors import StorageError

_UNBROKEN = 100_000
"""Columns; wider than any row."""


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """In columns that fit the terminal; without a terminal, a line for each row.

    Text is shown as it is: brackets are not markup.
    """
    width = None if Console().is_terminal else _UNBROKEN
    console = Console(markup=False, highlight=False, emoji=False, width=width)
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(on_one_line(cell) for cell in row))
    console.print(table)


def has_a_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty()


def on_one_line(text: str) -> str:
    """`text` without line breaks and terminal control characters."""
    words = " ".join(text.split())
    return "".join(character if character.isprintable() else "�" for character in words)


@contextmanager
def storage_faults_reported() -> Iterator[None]:
    """A database that does not answer ends the command with a one-line error."""
    try:
        yield
    except DBAPIError as error:
        raise click.ClickException(
            f"a database does not answer: {error.orig}"
        ) from error
    except (StorageError, OSError) as error:
        raise click.ClickException(str(error)) from error
