"""A bus on which somebody lies, by seed: among what it carries, before and after."""

import itertools
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from shared_kernel.buses.port import Capabilities, Deliver, EventBus, Leave
from shared_kernel.events.envelope import Envelope, heartbeat
from shared_kernel.events.seal import sealed
from tests.databases import Databases

LIES = 4
"""So many before and after each message."""
KEY = "ab" * 32
LIE = b'{"sku":"FORGED","name":"forged","stock_count":999,"on_hand":999,"version":9}'

Thief = Callable[[str], str]
"""The key of a log, by its source: who has a copy of the database has that."""


def thief(databases: Databases) -> Thief:
    return lambda source: str(
        databases.rows(source, "SELECT key FROM log_identity")[0][0]
    )


@attrs.define(eq=False)
class Liar:
    """Makes lies of `envelope`, and of what it heard before."""

    chance: random.Random
    key_of: Thief
    _heard: dict[str, list[Envelope]] = attrs.field(factory=dict)
    _numbers: int = 0

    def lie(self, kind: str, envelope: Envelope) -> Envelope | None:
        """None where there is nothing yet of which that could be made."""
        return LIES_OF[kind](self, envelope)

    def hears(self, envelope: Envelope) -> None:
        if not envelope.is_heartbeat:
            self._heard.setdefault(envelope.source, []).append(envelope)

    def old(self, envelope: Envelope) -> Envelope | None:
        heard = self._heard.get(envelope.source)
        return self.chance.choice(heard) if heard else None

    def fresh(self) -> str:
        self._numbers += 1
        return f"forged-{self._numbers}"


def _altered(**change: Callable[[Envelope], Any]) -> "Lie":
    def lie(_: Liar, envelope: Envelope) -> Envelope:
        altered = {name: made(envelope) for name, made in change.items()}
        return attrs.evolve(envelope, **altered)

    return lie


def _invented(liar: Liar, envelope: Envelope, ahead: int = 1) -> Envelope:
    """The next event of the same log, as somebody would like it to be."""
    if envelope.is_heartbeat:
        return heartbeat(envelope.source, 10**9, envelope.time_us, envelope.log)
    return attrs.evolve(
        envelope,
        position=envelope.position + ahead,
        id=liar.fresh(),
        data=LIE,
        previous=envelope.id,
        key="FORGED",
    )


def _plain(liar: Liar, envelope: Envelope) -> Envelope:
    return attrs.evolve(_invented(liar, envelope), seal="", relay="", previous="")


def _by_another_key(liar: Liar, envelope: Envelope) -> Envelope:
    lie = _invented(liar, envelope, ahead=liar.chance.randint(0, 2))
    return sealed(lie, KEY, previous=envelope.id, relay=envelope.relay)


def _of_another_log(liar: Liar, envelope: Envelope) -> Envelope:
    lie = attrs.evolve(_invented(liar, envelope, ahead=0), log="another-log")
    return sealed(lie, KEY, previous=envelope.previous, relay="another-relay")


def _of_a_copy(liar: Liar, envelope: Envelope) -> Envelope:
    """It has the key, and is told from the original by its relay alone."""
    lie = _invented(liar, envelope, ahead=liar.chance.randint(0, 1))
    previous = envelope.previous if lie.position == envelope.position else envelope.id
    key = liar.key_of(envelope.source)
    return sealed(lie, key, previous=previous, relay="the-copy")


def _old_with_other_content(liar: Liar, envelope: Envelope) -> Envelope | None:
    old = liar.old(envelope)
    return old and attrs.evolve(old, data=LIE)


def _old_at_another_position(liar: Liar, envelope: Envelope) -> Envelope | None:
    old = liar.old(envelope)
    return old and attrs.evolve(old, position=envelope.position + 1)


def _old_once_more(liar: Liar, envelope: Envelope) -> Envelope | None:
    return liar.old(envelope)


def _of_the_future(liar: Liar, envelope: Envelope) -> Envelope:
    """A heartbeat, with the seal of what it was made of."""
    return attrs.evolve(
        heartbeat(envelope.source, 10**9, envelope.time_us, envelope.log),
        previous=envelope.previous,
        relay=envelope.relay,
        seal=envelope.seal,
    )


Lie = Callable[[Liar, Envelope], Envelope | None]
LIES_OF: Mapping[str, Lie] = {
    "payload": _altered(data=lambda _: LIE),
    "position": _altered(position=lambda e: e.position + 1),
    "id": _altered(id=lambda e: f"{e.id}x"),
    "type": _altered(
        type=lambda e: e.type if e.is_heartbeat else "product.discontinued"
    ),
    "key": _altered(key=lambda _: "FORGED"),
    "time": _altered(time_us=lambda e: e.time_us + 1),
    "trace": _altered(traceparent=lambda _: f"00-{'1' * 32}-{'2' * 16}-01"),
    "log": _altered(log=lambda _: "another-log"),
    "source": _altered(source=lambda _: "elsewhere"),
    "previous": _altered(previous=lambda _: "something-else"),
    "relay": _altered(relay=lambda _: "another-relay"),
    "seal": _altered(seal=lambda e: e.seal[::-1]),
    "no seal": _altered(seal=lambda _: "", data=lambda _: LIE),
    "plain": _plain,
    "by another key": _by_another_key,
    "of another log": _of_another_log,
    "of a copy": _of_a_copy,
    "old with other content": _old_with_other_content,
    "old at another position": _old_at_another_position,
    "old once more": _old_once_more,
    "of the future": _of_the_future,
}


class MaliciousBus:
    """Carries all that `bus` does, and lies of `kinds` besides.

    `remote`: it says that it reaches other processes, as a broker does.
    """

    def __init__(
        self,
        bus: EventBus,
        seed: int,
        key_of: Thief,
        *,
        kinds: Sequence[str] = tuple(LIES_OF),
        remote: bool = False,
    ) -> None:
        self.told: Counter[str] = Counter()
        self._bus = bus
        self._remote = remote
        chance = random.Random(seed)
        # Each in its turn, so that even a short life hears them all.
        self._kinds = itertools.cycle(chance.sample(kinds, len(kinds)))
        self._liar = Liar(chance, key_of)

    @property
    def capabilities(self) -> Capabilities:
        return attrs.evolve(self._bus.capabilities, between_processes=self._remote)

    def publish(self, batch: Sequence[Envelope]) -> None:
        carried: list[Envelope] = []
        for envelope in batch:
            carried += self._lies(envelope)
            carried.append(envelope)
            carried += self._lies(envelope)
            self._liar.hears(envelope)
        self._bus.publish(carried)

    def open(self) -> None:
        self._bus.open()

    def subscribe(self, pattern: str, group: str, deliver: Deliver) -> Leave:
        return self._bus.subscribe(pattern, group, deliver)

    def close(self) -> None:
        self._bus.close()

    def _lies(self, envelope: Envelope) -> list[Envelope]:
        lies = []
        for kind in itertools.islice(self._kinds, LIES):
            # The heartbeat of a copy stops the relay: that has tests of its own.
            if kind == "of a copy" and envelope.is_heartbeat:
                continue
            lie = self._liar.lie(kind, envelope)
            if lie is not None:
                self.told[kind] += 1
                lies.append(lie)
        return lies
