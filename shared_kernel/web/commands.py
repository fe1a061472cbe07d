"""From a request to a command and its answer, repeated safely (`Idempotency-Key`)."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import attrs
import msgspec
from flask import Response, request
from sqlalchemy.engine import Connection

from shared_kernel.clock import Clock, to_us
from shared_kernel.domain.errors import DomainError
from shared_kernel.events.unit_of_work import SqlUnitOfWork
from shared_kernel.events.writer import Writer
from shared_kernel.web import idempotency
from shared_kernel.web.bodies import body_bytes
from shared_kernel.web.idempotency import Kept
from shared_kernel.web.parameters import idempotency_key, read_query
from shared_kernel.web.ready_response import ReadyResponse
from shared_kernel.web.tracing import traceparent, within

C = TypeVar("C")
R = TypeVar("R")
W = TypeVar("W", bound=SqlUnitOfWork[Any])


@attrs.frozen(kw_only=True)
class Answer:
    """A command's response; a `Consistency-Token` is added after the commit."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = attrs.field(factory=dict)

    def response(self) -> Response:
        return ReadyResponse(
            self.body, self.status, self.headers, content_type="application/json"
        )


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
        return attrs.evolve(answer, headers=headers).response()

    def _perform_once(
        self,
        key: str,
        handler: Callable[[C, W], R],
        command: C,
        respond: Callable[[R], Answer],
    ) -> tuple[Answer, int]:
        once = self._once(key, idempotency.fingerprint(body_bytes()), handler, respond)
        try:
            done = self.writer.execute(once, command)
        except _KeyReused:
            raise idempotency.reused(key) from None
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
        kept = Kept(fingerprint, answer.status, answer.headers, answer.body)
        idempotency.keep(connection, key, kept, to_us(self.clock()))


def _stored_answer(
    connection: Connection, key: str, fingerprint: bytes
) -> Answer | None:
    """The stored response to this request, if there is one. Raises _KeyReused."""
    kept = idempotency.find(connection, key)
    if kept is None:
        return None
    if kept.fingerprint != fingerprint:
        raise _KeyReused(key=key)
    return Answer(status=kept.status, headers=kept.headers, body=kept.body)
