"""What operators have done with dead letters: by whom, when and why."""

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared_kernel.dead_letters.letter import DeadLetter
from shared_kernel.dead_letters.store import storable
from shared_kernel.dead_letters.tables import dead_letter_repairs_table

EDITED, DISCARDED, REQUEUED, REPLAYED = "edited", "discarded", "requeued", "replayed"
PAGE = 100

_REPAIRS = dead_letter_repairs_table(sa.MetaData())
_RECORD = sa.insert(_REPAIRS)
_NEWEST = sa.select(_REPAIRS).order_by(_REPAIRS.c.number.desc())


@attrs.frozen
class By:
    """Who does something, and why. `at_us` is when."""

    who: str
    why: str
    at_us: int


@attrs.frozen(kw_only=True)
class Repair:
    """`letter` is the number of the letter, which may be gone by now.

    `action` is one of those above. `data` is that before an edit, that of a discarded
    letter, or that of a replayed one which had been edited; otherwise None.
    """

    number: int
    letter: int
    subscription: str
    source: str
    position: int
    id: str
    type: str
    key: str
    action: str
    who: str
    why: str
    at_us: int
    data: bytes | None


def record(
    connection: Connection,
    letter: DeadLetter,
    action: str,
    by: By,
    data: bytes | None = None,
) -> None:
    """In the transaction in which it is done."""
    envelope = letter.envelope
    connection.execute(
        _RECORD,
        {
            "letter": letter.number,
            "subscription": letter.subscription,
            "source": envelope.source,
            "position": envelope.position,
            "id": envelope.id,
            "type": envelope.type,
            "key": envelope.key,
            "action": action,
            "who": storable(by.who),
            "why": storable(by.why),
            "at_us": by.at_us,
            "data": data,
        },
    )


def made(
    connection: Connection,
    *,
    letter: int | None = None,
    before: int | None = None,
    limit: int = PAGE,
) -> list[Repair]:
    """The newest first, of one letter or of all, with numbers below `before`."""
    chosen = _NEWEST.limit(limit)
    if letter is not None:
        chosen = chosen.where(_REPAIRS.c.letter == letter)
    if before is not None:
        chosen = chosen.where(_REPAIRS.c.number < before)
    return [Repair(**row) for row in connection.execute(chosen).mappings()]
