"""Errors of storage, and which of them are transient.

    StorageError
    ├── ConcurrentUpdateError        another transaction changed the row in between
    ├── OutcomeUnknownError          the server hung up while it committed
    └── StorageUnavailableError      the database cannot be opened, or has no room
        ├── ConnectionLostError      the server cannot be reached, or hung up
        └── WrongSchemaError         it is not in the shape that this version expects

After ConcurrentUpdateError and ConnectionLostError the whole transaction may be retried
safely.
"""

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError


class StorageError(Exception):
    """Storage did not do what was asked; nothing was half done."""


class ConcurrentUpdateError(StorageError):
    """A row was changed between reading and writing it. A retry is safe."""


class OutcomeUnknownError(StorageError):
    """The connection broke during a commit: all of the transaction is done, or none."""


class StorageUnavailableError(StorageError):
    """The database cannot be opened; the message says which and why."""


class ConnectionLostError(StorageUnavailableError):
    """There is no connection, or it broke before the commit. A retry is safe."""


class WrongSchemaError(StorageUnavailableError):
    """The schema is older or newer than the code. The message says how to fix it."""


# https://www.postgresql.org/docs/current/errcodes-appendix.html
_QUERY_CANCELED, _LOCK_NOT_AVAILABLE = "57014", "55P03"


def is_timeout(error: DBAPIError) -> bool:
    """Whether a statement exceeded PostgreSQL's `statement_timeout`."""
    return getattr(error.orig, "sqlstate", None) == _QUERY_CANCELED


def is_lock_timeout(error: Exception) -> bool:
    """Whether a statement waited longer for others than PostgreSQL's `lock_timeout`."""
    orig = error.orig if isinstance(error, DBAPIError) else None
    return getattr(orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE


def is_fault(error: BaseException) -> bool:
    """Whether `error` is a fault of the infrastructure, which may be transient.

    A locked database, a full disk, a lost connection: never a reason to give up on an
    event (law 5).
    """
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(
        error, OperationalError | InterfaceError | StorageError | OSError | TimeoutError
    )
