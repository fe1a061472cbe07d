"""Events that only a faulty program would record."""

import msgspec

from features.drivers.port import Json
from shared_kernel.clock import system_clock, to_us
from shared_kernel.events.entries import Entry
from shared_kernel.events.event_log import EventLog


def append(log: EventLog, type_: str, sku: str, data: Json) -> None:
    entry = Entry(type_, sku, msgspec.json.encode({"sku": sku, **data}), None)
    with log.database.writing() as connection:
        appended = log.append(connection, [entry], to_us(system_clock()))
    log.settle(appended)
