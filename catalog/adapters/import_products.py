"""Registers the products of a file: rows to commands, refusals to reasons."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs
from sqlalchemy.engine import Connection

from catalog.adapters.services import CommandServices, SqlCatalogUnitOfWork
from catalog.application.commands import RegisterProduct
from catalog.application.handlers import register_product
from catalog.domain.errors import SkuAlreadyRegistered
from catalog.domain.value_objects import (
    Description,
    OpeningStock,
    Price,
    ProductName,
)
from shared_kernel.domain.errors import DomainError, InvalidValue
from shared_kernel.domain.sku import Sku
from shared_kernel.events.writer import Writer
from shared_kernel.files.row_file import Columns, Row
from shared_kernel.files.run import Outcome, Refused
from shared_kernel.files.values import in_columns, text, whole_number

COLUMNS = Columns(
    required=("sku", "name"),
    optional=("price_minor_units", "price_currency", "stock_count", "description"),
)


@attrs.frozen
class ImportProducts:
    """Skips a product that is registered unchanged: so a file can be imported again.

    The opening stock is not compared; the catalog only passes it on.
    """

    services: CommandServices
    columns: Columns = COLUMNS
    subject: str = "sku"
    done: str = "registered"

    def apply(self, rows: Sequence[Row]) -> list[Outcome | Refused]:
        return register_rows(self.services.writer, rows)

    def wait_until_visible(self, timeout_s: float) -> None:
        log = self.services.log
        self.services.listing.wait_for({log.source: log.head()}, timeout_s)


def register_rows(
    writer: Writer[SqlCatalogUnitOfWork],
    rows: Sequence[Row],
    record: Callable[[Connection, Sequence[Outcome | Refused]], None] | None = None,
) -> list[Outcome | Refused]:
    """Register the products of `rows` in one commit; return an outcome for each.

    `record` may write the outcomes in the same transaction, or raise to undo it.
    """
    read = [command_from(row) for row in rows]
    commands = [each for each in read if isinstance(each, RegisterProduct)]

    def outcomes(answers: Sequence[object]) -> list[Outcome | Refused]:
        remaining = iter(answers)
        return [
            each if isinstance(each, Refused) else _outcome(row, next(remaining))
            for row, each in zip(rows, read, strict=True)
        ]

    if record is None:
        return outcomes(writer.execute_all(register_product, commands))
    recording = record
    return outcomes(
        writer.execute_all(
            register_product,
            commands,
            lambda connection, errors: recording(connection, outcomes(errors)),
        )
    )


def _outcome(row: Row, answer: object) -> Outcome | Refused:
    if isinstance(answer, SkuAlreadyRegistered) and answer.as_given:
        return Outcome.SKIPPED
    if isinstance(answer, DomainError):
        return Refused(str(answer), row)
    return Outcome.DONE


def command_from(row: Row) -> RegisterProduct | Refused:
    """The command, or all faults of the row at once, by column."""
    if row.fault:
        return Refused(row.fault, row)
    values = row.values
    try:
        return RegisterProduct(
            sku=_sku(values),
            name=_name(values),
            description=_description(values),
            price=_price(values),
            opening_stock=_opening_stock(values),
        )
    except InvalidValue:
        return Refused("; ".join(_faults(values)), row)


def _sku(values: Mapping[str, Any]) -> Sku:
    return Sku(text(values, "sku"))


def _name(values: Mapping[str, Any]) -> ProductName:
    return ProductName(text(values, "name"))


def _description(values: Mapping[str, Any]) -> Description | None:
    given = text(values, "description")
    return Description(given) if given else None


def _price(values: Mapping[str, Any]) -> Price | None:
    """Amount and currency, or neither."""
    minor_units = whole_number(values, "price_minor_units")
    currency = text(values, "price_currency")
    if minor_units is None and not currency:
        return None
    return Price(minor_units, currency)


def _opening_stock(values: Mapping[str, Any]) -> OpeningStock:
    """0 pieces by default."""
    pieces = whole_number(values, "stock_count")
    return OpeningStock(0 if pieces is None else pieces)


def _faults(values: Mapping[str, Any]) -> Iterator[str]:
    for part in (_sku, _name, _description, _price, _opening_stock):
        try:
            part(values)
        except InvalidValue as fault:
            yield in_columns(fault)
