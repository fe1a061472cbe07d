"""Reserves and ships the order lines of a file, one after the other.

`features/inventory/shipping_order_lines.feature` has the rules.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import attrs
from sqlalchemy.engine import Connection

from inventory.adapters import shipped_lines
from inventory.adapters.line_names import (
    LINE,
    EqualLines,
    LineName,
    content_of,
    has_name,
    made_name,
    made_name_without,
    named_row,
)
from inventory.adapters.order_lines import COLUMNS, GivenLine, faults_of, line_of
from inventory.adapters.services import InventoryServices
from inventory.application.commands import ReserveStock
from inventory.application.handlers import reserve_and_ship
from inventory.domain.errors import OrderAlreadyShipped
from inventory.domain.value_objects import OrderReference
from shared_kernel.clock import to_us
from shared_kernel.domain.errors import InvalidValue
from shared_kernel.files.columns import Columns
from shared_kernel.files.outcomes import Outcome, Refused
from shared_kernel.files.remarks import Remarks
from shared_kernel.files.row_file import Row

# Each line ships in the transaction that reserves it, so it never expires.
HELD_FOR = timedelta(days=1)
SHIPPED_WITHOUT_NAME = (
    "lines with a name that say the same as one that has shipped without a name from "
    "another file: if a line has now shipped twice, take its pieces back"
)


Answers = Sequence[tuple[GivenLine, BaseException | None]]
"""Lines that were to be shipped, each with its refusal, if it was refused."""
Outcomes = dict[int, Outcome | Refused]
"""By the identity of the line."""


@attrs.define(eq=False)
class ReplayOrders:
    """A line that has shipped is skipped: so a file can be replayed again.

    It is that line if it has its name: one that people gave it, or one that is made of
    what it says, in the same file. `digest` identifies the file by its contents. What
    only equals a line of another file may be another line: it is refused. A name that
    people gave says that it is one; then it is only remarked.
    """

    services: InventoryServices
    file_name: str
    digest: str
    equal: EqualLines
    columns: Columns = COLUMNS
    subject: str = "sku"
    done: str = "shipped"
    remarks: Remarks = attrs.field(factory=Remarks)
    # The last row so far: a dry run repeats earlier ones.
    _remarked: int = attrs.field(default=0, init=False)

    def apply(self, rows: Sequence[Row]) -> list[Outcome | Refused]:
        read = [self._read(row) for row in rows]
        lines = [each for each in read if isinstance(each, GivenLine)]
        with self.services.database.reading() as connection:
            outcomes = _of_known(lines, connection)
            new = [line for line in lines if id(line) not in outcomes]
            self._remark_on_named(new, connection)

        def record(
            connection: Connection, refusals: Sequence[BaseException | None]
        ) -> None:
            answers = list(zip(new, refusals, strict=True))
            shipped_lines.add(connection, self._shipped(answers))
            meanwhile = [
                line for line, each in answers if isinstance(each, OrderAlreadyShipped)
            ]
            outcomes.update(_of_answers(answers))
            outcomes.update(_of_known(meanwhile, connection))

        now = self.services.clock()
        commands = [_command(line, now) for line in new]
        self.services.writer.execute_all(reserve_and_ship, commands, record)
        return [
            each if isinstance(each, Refused) else outcomes[id(each)] for each in read
        ]

    def named(self, row: Row) -> Row:
        """The row with a name that is made, unless it has one."""
        return row if has_name(row.values) else named_row(row, self._made(row))

    def _made(self, row: Row) -> LineName:
        content = content_of(row)
        return made_name(content, self.equal.number(content), self.digest)

    def wait_until_visible(self, timeout_s: float) -> None:
        log = self.services.log
        self.services.movements.wait_for({log.source: log.head()}, timeout_s)

    def _read(self, row: Row) -> GivenLine | Refused:
        """The line, or all faults of the row at once, by column."""
        made = None if has_name(row.values) else self._made(row)
        fault = row.fault
        if not fault:
            try:
                return line_of(row, made)
            except InvalidValue:
                fault = "; ".join(faults_of(row.values))
        return Refused(fault, row if made is None else named_row(row, made))

    def _remark_on_named(
        self, lines: Sequence[GivenLine], connection: Connection
    ) -> None:
        """Whether one that says the same has shipped before lines had names."""
        equal = {
            line.row.number: OrderReference(
                line.order.order, made_name_without(line.row).name
            )
            for line in lines
            if line.name_given
            and not line.name.file
            and line.row.number > self._remarked
        }
        if not equal:
            return
        self._remarked = max(equal)
        known = shipped_lines.found(connection, equal.values())
        files = {order: shipped.file_digest for (order, _), shipped in known.items()}
        for row, order in equal.items():
            if files.get(order.code, self.digest) != self.digest:
                self.remarks.add(SHIPPED_WITHOUT_NAME, row)

    def _shipped(self, answers: Answers) -> list[shipped_lines.ShippedLine]:
        now_us = to_us(self.services.clock())
        return [
            shipped_lines.ShippedLine(
                order=line.order,
                sku=line.sku,
                pieces=line.quantity.pieces,
                file_digest=line.name.file,
                file_name=self.file_name,
                row_number=line.row.number,
                shipped_us=now_us,
            )
            for line, refusal in answers
            if refusal is None
        ]


def _command(line: GivenLine, now: datetime) -> ReserveStock:
    return ReserveStock(
        sku=line.sku,
        order=line.order,
        quantity=line.quantity,
        at=now,
        until=now + HELD_FOR,
    )


def _of_known(lines: Sequence[GivenLine], connection: Connection) -> Outcomes:
    """Outcomes of those lines that have shipped."""
    if not lines:
        return {}
    known = shipped_lines.found(connection, (line.order for line in lines))
    orders = shipped_lines.shipped_by_name(
        connection, (line.order.order for line in lines)
    )
    outcomes: Outcomes = {}
    for line in lines:
        whole = line.order.order, line.sku.code
        if line.key in known:
            outcomes[id(line)] = _of_shipped(line, known[line.key])
        elif line.name.file and whole in orders:
            outcomes[id(line)] = _of_whole_order(line, orders[whole])
    return outcomes


def _of_answers(answers: Answers) -> Outcomes:
    return {
        id(line): line.refused(str(refusal)) if refusal else Outcome.DONE
        for line, refusal in answers
    }


def _of_shipped(
    line: GivenLine, shipped: shipped_lines.ShippedLine
) -> Outcome | Refused:
    where = (
        f"{shipped.file_name}, row {shipped.row_number}, on "
        f"{shipped.shipped_at:%Y-%m-%d}"
    )
    if line.name.file != shipped.file_digest:
        return line.refused(
            f"this equals a line of order {line.order.order} that has shipped from "
            f"another file: {where}. If it is that line, leave it out; if it is one "
            f"more, give it a name of its own in the column {LINE}"
        )
    if line.quantity.pieces == shipped.pieces:
        return Outcome.SKIPPED
    return line.refused(
        f"line {line.name.name} of order {line.order.order} has already shipped "
        f"{shipped.pieces} of {line.sku}, not {line.quantity.pieces}: {where}"
    )


def _of_whole_order(line: GivenLine, pieces: int) -> Refused:
    return line.refused(
        f"order {line.order.order} has already shipped {pieces} of {line.sku}, not as "
        f"a line of a file. If this is one more, give it a name in the column {LINE}"
    )
