"""What keeps an event from being applied.

UnreadableEventError   the event itself: it goes to the dead letters at once
LogCutShortError       its source: nothing is applied until the log is whole again
"""

from shared_kernel.adapters.storage.errors import StorageError


class UnreadableEventError(Exception):
    """The event is not as its schema promises; trying again would not help.

    The message names the field.
    """


class LogCutShortError(StorageError):
    """The log ends before what has been applied of it: it lost its tail.

    A backup that is too old, or a power cut under SQLITE_SYNCHRONOUS=NORMAL. Nothing
    is applied until the log is whole again.
    """

    def __init__(self, source: str, head: int, applied: int) -> None:
        super().__init__(
            f"the log of {source} ends at {head}, but {applied} has been applied: "
            "restore a newer backup of its database"
        )


def reason_of(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
