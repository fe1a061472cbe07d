"""Inventory's value objects, validated on creation: each raises InvalidValue."""

import unicodedata
from datetime import datetime
from enum import StrEnum

import attrs

from shared_kernel.domain import foreign_names
from shared_kernel.domain.errors import InvalidValue
from shared_kernel.domain.sku import Sku

MOST_PIECES = 10**9
LONGEST_REASON = 200
LONGEST_ORDER_REFERENCE = 80
LONGEST_DELIVERY_NOTE = 80
LONGEST_COUNTED_BY = 80
LONGEST_LINE_NAME = 80
_BEFORE_LINE = "  "
ROUTE_WORDS = foreign_names.RouteWords(
    after_names=(
        "corrections",
        "counts",
        "movements",
        "receipts",
        "reorder-point",
        "reservations",
        "returns",
        "shipment",
    )
)
"""The words of inventory's routes that no order has behind a `/` in its reference."""
LONGEST_ORDER_CODE = LONGEST_ORDER_REFERENCE + len(_BEFORE_LINE) + LONGEST_LINE_NAME
# Control characters, and halves of pairs, which no encoding can store.
_UNPRINTABLE = frozenset({"Cc", "Cs"})


def _check_pieces(field: str, pieces: int, least: int) -> None:
    # In Python a bool is an int, but it is no number of pieces.
    if type(pieces) is not int or not least <= pieces <= MOST_PIECES:
        raise InvalidValue(
            field=field,
            value=pieces,
            expected=f"a whole number of pieces from {least} to {MOST_PIECES}",
        )


@attrs.frozen
class Quantity:
    """1 to 1,000,000,000 whole sellable pieces; never cases or pallets."""

    pieces: int = attrs.field()

    @pieces.validator
    def _is_some(self, _: object, pieces: int) -> None:
        _check_pieces("quantity", pieces, 1)


@attrs.frozen
class Count:
    """0 to 1,000,000,000 whole sellable pieces, as found on the shelf."""

    pieces: int = attrs.field()

    @pieces.validator
    def _is_none_or_some(self, _: object, pieces: int) -> None:
        _check_pieces("count", pieces, 0)


@attrs.frozen
class ReorderPoint:
    """Stock is low at this many available pieces or fewer; with 0 it is never low."""

    pieces: int = attrs.field()

    @pieces.validator
    def _is_none_or_some(self, _: object, pieces: int) -> None:
        _check_pieces("reorder_point", pieces, 0)


@attrs.frozen
class OrderReference:
    """An order, by its owner's reference, or one line of it, by the line's name.

    Each is 1 to so many visible characters, as given (`foreign_names`). `code` is for
    storage and events: given names have single spaces, so two of them before the line's
    name make a code that no order can have.
    """

    order: str = attrs.field(converter=foreign_names.normalized, eq=False)
    line: str | None = attrs.field(default=None, eq=False)
    code: str = attrs.field(init=False, repr=False)

    @order.validator
    def _is_a_name(self, _: object, order: object) -> None:
        foreign_names.check("order", order, LONGEST_ORDER_REFERENCE)
        ROUTE_WORDS.check("order", self.order)

    @line.validator
    def _is_a_name_too(self, _: object, line: str | None) -> None:
        if line is not None:
            foreign_names.check("line", line, LONGEST_LINE_NAME)

    @code.default
    def _stored(self) -> str:
        if self.line is None:
            return self.order
        return f"{self.order}{_BEFORE_LINE}{self.line}"

    @classmethod
    def from_code(cls, code: str) -> "OrderReference":
        order, _, line = code.partition(_BEFORE_LINE)
        return cls(order, line or None)

    # A command looks it up in many places: attrs would make a tuple each time.
    def __hash__(self) -> int:
        return hash(self.code)

    def __str__(self) -> str:
        return self.code


@attrs.frozen
class DeliveryNote:
    """A delivery, by its sender's reference: 1 to 80 visible characters, as given.

    `foreign_names` has the rule.
    """

    code: str = attrs.field(converter=foreign_names.normalized)

    @code.validator
    def _is_a_name(self, _: object, code: object) -> None:
        foreign_names.check("reference", code, LONGEST_DELIVERY_NOTE)

    def __str__(self) -> str:
        return self.code


def _stripped(text: object) -> object:
    return text.strip() if isinstance(text, str) else text


def _check_line(field: str, text: object, most: int) -> None:
    if (
        not isinstance(text, str)
        or not 1 <= len(text) <= most
        or any(unicodedata.category(character) in _UNPRINTABLE for character in text)
    ):
        raise InvalidValue(
            field=field,
            value=text,
            expected=f"1 to {most} characters without control characters",
        )


@attrs.frozen
class Reason:
    """The reason for a count, a correction or a return: 1 to 200 characters."""

    text: str = attrs.field(converter=_stripped)

    @text.validator
    def _is_one_line(self, _: object, text: object) -> None:
        _check_line("reason", text, LONGEST_REASON)

    def __str__(self) -> str:
        return self.text


@attrs.frozen
class CountedBy:
    """Who counted: a name or number of 1 to 80 characters."""

    text: str = attrs.field(converter=_stripped)

    @text.validator
    def _is_one_line(self, _: object, text: object) -> None:
        _check_line("counted_by", text, LONGEST_COUNTED_BY)

    def __str__(self) -> str:
        return self.text


@attrs.frozen
class Difference:
    """Pieces more or, if negative, fewer than the book says; never none."""

    pieces: int = attrs.field()

    @pieces.validator
    def _is_not_none(self, _: object, pieces: int) -> None:
        if type(pieces) is not int or not 1 <= abs(pieces) <= MOST_PIECES:
            raise InvalidValue(
                field="difference",
                value=pieces,
                expected="a whole number of pieces, not 0, "
                f"from -{MOST_PIECES} to {MOST_PIECES}",
            )


@attrs.frozen
class Receipt:
    """Of one delivery note, `pieces` were received at the moment `received`."""

    pieces: int
    received: datetime


@attrs.frozen
class Reservation:
    """`pieces` are held until just before `until`, an aware datetime.

    The fact that they were placed is number `placed` of its stock item.
    """

    pieces: int
    until: datetime = attrs.field()
    placed: int

    @until.validator
    def _is_aware(self, _: object, until: datetime) -> None:
        if until.tzinfo is None:
            raise InvalidValue(
                field="until", value=until, expected="a moment with its time zone"
            )


@attrs.frozen
class Shipment:
    """Of one order, `pieces` have left the shelf, and `returned` of them came back.

    It is `complete` once nothing that the order held is left to ship. The latest of
    these facts is number `version` of its stock item.
    """

    pieces: int
    version: int
    returned: int = 0
    complete: bool = True

    @property
    def returnable(self) -> int:
        return self.pieces - self.returned


class Availability(StrEnum):
    """The availability of a stock item, as shown to shoppers."""

    IN_STOCK = "in_stock"
    LOW = "low"
    OUT_OF_STOCK = "out_of_stock"
    RETIRED = "retired"


@attrs.frozen(kw_only=True)
class StockLevel:
    """A stock item's numbers, in pieces, as of `version`.

    `last_counted` is None if nobody has counted it yet.
    """

    sku: Sku
    on_hand: int
    reserved: int
    available: int
    availability: Availability
    version: int
    last_counted: datetime | None = None


@attrs.frozen(kw_only=True)
class Hold:
    """What `order` holds of a stock item, and has shipped and returned, in pieces.

    `until` is None if it holds nothing. `level` is that of the stock item.
    """

    order: OrderReference
    held: int
    until: datetime | None
    shipped: int
    returned: int
    level: StockLevel
