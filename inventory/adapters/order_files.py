"""Files of order lines: what identifies them."""

from collections.abc import Iterator, Sequence

from inventory.adapters.line_names import digest_of
from inventory.adapters.order_lines import COLUMNS
from shared_kernel.files.arguments import FileArguments
from shared_kernel.files.errors import UnusableFileError
from shared_kernel.files.presets import Preset, opened
from shared_kernel.files.row_file import Row, RowFile
from shared_kernel.files.run import CHUNK, CommandFailed


def identity_of(asked: FileArguments, preset: Preset | None) -> str:
    """The digest of its lines: so it has to be read twice. Raises CommandFailed."""
    try:
        with opened(asked.path, COLUMNS, asked.reading, preset) as file:
            return digest_of(_readable(file))
    except UnusableFileError as error:
        raise CommandFailed(str(error)) from error


def _readable(file: RowFile) -> Iterator[Sequence[Row]]:
    """Up to what makes the rest unusable: that is told when the lines ship."""
    try:
        yield from file.chunks(CHUNK)
    except UnusableFileError:
        return
