"""Inventory's JSON bodies of requests and responses. Quantities are whole pieces."""

from typing import Annotated

import attrs
import msgspec

from inventory.domain.value_objects import (
    LONGEST_COUNTED_BY,
    LONGEST_DELIVERY_NOTE,
    LONGEST_REASON,
    MOST_PIECES,
    Hold,
    StockLevel,
)
from shared_kernel.clock import rfc3339
from shared_kernel.domain import foreign_names
from shared_kernel.web.texts import one_line

MOST_HOLD_SECONDS = 366 * 24 * 3600

Pieces = Annotated[int, msgspec.Meta(ge=1, le=MOST_PIECES, examples=[2])]
APart = Annotated[int, msgspec.Meta(ge=1, le=MOST_PIECES, examples=[1])]
OneLine = Annotated[str, one_line(LONGEST_REASON, "yearly stocktake")]
PiecesOrNone = Annotated[int, msgspec.Meta(ge=0, le=MOST_PIECES, examples=[5])]


@attrs.frozen(kw_only=True)
class ReceiptBody:
    """`reference` is that of the delivery note, which is booked once for each SKU."""

    quantity: Pieces
    reference: (
        Annotated[
            str,
            msgspec.Meta(
                min_length=1,
                max_length=LONGEST_DELIVERY_NOTE,
                pattern=foreign_names.PATTERN,
                examples=["DN-2026/17"],
                description=f"1 to {LONGEST_DELIVERY_NOTE} visible characters",
            ),
        ]
        | None
    ) = None


@attrs.frozen(kw_only=True)
class CountBody:
    on_hand: PiecesOrNone
    reason: OneLine
    counted_by: Annotated[str, one_line(LONGEST_COUNTED_BY, "Ann")] | None = None


@attrs.frozen(kw_only=True)
class CorrectionBody:
    """So many pieces more, or fewer if it is negative, than the book says; not 0."""

    difference: Annotated[
        int,
        msgspec.Meta(
            ge=-MOST_PIECES,
            le=MOST_PIECES,
            examples=[-2],
            description=f"a whole number of pieces, not 0, from {-MOST_PIECES} to "
            f"{MOST_PIECES}",
            extra_json_schema={"not": {"const": 0}},
        ),
    ]
    reason: Annotated[
        str,
        one_line(LONGEST_REASON, "broken", "why, such as broken, lost or found: "),
    ]


@attrs.frozen(kw_only=True)
class ReservationBody:
    """Held for `hold_seconds`, or else as long as the service is set to.

    If the order holds pieces by now, `quantity` is what it shall hold in all, and the
    later end holds; without `hold_seconds` the end remains.
    """

    quantity: Pieces
    hold_seconds: (
        Annotated[int, msgspec.Meta(ge=1, le=MOST_HOLD_SECONDS, examples=[900])] | None
    ) = None


@attrs.frozen(kw_only=True)
class ShipmentBody:
    """Without `quantity`, or without a body, all that the order holds ships."""

    quantity: APart | None = None


@attrs.frozen(kw_only=True)
class ReturnBody:
    quantity: APart
    reason: OneLine | None = None


@attrs.frozen(kw_only=True)
class ReorderPointBody:
    pieces: PiecesOrNone


class LevelBody(msgspec.Struct, frozen=True, kw_only=True):
    """A stock item's numbers, exact as of `version`.

    `last_counted_on` is the moment of the last stocktake, null if there was none.
    """

    sku: str
    on_hand: int
    reserved: int
    available: int
    availability: str
    version: int
    last_counted_on: str | None


class HoldBody(LevelBody, frozen=True, kw_only=True):
    """What an order holds, and the level of the stock item.

    `until` is when the hold ends, null if the order holds nothing.
    """

    order: str
    held: int
    until: str | None
    shipped: int
    returned: int


class QuantityBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is available."""

    quantity: int


class QuantityOfBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is available of one of several stock items; null if it is not known."""

    id: str
    quantity: int | None


def level_to_body(level: StockLevel) -> LevelBody:
    return LevelBody(
        sku=level.sku.code,
        on_hand=level.on_hand,
        reserved=level.reserved,
        available=level.available,
        availability=level.availability.value,
        version=level.version,
        last_counted_on=None
        if level.last_counted is None
        else rfc3339(level.last_counted),
    )


def hold_to_body(hold: Hold) -> HoldBody:
    return HoldBody(
        **msgspec.structs.asdict(level_to_body(hold.level)),
        order=hold.order.code,
        held=hold.held,
        until=None if hold.until is None else rfc3339(hold.until),
        shipped=hold.shipped,
        returned=hold.returned,
    )
