"""Products that foreign programs register by a message.

The payload of a message on `new.product` is that of `POST /products`, read as strictly:
a field that is not known is refused. A message whose command is refused becomes a dead
letter, with the reason: its sender does not wait for an answer. Later messages with its
SKU wait behind it. On a bus that delivers at least once a message may come again: a
product that is registered unchanged is skipped.
"""

from collections.abc import Callable, Sequence
from functools import partial

import attrs
import structlog
from sqlalchemy.engine import Connection

from catalog.adapters import new_product_letters
from catalog.adapters.http_bodies import REGISTRATION, command_from
from catalog.adapters.new_product_letters import GROUP, SUBJECT, NewProductLetters
from catalog.adapters.services import SqlCatalogUnitOfWork
from catalog.application.commands import RegisterProduct
from catalog.application.handlers import register_product
from catalog.domain.errors import SkuAlreadyRegistered
from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.port import Deliver, Delivery, Leave
from shared_kernel.clock import Clock
from shared_kernel.documents.faults import DocumentError
from shared_kernel.domain.errors import DomainError
from shared_kernel.domain.foreign_names import RouteWords
from shared_kernel.events.errors import UnreadableEventError
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.inbox import Inbox
from shared_kernel.events.writer import Writer
from shared_kernel.storage.errors import is_fault
from shared_kernel.web.tracing import within

_log = structlog.get_logger(__name__)


class NewProducts:
    """Handles the delivered messages; all replicas of the process share them."""

    name = GROUP

    def __init__(
        self,
        writer: Writer[SqlCatalogUnitOfWork],
        log: EventLog,
        clock: Clock,
        join: Callable[[Deliver], Leave],
        on_delivery: Callable[[], None],
        route_words: RouteWords,
    ) -> None:
        self._writer = writer
        self._letters = NewProductLetters(log.database, clock)
        self._log = log
        self._clock = clock
        self._join = join
        self._route_words = route_words
        self._leave: Leave | None = None
        self._inbox = Inbox(on_delivery)

    def deliver(self, delivery: Delivery) -> None:
        """Accept a delivery."""
        self._inbox.deliver(delivery)

    def step(self) -> int:
        """Handle one batch of messages; return how many there were."""
        if self._leave is None:
            self._leave = self._join(self.deliver)
        if not self._inbox:
            return 0
        messages = self._inbox.take().envelopes
        try:
            for message in messages:
                self._carry_out(message)
        except Exception as error:
            self._inbox.answer(well=False)
            if not is_fault(error):
                raise
            _log.warning("a new product has to wait", error=str(error))
            return 0
        self._inbox.answer(well=True)
        return len(messages)

    def stop(self) -> None:
        """Handle what was delivered."""
        if self._leave is not None:
            self._leave()
        while self._inbox:
            self.step()
        self._leave = None

    def apply(self, batch: Sequence[Envelope], connection: Connection) -> None:
        """Replay a dead letter, in the caller's transaction."""
        work = SqlCatalogUnitOfWork(
            connection, self._log, self._clock, self._route_words
        )
        for message in batch:
            work.traceparent = message.traceparent
            _unless_done(partial(register_product, read(message), work))
        work.flush()

    def _carry_out(self, message: Envelope) -> None:
        """Register the product, unless an earlier message of its SKU has failed."""
        try:
            command = read(message)
            with within(message.traceparent):
                _unless_done(partial(self._writer.execute, _register, command))
        except _EarlierFailed:
            if not self._letters.park(message):
                self._carry_out(message)
        except Exception as error:
            # Transient faults are retried; anything else would fail every time.
            if is_fault(error):
                raise
            self._letters.refuse(message, error)


@attrs.frozen(kw_only=True)
class _EarlierFailed(DomainError):
    """An earlier message of the same SKU is a dead letter."""

    sku: str

    def __str__(self) -> str:
        return f"an earlier message of {self.sku} is a dead letter"


def _register(command: RegisterProduct, work: SqlCatalogUnitOfWork) -> None:
    if new_product_letters.are_before(work.connection, str(command.sku)):
        raise _EarlierFailed(sku=str(command.sku))
    register_product(command, work)


def read(message: Envelope) -> RegisterProduct:
    """Raises UnreadableEventError, naming the field, and InvalidValue."""
    try:
        return command_from(REGISTRATION.read(message.data))
    except DocumentError as error:
        raise UnreadableEventError(f"{SUBJECT}: {error}") from error


def _unless_done(register: Callable[[], object]) -> None:
    try:
        register()
    except SkuAlreadyRegistered as refusal:
        if not refusal.as_given:
            raise
        _log.info("registered already; stock_count is not compared", sku=refusal.sku)
