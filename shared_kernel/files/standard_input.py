"""The standard input, for what has to read a file twice."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs

from shared_kernel.files.arguments import FileArguments
from shared_kernel.files.row_file import STDIN


@contextmanager
def as_a_file(asked: FileArguments, *, dry: bool = False) -> Iterator[FileArguments]:
    """`asked`, where `-` is a temporary copy. What is refused goes where it would."""
    if asked.path != STDIN:
        yield asked
        return
    with TemporaryDirectory(prefix="storehouse-") as folder:
        copy = Path(folder, "stdin")
        with copy.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield attrs.evolve(asked, path=copy, refused=asked.refused_to(dry=dry))
