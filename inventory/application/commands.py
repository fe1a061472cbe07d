"""Inventory's commands.

`expected_version` is the version the caller decided on, or whatever else it expects:
otherwise the command is refused with StaleVersion or PreconditionFailed. None skips the
check.
"""

from datetime import datetime

import attrs

from inventory.domain.value_objects import (
    Count,
    CountedBy,
    DeliveryNote,
    Difference,
    OrderReference,
    Quantity,
    Reason,
    ReorderPoint,
)
from shared_kernel.domain.expectation import Expectation
from shared_kernel.domain.sku import Sku


@attrs.frozen(kw_only=True)
class OpenStock:
    sku: Sku
    on_hand: Count


@attrs.frozen(kw_only=True)
class ReceiveStock:
    sku: Sku
    quantity: Quantity
    at: datetime
    reference: DeliveryNote | None = None
    expected_version: int | Expectation | None = None


@attrs.frozen(kw_only=True)
class CountStock:
    sku: Sku
    counted: Count
    reason: Reason
    at: datetime
    counted_by: CountedBy | None = None
    expected_version: int | Expectation | None = None


@attrs.frozen(kw_only=True)
class CorrectStock:
    sku: Sku
    difference: Difference
    reason: Reason
    expected_version: int | Expectation | None = None


@attrs.frozen(kw_only=True)
class ReserveStock:
    sku: Sku
    order: OrderReference
    quantity: Quantity
    at: datetime
    until: datetime
    lengthens: bool = True
    """Whether `until` is also for what the order holds already."""
    expected_version: int | Expectation | None = None


@attrs.frozen(kw_only=True)
class ReleaseStock:
    sku: Sku
    order: OrderReference
    at: datetime
    expected_version: int | Expectation | None = None


@attrs.frozen(kw_only=True)
class ShipStock:
    """Without a quantity, all that the order holds."""

    sku: Sku
    order: OrderReference
    at: datetime
    quantity: Quantity | None = None
    expected_version: int | Expectation | None = None


@attrs.frozen(kw_only=True)
class TakeBackStock:
    sku: Sku
    order: OrderReference
    quantity: Quantity
    reason: Reason | None = None
    expected_version: int | Expectation | None = None


@attrs.frozen(kw_only=True)
class SetReorderPoint:
    sku: Sku
    reorder_point: ReorderPoint
    expected_version: int | Expectation | None = None


@attrs.frozen(kw_only=True)
class RetireStock:
    sku: Sku


@attrs.frozen(kw_only=True)
class ReopenStock:
    sku: Sku


@attrs.frozen(kw_only=True)
class ExpireReservations:
    """At most `limit` reservations that have ended by `now`."""

    now: datetime
    limit: int
