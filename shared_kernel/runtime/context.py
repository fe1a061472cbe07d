"""What a bounded context says of itself, so that a process can be composed."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

import attrs

from shared_kernel.buses.patterns import matcher


class Relation(StrEnum):
    """How one context depends on another (Evans, Domain-Driven Design, part IV)."""

    PARTNERSHIP = "partnership"
    SHARED_KERNEL = "shared kernel"
    CUSTOMER_SUPPLIER = "customer–supplier"
    CONFORMIST = "conformist"
    ANTI_CORRUPTION_LAYER = "anti-corruption layer"
    OPEN_HOST_SERVICE = "open host service"
    PUBLISHED_LANGUAGE = "published language"
    SEPARATE_WAYS = "separate ways"


@attrs.frozen(kw_only=True)
class Follows:
    """A subscription: to whose events, and what it understands of them.

    `reads` has classes of the reader's own, each with the fields that are read, and the
    subjects (or patterns of them) of the events that are read as such. A context that
    follows its own events has no relations.
    """

    subscription: str
    source: str
    pattern: str
    relations: Sequence[Relation] = ()
    reads: Mapping[type, Sequence[str]] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Context:
    """Declared in its `bootstrap.py`.

    `services` are those that it can run, each in any process. `settings` is a class of
    its own settings (`runtime.setting`); the one named `address` says where a service
    is asked that runs elsewhere: the first of them, in this order. `published` has the
    class of each event by its subject; `accepts` are subjects of messages that others
    send. `reads_besides` is what is read of its own events outside any subscription.
    """

    name: str
    services: Sequence[str]
    settings: type
    address: str
    published: Mapping[str, type]
    accepts: Sequence[str] = ()
    follows: Sequence[Follows] = ()
    reads_besides: Mapping[type, Sequence[str]] = attrs.field(factory=dict)

    @property
    def subjects(self) -> list[str]:
        """Patterns of all that it publishes or accepts on a bus."""
        kinds = {subject.partition(".")[0]: None for subject in self.published}
        return [*(f"{kind}.>" for kind in kinds), *self.accepts]

    def reads(self) -> list[tuple[type, str, str]]:
        """Each class, the source of what is read as such, and a pattern of it."""
        read = [(self.name, self.reads_besides)]
        read += [(each.source, each.reads) for each in self.follows]
        return [
            (kind, source, pattern)
            for source, kinds in read
            for kind, patterns in kinds.items()
            for pattern in patterns
        ]

    def patterns_read(self) -> dict[type, list[str]]:
        found: dict[type, list[str]] = {}
        for kind, _, pattern in self.reads():
            found.setdefault(kind, []).append(pattern)
        return found


def published_as(contexts: Sequence[Context], source: str, pattern: str) -> list[str]:
    """The subjects of `source` that match."""
    matches = matcher(pattern)
    return [
        subject
        for context in contexts
        if context.name == source
        for subject in context.published
        if matches(subject)
    ]
