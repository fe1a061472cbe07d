"""Products that foreign programs register by a message.

The payload of a message on `new.product` is that of `POST /products`, read as strictly:
a field that is not known is refused. A message whose command is refused becomes a dead
letter, with the reason: its sender does not wait for an answer. On a bus that delivers
at least once a message may come again: a product that is registered unchanged is
skipped.
"""

from collections.abc import Callable, Sequence
from functools import partial

import attrs
import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection

from catalog.adapters.http_bodies import REGISTRATION, command_from
from catalog.adapters.services import SqlCatalogUnitOfWork
from catalog.application.commands import RegisterProduct
from catalog.application.handlers import register_product
from catalog.domain.errors import SkuAlreadyRegistered
from shared_kernel.buses.envelope import Envelope
from shared_kernel.buses.port import Deliver, Delivery, Leave
from shared_kernel.clock import Clock, to_us
from shared_kernel.dead_letters import store as dead_letters
from shared_kernel.dead_letters.failure import Failure
from shared_kernel.dead_letters.letter import DEAD
from shared_kernel.dead_letters.tables import dead_letters_table
from shared_kernel.documents.faults import DocumentError
from shared_kernel.domain.foreign_names import RouteWords
from shared_kernel.events.errors import UnreadableEventError
from shared_kernel.events.event_log import EventLog
from shared_kernel.events.inbox import Inbox
from shared_kernel.events.writer import Writer
from shared_kernel.storage.errors import ConcurrentUpdateError, is_fault
from shared_kernel.storage.prepared import Prepared
from shared_kernel.storage.retry import retried
from shared_kernel.web.tracing import within

SUBJECT = "new.product"
GROUP = "catalog.new-product"

_LETTERS = dead_letters_table(sa.MetaData())
_OF = _LETTERS.c.subscription == GROUP
_KNOWN = Prepared(
    sa.select(_LETTERS.c.number).where(
        _OF,
        _LETTERS.c.id == sa.bindparam("wanted"),
        _LETTERS.c.key == sa.bindparam("sender"),
        _LETTERS.c.data == sa.bindparam("said"),
    )
)
_LAST = Prepared(
    sa.select(sa.func.coalesce(sa.func.max(_LETTERS.c.position), 0)).where(_OF)
)

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
        self._database = log.database
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
        try:
            command = read(message)
            with within(message.traceparent):
                _unless_done(partial(self._writer.execute, register_product, command))
        except Exception as error:
            # Transient faults are retried; anything else would fail every time.
            if is_fault(error):
                raise
            # Another replica may dead-letter another message meanwhile.
            retried(
                partial(self._dead_letter, message, error),
                lambda e: isinstance(e, ConcurrentUpdateError),
            )

    def _dead_letter(self, message: Envelope, why: Exception) -> None:
        """Once, however often the message comes.

        Independent senders may use the same id: with another source (CloudEvents 1.0,
        §2) or another payload it is another message. A letter's key is its sender.
        """
        name = {
            "wanted": dead_letters.storable(message.id),
            "sender": dead_letters.storable(message.source),
            "said": message.data,
        }
        failure = Failure.of(why)
        with self._database.writing() as connection:
            if known := _KNOWN.row(connection, name):
                _log.warning(
                    "new product refused again",
                    message_id=message.id,
                    dead_letter=known[0],
                )
                return
            (last,) = _LAST.row(connection, {}) or (0,)
            dead_letters.add(
                connection,
                GROUP,
                [
                    attrs.evolve(
                        message,
                        position=last + 1,
                        source=SUBJECT,
                        key=message.source,
                    )
                ],
                state=DEAD,
                reason=failure.reason,
                attempts=1,
                now_us=to_us(self._clock()),
                failure=failure,
            )
        _log.error("new product refused", message_id=message.id, reason=str(why))


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
