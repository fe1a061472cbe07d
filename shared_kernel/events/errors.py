"""Permanent errors of applying an event.

UnreadableEventError   the event is invalid: it is dead-lettered at once
NotTheSameLogError     the log is wrong: nothing is applied until an operator acts
├── LogCutShortError   it ends before what has been applied
├── LogRegrownError    it was cut short, and has grown again
└── LogReplacedError   it is another log
"""

from shared_kernel.storage.errors import StorageError


class UnreadableEventError(Exception):
    """The event does not match its schema; a retry would not help.

    The message names the field; so does `field`, if it is known.
    """

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class NotTheSameLogError(StorageError):
    """The log does not hold what was applied of it. The message says how to fix it.

    The cursor's position is of another log, or of another history of this log.
    """

    def __init__(self, source: str, what: str) -> None:
        super().__init__(
            f"{what}, or begin its readers anew: "
            f"flask --app app subscriptions begin-anew --source {source}"
        )


class LogCutShortError(NotTheSameLogError):
    """The log ends before the last applied event: its tail was lost.

    The cause is an old backup, or a power cut under SQLITE_SYNCHRONOUS=NORMAL. Nothing
    is applied until the log is complete again.
    """

    def __init__(self, source: str, head: int, applied: int) -> None:
        super().__init__(
            source,
            f"the log of {source} ends at {head}, but {applied} has been applied: "
            "restore a newer backup of its database",
        )


class LogRegrownError(NotTheSameLogError):
    """The log has another event at the position of the last applied one.

    Its tail was lost, as above, and it has grown since; or a copy of it was read.
    """

    def __init__(self, source: str, applied: int) -> None:
        super().__init__(
            source,
            f"the log of {source} was cut short and has grown again: at {applied} it "
            "holds another event than was applied: restore the database that had that",
        )


class LogReplacedError(NotTheSameLogError):
    """The log has another identity than the one that was read."""

    def __init__(self, source: str, found: str, read: str) -> None:
        super().__init__(
            source,
            f"the log of {source} is another one, {found}, than the one applied, "
            f"{read}: configure or restore the database that has that",
        )


def reason_of(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
