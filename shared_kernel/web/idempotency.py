"""Stored responses to requests with an `Idempotency-Key`."""

import hashlib
from collections.abc import Mapping

import attrs
import msgspec
import sqlalchemy as sa
from flask import request
from sqlalchemy.engine import Connection

from shared_kernel.clock import Clock, to_us
from shared_kernel.storage.database import Database
from shared_kernel.storage.prepared import Prepared
from shared_kernel.web.problems import IDEMPOTENCY_KEY_REUSED, Problem

HOUR_US = 3600 * 1_000_000
FORGET_EVERY_US = 60_000_000


def idempotency_keys_table(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "idempotency_keys",
        metadata,
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("headers", sa.LargeBinary, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False, index=True),
    )


_KEYS = idempotency_keys_table(sa.MetaData())
_FIND = Prepared(
    sa.select(_KEYS.c.fingerprint, _KEYS.c.status, _KEYS.c.headers, _KEYS.c.body).where(
        _KEYS.c.key == sa.bindparam("wanted")
    )
)
_REMEMBER = Prepared(sa.insert(_KEYS))
_FORGET = Prepared(
    sa.delete(_KEYS).where(_KEYS.c.created_us < sa.bindparam("before_us"))
)


@attrs.frozen
class Kept:
    """The response that was sent to the request with this fingerprint."""

    fingerprint: bytes
    status: int
    headers: Mapping[str, str]
    body: bytes


def fingerprint(content: bytes) -> bytes:
    """Of the current request, with `content`, for example a digest of its body."""
    query = b"?" + request.query_string if request.query_string else b""
    request_line = f"{request.method} {request.path}".encode() + query + b"\n"
    return hashlib.sha256(request_line + content).digest()


def find(connection: Connection, key: str) -> Kept | None:
    row = _FIND.row(connection, {"wanted": key})
    if row is None:
        return None
    of_request, status, headers, body = row
    return Kept(of_request, status, msgspec.json.decode(headers), body)


def keep(connection: Connection, key: str, kept: Kept, now_us: int) -> None:
    """In the transaction of what was done.

    Raises ConcurrentUpdateError if the key exists by now: it is found at the next
    attempt.
    """
    row = {
        "key": key,
        "fingerprint": kept.fingerprint,
        "status": kept.status,
        "headers": msgspec.json.encode(kept.headers),
        "body": kept.body,
        "created_us": now_us,
    }
    _REMEMBER.write_checked(connection, [row])


def reused(key: str) -> Problem:
    return Problem(IDEMPOTENCY_KEY_REUSED, f"{key!r} was sent with another request")


class ForgetIdempotencyKeys:
    """Deletes keys older than `keep_hours`, once a minute."""

    def __init__(
        self, source: str, database: Database, clock: Clock, *, keep_hours: int
    ) -> None:
        self.name = f"{source}.idempotency-keys"
        self._database = database
        self._clock = clock
        self._keep_us = keep_hours * HOUR_US
        self._next_us = 0

    def step(self) -> int:
        now_us = to_us(self._clock())
        if now_us < self._next_us:
            return 0
        self._next_us = now_us + FORGET_EVERY_US
        with self._database.writing() as connection:
            return _FORGET.write(connection, {"before_us": now_us - self._keep_us})
