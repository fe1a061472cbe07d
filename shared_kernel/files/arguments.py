"""The argument and the options of every command that reads a row file."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import click

from shared_kernel.files.errors import UnusableFileError
from shared_kernel.files.reading import (
    Reading,
    delimiter_of,
    encoding_of,
    names_of,
)
from shared_kernel.files.row_file import CSV, NDJSON, STDIN


@attrs.frozen(kw_only=True)
class FileArguments:
    """What every command that reads a row file is given."""

    path: Path
    reading: Reading
    refused: Path | None

    def refused_to(self, *, dry: bool = False) -> Path:
        """Where what is refused goes."""
        name = "stdin" if self.path == STDIN else self.path.name
        suffix = ".dry-run.csv" if dry else ".refused.csv"
        return self.refused or self.path.with_name(name + suffix)


_OPTIONS = (
    click.argument("path", metavar="FILE", type=click.Path(path_type=Path)),
    click.option(
        "--format",
        "form",
        type=click.Choice([CSV, NDJSON]),
        help="What FILE is  [default: as its name ends: .csv, .tsv, .ndjson, .jsonl]",
    ),
    click.option(
        "--delimiter",
        metavar="CHARACTER",
        help="What separates cells: a character, or tab  [default: , ; tab or |]",
    ),
    click.option(
        "--encoding",
        metavar="NAME",
        help="Of the text, such as cp1252  [default: UTF-8, or as its mark says]",
    ),
    click.option(
        "--map",
        "names",
        metavar="THEIRS=OURS",
        multiple=True,
        help="What a column is called in FILE, as in 'Variant SKU=sku'; repeatable.",
    ),
    click.option(
        "--refused",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Where to write what was refused  [default: FILE.refused.csv]",
    ),
)


def takes_a_row_file(command: Callable[..., None]) -> Callable[..., None]:
    """Give it the FileArguments `file`, from the options that it then has."""

    @functools.wraps(command)
    def with_file(
        *arguments: Any,
        path: Path,
        form: str | None,
        delimiter: str | None,
        encoding: str | None,
        names: tuple[str, ...],
        refused: Path | None,
        **options: Any,
    ) -> None:
        try:
            reading = Reading(
                form=form,
                delimiter=None if delimiter is None else delimiter_of(delimiter),
                encoding=None if encoding is None else encoding_of(encoding),
                names=names_of(names),
            )
        except UnusableFileError as error:
            raise click.UsageError(str(error)) from error
        file = FileArguments(path=path, reading=reading, refused=refused)
        command(*arguments, file=file, **options)

    taking: Callable[..., None] = with_file
    for option in reversed(_OPTIONS):
        taking = option(taking)
    return taking
