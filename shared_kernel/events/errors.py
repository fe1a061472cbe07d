"""What keeps an event from being applied.

UnreadableEventError   the event itself: it goes to the dead letters at once
NotTheSameLogError     its source: nothing is applied until somebody mends that
├── LogCutShortError   it ends before what has been applied
├── LogRegrownError    it was cut short, and has grown again
└── LogReplacedError   it is another log
"""

from shared_kernel.storage.errors import StorageError


class UnreadableEventError(Exception):
    """The event is not as its schema promises; trying again would not help.

    The message names the field.
    """


class NotTheSameLogError(StorageError):
    """What was applied of a log is not what the log holds. The message says the mend.

    The cursor counts in another log, or in another past of it.
    """

    def __init__(self, source: str, what: str) -> None:
        super().__init__(
            f"{what}, or begin its readers anew: "
            f"flask --app app subscriptions begin-anew --source {source}"
        )


class LogCutShortError(NotTheSameLogError):
    """The log ends before what has been applied of it: it lost its tail.

    A backup that is too old, or a power cut under SQLITE_SYNCHRONOUS=NORMAL. Nothing
    is applied until the log is whole again.
    """

    def __init__(self, source: str, head: int, applied: int) -> None:
        super().__init__(
            source,
            f"the log of {source} ends at {head}, but {applied} has been applied: "
            "restore a newer backup of its database",
        )


class LogRegrownError(NotTheSameLogError):
    """The log has another event where the last one was applied.

    It lost its tail, as above, and has gone on since; or a copy of it has been read.
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
