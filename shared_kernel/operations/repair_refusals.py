"""What cannot be done with a dead letter, as one line."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from shared_kernel.dead_letters.letter import ReplayError, UnknownDeadLetterError
from shared_kernel.operations.letter_names import Named
from shared_kernel.operations.terminal import storage_faults_reported


@contextmanager
def refusals_reported(which: Named) -> Iterator[None]:
    """Exit code 2 for an unknown letter, 1 for what cannot be done now."""
    try:
        with storage_faults_reported():
            yield
    except UnknownDeadLetterError as error:
        done = f": it was {error.done}" if error.done else ""
        raise click.UsageError(f"there is no dead letter {which}{done}") from error
    except ReplayError as error:
        raise click.ClickException(f"{which.database}: {error}") from error
