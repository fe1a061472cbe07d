"""Files of order lines: what identifies them."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs

from inventory.adapters.line_names import digest_of
from inventory.adapters.replay_orders import COLUMNS
from shared_kernel.files.arguments import FileArguments
from shared_kernel.files.errors import UnusableFileError
from shared_kernel.files.presets import Preset, opened
from shared_kernel.files.row_file import STDIN, Row, RowFile
from shared_kernel.files.run import CHUNK, CommandFailed


@contextmanager
def identified(
    asked: FileArguments, preset: Preset | None
) -> Iterator[tuple[FileArguments, str]]:
    """The file, and the digest that identifies it: it has to be read twice.

    So the standard input is copied to a temporary file. Raises CommandFailed.
    """
    with TemporaryDirectory(prefix="storehouse-orders-") as folder:
        if asked.path == STDIN:
            copy = Path(folder, "stdin")
            with copy.open("wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
            asked = attrs.evolve(asked, path=copy, refused=asked.refused_to())
        try:
            with opened(asked.path, COLUMNS, asked.reading, preset) as file_of_lines:
                digest = digest_of(_readable(file_of_lines))
        except UnusableFileError as error:
            raise CommandFailed(str(error)) from error
        yield asked, digest


def _readable(file: RowFile) -> Iterator[Sequence[Row]]:
    """Up to what makes the rest unusable: that is told when the lines ship."""
    try:
        yield from file.chunks(CHUNK)
    except UnusableFileError:
        return
