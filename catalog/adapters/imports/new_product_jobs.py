"""The worker's side: registers the products of `new.product` messages of the queue.

A message refers to a part of an import, or is a row of it that failed before; or it is
one product, as foreign programs send it: in the form of the body of `POST /products`.
"""

import contextlib
from collections.abc import Sequence
from functools import partial

import attrs
import msgspec
import structlog
from sqlalchemy.engine import Connection

from catalog.adapters.http_bodies import REGISTRATION, command_from
from catalog.adapters.import_products import RowImport
from catalog.adapters.imports import failed_rows
from catalog.adapters.imports.failed_rows import RowOfImport
from catalog.adapters.imports.import_parts import Handled, Part, PartReference
from catalog.adapters.imports.part_of_import import PartOfImport
from catalog.adapters.imports.product_imports import ProductImports
from catalog.adapters.services import SqlCatalogUnitOfWork
from catalog.application.commands import RegisterProduct
from catalog.application.handlers import register_product
from catalog.domain.errors import SkuAlreadyRegistered
from shared_kernel.buses.envelope import Envelope
from shared_kernel.documents.faults import DocumentError
from shared_kernel.domain.errors import DomainError, InvalidValue
from shared_kernel.events.errors import reason_of
from shared_kernel.events.writer import Writer
from shared_kernel.files.errors import LostLinesError
from shared_kernel.files.outcomes import Outcome, Refused
from shared_kernel.queues.port import (
    LeaseLostError,
    Message,
    UnprocessableError,
    WorkQueue,
)
from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import is_fault

_part_decoder = msgspec.json.Decoder(PartReference)
_row_decoder = msgspec.json.Decoder(RowOfImport)
_log = structlog.get_logger(__name__)


class HandledElsewhereError(Exception):
    """The part was handled by another worker, or its import was cancelled."""


@attrs.frozen
class NewProductJobs:
    """The callback of the queue: what it does commits with the acknowledgement."""

    imports: ProductImports
    writer: Writer[SqlCatalogUnitOfWork]
    queue: WorkQueue
    database: Database

    def process(self, message: Message) -> None:
        """Raises UnprocessableError for a product that is refused."""
        match _reference_in(message.payload.encode()):
            case RowOfImport() as row:
                self._try_again(row, message)
            case PartReference() as reference:
                part = self.imports.part(reference.import_id, reference.part)
                # Otherwise it is done, or cancelled.
                if part is not None:
                    with contextlib.suppress(HandledElsewhereError):
                        self._handle(part, message)
            case None:
                self._register(message)

    def _register(self, message: Message) -> None:
        """Register the product of a foreign message, unless it is there unchanged."""
        command = _command_of(message.payload.encode())

        def acknowledge(
            connection: Connection, refusals: Sequence[BaseException | None]
        ) -> None:
            (refusal,) = refusals
            if refusal is None:
                self.queue.acknowledge(connection, message)

        (answer,) = self.writer.execute_all(register_product, [command], acknowledge)
        if isinstance(answer, SkuAlreadyRegistered) and answer.as_given:
            _log.info("registered already; stock_count is not compared", sku=answer.sku)
            return
        if isinstance(answer, DomainError):
            raise UnprocessableError(str(answer))

    def _handle(self, part: Part, message: Message) -> None:
        try:
            self._handle_first(len(part.rows), part, message)
        except Exception as error:
            if _is_final(error):
                raise
            _log.exception("part failed", import_id=part.import_id, part=part.number)
            self._one_by_one(part, message)

    def _one_by_one(self, part: Part, message: Message) -> None:
        """A row that fails for an unforeseen reason must not fail the others."""
        left: Part | None = part
        while left is not None:
            try:
                self._handle_first(1, left, message)
            except Exception as error:
                if _is_final(error):
                    raise
                self._refuse_first(left, message, error)
            left = self.imports.part(part.import_id, part.number)

    def _refuse_first(self, part: Part, message: Message, error: Exception) -> None:
        """Refuse it for now; a message of its own tries it again."""
        reason = f"cannot be registered: {reason_of(error)}"
        added: list[Message] = []
        with self.database.writing() as connection:
            if not part.options.dry_run:
                reason += "; it is tried again by itself"
                payload = failed_rows.as_payload(failed_rows.first_of(part))
                again = attrs.evolve(message, payload=payload, key=None, receipt=None)
                added = self.queue.add_within(connection, [again])
            refused = Handled(outcomes=[Refused(reason, part.rows[0])])
            self._record(part, message, connection, refused)
        self.queue.wake(added)

    def _try_again(self, row: RowOfImport, message: Message) -> None:
        """Raises UnprocessableError if it is refused."""

        def record(
            connection: Connection, outcomes: Sequence[Outcome | Refused]
        ) -> None:
            (outcome,) = outcomes
            if isinstance(outcome, Refused):
                raise UnprocessableError(outcome.reason)
            failed_rows.accept(connection, row, outcome)
            self.queue.acknowledge(connection, message)

        versions = row.versions
        update = versions is not None
        chunk = RowImport([row.given], row.prices, update, versions)
        chunk.run(self.writer, record)

    def _handle_first(self, count: int, part: Part, message: Message) -> None:
        part_of_it = PartOfImport(part, part.rows[:count])
        if part.options.dry_run:
            handled = part_of_it.rehearsed(self.writer, self.imports.earlier(part))
            with self.database.writing() as connection:
                self._record(part, message, connection, handled)
        else:
            part_of_it.run(self.writer, partial(self._record, part, message))

    def _record(
        self, part: Part, message: Message, connection: Connection, handled: Handled
    ) -> None:
        if not self.imports.record(connection, part, handled):
            raise HandledElsewhereError
        if len(handled.outcomes) == len(part.rows):
            self.queue.acknowledge(connection, message)
        else:
            self.queue.hold(connection, message)


def read(message: Envelope) -> RowOfImport | PartReference | RegisterProduct:
    """A dead letter, as `process` reads its message.

    Raises UnprocessableError for what is none of the three.
    """
    return _reference_in(message.data) or _command_of(message.data)


def _reference_in(payload: bytes) -> RowOfImport | PartReference | None:
    # A row names its part, too.
    for decoder in (_row_decoder, _part_decoder):
        with contextlib.suppress(msgspec.DecodeError):
            return decoder.decode(payload)
    return None


def _is_final(error: Exception) -> bool:
    """Whether trying the rows one by one would end in the same way."""
    return is_fault(error) or isinstance(
        error, LeaseLostError | HandledElsewhereError | LostLinesError
    )


def _command_of(payload: bytes) -> RegisterProduct:
    try:
        return command_from(REGISTRATION.read(payload))
    except (DocumentError, InvalidValue) as error:
        raise UnprocessableError(str(error)) from error
