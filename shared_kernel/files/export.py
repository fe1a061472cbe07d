"""Exports: what imports read, streamed, to a file or to standard output."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import attrs
import click
import msgspec
from rich.console import Console
from sqlalchemy.engine import Connection

from shared_kernel.files.csv_text import cell_of_name, csv_lines
from shared_kernel.files.graceful_interrupt import EXIT_CODE
from shared_kernel.files.progress import ProgressBar, Rate
from shared_kernel.files.row_file import CSV, FORMATS, NDJSON
from shared_kernel.files.run import CommandFailed
from shared_kernel.storage.errors import is_fault
from shared_kernel.storage.prepared import Prepared

PAGE = 1000
Page = Sequence[Sequence[Any]]


@attrs.frozen(kw_only=True)
class Export:
    """`pages` yields rows in the order of `columns`; there are `total` of them.

    The first column names a row.
    """

    title: str
    columns: Sequence[str]
    total: int
    pages: Iterator[Page]


def export(
    opened: contextlib.AbstractContextManager[Export],
    output: Path | None,
    form: str | None,
) -> None:
    """Write to `output`, or to standard output. Raises CommandFailed.

    A file is there as a whole or not at all: it replaces an earlier one at the end.
    """
    form = form or (FORMATS.get(output.suffix.lower()) if output else None) or CSV
    rate = Rate()
    try:
        with opened as rows, _written(output) as file:
            count = _write(rows, form, file)
    except KeyboardInterrupt:
        click.echo("Interrupted. Nothing was kept.", err=True)
        raise SystemExit(EXIT_CODE) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CommandFailed(f"{output}: {error.strerror}") from error
    except Exception as error:
        if not is_fault(error):
            raise
        raise CommandFailed(f"{error}; run it again") from error
    click.echo(
        f"{rows.title}: {count:,} rows in {rate.seconds:,.1f} s ({rate.of(count)})",
        err=True,
    )


def takes_an_output(command: Callable[..., None]) -> Callable[..., None]:
    """The options of every command that exports rows."""
    for parameter in (
        click.option(
            "--format",
            "form",
            type=click.Choice([CSV, NDJSON]),
            help="The form of the output  [default: as its name ends, else csv]",
        ),
        click.option(
            "-o",
            "--output",
            metavar="FILE",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Where to write  [default: standard output]",
        ),
    ):
        command = parameter(command)
    return command


def in_pages(statement: Prepared, connection: Connection) -> Iterator[Page]:
    """The rows of `statement`: at most `limit` after the key `after`.

    The key is a text, in the last column, which is left out.
    """
    after = ""
    while page := statement.rows(connection, {"after": after, "limit": PAGE}):
        yield [row[:-1] for row in page]
        after = page[-1][-1]


def _write(rows: Export, form: str, file: IO[bytes]) -> int:
    count = 0
    if form == CSV:
        file.write(csv_lines([rows.columns]).encode())
    with ProgressBar(Console(stderr=True), rows.title, rows.total) as bar:
        for page in rows.pages:
            file.write(_encoded(page, rows.columns, form))
            count += len(page)
            bar.show(count, f"{count:,} rows")
    file.flush()
    return count


def _encoded(page: Page, columns: Sequence[str], form: str) -> bytes:
    if form == CSV:
        return csv_lines((cell_of_name(row[0]), *row[1:]) for row in page).encode()
    return b"".join(
        msgspec.json.encode(
            {
                column: value
                for column, value in zip(columns, row, strict=True)
                if value is not None
            }
        )
        + b"\n"
        for row in page
    )


@contextlib.contextmanager
def _written(output: Path | None) -> Iterator[IO[bytes]]:
    if output is None:
        yield sys.stdout.buffer
        return
    part = output.with_name(f"{output.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(output)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
