"""What requests are answered whose body was not received."""

from shared_kernel.web.problems import REQUEST_TIMEOUT, Problem, kind
from shared_kernel.web.unreceived import Missing

NO_ROOM = kind(
    "no-room",
    507,
    "There is no room for the file",
    "Nothing of it was kept. Send it again when the disk has room.",
)
TOO_MANY_FILES = kind(
    "too-many-files",
    503,
    "Too many files arrive at the same time",
    "Nothing was done. Send it again after the seconds that `Retry-After` says.",
)
RETRY_FILE_AFTER_S = "5"


def problem_of(missing: Missing) -> Problem:
    """The rest of the body is not read, so the connection must be closed."""
    close = {"Connection": "close"}
    if missing is Missing.LATE:
        return Problem(
            REQUEST_TIMEOUT,
            "the body was waited for as long as BODY_TIMEOUT_S allows",
            headers=close,
        )
    if missing is Missing.NO_ROOM:
        return no_room()
    return Problem(
        TOO_MANY_FILES,
        "as many files as are allowed arrive already",
        headers=close | {"Retry-After": RETRY_FILE_AFTER_S},
    )


def no_room() -> Problem:
    return Problem(
        NO_ROOM,
        "the disk with the temporary files (TMPDIR) is full",
        headers={"Connection": "close"},
    )
