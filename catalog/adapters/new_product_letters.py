"""Dead letters of messages on `new.product`: those refused, and those behind them.

A letter's key is the SKU in its payload: a later message with that SKU parks behind it,
so the first one counts, as among the rows of a file. Without a readable SKU the key is
empty, and nothing waits. The letter's id begins with its sender's `source`, if it has
one: independent senders may use the same ids (CloudEvents 1.0, §2).
"""

from collections.abc import Callable

import attrs
import msgspec
import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection

from shared_kernel.buses.envelope import Envelope
from shared_kernel.clock import Clock, to_us
from shared_kernel.dead_letters import store
from shared_kernel.dead_letters.failure import Failure
from shared_kernel.dead_letters.letter import DEAD, PARKED, WAITS
from shared_kernel.dead_letters.store import storable
from shared_kernel.dead_letters.tables import dead_letters_table
from shared_kernel.domain.errors import InvalidValue
from shared_kernel.domain.sku import Sku
from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import ConcurrentUpdateError
from shared_kernel.storage.prepared import Prepared
from shared_kernel.storage.retry import retried

SUBJECT = "new.product"
GROUP = "catalog.new-product"

_LETTERS = dead_letters_table(sa.MetaData())
_OF = _LETTERS.c.subscription == GROUP
_KNOWN = Prepared(
    sa.select(_LETTERS.c.number).where(
        _OF,
        sa.or_(
            _LETTERS.c.id == sa.bindparam("wanted"),
            # Before, the sender was the key.
            sa.and_(
                _LETTERS.c.id == sa.bindparam("bare"),
                _LETTERS.c.key == sa.bindparam("sender"),
            ),
        ),
        _LETTERS.c.data == sa.bindparam("said"),
    )
)
_LAST = Prepared(
    sa.select(sa.func.coalesce(sa.func.max(_LETTERS.c.position), 0)).where(_OF)
)

_log = structlog.get_logger(__name__)


class _Named(msgspec.Struct):
    sku: str


@attrs.frozen
class NewProductLetters:
    """In the catalog's database."""

    database: Database
    clock: Clock

    def refuse(self, message: Envelope, why: Exception) -> None:
        """Dead-letter `message`: once, however often it comes."""
        failure = Failure.of(why)
        if self._kept(lambda connection: self._add(connection, message, failure)):
            _log.error("new product refused", message_id=message.id, reason=str(why))

    def park(self, message: Envelope) -> bool:
        """Let it wait behind a dead letter of its SKU; False if there is none any more.

        Those letters stay as they are until it is stored: an operator who replays them
        finds it behind them.
        """

        def park(connection: Connection) -> bool:
            if not store.hold_key(connection, GROUP, SUBJECT, key_of(message)):
                return False
            self._add(connection, message, None)
            return True

        return self._kept(park)

    def _kept(self, write: Callable[[Connection], bool]) -> bool:
        """In a transaction of its own: another replica may add a letter meanwhile."""

        def write_in_one() -> bool:
            with self.database.writing() as connection:
                return write(connection)

        return retried(write_in_one, lambda e: isinstance(e, ConcurrentUpdateError))

    def _add(
        self, connection: Connection, message: Envelope, failure: Failure | None
    ) -> bool:
        """False if it is there already."""
        known = _KNOWN.row(
            connection,
            {
                "wanted": storable(_id_of(message)),
                "bare": storable(message.id),
                "sender": storable(message.source),
                "said": message.data,
            },
        )
        if known is not None:
            _log.warning(
                "new product refused again",
                message_id=message.id,
                dead_letter=known[0],
            )
            return False
        (last,) = _LAST.row(connection, {}) or (0,)
        letter = attrs.evolve(
            message,
            position=last + 1,
            id=_id_of(message),
            source=SUBJECT,
            key=key_of(message),
        )
        store.add(
            connection,
            GROUP,
            [letter],
            state=DEAD if failure else PARKED,
            reason=failure.reason if failure else WAITS,
            attempts=1 if failure else 0,
            now_us=to_us(self.clock()),
            failure=failure,
        )
        return True


def are_before(connection: Connection, sku: str) -> bool:
    """Whether a dead letter of `sku` has to be repaired first."""
    return bool(store.keys_among(connection, GROUP, SUBJECT, [sku]))


def key_of(message: Envelope) -> str:
    """Its SKU, empty if there is none that a product can have."""
    try:
        named = msgspec.json.decode(message.data, type=_Named)
        return str(Sku(named.sku))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidValue):
        return ""


def _id_of(message: Envelope) -> str:
    return f"{message.source} {message.id}" if message.source else message.id
