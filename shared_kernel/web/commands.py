"""From a request to a command and its answer, repeated safely (`Idempotency-Key`)."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import attrs
import msgspec
import sqlalchemy as sa
from flask import Response, request
from sqlalchemy.engine import Connection

from shared_kernel.clock import Clock, to_us
from shared_kernel.domain.errors import DomainError
from shared_kernel.events.unit_of_work import SqlUnitOfWork
from shared_kernel.events.writer import Writer
from shared_kernel.storage.database import Database
from shared_kernel.storage.prepared import Prepared
from shared_kernel.web.bodies import body_bytes
from shared_kernel.web.parameters import idempotency_key, read_query
from shared_kernel.web.problems import IDEMPOTENCY_KEY_REUSED, Problem
from shared_kernel.web.ready_response import ReadyResponse
from shared_kernel.web.tracing import traceparent, within

C = TypeVar("C")
R = TypeVar("R")
W = TypeVar("W", bound=SqlUnitOfWork[Any])

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


@attrs.frozen(kw_only=True)
class Answer:
    """A command's response; a `Consistency-Token` is added after the commit."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = attrs.field(factory=dict)


CHANGED_HEADERS = {
    "ETag": "Its version, for `If-Match`.",
    "Consistency-Token": "For reads that must show this change.",
}
"""Of the answer to a command, as OpenAPI describes them."""


def changed(
    body: msgspec.Struct,
    version: int,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """The answer to a command that left an aggregate at `version`."""
    return Answer(
        status=status,
        body=msgspec.json.encode(body),
        headers={"ETag": f'"{version}"', **(headers or {})},
    )


@attrs.frozen(kw_only=True)
class _KeyReused(DomainError):
    key: str


@attrs.frozen
class Commands(Generic[W]):
    """Executes commands for requests, in the context named `source`."""

    source: str
    writer: Writer[W]
    clock: Clock

    def perform(
        self,
        handler: Callable[[C, W], R],
        command: C,
        respond: Callable[[R], Answer],
    ) -> Response:
        """Execute `command` and return the response that `respond` makes.

        With an `Idempotency-Key`, the response is stored for a time, in the transaction
        of the command, and sent again when the request is repeated. The token then
        names the current head, which is at or after the original one.
        """
        trace = traceparent()
        if trace is None:
            return self._perform(handler, command, respond)
        with within(trace):
            return self._perform(handler, command, respond)

    def _perform(
        self,
        handler: Callable[[C, W], R],
        command: C,
        respond: Callable[[R], Answer],
    ) -> Response:
        if request.query_string:
            read_query(())
        key = idempotency_key()
        if key is None:
            done = self.writer.execute(handler, command)
            answer, position = respond(done.result), done.position
        else:
            answer, position = self._perform_once(key, handler, command, respond)
        headers = {**answer.headers, "Consistency-Token": f"{self.source}:{position}"}
        return ReadyResponse(
            answer.body, answer.status, headers, content_type="application/json"
        )

    def _perform_once(
        self,
        key: str,
        handler: Callable[[C, W], R],
        command: C,
        respond: Callable[[R], Answer],
    ) -> tuple[Answer, int]:
        once = self._once(key, _fingerprint(), handler, respond)
        try:
            done = self.writer.execute(once, command)
        except _KeyReused:
            raise Problem(
                IDEMPOTENCY_KEY_REUSED, f"{key!r} was sent with another request"
            ) from None
        return done.result, done.position

    def _once(
        self,
        key: str,
        fingerprint: bytes,
        handler: Callable[[C, W], R],
        respond: Callable[[R], Answer],
    ) -> Callable[[C, W], Answer]:
        def handle(command: C, work: W) -> Answer:
            stored = _stored_answer(work.connection, key, fingerprint)
            if stored is not None:
                return stored
            try:
                answer = respond(handler(command, work))
            except DomainError:
                # The refusal may be due to another process that has just done the same.
                stored = _stored_answer(work.connection, key, fingerprint)
                if stored is None:
                    raise
                return stored
            self._remember(work.connection, key, fingerprint, answer)
            return answer

        return handle

    def _remember(
        self, connection: Connection, key: str, fingerprint: bytes, answer: Answer
    ) -> None:
        row = {
            "key": key,
            "fingerprint": fingerprint,
            "status": answer.status,
            "headers": msgspec.json.encode(answer.headers),
            "body": answer.body,
            "created_us": to_us(self.clock()),
        }
        # If the key exists by now, the next attempt finds the other process's response.
        _REMEMBER.write_checked(connection, [row])


def _stored_answer(
    connection: Connection, key: str, fingerprint: bytes
) -> Answer | None:
    """The stored response to this request, if there is one. Raises _KeyReused."""
    kept = _FIND.row(connection, {"wanted": key})
    if kept is None:
        return None
    of_request, status, headers, body = kept
    if of_request != fingerprint:
        raise _KeyReused(key=key)
    return Answer(status=status, headers=msgspec.json.decode(headers), body=body)


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


def _fingerprint() -> bytes:
    request_line = f"{request.method} {request.path}\n".encode()
    return hashlib.sha256(request_line + body_bytes()).digest()
