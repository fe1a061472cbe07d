"""A bus with false messages, by seed, before and after each true one.

Invented values contain `MARK`, in capitals or not.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from shared_kernel.buses.broker import BrokerState
from shared_kernel.buses.envelope import Envelope, heartbeat
from shared_kernel.buses.port import Capabilities, Deliver, EventBus, Leave
from shared_kernel.events.seal import sealed
from tests.databases import Databases

LIES = 4
"""How many false messages there are before and after each true one."""
MARK = "forged"
KEY = "ab" * 32
FAR = 10**9
OTHER, KEY_OF_NOBODY = f"{MARK}-other", "FORGED"
LIE = b'{"sku":"FORGED","name":"forged","stock_count":999,"on_hand":999,"version":9}'

IMPOSSIBLE = (-1, 0, 2**63, 2**70)
"""Positions that no event has, and that no database can store."""
Thief = Callable[[str], str]
"""Returns the key of a log by its source: a copy of the database contains it."""


def thief(databases: Databases) -> Thief:
    return lambda source: str(
        databases.rows(source, "SELECT key FROM log_identity")[0][0]
    )


@attrs.define(eq=False)
class Liar:
    """Makes false messages from `envelope`, and from those observed before."""

    chance: random.Random
    key_of: Thief
    _observed: dict[str, list[Envelope]] = attrs.field(factory=dict)
    _numbers: int = 0

    def lie(self, kind: str, envelope: Envelope) -> Envelope | None:
        """None if there is no earlier message yet to make it from."""
        return LIES_OF[kind](self, envelope)

    def observe(self, envelope: Envelope) -> None:
        if not envelope.is_heartbeat:
            self._observed.setdefault(envelope.source, []).append(envelope)

    def old(self, envelope: Envelope) -> Envelope | None:
        observed = self._observed.get(envelope.source)
        return self.chance.choice(observed) if observed else None

    def fresh(self) -> str:
        self._numbers += 1
        return f"{MARK}-{self._numbers}"


def _altered(**change: Callable[[Envelope], Any]) -> "Lie":
    def lie(_: Liar, envelope: Envelope) -> Envelope:
        altered = {name: made(envelope) for name, made in change.items()}
        return attrs.evolve(envelope, **altered)

    return lie


def _invented(liar: Liar, envelope: Envelope, ahead: int = 1) -> Envelope:
    """An invented next event of the same log."""
    if envelope.is_heartbeat:
        return heartbeat(envelope.source, FAR, envelope.time_us, envelope.log)
    return attrs.evolve(
        envelope,
        position=envelope.position + ahead,
        id=liar.fresh(),
        data=LIE,
        previous=envelope.id,
        key=KEY_OF_NOBODY,
    )


def _plain(liar: Liar, envelope: Envelope) -> Envelope:
    return attrs.evolve(_invented(liar, envelope), seal="", relay="", previous="")


def _by_another_key(liar: Liar, envelope: Envelope) -> Envelope:
    lie = _invented(liar, envelope, ahead=liar.chance.randint(0, 2))
    return sealed(lie, KEY, previous=envelope.id, relay=envelope.relay)


def _of_another_log(liar: Liar, envelope: Envelope) -> Envelope:
    lie = attrs.evolve(_invented(liar, envelope, ahead=0), log=OTHER)
    return sealed(lie, KEY, previous=envelope.previous, relay=OTHER)


def _of_a_copy(liar: Liar, envelope: Envelope) -> Envelope | None:
    """It has the key, and differs from the original only by its relay.

    Not its heartbeats: they stop the relay, which has tests of its own.
    """
    return None if envelope.is_heartbeat else _with_the_key(liar, envelope, OTHER)


def _of_a_copy_with_the_same_id(liar: Liar, envelope: Envelope) -> Envelope | None:
    if envelope.is_heartbeat:
        return None
    lie = attrs.evolve(envelope, data=LIE, key=KEY_OF_NOBODY)
    key = liar.key_of(envelope.source)
    return sealed(lie, key, previous=envelope.previous, relay=OTHER)


def _by_the_key(liar: Liar, envelope: Envelope) -> Envelope:
    """Only a comparison with the log can detect this."""
    return _with_the_key(liar, envelope, envelope.relay)


def _with_the_key(liar: Liar, envelope: Envelope, relay: str) -> Envelope:
    lie = _invented(liar, envelope, ahead=liar.chance.randint(0, 1))
    previous = envelope.previous if lie.position == envelope.position else envelope.id
    key = liar.key_of(envelope.source)
    return sealed(lie, key, previous=previous, relay=relay)


def _old_with_other_content(liar: Liar, envelope: Envelope) -> Envelope | None:
    old = liar.old(envelope)
    return old and attrs.evolve(old, data=LIE)


def _old_at_another_position(liar: Liar, envelope: Envelope) -> Envelope | None:
    old = liar.old(envelope)
    return old and attrs.evolve(old, position=envelope.position + 1)


def _old_once_more(liar: Liar, envelope: Envelope) -> Envelope | None:
    return liar.old(envelope)


def _of_the_future(liar: Liar, envelope: Envelope) -> Envelope:
    """A heartbeat, with the seal of the message that it was made from."""
    return attrs.evolve(
        heartbeat(envelope.source, FAR, envelope.time_us, envelope.log),
        previous=envelope.previous,
        relay=envelope.relay,
        seal=envelope.seal,
    )


def _of_another_type(_: Liar, envelope: Envelope) -> Envelope:
    """A heartbeat becomes an event, an event another one."""
    types = ("product.discontinued", "product.relisted")
    return attrs.evolve(envelope, type=types[envelope.type == types[0]])


def _at_an_impossible_position(liar: Liar, envelope: Envelope) -> Envelope:
    return attrs.evolve(envelope, position=liar.chance.choice(IMPOSSIBLE))


Lie = Callable[[Liar, Envelope], Envelope | None]
LIES_OF: Mapping[str, Lie] = {
    "payload": _altered(data=lambda _: LIE),
    "position": _altered(position=lambda e: e.position + 1),
    "impossible position": _at_an_impossible_position,
    "id": _altered(id=lambda e: f"{MARK}-{e.id}"),
    "impossible id": _altered(id=lambda _: f"{MARK}-\ud800"),
    "type": _of_another_type,
    "key": _altered(key=lambda _: KEY_OF_NOBODY),
    "time": _altered(time_us=lambda e: e.time_us + 1),
    "trace": _altered(traceparent=lambda _: f"00-{'1' * 32}-{'2' * 16}-01"),
    "log": _altered(log=lambda _: OTHER),
    "source": _altered(source=lambda _: OTHER),
    "no source": _altered(source=lambda _: ""),
    "previous": _altered(previous=lambda _: OTHER),
    "relay": _altered(relay=lambda _: OTHER),
    "seal": _altered(seal=lambda e: e.seal[::-1]),
    "no seal": _altered(seal=lambda _: "", data=lambda _: LIE),
    "plain": _plain,
    "by another key": _by_another_key,
    "of another log": _of_another_log,
    "of a copy": _of_a_copy,
    "of a copy with the same id": _of_a_copy_with_the_same_id,
    "old with other content": _old_with_other_content,
    "old at another position": _old_at_another_position,
    "old once more": _old_once_more,
    "of the future": _of_the_future,
    "by the key": _by_the_key,
}
ONLY_THE_LOG_TELLS = {"by the key"}
"""Readers in the log's process detect these; readers with only the keys do not."""


