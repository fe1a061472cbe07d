"""Why a body was not received: what a server tells the application.

It imports nothing of the web: the server's programs start without Flask.
"""

from enum import Enum

BODY_IS_MISSING = "storehouse.body_is_missing"
"""Why, in the environ of such a request. The application must answer at once: its
thread also handles the other bodies."""


class Missing(Enum):
    """Why there is no body."""

    LATE = "late"
    NO_ROOM = "no room"
    TOO_MANY = "too many"
