"""What a bounded context says of itself, so that a process can be composed."""

from collections.abc import Sequence

import attrs


@attrs.frozen(kw_only=True)
class Context:
    """Declared in its `bootstrap.py`.

    `services` are those that it can run, each in any process. `settings` is a class of
    its own settings (`runtime.setting`); the one named `address` says where a service
    is asked that runs elsewhere: the first of them, in this order. `publishes` are the
    subjects of its messages on a bus.
    """

    name: str
    services: Sequence[str]
    settings: type
    address: str
    publishes: Sequence[str]