def kinds_sent(*, remote: bool) -> list[str]:
    return [kind for kind in LIES_OF if remote or kind not in ONLY_THE_LOG_TELLS]


class MaliciousBus:
    """Adds false messages of `kinds` to what `bus` carries, and counts them in `sent`.

    `remote`: it declares that it reaches other processes, like a broker. So readers in
    the log's process confirm every event, and also get messages forged with the key.
    """

    def __init__(
        self,
        bus: EventBus,
        seed: int,
        key_of: Thief,
        *,
        kinds: Iterable[str] | None = None,
        remote: bool = False,
    ) -> None:
        self.sent: Counter[str] = Counter()
        self._bus = bus
        self._remote = remote
        chance = random.Random(seed)
        # Each kind in turn, so that even a short run has them all.
        self._kinds = list(kinds_sent(remote=remote) if kinds is None else kinds)
        chance.shuffle(self._kinds)
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
            self._liar.observe(envelope)
        self._bus.publish(carried)

    def broker(self) -> BrokerState:
        return self._bus.broker()

    def open(self) -> None:
        self._bus.open()

    def subscribe(self, pattern: str, group: str, deliver: Deliver) -> Leave:
        return self._bus.subscribe(pattern, group, deliver)

    def close(self) -> None:
        self._bus.close()

    def _lies(self, envelope: Envelope) -> list[Envelope]:
        lies = (self._next_lie(envelope) for _ in range(LIES))
        return [lie for lie in lies if lie is not None]

    def _next_lie(self, envelope: Envelope) -> Envelope | None:
        for kind in self._kinds:
            lie = self._liar.lie(kind, envelope)
            if lie is not None:
                self._kinds.remove(kind)
                self._kinds.append(kind)
                self.sent[kind] += 1
                return lie
        return None
