"""The outcome of each row of a file."""

from enum import Enum

import attrs

from shared_kernel.files.row_file import Row


class Outcome(Enum):
    DONE = "done"
    UPDATED = "updated"
    SKIPPED = "skipped"


@attrs.frozen
class Refused:
    """`row` is the row for the file of refused rows."""

    reason: str
    row: Row
